/* SPDX-License-Identifier: Apache-2.0 */
#include "library/etcd/told.h"

#include "library/etcd/status.h"

enum { NS_PER_MS = 1000000 };

size_t told_method(enum store_op_kind kind) {
    static const size_t methods[] = {
        [STORE_OP_RANGE] = OBSERVE_RANGE,
        [STORE_OP_PUT] = OBSERVE_PUT,
        [STORE_OP_DELETE] = OBSERVE_DELETE_RANGE,
        [STORE_OP_TXN] = OBSERVE_TXN,
        [STORE_OP_COMPACT] = OBSERVE_COMPACT,
        [STORE_OP_LEASE_GRANT] = OBSERVE_LEASE_GRANT,
        [STORE_OP_LEASE_REVOKE] = OBSERVE_LEASE_REVOKE,
        [STORE_OP_LEASE_KEEP_ALIVE] = OBSERVE_LEASE_KEEP_ALIVE,
        [STORE_OP_LEASE_TTL] = OBSERVE_LEASE_TIME_TO_LIVE,
        [STORE_OP_LEASE_LIST] = OBSERVE_LEASE_LEASES,
    };

    return (size_t)kind < sizeof(methods) / sizeof(methods[0]) ? methods[kind] : OBSERVE_TXN;
}

void told_start(struct told *t, const struct span *parent, size_t method) {
    t->method = method;
    t->start_ns = clock_monotonic_ns();
    t->span = tracer_begin_leaf(&t->tracer->tracer, slice_from_string(observe_names.methods[method]), SPAN_CLIENT,
                                parent, t->start_ns);
    if (t->span != NULL) {
        span_set(t->span, SLICE("db.system.name"), span_text(SLICE("etcd")));
        span_set(
            t->span, SLICE("db.operation.name"),
            span_text(slice_from_string(observe_names.methods[method == OBSERVE_NEAR_GET ? OBSERVE_RANGE : method])));
    }
}

/* A read of one key finds it or not; of others it is enough that they were done. */
static enum larder_status outcome(const struct store_call *call) {
    if (call->status != STORE_OK || call->op.kind != STORE_OP_RANGE || call->op.range.span.range_end.size > 0) {
        return status_of(call->status);
    }
    return call->result.count > 0 || call->result.kv_count > 0 ? LARDER_HIT : LARDER_MISS;
}

static void describe_freshness(struct span *span, const struct store_call *call, bool from_memory) {
    const struct store_range *range = &call->op.range;

    span_set(span, SLICE("larder.from_memory"), span_truth(from_memory));
    span_set(span, SLICE("larder.freshness"),
             span_text(range->serializable     ? SLICE("cached")
                       : range->max_age_ns > 0 ? SLICE("max_stale")
                                               : SLICE("linearizable")));
    span_set(span, SLICE("larder.age_ms"), span_integer(call->age_ns / NS_PER_MS));
}

void told_finish(struct told *t, const struct store_call *call, bool from_memory) {
    enum larder_status status = outcome(call);
    int64_t now_ns = clock_monotonic_ns();

    observe_count(t->tracer, t->method, status, now_ns - t->start_ns);
    if (t->span == NULL) {
        return;
    }
    if (call->op.kind == STORE_OP_RANGE && call->status == STORE_OK) {
        describe_freshness(t->span, call, from_memory);
    }
    observe_describe(t->span, status, now_ns);
    tracer_end(t->span, now_ns);
}
