/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BASE_HISTOGRAM_H
#define LARDER_BASE_HISTOGRAM_H

#include <stdint.h>

/* A log-linear histogram of non-negative numbers (durations in nanoseconds, sizes in bytes): exact below 64, above that
 * 64 steps per power of two, so a quantile is at most 1/64 too high. Fixed size, one writer. */
enum {
    HISTOGRAM_STEP_BITS = 6,
    HISTOGRAM_BUCKETS = (64 - HISTOGRAM_STEP_BITS + 1) << HISTOGRAM_STEP_BITS,
};

struct histogram {
    uint64_t count;
    uint64_t sum;
    uint64_t min;
    uint64_t max;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_init(struct histogram *h);
void histogram_record(struct histogram *h, uint64_t value);

/* Adds everything `other` holds. */
void histogram_merge(struct histogram *h, const struct histogram *other);

/* The smallest recorded value's bucket bound below or at which the share `quantile` (0..1) of all values lies, never above
 * the maximum; 0 when nothing was recorded. */
uint64_t histogram_quantile(const struct histogram *h, double quantile);

/* 0 when nothing was recorded. */
double histogram_mean(const struct histogram *h);

#endif
