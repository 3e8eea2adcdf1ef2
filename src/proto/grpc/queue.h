/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_GRPC_QUEUE_H
#define LARDER_PROTO_GRPC_QUEUE_H

#include <stdint.h>

#include "base/slice.h"

enum { GRPC_QUEUE_INLINE = 512 /* bytes that wait without memory beside the queue's own; holds most unary answers */ };

/* The messages of a call that wait to be sent, each behind its prefix (reader.h).
 * Invariant: sent <= size <= capacity; `data` is `small` exactly when capacity is GRPC_QUEUE_INLINE. */
struct grpc_queue {
    char *data;
    size_t size;
    size_t sent; /* of size */
    size_t capacity;
    char small[GRPC_QUEUE_INLINE];
};

/* Prepares a queue, also one that was in use before; frees nothing. It must not be moved afterwards. */
static inline void grpc_queue_init(struct grpc_queue *q) {
    q->data = q->small;
    q->size = 0;
    q->sent = 0;
    q->capacity = GRPC_QUEUE_INLINE;
}

void grpc_queue_fini(struct grpc_queue *q);

/* Room for a message, whose prefix is written. NULL: out of memory, or more than `most` bytes of memory would be taken. */
char *grpc_queue_message(struct grpc_queue *q, size_t size, size_t most);

/* The bytes that wait. */
static inline struct slice grpc_queue_waiting(const struct grpc_queue *q) {
    return slice_make(q->data + q->sent, q->size - q->sent);
}

/* Slow half of grpc_queue_sent. */
void grpc_queue_empty(struct grpc_queue *q);

/* Notes that the next `size` bytes that waited are sent. */
static inline void grpc_queue_sent(struct grpc_queue *q, size_t size) {
    q->sent += size;
    if (q->sent == q->size) {
        grpc_queue_empty(q);
    }
}

/* Bytes of memory beside the queue itself. */
static inline size_t grpc_queue_memory(const struct grpc_queue *q) {
    return q->capacity > GRPC_QUEUE_INLINE ? q->capacity : 0;
}

#endif
