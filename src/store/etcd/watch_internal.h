/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_ETCD_WATCH_INTERNAL_H
#define LARDER_STORE_ETCD_WATCH_INTERNAL_H

#include "proto/etcd/rpc.pb-c.h"
#include "store/etcd/watch.h"

/* What the files of watch.h share.
 *
 * A watch that is wanted now belongs to a stream and is in one list of it, by its state. Watches are created one after the
 * other: etcd answers a refused creation without a number, and a proxy need not keep to the order. Any event of a watch may
 * close, pause or open any watch, so whoever calls one holds the watch (and the stream) meanwhile, and looks again after. */
enum {
    WATCHES_PER_STREAM = 1000, /* more go on another stream */
    WATCH_BUCKETS = 256,       /* of a stream, to find a watch by its number */
    WATCH_ID_ALL = -1,         /* in a response: of the stream as a whole */
};

enum watch_state {
    WATCH_IDLE,    /* paused, or over: on no stream */
    WATCH_WAITING, /* for its turn to be created */
    WATCH_CREATING,
    WATCH_LIVE, /* the cluster has it, under `id` */
    WATCH_LOST, /* its stream ended, and it is to be told */
};

/* Watches in order, linked through `next` and `previous`. */
struct watch_list {
    struct etcd_watch *first;
    struct etcd_watch *last;
};

/* Events of the revision whose end has not come yet; their bytes lie in the arena. */
struct watch_held {
    struct kv_event *events;
    size_t count;
    size_t capacity;
    int64_t revision;
    struct arena arena;
};

struct etcd_watch {
    struct etcd_watches *watches;
    struct watch_channel *stream; /* NULL: WATCH_IDLE */
    enum watch_state state;
    struct etcd_watch *next; /* in the stream's list of its state */
    struct etcd_watch *previous;
    struct etcd_watch *next_in_bucket;
    int64_t id;   /* LIVE: unique on the stream */
    int64_t last; /* every revision up to this one needs no telling; -1: from when the cluster knows of it */
    struct watch_held held;
    struct etcd_watch_events events;
    void *ctx;
    unsigned holders; /* on the C stack */
    bool closed;      /* to be freed by the last holder */
    bool over;        /* on_end was called */
    bool progress;
    bool alone;              /* on a stream of its own */
    struct store_watch want; /* its slices lie behind this struct */
    char span[];
};

struct watch_channel {
    struct etcd_watches *watches;
    struct watch_channel *next;
    struct etcd_stream *stream;
    struct watch_list waiting;
    struct watch_list live;
    struct watch_list lost;
    struct etcd_watch *creating;
    struct etcd_watch *buckets[WATCH_BUCKETS];
    struct arena arena; /* of the message at hand */
    size_t count;       /* of watches, all lists together */
    unsigned holders;
    bool open;   /* a call stands */
    bool asked;  /* the answer to a creation is awaited, be it of `creating` or of a watch that has left meanwhile */
    bool closed; /* to be freed by the last holder */
    bool alone;  /* it is for one watch only */
};

struct etcd_watches {
    struct etcd_client *client;
    struct watch_channel *streams;
};

/* --- watch.c --- */

void watch_hold(struct etcd_watch *watch);

/* Lets go of it. False: it was closed meanwhile, and may be gone. */
bool watch_let_go(struct etcd_watch *watch);

/* Ends it: takes it from its stream and calls on_end. */
void watch_end(struct etcd_watch *watch, enum store_status status, int64_t compact_revision, struct slice text);

/* --- watch_channel.c --- */

/* Puts it on a stream that has room, and has it created. False: no memory. */
bool watch_channel_join(struct etcd_watch *watch);

/* Takes it from its stream (if it has one), and from the cluster. */
void watch_channel_leave(struct etcd_watch *watch);

/* Takes it off the stream; `tell`: the cluster still has it. The stream ends with its last watch. */
void watch_channel_take_off(struct etcd_watch *watch, bool tell);

/* Asks how far the stream's watch is. */
void watch_channel_ask_progress(struct watch_channel *s);

/* Asks for the next that waits, if none is being created. */
void watch_channel_create_next(struct watch_channel *s);

/* One that was being created waits again, before all others. */
void watch_channel_put_back(struct watch_channel *s, struct etcd_watch *watch);

/* NULL: no watch has that number. */
struct etcd_watch *watch_channel_find(struct watch_channel *s, int64_t id);
void watch_channel_set_live(struct watch_channel *s, struct etcd_watch *watch, int64_t id);

/* Where it cannot be sent, the call is given up: else the cluster would go on with a watch that nobody listens to. */
void watch_channel_cancel(struct watch_channel *s, int64_t id);

/* Nothing more is taken from this call, nor sent on it; on_lost follows. */
void watch_channel_distrust(struct watch_channel *s, const char *why);

/* The same, where it is the call's token that is no good, not the member. */
void watch_channel_renew(struct watch_channel *s, const char *why);

/* --- watch_response.c --- */

void watch_take_response(struct watch_channel *s, const Etcdserverpb__WatchResponse *r);

/* --- watch_events.c --- */

/* Takes a response with events. False: it makes no sense, or no memory; `why` has a static sentence. */
bool watch_take_events(struct etcd_watch *watch, const Etcdserverpb__WatchResponse *r, struct arena *arena,
                       const char **ret_why);

/* Drops what is held. */
void watch_forget_held(struct etcd_watch *watch);

/* What a server says it is; the revision after it has to be a number, too. */
static inline bool watch_revision_is_good(int64_t revision) {
    return revision >= 0 && revision < INT64_MAX;
}

/* --- watch_reason.c --- */

/* What the reason of a cancellation means, to a client that has a user to log in or none. STORE_OK: nothing for good: the
 * watch can be had again, from another call. */
enum store_status watch_reason_status(struct slice reason, bool has_user);

/* Whether it is the call's token that was refused. */
bool watch_reason_is_token(struct slice reason);

/* Whether progress notifications of the members that are well are true: etcd 3.4 from 3.4.31 on, 3.5 from 3.5.13 on, and
 * later ones (etcd#15220). A version that is not known is none of them. */
bool watch_progress_is_true(const struct etcd_client *client);

/* The same of one version, as in "3.4.31". A preliminary one ("3.6.0-rc.0") is none of them. */
bool watch_version_is_good(const char *version);

#endif
