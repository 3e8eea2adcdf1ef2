/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_SESSION_SLOTS_H
#define LARDER_SESSION_SLOTS_H

#include "cmd/cmd.h"
#include "group/pending.h"
#include "session/session.h"

/* Replies that are still to come, one slot for each request, in the order of the requests. While there are any, nothing is
 * written past them: a request that is answered at once behind one that is not gets a slot as well. A reply that comes is
 * encoded as soon as all before it are.
 *
 * What may run while others are pending: a request that cmd_order_of does not want to be alone, behind others of its kind
 * only. The store takes plain writes in the order they are handed in, so they take effect and are answered in order; requests
 * of memory groups in a cluster keep their order for each key. Everything else would have to see what they did, and waits
 * until no slot is left: the protocol's loop asks session_may_run, keeps the input and sets `waiting`.
 *
 * To add a request to a protocol whose reply may be pending: run it; if its result is RESULT_PENDING, or
 * session_is_waiting already, hand the reply to session_slot_add with what its encoding will need, else encode and
 * release it at once. */
enum {
    SESSION_SLOTS_MAX = 512,        /* replies one session waits for */
    SESSION_PEER_SLOTS_MAX = 4096,  /* the same of another node's connection, where many may wait for origins */
    SESSION_SPARE_SLOTS_MAX = 2048, /* slots at rest that a worker keeps */
    SESSION_SLOTS_BYTES_MAX =
        1 << 20 /* of keys and values in the writes it waits for, and, by what the last ones had, of
                                       * the values that reads will have; the last one may exceed it */
};

struct slot;

/* Encodes the reply of a slot whose turn it is into the outbox, releases it (reply_release) and counts the request.
 * `slot->data` is what session_slot_add was given. */
typedef void slot_answer_fn(struct session *s, struct slot *slot, struct reply *reply);

/* Writes what there is of a reply that is still coming (group/answer_stream.h), as far as the outbox has room, of a slot whose turn
 * it is; if something is left, the session is stalled. */
typedef void slot_flow_fn(struct session *s, struct slot *slot, struct answer_stream *stream);

struct slot {
    struct slot *next;
    struct slots *slots;
    struct pending *pending; /* NULL: `reply` is complete and waits for earlier ones */
    struct reply reply;
    slot_answer_fn *answer;
    slot_flow_fn *flow;           /* NULL: it is answered whole */
    struct answer_stream *stream; /* while it is pending: what has come of it; NULL: nothing */
    bool begun;                   /* for `flow` and `answer`: its head was written */
    bool sized;                   /* likewise: and in it the size of its body */
    int64_t start_ns;             /* when the request's bytes arrived */
    struct span *span;            /* NULL: none records */
    size_t cost;                  /* of SESSION_SLOTS_BYTES_MAX */
    size_t size;                  /* of data */
    size_t room;                  /* for data */
    bool out_of_turn;
    _Alignas(max_align_t) char data[];
};

/* Of one session, and only while it has some. */
struct slots {
    struct session *session; /* NULL: it has ended */
    struct slot *first;
    struct slot *last;
    unsigned count;
    size_t bytes;
    enum cmd_order order; /* of all of them; CMD_ALONE if they differ */
    bool ready;           /* in the worker's list of sessions that can go on */
    struct slots *next_ready;
};

/* What session_slot_add keeps of a request. */
struct slot_request {
    slot_answer_fn *answer;
    slot_flow_fn *flow;   /* of a request that says so (request.stream); NULL: none */
    struct slice data;    /* copied to slot->data */
    size_t cost;          /* bytes that the pending holds for it, about */
    enum cmd_order order; /* cmd_order_of */
    bool is_aside;        /* it is no answer to the request that the session works on, which keeps its span */
    bool
        out_of_turn; /* its reply is told as soon as it comes, and none behind it waits for it: a node can tell them apart */
};

/* Takes over `reply`, complete or pending (a complete one holds no lock from then on), into the session's last slot. Without memory the session has failed and the
 * reply is released. */
void session_slot_add(struct session *s, struct reply *reply, const struct slot_request *request);

/* Whether a request of this order may be run now. */
bool session_may_run(const struct session *s, enum cmd_order order);

/* The order of what changes nothing and only keeps its place: it may stand behind everything. */
enum cmd_order session_order_of_any(const struct session *s);

/* There is room again: goes on with a reply that is still coming. */
void session_slots_flow(struct session *s);

/* The reply to a read came in a slot. What the next ones will cost is what the last ones did, and soon less if they did less. */
void session_learn(struct session *s, const struct reply *reply);

/* Lets the owner of the session write out what was put into its outbox behind his back, when session_worker_run_ready comes
 * to it. Without memory for that the session has failed. */
void session_mark_ready(struct session *s);

/* Gives up all replies to come: nobody hears them. What was begun is done all the same. */
void session_slots_drop(struct session *s);

/* The session ends. */
void session_slots_free(struct session *s);

/* Frees the slots at rest. */
void session_worker_free_slots(struct session_worker *w);

#endif
