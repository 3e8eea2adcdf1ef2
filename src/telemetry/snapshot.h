/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TELEMETRY_SNAPSHOT_H
#define LARDER_TELEMETRY_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "telemetry/worker.h"

/* The telemetry of all threads of a node, and what it adds up to at a moment. */

struct telemetry; /* opaque */

/* The sum over all threads of one series of requests that has happened. */
struct telemetry_total {
    enum protocol protocol;
    enum command command;
    unsigned group;
    enum result_class result;
    uint64_t count; /* the sum of the buckets */
    uint64_t sum_ns;
    uint64_t buckets[LATENCY_BUCKETS];
};

/* Owned by whoever asked for it. `totals` is ordered by group, protocol, command, result. The numbers of one snapshot
 * were read one after the other while the threads went on; a later snapshot never shows less. */
struct telemetry_snapshot {
    uint64_t counters[COUNTER_COUNT];
    struct telemetry_total *totals;
    size_t total_count;
    size_t total_capacity;
};

/* The values of everything that is not counted by threads, filled in by whoever exports, in the unit of metrics.def
 * (durations in nanoseconds). */
struct telemetry_samples {
    uint64_t values[SAMPLE_COUNT];
    bool absent[SAMPLE_COUNT]; /* this node has nothing of the kind: the series is not exported, its value is 0 */
};

/* Telemetry for `workers` threads (at least 1). NULL when there is no memory. */
struct telemetry *telemetry_new(unsigned workers);

/* No thread may use it any more. NULL is fine. */
void telemetry_free(struct telemetry *t);

/* The part that thread `index` (below `workers`) alone may write; lives as long as `t`. */
struct worker_telemetry *telemetry_worker(struct telemetry *t, unsigned index);

/* Sums all threads into ret_snapshot, which need not be initialised; end it with telemetry_snapshot_fini. Any thread
 * may call it. Errors: NO_MEMORY, ret_snapshot then untouched. */
enum larder_error telemetry_snapshot(struct telemetry *t, struct telemetry_snapshot *ret_snapshot);

/* What all threads have counted of a group's pool, whatever was reset. Any thread. */
uint64_t telemetry_pool_total(const struct telemetry *t, unsigned group, enum pool_counter counter);

void telemetry_snapshot_fini(struct telemetry_snapshot *s);

/* How many requests of `command` ended so, in every protocol and group. */
uint64_t telemetry_snapshot_requests(const struct telemetry_snapshot *s, enum command command,
                                     enum result_class result);

/* How many requests of `command` there were. */
uint64_t telemetry_snapshot_command(const struct telemetry_snapshot *s, enum command command);

/* memcached's "stats reset": from now on telemetry_since_reset counts from here. `samples` holds today's samples. What
 * Prometheus sees does not change. Any thread. Errors: NO_MEMORY, nothing then changes. */
enum larder_error telemetry_reset(struct telemetry *t, const struct telemetry_samples *samples);

/* As telemetry_snapshot, but counted since the last reset (or the start); takes the same off the samples that
 * count and leaves gauges alone. Any thread. Errors: NO_MEMORY, nothing is then touched. */
enum larder_error telemetry_since_reset(struct telemetry *t, struct telemetry_snapshot *ret_snapshot,
                                        struct telemetry_samples *samples);

#endif
