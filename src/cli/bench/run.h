/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_RUN_H
#define LARDER_CLI_BENCH_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/bench/config.h"
#include "cli/bench/progress.h"
#include "cli/bench/stats.h"
#include "cli/bench/workload.h"

/* A server under load. */
struct subject {
    struct address address;
    struct endpoint endpoint;
    uint64_t pid; /* 0: unknown */
};

/* What was measured in one run. */
struct run_result {
    struct stats stats;
    int64_t elapsed_ns;
    uint64_t client_cpu_ns; /* of this process, all threads */
    bool server_measured;
    uint64_t server_cpu_ns;
    uint64_t server_resident; /* bytes, at the end */
};

/* Puts one load on one server: connects, warms up (WORKLOAD_MIX only), measures. `trace` is read by WORKLOAD_REPLAY
 * only. False: the trouble was printed to standard error. */
bool run_load(const struct bench_config *config, const struct subject *subject, enum workload_kind kind,
              const struct trace *trace, const struct progress *progress, struct run_result *ret_result);

#endif
