/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_ETCD_RUN_H
#define LARDER_CLI_BENCH_ETCD_RUN_H

#include <stdbool.h>

#include "cli/bench/etcd/config.h"
#include "cli/bench/etcd/tally.h"
#include "cli/bench/etcd/target.h"
#include "cli/bench/process.h"
#include "cli/bench/progress.h"
#include "cli/bench/run.h"

/* What was measured in one run. */
struct etcd_result {
    struct run_result base; /* its stats are those of the tally */
    struct etcd_tally tally;
    uint64_t expected; /* events that the puts should have brought */
    bool memory_measured;
    struct process_memory before; /* when the connections were there, before watchers and requests */
    struct process_memory after;
};

/* Puts the load on once: connects, sets up, warms up, measures. False: the trouble was printed to standard error. */
bool etcd_run(const struct etcd_config *config, const struct etcd_target *target, const struct progress *progress,
              struct etcd_result *ret_result);

#endif
