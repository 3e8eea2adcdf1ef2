/* SPDX-License-Identifier: Apache-2.0 */
/* The real ring. */
#include <stdio.h>
#include <stdlib.h>

#include "algorithm.h"
#include "ring/ring.h"

void *larder_change(unsigned bits, const struct nodes *nodes, const void *old) {
    struct ring *ring;

    (void)bits;
    if (ring_new(nodes->names, nodes->count, old, &ring) != LARDER_OK) {
        fputs("ring: the ring could not be made\n", stderr);
        exit(1);
    }
    return ring;
}

void *larder_make(unsigned bits, const struct nodes *nodes) {
    return larder_change(bits, nodes, NULL);
}

uint32_t larder_look_up(const void *self, uint64_t hash) {
    return ring_owner(self, (uint32_t)(hash >> (64 - RING_SLOT_BITS)));
}

void larder_destroy(void *self) {
    ring_free(self);
}
