/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/slots.h"

#include <assert.h>
#include <stdbool.h>

enum { PLACES = 4 * RING_NODES_MAX /* of the hash table: a power of two */ };

/* Nodes by their seeds: open addressing. The first node that comes with a seed is the one that is found. */
struct finder {
    const uint64_t *seeds;
    uint16_t places[PLACES];
};

/* Nodes to compare, without those that another one of the same seed precedes. */
struct candidates {
    size_t count;
    uint64_t seeds[RING_NODES_MAX];
    uint16_t indexes[RING_NODES_MAX];
};

static uint16_t *place_of(struct finder *f, uint64_t seed) {
    size_t at = seed % PLACES;

    while (f->places[at] != RING_NOBODY && f->seeds[f->places[at]] != seed) {
        at = (at + 1) % PLACES;
    }
    return &f->places[at];
}

static void finder_init(struct finder *f, const uint64_t *seeds, size_t count) {
    f->seeds = seeds;
    for (size_t i = 0; i < PLACES; i++) {
        f->places[i] = RING_NOBODY;
    }
    for (size_t i = 0; i < count; i++) {
        uint16_t *place = place_of(f, seeds[i]);

        if (*place == RING_NOBODY) {
            *place = (uint16_t)i;
        }
    }
}

/* The nodes that `known` (NULL: of nobody) does not know. */
static void collect(struct candidates *c, const struct slots *nodes, struct finder *self, struct finder *known) {
    c->count = 0;
    for (size_t i = 0; i < nodes->count; i++) {
        bool is_first = *place_of(self, nodes->seeds[i]) == i;

        if (is_first && (known == NULL || *place_of(known, nodes->seeds[i]) == RING_NOBODY)) {
            c->seeds[c->count] = nodes->seeds[i];
            c->indexes[c->count] = (uint16_t)i;
            c->count++;
        }
    }
}

/* The best in the slot of those that are compared and of `owner`. */
static uint16_t choose(uint32_t slot, uint16_t owner, uint64_t seed, const struct candidates *c) {
    uint64_t best = slots_score(seed, slot);

    for (size_t i = 0; i < c->count; i++) {
        uint64_t score = slots_score(c->seeds[i], slot);

        if (score > best) {
            best = score;
            owner = c->indexes[i];
        }
    }
    return owner;
}

void slots_assign(const struct slots *nodes, const struct slots *like, uint16_t *ret_owners) {
    struct candidates all, arrived;
    struct finder self, known;
    uint16_t now[RING_NODES_MAX]; /* the index that a node of `like` has among `nodes` */

    assert(nodes->count <= RING_NODES_MAX && like->count <= RING_NODES_MAX);
    finder_init(&self, nodes->seeds, nodes->count);
    finder_init(&known, like->seeds, like->count);
    collect(&all, nodes, &self, NULL);
    collect(&arrived, nodes, &self, &known);
    for (size_t i = 0; i < like->count; i++) {
        now[i] = *place_of(&self, like->seeds[i]);
    }
    for (uint32_t slot = 0; slot < nodes->slot_count; slot++) {
        uint16_t owner = like->count == 0 ? RING_NOBODY : now[like->owners[slot]];

        if (nodes->count == 0) {
            ret_owners[slot] = RING_NOBODY;
        } else if (owner == RING_NOBODY) {
            ret_owners[slot] = choose(slot, all.indexes[0], all.seeds[0], &all);
        } else {
            ret_owners[slot] = arrived.count == 0 ? owner : choose(slot, owner, nodes->seeds[owner], &arrived);
        }
    }
}
