/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BASE_ARENA_H
#define LARDER_BASE_ARENA_H

#include <stddef.h>

#include "base/slice.h"

/* Memory that ends together: allocations are never freed one by one, arena_fini frees them all. It has a ceiling from
 * birth. All zero is a valid arena that may hold nothing. */
struct arena {
    struct arena_chunk *chunks; /* the newest first */
    size_t used;                /* bytes handed out, of the limit */
    size_t limit;
};

/* Starts empty, without memory; hands out at most `limit` bytes. */
void arena_init(struct arena *a, size_t limit);

/* Frees everything; the arena is then as after arena_init. Twice is fine. */
void arena_fini(struct arena *a);

/* As arena_fini, but a chunk of the usual size stays for what comes next. */
void arena_reset(struct arena *a);

/* `size` bytes, aligned for any type, not cleared. NULL: out of memory or over the limit. */
void *arena_alloc(struct arena *a, size_t size);

/* The same, for what is likely to be all that the arena will ever hold: an empty one gets a chunk of just that size. */
void *arena_alloc_alone(struct arena *a, size_t size);

/* The same, cleared, for `count` elements. */
void *arena_calloc(struct arena *a, size_t count, size_t size);

/* A copy of the slice. False: no room, and *ret_copy is untouched. */
bool arena_copy(struct arena *a, struct slice s, struct slice *ret_copy);

#endif
