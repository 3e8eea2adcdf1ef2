/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PEER_PIPELINE_H
#define LARDER_PEER_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "model/request.h"
#include "proto/memcached/answer.h"

/* The client's end of one pipelined memcached connection, without the connection and without a clock: requests in, bytes
 * out; bytes in, answers out, in the order of the requests. A peer may answer those with REQUEST_OUT_OF_TURN whenever it can:
 * it is known by its opaque which one is answered.
 *
 * Every request that was taken ends in exactly one call of its `done` with an error, or with an answer whose `more` is
 * false. A request whose deadline has passed ends with TIMEOUT but keeps its place in the queue until its response has
 * come and was dropped, or else the next request would be given an answer that is not its own. */

/* The ceilings. */
struct pipeline_limits {
    size_t pending; /* requests without a response, those that timed out included; at least 1 */
    size_t output;  /* bytes that the other side has not taken yet */
    size_t value;   /* bytes of a value that is answered */
};

/* `answer` is not NULL exactly when `error` is LARDER_OK; it and its slices are valid during the call. It may submit; it
 * must not call pipeline_fail or pipeline_fini. */
typedef void pipeline_done_fn(void *ctx, enum larder_error error, const struct answer *answer);

/* A request that waits for its response. */
struct pipeline_slot {
    pipeline_done_fn *done; /* NULL: it timed out, nobody waits */
    void *ctx;
    int64_t deadline_ns;
    uint64_t opaque;
    uint64_t heard;     /* `heard` of the pipeline when it was submitted */
    uint64_t begins_at; /* of all bytes that were ever submitted */
    enum command command;
    bool to_peer; /* request->peer was given: it is answered as a node answers another */
    bool out_of_turn;
    bool answered; /* out of turn: only its place is left */
};

/* Fields are the pipeline's own. The slots are a ring: `count` of them from `first` on. */
struct pipeline {
    struct pipeline_limits limits;
    struct pipeline_slot *slots;
    size_t first;
    size_t count;
    size_t waiting;     /* slots that have not timed out */
    size_t out_of_turn; /* slots that may be answered so */
    struct buf output;
    struct buf input;
    size_t needed;            /* bytes of input before it is worth another look */
    int64_t next_deadline_ns; /* not later than the earliest one */
    uint64_t next_opaque;
    uint64_t heard;    /* responses since the beginning */
    uint64_t failed;   /* requests that ended with an error, likewise */
    uint64_t sent;     /* bytes, likewise; those that were forgotten count as sent */
    unsigned timeouts; /* since the last response or failure */
};

/* Errors: NO_MEMORY; there is then nothing to end. */
enum larder_error pipeline_init(struct pipeline *p, const struct pipeline_limits *limits);

/* Frees it; no request may be waiting (pipeline_fail ends them). */
void pipeline_fini(struct pipeline *p);

/* The moment a request is submitted. */
struct pipeline_now {
    int64_t unix_s;       /* the wall clock's second: for requests that are not for a peer */
    int64_t monotonic_ns; /* for those that are */
};

/* Takes a request; its slices are copied. request->deadline_ns counts. One with request->peer goes to another node
 * (proto/memcached/peer_encode.h), others to any memcached speaker. Errors: LIMIT (a ceiling), NO_MEMORY, INVALID,
 * UNSUPPORTED (as command_encode or peer_request_encode); `done` is then never called. */
enum larder_error pipeline_submit(struct pipeline *p, const struct request *request, const struct pipeline_now *now,
                                  pipeline_done_fn *done, void *ctx);

/* The bytes to send, valid until the next call of any function here. */
struct slice pipeline_output(const struct pipeline *p);

/* The first `count` bytes of the output were sent. */
void pipeline_sent(struct pipeline *p, size_t count);

/* Room for received bytes, valid until pipeline_received. Errors: NO_MEMORY. */
enum larder_error pipeline_input(struct pipeline *p, char **ret_data, size_t *ret_size);

/* `count` bytes were put there; calls `done` for each answer that is complete. Errors: PROTOCOL (what came is no response
 * to what was asked), REFUSED (the server complained before anything was asked), LIMIT (a value over the ceiling). The
 * stream is then of no more use: close it and call pipeline_fail. */
enum larder_error pipeline_received(struct pipeline *p, size_t count);

/* Ends requests whose deadline is `now_ns` or earlier with TIMEOUT. True: nobody waits any more and nothing was heard since
 * the oldest of them was submitted; the connection is as good as dead. */
bool pipeline_expire(struct pipeline *p, int64_t now_ns);

/* When pipeline_expire should be called next; INT64_MAX when nothing waits. */
int64_t pipeline_deadline(const struct pipeline *p);

/* How many requests in a row have timed out: since a response was last heard, or the connection was lost. */
static inline unsigned pipeline_timeouts(const struct pipeline *p) {
    return p->timeouts;
}

/* How many responses have been matched since pipeline_init. */
static inline uint64_t pipeline_heard(const struct pipeline *p) {
    return p->heard;
}

/* The connection is gone: ends all requests, oldest first, with `error`, or with `unsent` those of which no byte was sent, and
 * forgets all bytes. The pipeline is then ready for a new connection. What `done` submits meanwhile belongs to the new one. */
void pipeline_fail(struct pipeline *p, enum larder_error error, enum larder_error unsent);

#endif
