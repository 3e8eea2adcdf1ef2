/* SPDX-License-Identifier: Apache-2.0 */
#include "group/pending_span.h"

#include <stdio.h>

#include "base/clock.h"
#include "trace/tracer.h"

static struct slice name_of(enum store_op_kind kind) {
    switch (kind) {
    case STORE_OP_RANGE:
        return SLICE("store range");
    case STORE_OP_PUT:
        return SLICE("store put");
    case STORE_OP_DELETE:
        return SLICE("store delete");
    case STORE_OP_TXN:
        return SLICE("store txn");
    case STORE_OP_COMPACT:
        return SLICE("store compact");
    case STORE_OP_LEASE_GRANT:
        return SLICE("store lease grant");
    case STORE_OP_LEASE_REVOKE:
        return SLICE("store lease revoke");
    case STORE_OP_LEASE_KEEP_ALIVE:
        return SLICE("store lease keep-alive");
    case STORE_OP_LEASE_TTL:
        return SLICE("store lease ttl");
    case STORE_OP_LEASE_LIST:
        return SLICE("store lease list");
    case STORE_OP_AUDIT:
        return SLICE("store audit");
    case STORE_OP_DEFRAGMENT:
        return SLICE("store defragment");
    default:
        return SLICE("store note");
    }
}

void pending_span_begin_call(struct pending *p) {
    p->span =
        tracer_begin_within(p->queue->tracer, name_of(p->call.op.kind), SPAN_CLIENT, p->scope, clock_monotonic_ns());
}

void pending_span_end_call(struct pending *p) {
    struct span *span = p->span;

    p->span = NULL;
    if (p->store != NULL && p->call.status != STORE_OK) {
        span_set_status(span, SPAN_ERROR, slice_from_string(store_status_text(p->call.status)));
    } else if (p->store != NULL) {
        span_set(span, SLICE("larder.revision"), span_integer(p->call.revision));
        span_set(span, SLICE("larder.from_memory"), span_truth(p->call.from_memory));
    }
    tracer_end(span, clock_monotonic_ns());
}

void pending_span_hop_begins(struct pending *p, enum command command, struct trace_context *ret_context) {
    struct slice label = slice_from_string(command_label(command));
    char name[48];
    int size;

    *ret_context = (struct trace_context){.flags = 0};
    if (p->scope == NULL) {
        return;
    }
    size = snprintf(name, sizeof(name), "peer %.*s", (int)label.size, label.data);
    p->span = tracer_begin_within(p->queue->tracer, slice_make(name, (size_t)size), SPAN_CLIENT, p->scope,
                                  clock_monotonic_ns());
    if (p->span != NULL) {
        span_set(p->span, SLICE("db.system.name"), span_text(SLICE("larder")));
        span_set(p->span, SLICE("db.operation.name"), span_text(label));
    }
    *ret_context = p->span != NULL ? p->span->context : p->scope->context;
}

void pending_span_end_hop(struct pending *p, enum larder_error error, enum result result) {
    struct span *span = p->span;

    p->span = NULL;
    if (error != LARDER_OK) {
        span_set_status(span, SPAN_ERROR, slice_from_string(larder_error_text(error)));
    } else {
        span_set(span, SLICE("larder.result"), span_text(slice_from_string(result_class_label(result_class(result)))));
    }
    tracer_end(span, clock_monotonic_ns());
}
