/* SPDX-License-Identifier: Apache-2.0 */
#include "telemetry/worker.h"

#include <stdlib.h>
#include <string.h>

static const char *const protocol_labels[] = {
    [PROTOCOL_MEMCACHED] = "memcached", [PROTOCOL_HTTP] = "http", [PROTOCOL_ETCD] = "etcd", [PROTOCOL_PEER] = "peer"};

const char *protocol_label(enum protocol protocol) {
    assert(protocol < PROTOCOL_COUNT);
    return protocol_labels[protocol];
}

void worker_telemetry_init(struct worker_telemetry *w) {
    memset(w, 0, sizeof(*w));
}

static void group_free(struct telemetry_group *g) {
    for (unsigned p = 0; p < PROTOCOL_COUNT; p++) {
        for (unsigned c = 0; c < COMMAND_COUNT; c++) {
            for (unsigned r = 0; r < RESULT_CLASS_COUNT; r++) {
                free(atomic_load_explicit(&g->series[p][c][r], memory_order_relaxed));
            }
        }
    }
    free(g);
}

void worker_telemetry_fini(struct worker_telemetry *w) {
    for (unsigned i = 0; i < TELEMETRY_GROUPS; i++) {
        struct telemetry_group *g = atomic_load_explicit(&w->groups[i], memory_order_relaxed);

        if (g != NULL) {
            group_free(g);
        }
    }
    worker_telemetry_init(w);
}

/* Zeroed memory in cache lines that no other thread writes; NULL when there is none. */
static void *allocate_lines(size_t size) {
    size_t rounded = (size + TELEMETRY_CACHE_LINE - 1) / TELEMETRY_CACHE_LINE * TELEMETRY_CACHE_LINE;
    void *memory = aligned_alloc(TELEMETRY_CACHE_LINE, rounded);

    if (memory != NULL) {
        memset(memory, 0, rounded);
    }
    return memory;
}

/* NULL when there is no memory for a new one, which has been counted. */
static struct telemetry_group *group_of(struct worker_telemetry *w, unsigned group) {
    struct telemetry_group *g = atomic_load_explicit(&w->groups[group], memory_order_relaxed);

    if (g != NULL) {
        return g;
    }
    g = allocate_lines(sizeof(*g));
    if (g == NULL) {
        telemetry_count(w, COUNTER_REQUESTS_UNMEASURED, 1);
        return NULL;
    }
    /* Release, so that a scraper which finds the pointer finds the zeros behind it too. */
    atomic_store_explicit(&w->groups[group], g, memory_order_release);
    return g;
}

void telemetry_pool_count(struct worker_telemetry *w, unsigned group, enum pool_counter counter) {
    struct telemetry_group *g = group_of(w, group);

    if (g != NULL) {
        telemetry_number_add(&g->pool[counter], 1);
    }
}

struct telemetry_series *telemetry_series_make(struct worker_telemetry *w, enum protocol protocol, enum command command,
                                               unsigned group, enum result_class result) {
    struct telemetry_group *g = group_of(w, group);
    struct telemetry_series *series;

    if (g == NULL) {
        return NULL;
    }
    series = allocate_lines(sizeof(*series));
    if (series == NULL) {
        telemetry_count(w, COUNTER_REQUESTS_UNMEASURED, 1);
        return NULL;
    }
    atomic_store_explicit(&g->series[protocol][command][result], series, memory_order_release);
    return series;
}

static unsigned bucket_of(uint64_t duration_ns) {
    unsigned bucket = 0;

    while (bucket < LATENCY_BUCKETS - 1 && duration_ns > (uint64_t)latency_bounds_ns[bucket]) {
        bucket++;
    }
    return bucket;
}

void telemetry_batch_end(struct worker_telemetry *w, int64_t duration_ns) {
    struct telemetry_series *series = w->pending;
    uint64_t duration = duration_ns > 0 ? (uint64_t)duration_ns : 0;
    unsigned bucket;

    if (series == NULL) {
        return;
    }
    bucket = bucket_of(duration);
    while (series != NULL) {
        struct telemetry_series *next = series->next_pending;

        telemetry_number_add(&series->buckets[bucket], series->pending);
        telemetry_number_add(&series->sum_ns, series->pending * duration);
        series->pending = 0;
        series->next_pending = NULL;
        series = next;
    }
    w->pending = NULL;
}
