/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/handlers.h"
#include "rpc/task.h"
#include "store/etcd/transfer.h"

/* In front of an etcd cluster: a request with many answers (Snapshot), handed on in the name of whoever asks, and the answers
 * back one by one, as fast as the client takes them. */

struct streaming {
    struct rpc_task *task;
    struct etcd_transfer *transfer;
    atomic_bool posted; /* the task is in the queue */
};

/* On a thread of the store, or the worker's. */
static void wake(void *ctx) {
    struct streaming *s = ctx;

    if (!atomic_exchange(&s->posted, true)) {
        pending_post(&s->task->pending);
    }
}

/* One answer, word for word; by JSON it has to be understood first. */
static void send_piece(struct rpc_call *call, struct slice bytes) {
    const ProtobufCMessage *response;
    struct arena arena;
    char *at;

    if (call->transport->place != NULL) {
        at = call->transport->place(call, bytes.size);
        if (at != NULL && bytes.size > 0) {
            memcpy(at, bytes.data, bytes.size);
        }
        return;
    }
    arena_init(&arena, STORE_ANSWER_MAX);
    response = etcd_message_unpack(call->method->response, bytes, &arena);
    if (response != NULL) {
        rpc_send(call, response);
    } else {
        rpc_finish(call, ETCD_ERROR_CLUSTER_PROTOCOL);
    }
    arena_fini(&arena);
}

/* The transfer, and its text with it, goes as the call ends. */
static void finish(struct rpc_call *call, const struct etcd_transfer_end *end) {
    char text[ETCD_MEMBER_TEXT_MAX];

    if (end->status != STORE_OK) {
        rpc_finish(call, rpc_error_of(end->status));
    } else if (end->grpc == GRPC_OK) {
        rpc_finish(call, ETCD_OK);
    } else {
        memcpy(text, end->text.data, end->text.size);
        rpc_fail(call, end->grpc, slice_make(text, end->text.size));
    }
}

/* As much as there is, and as there is room for. */
static void pump(struct rpc_call *call) {
    struct streaming *s = call->task != NULL ? call->task->state : NULL;
    struct etcd_transfer_end end;
    struct slice piece;

    if (s == NULL || s->transfer == NULL) {
        return;
    }
    while (!call->finished && !call->transport->is_full(call) && etcd_transfer_next(s->transfer, &piece)) {
        send_piece(call, piece);
    }
    if (!call->finished && etcd_transfer_ended(s->transfer, &end)) {
        finish(call, &end);
    }
}

/* Nobody waits any more, or it has come to its end. */
static void abandoned(struct rpc_task *task) {
    struct streaming *s = task->state;

    etcd_transfer_close(s->transfer);
    s->transfer = NULL;
    wake(s);
}

static enum pending_next go_on(struct rpc_task *task) {
    struct streaming *s = task->state;

    atomic_store(&s->posted, false);
    if (task->call != NULL) {
        pump(task->call);
        return PENDING_WAIT; /* the end of the call, if that was it, has woken this again */
    }
    return PENDING_DONE;
}

static enum pending_next begin(struct rpc_task *task) {
    struct streaming *s = arena_calloc(&task->arena, 1, sizeof(*s));
    struct rpc_call *call = task->call;
    int64_t timeout_ns = call->deadline_ns != 0 ? call->deadline_ns - call->start_ns : 0;

    if (s == NULL) {
        return rpc_task_finish(task, ETCD_ERROR_NO_MEMORY);
    }
    if (task->pending.queue->closed) {
        return rpc_task_finish(task, ETCD_ERROR_STOPPED);
    }
    s->task = task;
    s->transfer =
        etcd_transfer_open(task->worker->node->cluster, call->method, task->request, task->token, timeout_ns, wake, s);
    if (s->transfer == NULL) {
        return rpc_task_finish(task, ETCD_ERROR_NO_MEMORY);
    }
    task->state = s;
    task->step = go_on;
    task->abandoned = abandoned;
    rpc_hold(call);
    return PENDING_WAIT;
}

static void message(struct rpc_call *call, const ProtobufCMessage *request) {
    rpc_task_start(call, begin, request);
}

const struct rpc_handler rpc_forward_snapshot = {.message = message, .room = pump};
