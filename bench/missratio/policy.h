/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BENCH_MISSRATIO_POLICY_H
#define LARDER_BENCH_MISSRATIO_POLICY_H

#include "load.h"

#include <stddef.h>

/*
 * An eviction policy under test. `create` gives a cache of `capacity` bytes (objects, for loads of unit size) that will
 * see the requests of `load`, in order and perhaps not all of them; `options` is what the user wrote behind the name
 * ("small=0.1,hits=2"), or NULL. It returns NULL if the options make no sense. `request` says whether the object was
 * there, and puts it there if it was not. An object whose size differs from last time is still a hit, and takes its new
 * size. An object that does not fit into the whole cache is not kept. `destroy` frees the cache.
 * `work` may be NULL; it gives what keeping objects cost so far.
 */
struct policy_work {
    uint64_t moved_bytes;   /* bytes copied inside the cache to keep them */
    uint64_t most_segments; /* tail segments that the most expensive single request had to evict */
};

struct policy {
    const char *name;
    void *(*create)(const char *options, uint64_t capacity, const struct load *load);
    bool (*request)(void *self, const struct request *request);
    void (*destroy)(void *self);
    void (*work)(const void *self, struct policy_work *ret_work);
};

extern const struct policy policy_lru, policy_fifo, policy_clock, policy_sieve, policy_s3fifo, policy_larder,
    policy_table, policy_belady, policy_belady_size;

/* The policy of that name; `length` counts the bytes of `name`. NULL if there is none. */
const struct policy *policy_find(const char *name, size_t length);

#endif
