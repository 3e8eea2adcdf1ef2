/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RING_SLOTS_H
#define LARDER_RING_SLOTS_H

#include <stddef.h>
#include <stdint.h>

#include "ring/ring.h"

/* Who has which slot, for any number of slots, so that the benchmark can compare them; ring.c calls it with RING_SLOTS. A
 * node is here nothing but its seed, the XXH3 of its name. */

/* The score of a node in a slot: what SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
 * 2014) started with the node's seed gives as its output number `slot`, the first being 0. For one slot it is a bijection
 * of the seeds, so that two nodes have the same score there exactly if they have the same seed. */
static inline uint64_t slots_score(uint64_t seed, uint32_t slot) {
    uint64_t z = seed + ((uint64_t)slot + 1) * UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Nodes and, if it has been made, the table of their slots. */
struct slots {
    size_t count;          /* of nodes, at most RING_NODES_MAX */
    const uint64_t *seeds; /* by the nodes' indexes */
    uint32_t slot_count;
    const uint16_t *owners; /* indexes of nodes, or RING_NOBODY if there are none */
};

/* Fills ret_owners, which has room for nodes->slot_count; nodes->owners is not looked at. Of nodes with one seed the first
 * has all. `like` has as many slots, or no nodes at all: a slot that its owner there keeps is compared with the nodes
 * that are new; only what nobody has any more is compared with all. */
void slots_assign(const struct slots *nodes, const struct slots *like, uint16_t *ret_owners);

#endif
