/* SPDX-License-Identifier: Apache-2.0 */
/* Jump consistent hash (Lamping and Veach, 2014): numbers of buckets, which are here the places of the nodes in the sorted
 * list, because nothing else is known of a membership. */
#include "algorithm.h"

struct jump {
    size_t count;
};

void *jump_make(unsigned unused, const struct nodes *nodes) {
    struct jump *j = need(sizeof(*j));

    (void)unused;
    j->count = nodes->count;
    return j;
}

uint32_t jump_look_up(const void *self, uint64_t hash) {
    const struct jump *j = self;
    const double whole = 2147483648.0; /* 2^31, of the draw's 31 bits */
    int64_t bucket = -1, next = 0;

    while (next < (int64_t)j->count) {
        bucket = next;
        hash = hash * UINT64_C(2862933555777941757) + 1;
        next = (int64_t)((double)(bucket + 1) * (whole / (double)((hash >> 33) + 1)));
    }
    return (uint32_t)bucket;
}
