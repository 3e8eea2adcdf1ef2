/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CACHE_GHOST_H
#define LARDER_CACHE_GHOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Remembers which keys were evicted of late and from which queue, without the keys: 15 bits of the hash and the time of
 * the drop, in a set-associative array. Time is counted for each queue in its own drops. A wrong "yes" (about one look-up
 * in 4,000) does no more harm than a wrong guess of the policy. The memory is the caller's. */
struct ghost {
    uint32_t *slots; /* NULL: remembers nothing */
    size_t sets;     /* a power of two */
    uint64_t drops_per_tick;
    uint64_t drops[2]; /* by queue, see GHOST_SMALL and GHOST_MAIN */
};

enum { GHOST_WAYS = 8, GHOST_SLOT_SIZE = sizeof(uint32_t) };
enum ghost_queue { GHOST_SMALL, GHOST_MAIN };

/* What is remembered of a key. */
struct ghost_memory {
    enum ghost_queue queue;
    uint64_t age; /* drops from that queue since then, to within 1/4096 of the slots */
};

/* Starts with no memory: ghost_recall says no to everything. */
void ghost_init(struct ghost *g);

/* Gives the ghost zeroed memory of `sets` x GHOST_WAYS slots (sets: a power of two, at least 1) and forgets everything. */
void ghost_use(struct ghost *g, void *memory, size_t sets);

/* Notes that the key of this hash was dropped. */
void ghost_add(struct ghost *g, uint64_t hash, enum ghost_queue queue);

/* Whether it is remembered; it is then forgotten. */
bool ghost_recall(struct ghost *g, uint64_t hash, struct ghost_memory *ret_memory);

#endif
