/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "algorithm.h"

static int compare(const void *left, const void *right) {
    const struct point *a = left, *b = right;

    return a->at != b->at ? (a->at > b->at) - (a->at < b->at) : (a->node > b->node) - (a->node < b->node);
}

struct circle *circle_make(const struct nodes *nodes, unsigned points) {
    size_t count = nodes->count * points;
    struct circle *circle = need(sizeof(*circle) + count * sizeof(circle->points[0]));

    circle->count = count;
    for (size_t i = 0; i < nodes->count; i++) {
        for (unsigned p = 0; p < points; p++) {
            circle->points[i * points + p] = (struct point){mix(nodes->hashes[i], p), (uint32_t)i};
        }
    }
    qsort(circle->points, count, sizeof(circle->points[0]), compare);
    return circle;
}

const struct point *circle_find(const struct circle *circle, uint64_t at) {
    size_t from = 0, left = circle->count;

    while (left > 0) {
        size_t half = left / 2;
        size_t behind = from + half + 1;

        if (circle->points[from + half].at < at) {
            from = behind;
            left -= half + 1;
        } else {
            left = half;
        }
    }
    return &circle->points[from == circle->count ? 0 : from];
}
