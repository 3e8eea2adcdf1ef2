/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RING_RING_H
#define LARDER_RING_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/* Which node a key belongs to: a pure function of the key and of the names of the nodes, the same in every program that
 * computes it (docs/RING.md has it in full and why it was chosen, tests/unit/ring has golden vectors).
 *
 * A key falls into one of RING_SLOTS slots by the top bits of its hash, XXH3 of 64 bits with seed 0. A slot belongs to
 * the node with the highest score there (rendezvous hashing: Thaler and Ravishankar, "Using name-based mappings to
 * increase hit rates", 1998), so a node that comes or goes moves its own slots and no others. The table of owners is made
 * once for each membership; a look-up is one hash and one load.
 *
 * Immutable once made, for any thread. Its memory is 2 bytes for each slot and 8 for each node: 520 KiB at most. */
struct ring;

#ifndef LARDER_RING_SLOT_BITS
#define LARDER_RING_SLOT_BITS 18 /* a simulation of many rings takes fewer */
#endif

enum {
    RING_ALGORITHM = 1, /* what a node says of itself; nodes of another number are in another ring */
    RING_SLOT_BITS = LARDER_RING_SLOT_BITS,
    RING_SLOTS = 1 << RING_SLOT_BITS,
    RING_NODES_MAX = 1024,
    RING_NOBODY = 0xffff, /* the owner of everything in a ring without nodes */
};

uint32_t ring_slot(struct slice key);

/* The ring of these nodes: `names` are sorted (slice_compare), all different and not empty; a node is known by its index
 * there. Names are not needed after the call. `like` (or NULL) is a ring that differs little: what it shares with this one
 * is not computed again; the ring is the same with any `like`. The caller owns the ring. Errors: LIMIT (more than
 * RING_NODES_MAX), NO_MEMORY. */
enum larder_error ring_new(const struct slice *names, size_t count, const struct ring *like, struct ring **ret_ring);

/* NULL is allowed. */
void ring_free(struct ring *ring);

/* The index of the owner, or RING_NOBODY; `slot` is below RING_SLOTS. */
uint16_t ring_owner(const struct ring *ring, uint32_t slot);

/* Whether the node of this name comes before the other in a slot that both could have: of any nodes the first is the owner, and
 * the second would own the slot without it. Of nodes with one score the one whose name is less comes first. */
bool ring_precedes(struct slice name, struct slice other, uint32_t slot);

/* How many slots each node has; `ret_slots` has room for as many as there are nodes, in their order. */
void ring_shares(const struct ring *ring, uint32_t *ret_slots);

#endif
