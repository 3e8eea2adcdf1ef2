/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PEER_HELLO_H
#define LARDER_PEER_HELLO_H

#include "peer/greeting.h"

/* The bytes of a greeting on the side of the one who greets: lines are cut out of what comes in pieces, and what is to be
 * sent waits until the kernel takes it. */
struct hello {
    struct greeter greeter;
    size_t heard_size;
    size_t said_size;
    size_t said_sent;
    char heard[GREETING_LINE_MAX];
    char said[GREETING_LINE_MAX];
};

/* As greeter_begin, with a nonce of the system's. */
void hello_begin(struct hello *h, const struct greeting_identity *self, struct slice expected);

/* What is to be sent; after hello_sent, what is left of it. */
static inline struct slice hello_output(const struct hello *h) {
    return slice_make(h->said + h->said_sent, h->said_size - h->said_sent);
}

static inline void hello_sent(struct hello *h, size_t size) {
    h->said_sent += size;
}

/* Room for what comes, at least a byte. */
static inline void hello_input(struct hello *h, char **ret_data, size_t *ret_size) {
    *ret_data = h->heard + h->heard_size;
    *ret_size = sizeof(h->heard) - h->heard_size;
}

/* `size` bytes came there. Errors: those of greeter_hear; PROTOCOL also for a line without an end, and for bytes behind the
 * last one. */
enum larder_error hello_received(struct hello *h, size_t size, bool *ret_done);

#endif
