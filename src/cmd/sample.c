/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/clock.h"
#include "cmd/cmd.h"
#include "cmd/hot_sample.h"
#include "cmd/near_sample.h"
#include "cmd/ring_sample.h"
#include "export/exporter.h"
#include "group/origin.h"
#include "store/etcd/etcd.h"
#include "telemetry/process.h"

static void sample_table(const struct cmd_node *node, uint64_t *values) {
    struct table_stats table;

    table_get_stats(node->table, &table);
    values[SAMPLE_TABLE_ITEMS] = table.items;
    values[SAMPLE_TABLE_STORED] = table.counts.stored;
    values[SAMPLE_TABLE_LIVE_BYTES] = table.memory_live;
    values[SAMPLE_TABLE_DEAD_BYTES] = table.memory_dead;
    values[SAMPLE_TABLE_MEMORY_SEGMENTS] = table.memory_segments;
    values[SAMPLE_TABLE_MEMORY_INDEX] = table.memory_index;
    values[SAMPLE_TABLE_MEMORY_GHOST] = table.memory_ghost;
    values[SAMPLE_TABLE_MEMORY_LARGE] = table.memory_large;
    values[SAMPLE_TABLE_MEMORY_SPARE] = table.memory_spare;
    values[SAMPLE_TABLE_MEMORY_LIMIT] = node->memory;
    values[SAMPLE_EVICTIONS_SMALL] = table.counts.evicted_small;
    values[SAMPLE_EVICTIONS_MAIN] = table.counts.evicted_main;
    values[SAMPLE_EVICTED_UNFETCHED] = table.counts.evicted_unfetched;
    values[SAMPLE_EXPIRED_ITEMS] = table.counts.expired;
    values[SAMPLE_EXPIRED_UNFETCHED] = table.counts.expired_unfetched;
    values[SAMPLE_TABLE_REFUSED] = table.counts.refused;
    values[SAMPLE_TABLE_MOVED] = table.counts.moved;
}

static void sample_commits(const struct store_figures *figures, uint64_t *values) {
    uint64_t count = 0;

    _Static_assert(SAMPLE_STORE_COMMIT_OPS_MORE - SAMPLE_STORE_COMMIT_OPS_1 + 1 == STORE_COMMIT_CLASSES,
                   "a bucket for each class");
    for (unsigned i = 0; i < STORE_COMMIT_CLASSES; i++) {
        count += figures->commit_classes[i];
        values[SAMPLE_STORE_COMMIT_OPS_1 + i] = count;
    }
    values[SAMPLE_STORE_COMMIT_OPS_COUNT] = count;
    values[SAMPLE_STORE_COMMIT_OPS_SUM] = figures->commit_ops;
}

static void miss(struct telemetry_samples *samples, unsigned first, unsigned last) {
    for (unsigned i = first; i <= last; i++) {
        samples->absent[i] = true;
    }
}

/* What only a node has that keeps its store itself. */
static void miss_own(struct telemetry_samples *samples) {
    miss(samples, SAMPLE_STORE_COMPACTED, SAMPLE_STORE_LEASES);
}

static void sample_cluster(const struct etcd_store_look *look, struct telemetry_samples *samples) {
    const struct etcd_figures *figures = &look->figures;
    uint64_t *values = samples->values;

    values[SAMPLE_CLUSTER_UP] = look->ready ? 1 : 0;
    values[SAMPLE_CLUSTER_UNKNOWN] = figures->unknown;
    values[SAMPLE_CLUSTER_RETRIES] = figures->retries;
    values[SAMPLE_CLUSTER_FAILOVERS] = figures->failovers;
    values[SAMPLE_CLUSTER_FAILOVER_TIME] = figures->failover_ns;
    values[SAMPLE_CLUSTER_FAILOVER_MAX] = figures->failover_max_ns;
    values[SAMPLE_CLUSTER_CONNECTS_OK] = figures->connects;
    values[SAMPLE_CLUSTER_CONNECTS_FAILED] = figures->connect_errors;
    values[SAMPLE_CLUSTER_LOST] = figures->connections_lost;
    values[SAMPLE_CLUSTER_STREAMS_LOST] = figures->streams_lost;
    values[SAMPLE_CLUSTER_LOGINS_OK] = figures->logins;
    values[SAMPLE_CLUSTER_LOGINS_FAILED] = figures->login_errors;
    values[SAMPLE_CLUSTER_WAITING] = figures->waiting;
}

/* A store is here or in a cluster, or there is none. */
static void sample_place(const struct cmd_node *node, struct telemetry_samples *samples) {
    struct etcd_store_look *look = node->cluster != NULL ? malloc(sizeof(*look)) : NULL;

    if (look != NULL && etcd_store_look(node->cluster, look)) {
        sample_cluster(look, samples);
        miss_own(samples);
    } else {
        miss(samples, SAMPLE_CLUSTER_UP, SAMPLE_CLUSTER_WAITING);
    }
    free(look);
}

static void sample_store(const struct cmd_node *node, struct telemetry_samples *samples) {
    uint64_t *values = samples->values;
    struct store_figures figures;

    if (node->store == NULL) {
        miss(samples, SAMPLE_STORE_REVISION, SAMPLE_STORE_PENDING_LIMIT);
        return;
    }
    store_get_figures(node->store, &figures);
    values[SAMPLE_STORE_REVISION] = (uint64_t)figures.revision;
    values[SAMPLE_STORE_COMPACTED] = (uint64_t)figures.compact_revision;
    values[SAMPLE_STORE_COMPACTIONS] = figures.compactions;
    values[SAMPLE_STORE_KEYS] = figures.keys;
    values[SAMPLE_STORE_BYTES] = figures.bytes;
    values[SAMPLE_STORE_QUOTA] = figures.quota;
    values[SAMPLE_STORE_FILE_BYTES] = figures.file_bytes;
    values[SAMPLE_STORE_FULL] = figures.full ? 1 : 0;
    values[SAMPLE_STORE_COMMITS] = figures.commits;
    sample_commits(&figures, values);
    values[SAMPLE_STORE_SYNCS] = figures.syncs;
    values[SAMPLE_STORE_SYNC_TIME] = figures.sync_ns;
    values[SAMPLE_STORE_LEASES] = figures.leases;
    values[SAMPLE_STORE_WATCHERS] = figures.watchers;
    values[SAMPLE_STORE_WATCHERS_LIMIT] = node->max_watchers;
    values[SAMPLE_STORE_PENDING] = figures.waiting;
    values[SAMPLE_STORE_PENDING_LIMIT] = node->max_pending_writes;
}

static void sample_traces(const struct cmd_node *node, struct telemetry_samples *samples) {
    struct exporter_figures figures;

    if (node->exporter == NULL) {
        miss(samples, SAMPLE_TRACE_SPANS_SENT, SAMPLE_TRACE_SPANS_DROPPED);
        return;
    }
    figures = exporter_figures(node->exporter);
    samples->values[SAMPLE_TRACE_SPANS_SENT] = figures.spans_sent;
    samples->values[SAMPLE_TRACE_SPANS_DROPPED] = figures.spans_dropped;
}

void cmd_sample(struct cmd_context *context, const struct telemetry_snapshot *snapshot,
                struct telemetry_samples *ret_samples) {
    const struct cmd_node *node = context->node;
    uint64_t *values = ret_samples->values;

    *ret_samples = (struct telemetry_samples){0};
    sample_table(node, values);
    sample_place(node, ret_samples);
    sample_store(node, ret_samples);
    hot_sample(node, ret_samples);
    near_sample(node, ret_samples);
    ring_sample(context, ret_samples);
    sample_traces(node, ret_samples);
    values[SAMPLE_UPTIME] = (uint64_t)(clock_monotonic_ns() - node->start_ns);
    values[SAMPLE_PROCESS_START] = (uint64_t)node->start_wall_ns;
    values[SAMPLE_WORKERS] = node->workers;
    values[SAMPLE_ITEM_LIMIT] = node->max_item;
    values[SAMPLE_CONNECTIONS_LIMIT] = node->max_conns;
    values[SAMPLE_GRPC_MEMORY] = atomic_load_explicit(&node->grpc_memory, memory_order_relaxed);
    values[SAMPLE_ORIGIN_FLIGHTS] = node->origin != NULL ? origin_under_way(node->origin) : 0;
    values[SAMPLE_ETCD_WATCHES] = atomic_load_explicit(&node->etcd_watches, memory_order_relaxed);
    /* Read one after the other while connections come and go: closed may have run ahead of opened. */
    if (snapshot->counters[COUNTER_CONNECTIONS_OPENED] > snapshot->counters[COUNTER_CONNECTIONS_CLOSED]) {
        values[SAMPLE_CONNECTIONS] =
            snapshot->counters[COUNTER_CONNECTIONS_OPENED] - snapshot->counters[COUNTER_CONNECTIONS_CLOSED];
    }
    telemetry_sample_process(ret_samples);
}
