/* SPDX-License-Identifier: Apache-2.0 */
#include "store/etcd/facts.h"

#include "store/etcd/state.h"

void etcd_facts_note(struct etcd_client *client, const Etcdserverpb__ResponseHeader *header) {
    struct etcd_facts *facts = client->config.facts;

    if (facts == NULL) {
        return;
    }
    if (header->cluster_id != 0) {
        atomic_store_explicit(&facts->cluster_id, header->cluster_id, memory_order_relaxed);
    }
    if (header->member_id != 0) {
        atomic_store_explicit(&facts->member_id, header->member_id, memory_order_relaxed);
    }
    if (header->raft_term > atomic_load_explicit(&facts->term, memory_order_relaxed)) {
        atomic_store_explicit(&facts->term, header->raft_term, memory_order_relaxed);
    }
}

/* Authentication is enabled. What was sent before and is answered later proves nothing any more. */
static void close_it(struct etcd_client *client) {
    client->closed_ns = client->now_ns;
    if (client->config.facts != NULL) {
        atomic_store(&client->config.facts->open_ns, INT64_MIN);
    }
}

static void open_it(struct etcd_client *client, int64_t sent_ns) {
    struct etcd_facts *facts = client->config.facts;

    if (facts != NULL && sent_ns > client->closed_ns &&
        sent_ns > atomic_load_explicit(&facts->open_ns, memory_order_relaxed)) {
        atomic_store(&facts->open_ns, sent_ns);
    }
}

/* Whether it was asked in nobody's name: with a certificate, a member may have taken it for a user's. */
static bool is_nobodys(const struct etcd_client *client, bool has_token, bool is_nameless) {
    return !has_token && (is_nameless || !client->config.has_certificate);
}

static bool is_linearizable(const struct etcd_ask *ask) {
    return ask->method->id == ETCD_METHOD_KV_RANGE &&
           !((const Etcdserverpb__RangeRequest *)(const void *)ask->request)->serializable;
}

static bool is_enabling(const struct etcd_ask *ask) {
    return ask->method->id == ETCD_METHOD_AUTHENTICATE || ask->method->id == ETCD_METHOD_AUTH_ENABLE;
}

void etcd_facts_judge(const struct etcd_ask_state *state, struct etcd_outcome outcome) {
    const struct etcd_ask *ask = state->ask;
    bool is_good = outcome.status == STORE_OK;

    if (outcome.error == ETCD_ERROR_USER_EMPTY || (is_good && is_enabling(ask))) {
        close_it(state->client);
    } else if (is_good && is_nobodys(state->client, state->has_token, state->is_nameless) && is_linearizable(ask)) {
        open_it(state->client, state->sent_ns);
    }
}

void etcd_facts_judge_probe(const struct etcd_question *question, struct etcd_client *client,
                            struct etcd_outcome outcome) {
    if (outcome.error == ETCD_ERROR_USER_EMPTY) {
        close_it(client);
    } else if (outcome.status == STORE_OK && is_nobodys(client, question->has_token, false)) {
        open_it(client, question->sent_ns);
    }
}
