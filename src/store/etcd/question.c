/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "proto/etcd/rpc.pb-c.h"
#include "store/etcd/state.h"

enum { ANSWER_MAX = 4 << 20 /* bytes of an answer, unpacked */ };

static const enum etcd_method_id methods[ETCD_QUESTIONS] = {
    [ETCD_QUESTION_STATUS] = ETCD_METHOD_STATUS,
    [ETCD_QUESTION_MEMBERS] = ETCD_METHOD_MEMBER_LIST,
    [ETCD_QUESTION_PROBE] = ETCD_METHOD_KV_RANGE,
};

bool etcd_answer_is_ours(struct etcd_client *client, struct etcd_member_state *member,
                         const ProtobufCMessage *message) {
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(message->descriptor, 1);
    const Etcdserverpb__ResponseHeader *header;

    if (field == NULL || field->descriptor != &etcdserverpb__response_header__descriptor) {
        return true;
    }
    header = *(Etcdserverpb__ResponseHeader *const *)(const void *)((const char *)message + field->offset);
    if (header == NULL) {
        return true;
    }
    if (header->cluster_id != 0 && client->cluster_id == 0) {
        client->cluster_id = header->cluster_id;
    }
    if (header->cluster_id != 0 && header->cluster_id != client->cluster_id) {
        return false;
    }
    etcd_facts_note(client, header);
    if (header->revision > client->revision) {
        client->revision = header->revision;
    }
    if (member != NULL && header->revision > member->seen.revision) {
        member->seen.revision = header->revision;
    }
    return true;
}

static void distrust(struct etcd_link *link, const char *why) {
    struct etcd_member_state *member = link->member;

    etcd_link_kill(link);
    if (member == NULL) {
        return;
    }
    for (unsigned i = 0; i < ETCD_PURPOSES; i++) {
        member->links[i] = member->links[i] == link ? NULL : member->links[i];
        member->successors[i] = member->successors[i] == link ? NULL : member->successors[i];
    }
    etcd_member_fail(link->client, member, ETCD_FAILURE_FOREIGN, slice_from_string(why));
}

void etcd_answer_is_foreign(struct etcd_link *link) {
    char why[ETCD_MEMBER_TEXT_MAX];

    (void)snprintf(why, sizeof(why), "it belongs to another cluster than %016llx, the one first met here",
                   (unsigned long long)link->client->cluster_id);
    distrust(link, why);
}

/* Whoever it was before, a later term knows better. */
static void name_leader(struct etcd_client *client, uint64_t id) {
    for (size_t i = 0; i < client->member_count; i++) {
        client->members[i]->seen.leader = id != 0 && client->members[i]->seen.id == id;
    }
}

static void take_status(struct etcd_link *link, const Etcdserverpb__StatusResponse *status) {
    struct etcd_client *client = link->client;
    struct etcd_member *seen = &link->member->seen;
    bool was_learner = seen->learner;

    if (status->header != NULL) {
        seen->id = status->header->member_id;
    }
    if (status->raftterm >= client->term) {
        client->term = status->raftterm;
        name_leader(client, status->leader);
    }
    seen->learner = status->islearner != 0;
    seen->db_bytes = status->dbsize;
    etcd_member_copy_text(seen->version, sizeof(seen->version), status->version);
    if (link->phase == ETCD_LINK_CHECKING) {
        etcd_member_ready(client, link);
    }
    client->must_tend |= was_learner;
    if (seen->learner) {
        (void)snprintf(seen->trouble, sizeof(seen->trouble), "it is a learner, which serves nobody");
        seen->next_try_ns = client->now_ns + etcd_client_jitter(client, client->config.backoff_max_ns);
        etcd_client_wake_by(client, seen->next_try_ns);
        client->must_tend = true;
    } else if (status->leader == 0) {
        etcd_member_fail(client, link->member, ETCD_FAILURE_LEADERLESS, SLICE("it has no leader"));
    }
}

static void take_answer(struct etcd_link *link, enum etcd_question_kind kind, const ProtobufCMessage *answer) {
    if (kind == ETCD_QUESTION_STATUS) {
        take_status(link, (const void *)answer);
    } else if (kind == ETCD_QUESTION_MEMBERS) {
        etcd_refresh_members(link->client, answer);
    }
}

static void on_message(struct etcd_call *call, struct slice bytes) {
    struct etcd_question *question = (struct etcd_question *)(void *)call;
    struct etcd_link *link = call->link;
    const ProtobufCMessage *answer;
    struct arena arena;

    if (link->member == NULL || link->phase == ETCD_LINK_DEAD || question->is_answered) {
        return;
    }
    question->is_answered = true;
    arena_init(&arena, ANSWER_MAX);
    answer = etcd_message_unpack(etcd_method_get(methods[question->kind])->response, bytes, &arena);
    if (answer == NULL) {
        distrust(link, "its answer cannot be read: it is not etcd's");
    } else if (!etcd_answer_is_ours(link->client, link->member, answer)) {
        etcd_answer_is_foreign(link);
    } else {
        take_answer(link, question->kind, answer);
    }
    arena_fini(&arena);
}

/* A status that is refused for want of a right, in etcd's words, shows that it is etcd. */
static void after_status(struct etcd_link *link, struct etcd_outcome outcome, struct slice text) {
    char why[ETCD_MEMBER_TEXT_MAX];

    if (link->phase != ETCD_LINK_CHECKING) {
        return;
    }
    (void)snprintf(why, sizeof(why), "it does not say its status: %.*s", (int)text.size, text.data);
    if (outcome.status == STORE_DENIED && outcome.error != ETCD_OK) {
        etcd_member_ready(link->client, link);
    } else if (outcome.verdict == ETCD_VERDICT_ANSWERED || outcome.status == STORE_PROTOCOL) {
        distrust(link, why);
    } else {
        etcd_link_lose(link, why);
    }
}

static void after_probe(struct etcd_link *link, struct etcd_outcome outcome, struct slice text) {
    bool is_election = outcome.error == ETCD_ERROR_NO_LEADER || outcome.error == ETCD_ERROR_LEADER_CHANGED;

    if (outcome.verdict == ETCD_VERDICT_UNTOUCHED && !grpc_client_is_open(link->grpc)) {
        link->client->must_tend = true; /* GOAWAY came first: the next connection is asked */
    } else if (outcome.verdict == ETCD_VERDICT_ANSWERED || outcome.verdict == ETCD_VERDICT_LOGIN) {
        etcd_member_prove(link->client, link->member, link->questions[ETCD_QUESTION_PROBE].sent_ns);
    } else {
        etcd_member_fail(link->client, link->member, is_election ? ETCD_FAILURE_LEADERLESS : ETCD_FAILURE_SILENCE,
                         text);
    }
}

static void on_close(struct etcd_call *call, struct etcd_link *link, const struct grpc_end *end) {
    const struct etcd_question *question = (const struct etcd_question *)(const void *)call;
    struct etcd_outcome outcome = etcd_outcome(end->status, end->text, end->untouched);

    if (link->member == NULL || link->phase == ETCD_LINK_DEAD) {
        return;
    }
    if (question->kind == ETCD_QUESTION_STATUS) {
        after_status(link, outcome, end->text);
    } else if (question->kind == ETCD_QUESTION_PROBE) {
        etcd_facts_judge_probe(question, link->client, outcome);
        after_probe(link, outcome, end->text);
    }
}

static const struct etcd_call_ops ops = {.on_message = on_message, .on_close = on_close};

/* A key that no one has: only that it is answered matters. */
static struct slice request_of(enum etcd_question_kind kind) {
    return kind == ETCD_QUESTION_PROBE ? SLICE("\x0a\x06health\x48\x01") : SLICE("");
}

void etcd_question_ask(struct etcd_link *link, enum etcd_question_kind kind, int64_t timeout_ns) {
    struct etcd_client *client = link->client;
    struct etcd_question *question = &link->questions[kind];
    struct grpc_call_options options = {.token = etcd_login_token(client), .has_leader = kind == ETCD_QUESTION_PROBE};
    struct slice request = request_of(kind);
    char *at;

    if (question->call.link != NULL) {
        return;
    }
    *question = (struct etcd_question){
        .kind = kind,
        .call.ops = &ops,
        .sent_ns = client->now_ns,
        .due_ns = client->now_ns + timeout_ns,
        .has_token = options.token.size > 0,
    };
    if (!etcd_call_begin(&question->call, link, etcd_method_get(methods[kind])->path, &options)) {
        return;
    }
    at = grpc_call_message(question->call.call, request.size);
    if (at == NULL) {
        etcd_call_drop(&question->call);
        return;
    }
    if (request.size > 0) {
        memcpy(at, request.data, request.size);
    }
    grpc_call_end_sending(question->call.call);
    etcd_client_wake_by(client, question->due_ns);
}

void etcd_question_expire(struct etcd_link *link, enum etcd_question_kind kind) {
    struct etcd_question *question = &link->questions[kind];

    etcd_call_drop(&question->call);
    if (kind == ETCD_QUESTION_STATUS && link->phase == ETCD_LINK_CHECKING) {
        etcd_link_lose(link, "it does not say its status in time");
    } else if (kind == ETCD_QUESTION_PROBE && link->member != NULL) {
        etcd_member_fail(link->client, link->member, ETCD_FAILURE_SILENCE, SLICE("it does not answer a read in time"));
    }
}
