/* SPDX-License-Identifier: Apache-2.0 */
#include "base/histogram.h"

#include <math.h>
#include <string.h>

enum { STEPS = 1 << HISTOGRAM_STEP_BITS };

static unsigned bucket_of(uint64_t value) {
    unsigned shift;

    if (value < STEPS) {
        return (unsigned)value;
    }
    shift = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_STEP_BITS;
    return ((shift + 1) << HISTOGRAM_STEP_BITS) + (unsigned)((value >> shift) & (STEPS - 1));
}

/* The highest value that falls into the bucket. */
static uint64_t bucket_top(unsigned bucket) {
    unsigned shift;
    uint64_t first;

    if (bucket < STEPS) {
        return bucket;
    }
    shift = (bucket >> HISTOGRAM_STEP_BITS) - 1;
    first = ((uint64_t)STEPS | (bucket & (STEPS - 1))) << shift;
    return first + ((UINT64_C(1) << shift) - 1);
}

void histogram_init(struct histogram *h) {
    memset(h, 0, sizeof(*h));
    h->min = UINT64_MAX;
}

void histogram_record(struct histogram *h, uint64_t value) {
    h->count++;
    h->sum += value;
    if (value < h->min) {
        h->min = value;
    }
    if (value > h->max) {
        h->max = value;
    }
    h->buckets[bucket_of(value)]++;
}

void histogram_merge(struct histogram *h, const struct histogram *other) {
    h->count += other->count;
    h->sum += other->sum;
    if (other->min < h->min) {
        h->min = other->min;
    }
    if (other->max > h->max) {
        h->max = other->max;
    }
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        h->buckets[i] += other->buckets[i];
    }
}

uint64_t histogram_quantile(const struct histogram *h, double quantile) {
    uint64_t rank = (uint64_t)ceil(quantile * (double)h->count);
    uint64_t seen = 0;

    if (h->count == 0) {
        return 0;
    }
    if (rank == 0) {
        rank = 1;
    }
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen >= rank) {
            uint64_t top = bucket_top(i);

            return top < h->max ? top : h->max;
        }
    }
    return h->max;
}

double histogram_mean(const struct histogram *h) {
    return h->count == 0 ? 0.0 : (double)h->sum / (double)h->count;
}
