/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BENCH_MISSRATIO_ALLOC_H
#define LARDER_BENCH_MISSRATIO_ALLOC_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* A measurement that lacks memory has no useful way to go on, so these two end the program instead of failing. */

/* `count` zeroed elements of `size` bytes; the caller frees them with free(). */
static inline void *need_zeroed(size_t count, size_t size) {
    void *memory = calloc(count ? count : 1, size);
    if (!memory) {
        fputs("missratio: out of memory\n", stderr);
        exit(2);
    }
    return memory;
}

/* `old` (may be NULL) grown to `count` elements of `size` bytes; the caller frees the result with free(). */
static inline void *need_grown(void *old, size_t count, size_t size) {
    void *memory = reallocarray(old, count, size);
    if (!memory) {
        fputs("missratio: out of memory\n", stderr);
        exit(2);
    }
    return memory;
}

#endif
