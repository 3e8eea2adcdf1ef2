/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "rpc/access.h"
#include "rpc/handlers.h"
#include "rpc/kv_request.h"
#include "rpc/kv_response.h"
#include "rpc/permit.h"

/* etcd's KV service. Each is one question to the store. */

/* --- Range --- */

static enum pending_next answer_range(struct rpc_task *task) {
    Etcdserverpb__RangeResponse response;
    Etcdserverpb__ResponseHeader header;

    if (rpc_task_failed(task)) {
        return rpc_task_refused(task);
    }
    if (!kv_range_response(&task->pending.call.result, &task->arena, &response)) {
        return rpc_task_finish(task, ETCD_ERROR_NO_MEMORY);
    }
    header = rpc_task_header(task);
    response.header = &header;
    return rpc_task_answer(task, &response.base);
}

/* --- in front of a cluster, of whose keys some are in memory here --- */

static int64_t permit_since(const struct rpc_task *task, const struct store_range *range) {
    return range->serializable ? task->worker->context->now_ns - RPC_PERMIT_AGE_NS : task->start_ns;
}

/* What the store may answer in this node's own name is asked when the caller may read it. */
static enum pending_next ask_permitted(struct rpc_task *task) {
    const struct permit_ask *ask = task->state;
    struct store_op op;

    if (ask->error != ETCD_OK) {
        return rpc_task_finish(task, ask->error);
    }
    kv_range_op(task->request, &op);
    return rpc_task_call(task, &op, answer_range);
}

static enum pending_next ask_for_permit(struct rpc_task *task, const struct store_range *range) {
    task->state = arena_alloc(&task->arena, sizeof(struct permit_ask));
    if (task->state == NULL) {
        return rpc_task_finish(task, ETCD_ERROR_NO_MEMORY);
    }
    return rpc_permit_ask(task, task->state, &range->span,
                          range->serializable ? permit_since(task, range) : clock_monotonic_ns(), ask_permitted);
}

/* It was asked while everybody might read everything. That it is still so, a linearizable answer has proven on its way, as of a
 * time behind the question. */
static enum pending_next answer_open_range(struct rpc_task *task) {
    const struct store_range *range = &task->pending.call.op.range;

    if (rpc_task_failed(task) || rpc_permit_is_open(task->worker->node, permit_since(task, range))) {
        return answer_range(task);
    }
    return ask_for_permit(task, range);
}

static enum pending_next ask_range(struct rpc_task *task) {
    const struct rpc_node *node = task->worker->node;
    struct store_op op;

    kv_range_op(task->request, &op);
    if (!rpc_is_guarded(node) || op.range.span.key.size == 0) {
        return rpc_task_call(task, &op, answer_range);
    }
    if (rpc_permit_is_open(node, op.range.serializable ? permit_since(task, &op.range) : INT64_MIN)) {
        return rpc_task_call(task, &op, answer_open_range);
    }
    return ask_for_permit(task, &op.range);
}

static void range(struct rpc_call *call, const ProtobufCMessage *request) {
    const Etcdserverpb__RangeRequest *r = (const Etcdserverpb__RangeRequest *)request;

    if (rpc_may_range(call, etcd_bytes_slice(r->key), etcd_bytes_slice(r->range_end))) {
        rpc_task_start(call, ask_range, request);
    }
}

const struct rpc_handler rpc_range = {.message = range};

/* --- Put --- */

static enum pending_next answer_put(struct rpc_task *task) {
    Etcdserverpb__PutResponse response;
    Etcdserverpb__ResponseHeader header;

    if (rpc_task_failed(task)) {
        return rpc_task_refused(task);
    }
    if (!kv_put_response(&task->pending.call.result, &task->arena, &response)) {
        return rpc_task_finish(task, ETCD_ERROR_NO_MEMORY);
    }
    header = rpc_task_header(task);
    response.header = &header;
    return rpc_task_answer(task, &response.base);
}

static enum pending_next put_it(struct rpc_task *task) {
    struct store_op op;

    kv_put_op(task->request, &op);
    return rpc_task_call(task, &op, answer_put);
}

/* Whoever hangs a key on a lease can delete its other keys later: so they must be allowed to write them. */
static enum pending_next check_lease(struct rpc_task *task) {
    const struct store_result *result = &task->pending.call.result;

    if (rpc_task_failed(task)) {
        return rpc_task_refused(task);
    }
    if (task->call == NULL || !rpc_may_write_keys(task->call, result->keys, (size_t)result->count)) {
        return PENDING_DONE;
    }
    return put_it(task);
}

static enum pending_next ask_put(struct rpc_task *task) {
    const Etcdserverpb__PutRequest *r = task->request;
    struct store_op op = {.kind = STORE_OP_LEASE_TTL, .lease = {.id = r->lease, .want_keys = true}};

    return r->lease == 0 || rpc_access_is_open(task->call) ? put_it(task) : rpc_task_call(task, &op, check_lease);
}

static void put(struct rpc_call *call, const ProtobufCMessage *request) {
    if (rpc_may_put(call, (const Etcdserverpb__PutRequest *)request)) {
        rpc_task_start(call, ask_put, request);
    }
}

const struct rpc_handler rpc_put = {.message = put};

/* --- DeleteRange --- */

static enum pending_next answer_delete(struct rpc_task *task) {
    Etcdserverpb__DeleteRangeResponse response;
    Etcdserverpb__ResponseHeader header;

    if (rpc_task_failed(task)) {
        return rpc_task_refused(task);
    }
    if (!kv_delete_response(&task->pending.call.result, &task->arena, &response)) {
        return rpc_task_finish(task, ETCD_ERROR_NO_MEMORY);
    }
    header = rpc_task_header(task);
    response.header = &header;
    return rpc_task_answer(task, &response.base);
}

static enum pending_next ask_delete(struct rpc_task *task) {
    struct store_op op;

    kv_delete_op(task->request, &op);
    return rpc_task_call(task, &op, answer_delete);
}

static void delete_range(struct rpc_call *call, const ProtobufCMessage *request) {
    if (rpc_may_delete(call, (const Etcdserverpb__DeleteRangeRequest *)request)) {
        rpc_task_start(call, ask_delete, request);
    }
}

const struct rpc_handler rpc_delete_range = {.message = delete_range};

/* --- Txn --- */

static enum pending_next answer_txn(struct rpc_task *task) {
    const struct store_call *call = &task->pending.call;
    Etcdserverpb__TxnResponse response;
    Etcdserverpb__ResponseHeader header;

    if (rpc_task_failed(task)) {
        return rpc_task_refused(task);
    }
    if (!kv_txn_response(&call->result, call->revision, &task->arena, &response)) {
        return rpc_task_finish(task, ETCD_ERROR_NO_MEMORY);
    }
    header = rpc_task_header(task);
    response.header = &header;
    return rpc_task_answer(task, &response.base);
}

static enum pending_next ask_txn(struct rpc_task *task) {
    struct store_op op;

    if (!kv_txn_op(task->request, &task->arena, &op)) {
        return rpc_task_finish(task, ETCD_ERROR_NO_MEMORY);
    }
    return rpc_task_call(task, &op, answer_txn);
}

static void txn(struct rpc_call *call, const ProtobufCMessage *request) {
    if (rpc_may_txn(call, (const Etcdserverpb__TxnRequest *)request)) {
        rpc_task_start(call, ask_txn, request);
    }
}

const struct rpc_handler rpc_txn = {.message = txn};

/* --- Compact --- */

static enum pending_next answer_compact(struct rpc_task *task) {
    Etcdserverpb__CompactionResponse response = ETCDSERVERPB__COMPACTION_RESPONSE__INIT;
    Etcdserverpb__ResponseHeader header;

    if (rpc_task_failed(task)) {
        return rpc_task_refused(task);
    }
    header = rpc_task_header(task);
    response.header = &header;
    return rpc_task_answer(task, &response.base);
}

static enum pending_next ask_compact(struct rpc_task *task) {
    const Etcdserverpb__CompactionRequest *r = task->request;
    struct store_op op = {.kind = STORE_OP_COMPACT, .compact_revision = r->revision, .compact_physical = r->physical};

    return rpc_task_call(task, &op, answer_compact);
}

static void compact(struct rpc_call *call, const ProtobufCMessage *request) {
    if (rpc_may_ask(call)) {
        rpc_task_start(call, ask_compact, request);
    }
}

const struct rpc_handler rpc_compact = {.message = compact};
