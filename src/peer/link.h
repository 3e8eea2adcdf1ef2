/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PEER_LINK_H
#define LARDER_PEER_LINK_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/request.h"
#include "net/address.h"
#include "peer/pipeline.h"

struct loop;

/* One pipelined connection to a memcached speaker, on a loop and touched by its thread only. It connects by itself, and
 * again after a loss: at once if the lost connection had answered something, else after a pause that doubles up to a
 * ceiling, with a random part. While it is down, requests are refused at once with the reason: a dead server costs its
 * callers no waiting. A request is never sent twice. */
struct peer_link;

enum { PEER_ENDPOINTS_MAX = 8 };

/* Used where an option is 0. */
#define PEER_CONNECT_TIMEOUT_NS INT64_C(3000000000)
#define PEER_PAUSE_MIN_NS INT64_C(50000000)
#define PEER_PAUSE_MAX_NS INT64_C(5000000000)
enum {
    PEER_PENDING_MAX = 1024,
    PEER_VALUE_MAX = 128 << 20,
    PEER_OUTPUT_MAX = PEER_VALUE_MAX + (1 << 20),
};

struct peer_options {
    struct pipeline_limits limits;
    int64_t connect_timeout_ns; /* for each endpoint */
    int64_t pause_min_ns;       /* after the first failure */
    int64_t pause_max_ns;
    uint64_t seed; /* of the random part */
};

/* Begins to connect to the endpoints (1..PEER_ENDPOINTS_MAX, copied), in turn until one answers. The caller owns the link.
 * Errors: NO_MEMORY. */
enum larder_error peer_link_new(struct loop *loop, const struct endpoint *endpoints, size_t count,
                                const struct peer_options *options, struct peer_link **ret_link);

/* Puts a request into the queue (its slices are copied); it leaves with the next peer_link_flush. request->deadline_ns
 * counts, on the monotonic clock.
 *
 * `done` comes later, never from inside this call, with an answer or with: TIMEOUT (the deadline, or no connection in
 * time), CLOSED (the connection was lost; whether the server did it is unknown), REFUSED (nobody listens, or the server
 * wants no more connections), NOT_FOUND (no such Unix socket), PROTOCOL, LIMIT (a value over the ceiling), NO_MEMORY, IO.
 * Errors, after which `done` does not come: those of pipeline_submit, and while the link is down what brought it down. */
enum larder_error peer_link_submit(struct peer_link *link, const struct request *request, pipeline_done_fn *done,
                                   void *ctx);

/* Sends what was submitted, as far as the kernel takes it; the rest follows by itself. */
void peer_link_flush(struct peer_link *link);

/* Ends all requests with CLOSED and gives the link up. Not from inside a `done`. NULL is allowed. */
void peer_link_free(struct peer_link *link);

#endif
