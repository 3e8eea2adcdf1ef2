/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PEER_LINK_H
#define LARDER_PEER_LINK_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/request.h"
#include "net/address.h"
#include "peer/greeting.h"
#include "peer/pipeline.h"

struct loop;
struct resolver;

/* One pipelined connection to a memcached speaker, on a loop and touched by its thread only. It connects by itself, and
 * again after a loss: at once if the lost connection had answered something, else after a pause that doubles up to a
 * ceiling, with a random part. While it is down, requests are refused at once with the reason: a dead server costs its
 * callers no waiting. A request is never sent twice.
 *
 * With an identity it is the link to another node of a cluster. It is up only when the node has answered the greeting, which
 * a process that hangs does not, though its kernel takes connections for it. And it goes down, with all that waits, when a
 * number of requests in a row have timed out; then only an answered greeting brings it up. */
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
    int64_t connect_timeout_ns; /* for each endpoint, and once more for the greeting */
    int64_t pause_min_ns;       /* after the first failure */
    int64_t pause_max_ns;
    uint64_t seed; /* of the random part */
    /* Of a link to another node; borrowed for the life of the link. */
    const struct greeting_identity *identity; /* NULL: nobody is greeted */
    struct slice expected;                    /* the other node's id */
    unsigned timeouts_max;                    /* in a row; at least 1 */
    void (*on_input)(void *ctx); /* called before the answers that have come together are told; NULL: nobody is */
    void *ctx;
};

/* Begins to connect to the endpoints (1..PEER_ENDPOINTS_MAX, copied), in turn until one answers. The caller owns the link.
 * Errors: NO_MEMORY. */
enum larder_error peer_link_new(struct loop *loop, const struct endpoint *endpoints, size_t count,
                                const struct peer_options *options, struct peer_link **ret_link);

/* The same with an address (copied) that the resolver looks up anew for each attempt. The resolver outlives the link. */
enum larder_error peer_link_new_by_name(struct loop *loop, struct resolver *resolver, const struct address *address,
                                        const struct peer_options *options, struct peer_link **ret_link);

/* Puts a request into the queue (its slices are copied); it leaves with the next peer_link_flush. request->deadline_ns
 * counts, on the monotonic clock.
 *
 * `done` comes later, never from inside this call, with an answer or with: TIMEOUT (the deadline, or no connection in
 * time), CLOSED (the connection was lost; whether the server did it is unknown), REFUSED (nobody listens, or the server
 * wants no more connections), NOT_FOUND (no such Unix socket), PROTOCOL, LIMIT (a value over the ceiling), NO_MEMORY, IO.
 * Errors, after which `done` does not come: those of pipeline_submit, and while the link is down what brought it down.
 *
 * With an identity REFUSED says more, in both places: no byte of the request has left, so nothing was done. After any other
 * error it may have been done, or be done still. */
enum larder_error peer_link_submit(struct peer_link *link, const struct request *request, pipeline_done_fn *done,
                                   void *ctx);

/* Sends what was submitted, as far as the kernel takes it; the rest follows by itself. */
void peer_link_flush(struct peer_link *link);

/* Ends all requests with CLOSED (REFUSED, as above) and gives the link up. Not from inside a `done`. NULL is allowed. */
void peer_link_free(struct peer_link *link);

/* What is known of a link, for people and metrics. */
enum peer_state { PEER_IDLE, PEER_CONNECTING, PEER_UP, PEER_EJECTED };

struct peer_figures {
    enum peer_state state; /* PEER_IDLE: nothing was asked yet, there is no link */
    uint64_t requests;     /* submitted */
    uint64_t failures;     /* of those that ended with an error */
    uint64_t ejections;    /* how often the link went down */
    size_t pending;        /* requests that wait */
};

/* From any thread, as long as the link is there. */
void peer_link_get_figures(const struct peer_link *link, struct peer_figures *ret_figures);

#endif
