/* SPDX-License-Identifier: Apache-2.0 */
#include "group/policy.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "group/prefix_index.h"
#include "ring/groupcache_current.h"

static const struct slice default_name = SLICE("default");

static const struct slice route_names[] = {
    SLICE("metrics"), SLICE("health"), SLICE("healthz"), SLICE("readyz"),  SLICE("version"),     SLICE("ui"),
    SLICE("admin"),   SLICE("v3"),     SLICE("v3beta"),  SLICE("v3alpha"), SLICE("_groupcache"),
};

bool group_name_is_route(struct slice name) {
    for (size_t i = 0; i < sizeof(route_names) / sizeof(route_names[0]); i++) {
        if (slice_equal(name, route_names[i])) {
            return true;
        }
    }
    return false;
}

const char *group_name_problem(struct slice name) {
    if (name.size == 0) {
        return "is empty";
    }
    if (name.size > GROUP_NAME_MAX) {
        return "is longer than 64 bytes";
    }
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == '/') {
            return "contains '/', which ends a group's name in a key";
        }
        if (name.data[i] < 0x21 || name.data[i] > 0x7e) {
            return "contains a blank, a control byte or a byte outside ASCII";
        }
    }
    if (slice_equal(name, SLICE("*"))) {
        return "stands for all groups where they are purged";
    }
    /* Keys that begin with "/larder/" in the store are ours. */
    if (group_name_is_route(name) || slice_equal(name, SLICE("larder"))) {
        return "is reserved for Larder's own routes";
    }
    return NULL;
}

struct group_policy group_policy_make(struct slice name, uint64_t max_item) {
    struct group_policy policy = {
        .name_size = (uint8_t)name.size,
        .declared = true,
        .max_item = max_item,
        .prefix_size = (uint16_t)(name.size + 1),
        .stale_limit_ns = GROUP_STALE_LIMIT_NS,
        .near = true,
        .origin =
            {
                .answers = origin_policy_default(),
                .timeout_ns = GROUP_ORIGIN_TIMEOUT_NS,
                .connections = GROUP_ORIGIN_CONNECTIONS,
            },
    };

    assert(group_name_problem(name) == NULL);
    memcpy(policy.name, name.data, name.size);
    memcpy(policy.prefix, name.data, name.size);
    policy.prefix[name.size] = '/';
    return policy;
}

/* The names come from the operator, so the seed need not be a secret. */
static unsigned slot_of(struct slice name) {
    return (unsigned)hash_key(name, 0) & (GROUP_SLOTS - 1);
}

/* The slot that holds `name`, or the free one where it would go. Slots hold indexes; 0 is free, for "default" needs no
 * looking up. */
static unsigned find_slot(const struct group_set *set, struct slice name) {
    unsigned slot = slot_of(name);

    while (set->slots[slot] != 0 && !slice_equal(group_policy_name(&set->policies[set->slots[slot]]), name)) {
        slot = (slot + 1) & (GROUP_SLOTS - 1);
    }
    return slot;
}

/* The index that `name` has in the set, declared or not; set->count when it has none. */
static unsigned index_of(const struct group_set *set, struct slice name) {
    unsigned index = 0;

    while (index < set->count && !slice_equal(group_policy_name(&set->policies[index]), name)) {
        index++;
    }
    return index;
}

static enum larder_error declare(struct group_set *set, const struct group_policy *policy) {
    struct slice name = group_policy_name(policy);
    unsigned index = index_of(set, name);
    struct groupcache_current *kept;

    if (index == GROUP_MAX) {
        return LARDER_ERROR_LIMIT;
    }
    if (index < set->count && set->policies[index].declared) {
        return LARDER_ERROR_EXISTS;
    }
    if (index == set->count) {
        set->count++;
    }
    kept = set->policies[index].origin.pool;
    set->policies[index] = *policy;
    set->policies[index].index = index;
    set->policies[index].declared = true;
    set->policies[index].origin.peers = NULL;
    if (kept != NULL) {
        set->policies[index].origin.pool = kept;
    } else if (policy->origin.pool != NULL) {
        groupcache_current_ref(policy->origin.pool);
    }
    if (index != GROUP_DEFAULT) {
        set->slots[find_slot(set, name)] = (uint16_t)index;
        set->declared++;
    }
    return LARDER_OK;
}

/* Takes over the names and the indexes, and of the policies only the pools that are found in the store. */
static void inherit_names(struct group_set *set, const struct group_set *previous) {
    set->count = previous->count;
    for (unsigned i = 0; i < previous->count; i++) {
        set->policies[i] = group_policy_make(group_policy_name(&previous->policies[i]), 0);
        set->policies[i].index = i;
        set->policies[i].declared = false;
        if (previous->policies[i].origin.prefix_size > 0) {
            set->policies[i].origin.pool = groupcache_current_ref(previous->policies[i].origin.pool);
        }
    }
}

static enum larder_error declare_all(struct group_set *set, const struct group_policy *policies, size_t count,
                                     uint64_t max_item) {
    const struct group_policy plain = group_policy_make(default_name, max_item);

    for (size_t i = 0; i < count; i++) {
        enum larder_error error = declare(set, &policies[i]);

        if (error != LARDER_OK) {
            return error;
        }
    }
    return set->policies[GROUP_DEFAULT].declared ? LARDER_OK : declare(set, &plain);
}

enum larder_error group_set_build(const struct group_policy *policies, size_t count, uint64_t max_item,
                                  const struct group_set *previous, struct group_set **ret_set) {
    struct group_set *set;
    enum larder_error error;
    const char *changed;

    if (previous != NULL && group_set_store_change(previous, policies, count, &changed) != NULL) {
        return LARDER_ERROR_UNSUPPORTED;
    }
    set = calloc(1, sizeof(*set));
    if (set == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    if (previous != NULL) {
        inherit_names(set, previous);
    } else {
        /* Claims index 0, wherever "default" stands among the policies. */
        set->policies[GROUP_DEFAULT] = group_policy_make(default_name, max_item);
        set->policies[GROUP_DEFAULT].declared = false;
        set->count = 1;
    }
    error = declare_all(set, policies, count, max_item);
    if (error == LARDER_OK) {
        error = prefix_index_build(set);
    }
    if (error != LARDER_OK) {
        group_set_free(set);
        return error;
    }
    *ret_set = set;
    return LARDER_OK;
}

void group_set_free(struct group_set *set) {
    for (unsigned i = 0; set != NULL && i < set->count; i++) {
        groupcache_current_unref(set->policies[i].origin.pool);
    }
    free(set);
}

size_t group_set_names(const struct group_set *set, struct slice ret_names[GROUP_MAX]) {
    for (unsigned i = 0; i < set->count; i++) {
        ret_names[i] = group_policy_name(&set->policies[i]);
    }
    return set->count;
}

const struct group_policy *group_set_find_named(const struct group_set *set, struct slice key) {
    size_t searched = key.size < GROUP_NAME_MAX + 1 ? key.size : GROUP_NAME_MAX + 1;
    const char *slash = searched > 0 ? memchr(key.data, '/', searched) : NULL;

    if (slash == NULL) {
        return &set->policies[GROUP_DEFAULT];
    }
    /* A free slot holds 0, the index of "default". */
    return &set->policies[set->slots[find_slot(set, slice_make(key.data, (size_t)(slash - key.data)))]];
}

const struct group_policy *group_set_find_by_name(const struct group_set *set, struct slice name) {
    unsigned index = index_of(set, name);

    return index < set->count && set->policies[index].declared ? &set->policies[index] : NULL;
}

int64_t group_policy_ttl(const struct group_policy *policy, int64_t ttl, bool *ret_cut) {
    bool asked = ttl != REQUEST_TTL_FOREVER;

    *ret_cut = false;
    if (ttl < 0) {
        return ttl;
    }
    if (!asked && policy->ttl > 0) {
        ttl = policy->ttl;
    }
    if (policy->max_ttl > 0 && (ttl == REQUEST_TTL_FOREVER || ttl > policy->max_ttl)) {
        ttl = policy->max_ttl;
        *ret_cut = asked;
    }
    return ttl;
}
