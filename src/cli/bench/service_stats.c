/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bench/service_stats.h"

#include <string.h>

const char *route_name(enum route route) {
    static const char *const names[] = {
        [ROUTE_DELETE] = "DELETE",
        [ROUTE_PUT] = "PUT",
        [ROUTE_GET] = "GET use_cache=false",
        [ROUTE_GET_CACHED] = "GET use_cache=true",
    };

    return names[route];
}

void service_stats_init(struct service_stats *stats) {
    memset(stats, 0, sizeof(*stats));
    for (int i = 0; i < ROUTE_COUNT; i++) {
        histogram_init(&stats->routes[i].latency);
    }
}

void route_stats_merge(struct route_stats *stats, const struct route_stats *other) {
    stats->requests += other->requests;
    stats->fails += other->fails;
    stats->absent += other->absent;
    stats->body_bytes += other->body_bytes;
    histogram_merge(&stats->latency, &other->latency);
}

void service_stats_merge(struct service_stats *stats, const struct service_stats *other) {
    for (int i = 0; i < ROUTE_COUNT; i++) {
        route_stats_merge(&stats->routes[i], &other->routes[i]);
        stats->stale_by[i] += other->stale_by[i];
    }
    stats->judged += other->judged;
    stats->stale += other->stale;
    stats->foreign += other->foreign;
    stats->unknown += other->unknown;
    if (stats->first_wrong[0] == '\0') {
        memcpy(stats->first_wrong, other->first_wrong, sizeof(stats->first_wrong));
    }
    if (stats->first_failure[0] == '\0') {
        memcpy(stats->first_failure, other->first_failure, sizeof(stats->first_failure));
    }
}
