/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/etcd/election.pb-c.h"
#include "rpc/access.h"
#include "rpc/handlers.h"
#include "rpc/kv_response.h"
#include "rpc/seniors.h"

/* etcd's Election service. */

/* --- what holds only for the leader: its key is the one that it created --- */

static enum pending_next call_as_leader(struct rpc_task *task, struct slice key, int64_t revision,
                                        const struct store_op *what, enum pending_next (*next)(struct rpc_task *)) {
    struct store_op *success = arena_alloc(&task->arena, sizeof(*success));
    struct store_compare *compare = arena_calloc(&task->arena, 1, sizeof(*compare));
    struct store_op op = {
        .kind = STORE_OP_TXN,
        .txn = {.compares = compare, .compare_count = 1, .success = success, .success_count = 1},
    };

    if (success == NULL || compare == NULL) {
        return rpc_task_finish(task, ETCD_ERROR_NO_MEMORY);
    }
    *success = *what;
    *compare = (struct store_compare){
        .span.key = key,
        .target = STORE_COMPARE_CREATE,
        .result = STORE_EQUAL,
        .number = revision,
    };
    return rpc_task_call(task, &op, next);
}

/* --- Campaign --- */

static enum pending_next answer_campaign(struct rpc_task *task) {
    const V3electionpb__CampaignRequest *r = task->request;
    const struct seniors *s = task->state;
    Etcdserverpb__ResponseHeader header = rpc_header(task->worker, s->put_revision);
    V3electionpb__CampaignResponse response = V3ELECTIONPB__CAMPAIGN_RESPONSE__INIT;
    V3electionpb__LeaderKey leader = V3ELECTIONPB__LEADER_KEY__INIT;

    leader.name = r->name;
    leader.key = etcd_bytes(s->key);
    leader.rev = s->revision;
    leader.lease = s->lease;
    response.header = &header;
    response.leader = &leader;
    return rpc_task_answer(task, &response.base);
}

static enum pending_next announced(struct rpc_task *task) {
    if (rpc_task_failed(task)) {
        return rpc_task_refused(task);
    }
    return task->pending.call.result.succeeded ? seniors_wait(task->state, answer_campaign)
                                               : rpc_task_finish(task, ETCD_ERROR_ELECTION_NOT_LEADER);
}

/* A candidate that was one before says something else now. */
static enum pending_next wait_for_office(struct rpc_task *task) {
    struct seniors *s = task->state;
    const struct store_op put = {
        .kind = STORE_OP_PUT,
        .put = {.key = s->key, .value = s->value, .lease = s->lease},
    };

    return s->found ? call_as_leader(task, s->key, s->revision, &put, announced) : seniors_wait(s, answer_campaign);
}

static enum pending_next begin_campaign(struct rpc_task *task) {
    const V3electionpb__CampaignRequest *r = task->request;
    struct seniors *s = seniors_new(task, etcd_bytes_slice(r->name));

    return s != NULL ? seniors_join(s, r->lease, etcd_bytes_slice(r->value), wait_for_office)
                     : rpc_task_finish(task, ETCD_ERROR_NO_MEMORY);
}

static void campaign(struct rpc_call *call, const ProtobufCMessage *request) {
    if (rpc_may_ask(call)) {
        rpc_task_start(call, begin_campaign, request);
    }
}

const struct rpc_handler rpc_campaign = {.message = campaign};

/* --- Proclaim and Resign --- */

static enum pending_next answer_proclaim(struct rpc_task *task) {
    Etcdserverpb__ResponseHeader header = rpc_task_header(task);
    V3electionpb__ProclaimResponse response = V3ELECTIONPB__PROCLAIM_RESPONSE__INIT;

    if (rpc_task_failed(task)) {
        return rpc_task_refused(task);
    }
    if (!task->pending.call.result.succeeded) {
        return rpc_task_finish(task, ETCD_ERROR_ELECTION_NOT_LEADER);
    }
    response.header = &header;
    return rpc_task_answer(task, &response.base);
}

static enum pending_next begin_proclaim(struct rpc_task *task) {
    const V3electionpb__ProclaimRequest *r = task->request;
    struct slice key = etcd_bytes_slice(r->leader->key);
    const struct store_op put = {
        .kind = STORE_OP_PUT,
        .put = {.key = key, .value = etcd_bytes_slice(r->value), .lease = r->leader->lease},
    };

    return call_as_leader(task, key, r->leader->rev, &put, answer_proclaim);
}

static enum pending_next answer_resign(struct rpc_task *task) {
    Etcdserverpb__ResponseHeader header = rpc_task_header(task);
    V3electionpb__ResignResponse response = V3ELECTIONPB__RESIGN_RESPONSE__INIT;

    if (rpc_task_failed(task)) {
        return rpc_task_refused(task);
    }
    response.header = &header;
    return rpc_task_answer(task, &response.base);
}

static enum pending_next begin_resign(struct rpc_task *task) {
    const V3electionpb__ResignRequest *r = task->request;
    struct slice key = etcd_bytes_slice(r->leader->key);
    const struct store_op delete_it = {.kind = STORE_OP_DELETE, .delete.span.key = key};

    return call_as_leader(task, key, r->leader->rev, &delete_it, answer_resign);
}

/* Whether the leader's key is named, and may be written. */
static bool may_act(struct rpc_call *call, const V3electionpb__LeaderKey *leader) {
    struct slice key;

    if (leader == NULL) {
        rpc_finish(call, ETCD_ERROR_ELECTION_NO_LEADER_KEY);
        return false;
    }
    key = etcd_bytes_slice(leader->key);
    return rpc_may_write_keys(call, &key, key.size > 0 ? 1 : 0);
}

static void proclaim(struct rpc_call *call, const ProtobufCMessage *request) {
    if (may_act(call, ((const V3electionpb__ProclaimRequest *)request)->leader)) {
        rpc_task_start(call, begin_proclaim, request);
    }
}

const struct rpc_handler rpc_proclaim = {.message = proclaim};

static void resign(struct rpc_call *call, const ProtobufCMessage *request) {
    if (may_act(call, ((const V3electionpb__ResignRequest *)request)->leader)) {
        rpc_task_start(call, begin_resign, request);
    }
}

const struct rpc_handler rpc_resign = {.message = resign};

/* --- Leader and Observe --- */

static void send_leader(struct rpc_task *task) {
    const struct store_call *call = &task->pending.call;
    Etcdserverpb__ResponseHeader header = rpc_header(task->worker, call->revision);
    V3electionpb__LeaderResponse response = V3ELECTIONPB__LEADER_RESPONSE__INIT;
    Mvccpb__KeyValue kv;

    kv_message(&call->result.kvs[0], &kv);
    response.header = &header;
    response.kv = &kv;
    rpc_send(task->call, &response.base);
}

static enum pending_next answer_leader(struct rpc_task *task) {
    if (rpc_task_failed(task)) {
        return rpc_task_refused(task);
    }
    if (task->call == NULL) {
        return PENDING_DONE;
    }
    if (task->pending.call.result.kv_count == 0) {
        return rpc_task_finish(task, ETCD_ERROR_ELECTION_NO_LEADER);
    }
    send_leader(task);
    return rpc_task_finish(task, ETCD_OK);
}

/* Begins with the question who leads. */
static enum pending_next ask_leader(struct rpc_task *task, enum pending_next (*next)(struct rpc_task *)) {
    const V3electionpb__LeaderRequest *r = task->request;
    struct seniors *s = seniors_new(task, etcd_bytes_slice(r->name));
    struct store_op op;

    if (s == NULL) {
        return rpc_task_finish(task, ETCD_ERROR_NO_MEMORY);
    }
    if (!rpc_may_range(task->call, s->prefix, s->prefix_end)) {
        return PENDING_DONE;
    }
    op = seniors_oldest(s);
    return rpc_task_call(task, &op, next);
}

static enum pending_next begin_leader(struct rpc_task *task) {
    return ask_leader(task, answer_leader);
}

static void leader(struct rpc_call *call, const ProtobufCMessage *request) {
    rpc_task_start(call, begin_leader, request);
}

const struct rpc_handler rpc_leader = {.message = leader};

static enum pending_next observe_again(struct rpc_task *task);

/* Sends the leader if it, or what it says, is another than before, and waits for the next change. */
static enum pending_next observe_found(struct rpc_task *task) {
    struct seniors *s = task->state;
    const struct store_call *call = &task->pending.call;
    struct store_span span = {.key = s->prefix, .range_end = s->prefix_end};

    if (rpc_task_failed(task)) {
        return rpc_task_refused(task);
    }
    if (task->call == NULL) {
        return PENDING_DONE;
    }
    if (call->result.kv_count > 0 && call->result.kvs[0].mod_revision != s->revision) {
        s->revision = call->result.kvs[0].mod_revision;
        send_leader(task);
    }
    return seniors_watch(s, &span, call->revision, false, observe_again);
}

static enum pending_next observe_again(struct rpc_task *task) {
    struct store_op op = seniors_oldest(task->state);

    return task->call != NULL ? rpc_task_call(task, &op, observe_found) : PENDING_DONE;
}

static enum pending_next begin_observe(struct rpc_task *task) {
    return ask_leader(task, observe_found);
}

static void observe(struct rpc_call *call, const ProtobufCMessage *request) {
    rpc_task_start(call, begin_observe, request);
}

const struct rpc_handler rpc_observe = {.message = observe};
