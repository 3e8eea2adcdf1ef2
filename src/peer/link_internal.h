/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PEER_LINK_INTERNAL_H
#define LARDER_PEER_LINK_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/random.h"
#include "net/resolver.h"
#include "net/stream.h"
#include "net/timer.h"
#include "peer/hello.h"
#include "peer/link.h"

/* Between the files of the link: link.c has the requests, link_connect.c the connection they go by. */

enum state {
    STATE_RESOLVING,
    STATE_CONNECTING,
    STATE_GREETING,
    STATE_READY,
    STATE_PAUSED, /* no stream; the step timer runs */
    STATE_FREED,  /* waits for its stream's end */
};

/* What any thread may read. */
struct published {
    _Atomic(enum peer_state) state;
    atomic_uint_fast64_t requests;
    atomic_uint_fast64_t failures;
    atomic_uint_fast64_t ejections;
    atomic_size_t pending;
};

struct peer_link {
    struct loop *loop;
    enum state state;
    enum larder_error down;  /* why there is no connection; LARDER_OK before the first failure and while there is one */
    enum larder_error fault; /* why we closed the stream ourselves */
    struct pipeline pipeline;
    struct stream stream;
    struct timer *deadline_timer;
    struct timer *step_timer; /* ends a pause, or a greeting that is not answered */
    int64_t armed_ns;         /* what deadline_timer is set to; INT64_MAX: at rest */
    uint64_t heard_before;    /* pipeline_heard when the connection was made */
    unsigned failures;        /* in a row */
    struct peer_options options;
    struct random random;
    struct resolver *resolver; /* NULL: the endpoints are known */
    struct resolution *resolution;
    struct address address;
    struct hello hello;
    struct published published;
    size_t endpoint; /* the one being tried or used */
    size_t endpoint_count;
    struct endpoint endpoints[PEER_ENDPOINTS_MAX];
};

static inline bool link_greets(const struct peer_link *link) {
    return link->options.identity != NULL;
}

/* Shows other threads how it stands. */
void link_publish(struct peer_link *link);

/* Ends all requests because of `error`. */
void link_fail_requests(struct peer_link *link, enum larder_error error);

/* Sends of `output` what the kernel takes and returns how much that was. */
size_t link_send_some(struct peer_link *link, struct slice output);

/* --- link_connect.c --- */

/* A round of attempts, beginning with the address. */
void link_begin(struct peer_link *link);

/* Closes our end because of what we saw; it goes on from there. */
void link_drop(struct peer_link *link, enum larder_error error);

/* The other node is as good as dead, whatever its kernel does for it. */
void link_eject(struct peer_link *link);

/* The step timer. */
void link_on_step(void *link);

/* Frees what has no stream any more. */
void link_release(struct peer_link *link);

#endif
