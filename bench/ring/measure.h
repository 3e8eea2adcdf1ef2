/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BENCH_RING_MEASURE_H
#define LARDER_BENCH_RING_MEASURE_H

#include "algorithm.h"

/* A figure over all rounds, each of which has nodes of other names. */
struct figure {
    double sum;
    double least;
    double most;
    unsigned count;
};

/* What becomes of the keys when the membership changes. */
struct movement {
    struct figure moved;    /* against the fair share of a node */
    struct figure needless; /* the part of what moved that did so between two nodes that were there before and after */
};

struct measurement {
    struct figure fullest; /* against the mean */
    struct figure emptiest;
    struct movement come; /* one node more */
    struct movement go;   /* one node less */
    struct figure build_ms;
    struct figure change_ms;  /* after one has come or gone, whichever takes longer */
    double look_up_ns;        /* one after the other, each waits for the one before */
    double cold_ns;           /* the same, the caches having been filled with something else */
    double cold_pipelined_ns; /* likewise, but the keys are known beforehand */
    size_t memory;
};

/* Of `count` nodes, at least 2. */
void measure(const struct algorithm *algorithm, size_t count, unsigned rounds, struct measurement *ret_measurement);

#endif
