/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/calls.h"

#include <assert.h>
#include <stdlib.h>

const uint64_t calls_bounds_ns[CALLS_BUCKETS - 1] = {
#define BUCKET(ns, text) ns,
#include "telemetry/buckets.def"
#undef BUCKET
};

const char *const calls_bound_texts[CALLS_BUCKETS - 1] = {
#define BUCKET(ns, text) text,
#include "telemetry/buckets.def"
#undef BUCKET
};

struct calls *calls_new(const struct calls_names *names, int64_t now_wall_ns) {
    struct calls *calls = calloc(1, sizeof(*calls));

    if (calls == NULL) {
        return NULL;
    }
    calls->names = names;
    calls->since_ns = now_wall_ns;
    calls->series = calloc(names->method_count * names->outcome_count, sizeof(calls->series[0]));
    if (calls->series == NULL) {
        free(calls);
        return NULL;
    }
    return calls;
}

void calls_free(struct calls *calls) {
    if (calls == NULL) {
        return;
    }
    for (size_t i = 0; i < calls->names->method_count * calls->names->outcome_count; i++) {
        free(atomic_load_explicit(&calls->series[i], memory_order_relaxed));
    }
    free((void *)calls->series);
    free(calls);
}

/* Two threads may make it at once; one of theirs is kept. */
static struct calls_series *series_make(struct calls *calls, size_t at) {
    struct calls_series *made = calloc(1, sizeof(*made)), *there = NULL;

    if (made == NULL) {
        atomic_fetch_add_explicit(&calls->lost, 1, memory_order_relaxed);
        return NULL;
    }
    if (atomic_compare_exchange_strong_explicit(&calls->series[at], &there, made, memory_order_acq_rel,
                                                memory_order_acquire)) {
        return made;
    }
    free(made);
    return there;
}

static size_t bucket_of(uint64_t ns) {
    size_t i = 0;

    while (i < CALLS_BUCKETS - 1 && ns > calls_bounds_ns[i]) {
        i++;
    }
    return i;
}

void calls_count(struct calls *calls, size_t method, size_t outcome, int64_t duration_ns) {
    uint64_t ns = duration_ns > 0 ? (uint64_t)duration_ns : 0;
    size_t at = method * calls->names->outcome_count + outcome;
    struct calls_series *series;

    assert(method < calls->names->method_count && outcome < calls->names->outcome_count);
    series = atomic_load_explicit(&calls->series[at], memory_order_acquire);
    if (series == NULL && (series = series_make(calls, at)) == NULL) {
        return;
    }
    atomic_fetch_add_explicit(&series->sum_ns, ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&series->buckets[bucket_of(ns)], 1, memory_order_relaxed);
}

void calls_each(const struct calls *calls, calls_fn *fn, void *ctx) {
    const struct calls_names *names = calls->names;

    for (size_t i = 0; i < names->method_count * names->outcome_count; i++) {
        const struct calls_series *series = atomic_load_explicit(&calls->series[i], memory_order_acquire);
        struct calls_figures figures = {.count = 0};

        if (series == NULL) {
            continue;
        }
        figures.sum_ns = atomic_load_explicit(&series->sum_ns, memory_order_relaxed);
        for (size_t b = 0; b < CALLS_BUCKETS; b++) {
            figures.buckets[b] = atomic_load_explicit(&series->buckets[b], memory_order_relaxed);
            figures.count += figures.buckets[b];
        }
        fn(ctx, names->methods[i / names->outcome_count], &names->outcomes[i % names->outcome_count], &figures);
    }
}
