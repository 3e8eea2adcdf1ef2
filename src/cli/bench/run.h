/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_RUN_H
#define LARDER_CLI_BENCH_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/bench/config.h"
#include "cli/bench/progress.h"
#include "cli/bench/stats.h"
#include "cli/bench/workload.h"

/* A server under load. */
struct subject {
    struct address address;
    struct endpoint endpoint;
    uint64_t pid;                /* 0: unknown */
    char host[ADDRESS_TEXT_MAX]; /* HTTP: the field Host */
};

struct service;

/* A load, and whom it is put on. */
struct run_plan {
    const struct bench_config *config;
    const struct subject *subjects; /* connections are dealt to them in turn; the first one's process is measured */
    size_t subject_count;
    enum workload_kind kind;
    const struct trace *trace; /* WORKLOAD_REPLAY reads it */
    struct service *service;   /* not NULL: it says what is asked, and no stats of keys are kept */
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

/* Puts one load on: connects, warms up (WORKLOAD_MIX only), measures. False: the trouble was printed to standard
 * error. */
bool run_load(const struct run_plan *plan, const struct progress *progress, struct run_result *ret_result);

#endif
