/* SPDX-License-Identifier: Apache-2.0 */
#include "library/etcd/call.h"

#include "library/etcd/block.h"
#include "library/etcd/status.h"
#include "library/etcd/told.h"
#include "library/memory.h"
#include "library/tracer.h"

static void on_done(struct store_call *call) {
    waiter_end(&((struct call *)(void *)call)->waiter);
}

void call_init(struct call *c) {
    store_call_init(&c->call, on_done);
    c->parent = NULL;
}

void call_fini(struct call *c) {
    store_call_fini(&c->call);
}

void call_wait(struct larder_etcd *client, struct call *c, int64_t deadline_ns) {
    c->call.deadline_ns = deadline_ns;
    waiter_init(&c->waiter);
    store_submit(client->store, &c->call);
    waiter_wait(&c->waiter);
}

enum store_status call_run(struct larder_etcd *client, struct call *c, int64_t deadline_ns) {
    struct told told;

    told_begin(&told, client, c->parent != NULL ? c->parent : client->parent, told_method(c->call.op.kind));
    call_wait(client, c, deadline_ns);
    told_end(&told, &c->call, c->call.from_memory);
    return c->call.status;
}

void call_clear(struct larder_etcd_result *result) {
    if (result != NULL) {
        result->status = LARDER_DONE;
        result->revision = 0;
        result->repeated = false;
        result->answer = (struct larder_etcd_answer){.count = 0};
        result->message[0] = '\0';
    }
}

enum larder_status call_fail(struct larder_etcd_result *result, enum larder_status status, const char *why) {
    if (result != NULL) {
        call_clear(result);
        result->status = status;
        client_say(result->message, status, why);
    }
    return status;
}

/* The allocator of its first use stays that of a result. */
bool call_keep(const struct larder_etcd *client, const struct store_result *found, struct larder_etcd_result *result) {
    struct block_size size = {.structs = 0};
    struct block block;

    if (result->memory == NULL) {
        result->allocator = client->allocator;
    }
    block_count_result(&size, found);
    if (!block_begin(&block, &result->allocator, &size, &result->memory, &result->capacity)) {
        return false;
    }
    block_fill_result(&block, found, &result->answer);
    return true;
}

static bool is_read(enum store_op_kind kind) {
    return kind == STORE_OP_RANGE || kind == STORE_OP_LEASE_TTL || kind == STORE_OP_LEASE_LIST;
}

enum larder_status call_take(struct larder_etcd *client, const struct store_call *call,
                             struct larder_etcd_result *result) {
    enum larder_status status = status_of(call->status);

    if (result == NULL) {
        return status;
    }
    call_clear(result);
    result->status = status;
    result->repeated = call->repeated;
    if (call->status != STORE_OK) {
        status_explain(client->cluster, call->status, call->etcd_error, result->message);
        return status;
    }
    if (!call_keep(client, &call->result, result)) {
        return is_read(call->op.kind)
                   ? call_fail(result, LARDER_ERR_NO_MEMORY, "out of memory for the answer")
                   : call_fail(result, LARDER_ERR_UNKNOWN, "it was done, but there was no memory for the answer");
    }
    result->revision = call->revision;
    return status;
}

/* How an operation that was done is called. */
static enum larder_status name_of(enum larder_etcd_op_kind kind, const struct store_call *call) {
    switch (kind) {
    case LARDER_ETCD_PUT:
        return LARDER_STORED;
    case LARDER_ETCD_DELETE:
        return call->result.count > 0 ? LARDER_DELETED : LARDER_NOT_FOUND;
    default:
        return LARDER_DONE;
    }
}

enum larder_status call_take_op(struct larder_etcd *client, enum larder_etcd_op_kind kind,
                                const struct store_call *call, struct larder_etcd_result *result) {
    enum larder_status status = call_take(client, call, result);

    return status == LARDER_DONE ? call_name(result, name_of(kind, call)) : status;
}

const struct span *call_parent(const struct larder_etcd_how *how) {
    return how != NULL ? span_of_const(how->parent) : NULL;
}

int64_t call_deadline(const struct larder_etcd *client, const struct larder_etcd_how *how) {
    int64_t wanted_ns = how != NULL ? how->timeout_ms * CLOCK_NS_PER_MS : 0;

    return wanted_ns > 0 && wanted_ns < client->timeout_ns ? clock_monotonic_ns() + wanted_ns : 0;
}

enum larder_status call_do(struct larder_etcd *client, const struct store_op *op, int64_t deadline_ns,
                           bool retry_unknown, struct larder_etcd_result *result) {
    enum larder_status status;
    struct call c;

    if (client_is_foreign(client)) {
        return call_fail(result, LARDER_ERR_FORKED, larder_strerror(LARDER_ERR_FORKED));
    }
    call_init(&c);
    c.call.op = *op;
    c.call.retry_unknown = retry_unknown;
    call_run(client, &c, deadline_ns);
    status = call_take(client, &c.call, result);
    call_fini(&c);
    return status;
}

void larder_etcd_result_free(struct larder_etcd_result *result) {
    if (result->memory != NULL) {
        memory_free(&result->allocator, result->memory);
    }
    *result = LARDER_ETCD_RESULT_INIT;
}
