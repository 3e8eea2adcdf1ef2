/* SPDX-License-Identifier: Apache-2.0 */
#include "telemetry/snapshot.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct telemetry {
    unsigned worker_count;
    struct worker_telemetry *workers;
    /* What "stats reset" takes off, under its lock; no request ever waits for it. */
    pthread_mutex_t baseline_lock;
    struct telemetry_snapshot baseline;
    struct telemetry_samples baseline_samples;
};

struct telemetry *telemetry_new(unsigned workers) {
    struct telemetry *t = calloc(1, sizeof(*t));

    assert(workers > 0);
    if (t == NULL) {
        return NULL;
    }
    t->workers = aligned_alloc(TELEMETRY_CACHE_LINE, workers * sizeof(*t->workers));
    if (t->workers == NULL || pthread_mutex_init(&t->baseline_lock, NULL) != 0) {
        free(t->workers);
        free(t);
        return NULL;
    }
    t->worker_count = workers;
    for (unsigned i = 0; i < workers; i++) {
        worker_telemetry_init(&t->workers[i]);
    }
    return t;
}

void telemetry_free(struct telemetry *t) {
    if (t == NULL) {
        return;
    }
    for (unsigned i = 0; i < t->worker_count; i++) {
        worker_telemetry_fini(&t->workers[i]);
    }
    telemetry_snapshot_fini(&t->baseline);
    pthread_mutex_destroy(&t->baseline_lock);
    free(t->workers);
    free(t);
}

struct worker_telemetry *telemetry_worker(struct telemetry *t, unsigned index) {
    assert(index < t->worker_count);
    return &t->workers[index];
}

static enum larder_error snapshot_add(struct telemetry_snapshot *s, const struct telemetry_total *total) {
    if (s->total_count == s->total_capacity) {
        size_t capacity = s->total_capacity > 0 ? 2 * s->total_capacity : 16;
        struct telemetry_total *totals = reallocarray(s->totals, capacity, sizeof(*totals));

        if (totals == NULL) {
            return LARDER_ERROR_NO_MEMORY;
        }
        s->totals = totals;
        s->total_capacity = capacity;
    }
    s->totals[s->total_count++] = *total;
    return LARDER_OK;
}

/* Adds one thread's share of the series that `total` names. */
static void add_worker(struct telemetry_total *total, struct worker_telemetry *w) {
    struct telemetry_group *g = atomic_load_explicit(&w->groups[total->group], memory_order_acquire);
    struct telemetry_series *series;

    if (g == NULL) {
        return;
    }
    series = atomic_load_explicit(&g->series[total->protocol][total->command][total->result], memory_order_acquire);
    if (series == NULL) {
        return;
    }
    total->sum_ns += atomic_load_explicit(&series->sum_ns, memory_order_relaxed);
    for (unsigned b = 0; b < LATENCY_BUCKETS; b++) {
        uint64_t count = atomic_load_explicit(&series->buckets[b], memory_order_relaxed);

        total->buckets[b] += count;
        total->count += count;
    }
}

static enum larder_error sum_series(struct telemetry *t, struct telemetry_snapshot *s, struct telemetry_total name) {
    for (unsigned i = 0; i < t->worker_count; i++) {
        add_worker(&name, &t->workers[i]);
    }
    /* A series made for a batch that has not ended yet has no count and has not happened. */
    return name.count > 0 ? snapshot_add(s, &name) : LARDER_OK;
}

static enum larder_error sum_group(struct telemetry *t, struct telemetry_snapshot *s, unsigned group) {
    for (unsigned p = 0; p < PROTOCOL_COUNT; p++) {
        for (unsigned c = 0; c < COMMAND_COUNT; c++) {
            for (unsigned r = 0; r < RESULT_CLASS_COUNT; r++) {
                enum larder_error error = sum_series(t, s,
                                                     (struct telemetry_total){
                                                         .protocol = (enum protocol)p,
                                                         .command = (enum command)c,
                                                         .group = group,
                                                         .result = (enum result_class)r,
                                                     });

                if (error != LARDER_OK) {
                    return error;
                }
            }
        }
    }
    return LARDER_OK;
}

static bool group_exists(const struct telemetry *t, unsigned group) {
    for (unsigned i = 0; i < t->worker_count; i++) {
        if (atomic_load_explicit(&t->workers[i].groups[group], memory_order_relaxed) != NULL) {
            return true;
        }
    }
    return false;
}

static void sum_counters(const struct telemetry *t, struct telemetry_snapshot *s) {
    for (unsigned i = 0; i < t->worker_count; i++) {
        for (unsigned c = 0; c < COUNTER_COUNT; c++) {
            s->counters[c] += atomic_load_explicit(&t->workers[i].counters[c], memory_order_relaxed);
        }
    }
}

enum larder_error telemetry_snapshot(struct telemetry *t, struct telemetry_snapshot *ret_snapshot) {
    struct telemetry_snapshot s = {.totals = NULL};

    sum_counters(t, &s);
    for (unsigned group = 0; group < TELEMETRY_GROUPS; group++) {
        enum larder_error error = group_exists(t, group) ? sum_group(t, &s, group) : LARDER_OK;

        if (error != LARDER_OK) {
            telemetry_snapshot_fini(&s);
            return error;
        }
    }
    *ret_snapshot = s;
    return LARDER_OK;
}

uint64_t telemetry_pool_total(const struct telemetry *t, unsigned group, enum pool_counter counter) {
    uint64_t total = 0;

    for (unsigned i = 0; i < t->worker_count; i++) {
        struct telemetry_group *g = atomic_load_explicit(&t->workers[i].groups[group], memory_order_acquire);

        total += g != NULL ? atomic_load_explicit(&g->pool[counter], memory_order_relaxed) : 0;
    }
    return total;
}

void telemetry_snapshot_fini(struct telemetry_snapshot *s) {
    free(s->totals);
    *s = (struct telemetry_snapshot){.totals = NULL};
}

uint64_t telemetry_snapshot_requests(const struct telemetry_snapshot *s, enum command command,
                                     enum result_class result) {
    uint64_t count = 0;

    for (size_t i = 0; i < s->total_count; i++) {
        const struct telemetry_total *total = &s->totals[i];

        count += total->command == command && total->result == result ? total->count : 0;
    }
    return count;
}

uint64_t telemetry_snapshot_command(const struct telemetry_snapshot *s, enum command command) {
    uint64_t count = 0;

    for (size_t i = 0; i < s->total_count; i++) {
        count += s->totals[i].command == command ? s->totals[i].count : 0;
    }
    return count;
}

enum larder_error telemetry_reset(struct telemetry *t, const struct telemetry_samples *samples) {
    struct telemetry_snapshot now;
    struct telemetry_snapshot old;
    enum larder_error error = telemetry_snapshot(t, &now);

    if (error != LARDER_OK) {
        return error;
    }
    pthread_mutex_lock(&t->baseline_lock);
    old = t->baseline;
    t->baseline = now;
    t->baseline_samples = *samples;
    pthread_mutex_unlock(&t->baseline_lock);
    telemetry_snapshot_fini(&old);
    return LARDER_OK;
}

static bool same_series(const struct telemetry_total *a, const struct telemetry_total *b) {
    return a->protocol == b->protocol && a->command == b->command && a->group == b->group && a->result == b->result;
}

/* Another thread may have reset after `from` was read; what would go below zero is nothing yet. */
static uint64_t difference(uint64_t from, uint64_t baseline) {
    return from > baseline ? from - baseline : 0;
}

static void total_subtract(struct telemetry_total *total, const struct telemetry_total *baseline) {
    total->count = 0;
    total->sum_ns = difference(total->sum_ns, baseline->sum_ns);
    for (unsigned b = 0; b < LATENCY_BUCKETS; b++) {
        total->buckets[b] = difference(total->buckets[b], baseline->buckets[b]);
        total->count += total->buckets[b];
    }
}

/* Every series of the baseline is also in `s`, in the same order, unless `s` is older. */
static void snapshot_subtract(struct telemetry_snapshot *s, const struct telemetry_snapshot *baseline) {
    size_t at = 0;

    for (unsigned c = 0; c < COUNTER_COUNT; c++) {
        s->counters[c] = difference(s->counters[c], baseline->counters[c]);
    }
    for (size_t i = 0; i < baseline->total_count; i++) {
        size_t found = at;

        while (found < s->total_count && !same_series(&s->totals[found], &baseline->totals[i])) {
            found++;
        }
        if (found < s->total_count) {
            total_subtract(&s->totals[found], &baseline->totals[i]);
            at = found + 1;
        }
    }
}

static void samples_subtract(struct telemetry_samples *samples, const struct telemetry_samples *baseline) {
    for (unsigned i = 0; i < SAMPLE_COUNT; i++) {
        if (metric_infos[sample_infos[i].metric].type != METRIC_TYPE_GAUGE) {
            samples->values[i] = difference(samples->values[i], baseline->values[i]);
        }
    }
}

enum larder_error telemetry_since_reset(struct telemetry *t, struct telemetry_snapshot *ret_snapshot,
                                        struct telemetry_samples *samples) {
    struct telemetry_snapshot s;
    enum larder_error error = telemetry_snapshot(t, &s);

    if (error != LARDER_OK) {
        return error;
    }
    pthread_mutex_lock(&t->baseline_lock);
    snapshot_subtract(&s, &t->baseline);
    samples_subtract(samples, &t->baseline_samples);
    pthread_mutex_unlock(&t->baseline_lock);
    *ret_snapshot = s;
    return LARDER_OK;
}
