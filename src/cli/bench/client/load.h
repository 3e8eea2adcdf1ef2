/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_CLIENT_LOAD_H
#define LARDER_CLI_BENCH_CLIENT_LOAD_H

#include "base/histogram.h"
#include "cli/bench/client/config.h"
#include "cli/bench/progress.h"
#include "store/etcd/figures.h"
#include "store/store.h"

/* What was measured: all that ended after the first answer. */
struct client_report {
    uint64_t requests; /* that ended, however */
    uint64_t statuses[STORE_STATUS_COUNT];
    uint64_t repeated;        /* puts that were sent again after an answer was lost */
    uint64_t wrong;           /* reads that did not find their key, or found another value than was put */
    struct histogram latency; /* nanoseconds, all attempts included; of good answers */
    int64_t elapsed_ns;
    uint64_t cpu_ns;        /* of this process, user and system */
    int64_t longest_gap_ns; /* without a good answer, the end of the run included */
    int64_t gap_at_ns;      /* when that began, from the start of what was measured */
    struct etcd_figures figures;
};

/* Puts the load on. False: nothing was measured; why was printed to standard error. */
bool client_load(const struct client_config *config, const struct progress *progress, struct client_report *ret_report);

#endif
