/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cluster_series.h"

#include <stdio.h>
#include <string.h>

#include "store/etcd/etcd.h"

enum {
    LABELS_MAX = 2048,
    MEMBER_SERIES = 4,                         /* of each member */
    REQUEST_SERIES = ETCD_LATENCY_BUCKETS + 2, /* of each RPC and result */
};

struct list {
    struct arena *arena;
    struct prometheus_series *series;
    size_t count;
    bool failed;
};

/* A text that stays; "" and `failed` without memory. */
static const char *keep(struct list *list, const char *text, size_t size) {
    char *copy = arena_alloc(list->arena, size + 1);

    if (copy == NULL) {
        list->failed = true;
        return "";
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}

static void add(struct list *list, enum metric metric, const char *suffix, const char *labels, uint64_t value) {
    list->series[list->count++] =
        (struct prometheus_series){.metric = metric, .suffix = suffix, .labels = labels, .value = value};
}

/* Two labels. */
static const char *labels_of(struct list *list, const char *first, struct slice first_value, const char *second,
                             struct slice second_value) {
    struct buf out;
    const char *labels = "";

    buf_init(&out, LABELS_MAX);
    if (prometheus_label(&out, first, first_value) == LARDER_OK &&
        prometheus_label(&out, second, second_value) == LARDER_OK) {
        labels = keep(list, out.data, out.size);
    } else {
        list->failed = true;
    }
    buf_fini(&out);
    return labels;
}

static void add_members(struct list *list, const struct etcd_store_look *look) {
    for (size_t i = 0; i < look->member_count; i++) {
        const struct etcd_member *member = &look->members[i];
        char place[ETCD_ENDPOINT_TEXT_MAX];
        const char *labels =
            labels_of(list, "endpoint", slice_from_string(etcd_endpoint_format(&member->endpoint, place)), "name",
                      slice_from_string(member->name));

        add(list, METRIC_CLUSTER_MEMBER_UP, "", labels, member->health == ETCD_HEALTH_GOOD ? 1 : 0);
        add(list, METRIC_CLUSTER_MEMBER_IN_USE, "", labels, member->in_use ? 1 : 0);
        add(list, METRIC_CLUSTER_MEMBER_LEADER, "", labels, member->leader ? 1 : 0);
        add(list, METRIC_CLUSTER_MEMBER_BYTES, "", labels, member->db_bytes > 0 ? (uint64_t)member->db_bytes : 0);
    }
}

/* "Range" of "/etcdserverpb.KV/Range". */
static struct slice rpc_of(enum etcd_method_id id) {
    struct slice path = etcd_method_get(id)->path;
    size_t begin = path.size;

    while (begin > 0 && path.data[begin - 1] != '/') {
        begin--;
    }
    return slice_skip(path, begin);
}

static void add_requests(struct list *list, enum etcd_method_id id, enum etcd_result result,
                         const struct etcd_latency *latency) {
    const char *labels = labels_of(list, "rpc", rpc_of(id), "result", slice_from_string(etcd_result_name(result)));
    uint64_t count = 0;

    for (unsigned b = 0; b < ETCD_LATENCY_BUCKETS; b++) {
        char with_bound[LABELS_MAX];
        int size = snprintf(with_bound, sizeof(with_bound), "%s,le=\"%s\"", labels,
                            b < ETCD_LATENCY_BUCKETS - 1 ? latency_bound_texts[b] : "+Inf");

        count += latency->buckets[b];
        add(list, METRIC_CLUSTER_REQUEST_DURATION, "_bucket", keep(list, with_bound, (size_t)size), count);
    }
    add(list, METRIC_CLUSTER_REQUEST_DURATION, "_sum", labels, latency->sum_ns);
    add(list, METRIC_CLUSTER_REQUEST_DURATION, "_count", labels, count);
}

static size_t count_requests(const struct etcd_figures *figures) {
    size_t count = 0;

    for (unsigned id = 0; id < ETCD_METHOD_COUNT; id++) {
        for (unsigned result = 0; result < ETCD_RESULT_COUNT; result++) {
            count += figures->requests[id][result].count > 0 ? 1 : 0;
        }
    }
    return count;
}

static bool fill(struct list *list, const struct etcd_store_look *look) {
    size_t most = look->member_count * MEMBER_SERIES + count_requests(&look->figures) * REQUEST_SERIES;

    list->series = arena_calloc(list->arena, most + 1, sizeof(*list->series));
    if (list->series == NULL) {
        return false;
    }
    add_members(list, look);
    for (unsigned id = 0; id < ETCD_METHOD_COUNT; id++) {
        for (unsigned result = 0; result < ETCD_RESULT_COUNT; result++) {
            const struct etcd_latency *latency = &look->figures.requests[id][result];

            if (latency->count > 0) {
                add_requests(list, (enum etcd_method_id)id, (enum etcd_result)result, latency);
            }
        }
    }
    return !list->failed;
}

bool cluster_series(struct store *store, struct arena *arena, const struct prometheus_series **ret_series,
                    size_t *ret_count) {
    struct list list = {.arena = arena};
    struct etcd_store_look *look;

    *ret_series = NULL;
    *ret_count = 0;
    if (store == NULL) {
        return true;
    }
    look = arena_alloc(arena, sizeof(*look));
    if (look == NULL) {
        return false;
    }
    if (!etcd_store_look(store, look)) {
        return true;
    }
    if (!fill(&list, look)) {
        return false;
    }
    *ret_series = list.series;
    *ret_count = list.count;
    return true;
}
