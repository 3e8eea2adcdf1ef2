/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TRACE_SCOPE_H
#define LARDER_TRACE_SCOPE_H

#include <stdatomic.h>

#include "trace/span.h"

/* The span that work is done for, here or with whoever has asked, as far as those need to know who do the work: they may go on
 * after the span has ended, and on another thread. Counted; never changed. */
struct trace_scope {
    atomic_uint references;
    struct trace_context context; /* valid */
    size_t state_size;
    char state[]; /* tracestate */
};

/* NULL: no memory. One reference, the caller's. */
struct trace_scope *trace_scope_new(const struct trace_context *context, struct slice state);

/* NULL is allowed. Returns `scope`. */
static inline struct trace_scope *trace_scope_ref(struct trace_scope *scope) {
    if (scope != NULL) {
        atomic_fetch_add_explicit(&scope->references, 1, memory_order_relaxed);
    }
    return scope;
}

/* NULL is allowed. */
void trace_scope_unref(struct trace_scope *scope);

static inline struct slice trace_scope_state(const struct trace_scope *scope) {
    return slice_make(scope->state, scope->state_size);
}

#endif
