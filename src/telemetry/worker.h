/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TELEMETRY_WORKER_H
#define LARDER_TELEMETRY_WORKER_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/command.h"
#include "model/reply.h"
#include "telemetry/metrics.h"

/* What one thread counts. Invariant: each struct worker_telemetry has one writer, the thread it was given to; any
 * thread may read (snapshot.h). Every number is therefore a relaxed load and a relaxed store, never a locked
 * instruction. */

enum protocol { PROTOCOL_MEMCACHED, PROTOCOL_HTTP, PROTOCOL_ETCD, PROTOCOL_PEER, PROTOCOL_COUNT };

/* "memcached", "http", ..., "peer" (requests of other nodes of the cluster); static. */
const char *protocol_label(enum protocol protocol);

enum {
    TELEMETRY_GROUPS = 257, /* the group "default", index 0, and 256 named ones */
    TELEMETRY_CACHE_LINE = 64,
};

typedef _Atomic uint64_t telemetry_number;

/* The requests of one protocol, command, group and result: their number is the sum of the buckets. */
struct telemetry_series {
    /* The writer's own: requests of the present batch, and the next series that has some. */
    struct telemetry_series *next_pending;
    uint64_t pending;
    telemetry_number sum_ns;
    telemetry_number buckets[LATENCY_BUCKETS];
};

/* All series of one group; those of requests are allocated each when it first happens. */
struct telemetry_group {
    telemetry_number pool[POOL_COUNTER_COUNT]; /* of a group with a pool of groupcache */
    _Atomic(struct telemetry_series *) series[PROTOCOL_COUNT][COMMAND_COUNT][RESULT_CLASS_COUNT];
};

struct worker_telemetry {
    _Alignas(TELEMETRY_CACHE_LINE) telemetry_number counters[COUNTER_COUNT];
    struct telemetry_series *pending; /* the series the present batch has touched */
    _Atomic(struct telemetry_group *) groups[TELEMETRY_GROUPS];
};

/* All zero, nothing allocated yet. */
void worker_telemetry_init(struct worker_telemetry *w);

/* Frees the series. Nobody may be reading. */
void worker_telemetry_fini(struct worker_telemetry *w);

/* Slow half of telemetry_request: the series, made if need be; NULL when there is no memory, which has been counted. */
struct telemetry_series *telemetry_series_make(struct worker_telemetry *w, enum protocol protocol, enum command command,
                                               unsigned group, enum result_class result);

/* Adds for the single writer. */
static inline void telemetry_number_add(telemetry_number *number, uint64_t count) {
    atomic_store_explicit(number, atomic_load_explicit(number, memory_order_relaxed) + count, memory_order_relaxed);
}

static inline void telemetry_count(struct worker_telemetry *w, enum counter counter, uint64_t count) {
    telemetry_number_add(&w->counters[counter], count);
}

/* Counts for a group below TELEMETRY_GROUPS. Never fails; without memory it counts as a request that is unmeasured. */
void telemetry_pool_count(struct worker_telemetry *w, unsigned group, enum pool_counter counter);

/* Notes one answered request of the present batch. It shows up once telemetry_batch_end has booked it. `group` is below
 * TELEMETRY_GROUPS. Never fails; without memory for a new series the request counts as unmeasured. */
static inline void telemetry_request(struct worker_telemetry *w, enum protocol protocol, enum command command,
                                     unsigned group, enum result_class result) {
    struct telemetry_group *g;
    struct telemetry_series *series = NULL;

    assert(group < TELEMETRY_GROUPS);
    /* The writer reads what it wrote itself, so relaxed is enough here. */
    g = atomic_load_explicit(&w->groups[group], memory_order_relaxed);
    if (__builtin_expect(g != NULL, 1)) {
        series = atomic_load_explicit(&g->series[protocol][command][result], memory_order_relaxed);
    }
    if (__builtin_expect(series == NULL, 0)) {
        series = telemetry_series_make(w, protocol, command, group, result);
        if (series == NULL) {
            return;
        }
    }
    if (series->pending++ == 0) {
        series->next_pending = w->pending;
        w->pending = series;
    }
}

/* Ends the batch: books `duration_ns`, the time from the arrival of the batch's bytes to the hand-over of its replies
 * to the kernel, for every request noted since the last end. A negative duration counts as 0. Without requests it does
 * nothing. */
void telemetry_batch_end(struct worker_telemetry *w, int64_t duration_ns);

#endif
