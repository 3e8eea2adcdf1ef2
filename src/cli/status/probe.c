/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "cli/subcommand.h"

enum {
    WHY_BYTES = 2048,
    FAILURES_ENOUGH = 3,
    LOOK_EVERY_NS = 20 * CLOCK_NS_PER_MS,
};

static struct traced_rpc *traced_of(struct probe *p, const struct etcd_ask *ask) {
    return ask == &p->status ? &p->status_traced : &p->list_traced;
}

static void on_done(struct etcd_ask *ask) {
    struct probe *p = ask->owner;

    traced_rpc_end(traced_of(p, ask), ask);
    p->waiting--;
    if (--p->round->waiting == 0) {
        loop_stop(p->round->loop);
    }
}

/* The client would try until the time is over. Who has failed as often as this is not waited for. */
static bool is_hopeless(const struct probe *p) {
    struct etcd_client *client = etcd_driver_client(p->driver);
    struct etcd_member member = {.failures = 0};

    if (etcd_client_member_count(client) > 0) {
        etcd_client_member(client, 0, &member);
    }
    return member.failures >= FAILURES_ENOUGH;
}

static void give_up(struct probe *p, struct etcd_ask *ask) {
    if (ask->state != NULL) {
        etcd_client_forget(etcd_driver_client(p->driver), ask);
        ask->status = STORE_UNAVAILABLE;
        on_done(ask);
    }
}

static void look_after(void *ctx) {
    struct round *round = ctx;

    for (size_t i = 0; i < round->count; i++) {
        struct probe *p = &round->probes[i];

        if (p->waiting > 0 && is_hopeless(p)) {
            give_up(p, &p->status);
            give_up(p, &p->list);
        }
    }
}

static void ask_one(struct probe *p, struct etcd_ask *ask, enum etcd_method_id method,
                    const ProtobufCMessage *request) {
    etcd_ask_init(ask);
    ask->method = etcd_method_get(method);
    ask->request = request;
    ask->repeat = ETCD_REPEAT;
    ask->member = ETCD_ANY_MEMBER;
    ask->deadline_ns = clock_monotonic_ns() + p->round->question->timeout_ns;
    ask->done = on_done;
    ask->owner = p;
    p->waiting++;
    p->round->waiting++;
    traced_rpc_begin(traced_of(p, ask), &p->endpoint.address, ask);
    etcd_client_ask(etcd_driver_client(p->driver), ask);
}

static void client_config(const struct probe *p, struct etcd_client_config *ret_config) {
    const struct cluster_question *question = p->round->question;
    const char *colon = question->user == NULL ? NULL : strchr(question->user, ':');

    etcd_client_config_init(ret_config);
    ret_config->endpoints = &p->endpoint;
    ret_config->endpoint_count = 1;
    ret_config->follow_members = false;
    ret_config->seed = random_os_seed();
    ret_config->dial_timeout_ns = question->timeout_ns;
    ret_config->attempt_timeout_ns = question->timeout_ns;
    if (colon != NULL) {
        ret_config->user = slice_make(question->user, (size_t)(colon - question->user));
        ret_config->password = slice_from_string(colon + 1);
    }
}

int round_ask(struct round *round, const struct etcd_endpoint *endpoint) {
    struct probe *p = &round->probes[round->count];
    struct etcd_client_config config;
    struct buf why;

    *p = (struct probe){.round = round,
                        .endpoint = *endpoint,
                        .status_request = ETCDSERVERPB__STATUS_REQUEST__INIT,
                        .list_request = ETCDSERVERPB__MEMBER_LIST_REQUEST__INIT};
    client_config(p, &config);
    buf_init(&why, WHY_BYTES);
    p->driver = etcd_driver_new(round->loop, &config, &round->question->tls, &why);
    if (p->driver == NULL) {
        fprintf(stderr, "%s: %.*s\n", round->question->program, (int)why.size, why.data);
        buf_fini(&why);
        return EXIT_CODE_USAGE;
    }
    buf_fini(&why);
    round->count++;
    ask_one(p, &p->status, ETCD_METHOD_STATUS, &p->status_request.base);
    ask_one(p, &p->list, ETCD_METHOD_MEMBER_LIST, &p->list_request.base);
    return EXIT_CODE_OK;
}

void round_wait(struct round *round) {
    timer_start(round->timer, LOOK_EVERY_NS, LOOK_EVERY_NS);
    while (round->waiting > 0) {
        loop_run(round->loop);
    }
    timer_stop(round->timer);
}

struct round *round_new(const struct cluster_question *question) {
    struct round *round = calloc(1, sizeof(*round));

    if (round == NULL) {
        return NULL;
    }
    round->question = question;
    round->loop = loop_new();
    round->timer = round->loop == NULL ? NULL : timer_new(round->loop, look_after, round);
    if (round->timer == NULL) {
        round_free(round);
        return NULL;
    }
    return round;
}

void round_free(struct round *round) {
    if (round == NULL) {
        return;
    }
    for (size_t i = 0; i < round->count; i++) {
        struct probe *p = &round->probes[i];

        etcd_driver_free(p->driver);
        etcd_ask_fini(&p->status);
        etcd_ask_fini(&p->list);
    }
    timer_free(round->timer);
    if (round->loop != NULL) {
        loop_free(round->loop);
    }
    free(round);
}

const Etcdserverpb__StatusResponse *probe_status(const struct probe *p) {
    const Etcdserverpb__StatusResponse *response = (const Etcdserverpb__StatusResponse *)p->status.response;

    return p->status.status == STORE_OK && response->header != NULL ? response : NULL;
}

const Etcdserverpb__MemberListResponse *probe_list(const struct probe *p) {
    const Etcdserverpb__MemberListResponse *response = (const Etcdserverpb__MemberListResponse *)p->list.response;

    return p->list.status == STORE_OK && response->header != NULL ? response : NULL;
}
