/* SPDX-License-Identifier: Apache-2.0 */
/* Rendezvous hashing as it is: the key goes to the node with the highest score for it. */
#include <string.h>

#include "algorithm.h"

struct rendezvous {
    size_t count;
    uint64_t hashes[];
};

void *rendezvous_make(unsigned unused, const struct nodes *nodes) {
    struct rendezvous *r = need(sizeof(*r) + nodes->count * sizeof(r->hashes[0]));

    (void)unused;
    r->count = nodes->count;
    memcpy(r->hashes, nodes->hashes, nodes->count * sizeof(r->hashes[0]));
    return r;
}

uint32_t rendezvous_look_up(const void *self, uint64_t hash) {
    const struct rendezvous *r = self;
    uint64_t best = 0;
    size_t node = 0;

    for (size_t i = 0; i < r->count; i++) {
        uint64_t score = mix(r->hashes[i], hash);

        if (score > best) {
            best = score;
            node = i;
        }
    }
    return (uint32_t)node;
}
