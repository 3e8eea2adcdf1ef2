/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_SERVICE_STATS_H
#define LARDER_CLI_BENCH_SERVICE_STATS_H

#include <stdint.h>

#include "base/histogram.h"

enum route { ROUTE_DELETE, ROUTE_PUT, ROUTE_GET, ROUTE_GET_CACHED, ROUTE_COUNT };

/* The route as it stands in reports. */
const char *route_name(enum route route);

enum { SERVICE_EXAMPLE_MAX = 400 };

/* What was counted of a route while it was measured. */
struct route_stats {
    uint64_t requests;
    uint64_t fails;           /* answers that refuse or complain */
    uint64_t absent;          /* answers that the key is not there; no fail */
    uint64_t body_bytes;      /* of all answers */
    struct histogram latency; /* nanoseconds */
};

/* What one worker, or all of them, counted. Stale and foreign answers count from the first request to the last, measured
 * or not. */
struct service_stats {
    struct route_stats routes[ROUTE_COUNT];
    uint64_t judged; /* answers */
    uint64_t stale;
    uint64_t stale_by[ROUTE_COUNT]; /* of them */
    uint64_t foreign;
    uint64_t unknown;                        /* writes of which nobody knows whether they were done */
    char first_wrong[SERVICE_EXAMPLE_MAX];   /* the first stale or foreign answer, in words; empty without one */
    char first_failure[SERVICE_EXAMPLE_MAX]; /* the first fail, in the server's words */
};

void service_stats_init(struct service_stats *stats);
void service_stats_merge(struct service_stats *stats, const struct service_stats *other);

/* Adds what was counted of one route to the sum of several. */
void route_stats_merge(struct route_stats *stats, const struct route_stats *other);

#endif
