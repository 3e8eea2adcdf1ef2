/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/version.h"
#include "cmd/cmd.h"
#include "cmd/near_sample.h"
#include "cmd/stats_cluster.h"

/* What the lines are made of, and where they go. */
struct report {
    struct cmd_context *context;
    struct telemetry_snapshot snapshot; /* since the last reset */
    struct telemetry_samples samples;
    cmd_stat_fn *emit;
    void *ctx;
    bool failed;
};

static void text(struct report *r, const char *name, const char *value) {
    if (!r->failed && !r->emit(r->ctx, name, value)) {
        r->failed = true;
    }
}

static void number(struct report *r, const char *name, uint64_t value) {
    char digits[24];

    snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
    text(r, name, digits);
}

static uint64_t requests(const struct report *r, enum command command, enum result_class class) {
    return telemetry_snapshot_requests(&r->snapshot, command, class);
}

static uint64_t all(const struct report *r, enum command command) {
    return telemetry_snapshot_command(&r->snapshot, command);
}

static uint64_t counter(const struct report *r, enum counter c) {
    return r->snapshot.counters[c];
}

static uint64_t sample(const struct report *r, enum sample s) {
    return r->samples.values[s];
}

static void cpu_time(struct report *r, const char *name, struct timeval time) {
    char value[48];

    snprintf(value, sizeof(value), "%lld.%06ld", (long long)time.tv_sec, (long)time.tv_usec);
    text(r, name, value);
}

static void report_process(struct report *r) {
    const struct cmd_node *node = r->context->node;
    struct rusage usage = {0};

    getrusage(RUSAGE_SELF, &usage);
    number(r, "pid", (uint64_t)getpid());
    number(r, "uptime", (uint64_t)((clock_monotonic_ns() - node->start_ns) / CLOCK_NS_PER_S));
    number(r, "time", (uint64_t)(clock_wall_ns() / CLOCK_NS_PER_S));
    text(r, "version", LARDER_MEMCACHED_VERSION);
    number(r, "pointer_size", 8 * sizeof(void *));
    cpu_time(r, "rusage_user", usage.ru_utime);
    cpu_time(r, "rusage_system", usage.ru_stime);
    number(r, "threads", node->workers);
}

static void report_connections(struct report *r) {
    const struct cmd_node *node = r->context->node;

    number(r, "max_connections", node->max_conns);
    number(r, "curr_connections", sample(r, SAMPLE_CONNECTIONS));
    number(r, "total_connections", counter(r, COUNTER_CONNECTIONS_OPENED));
    number(r, "rejected_connections",
           counter(r, COUNTER_REJECTED_MAX_CONNS) + counter(r, COUNTER_REJECTED_DESCRIPTORS));
    number(r, "connection_structures", sample(r, SAMPLE_CONNECTIONS));
    number(r, "accepting_conns", atomic_load(&node->draining) ? 0 : 1);
    number(r, "listen_disabled_num", counter(r, COUNTER_REJECTED_DESCRIPTORS));
    number(r, "time_in_listen_disabled_us", 0);
    number(r, "conn_yields", counter(r, COUNTER_LIMIT_MAX_OUTPUT));
    number(r, "bytes_read", counter(r, COUNTER_BYTES_READ));
    number(r, "bytes_written", counter(r, COUNTER_BYTES_WRITTEN));
}

/* A gat is a touch that also reads: memcached counts it as both hit and touch, and as a command only among the touches. */
static void report_reads(struct report *r) {
    uint64_t gat_hits = requests(r, COMMAND_GAT, RESULT_CLASS_HIT);
    uint64_t gat_misses = requests(r, COMMAND_GAT, RESULT_CLASS_MISS);

    number(r, "cmd_get", all(r, COMMAND_GET));
    number(r, "cmd_touch", all(r, COMMAND_TOUCH) + gat_hits + gat_misses);
    number(r, "cmd_meta", counter(r, COUNTER_META_COMMANDS));
    number(r, "get_hits", requests(r, COMMAND_GET, RESULT_CLASS_HIT));
    number(r, "get_misses", requests(r, COMMAND_GET, RESULT_CLASS_MISS));
    number(r, "get_expired", counter(r, COUNTER_GET_EXPIRED));
    number(r, "get_flushed", 0);
    number(r, "touch_hits", requests(r, COMMAND_TOUCH, RESULT_CLASS_OK) + gat_hits);
    number(r, "touch_misses", requests(r, COMMAND_TOUCH, RESULT_CLASS_ABSENT) + gat_misses);
}

static void report_writes(struct report *r) {
    static const enum command stores[] = {COMMAND_SET,    COMMAND_ADD,     COMMAND_REPLACE,
                                          COMMAND_APPEND, COMMAND_PREPEND, COMMAND_CAS};
    uint64_t sets = 0;

    for (size_t i = 0; i < sizeof(stores) / sizeof(stores[0]); i++) {
        sets += all(r, stores[i]) - requests(r, stores[i], RESULT_CLASS_ERROR) -
                requests(r, stores[i], RESULT_CLASS_REFUSED);
    }
    number(r, "cmd_set", sets);
    number(r, "cmd_flush", all(r, COMMAND_FLUSH));
    number(r, "cas_hits", requests(r, COMMAND_CAS, RESULT_CLASS_OK));
    number(r, "cas_misses", requests(r, COMMAND_CAS, RESULT_CLASS_ABSENT));
    number(r, "cas_badval", requests(r, COMMAND_CAS, RESULT_CLASS_CONFLICT));
    number(r, "delete_hits", requests(r, COMMAND_DELETE, RESULT_CLASS_OK));
    number(r, "delete_misses", requests(r, COMMAND_DELETE, RESULT_CLASS_ABSENT));
    number(r, "incr_hits", requests(r, COMMAND_INCR, RESULT_CLASS_OK));
    number(r, "incr_misses", requests(r, COMMAND_INCR, RESULT_CLASS_ABSENT));
    number(r, "decr_hits", requests(r, COMMAND_DECR, RESULT_CLASS_OK));
    number(r, "decr_misses", requests(r, COMMAND_DECR, RESULT_CLASS_ABSENT));
    number(r, "store_too_large", counter(r, COUNTER_LIMIT_MAX_ITEM));
    number(r, "store_no_memory", counter(r, COUNTER_LIMIT_MEMORY));
    number(r, "auth_cmds", 0);
    number(r, "auth_errors", 0);
}

static void report_table(struct report *r) {
    number(r, "limit_maxbytes", sample(r, SAMPLE_TABLE_MEMORY_LIMIT));
    number(r, "bytes", sample(r, SAMPLE_TABLE_LIVE_BYTES));
    number(r, "curr_items", sample(r, SAMPLE_TABLE_ITEMS));
    number(r, "total_items", sample(r, SAMPLE_TABLE_STORED));
    number(r, "hash_power_level", 0);
    number(r, "hash_bytes", sample(r, SAMPLE_TABLE_MEMORY_INDEX));
    number(r, "hash_is_expanding", 0);
    number(r, "malloc_fails", counter(r, COUNTER_LIMIT_MEMORY));
    number(r, "evictions", sample(r, SAMPLE_EVICTIONS_SMALL) + sample(r, SAMPLE_EVICTIONS_MAIN));
    number(r, "evicted_unfetched", sample(r, SAMPLE_EVICTED_UNFETCHED));
    number(r, "evicted_active", 0);
    number(r, "expired_unfetched", sample(r, SAMPLE_EXPIRED_UNFETCHED));
    number(r, "reclaimed", sample(r, SAMPLE_EXPIRED_ITEMS));
    number(r, "crawler_reclaimed", 0);
}

/* Of a store in a cluster not everything is known. */
static void store_number(struct report *r, const char *name, enum sample id, uint64_t unit) {
    if (!r->samples.absent[id]) {
        number(r, name, sample(r, id) / unit);
    }
}

/* Names of our own, and only where there is a store: what reads memcached's statistics knows them not and loses nothing. */
static void report_store(struct report *r) {
    if (r->context->node->store == NULL) {
        return;
    }
    text(r, "store_engine", cmd_stats_has_cluster(r->context->node) ? "etcd" : "local");
    store_number(r, "store_revision", SAMPLE_STORE_REVISION, 1);
    store_number(r, "store_compacted_revision", SAMPLE_STORE_COMPACTED, 1);
    store_number(r, "store_compactions", SAMPLE_STORE_COMPACTIONS, 1);
    store_number(r, "store_keys", SAMPLE_STORE_KEYS, 1);
    store_number(r, "store_bytes", SAMPLE_STORE_BYTES, 1);
    store_number(r, "store_quota_bytes", SAMPLE_STORE_QUOTA, 1);
    store_number(r, "store_file_bytes", SAMPLE_STORE_FILE_BYTES, 1);
    store_number(r, "store_full", SAMPLE_STORE_FULL, 1);
    store_number(r, "store_commits", SAMPLE_STORE_COMMITS, 1);
    store_number(r, "store_commit_operations", SAMPLE_STORE_COMMIT_OPS_SUM, 1);
    store_number(r, "store_syncs", SAMPLE_STORE_SYNCS, 1);
    store_number(r, "store_sync_us", SAMPLE_STORE_SYNC_TIME, 1000);
    store_number(r, "store_leases", SAMPLE_STORE_LEASES, 1);
    store_number(r, "store_watchers", SAMPLE_STORE_WATCHERS, 1);
    store_number(r, "store_pending_writes", SAMPLE_STORE_PENDING, 1);
}

static void report_general(struct report *r) {
    report_process(r);
    report_connections(r);
    report_reads(r);
    report_writes(r);
    report_table(r);
    report_store(r);
}

static void report_settings(struct report *r) {
    const struct cmd_node *node = r->context->node;

    number(r, "maxbytes", node->memory);
    number(r, "maxconns", node->max_conns);
    number(r, "tcpport", node->tcp_port);
    number(r, "udpport", 0);
    text(r, "inter", "NULL");
    number(r, "verbosity", 0);
    text(r, "evictions", "on");
    number(r, "num_threads", node->workers);
    text(r, "cas_enabled", "yes");
    number(r, "item_size_max", node->max_item);
    text(r, "detail_enabled", "no");
    text(r, "flush_enabled", "yes");
    text(r, "auth_enabled_sasl", "no");
    text(r, "auth_enabled_ascii", "no");
}

/* memcached has size classes; here there is one, all of the table. */
static void report_items(struct report *r) {
    if (sample(r, SAMPLE_TABLE_ITEMS) == 0) {
        return;
    }
    number(r, "items:1:number", sample(r, SAMPLE_TABLE_ITEMS));
    number(r, "items:1:age", 0);
    number(r, "items:1:mem_requested", sample(r, SAMPLE_TABLE_LIVE_BYTES));
    number(r, "items:1:evicted", sample(r, SAMPLE_EVICTIONS_SMALL) + sample(r, SAMPLE_EVICTIONS_MAIN));
    number(r, "items:1:evicted_unfetched", sample(r, SAMPLE_EVICTED_UNFETCHED));
    number(r, "items:1:expired_unfetched", sample(r, SAMPLE_EXPIRED_UNFETCHED));
    number(r, "items:1:outofmemory", counter(r, COUNTER_LIMIT_MEMORY));
    number(r, "items:1:reclaimed", sample(r, SAMPLE_EXPIRED_ITEMS));
}

static void report_slabs(struct report *r) {
    const struct segment_figures {
        uint64_t bytes;
        uint64_t size;
    } segments = {sample(r, SAMPLE_TABLE_MEMORY_SEGMENTS), r->context->node->table->shards[0].segment_size};

    number(r, "1:chunk_size", segments.size);
    number(r, "1:chunks_per_page", 1);
    number(r, "1:total_pages", segments.bytes / segments.size);
    number(r, "1:total_chunks", segments.bytes / segments.size);
    number(r, "1:used_chunks", segments.bytes / segments.size);
    number(r, "1:free_chunks", sample(r, SAMPLE_TABLE_MEMORY_SPARE) / segments.size);
    number(r, "1:get_hits", requests(r, COMMAND_GET, RESULT_CLASS_HIT));
    number(r, "1:cmd_set", all(r, COMMAND_SET));
    number(r, "1:delete_hits", requests(r, COMMAND_DELETE, RESULT_CLASS_OK));
    number(r, "active_slabs", 1);
    number(r, "total_malloced", segments.bytes + sample(r, SAMPLE_TABLE_MEMORY_LARGE));
}

static void report_sizes(struct report *r) {
    text(r, "sizes_status", "disabled");
}

static void report_cluster(struct report *r) {
    if (!cmd_stats_cluster(r->context->node, r->emit, r->ctx)) {
        r->failed = true;
    }
}

static void report_near(struct report *r) {
    if (!cmd_stats_near(r->context->node, r->emit, r->ctx)) {
        r->failed = true;
    }
}

static const struct topic {
    struct slice name;
    void (*report)(struct report *r);
} topics[] = {
    {{"", 0}, report_general},
    {{"settings", sizeof("settings") - 1}, report_settings},
    {{"items", sizeof("items") - 1}, report_items},
    {{"slabs", sizeof("slabs") - 1}, report_slabs},
    {{"sizes", sizeof("sizes") - 1}, report_sizes},
    {{"cluster", sizeof("cluster") - 1}, report_cluster},
    {{"near", sizeof("near") - 1}, report_near},
};

static bool gather(struct report *r, struct cmd_context *context) {
    struct telemetry_snapshot now;

    /* The samples want the counters of all time; what is shown counts since the last reset. */
    if (telemetry_snapshot(context->node->telemetry, &now) != LARDER_OK) {
        return false;
    }
    cmd_sample(context, &now, &r->samples);
    telemetry_snapshot_fini(&now);
    return telemetry_since_reset(context->node->telemetry, &r->snapshot, &r->samples) == LARDER_OK;
}

static enum cmd_stats_outcome reset(struct cmd_context *context) {
    struct telemetry_samples samples;
    struct telemetry_snapshot now;
    bool done;

    if (telemetry_snapshot(context->node->telemetry, &now) != LARDER_OK) {
        return CMD_STATS_FAILED;
    }
    cmd_sample(context, &now, &samples);
    telemetry_snapshot_fini(&now);
    done = telemetry_reset(context->node->telemetry, &samples) == LARDER_OK;
    return done ? CMD_STATS_RESET : CMD_STATS_FAILED;
}

enum cmd_stats_outcome cmd_stats(struct cmd_context *context, struct slice topic, cmd_stat_fn *emit, void *ctx) {
    struct report r = {.context = context, .emit = emit, .ctx = ctx};

    if (slice_equal(topic, SLICE("reset"))) {
        return reset(context);
    }
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
        if (slice_equal(topics[i].name, topic)) {
            if (!gather(&r, context)) {
                return CMD_STATS_FAILED;
            }
            topics[i].report(&r);
            telemetry_snapshot_fini(&r.snapshot);
            return r.failed ? CMD_STATS_FAILED : CMD_STATS_DONE;
        }
    }
    return CMD_STATS_UNKNOWN;
}
