/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_LIBRARY_OBSERVE_H
#define LARDER_LIBRARY_OBSERVE_H

#include "library/observe_method.h"
#include "library/pool.h"

/* A call of the cache under observation: its span, those of the servers that it asks, and its part of the metrics. Without a
 * tracer each of these functions costs one branch. */

enum { OBSERVE_SERVERS_MAX = 64 /* that have spans of their own; more are asked, but not told of */ };

struct observed_server {
    const char *name;
    int64_t last_ns; /* its last answer */
    size_t answers;
    enum larder_status error;
};

struct observed {
    struct larder_tracer *tracer; /* NULL: nothing is observed */
    size_t method;
    bool many; /* servers have spans of their own */
    int64_t start_ns;
    struct span *span; /* NULL: it is not recorded, but counted */
    size_t server_count;
    struct observed_server servers[OBSERVE_SERVERS_MAX]; /* those that have answered */
};

/* The slow halves. */
void observe_start(struct observed *o, const struct larder_cache *cache, size_t method, size_t count);
void observe_note(struct observed *o, const struct larder_answer *answer);
void observe_finish(struct observed *o, enum larder_status status);

/* `count` keys or writes are asked for; 0: one, and it is no call for many. */
static inline void observe_begin(struct observed *o, const struct larder_cache *cache, size_t method, size_t count) {
    o->tracer = cache->pool->setup.tracer;
    if (o->tracer != NULL) {
        observe_start(o, cache, method, count);
    }
}

static inline void observe_answer(struct observed *o, const struct larder_answer *answer) {
    if (o->tracer != NULL && o->span != NULL) {
        observe_note(o, answer);
    }
}

/* Returns the status. */
static inline enum larder_status observe_end(struct observed *o, enum larder_status status) {
    if (o->tracer != NULL) {
        observe_finish(o, status);
    }
    return status;
}

#endif
