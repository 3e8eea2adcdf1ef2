/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/rpc.h"

#include <stdlib.h>

#include "base/clock.h"
#include "rpc/alarm.h"
#include "rpc/deadline.h"
#include "rpc/handlers.h"
#include "rpc/permit.h"
#include "rpc/watch_hub.h"
#include "store/etcd/etcd.h"

enum {
    MESSAGE_ARENA_MAX = 64 << 20, /* bytes that a request may take once it is decoded */
    RAFT_TERM = 1,                /* a node that stands alone has led since ever */
};

void rpc_worker_init(struct rpc_worker *w, struct cmd_context *context, struct rpc_node *node) {
    *w = (struct rpc_worker){.context = context, .node = node};
    arena_init(&w->scratch, MESSAGE_ARENA_MAX);
}

void rpc_worker_fini(struct rpc_worker *w) {
    arena_fini(&w->scratch);
    watch_hub_free(w->watches);
    rpc_permit_free(w->permits);
    rpc_task_free_spares(w);
}

/* --- the transport's side --- */

void rpc_open(struct rpc_call *call, struct rpc_worker *worker, const struct etcd_method *method, int64_t timeout_ns) {
    call->worker = worker;
    call->method = method;
    call->handler = rpc_handler_of(method->id, worker->node);
    call->start_ns = worker->context->now_ns;
    if (method->client_streams) {
        rpc_hold(call);
    }
    if (timeout_ns > 0) {
        call->deadline_ns = timeout_ns < INT64_MAX - call->start_ns ? call->start_ns + timeout_ns : INT64_MAX;
        rpc_deadline_add(call);
    }
}

static void refuse_message(struct rpc_call *call) {
    rpc_finish(call, ETCD_ERROR_BAD_MESSAGE);
}

void rpc_message_bytes(struct rpc_call *call, struct slice bytes) {
    ProtobufCMessage *request;

    if (call->finished) {
        return;
    }
    request = etcd_message_unpack(call->method->request, bytes, &call->worker->scratch);
    if (request == NULL) {
        refuse_message(call);
    } else {
        rpc_message(call, request);
    }
    arena_reset(&call->worker->scratch);
}

/* The time of the batch is too coarse for a deadline that may have passed already. */
static bool is_late(const struct rpc_call *call) {
    return call->deadline_ns != 0 && clock_monotonic_ns() >= call->deadline_ns;
}

void rpc_message(struct rpc_call *call, const ProtobufCMessage *request) {
    if (call->finished) {
        return;
    }
    if (is_late(call)) {
        rpc_finish(call, ETCD_ERROR_DEADLINE);
        return;
    }
    if (call->asked && !call->method->client_streams) {
        refuse_message(call);
        return;
    }
    call->asked = true;
    if (call->worker->node->store == NULL && rpc_handler_needs_store(call->method->id)) {
        rpc_finish(call, ETCD_ERROR_NO_STORE);
        return;
    }
    call->handler->message(call, request);
}

void rpc_end(struct rpc_call *call) {
    if (call->finished) {
        return;
    }
    call->ended = true;
    if (!call->asked && !call->method->client_streams) {
        refuse_message(call);
    } else if (call->handler->end != NULL) {
        call->handler->end(call);
    } else if (call->method->client_streams) {
        rpc_finish(call, ETCD_OK);
    }
}

void rpc_room(struct rpc_call *call) {
    if (!call->finished && call->handler->room != NULL) {
        call->handler->room(call);
    }
}

/* The task goes on without anybody who hears of it. */
static void let_go(struct rpc_call *call) {
    rpc_deadline_remove(call);
    if (call->task != NULL) {
        struct rpc_task *task = call->task;

        task->call = NULL;
        call->task = NULL;
        if (task->abandoned != NULL) {
            task->abandoned(task);
        }
    }
}

static void drop_hold(struct rpc_call *call) {
    if (call->stream_place != NULL) {
        *call->stream_place = call->stream_next;
        if (call->stream_next != NULL) {
            call->stream_next->stream_place = call->stream_place;
        }
        call->stream_place = NULL;
    }
}

void rpc_close(struct rpc_call *call) {
    let_go(call);
    drop_hold(call);
    call->finished = true;
    if (call->handler->close != NULL) {
        call->handler->close(call);
    }
}

/* --- the handlers' side --- */

void rpc_send(struct rpc_call *call, const ProtobufCMessage *response) {
    if (!call->finished) {
        call->transport->send(call, response);
    }
}

static enum result_class class_of(enum grpc_status status) {
    switch (status) {
    case GRPC_OK:
        return RESULT_CLASS_OK;
    case GRPC_NOT_FOUND:
        return RESULT_CLASS_ABSENT;
    case GRPC_RESOURCE_EXHAUSTED:
        return RESULT_CLASS_REFUSED;
    case GRPC_INTERNAL:
    case GRPC_UNAVAILABLE:
    case GRPC_DATA_LOSS:
    case GRPC_DEADLINE_EXCEEDED:
        return RESULT_CLASS_FAILED;
    default:
        return RESULT_CLASS_ERROR;
    }
}

static void finish(struct rpc_call *call, enum grpc_status status, struct slice text, enum result_class class) {
    if (call->finished) {
        return;
    }
    call->finished = true;
    let_go(call);
    telemetry_request(call->worker->context->telemetry, PROTOCOL_ETCD, rpc_handler_command(call->method->id), 0, class);
    call->transport->finish(call, status, text);
}

void rpc_fail(struct rpc_call *call, enum grpc_status status, struct slice text) {
    finish(call, status, text, class_of(status));
}

void rpc_finish(struct rpc_call *call, enum etcd_error error) {
    struct rpc_node *node = call->worker->node;
    enum grpc_status status = etcd_error_status(error);

    if (error == ETCD_ERROR_NO_SPACE && !node->is_remote) {
        rpc_alarm_no_space(node);
    }
    finish(call, status, etcd_error_text(error),
           error == ETCD_ERROR_ANSWER_LOST ? RESULT_CLASS_UNKNOWN : class_of(status));
}

void rpc_answer(struct rpc_call *call, const ProtobufCMessage *response) {
    rpc_send(call, response);
    rpc_finish(call, ETCD_OK);
}

void rpc_hold(struct rpc_call *call) {
    struct rpc_worker *w = call->worker;

    if (call->stream_place != NULL) {
        return;
    }
    call->stream_next = w->streams;
    call->stream_place = &w->streams;
    if (call->stream_next != NULL) {
        call->stream_next->stream_place = &call->stream_next;
    }
    w->streams = call;
}

void rpc_tick(struct rpc_worker *w) {
    if (atomic_load(&w->context->node->draining)) {
        rpc_end_streams(w); /* those that have begun to wait since */
    }
    for (struct rpc_call *call = w->streams, *next; call != NULL; call = next) {
        next = call->stream_next;
        if (!call->finished && call->handler->tick != NULL) {
            call->handler->tick(call);
        }
    }
}

void rpc_end_streams(struct rpc_worker *w) {
    while (w->streams != NULL) {
        struct rpc_call *call = w->streams;

        rpc_finish(call, ETCD_ERROR_STOPPED);
        if (call->handler->stop != NULL) {
            call->handler->stop(call);
        }
        drop_hold(call);
    }
}

static const enum etcd_error errors[STORE_STATUS_COUNT] = {
    [STORE_OK] = ETCD_OK,
    [STORE_COMPACTED] = ETCD_ERROR_COMPACTED,
    [STORE_FUTURE_REVISION] = ETCD_ERROR_FUTURE_REV,
    [STORE_EMPTY_KEY] = ETCD_ERROR_EMPTY_KEY,
    [STORE_KEY_NOT_FOUND] = ETCD_ERROR_KEY_NOT_FOUND,
    [STORE_VALUE_PROVIDED] = ETCD_ERROR_VALUE_PROVIDED,
    [STORE_LEASE_PROVIDED] = ETCD_ERROR_LEASE_PROVIDED,
    [STORE_DUPLICATE_KEY] = ETCD_ERROR_DUPLICATE_KEY,
    [STORE_TOO_MANY_OPS] = ETCD_ERROR_TOO_MANY_OPS,
    [STORE_TOO_LARGE] = ETCD_ERROR_REQUEST_TOO_LARGE,
    [STORE_LEASE_NOT_FOUND] = ETCD_ERROR_LEASE_NOT_FOUND,
    [STORE_LEASE_EXISTS] = ETCD_ERROR_LEASE_EXIST,
    [STORE_LEASE_TTL_TOO_LARGE] = ETCD_ERROR_LEASE_TTL_TOO_LARGE,
    [STORE_NO_SPACE] = ETCD_ERROR_NO_SPACE,
    [STORE_TOO_MANY_REQUESTS] = ETCD_ERROR_TOO_MANY_REQUESTS,
    [STORE_TOO_MANY_WATCHERS] = ETCD_ERROR_TOO_MANY_WATCHERS,
    [STORE_NO_MEMORY] = ETCD_ERROR_NO_MEMORY,
    [STORE_DAMAGED] = ETCD_ERROR_DAMAGED,
    [STORE_IO] = ETCD_ERROR_IO,
    [STORE_CLOSED] = ETCD_ERROR_STOPPED,
    [STORE_UNAVAILABLE] = ETCD_ERROR_CLUSTER_UNAVAILABLE,
    [STORE_TIMEOUT] = ETCD_ERROR_TIMEOUT,
    [STORE_DENIED] = ETCD_ERROR_CLUSTER_DENIES,
    [STORE_UNKNOWN] = ETCD_ERROR_ANSWER_LOST,
    [STORE_PROTOCOL] = ETCD_ERROR_CLUSTER_PROTOCOL,
    [STORE_UNSUPPORTED] = ETCD_ERROR_ASK_CLUSTER,
};

enum etcd_error rpc_error_of(enum store_status status) {
    return errors[status];
}

/* In front of a cluster it is as if the member that has answered last had answered this, too. */
static void fill_remote(const struct rpc_node *node, Etcdserverpb__ResponseHeader *header) {
    const struct etcd_facts *facts = etcd_store_facts(node->cluster);

    header->cluster_id = atomic_load_explicit(&facts->cluster_id, memory_order_relaxed);
    header->member_id = atomic_load_explicit(&facts->member_id, memory_order_relaxed);
    header->raft_term = atomic_load_explicit(&facts->term, memory_order_relaxed);
}

Etcdserverpb__ResponseHeader rpc_header(const struct rpc_worker *w, int64_t revision) {
    const struct rpc_node *node = w->node;
    Etcdserverpb__ResponseHeader header = ETCDSERVERPB__RESPONSE_HEADER__INIT;

    header.revision = revision;
    if (node->cluster != NULL) {
        fill_remote(node, &header);
        return header;
    }
    header.cluster_id = node->cluster_id;
    header.member_id = node->member_id;
    header.raft_term = RAFT_TERM;
    return header;
}

int64_t rpc_next_deadline(const struct rpc_worker *w) {
    return w->due_first != NULL ? w->due_first->deadline_ns : INT64_MAX;
}

void rpc_expire(struct rpc_worker *w) {
    while (w->due_first != NULL && w->due_first->deadline_ns <= w->context->now_ns) {
        rpc_finish(w->due_first, ETCD_ERROR_DEADLINE);
    }
}
