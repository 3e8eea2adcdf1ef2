/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_LIBRARY_ETCD_TOLD_H
#define LARDER_LIBRARY_ETCD_TOLD_H

#include "library/etcd/client.h"
#include "library/observe_method.h"

/* A call to the store that a tracer is told of: one span, and its part of the metrics. Without a tracer each of these functions
 * costs one branch. It may end on another thread than it began on, which is the engine's for what nobody waits for: it takes no
 * lock there but the tracer's, for a moment. What the tracer has no memory for is not told, and nothing else comes of that. */
struct told {
    struct larder_tracer *tracer; /* NULL: nobody is told */
    struct span *span;            /* NULL: it is not recorded, but counted */
    size_t method;
    int64_t start_ns;
};

/* The slow halves. */
void told_start(struct told *t, const struct span *parent, size_t method);
void told_finish(struct told *t, const struct store_call *call, bool from_memory);

/* How the metrics call what is done. */
size_t told_method(enum store_op_kind kind);

/* `parent` (NULL: none) is not needed any more once this has returned. */
static inline void told_begin(struct told *t, const struct larder_etcd *client, const struct span *parent,
                              size_t method) {
    t->tracer = client->tracer;
    if (t->tracer != NULL) {
        told_start(t, parent, method);
    }
}

/* `from_memory`: nobody was asked. */
static inline void told_end(struct told *t, const struct store_call *call, bool from_memory) {
    if (t->tracer != NULL) {
        told_finish(t, call, from_memory);
    }
}

#endif
