/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_ANSWER_STREAM_H
#define LARDER_GROUP_ANSWER_STREAM_H

#include "model/reply.h"

/* The answer to a GET of an origin group while it is still coming. Whoever awaits the pending of such a request, and said in the
 * request that he takes it so (request.stream), is told of it with pending_hear (group/pending.h), and again when there is
 * more. He takes what he has room for; the rest waits. When the answer has ended he is told the reply as ever:
 *
 *     he has not `begun`    the whole reply, as if there had been no stream
 *     he has                item.value is a head and a body of which the first reply.streamed bytes are what he has taken, or
 *                           they were dropped and that is 0; or, without a head_size, the answer has broken off, and what he
 *                           has taken is not to look whole to anybody
 *
 * All on the worker's thread; it lives until the reply is told, or the pending abandoned. Slices are good until the next call. */
struct answer_stream {
    const struct answer_stream_ops *ops;
    bool begun;      /* whoever takes it sets this when he has made use of show */
    bool has_length; /* it is known how long the body will be */
    uint64_t length;
};

struct answer_stream_ops {
    /* The reply as far as it is known: its item has a head without a body. It holds nothing. Once: it is begun by this. */
    void (*show)(struct answer_stream *stream, struct reply *ret_reply);
    /* Bytes of the body that are there and not taken; empty: none for now. */
    struct slice (*rest)(const struct answer_stream *stream);
    /* The first bytes of them are taken. */
    void (*take)(struct answer_stream *stream, size_t size);
    /* Nobody takes any more. */
    void (*leave)(struct answer_stream *stream);
};

#endif
