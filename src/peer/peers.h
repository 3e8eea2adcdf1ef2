/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PEER_PEERS_H
#define LARDER_PEER_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/request.h"
#include "peer/pipeline.h"
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

enum { PEERS_FAILURES = 3 };

struct peers_config {
    struct slice cluster; /* all borrowed for the life of it */
    struct slice self;    /* this node's id */
    struct slice token;   /* the cluster's; empty: none */
    size_t pending;       /* requests under way to one node */
    size_t value;         /* bytes of a value */
    int64_t connect_timeout_ns;
    uint64_t seed;
};

enum larder_error peers_new(struct loop *loop, const struct peers_config *config, struct peers **ret_peers);

/* Ends all requests with CLOSED. Not from inside a `done`. NULL is allowed. */
void peers_free(struct peers *peers);

/* Links of nodes that are not in `members` any more (by id and incarnation) end; their requests with CLOSED. Takes a
 * reference. */
void peers_follow(struct peers *peers, struct membership *members);

/* As peer_link_submit, to the member with this index in what peers_follow was given last. Errors besides its own: REFUSED
 * (ejected, or it refused our greeting). request->peer has the stamp. */
enum larder_error peers_submit(struct peers *peers, uint16_t member, const struct request *request,
                               pipeline_done_fn *done, void *ctx);

/* Sends what was submitted to all of them; to be called when the requests at hand have been run. */
void peers_flush(struct peers *peers);

/* What is known of a node, for people and metrics. */
enum peer_state { PEER_IDLE, PEER_CONNECTING, PEER_UP, PEER_EJECTED };

struct peer_figures {
    enum peer_state state;
    uint64_t requests;
    uint64_t failures;
    uint64_t ejections;
    size_t pending;
};

void peers_get_figures(const struct peers *peers, uint16_t member, struct peer_figures *ret_figures);

#endif
