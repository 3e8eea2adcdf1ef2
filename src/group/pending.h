/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_PENDING_H
#define LARDER_GROUP_PENDING_H

#include <stdatomic.h>

#include "group/answer_stream.h"
#include "store/store.h"
#include "trace/scope.h"

struct tracer;

/* A request whose answer may come later: a machine that hands one call after the other to the store until its reply is
 * complete. It owns a copy of all it needs of the request, because the request's slices are gone by then.
 *
 * Everything happens on the thread of the worker that the request came to, but for one thing: the store may end a call on
 * a thread of its own. Then the pending is posted to the worker's queue, and goes on when the worker runs that queue.
 * A call that ends before store_submit returns (a read of the embedded engine, a refusal) goes on at once, and a machine
 * that comes to its end so gives its reply to whoever started it, as if there had been nothing to wait for.
 *
 * The life of a pending:
 *     pending_init      by the machine that embeds it
 *     pending_start     the reply is complete, or its result is RESULT_PENDING and `reply->pending` is this
 *     pending_await     if so: who is to be told
 *     pending_abandon   instead of waiting on: nobody is told, what was begun is still done
 * It frees itself: with reply_release of its reply, or at its end if nobody waits. */

/* What a step wants next. */
enum pending_next {
    PENDING_CALL, /* `call.op` is filled in: hand it to the store, and take the next step when it was answered */
    PENDING_WAIT, /* somebody else will pending_post it, for the next step */
    PENDING_DONE, /* `reply` is complete */
};

/* Where late answers come in, one for each worker. All zero but for `wake` is an empty one. */
struct pending_queue {
    struct pending *_Atomic newest;
    void (*wake)(void *ctx); /* any thread: the queue has something in it, it shall be run soon. Not called again before
                              * it was run. NULL: whoever runs it looks by itself */
    void *ctx;
    struct tracer *tracer; /* NULL: nothing is traced */
    bool
        closed; /* the store takes no more calls: they are answered with CLOSED. Set by the worker's thread, or after it
                  * has ended */
};

struct pending {
    struct pending *next; /* in the queue, or in a list of whoever it waits for */
    struct pending_queue *queue;
    struct store *store;
    enum pending_next (*step)(struct pending *p); /* the next one; a step may set another */
    void (*free)(struct pending *p);
    void (*done)(void *owner, struct reply *reply);          /* NULL: nobody waits */
    void (*news)(void *owner, struct answer_stream *stream); /* NULL: he takes the reply whole */
    struct answer_stream *stream;                            /* that he was told of; NULL: none */
    void *owner;
    atomic_int call_state;     /* of enum call_state in pending.c */
    struct store_call call;    /* a step finds in it the answer to the one before */
    struct reply reply;        /* slices may point into `call` or the machine: it lives until the reply is released */
    struct trace_scope *scope; /* what is done for it is done within this; NULL: nobody follows it */
    struct span *span; /* of what it waits for: a call to the store, or what the machine has begun; NULL: none */
    void *held;        /* what the machine had the reply hold; given back with it */
    void (*release)(void *held);
};

/* `queue` and `store` outlive it. `store` NULL: it makes no calls, and `call` is left alone. `free` frees the machine around
 * it, and what that owns, but not `p->call`. */
void pending_init(struct pending *p, struct pending_queue *queue, struct store *store,
                  enum pending_next (*step)(struct pending *p), void (*free)(struct pending *p));

/* Behind pending_init: what is done for it, is done within `scope` (NULL: no matter), of which it takes a reference. Each call to
 * the store then has a span of its own. */
void pending_within(struct pending *p, struct trace_scope *scope);

/* Takes the first steps. *ret_reply is complete, and reply_release of it frees the pending, or it is RESULT_PENDING. */
void pending_start(struct pending *p, struct reply *ret_reply);

/* Has `done` called, once, on the worker's thread, with the complete reply; reply_release of it frees the pending. For a
 * pending that pending_start left unfinished, on the same thread and before the queue is run again. */
void pending_await(struct pending *p, void (*done)(void *owner, struct reply *reply), void *owner);

/* Has `news` called, with the same owner, when there is something of an answer that is still coming, and again when there is
 * more: group/answer_stream.h. Behind pending_await, for a request that said so. It may abandon the pending. */
void pending_hear(struct pending *p, void (*news)(void *owner, struct answer_stream *stream));

/* Tells whoever hears, or if nobody waits, leaves the stream. On the worker's thread; the machine may have ended by then. */
void pending_tell_news(struct pending *p, struct answer_stream *stream);

/* Ends one that waits with its `reply`, which is complete by now: whoever awaits it is told before this returns. For the
 * worker's thread, and in place of all further steps. */
void pending_end(struct pending *p);

/* `done` will not be called any more, nor `news`: its stream is left. Not after `done` was called. */
void pending_abandon(struct pending *p);

/* Readies `call` for the next op; what it had answered before is gone. */
void pending_renew_call(struct pending *p);

/* Puts it in its queue, to take its next step there. Any thread; never blocks. */
void pending_post(struct pending *p);

/* A list linked by `next`, turned round: the last becomes the first. */
struct pending *pending_reverse(struct pending *list);

/* On the worker's thread: takes the next steps of everything that was posted, in the order of posting. */
void pending_queue_run(struct pending_queue *queue);

/* Whether there is something to run. Any thread. */
static inline bool pending_queue_is_empty(struct pending_queue *queue) {
    return atomic_load_explicit(&queue->newest, memory_order_relaxed) == NULL;
}

#endif
