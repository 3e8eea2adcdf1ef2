/* SPDX-License-Identifier: Apache-2.0 */
#include "group/memory_internal.h"

/* Since it was written a reload may have given its key to another group, of which there was a purge. */
static bool counts(const struct memory_access *a, const struct entry *e) {
    const struct memory_gate *gate = a->gate;

    return keeper_counts(gate->view, gate->slot, e->group, e->era) &&
           (e->group == a->policy->index || keeper_counts(gate->view, gate->slot, a->policy->index, e->era));
}

/* An entry of an ownership that was lost in between, or of before a purge, is there for nobody. */
static void drop_uncounted(const struct memory_access *a, struct spot *spot) {
    if (spot->entry != NULL && !counts(a, spot->entry)) {
        shard_remove(spot->shard, spot->hash, spot->entry);
        spot->entry = NULL;
    }
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
