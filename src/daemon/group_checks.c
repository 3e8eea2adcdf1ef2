/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "base/number.h"
#include "daemon/option_checks.h"
#include "store/store.h"

static struct place place_of(const struct options *o, size_t group) {
    return (struct place){.name = o->config != NULL ? o->config : "config", .line = o->group_lines[group]};
}

/* The store refuses what is larger than its own limit, so no larger entry can come of its groups. */
static uint64_t most_item(const struct options *o, const struct group_policy *group) {
    return group_policy_is_store(group) && o->max_item > STORE_REQUEST_MAX ? STORE_REQUEST_MAX : o->max_item;
}

static void settle_max_item(struct options *o, size_t index, struct diagnostics *d) {
    struct group_policy *group = &o->groups[index];
    uint64_t most = most_item(o, group);
    char given[NUMBER_UNIT_TEXT_MAX];
    char limit[NUMBER_UNIT_TEXT_MAX];

    if (group->max_item == 0) {
        group->max_item = most;
    } else if (group->max_item > most) {
        diagnostics_mistake(d, place_of(o, index), "group \"%s\": max-item = %s is more than %s, %s", group->name,
                            number_size_text(group->max_item, given),
                            most == o->max_item ? "the node's" : "the store's", number_size_text(most, limit));
    }
}

static void check_lives(const struct options *o, size_t index, struct diagnostics *d) {
    const struct group_policy *group = &o->groups[index];

    if (group->max_ttl > 0 && group->ttl > group->max_ttl) {
        diagnostics_mistake(d, place_of(o, index),
                            "group \"%s\": ttl = %" PRId64 "s is longer than max-ttl = %" PRId64 "s", group->name,
                            group->ttl, group->max_ttl);
    }
}

static void check_no_origin(const struct options *o, size_t index, struct diagnostics *d) {
    const char *option = origin_option_set_in(&o->groups[index]);

    if (option != NULL) {
        diagnostics_mistake(d, place_of(o, index),
                            "group \"%s\": %s is an option of origin groups; add backing = origin, or leave it out",
                            o->groups[index].name, option);
    }
}

/* What has a meaning for a store group only is most likely one that does not say that it is. */
static void check_no_store(const struct options *o, size_t index, struct diagnostics *d) {
    const struct group_policy *group = &o->groups[index];
    const struct group_policy plain = group_policy_make(group_policy_name(group), 0);
    const char *option = NULL;

    if (!slice_equal(group_policy_prefix(group), group_policy_prefix(&plain))) {
        option = "prefix";
    } else if (group->stale_limit_ns != plain.stale_limit_ns) {
        option = "stale-limit";
    } else if (group->near != plain.near) {
        option = "near";
    } else if (group->mirror != plain.mirror) {
        option = "mirror";
    }
    if (option != NULL) {
        diagnostics_mistake(d, place_of(o, index),
                            "group \"%s\": %s is an option of store groups; add backing = store, or leave it out",
                            group->name, option);
    }
}

/* An earlier store group with the same prefix; `index` itself when there is none. */
static size_t find_same_prefix(const struct options *o, size_t index) {
    struct slice prefix = group_policy_prefix(&o->groups[index]);
    size_t i = 0;

    while (i < index &&
           !(group_policy_is_store(&o->groups[i]) && slice_equal(group_policy_prefix(&o->groups[i]), prefix))) {
        i++;
    }
    return i;
}

static void check_store(const struct options *o, size_t index, struct diagnostics *d) {
    const struct group_policy *group = &o->groups[index];
    size_t same = find_same_prefix(o, index);
    char escaped[SLICE_ESCAPED_MAX];

    if (index == GROUP_DEFAULT) {
        diagnostics_mistake(d, place_of(o, index),
                            "the group \"default\" is always memory; declare a group of another name for the store");
    } else if (same < index) {
        diagnostics_mistake(d, place_of(o, index),
                            "group \"%s\": the prefix \"%s\" is that of the group \"%s\" already", group->name,
                            slice_escape(group_policy_prefix(group), escaped), o->groups[same].name);
    } else if (group->mirror && !group->near) {
        diagnostics_mistake(d, place_of(o, index),
                            "group \"%s\": mirror = yes keeps all its keys in memory, near = no keeps none",
                            group->name);
    }
}

void group_options_settle(struct options *o, struct diagnostics *d) {
    for (size_t i = 0; i < o->group_count; i++) {
        settle_max_item(o, i, d);
        check_lives(o, i, d);
        if (group_policy_is_store(&o->groups[i])) {
            check_store(o, i, d);
        } else {
            check_no_store(o, i, d);
        }
        if (group_policy_is_origin(&o->groups[i])) {
            origin_group_settle(o, i, place_of(o, i), d);
        } else {
            check_no_origin(o, i, d);
        }
    }
}
