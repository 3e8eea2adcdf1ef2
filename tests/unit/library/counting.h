/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_LIBRARY_COUNTING_H
#define TESTS_UNIT_LIBRARY_COUNTING_H

#include <stdatomic.h>
#include <stdlib.h>

#include <larder/larder.h>

/* An allocator that knows what was not given back. Any thread. */

static atomic_int standing; /* allocations */

static inline void *counting_allocate(void *ctx, size_t size) {
    (void)ctx;
    atomic_fetch_add(&standing, 1);
    return malloc(size);
}

static inline void *counting_reallocate(void *ctx, void *memory, size_t size) {
    (void)ctx;
    atomic_fetch_add(&standing, memory == NULL);
    return realloc(memory, size);
}

static inline void counting_release(void *ctx, void *memory) {
    (void)ctx;
    atomic_fetch_sub(&standing, 1);
    free(memory);
}

static const struct larder_allocator counting = {
    .allocate = counting_allocate, .reallocate = counting_reallocate, .release = counting_release};

#endif
