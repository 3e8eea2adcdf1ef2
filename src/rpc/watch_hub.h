/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RPC_WATCH_HUB_H
#define LARDER_RPC_WATCH_HUB_H

#include "group/pending.h"
#include "rpc/rpc.h"

/* How many watches share few readings of the store. A feed is one watcher of the store; all watches of a worker that want
 * the same keys in the same way, and are up to date, are its readers. An event is read and encoded once for all of them.
 *
 * A watch that begins in the past has a feed of its own until it has caught up. So has one whose client does not read fast
 * enough: it leaves the others, and its feed is parked, which means that it is not read, until there is room. So nobody waits
 * for a slow client, and it holds nothing but its place; what it has missed is kept for it by the store, within bounds.
 *
 * Everything is the worker's, but for `woken` of hub and feed, `next_woken` and `posted`, which the threads of the store
 * use to say that there is something new. */

struct watch_stream;
struct watch_feed;

struct rpc_watch {
    struct watch_stream *stream;
    struct watch_feed *feed; /* NULL: only before it is opened */
    int64_t id;
    int64_t next_revision;          /* the first that it has not been told of */
    struct rpc_watch *next;         /* of its feed's readers */
    struct rpc_watch **place;       /* NULL: it has no feed */
    struct rpc_watch *next_in_slot; /* of its stream */
    bool fragment;                  /* large answers are cut into pieces */
    bool progress_notify;
    bool spoke;   /* since the last time such notes were sent */
    uint8_t kind; /* of enum watch_kind */
    uint32_t key_size;
    uint32_t range_end_size;
    char span[]; /* the key, the range_end */
};

enum watch_kind { WATCH_PREVIOUS = 1 << 0, WATCH_NO_PUT = 1 << 1, WATCH_NO_DELETE = 1 << 2 };

struct watch_feed {
    struct watch_hub *hub;
    struct store_watcher *watcher; /* NULL: it has ended, and is freed when no list has it any more */
    struct rpc_watch *readers;
    int64_t reached; /* what the store has told up to here has been handed out */
    bool told;       /* the store has told something: events, or how far it is */
    struct watch_feed *next_in_slot;
    struct watch_feed *next_woken;
    struct watch_feed *next_running; /* or that is parked */
    uint64_t hash;
    atomic_bool woken; /* it is in the hub's list of those */
    bool running;      /* it is in the list of those to be read */
    bool parked;       /* it is in its stream's list of those that wait for room; never one that is shared */
    bool shared;       /* it is in the hub's table, open to all who want the same */
};

/* One for each worker that has watches. */
struct watch_hub {
    struct pending pending; /* first; never has a reply, but lies in the queue when there is news */
    struct rpc_worker *worker;
    struct watch_feed *_Atomic woken; /* the newest first */
    atomic_bool posted;
    struct watch_feed *running_first;
    struct watch_feed **running_end;
    struct watch_feed **slots; /* of those that are shared, by hash */
    size_t slot_count;         /* a power of two, or 0 */
    size_t count;
    struct watch_stream *asking; /* streams that want to be told of progress */
};

/* The worker's; made at the first call. NULL: out of memory. */
struct watch_hub *watch_hub_of(struct rpc_worker *w);

/* All feeds have ended. NULL is allowed. */
void watch_hub_free(struct watch_hub *hub);

/* Gives the watch a feed from next_revision on; 0: from now on, and it is then the first revision to come. Another status than
 * OK: it has none. *ret_revision is the store's at that moment. */
enum store_status watch_hub_join(struct watch_hub *hub, struct rpc_watch *watch, int64_t *ret_revision);

/* Takes it away. */
void watch_hub_leave(struct rpc_watch *watch);

/* Frees a feed that has ended, if no list has it any more. */
void watch_hub_forget(struct watch_feed *feed);

/* Lets the feed be read at the next pump, whether or not the store has something. */
void watch_hub_run(struct watch_feed *feed);

/* Reads all feeds that are to be read, and hands out what they have; then tells those who asked of progress. */
void watch_hub_pump(struct watch_hub *hub);

#endif
