/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_ETCD_INTERNAL_H
#define LARDER_STORE_ETCD_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "net/mailbox.h"
#include "net/timer.h"
#include "store/engine.h"
#include "store/etcd/driver.h"
#include "store/etcd/etcd.h"
#include "store/etcd/order.h"
#include "store/etcd/watch.h"

/* Between the files of the engine whose store is a cluster. */

/* A call on its way through the engine. */
struct etcd_store_call {
    struct etcd_errand errand; /* first */
    struct etcd_store *store;
    struct store_call *outer; /* the caller's */
    struct store_call inner;  /* the same, asked of the cluster */
    struct etcd_turn turn;
    struct etcd_store_call *next; /* of those that wait to be merged, and of those that were */
    bool ordered;
    bool in_turn; /* it counts as one of the transactions under way */
};

/* Plain writes that are put together, see etcd_merge.c. */
struct etcd_merge {
    struct etcd_store_call *first; /* whose turn has come in the order */
    struct etcd_store_call **end;
    size_t waiting;
    unsigned under_way; /* transactions, and writes that went alone */
    size_t ops_max;     /* that the cluster takes in one */
    struct timer *timer;
    atomic_uint_fast64_t transactions;
    atomic_uint_fast64_t writes;
};

struct etcd_store {
    struct store base; /* first */
    struct loop *loop;
    struct mailbox *mailbox;
    struct timer *look_timer;
    struct timer *guest_timer;
    pthread_t thread;
    size_t max_pending;
    size_t max_watchers;
    int64_t request_timeout_ns;

    /* The engine's thread alone. */
    struct etcd_driver *driver;   /* NULL: ended */
    struct etcd_watches *watches; /* NULL: ended */
    struct etcd_order *order;
    bool pumping;
    bool pump_due; /* something was put in the order */
    struct etcd_merge merge;
    struct etcd_guest *guests; /* the newest first */

    /* Where other threads put errands; a message goes out when it was empty. */
    struct etcd_errand *_Atomic newest;
    struct mailbox_message message;
    struct mailbox_message stop_message;
    atomic_bool closing;

    atomic_size_t waiting; /* calls */
    atomic_size_t watcher_count;
    _Atomic int64_t revision;
    struct etcd_facts facts;

    pthread_mutex_t look_lock; /* held for a copy; no other is taken under it */
    struct etcd_store_look look;

    /* Of what was said in the log; the engine's thread. */
    int64_t started_ns;
    int64_t said_ns;
    bool said_ready;
    bool said_trouble;
    uint64_t said_failovers;
};

static inline struct etcd_store *etcd_store_of(struct store *s) {
    return (struct etcd_store *)(void *)s;
}

/* NULL: `store` is of another engine. */
const struct etcd_store *etcd_store_cluster_of(const struct store *store);

/* The engine's thread: takes note of the highest revision there is. */
void etcd_store_note_revision(struct etcd_store *s, int64_t revision);

/* etcd_call.c */
void etcd_store_submit(struct store *store, struct store_call *call);

/* Asks the cluster for it, alone; it ends by itself. */
void etcd_call_ask(struct etcd_store_call *c);

/* Gives the caller what `inner` has, and lets others have their turn at the next pump. */
void etcd_call_end(struct etcd_store_call *c);

/* Asks for all whose turn has come. What ends at once may let others have theirs. */
void etcd_call_pump(struct etcd_store *s);

/* The same, if anything was put in the order since. */
void etcd_call_settle(struct etcd_store *s);

/* etcd_merge.c */
bool etcd_merge_init(struct etcd_store *s);

/* A write whose turn has come. False: it is none that can be put together with others. */
bool etcd_merge_add(struct etcd_store *s, struct etcd_store_call *c);

/* Sends what may go. */
void etcd_merge_settle(struct etcd_store *s);

/* One that was under way has ended. */
void etcd_merge_ended(struct etcd_store *s);

/* etcd_watcher.c */
struct store_watcher *etcd_watcher_open(struct store *store, const struct store_watch *watch, void (*wake)(void *ctx),
                                        void *ctx, enum store_status *ret_status, int64_t *ret_revision);
void etcd_watcher_next(struct store_watcher *watcher, size_t max_bytes, struct store_batch *ret_batch);
void etcd_watcher_close(struct store_watcher *watcher);

/* etcd_look.c: what is known of the cluster, for other threads and for the log. Now and then, on the engine's thread. */
void etcd_store_update_look(struct etcd_store *s);

#endif
