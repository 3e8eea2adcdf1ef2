/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RPC_WATCH_STREAM_H
#define LARDER_RPC_WATCH_STREAM_H

#include "rpc/watch_hub.h"

/* The watches of one Watch call, by their numbers. */
struct watch_stream {
    struct rpc_call *call;
    struct rpc_worker *worker;
    struct watch_hub *hub;
    struct rpc_watch **slots; /* by id */
    size_t slot_count;        /* a power of two, or 0 */
    size_t count;
    struct watch_feed *parked; /* feeds of its watches that wait for room */
    size_t notified;           /* watches with progress_notify */
    int64_t next_id;           /* that is given to who names none */
    int64_t notify_ns;         /* when they are told next */
    struct watch_line *line;   /* requests that wait for the cluster's leave, see watch_line.h; NULL: none do */
    size_t progress_asks;      /* to be answered when all that is known by now was sent */
    struct watch_stream *next_asking;
    struct watch_stream **asking_place; /* NULL: it is not in the hub's list of those that ask */
};

/* NULL: out of memory. */
struct watch_stream *watch_stream_new(struct rpc_call *call);

/* Ends all watches and frees it. */
void watch_stream_free(struct watch_stream *stream);

/* NULL: none has it. */
struct rpc_watch *watch_stream_find(const struct watch_stream *stream, int64_t id);

/* An id that none has. */
int64_t watch_stream_free_id(struct watch_stream *stream);

/* Opens a watch under an id that none has; `watch` has its slices borrowed. NULL: *ret_status says why. *ret_revision is the
 * store's at that moment. What there is of it comes with the next pump of the hub. */
struct rpc_watch *watch_stream_add(struct watch_stream *stream, int64_t id, const struct store_watch *want,
                                   enum store_status *ret_status, int64_t *ret_revision);

/* Ends one and frees it. */
void watch_stream_remove(struct watch_stream *stream, struct rpc_watch *watch);

bool watch_stream_has_room(const struct watch_stream *stream);

/* The feed is read again when there is room. */
void watch_stream_park(struct watch_stream *stream, struct watch_feed *feed);

/* There is room: those that are parked go on. */
void watch_stream_unpark(struct watch_stream *stream);

/* Lets all feeds of the stream be read, so that all watches are told of what there is. */
void watch_stream_run_all(struct watch_stream *stream);

/* One more answer to a request for progress is wanted. */
void watch_stream_ask_progress(struct watch_stream *stream);

/* Answers those that ask and whose watches all have been told of what there is. */
void watch_stream_tell_progress(struct watch_hub *hub);

#endif
