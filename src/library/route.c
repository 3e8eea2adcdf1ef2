/* SPDX-License-Identifier: Apache-2.0 */
#include "library/setup.h"
#include "ring/ring.h"
#include "ring/slots.h"

/* The best of the slot among those that a bit of `out` does not exclude; SIZE_MAX if there is none. */
static size_t best_of(const struct setup *s, uint32_t slot, const uint64_t *out) {
    uint64_t best = 0;
    size_t found = SIZE_MAX;

    for (size_t i = 0; i < s->count; i++) {
        uint64_t score;

        if (out != NULL && (out[i / 64] >> (i % 64) & 1) != 0) {
            continue;
        }
        score = slots_score(s->seeds[i], slot);
        if (found == SIZE_MAX || score > best) {
            best = score;
            found = i;
        }
    }
    return found;
}

static size_t owner_of_slot(const struct setup *s, uint32_t slot) {
    if (s->count == 1) {
        return 0;
    }
    return s->owners != NULL ? s->owners[slot] : best_of(s, slot, NULL);
}

size_t setup_owner(const struct setup *s, struct slice key) {
    return s->order[owner_of_slot(s, ring_slot(key))];
}

/* Rendezvous hashing: the second best of a slot is whom the ring without the best names. */
static enum larder_status route_around(struct setup *s, uint32_t slot, size_t dead, int64_t now_ns,
                                       size_t *ret_server) {
    uint64_t out[LARDER_SERVERS_MAX / 64] = {0};

    for (size_t at = dead; at != SIZE_MAX; at = best_of(s, slot, out)) {
        struct server *server = &s->servers[s->order[at]];

        if (at != dead && health_admits(&server->health, &s->health, now_ns)) {
            *ret_server = s->order[at];
            return LARDER_DONE;
        }
        out[at / 64] |= UINT64_C(1) << (at % 64);
    }
    return LARDER_ERR_ALL_DEAD;
}

enum larder_status setup_route(struct setup *s, struct slice key, int64_t now_ns, size_t *ret_server) {
    uint32_t slot = s->count == 1 ? 0 : ring_slot(key);
    size_t at = owner_of_slot(s, slot);
    struct server *server = &s->servers[s->order[at]];

    if (health_admits(&server->health, &s->health, now_ns)) {
        *ret_server = s->order[at];
        return LARDER_DONE;
    }
    if (s->fail_when_dead) {
        return LARDER_ERR_DEAD;
    }
    return route_around(s, slot, at, now_ns, ret_server);
}
