/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BENCH_RING_SPEED_H
#define LARDER_BENCH_RING_SPEED_H

#include "measure.h"

/* What a look-up's time has in it in any case. */
struct conditions {
    double hash_ns;   /* the hash of the key and the loop around it */
    double memory_ns; /* a load from a table of 512 KiB that no cache has, when the next one waits for it */
};

void speed_measure_conditions(struct conditions *ret_conditions);

/* Fills in the nanoseconds of a look-up in what `self` is. */
void speed_measure(const struct algorithm *algorithm, const void *self, struct measurement *ret_measurement);

#endif
