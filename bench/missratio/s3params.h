/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BENCH_MISSRATIO_S3PARAMS_H
#define LARDER_BENCH_MISSRATIO_S3PARAMS_H

#include <stdbool.h>
#include <stdint.h>

/* What can be turned about S3-FIFO, by object and by segment. */
struct s3params {
    double small;    /* share of the capacity that the small queue gets */
    double hits;     /* hits in the small queue that take an object to the main queue */
    double ghost;    /* remembered evictions, as a multiple of the main queue's objects */
    double cap;      /* hits are counted up to this */
    double keep;     /* 1: an object keeps its hits on the way to the main queue; 0: it begins again */
    double adapt;    /* 0: the small share is fixed; else step of the adaption, in objects per ghost hit */
    double window;   /* share of the objects in the cache: how fresh an eviction must be to count for the adaption */
    double most;     /* the adaption's largest small share (the smallest is 1 %) */
    double segments; /* by segment: how many the capacity is divided into */
    double passes;   /* by segment: after each so many tail segments that one request had to evict, an object needs
                        one more hit to stay; 0: no such toll */
    double rewrite;  /* by segment: 1: each write appends a new copy; 0: only one that does not fit in place */
    double credit;   /* by segment: 1: an overwrite that appends counts as a hit; 0: the new place is enough */
};

/* S3-FIFO as published, and what the table does. */
extern const struct s3params s3params_published, s3params_table;

/* Puts what `options` says over *params. Returns false, and complains on stderr, if it makes no sense. */
bool s3params_read(struct s3params *params, const char *options);

#endif
