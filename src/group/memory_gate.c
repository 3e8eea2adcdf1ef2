/* SPDX-License-Identifier: Apache-2.0 */
#include "group/memory_internal.h"

static bool counts_in(const struct memory_gate *gate, const struct entry *e, unsigned group) {
    return keeper_counts(gate->view, gate->slot, group, e->era) &&
           !(gate->view->has_prefixes && keeper_is_purged(gate->view, group, entry_key(e), e->era));
}

/* Since it was written a reload may have given its key to another group, of which there was a purge. */
static bool counts(const struct memory_access *a, const struct entry *e) {
    const struct memory_gate *gate = a->gate;

    return counts_in(gate, e, e->group) && (e->group == a->policy->index || counts_in(gate, e, a->policy->index));
}

/* An entry of an ownership that was lost in between, or of before a purge, is there for nobody. */
static void drop_uncounted(const struct memory_access *a, struct spot *spot) {
    if (spot->entry != NULL && !counts(a, spot->entry)) {
        shard_remove(spot->shard, spot->hash, spot->entry);
        spot->entry = NULL;
    }
}

bool spot_pass_change(const struct memory_access *a, struct slice key, struct spot *spot) {
    struct memory_gate *gate = a->gate;

    if (hot_node_may_change(gate->hot, key, spot->hash, gate->change, gate->revocations)) {
        return true;
    }
    gate->passage = MEMORY_COPIED;
    spot_unlock(spot);
    return false;
}

bool spot_pass(const struct memory_access *a, struct spot *spot) {
    struct memory_gate *gate = a->gate;

    if (!keeper_is_newest(gate->keeper, gate->view)) {
        gate->passage = MEMORY_MOVED;
    } else {
        drop_uncounted(a, spot);
        gate->passage = gate->inherits && spot->entry == NULL ? MEMORY_ABSENT : MEMORY_PASSED;
    }
    if (gate->passage != MEMORY_PASSED) {
        spot_unlock(spot);
    }
    return gate->passage == MEMORY_PASSED;
}
