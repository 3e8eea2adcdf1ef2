/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_ETCD_TARGET_H
#define LARDER_CLI_BENCH_ETCD_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/bench/etcd/config.h"
#include "cli/bench/etcd/glance.h"
#include "cli/bench/process.h"

struct etcd_endpoint {
    struct address address;
    struct endpoint endpoint;
    char authority[ADDRESS_TEXT_MAX];
};

enum { ETCD_VERSION_MAX = 64 };

/* The servers under load, and the processes that they are on this machine. */
struct etcd_target {
    struct etcd_endpoint endpoints[ETCD_ENDPOINTS_MAX];
    size_t count;
    int64_t patience_ns; /* for the answers before the load */
    uint64_t pids[ETCD_ENDPOINTS_MAX];
    size_t pid_count;               /* 0: nothing of them can be seen */
    char token[ETCD_TOKEN_MAX];     /* empty without --user */
    char version[ETCD_VERSION_MAX]; /* what the first says it is; may be empty */
};

/* Makes sure that each of the endpoints answers, logs in, picks the leader if the configuration says so, and finds the
 * processes (`pid` is the one given, or 0). False: the trouble was printed to standard error. */
bool etcd_target_find(struct etcd_target *ret_target, const struct etcd_config *config,
                      const struct etcd_endpoints *endpoints, uint64_t pid);

/* Asks once for what the load will range over. False: it was printed. */
bool etcd_target_range(const struct etcd_target *target, const struct etcd_config *config,
                       struct glance_range *ret_glance);

/* Over all processes. False: one cannot be looked at, or there is none. */
bool etcd_target_cpu(const struct etcd_target *target, uint64_t *ret_ns);
bool etcd_target_memory(const struct etcd_target *target, struct process_memory *ret_memory);

#endif
