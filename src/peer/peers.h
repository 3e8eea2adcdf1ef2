/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PEER_PEERS_H
#define LARDER_PEER_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/request.h"
#include "peer/link.h"
#include "peer/roll.h"
#include "ring/membership.h"

struct loop;

/* A worker's links to the other nodes of its cluster: one pipelined connection to each (peer/link.h), opened when it is first
 * needed, greeted (peer/greeting.h) before anything is asked over it. On the worker's loop and touched by its thread only.
 *
 * A node that does not answer is ejected: after PEERS_FAILURES requests in a row that timed out, or when its connection
 * breaks and cannot be made again. While it is out, requests to it are refused at once. It comes back when a probe - a new
 * connection whose greeting is answered - succeeds; probes go out by themselves, with a pause that doubles up to
 * PEER_PAUSE_MAX_NS and a random part, never on the way of a request. */
struct peers;

enum {
    PEERS_FAILURES = 3,
    PEERS_OUTPUT_MAX = 16 << 20, /* bytes that wait to be sent to one node, beside the largest value */
};

struct peers_config {
    const struct greeting_identity *identity; /* of this node; borrowed for the life of it */
    size_t pending;                           /* requests under way to one node */
    size_t value;                             /* bytes of a value */
    int64_t connect_timeout_ns;               /* 0: PEER_CONNECT_TIMEOUT_NS */
    int64_t pause_min_ns;                     /* between probes; 0: PEER_PAUSE_MIN_NS */
    int64_t pause_max_ns;
    uint64_t seed;
    struct peers_roll *roll;     /* it is to be on; borrowed; NULL: on none */
    void (*on_input)(void *ctx); /* called before the answers that have come together are told; NULL: nobody is */
    void *ctx;
};

/* Errors: NO_MEMORY. */
enum larder_error peers_new(struct loop *loop, const struct peers_config *config, struct peers **ret_peers);

/* Ends all requests with CLOSED (or REFUSED, see below). Not from inside a `done`. NULL is allowed. */
void peers_free(struct peers *peers);

/* Links of nodes that are not in `members` any more (by id, incarnation and address) end; their requests with CLOSED or
 * REFUSED, in the loop's next turn. What is needed of `members` is copied. Errors: NO_MEMORY; nothing has changed then, and
 * members are still known by their old indexes. */
enum larder_error peers_follow(struct peers *peers, const struct membership *members);

/* As peer_link_submit, to the member with this index in what peers_follow was given last, which is not this node; request->peer
 * has the stamp. REFUSED, here or by `done`: it is ejected, refused our greeting, is not in that list or has an address that
 * is none; no byte has left. LIMIT: so much waits for it already. Any other error by `done`: it may have been done, or be done still. */
enum larder_error peers_submit(struct peers *peers, uint16_t member, const struct request *request,
                               pipeline_done_fn *done, void *ctx);

/* Sends what was submitted to all of them; to be called when the requests at hand have been run. */
void peers_flush(struct peers *peers);

/* What is known of the node with this id. False: it is not in the list. From any thread, as long as `peers` is there. */
bool peers_get_figures(struct peers *peers, struct slice id, struct peer_figures *ret_figures);

/* What all links did, those to nodes that are gone included. From any thread, likewise. */
void peers_get_totals(struct peers *peers, struct peer_totals *ret_totals);

#endif
