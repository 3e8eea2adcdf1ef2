/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/ghost.h"

#include <assert.h>

/* A slot is 16 bits of time, a bit for the queue and 15 bits of fingerprint; 0 is empty, so a fingerprint is never 0.
 * Time runs in ticks, 4096 of them for as many drops as there are slots, and wraps after 16 times as many: a slot of that
 * age would seem young, but its set has long been filled by then. */
enum {
    TICKS_PER_FILL = 4096,
    TIME_SHIFT = 16,
    QUEUE_SHIFT = 15,
    FINGERPRINT_MASK = 0x7fff,
    MAIN_AGES_FASTER = 8, /* drops from the main queue are of use for a shorter time, so they make room sooner */
};

static uint32_t fingerprint(uint64_t hash) {
    uint32_t bits = (uint32_t)(hash >> 40) & FINGERPRINT_MASK;

    return bits == 0 ? 1 : bits;
}

static uint32_t *set_of(const struct ghost *g, uint64_t hash) {
    return g->slots + (hash & (g->sets - 1)) * GHOST_WAYS;
}

static enum ghost_queue queue_of(uint32_t slot) {
    return (slot >> QUEUE_SHIFT & 1) != 0 ? GHOST_MAIN : GHOST_SMALL;
}

static uint16_t now_of(const struct ghost *g, enum ghost_queue queue) {
    return (uint16_t)(g->drops[queue] / g->drops_per_tick);
}

static uint16_t age_of(const struct ghost *g, uint32_t slot) {
    return (uint16_t)(now_of(g, queue_of(slot)) - (uint16_t)(slot >> TIME_SHIFT));
}

static uint32_t wear_of(const struct ghost *g, uint32_t slot) {
    return queue_of(slot) == GHOST_MAIN ? (uint32_t)age_of(g, slot) * MAIN_AGES_FASTER : age_of(g, slot);
}

void ghost_init(struct ghost *g) {
    *g = (struct ghost){0};
}

void ghost_use(struct ghost *g, void *memory, size_t sets) {
    assert(sets > 0 && (sets & (sets - 1)) == 0);
    *g = (struct ghost){
        .slots = memory,
        .sets = sets,
        .drops_per_tick = sets * GHOST_WAYS / TICKS_PER_FILL + 1,
    };
}

void ghost_add(struct ghost *g, uint64_t hash, enum ghost_queue queue) {
    uint32_t *set;
    uint32_t *victim;

    if (g->slots == NULL) {
        return;
    }
    g->drops[queue]++;
    set = victim = set_of(g, hash);
    for (uint32_t *slot = set; slot < set + GHOST_WAYS; slot++) {
        if (*slot == 0 || (*slot & FINGERPRINT_MASK) == fingerprint(hash)) {
            victim = slot;
            break;
        }
        if (wear_of(g, *slot) > wear_of(g, *victim)) {
            victim = slot;
        }
    }
    *victim = (uint32_t)now_of(g, queue) << TIME_SHIFT | (uint32_t)queue << QUEUE_SHIFT | fingerprint(hash);
}

bool ghost_recall(struct ghost *g, uint64_t hash, struct ghost_memory *ret_memory) {
    uint32_t *set;

    if (g->slots == NULL) {
        return false;
    }
    set = set_of(g, hash);
    for (uint32_t *slot = set; slot < set + GHOST_WAYS; slot++) {
        if (*slot != 0 && (*slot & FINGERPRINT_MASK) == fingerprint(hash)) {
            ret_memory->queue = queue_of(*slot);
            ret_memory->age = age_of(g, *slot) * g->drops_per_tick;
            *slot = 0;
            return true;
        }
    }
    return false;
}
