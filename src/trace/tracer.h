/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TRACE_TRACER_H
#define LARDER_TRACE_TRACER_H

#include <stdatomic.h>

#include "base/process_mark.h"
#include "base/random.h"
#include "trace/sampler.h"
#include "trace/scope.h"
#include "trace/span_queue.h"

/* Begins spans and hands the ended ones to its queue. Any thread may begin spans; a span belongs to one thread at a time.
 *
 * A span that is not sampled still has its ids, so that its children and whoever is called know the trace and decide as it
 * did. With `keeps_errors` it records all the same, and if its status is ERROR when it ends it is exported: it alone, so its
 * parents, and children that went well, may be missing from such a trace.
 *
 * In a child that was forked off, spans can be begun and ended, and nothing becomes of them. */
typedef enum larder_error span_encode_fn(const struct span *span, struct buf *out);

struct tracer {
    struct sampler sampler;
    bool keeps_errors;
    uint64_t seed; /* of ids */
    _Atomic uint64_t next_id;
    _Atomic uint64_t lost; /* spans for which there was no memory */
    struct process_mark mark;
    span_encode_fn *encode;
    struct span_queue queue;
};

/* `seed` decides all ids; it should come from random_os_seed. `encode` makes bytes of an ended span, at most SPAN_ENCODED_MAX, on
 * the thread that ends it: they are a tenth of the span, so that little has to go from one processor's cache to another's. */
void tracer_init(struct tracer *t, const struct sampler *sampler, bool keeps_errors, uint64_t seed, size_t queue_max,
                 size_t batch_max, span_encode_fn *encode);

/* No span of it may be left. */
void tracer_fini(struct tracer *t);

/* A span that begins now; of a NULL parent, a root. NULL: no memory, which is counted. The caller ends it. */
struct span *tracer_begin(struct tracer *t, struct slice name, enum span_kind kind, const struct span *parent);

/* The same with a parent elsewhere. `parent` is valid; `state` is the tracestate, as trace_state_accept gives it. */
struct span *tracer_begin_remote(struct tracer *t, struct slice name, enum span_kind kind,
                                 const struct trace_context *parent, struct slice state);

/* The same for a span that will have no children but leaves, and whose ids nobody is told: NULL too if it would not record.
 * It began at `start_ns` of the monotonic clock. */
struct span *tracer_begin_leaf(struct tracer *t, struct slice name, enum span_kind kind, const struct span *parent,
                               int64_t start_ns);

/* A root, which began at `start_ns` of the monotonic clock, where most are not sampled: NULL if it would not record, which costs little
 * more than a draw of `dice`. Those are of the caller's thread alone, with a seed from random_os_seed. */
struct span *tracer_begin_drawn(struct tracer *t, struct random *dice, struct slice name, enum span_kind kind,
                                int64_t start_ns);

/* As tracer_begin_remote, but NULL if it would not record, and begun at `start_ns` of the monotonic clock. */
struct span *tracer_begin_served(struct tracer *t, struct slice name, enum span_kind kind,
                                 const struct trace_context *parent, struct slice state, int64_t start_ns);

/* A span for a part of the work that is done within `scope`, begun at `start_ns` of the monotonic clock; NULL if it would not record,
 * or if `t` or `scope` is NULL. */
struct span *tracer_begin_within(struct tracer *t, struct slice name, enum span_kind kind,
                                 const struct trace_scope *scope, int64_t start_ns);

/* The time of day as the span's trace has it. `monotonic_ns` is a time of the monotonic clock. */
static inline int64_t span_time_ns(const struct span *span, int64_t monotonic_ns) {
    return monotonic_ns + span->clock_offset_ns;
}

/* Ends it at that time (of the monotonic clock), and gives it up. NULL is allowed. */
void tracer_end(struct span *span, int64_t monotonic_ns);

#endif
