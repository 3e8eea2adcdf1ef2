/* SPDX-License-Identifier: Apache-2.0 */
/* The table of Maglev (Eisenbud and others, 2016): nodes in turn take the next free entry of an order of their own. */
#include <stdlib.h>
#include <string.h>

#include "algorithm.h"

enum { FREE = 0xffff };

struct maglev {
    uint32_t size; /* a prime number */
    uint16_t owners[];
};

/* A node's place in its order of the entries. */
struct turn {
    uint32_t at;
    uint32_t skip;
};

static void take(struct maglev *m, struct turn *turn, size_t node) {
    while (m->owners[turn->at] != FREE) {
        turn->at = (turn->at + turn->skip) % m->size;
    }
    m->owners[turn->at] = (uint16_t)node;
}

void *maglev_make(unsigned size, const struct nodes *nodes) {
    struct maglev *m = need(sizeof(*m) + size * sizeof(m->owners[0]));
    struct turn *turns = need(nodes->count * sizeof(*turns));

    m->size = size;
    memset(m->owners, 0xff, size * sizeof(m->owners[0]));
    for (size_t i = 0; i < nodes->count; i++) {
        turns[i].at = (uint32_t)(mix(nodes->hashes[i], 0) % size);
        turns[i].skip = (uint32_t)(mix(nodes->hashes[i], 1) % (size - 1) + 1);
    }
    for (uint32_t taken = 0; taken < size; taken++) {
        take(m, &turns[taken % nodes->count], taken % nodes->count);
    }
    free(turns);
    return m;
}

uint32_t maglev_look_up(const void *self, uint64_t hash) {
    const struct maglev *m = self;

    return m->owners[scale(hash, m->size)];
}
