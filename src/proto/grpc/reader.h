/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_GRPC_READER_H
#define LARDER_PROTO_GRPC_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* Messages out of the bytes of a stream: each a flag, its size in 4 bytes, big end first, and the message
 * (PROTOCOL-HTTP2.md, "Length-Prefixed-Message"). A message that lies whole in the input is not copied. */
enum { GRPC_PREFIX_SIZE = 5 };

struct grpc_reader {
    struct buf partial;  /* of a message that has not come whole */
    uint32_t size;       /* of that message, once its prefix is there */
    uint8_t prefix_size; /* bytes of its prefix that are there */
    bool is_done;        /* `partial` was handed out and goes with the next call */
    uint8_t prefix[GRPC_PREFIX_SIZE];
};

enum grpc_read {
    GRPC_READ_MORE, /* the input is used up */
    GRPC_READ_MESSAGE,
    GRPC_READ_COMPRESSED, /* the flag is not 0; nothing can be read after this, nor after the next two */
    GRPC_READ_TOO_LARGE,  /* reader->size says how large */
    GRPC_READ_NO_MEMORY,
};

/* Prepares a reader, also one that was in use before; frees nothing. */
void grpc_reader_init(struct grpc_reader *reader);

void grpc_reader_fini(struct grpc_reader *reader);

/* Takes the next message from *input, which is moved on. *ret_message is valid until the next call and as long as the input.
 * `most` is the size of the largest message that is taken, `most_partial` how many bytes may be kept now of one that is
 * not whole (over it: NO_MEMORY). */
enum grpc_read grpc_reader_next(struct grpc_reader *reader, struct slice *input, size_t most, size_t most_partial,
                                struct slice *ret_message);

/* Whether the bytes so far end inside a message. */
static inline bool grpc_reader_is_inside(const struct grpc_reader *reader) {
    return reader->prefix_size > 0 && !reader->is_done;
}

#endif
