/* SPDX-License-Identifier: Apache-2.0 */
#include "group/prefix_index.h"

#include <string.h>

static struct slice prefix_at(const struct group_set *set, unsigned place) {
    return group_policy_prefix(&set->policies[set->by_prefix[place]]);
}

/* The first place whose prefix comes behind `key` in the order; store_count when none does. */
static unsigned place_behind(const struct group_set *set, struct slice key) {
    unsigned low = 0;
    unsigned high = set->store_count;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;

        if (slice_compare(prefix_at(set, middle), key) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static enum larder_error insert(struct group_set *set, const struct group_policy *policy) {
    struct slice prefix = group_policy_prefix(policy);
    unsigned place = place_behind(set, prefix);

    if (policy->index == GROUP_DEFAULT || group_prefix_problem(prefix) != NULL) {
        return LARDER_ERROR_INVALID;
    }
    if (place > 0 && slice_equal(prefix_at(set, place - 1), prefix)) {
        return LARDER_ERROR_EXISTS;
    }
    memmove(&set->by_prefix[place + 1], &set->by_prefix[place], (set->store_count - place) * sizeof(set->by_prefix[0]));
    set->by_prefix[place] = (uint16_t)policy->index;
    set->store_count++;
    return LARDER_OK;
}

/* 1 + the place of the longest prefix that `key` begins with, of those before `place`; 0: none. All that lies, in the
 * order, between a prefix of the key and the key begins with that prefix as well; so the one sought is the last before
 * the key or encloses it. */
static unsigned enclosing_before(const struct group_set *set, unsigned place, struct slice key) {
    while (place > 0 && !slice_has_prefix(key, prefix_at(set, place - 1))) {
        place = set->enclosing[place - 1];
    }
    return place;
}

enum larder_error prefix_index_build(struct group_set *set) {
    set->store_count = 0;
    for (unsigned i = 0; i < set->count; i++) {
        struct group_policy *policy = &set->policies[i];
        enum larder_error error = LARDER_OK;

        policy->overlapped = false;
        if (policy->declared && group_policy_is_store(policy)) {
            error = insert(set, policy);
        }
        if (error != LARDER_OK) {
            return error;
        }
    }
    for (unsigned place = 0; place < set->store_count; place++) {
        unsigned enclosing = enclosing_before(set, place, prefix_at(set, place));

        set->enclosing[place] = (uint16_t)enclosing;
        if (enclosing > 0) {
            set->policies[set->by_prefix[enclosing - 1]].overlapped = true;
        }
    }
    return LARDER_OK;
}

const struct group_policy *group_set_find_by_store_key(const struct group_set *set, struct slice store_key) {
    unsigned found = enclosing_before(set, place_behind(set, store_key), store_key);

    return found == 0 ? NULL : &set->policies[set->by_prefix[found - 1]];
}
