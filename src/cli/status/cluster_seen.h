/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_STATUS_CLUSTER_SEEN_H
#define LARDER_CLI_STATUS_CLUSTER_SEEN_H

#include "cli/stat_list.h"
#include "cli/status/cluster.h"

enum { CLUSTER_RPCS_MAX = 16 /* kinds of requests that are shown */ };

/* Requests of one kind that were answered well, for the screen. */
struct cluster_rpc {
    char name[24];
    uint64_t count, mean_us, p99_us; /* p99_us 0: beyond what is measured */
};

/* A cluster as a node sees that keeps its groups there: what it answers to "stats cluster". */
struct cluster_seen {
    struct cluster_look look;
    bool ready;
    char trouble[ETCD_MEMBER_TEXT_MAX];
    uint64_t failovers, failover_us, failover_max_us;
    uint64_t ok, refused, denied, unavailable, unknown, retries, waiting;
    uint64_t connects, connect_errors, connections_lost, logins, login_errors, streams_lost;
    size_t rpc_count;
    struct cluster_rpc rpcs[CLUSTER_RPCS_MAX];
};

/* Whether the general statistics are of a node whose store is a cluster. */
bool cluster_seen_is_there(const struct stat_list *general);

/* Asks the node. Returns an exit code; when it is not EXIT_CODE_OK, the reason was printed. */
int cluster_seen_fetch(struct cluster_seen *seen, const struct ask *ask);

/* Reads what it answered. A line that is missing is 0 or empty. */
void cluster_seen_read(struct cluster_seen *seen, const struct stat_list *list);

void cluster_seen_print(const struct terminal *terminal, const struct cluster_seen *seen);
json_t *cluster_seen_json(const struct cluster_seen *seen);

#endif
