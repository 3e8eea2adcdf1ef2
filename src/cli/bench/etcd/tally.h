/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_ETCD_TALLY_H
#define LARDER_CLI_BENCH_ETCD_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "cli/bench/stats.h"
#include "proto/grpc/status.h"

enum { ETCD_STATUSES = GRPC_UNAUTHENTICATED + 1 };

/* What one worker, or all of them, counted while it was measured. */
struct etcd_tally {
    struct stats stats;               /* of requests; of events where the load is watching */
    uint64_t statuses[ETCD_STATUSES]; /* answers by how they ended */
    uint64_t wrong;                   /* answers that were OK, but not what they should be */
    char first_wrong[STATS_ERROR_MAX];
    uint64_t keys; /* that came along with ranges */
    uint64_t puts; /* while watching */
    struct histogram put_latency;
    uint32_t max_calls; /* the fewest that a server takes at a time on a connection; 0: not known */
};

void etcd_tally_init(struct etcd_tally *tally);
void etcd_tally_merge(struct etcd_tally *tally, const struct etcd_tally *other);

/* Counts a call that has ended with another status than OK. */
void etcd_tally_refusal(struct etcd_tally *tally, enum grpc_status status, struct slice text);

/* Counts an answer that is not what it should be. */
void etcd_tally_wrong(struct etcd_tally *tally, const char *why);

/* "OK", "UNAVAILABLE", ... */
const char *etcd_status_name(enum grpc_status status);

#endif
