/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TRACE_CALLS_H
#define LARDER_TRACE_CALLS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* How many calls there were and how long they took, by method and by what came of them: what the metrics `calls` and
 * `latency` are made of. Any thread counts, without a lock. */

enum {
    CALLS_BUCKETS = 1 /* the last has no bound */
#define BUCKET(ns, text) +1
#include "telemetry/buckets.def"
#undef BUCKET
};

/* Upper bounds, included, in nanoseconds; and the same in seconds, as text. */
extern const uint64_t calls_bounds_ns[CALLS_BUCKETS - 1];
extern const char *const calls_bound_texts[CALLS_BUCKETS - 1];

/* What a call can come to: what the labels `status` and `error` say. Static texts. */
struct calls_outcome {
    const char *status;
    const char *error; /* "": none */
};

/* What there is to count; static. */
struct calls_names {
    const char *const *methods;
    size_t method_count;
    const struct calls_outcome *outcomes;
    size_t outcome_count;
};

struct calls_series {
    _Atomic uint64_t sum_ns;
    _Atomic uint64_t buckets[CALLS_BUCKETS];
};

struct calls {
    const struct calls_names *names;
    int64_t since_ns;                       /* of the day */
    _Atomic(struct calls_series *) *series; /* method * outcome_count + outcome; NULL: never so far */
    _Atomic uint64_t lost;                  /* calls for whose series there was no memory */
};

/* NULL: no memory. The caller frees it. */
struct calls *calls_new(const struct calls_names *names, int64_t now_wall_ns);
void calls_free(struct calls *calls);

void calls_count(struct calls *calls, size_t method, size_t outcome, int64_t duration_ns);

/* What was counted of one series, at one moment or nearly so. */
struct calls_figures {
    uint64_t count, sum_ns;
    uint64_t buckets[CALLS_BUCKETS];
};

/* Calls `fn` for each series that has counted, in order of methods. */
typedef void calls_fn(void *ctx, const char *method, const struct calls_outcome *outcome,
                      const struct calls_figures *figures);
void calls_each(const struct calls *calls, calls_fn *fn, void *ctx);

#endif
