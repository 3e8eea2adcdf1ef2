/* SPDX-License-Identifier: Apache-2.0 */
#include "group/shared.h"

/* By what it is judged whether an entry counts. */
struct judge {
    const struct keeper *keeper;
    const struct keeper_view *view;
    const struct group_set *groups;
    bool outdated; /* there is a newer view: what was written by that cannot be judged by this one */
};

static bool is_purged(const struct keeper_view *view, const struct entry *e, unsigned group) {
    return view->has_prefixes && (keeper_is_purged(view, e->group, entry_key(e), e->era) ||
                                  (group != e->group && keeper_is_purged(view, group, entry_key(e), e->era)));
}

/* Copies of what is in the store are none of the keeper's business. What counts, for the group it was written in and for the
 * one that has its key now (memory_gate.c), gets the newest era, so that the old ones can be used again. */
static bool counts_not(void *ctx, struct entry *e) {
    struct judge *judge = ctx;
    uint32_t slot;
    unsigned group;
    uint8_t era = e->era;

    if (!keeper_is_newest(judge->keeper, judge->view)) {
        judge->outdated = true;
        return false;
    }
    if (e->group >= judge->groups->count || group_policy_is_store(&judge->groups->policies[e->group])) {
        return false;
    }
    slot = ring_slot(entry_key(e));
    group = group_set_find(judge->groups, entry_key(e))->index;
    if (is_purged(judge->view, e, group) || !keeper_counts(judge->view, slot, group, era) ||
        !keeper_keeps(judge->view, slot, e->group, &era)) {
        return true;
    }
    entry_set_origin(e, e->group, era);
    return false;
}

static bool begin(struct shared_sweep *sweep, struct keeper *keeper) {
    if (!keeper_wants_sweep(keeper)) {
        return false;
    }
    keeper_renew(keeper, &sweep->view);
    sweep->walk = (struct table_walk){0};
    return sweep->view != NULL;
}

bool shared_sweep_some(struct shared_sweep *sweep, struct keeper *keeper, struct table *table,
                       const struct group_set *groups, unsigned steps) {
    struct judge judge = {.keeper = keeper, .groups = groups};

    if (sweep->view == NULL && !begin(sweep, keeper)) {
        return false;
    }
    judge.view = sweep->view;
    while (steps-- > 0) {
        bool more = table_purge_step(table, &sweep->walk, counts_not, &judge);

        if (judge.outdated) {
            shared_sweep_end(sweep); /* and from the beginning */
            return true;
        }
        if (!more) {
            keeper_swept(keeper, sweep->view->serial);
            shared_sweep_end(sweep);
            return false;
        }
    }
    return true;
}

void shared_sweep_end(struct shared_sweep *sweep) {
    if (sweep->view != NULL) {
        keeper_view_unref(sweep->view);
        sweep->view = NULL;
    }
}
