/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BENCH_MISSRATIO_SINGLE_H
#define LARDER_BENCH_MISSRATIO_SINGLE_H

#include "policy.h"
#include "queue.h"

/* The state that the policies with one queue share: FIFO, LRU, CLOCK and SIEVE. */
struct single {
    uint64_t capacity;
    struct slot *slots;
    struct queue queue;
    uint32_t hand; /* SIEVE only */
};

/* Signatures of struct policy. `options` must be NULL or empty. */
void *single_create(const char *options, uint64_t capacity, const struct load *load);
void single_destroy(void *self);

/*
 * The common course of a request: on a hit calls `hit` and takes the new size, on a miss inserts as newest; calls
 * `evict`, which removes an object or spares it, as long as there is too much.
 */
bool single_request(struct single *s, const struct request *r, void (*hit)(struct single *, uint32_t),
                    void (*evict)(struct single *));

/* Removes an object from the cache. */
void single_drop(struct single *s, uint32_t id);

#endif
