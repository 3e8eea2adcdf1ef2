/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_ETCD_AWAIT_H
#define LARDER_CLI_BENCH_ETCD_AWAIT_H

#include "cli/bench/etcd/worker.h"
#include "cli/bench/progress.h"

/* The main thread's part of a run: it looks at the workers now and then, and draws the bar. */

/* A run while it is under way. */
struct etcd_run {
    struct etcd_load load;
    const struct etcd_config *config;
    const struct progress *progress;
    struct etcd_worker *workers;
    uint64_t started; /* workers */
    int64_t shown_ns;
    uint64_t shown_moved;
    uint64_t moved; /* for the patience */
    int64_t moved_ns;
};

enum etcd_counter { ETCD_COUNTER_CONNECTED, ETCD_COUNTER_DONE, ETCD_COUNTER_EVENTS, ETCD_COUNTER_EXPECTED };

/* Over all workers. */
uint64_t etcd_run_sum(const struct etcd_run *run, enum etcd_counter counter);

/* Whether all connections are there. */
bool etcd_run_is_connected(const struct etcd_run *run);

/* Whether all that the load needs is there. */
bool etcd_run_is_ready(const struct etcd_run *run);

/* Whether all is asked and answered, and while watching all that was put has been delivered. */
bool etcd_run_is_finished(const struct etcd_run *run);

/* Prints a trouble with that endpoint to standard error; returns false. */
bool etcd_run_complain(const struct etcd_run *run, size_t endpoint, const char *trouble);

/* What is waited for, and what is shown meanwhile. */
struct etcd_wait {
    const char *label;
    bool (*is_over)(const struct etcd_run *run); /* NULL: never */
    int64_t most_ns;                             /* over in any case then; 0: never */
    uint64_t total;                              /* requests, for the bar; 0: by the time */
    bool quiet;                                  /* nothing is expected to come */
};

/* False: a worker has failed, or nothing came for too long; it was printed. */
bool etcd_run_wait(struct etcd_run *run, const struct etcd_wait *wait);

#endif
