/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/node_near.h"

#include <assert.h>
#include <stdlib.h>

const char *const near_watch_words[NEAR_WATCH_WORDS] = {
    [NEAR_WATCH_AUTO] = "auto",
    [NEAR_WATCH_ALL] = "all",
    [NEAR_WATCH_PREFIXES] = "groups",
};

struct node_near {
    struct group_set set;
    struct coherence_policy policies[GROUP_MAX]; /* by the group's index */
    struct near_group groups[GROUP_MAX];
};

/* A mirrored group has all keys of its prefix, whichever group they belong to. */
static bool is_mirrored(const struct group_set *set, unsigned place) {
    for (;;) {
        if (set->policies[set->by_prefix[place]].mirror) {
            return true;
        }
        if (set->enclosing[place] == 0) {
            return false;
        }
        place = set->enclosing[place] - 1u;
    }
}

static void fill(struct node_near *near) {
    const struct group_set *set = &near->set;

    for (unsigned place = 0; place < set->store_count; place++) {
        const struct group_policy *group = &set->policies[set->by_prefix[place]];
        struct coherence_policy *policy = &near->policies[group->index];

        policy->keeps = group->near;
        policy->mirrored = group->near && is_mirrored(set, place);
        policy->stale_limit_ns = group->stale_limit_ns;
        near->groups[place] = (struct near_group){.prefix = group_policy_prefix(group), .policy = *policy};
    }
}

struct node_near *node_near_new(const struct group_set *groups) {
    struct node_near *near = calloc(1, sizeof(*near));

    if (near != NULL) {
        near->set = *groups;
        fill(near);
    }
    return near;
}

void node_near_free(struct node_near *near) {
    free(near);
}

static const struct coherence_policy *find_policy(void *ctx, struct slice key) {
    const struct node_near *near = ctx;
    const struct group_policy *group = group_set_find_by_store_key(&near->set, key);

    return group == NULL ? NULL : &near->policies[group->index];
}

static enum near_watch watch_of(const char *word) {
    unsigned i = 0;

    while (i < NEAR_WATCH_WORDS && strcmp(near_watch_words[i], word) != 0) {
        i++;
    }
    assert(i < NEAR_WATCH_WORDS); /* it was checked */
    return (enum near_watch)i;
}

void node_near_configure(const struct node_near *near, const struct options *o, struct near_config *config) {
    config->watch = watch_of(o->store_watch);
    config->progress = o->store_progress;
    config->groups = near->groups;
    config->group_count = near->set.store_count;
    config->policy = find_policy;
    config->policy_ctx = (void *)(uintptr_t)near;
    config->memory = (size_t)o->near_memory;
    config->mirror_memory = (size_t)o->mirror_memory;
    config->watch_memory = (size_t)o->watch_memory;
    config->sweep_pause_ns = (int64_t)o->audit_pause_ns;
}
