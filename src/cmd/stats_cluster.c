/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/stats_cluster.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/etcd/etcd.h"

enum {
    NAME_MAX_BYTES = 96,
    NS_PER_US = 1000,
    PERCENT = 99, /* of the requests are at most so slow as "p99_us" says */
};

/* The upper bounds of the histogram's buckets; the last bucket has none. */
static const uint64_t bounds_ns[] = {
#define BUCKET(ns, text) ns,
#include "telemetry/buckets.def"
#undef BUCKET
};

struct lines {
    cmd_stat_fn *emit;
    void *ctx;
    bool failed;
};

static void text(struct lines *l, const char *name, const char *value) {
    if (!l->failed && !l->emit(l->ctx, name, value)) {
        l->failed = true;
    }
}

static void number(struct lines *l, const char *name, uint64_t value) {
    char digits[24];

    snprintf(digits, sizeof(digits), "%" PRIu64, value);
    text(l, name, digits);
}

/* What others have said must stay on its line. */
static void foreign_text(struct lines *l, const char *name, const char *value) {
    char clean[ETCD_MEMBER_TEXT_MAX];
    size_t size = 0;

    for (; value[size] != '\0' && size < sizeof(clean) - 1; size++) {
        clean[size] = (unsigned char)value[size] < ' ' || value[size] == '\x7f' ? ' ' : value[size];
    }
    clean[size] = '\0';
    text(l, name, clean);
}

/* --- members --- */

static const char *health_name(enum etcd_health health) {
    return health == ETCD_HEALTH_GOOD ? "good" : health == ETCD_HEALTH_FAILING ? "failing" : "untried";
}

static const char *member_line(char ret_name[NAME_MAX_BYTES], size_t place, const char *what) {
    snprintf(ret_name, NAME_MAX_BYTES, "member:%zu:%s", place, what);
    return ret_name;
}

static void report_member(struct lines *l, const struct etcd_member *member, size_t place) {
    char name[NAME_MAX_BYTES];
    char endpoint[ETCD_ENDPOINT_TEXT_MAX];

    foreign_text(l, member_line(name, place, "name"), member->name);
    number(l, member_line(name, place, "id"), member->id);
    text(l, member_line(name, place, "endpoint"), etcd_endpoint_format(&member->endpoint, endpoint));
    text(l, member_line(name, place, "health"), health_name(member->health));
    number(l, member_line(name, place, "in_use"), member->in_use);
    number(l, member_line(name, place, "leader"), member->leader);
    number(l, member_line(name, place, "learner"), member->learner);
    foreign_text(l, member_line(name, place, "version"), member->version);
    number(l, member_line(name, place, "bytes"), member->db_bytes < 0 ? 0 : (uint64_t)member->db_bytes);
    number(l, member_line(name, place, "revision"), member->revision < 0 ? 0 : (uint64_t)member->revision);
    number(l, member_line(name, place, "failures"), member->failures);
    foreign_text(l, member_line(name, place, "trouble"), member->trouble);
}

/* --- requests --- */

static uint64_t slowest_us(const struct etcd_latency *latency) {
    uint64_t wanted = (latency->count * PERCENT + 99) / 100;
    uint64_t seen = 0;

    for (size_t i = 0; i < sizeof(bounds_ns) / sizeof(bounds_ns[0]); i++) {
        seen += latency->buckets[i];
        if (seen >= wanted) {
            return bounds_ns[i] < NS_PER_US ? 1 : bounds_ns[i] / NS_PER_US;
        }
    }
    return 0; /* beyond the last bound */
}

static const char *request_line(char ret_name[NAME_MAX_BYTES], size_t method, enum etcd_result result,
                                const char *what) {
    struct slice path = etcd_method_get((enum etcd_method_id)method)->path;
    const char *slash = memrchr(path.data, '/', path.size);
    size_t skip = slash == NULL ? 0 : (size_t)(slash + 1 - path.data);

    snprintf(ret_name, NAME_MAX_BYTES, "request:%.*s:%s:%s", (int)(path.size - skip), path.data + skip,
             etcd_result_name(result), what);
    return ret_name;
}

static void report_latency(struct lines *l, size_t method, enum etcd_result result,
                           const struct etcd_latency *latency) {
    char name[NAME_MAX_BYTES];

    if (latency->count == 0) {
        return;
    }
    number(l, request_line(name, method, result, "count"), latency->count);
    number(l, request_line(name, method, result, "mean_us"), latency->sum_ns / latency->count / NS_PER_US);
    number(l, request_line(name, method, result, "p99_us"), slowest_us(latency));
}

static void report_requests(struct lines *l, const struct etcd_figures *figures) {
    char name[NAME_MAX_BYTES];

    for (int result = 0; result < ETCD_RESULT_COUNT; result++) {
        uint64_t count = 0;

        for (size_t method = 0; method < ETCD_METHOD_COUNT; method++) {
            count += figures->requests[method][result].count;
        }
        snprintf(name, sizeof(name), "requests_%s", etcd_result_name((enum etcd_result)result));
        number(l, name, count);
    }
    for (size_t method = 0; method < ETCD_METHOD_COUNT; method++) {
        for (int result = 0; result < ETCD_RESULT_COUNT; result++) {
            report_latency(l, method, (enum etcd_result)result, &figures->requests[method][result]);
        }
    }
}

static void report_figures(struct lines *l, const struct etcd_figures *figures) {
    number(l, "connects", figures->connects);
    number(l, "connect_errors", figures->connect_errors);
    number(l, "connections_lost", figures->connections_lost);
    number(l, "failovers", figures->failovers);
    number(l, "failover_us", figures->failover_ns / NS_PER_US);
    number(l, "failover_max_us", figures->failover_max_ns / NS_PER_US);
    number(l, "retries", figures->retries);
    number(l, "logins", figures->logins);
    number(l, "login_errors", figures->login_errors);
    number(l, "streams_lost", figures->streams_lost);
    number(l, "waiting", figures->waiting);
}

static void report(struct lines *l, const struct etcd_store_look *look) {
    number(l, "ready", look->ready);
    foreign_text(l, "trouble", look->trouble);
    number(l, "cluster_id", look->cluster_id);
    number(l, "members", look->member_count);
    for (size_t i = 0; i < look->member_count; i++) {
        report_member(l, &look->members[i], i);
    }
    report_figures(l, &look->figures);
    report_requests(l, &look->figures);
}

/* --- --- */

bool cmd_stats_has_cluster(const struct cmd_node *node) {
    return node->cluster != NULL;
}

bool cmd_stats_cluster(const struct cmd_node *node, cmd_stat_fn *emit, void *ctx) {
    struct lines lines = {.emit = emit, .ctx = ctx};
    struct etcd_store_look *look;

    if (node->cluster == NULL) {
        return true;
    }
    look = malloc(sizeof(*look));
    if (look == NULL) {
        return false;
    }
    if (etcd_store_look(node->cluster, look)) {
        report(&lines, look);
    }
    free(look);
    return !lines.failed;
}
