/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BASE_BUF_H
#define LARDER_BASE_BUF_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "base/slice.h"

/* A growing byte buffer with a ceiling from birth. Invariant: size <= capacity <= limit, and data is NULL exactly when
 * capacity is 0. Growing may move `data`. */
struct buf {
    char *data;
    size_t size;
    size_t capacity;
    size_t limit;
};

/* Starts empty, without memory; never holds more than `limit` bytes. */
void buf_init(struct buf *b, size_t limit);

/* Frees the memory; the buffer is then as after buf_init with the same limit. */
void buf_fini(struct buf *b);

/* Slow half of buf_reserve. */
enum larder_error buf_grow(struct buf *b, size_t count);

/* Makes room for `count` more bytes behind data+size. Errors: LIMIT, NO_MEMORY; the buffer is then unchanged. */
static inline enum larder_error buf_reserve(struct buf *b, size_t count) {
    return b->capacity - b->size >= count ? LARDER_OK : buf_grow(b, count);
}

/* Appends `size` bytes. Errors as buf_reserve. */
static inline enum larder_error buf_append(struct buf *b, const void *data, size_t size) {
    enum larder_error error = buf_reserve(b, size);

    if (error == LARDER_OK && size > 0) {
        memcpy(b->data + b->size, data, size);
        b->size += size;
    }
    return error;
}

static inline enum larder_error buf_append_slice(struct buf *b, struct slice s) {
    return buf_append(b, s.data, s.size);
}

/* Appends formatted text, without a NUL. Errors as buf_reserve. */
enum larder_error buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Drops the first `count` bytes and moves the rest to the front; `count` is at most b->size. */
void buf_consume(struct buf *b, size_t count);

static inline struct slice buf_slice(const struct buf *b) {
    return slice_make(b->data, b->size);
}

#endif
