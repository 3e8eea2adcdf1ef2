/* SPDX-License-Identifier: Apache-2.0 */
#include "group/memory_purge.h"

#include <stdlib.h>
#include <string.h>

#include "cache/walk.h"

enum { STEPS_AT_A_TIME = 4 /* of the walk; a worker takes in what has come a few times in each turn of its loop */ };

struct memory_purge {
    struct pending pending; /* first */
    struct table *table;
    const struct group_set *const *groups;
    unsigned group;
    struct table_walk walk;
    size_t prefix_size;
    char prefix[];
};

static struct memory_purge *purge_of(struct pending *p) {
    return (struct memory_purge *)(void *)p;
}

static void free_purge(struct pending *p) {
    free(purge_of(p));
}

/* A key's group is what the newest set says, whoever had the key when the entry was written; and an entry of a group that is
 * not declared any more is still an entry of that group. */
static bool is_of_group(void *ctx, struct entry *e) {
    const struct memory_purge *purge = ctx;
    const struct group_policy *policy;

    if (!slice_has_prefix(entry_key(e), slice_make(purge->prefix, purge->prefix_size))) {
        return false;
    }
    policy = group_set_find(*purge->groups, entry_key(e));
    return policy->index == purge->group || (policy->index == GROUP_DEFAULT && e->group == purge->group);
}

static enum pending_next walk_on(struct pending *p) {
    struct memory_purge *purge = purge_of(p);

    for (int i = 0; i < STEPS_AT_A_TIME; i++) {
        if (!table_purge_step(purge->table, &purge->walk, is_of_group, purge)) {
            p->reply.result = RESULT_DONE;
            return PENDING_DONE;
        }
    }
    pending_post(p);
    return PENDING_WAIT;
}

void memory_purge(struct table *table, const struct group_set *const *groups, unsigned group, struct slice prefix,
                  struct pending_queue *completions, struct reply *reply) {
    struct memory_purge *purge = calloc(1, sizeof(*purge) + prefix.size);

    if (purge == NULL) {
        reply->result = RESULT_NO_MEMORY;
        return;
    }
    pending_init(&purge->pending, completions, NULL, walk_on, free_purge);
    purge->pending.reply.group = reply->group;
    purge->table = table;
    purge->groups = groups;
    purge->group = group;
    purge->prefix_size = prefix.size;
    if (prefix.size > 0) {
        memcpy(purge->prefix, prefix.data, prefix.size);
    }
    pending_start(&purge->pending, reply);
}
