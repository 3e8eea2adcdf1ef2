/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BENCH_MISSRATIO_S3MEMORY_H
#define LARDER_BENCH_MISSRATIO_S3MEMORY_H

#include "s3params.h"

/*
 * Remembers which objects were evicted last. The age of an eviction is the number of evictions remembered since, so
 * "the last n" needs no list: an entry is as good as gone once its age is above the limit.
 */
struct ghost {
    uint32_t *stamps; /* by object id; 0: not remembered */
    uint32_t clock;
};

/*
 * What S3-FIFO learns from evictions: which objects go straight to the main queue when they return and, with
 * params.adapt, how large the small queue should be.
 */
struct s3memory {
    struct s3params params;
    double capacity;
    double target; /* bytes of the small queue */
    struct ghost small, main;
};

/* Makes an empty memory for object ids below `objects`. Free it with s3memory_fini. */
void s3memory_init(struct s3memory *memory, const struct s3params *params, uint64_t capacity, uint32_t objects);

void s3memory_fini(struct s3memory *memory);

/* Notes that an object was evicted from the main queue or, if not `from_main`, from the small one. */
void s3memory_evicted(struct s3memory *memory, uint32_t id, bool from_main);

/*
 * To be called for each miss. `live` is the number of objects in the cache. Adapts the target and returns true if the
 * object belongs into the main queue.
 */
bool s3memory_missed(struct s3memory *memory, uint32_t id, uint32_t size, uint32_t live);

#endif
