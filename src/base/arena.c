/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

enum { CHUNK_SIZE = 4000 /* of a chunk that several allocations share; larger ones get their own */ };

struct arena_chunk {
    struct arena_chunk *next;
    size_t size;
    size_t used;
    alignas(max_align_t) char data[];
};

void arena_init(struct arena *a, size_t limit) {
    *a = (struct arena){.limit = limit};
}

void arena_fini(struct arena *a) {
    while (a->chunks != NULL) {
        struct arena_chunk *chunk = a->chunks;

        a->chunks = chunk->next;
        free(chunk);
    }
    a->used = 0;
}

void arena_reset(struct arena *a) {
    struct arena_chunk *kept = a->chunks;

    if (kept != NULL && kept->size == CHUNK_SIZE) {
        a->chunks = kept->next;
        arena_fini(a);
        kept->next = NULL;
        kept->used = 0;
        a->chunks = kept;
    } else {
        arena_fini(a);
    }
}

static struct arena_chunk *add_chunk(struct arena *a, size_t size) {
    struct arena_chunk *chunk = malloc(sizeof(*chunk) + size);

    if (chunk == NULL) {
        return NULL;
    }
    chunk->size = size;
    chunk->used = 0;
    /* A large one goes behind the first, so that the room left in the first is not lost. */
    if (size > CHUNK_SIZE && a->chunks != NULL) {
        chunk->next = a->chunks->next;
        a->chunks->next = chunk;
    } else {
        chunk->next = a->chunks;
        a->chunks = chunk;
    }
    return chunk;
}

/* `chunk_size` is of a new chunk, if one is needed and the allocation is not larger. */
static void *alloc(struct arena *a, size_t size, size_t chunk_size) {
    struct arena_chunk *chunk = a->chunks;
    char *memory;

    if (size > a->limit - a->used) {
        return NULL;
    }
    a->used += size;
    size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (chunk == NULL || chunk->size - chunk->used < size) {
        chunk = add_chunk(a, size > chunk_size ? size : chunk_size);
        if (chunk == NULL) {
            return NULL;
        }
    }
    memory = chunk->data + chunk->used;
    chunk->used += size;
    return memory;
}

void *arena_alloc(struct arena *a, size_t size) {
    return alloc(a, size, CHUNK_SIZE);
}

void *arena_alloc_alone(struct arena *a, size_t size) {
    return alloc(a, size, a->chunks == NULL ? 0 : CHUNK_SIZE);
}

void *arena_calloc(struct arena *a, size_t count, size_t size) {
    void *memory = size > 0 && count > SIZE_MAX / size ? NULL : arena_alloc(a, count * size);

    return memory != NULL ? memset(memory, 0, count * size) : NULL;
}

bool arena_copy(struct arena *a, struct slice s, struct slice *ret_copy) {
    char *memory = arena_alloc(a, s.size);

    if (memory == NULL) {
        return false;
    }
    if (s.size > 0) {
        memcpy(memory, s.data, s.size);
    }
    *ret_copy = slice_make(memory, s.size);
    return true;
}
