/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RPC_WATCH_STREAM_H
#define LARDER_RPC_WATCH_STREAM_H

#include "group/pending.h"
#include "rpc/rpc.h"

/* The watches of one Watch call. A watch holds no events: the store's threads say that there is something new (wake), which
 * puts it into the stream's list of those that are woken, and the stream once into the worker's queue. There the worker
 * reads events from the store for as long as the call has room, one watch after the other. So a client that does not read
 * holds nothing but its watches, and a commit that concerns a thousand watches of a stream wakes the worker once.
 *
 * Everything is the worker's, but for `woken` of both structs, `next_woken` and `posted`. */

struct watch_stream;

struct rpc_watch {
    struct watch_stream *stream;
    struct store_watcher *watcher; /* NULL: it has ended, and is freed when no list has it any more */
    int64_t id;
    int64_t reached; /* every event up to this revision was sent */
    struct rpc_watch *next_in_slot;
    struct rpc_watch *next_woken;
    struct rpc_watch *next_running;
    atomic_bool woken; /* it is in the stream's list of those */
    bool running;      /* it is in the list of those to be read */
    bool fragment;     /* large answers are cut into pieces */
    bool progress_notify;
    bool spoke; /* since the last time such notes were sent */
};

struct watch_stream {
    struct pending pending; /* first; never has a reply, but lies in the queue when there is news */
    struct rpc_call *call;  /* NULL: closed */
    struct rpc_worker *worker;
    struct rpc_watch *_Atomic woken; /* the newest first */
    atomic_bool posted;
    bool stepping;
    struct rpc_watch *running_first;
    struct rpc_watch **running_end;
    struct rpc_watch **slots; /* by id */
    size_t slot_count;        /* a power of two, or 0 */
    size_t count;
    int64_t next_id;      /* that is given to who names none */
    size_t progress_asks; /* to be answered when all that is known by now was sent */
    size_t notified;      /* watches with progress_notify */
    int64_t notify_ns;    /* when they are told next */
};

/* NULL: out of memory. */
struct watch_stream *watch_stream_new(struct rpc_call *call);

/* Ends all watches and frees it, now or when the queue has it no more. */
void watch_stream_close(struct watch_stream *stream);

/* NULL: none has it. */
struct rpc_watch *watch_stream_find(const struct watch_stream *stream, int64_t id);

/* An id that none has. */
int64_t watch_stream_free_id(struct watch_stream *stream);

/* Opens a watch under an id that none has. NULL: *ret_status says why. *ret_revision is the store's at that moment. */
struct rpc_watch *watch_stream_add(struct watch_stream *stream, int64_t id, const struct store_watch *watch,
                                   enum store_status *ret_status, int64_t *ret_revision);

/* Ends one; it is not to be used any more. */
void watch_stream_remove(struct watch_stream *stream, struct rpc_watch *watch);

/* Lets the watch be read at the next watch_stream_pump, whether or not the store has something. */
void watch_stream_run(struct watch_stream *stream, struct rpc_watch *watch);

/* Lets all be read. */
void watch_stream_run_all(struct watch_stream *stream);

/* Sends what there is, as far as there is room, and the notes of progress that were asked for. */
void watch_stream_pump(struct watch_stream *stream);

/* --- watch_send.c --- */

/* A message about the watch, or, NULL, about none, which is what progress of all of them is. */
void watch_send(struct watch_stream *stream, int64_t id, int64_t revision, Etcdserverpb__WatchResponse *response);

/* The events of a batch, in pieces if the watch takes that. */
void watch_send_events(struct rpc_watch *watch, const struct store_batch *batch);

/* That there will be no more, and why. */
void watch_send_end(struct rpc_watch *watch, const struct store_batch *batch);

enum { WATCH_ID_NONE = -1 };

#endif
