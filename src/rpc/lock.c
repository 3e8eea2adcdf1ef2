/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/etcd/lock.pb-c.h"
#include "rpc/access.h"
#include "rpc/handlers.h"
#include "rpc/seniors.h"

/* etcd's Lock service. */

static enum pending_next answer_lock(struct rpc_task *task) {
    const struct seniors *s = task->state;
    Etcdserverpb__ResponseHeader header = rpc_header(task->worker, task->pending.call.revision);
    V3lockpb__LockResponse response = V3LOCKPB__LOCK_RESPONSE__INIT;

    response.header = &header;
    response.key = etcd_bytes(s->key);
    return rpc_task_answer(task, &response.base);
}

static enum pending_next wait_for_lock(struct rpc_task *task) {
    return seniors_wait(task->state, answer_lock);
}

static enum pending_next begin_lock(struct rpc_task *task) {
    const V3lockpb__LockRequest *r = task->request;
    struct seniors *s = seniors_new(task, etcd_bytes_slice(r->name));

    return s != NULL ? seniors_join(s, r->lease, slice_make("", 0), wait_for_lock)
                     : rpc_task_finish(task, ETCD_ERROR_NO_MEMORY);
}

static void lock(struct rpc_call *call, const ProtobufCMessage *request) {
    if (rpc_may_ask(call)) {
        rpc_task_start(call, begin_lock, request);
    }
}

const struct rpc_handler rpc_lock = {.message = lock};

static enum pending_next answer_unlock(struct rpc_task *task) {
    const struct store_call *call = &task->pending.call;
    Etcdserverpb__ResponseHeader header = rpc_header(task->worker, call->revision);
    V3lockpb__UnlockResponse response = V3LOCKPB__UNLOCK_RESPONSE__INIT;

    if (call->status != STORE_OK) {
        return rpc_task_finish(task, rpc_task_error(task));
    }
    response.header = &header;
    return rpc_task_answer(task, &response.base);
}

static enum pending_next begin_unlock(struct rpc_task *task) {
    const V3lockpb__UnlockRequest *r = task->request;
    struct store_op op = {.kind = STORE_OP_DELETE, .delete.span.key = etcd_bytes_slice(r->key)};

    return rpc_task_call(task, &op, answer_unlock);
}

static void unlock(struct rpc_call *call, const ProtobufCMessage *request) {
    struct slice key = etcd_bytes_slice(((const V3lockpb__UnlockRequest *)request)->key);

    if (rpc_may_write_keys(call, &key, key.size > 0 ? 1 : 0)) {
        rpc_task_start(call, begin_unlock, request);
    }
}

const struct rpc_handler rpc_unlock = {.message = unlock};
