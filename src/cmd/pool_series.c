/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/pool_series.h"

#include "ring/groupcache_current.h"

enum { LABEL_MAX = 2 * GROUP_NAME_MAX + 16 };

/* A group with a pool, and its label. */
struct pooled {
    const struct group_policy *policy;
    const char *label;
};

static const char *label_of(const struct group_policy *policy, struct arena *arena) {
    char *label = NULL;
    struct buf out;

    buf_init(&out, LABEL_MAX);
    if (prometheus_label(&out, "group", group_policy_name(policy)) == LARDER_OK &&
        (label = arena_alloc(arena, out.size + 1)) != NULL) {
        memcpy(label, out.data, out.size);
        label[out.size] = '\0';
    }
    buf_fini(&out);
    return label;
}

/* False: no memory. `groups` has room for all. */
static bool find_groups(const struct group_set *set, struct arena *arena, struct pooled *groups, size_t *ret_count) {
    size_t count = 0;

    for (unsigned i = 0; i < set->count; i++) {
        const struct group_policy *policy = &set->policies[i];

        if (policy->declared && policy->origin.pool != NULL) {
            groups[count] = (struct pooled){.policy = policy, .label = label_of(policy, arena)};
            if (groups[count++].label == NULL) {
                return false;
            }
        }
    }
    *ret_count = count;
    return true;
}

static uint64_t peers_of(const struct group_policy *policy) {
    struct groupcache_pool *pool = groupcache_current_get(policy->origin.pool);
    uint64_t count = pool != NULL ? pool->count : 0;

    groupcache_pool_unref(pool);
    return count;
}

/* Those of a family stand together. */
static size_t write_series(const struct cmd_context *context, const struct pooled *groups, size_t count,
                           struct prometheus_series *series) {
    size_t at = 0;

    for (unsigned counter = 0; counter < POOL_COUNTER_COUNT; counter++) {
        for (size_t i = 0; i < count; i++) {
            series[at++] = (struct prometheus_series){
                .metric = pool_metrics[counter],
                .suffix = "",
                .labels = groups[i].label,
                .value =
                    telemetry_pool_total(context->node->telemetry, groups[i].policy->index, (enum pool_counter)counter),
            };
        }
    }
    for (size_t i = 0; i < count; i++) {
        series[at++] = (struct prometheus_series){.metric = METRIC_GROUPCACHE_PEERS,
                                                  .suffix = "",
                                                  .labels = groups[i].label,
                                                  .value = peers_of(groups[i].policy)};
    }
    return at;
}

bool pool_series(const struct cmd_context *context, struct arena *arena, const struct prometheus_series **io_series,
                 size_t *io_count) {
    struct pooled *groups = arena_calloc(arena, context->groups->count, sizeof(*groups));
    struct prometheus_series *series;
    size_t count;

    if (groups == NULL || !find_groups(context->groups, arena, groups, &count)) {
        return false;
    }
    series = arena_calloc(arena, *io_count + count * (POOL_COUNTER_COUNT + 1) + 1, sizeof(*series));
    if (series == NULL) {
        return false;
    }
    if (*io_count > 0) {
        memcpy(series, *io_series, *io_count * sizeof(*series));
    }
    *io_count += write_series(context, groups, count, series + *io_count);
    *io_series = series;
    return true;
}
