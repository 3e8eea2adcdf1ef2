/* SPDX-License-Identifier: Apache-2.0 */
/* Multi-probe consistent hashing (Appleton and O'Reilly, 2015): one point of each node, and a key is probed at several
 * places; the one that is closest to its next point counts. Points are found by bisection. */
#include <stdlib.h>

#include "algorithm.h"

struct multiprobe {
    unsigned probes;
    struct circle *circle;
};

void *multiprobe_make(unsigned probes, const struct nodes *nodes) {
    struct multiprobe *m = need(sizeof(*m));

    *m = (struct multiprobe){probes, circle_make(nodes, 1)};
    return m;
}

uint32_t multiprobe_look_up(const void *self, uint64_t hash) {
    const struct multiprobe *m = self;
    uint64_t closest = UINT64_MAX;
    uint32_t node = 0;

    for (unsigned i = 0; i < m->probes; i++) {
        uint64_t at = mix(hash, i);
        const struct point *next = circle_find(m->circle, at);

        if (next->at - at < closest) {
            closest = next->at - at;
            node = next->node;
        }
    }
    return node;
}

void multiprobe_destroy(void *self) {
    free(((struct multiprobe *)self)->circle);
    free(self);
}
