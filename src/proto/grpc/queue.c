/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/grpc/queue.h"

#include <stdlib.h>

#include "proto/grpc/reader.h"

enum { KEEP_BYTES = 16 << 10 /* of memory that stay with a queue that ran empty */ };

void grpc_queue_fini(struct grpc_queue *q) {
    if (q->data != q->small) {
        free(q->data);
    }
    grpc_queue_init(q);
}

void grpc_queue_empty(struct grpc_queue *q) {
    q->size = 0;
    q->sent = 0;
    if (q->capacity > KEEP_BYTES) {
        grpc_queue_fini(q);
    }
}

static void drop_sent(struct grpc_queue *q) {
    q->size -= q->sent;
    memmove(q->data, q->data + q->sent, q->size);
    q->sent = 0;
}

/* Makes room for `need` bytes in all, at most `most`. */
static bool grow(struct grpc_queue *q, size_t need, size_t most) {
    size_t capacity = need > 2 * q->capacity ? need : 2 * q->capacity;
    char *data;

    if (need > most) {
        return false;
    }
    capacity = capacity < most ? capacity : most;
    if (capacity <= GRPC_QUEUE_INLINE) {
        capacity = GRPC_QUEUE_INLINE + 1; /* the invariant tells the two kinds of memory apart by their size */
    }
    data = realloc(q->data == q->small ? NULL : q->data, capacity);
    if (data == NULL) {
        return false;
    }
    if (q->data == q->small) {
        memcpy(data, q->small, q->size);
    }
    q->data = data;
    q->capacity = capacity;
    return true;
}

static bool make_room(struct grpc_queue *q, size_t size, size_t most) {
    if (q->sent > 0 && q->sent >= q->size / 2) {
        drop_sent(q); /* at least as much was sent as is moved */
    }
    return size <= q->capacity - q->size || grow(q, q->size + size, most);
}

char *grpc_queue_message(struct grpc_queue *q, size_t size, size_t most) {
    char *at;

    if (size > UINT32_MAX ||
        (q->capacity - q->size < size + GRPC_PREFIX_SIZE && !make_room(q, size + GRPC_PREFIX_SIZE, most))) {
        return NULL;
    }
    at = q->data + q->size;
    at[0] = 0;
    at[1] = (char)(size >> 24);
    at[2] = (char)(size >> 16);
    at[3] = (char)(size >> 8);
    at[4] = (char)size;
    q->size += size + GRPC_PREFIX_SIZE;
    return at + GRPC_PREFIX_SIZE;
}
