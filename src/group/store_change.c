/* SPDX-License-Identifier: Apache-2.0 */
#include "group/policy.h"

static const struct group_policy *find_policy(const struct group_policy *policies, size_t count, struct slice name) {
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(group_policy_name(&policies[i]), name)) {
            return &policies[i];
        }
    }
    return NULL;
}

static bool has_found_pool(const struct group_policy *policy) {
    return policy != NULL && policy->declared && policy->origin.prefix_size > 0;
}

static const char *pool_change(const struct group_policy *before, const struct group_policy *after) {
    bool had = has_found_pool(before), has = has_found_pool(after);

    if (had != has) {
        return has ? "would have a pool that is found in the store"
                   : "would no longer have a pool that is found in the store";
    }
    if (had && (!slice_equal(group_pool_prefix(before), group_pool_prefix(after)) ||
                !slice_equal(group_pool_self(before), group_pool_self(after)) ||
                before->origin.replicas != after->origin.replicas)) {
        return "would have another pool that is found in the store";
    }
    return NULL;
}

/* `before` and `after` have the same name; NULL: there is no such group. */
static const char *change_of(const struct group_policy *before, const struct group_policy *after) {
    bool was_store = before != NULL && before->declared && group_policy_is_store(before);
    bool is_store = after != NULL && group_policy_is_store(after);

    if (!was_store && is_store) {
        return "would become a store group";
    }
    if (was_store && !is_store) {
        return "would no longer be a store group";
    }
    /* What lies in the table of an origin group is of a form of its own. */
    if (before != NULL && before->declared && after != NULL &&
        group_policy_is_origin(before) != group_policy_is_origin(after)) {
        return group_policy_is_origin(after) ? "would become an origin group" : "would no longer be an origin group";
    }
    if (was_store && !slice_equal(group_policy_prefix(before), group_policy_prefix(after))) {
        return "would have another prefix";
    }
    if (was_store && (before->near != after->near || before->mirror != after->mirror)) {
        return "would be kept in memory in another way";
    }
    return pool_change(before, after);
}

const char *group_set_store_change(const struct group_set *running, const struct group_policy *policies, size_t count,
                                   const char **ret_name) {
    for (size_t i = 0; i < count; i++) {
        const struct group_policy *after = &policies[i];
        const char *change = change_of(find_policy(running->policies, running->count, group_policy_name(after)), after);

        if (change != NULL) {
            *ret_name = after->name;
            return change;
        }
    }
    for (unsigned i = 0; i < running->count; i++) {
        const struct group_policy *before = &running->policies[i];
        const char *change = change_of(before, find_policy(policies, count, group_policy_name(before)));

        if (change != NULL) {
            *ret_name = before->name;
            return change;
        }
    }
    return NULL;
}
