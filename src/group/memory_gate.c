/* SPDX-License-Identifier: Apache-2.0 */
#include "group/memory_internal.h"

/* An entry of an ownership that was lost in between, or of before a purge, is there for nobody. */
static void drop_uncounted(const struct memory_gate *gate, struct spot *spot) {
    struct entry *e = spot->entry;

    if (e != NULL && !keeper_counts(gate->view, gate->slot, e->group, e->era)) {
        shard_remove(spot->shard, spot->hash, e);
        spot->entry = NULL;
    }
}

bool spot_pass(const struct memory_access *a, struct spot *spot) {
    struct memory_gate *gate = a->gate;

    if (!keeper_is_newest(gate->keeper, gate->view)) {
        gate->passage = MEMORY_MOVED;
    } else {
        drop_uncounted(gate, spot);
        gate->passage = gate->inherits && spot->entry == NULL ? MEMORY_ABSENT : MEMORY_PASSED;
    }
    if (gate->passage != MEMORY_PASSED) {
        spot_unlock(spot);
    }
    return gate->passage == MEMORY_PASSED;
}
