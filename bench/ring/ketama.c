/* SPDX-License-Identifier: Apache-2.0 */
/* Points on a circle, as libketama has them: a key belongs to the node whose point comes next. Here the circle has 64 bits
 * and the points come from our own hash. */
#include "algorithm.h"

void *ketama_make(unsigned points, const struct nodes *nodes) {
    return circle_make(nodes, points);
}

uint32_t ketama_look_up(const void *self, uint64_t hash) {
    return circle_find(self, hash)->node;
}
