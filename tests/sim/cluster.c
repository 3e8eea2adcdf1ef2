/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster.h"

#include <stdio.h>

#include "member.h"

#define EXPIRY_NS (500 * SIM_MS) /* how often etcd looks for leases that are over */

static void expire(void *ctx);

void cluster_init(struct cluster *cluster, struct sim *sim, struct net *net, const char *name, size_t count,
                  uint64_t id) {
    *cluster = (struct cluster){
        .sim = sim,
        .net = net,
        .id = id,
        .count = count,
        .term = 2,
        .version = "3.5.21",
        .token_ttl_ns = 300 * SIM_S,
        .commit_ns = 500 * SIM_US,
        .lag_ns = 50 * SIM_MS,
        .lag_percent = 10,
        .fragment_bytes = 1000,
        .progress_ns = 600 * SIM_S,
        .max_streams = 1000,
    };
    mvcc_init(&cluster->mvcc);
    cluster->log = sim_new(sizeof(*cluster->log));
    cluster->log[0] = cluster->mvcc.revision;
    cluster->log_count = 1;
    for (size_t i = 0; i < count; i++) {
        char host[32];

        (void)snprintf(host, sizeof(host), "%s%u", name, (unsigned)i);
        cluster->members[i] = member_new(cluster, net_add_host(net, host), i);
    }
    cluster->leader = (int)random_below(&sim->random, count);
    cluster->expiry = sim_after(sim, EXPIRY_NS, expire, cluster);
}

void cluster_fini(struct cluster *cluster) {
    sim_cancel(cluster->sim, cluster->election);
    sim_cancel(cluster->sim, cluster->expiry);
    for (size_t i = 0; i < cluster->count; i++) {
        member_end(cluster->members[i]);
    }
    while (cluster->rounds != NULL) {
        cluster->rounds->refs = 1;
        round_drop(cluster->rounds);
    }
    for (size_t i = 0; i < cluster->count; i++) {
        member_free(cluster->members[i]);
    }
    free(cluster->log);
    mvcc_fini(&cluster->mvcc);
}

struct net_host *cluster_host(struct cluster *cluster, size_t place) {
    return cluster->members[place]->host;
}

void cluster_agreed(struct cluster *cluster) {
    cluster->log = realloc(cluster->log, (cluster->log_count + 1) * sizeof(*cluster->log));
    sim_must(cluster->log != NULL);
    cluster->log[cluster->log_count++] = cluster->mvcc.revision;
    for (size_t i = 0; i < cluster->count; i++) {
        member_apply_soon(cluster->members[i]);
    }
}

enum etcd_error cluster_apply(struct cluster *cluster, const struct store_op *op) {
    struct store_result result;
    struct arena arena;
    enum etcd_error error;

    arena_init(&arena, SIZE_MAX / 2);
    error = mvcc_apply(&cluster->mvcc, op, cluster->sim->now_ns, &arena, &result);
    arena_fini(&arena);
    cluster_agreed(cluster);
    return error;
}

/* The leader revokes what is over. */
static void expire(void *ctx) {
    struct cluster *cluster = ctx;
    struct mvcc *mvcc = &cluster->mvcc;
    size_t i = 0;

    cluster->expiry = sim_after(cluster->sim, EXPIRY_NS, expire, cluster);
    while (cluster_is_able(cluster) && i < mvcc->lease_count) {
        if (mvcc->leases[i].end_ns <= cluster->sim->now_ns) {
            (void)cluster_apply(cluster,
                                &(struct store_op){.kind = STORE_OP_LEASE_REVOKE, .lease = {.id = mvcc->leases[i].id}});
        } else {
            i++;
        }
    }
}

void cluster_drop_tokens(struct cluster *cluster) {
    cluster->token_count = 0;
}
