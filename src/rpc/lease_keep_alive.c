/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "rpc/access.h"
#include "rpc/handlers.h"
#include "rpc/task.h"

/* LeaseKeepAlive: a stream of ids, each answered in its turn. */

enum { WAITING_MAX = 4096 /* ids that may wait for the answers to those before them */ };

/* Ids that came while the store was asked about an earlier one. */
struct keep_alive {
    int64_t ids[WAITING_MAX];
    size_t first;
    size_t count;
};

static void send_answer(struct rpc_task *task, int64_t id) {
    const struct store_call *call = &task->pending.call;
    Etcdserverpb__ResponseHeader header = rpc_header(task->worker, call->revision);
    Etcdserverpb__LeaseKeepAliveResponse response = ETCDSERVERPB__LEASE_KEEP_ALIVE_RESPONSE__INIT;

    response.header = &header;
    response.id = id;
    /* Of a lease that is not there etcd says that no time is left. */
    response.ttl = call->status == STORE_OK ? call->result.ttl : 0;
    rpc_send(task->call, &response.base);
}

static enum pending_next answer(struct rpc_task *task);

static enum pending_next ask(struct rpc_task *task, int64_t id) {
    struct store_op op = {.kind = STORE_OP_LEASE_KEEP_ALIVE, .lease.id = id};

    return rpc_task_call(task, &op, answer);
}

static enum pending_next answer(struct rpc_task *task) {
    const struct store_call *call = &task->pending.call;
    struct keep_alive *waiting;

    if (task->call == NULL) {
        return PENDING_DONE;
    }
    if (call->status != STORE_OK && call->status != STORE_LEASE_NOT_FOUND) {
        return rpc_task_refused(task);
    }
    send_answer(task, call->op.lease.id);
    if (task->call == NULL) {
        return PENDING_DONE; /* the answer found no room, and that was the end of the call */
    }
    waiting = task->call->state;
    if (waiting == NULL || waiting->count == 0) {
        return task->call->ended ? rpc_task_finish(task, ETCD_OK) : PENDING_DONE;
    }
    waiting->count--;
    return ask(task, waiting->ids[waiting->first++ % WAITING_MAX]);
}

static enum pending_next ask_first(struct rpc_task *task) {
    return ask(task, ((const Etcdserverpb__LeaseKeepAliveRequest *)task->request)->id);
}

static void wait_in_line(struct rpc_call *call, int64_t id) {
    struct keep_alive *waiting = call->state;

    if (waiting == NULL) {
        waiting = calloc(1, sizeof(*waiting));
        call->state = waiting;
    }
    if (waiting == NULL) {
        rpc_finish(call, ETCD_ERROR_NO_MEMORY);
    } else if (waiting->count == WAITING_MAX) {
        rpc_finish(call, ETCD_ERROR_TOO_MANY_REQUESTS);
    } else {
        waiting->ids[(waiting->first + waiting->count++) % WAITING_MAX] = id;
    }
}

static void message(struct rpc_call *call, const ProtobufCMessage *request) {
    if (!rpc_may_ask(call)) {
        return;
    }
    if (call->transport->is_full(call)) {
        rpc_finish(call, ETCD_ERROR_TOO_MANY_REQUESTS); /* a client that asks and does not read */
    } else if (call->task != NULL) {
        wait_in_line(call, ((const Etcdserverpb__LeaseKeepAliveRequest *)request)->id);
    } else {
        rpc_task_start(call, ask_first, request);
    }
}

/* Ids that wait are still answered. */
static void end(struct rpc_call *call) {
    if (call->task == NULL) {
        rpc_finish(call, ETCD_OK);
    }
}

static void close_it(struct rpc_call *call) {
    free(call->state);
}

const struct rpc_handler rpc_lease_keep_alive = {.message = message, .end = end, .close = close_it};
