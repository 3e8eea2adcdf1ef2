/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <string.h>

#include "group/policy.h"

const char *group_prefix_problem(struct slice prefix) {
    if (prefix.size > GROUP_PREFIX_MAX) {
        return "is longer than 255 bytes";
    }
    if (group_store_key_is_ours(prefix)) {
        return "begins with \"/larder/\", where Larder keeps its own";
    }
    return NULL;
}

/* Writes `part` to `place` and returns where it ends; of an empty one the pointer may be NULL. */
static char *append(char *place, struct slice part) {
    if (part.size > 0) {
        memcpy(place, part.data, part.size);
    }
    return place + part.size;
}

struct slice group_store_key(const struct group_policy *policy, struct slice client_key, char *place) {
    char *end = append(place, group_policy_prefix(policy));

    /* The name and its '/' are what made the key this group's. */
    assert(client_key.size > policy->name_size && client_key.data[policy->name_size] == '/');
    end = append(end, slice_skip(client_key, policy->name_size + 1U));
    return slice_make(place, (size_t)(end - place));
}

struct slice group_client_key(const struct group_policy *policy, struct slice store_key, char *place) {
    char *end = append(place, group_policy_name(policy));

    assert(store_key.size >= policy->prefix_size);
    *end++ = '/';
    end = append(end, slice_skip(store_key, policy->prefix_size));
    return slice_make(place, (size_t)(end - place));
}
