/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ring_simulation.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { KEY_MAX = 32 };

/* What is needed on the way: a ring is known by the slots' owners, and keys by their slots. */
struct work {
    struct ring *now;
    struct ring *more;
    struct ring *less;
    uint32_t keys[RING_SLOTS];
};

static void name_nodes(struct simulation *s) {
    for (size_t i = 0; i <= s->count; i++) {
        snprintf(s->nodes[i].name, SIMULATION_NAME_MAX, "node-%04zu", i + 1);
    }
}

/* The ring of the first `count` nodes without the one with index `without`. */
static enum larder_error make_ring(const struct simulation *s, size_t count, size_t without, const struct ring *like,
                                   struct ring **ret_ring) {
    struct slice names[RING_NODES_MAX];
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (i != without) {
            names[kept++] = slice_from_string(s->nodes[i].name);
        }
    }
    return ring_new(names, kept, like, ret_ring);
}

static void place_keys(struct work *w, uint64_t keys) {
    for (uint64_t i = 0; i < keys; i++) {
        char key[KEY_MAX];

        w->keys[ring_slot(slice_make(key, (size_t)snprintf(key, KEY_MAX, "key-%" PRIu64, i)))]++;
    }
}

static void count(struct simulation *s, const struct work *w) {
    for (uint32_t slot = 0; slot < RING_SLOTS; slot++) {
        struct simulation_node *node = &s->nodes[ring_owner(w->now, slot)];

        node->slots++;
        node->keys += w->keys[slot];
    }
    for (size_t i = 1; i < s->count; i++) {
        s->fullest = s->nodes[i].keys > s->nodes[s->fullest].keys ? i : s->fullest;
        s->emptiest = s->nodes[i].keys < s->nodes[s->emptiest].keys ? i : s->emptiest;
    }
}

/* The owner in a ring without the node `gone`, as an index in that with it. */
static size_t owner_without(const struct ring *ring, uint32_t slot, size_t gone) {
    size_t owner = ring_owner(ring, slot);

    return owner + (owner >= gone);
}

/* The node with index `node` is in `with` and not in `without`. */
static void compare(const struct simulation *s, const struct work *w, const struct ring *with,
                    const struct ring *without, size_t node, struct simulation_move *move) {
    move->name = s->nodes[node].name;
    for (uint32_t slot = 0; slot < RING_SLOTS; slot++) {
        size_t owner = ring_owner(with, slot);
        bool moves = owner != owner_without(without, slot, node);

        move->moved += moves ? w->keys[slot] : 0;
        move->needless += moves && owner != node ? w->keys[slot] : 0;
    }
}

static enum larder_error run(struct simulation *s, struct work *w) {
    enum larder_error error = make_ring(s, s->count, SIZE_MAX, NULL, &w->now);

    if (error == LARDER_OK) {
        error = make_ring(s, s->count + 1, SIZE_MAX, w->now, &w->more);
    }
    if (error != LARDER_OK) {
        return error;
    }
    place_keys(w, s->keys);
    count(s, w);
    compare(s, w, w->more, w->now, s->count, &s->come);
    s->come.fair = (double)s->keys / (double)(s->count + 1);
    error = make_ring(s, s->count, s->fullest, w->now, &w->less);
    if (error == LARDER_OK) {
        compare(s, w, w->now, w->less, s->fullest, &s->go);
        s->go.fair = (double)s->keys / (double)s->count;
    }
    return error;
}

enum larder_error simulation_run(size_t nodes, uint64_t keys, struct simulation *ret_simulation) {
    struct work *work = calloc(1, sizeof(*work));
    enum larder_error error = LARDER_ERROR_NO_MEMORY;

    *ret_simulation = (struct simulation){.count = nodes, .keys = keys};
    if (work != NULL) {
        name_nodes(ret_simulation);
        error = run(ret_simulation, work);
        ring_free(work->now);
        ring_free(work->more);
        ring_free(work->less);
    }
    free(work);
    return error;
}

double simulation_of_mean(const struct simulation *s, uint64_t keys) {
    return (double)keys * (double)s->count / (double)s->keys;
}
