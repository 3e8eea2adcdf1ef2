/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/ring.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "ring/slots.h"

/* All of its memory. Scores are not kept: that of a slot's owner is one multiplication or two away. */
struct ring {
    size_t count;
    uint16_t owners[RING_SLOTS];
    uint64_t seeds[]; /* of the nodes */
};

_Static_assert(RING_NODES_MAX < RING_NOBODY, "an index is never RING_NOBODY");

uint32_t ring_slot(struct slice key) {
    return (uint32_t)(XXH3_64bits(key.data, key.size) >> (64 - RING_SLOT_BITS));
}

static struct slots slots_of(const struct ring *ring) {
    return (struct slots){.count = ring->count, .seeds = ring->seeds, .slot_count = RING_SLOTS, .owners = ring->owners};
}

enum larder_error ring_new(const struct slice *names, size_t count, const struct ring *like, struct ring **ret_ring) {
    struct slots nodes, known = {.count = 0};
    struct ring *ring;

    if (count > RING_NODES_MAX) {
        return LARDER_ERROR_LIMIT;
    }
    ring = malloc(sizeof(*ring) + count * sizeof(ring->seeds[0]));
    if (ring == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    ring->count = count;
    for (size_t i = 0; i < count; i++) {
        assert(names[i].size > 0 && (i == 0 || slice_compare(names[i - 1], names[i]) < 0));
        ring->seeds[i] = XXH3_64bits(names[i].data, names[i].size);
    }
    if (like != NULL) {
        known = slots_of(like);
    }
    nodes = slots_of(ring);
    slots_assign(&nodes, &known, ring->owners);
    *ret_ring = ring;
    return LARDER_OK;
}

void ring_free(struct ring *ring) {
    free(ring);
}

uint16_t ring_owner(const struct ring *ring, uint32_t slot) {
    assert(slot < RING_SLOTS);
    return ring->owners[slot];
}

bool ring_precedes(struct slice name, struct slice other, uint32_t slot) {
    uint64_t mine = slots_score(XXH3_64bits(name.data, name.size), slot);
    uint64_t its = slots_score(XXH3_64bits(other.data, other.size), slot);

    return mine != its ? mine > its : slice_compare(name, other) < 0;
}

void ring_shares(const struct ring *ring, uint32_t *ret_slots) {
    if (ring->count == 0) {
        return;
    }
    memset(ret_slots, 0, ring->count * sizeof(*ret_slots));
    for (uint32_t slot = 0; slot < RING_SLOTS; slot++) {
        ret_slots[ring->owners[slot]]++;
    }
}
