/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUF_FIRST_CAPACITY = 256 };

void buf_init(struct buf *b, size_t limit) {
    *b = (struct buf){.limit = limit};
}

void buf_fini(struct buf *b) {
    free(b->data);
    buf_init(b, b->limit);
}

enum larder_error buf_grow(struct buf *b, size_t count) {
    size_t need = b->size + count;
    size_t capacity = b->capacity > 0 ? b->capacity : BUF_FIRST_CAPACITY;
    char *data;

    if (count > b->limit - b->size) {
        return LARDER_ERROR_LIMIT;
    }
    while (capacity < need) {
        capacity *= 2;
    }
    if (capacity > b->limit) {
        capacity = b->limit;
    }
    data = realloc(b->data, capacity);
    if (data == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    b->data = data;
    b->capacity = capacity;
    return LARDER_OK;
}

enum larder_error buf_printf(struct buf *b, const char *format, ...) {
    va_list arguments;
    enum larder_error error;
    int length;

    va_start(arguments, format);
    length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    assert(length >= 0);
    /* vsnprintf wants room for its NUL, which is then not counted. */
    error = buf_reserve(b, (size_t)length + 1);
    if (error != LARDER_OK) {
        return error;
    }
    va_start(arguments, format);
    vsnprintf(b->data + b->size, (size_t)length + 1, format, arguments);
    va_end(arguments);
    b->size += (size_t)length;
    return LARDER_OK;
}

void buf_consume(struct buf *b, size_t count) {
    assert(count <= b->size);
    b->size -= count;
    if (b->size > 0) {
        memmove(b->data, b->data + count, b->size);
    }
}
