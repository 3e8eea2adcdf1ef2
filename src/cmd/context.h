/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CMD_CONTEXT_H
#define LARDER_CMD_CONTEXT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "auth/auth.h"
#include "cache/table.h"
#include "group/durable.h"
#include "group/policy.h"
#include "peer/greeting.h"
#include "telemetry/snapshot.h"

struct heat;
struct heat_board;
struct origin;
struct origin_worker;
struct shared;
struct shared_worker;
struct exporter;
struct tracer;

/* What commands know of their node: shared by all workers, made at start and never changed but for the atomics. */
struct cmd_node {
    struct table *table;
    struct store *store;           /* NULL: no group is durable */
    struct store *cluster;         /* below it, for what only a cluster has (store/etcd/etcd.h); NULL: it is in none */
    struct durable *durable;       /* what store groups need besides; NULL likewise */
    struct auth *auth;             /* who may do what in it; NULL likewise: everybody everything */
    struct shared *shared;         /* memory groups are spread over the nodes of a cluster; NULL: there is none */
    struct origin *origin;         /* what is under way to origins; NULL: no group may have one */
    struct heat_board *heat_board; /* which keys are asked for most; NULL: nobody counts */
    const struct greeting_identity
        *peer_identity; /* what it greets other nodes of its cluster with; NULL: it is in none */
    struct telemetry *telemetry;
    struct exporter *exporter; /* of its traces; NULL: it has none */
    int64_t start_ns;          /* monotonic */
    int64_t start_wall_ns;     /* since 1970 */
    uint64_t memory;           /* configured limits, as stats and metrics show them */
    uint64_t max_item;
    uint64_t max_conns;
    uint64_t max_watchers;
    uint64_t max_pending_writes;
    atomic_size_t grpc_memory;  /* bytes that all connections with gRPC take */
    atomic_size_t etcd_watches; /* of etcd's API; at most max_watchers, like those of HTTP */
    unsigned workers;
    uint16_t tcp_port;         /* of the first TCP listener; 0: none */
    atomic_bool draining;      /* it takes no new connections and is about to end */
    _Atomic uint32_t flush_at; /* table second at which everything is dropped; 0: no flush is due */
};

/* What a worker hands to a command. `now`, `now_ns` and `groups` are of this batch of requests. */
struct cmd_context {
    struct cmd_node *node;
    struct worker_telemetry *telemetry;
    const struct group_set *groups;
    struct pending_queue *completions;   /* the worker's, where late answers come in */
    struct tracer *tracer;               /* NULL: nothing is traced */
    struct origin_worker *origin_worker; /* the worker's part in node->origin; NULL likewise */
    struct shared_worker *shared_worker; /* the worker's part in node->shared; NULL likewise */
    struct heat *
        heat; /* counts what clients ask for through this worker, by the table's hashes of the keys; NULL: nobody counts */
    struct auth_known *who; /* who asks; NULL: nobody. Is kept up to date (auth_renew) */
    int64_t now_ns;         /* monotonic */
    uint32_t now;           /* table seconds */
};

/* The table second of a moment on the monotonic clock. */
static inline uint32_t cmd_table_seconds(const struct cmd_node *node, int64_t now_ns) {
    return table_seconds(node->start_ns, now_ns);
}

/* The moment that the requests of a batch see. */
static inline void cmd_context_set_now(struct cmd_context *context, int64_t now_ns) {
    context->now_ns = now_ns;
    context->now = cmd_table_seconds(context->node, now_ns);
}

#endif
