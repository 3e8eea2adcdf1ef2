/* SPDX-License-Identifier: Apache-2.0 */
#include "library/memory.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 16 * 1024, KEPT_MAX = 256 * 1024 };

static void *default_allocate(void *ctx, size_t size) {
    (void)ctx;
    return malloc(size);
}

static void *default_reallocate(void *ctx, void *memory, size_t size) {
    (void)ctx;
    return realloc(memory, size);
}

static void default_release(void *ctx, void *memory) {
    (void)ctx;
    free(memory);
}

const struct larder_allocator memory_default = {
    .allocate = default_allocate, .reallocate = default_reallocate, .release = default_release};

enum larder_status bytes_reserve(struct bytes *b, const struct larder_allocator *a, size_t count) {
    size_t size = bytes_size(b), capacity = b->capacity > 0 ? b->capacity : FIRST_CAPACITY;
    char *data;

    if (b->capacity - b->end >= count) {
        return LARDER_DONE;
    }
    if (b->start > 0) {
        memmove(b->data, b->data + b->start, size);
        b->start = 0;
        b->end = size;
    }
    if (count > SIZE_MAX / 4 || size > SIZE_MAX / 4) {
        return LARDER_ERR_NO_MEMORY;
    }
    while (capacity - size < count) {
        capacity *= 2;
    }
    if (capacity > b->capacity) {
        data = memory_grow(a, b->data, capacity);
        if (data == NULL) {
            return LARDER_ERR_NO_MEMORY;
        }
        b->data = data;
        b->capacity = capacity;
    }
    return LARDER_DONE;
}

void bytes_fini(struct bytes *b, const struct larder_allocator *a) {
    memory_free(a, b->data);
    *b = (struct bytes){.data = NULL};
}

void bytes_clear(struct bytes *b, const struct larder_allocator *a) {
    b->start = b->end = 0;
    if (b->capacity > KEPT_MAX) {
        bytes_fini(b, a);
    }
}
