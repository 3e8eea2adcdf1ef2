/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_LIBRARY_MEMORY_H
#define LARDER_LIBRARY_MEMORY_H

#include <larder/larder.h>
#include <string.h>

/* The caller's allocator, and a growing run of bytes in its memory. */

extern const struct larder_allocator memory_default;

static inline void *memory_new(const struct larder_allocator *a, size_t size) {
    void *memory = a->allocate(a->ctx, size);

    if (memory != NULL) {
        memset(memory, 0, size);
    }
    return memory;
}

static inline void *memory_grow(const struct larder_allocator *a, void *memory, size_t size) {
    return a->reallocate(a->ctx, memory, size);
}

/* NULL is allowed. */
static inline void memory_free(const struct larder_allocator *a, void *memory) {
    if (memory != NULL) {
        a->release(a->ctx, memory);
    }
}

/* What was written and not yet taken stands from `start` to `end`. All zeros is empty. */
struct bytes {
    char *data;
    size_t start;
    size_t end;
    size_t capacity;
};

/* Room for `count` more behind `end`; may move the bytes. LARDER_ERR_NO_MEMORY; they are then as before. */
enum larder_status bytes_reserve(struct bytes *b, const struct larder_allocator *a, size_t count);

void bytes_fini(struct bytes *b, const struct larder_allocator *a);

/* Forgets all, and gives back memory beyond what is worth keeping. */
void bytes_clear(struct bytes *b, const struct larder_allocator *a);

static inline size_t bytes_size(const struct bytes *b) {
    return b->end - b->start;
}

/* For what bytes_reserve has made room for. */
static inline void bytes_put(struct bytes *b, const void *data, size_t size) {
    if (size > 0) {
        memcpy(b->data + b->end, data, size);
        b->end += size;
    }
}

#endif
