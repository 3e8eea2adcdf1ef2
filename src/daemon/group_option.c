/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/group_option.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/option_value.h"
#include "daemon/origin_option.h"
#include "daemon/pool_option.h"

/* Bounds of the values; those of max-item are the node's. */
#define STALE_LIMIT_LEAST_NS (UINT64_C(100) * CLOCK_NS_PER_MS)
#define STALE_LIMIT_MOST_NS (UINT64_C(3600) * CLOCK_NS_PER_S)
#define MAX_STALE_MOST_NS (UINT64_C(24) * 3600 * CLOCK_NS_PER_S)

static void set_backing(struct group_policy *policy, const struct ini_line *line, struct place place,
                        struct diagnostics *d) {
    static const char *const words[] = {"memory", "store", "origin"};
    static const enum group_backing backings[] = {GROUP_BACKING_MEMORY, GROUP_BACKING_STORE, GROUP_BACKING_ORIGIN};
    size_t index;

    if (option_read_choice("backing", line->value, words, 3, place, d, &index)) {
        policy->backing = backings[index];
    }
}

static void set_prefix(struct group_policy *policy, const struct ini_line *line, struct place place,
                       struct diagnostics *d) {
    char bytes[GROUP_PREFIX_MAX];
    const char *problem;
    size_t size;

    if (line->value.size == 0 && !line->quoted) {
        diagnostics_mistake(d, place, "prefix is empty; write prefix = \"\" if the group is to have the whole store");
        return;
    }
    if (!option_read_bytes("prefix", line->value, sizeof(bytes), place, d, bytes, &size)) {
        return;
    }
    problem = group_prefix_problem(slice_make(bytes, size));
    if (problem != NULL) {
        diagnostics_mistake(d, place, "prefix %s", problem);
        return;
    }
    memcpy(policy->prefix, bytes, size);
    policy->prefix_size = (uint16_t)size;
}

static void set_freshness(struct group_policy *policy, const struct ini_line *line, struct place place,
                          struct diagnostics *d) {
    static const char *const words[] = {"cached", "linearizable", "max_stale=TIME"};
    uint64_t max_stale_ns;

    if (slice_has_prefix(line->value, freshness_max_stale_prefix)) {
        if (option_read_duration("max_stale", slice_skip(line->value, freshness_max_stale_prefix.size), 0,
                                 MAX_STALE_MOST_NS, place, d, &max_stale_ns)) {
            policy->freshness = (struct freshness){.kind = FRESHNESS_MAX_STALE, .max_stale_ns = (int64_t)max_stale_ns};
        }
        return;
    }
    if (!freshness_parse(line->value, &policy->freshness)) {
        option_none_of("freshness", line->value, words, 3, place, d);
    }
}

static void set_stale_limit(struct group_policy *policy, const struct ini_line *line, struct place place,
                            struct diagnostics *d) {
    uint64_t ns;

    if (option_read_duration("stale-limit", line->value, STALE_LIMIT_LEAST_NS, STALE_LIMIT_MOST_NS, place, d, &ns)) {
        policy->stale_limit_ns = (int64_t)ns;
    }
}

static void set_yes_no(const char *name, const struct ini_line *line, struct place place, struct diagnostics *d,
                       bool *field) {
    static const char *const words[] = {"no", "yes"};
    size_t index;

    if (option_read_choice(name, line->value, words, 2, place, d, &index)) {
        *field = index == 1;
    }
}

static void set_seconds(const char *name, const struct ini_line *line, struct place place, struct diagnostics *d,
                        int64_t *field) {
    uint64_t ns;

    if (!option_read_duration(name, line->value, 0, (uint64_t)GROUP_TTL_MAX * (uint64_t)CLOCK_NS_PER_S, place, d,
                              &ns)) {
        return;
    }
    if (ns % (uint64_t)CLOCK_NS_PER_S != 0) {
        diagnostics_mistake(d, place, "%s must be whole seconds", name);
        return;
    }
    *field = (int64_t)(ns / (uint64_t)CLOCK_NS_PER_S);
}

void group_option_set(struct group_policy *policy, enum group_option option, const struct ini_line *line,
                      struct place place, struct diagnostics *d) {
    const struct option_info *max_item = &option_infos[OPTION_MAX_ITEM];

    switch (option) {
    case GROUP_OPTION_BACKING:
        set_backing(policy, line, place, d);
        break;
    case GROUP_OPTION_PREFIX:
        set_prefix(policy, line, place, d);
        break;
    case GROUP_OPTION_FRESHNESS:
        set_freshness(policy, line, place, d);
        break;
    case GROUP_OPTION_STALE_LIMIT:
        set_stale_limit(policy, line, place, d);
        break;
    case GROUP_OPTION_NEAR:
        set_yes_no("near", line, place, d, &policy->near);
        break;
    case GROUP_OPTION_MIRROR:
        set_yes_no("mirror", line, place, d, &policy->mirror);
        break;
    case GROUP_OPTION_ORIGIN:
    case GROUP_OPTION_ORIGIN_CA:
    case GROUP_OPTION_ABSENT_TTL:
    case GROUP_OPTION_ERROR_TTL:
    case GROUP_OPTION_MARKER_TTL:
    case GROUP_OPTION_STALE_WHILE_REVALIDATE:
    case GROUP_OPTION_STALE_IF_ERROR:
    case GROUP_OPTION_KEEP:
    case GROUP_OPTION_ORIGIN_TIMEOUT:
    case GROUP_OPTION_ORIGIN_CONNECTIONS:
    case GROUP_OPTION_HEADERS:
        origin_option_set(policy, option, line, place, d);
        break;
    case GROUP_OPTION_RING:
    case GROUP_OPTION_REPLICAS:
    case GROUP_OPTION_SELF:
    case GROUP_OPTION_PEERS:
        pool_option_set(policy, option, line, place, d);
        break;
    case GROUP_OPTION_TTL:
        policy->has_ttl = true;
        set_seconds("ttl", line, place, d, &policy->ttl);
        break;
    case GROUP_OPTION_MAX_TTL:
        set_seconds("max-ttl", line, place, d, &policy->max_ttl);
        break;
    case GROUP_OPTION_MAX_ITEM:
        option_read_size("max-item", line->value, max_item->least, max_item->most, place, d, &policy->max_item);
        break;
    case GROUP_OPTION_COUNT:
        assert(false);
    }
}
