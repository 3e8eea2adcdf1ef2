/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_DAEMON_WORKER_H
#define LARDER_DAEMON_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "daemon/connection.h"
#include "group/origin.h"
#include "group/shared.h"
#include "net/loop.h"
#include "net/mailbox.h"
#include "net/timer.h"
#include "ring/heat.h"

struct node;

/* A thread with a loop and the connections that were dealt to it. Everybody else talks to it through its mailbox. */
struct worker {
    struct node *node;
    struct loop *loop;
    struct mailbox *mailbox;
    struct session_worker sessions;
    struct mailbox_message completed; /* posted when there is something in the queue of sessions */
    atomic_bool waking;               /* it is in the mailbox */
    struct connection *connections;
    struct origin_worker origin;         /* what it asks origins */
    struct shared_worker shared;         /* its part in a cluster of nodes; all zero: there is none */
    struct heat *heat;                   /* counts what is asked for most; NULL: nobody counts */
    struct mailbox_message ring_changed; /* posted when the nodes have changed */
    atomic_bool ring_told;               /* it is in the mailbox */
    struct timer *idle_timer;
    struct timer *deadline_timer;
    int64_t deadline_ns;     /* when it runs; INT64_MAX: it is at rest */
    int64_t idle_timeout_ns; /* 0: connections may idle for ever */
    int64_t value_timeout_ns;
    bool draining;
    bool drained; /* told the node that the last connection has gone */
    pthread_t thread;
};

struct worker_limits {
    size_t max_line;
    size_t max_output;
    struct slice http_hosts; /* outlives the worker */
    int64_t idle_timeout_ns;
    int64_t value_timeout_ns;
    uint64_t hot_per_s; /* of the whole node: requests from which on a key is hot; 0: they are not counted */
};

/* Prepares the worker, without its thread yet. Errors: NO_MEMORY; nothing is then left. */
enum larder_error worker_init(struct worker *w, struct node *node, const struct cmd_context *context,
                              const struct worker_limits *limits);

/* Starts the thread. Errors: LIMIT. */
enum larder_error worker_start(struct worker *w);

/* Any thread: ends the loop and waits for the thread. */
void worker_join(struct worker *w);

/* After worker_join of all workers: what is asked of origins ends, and whoever waits for it is told so (worker_settle). */
void worker_end_loads(struct worker *w);

/* After worker_join, and before the store is closed: ends the watches of its connections. */
void worker_end_watches(struct worker *w);

/* After worker_join of all workers: takes in the replies that the store still gave. False: there was none. */
bool worker_settle(struct worker *w);

/* Closes what is left and frees it all; after worker_join, or if it was never started. */
void worker_fini(struct worker *w);

/* Any thread: it shall look at its queue of late replies, and whether there is a new view of the cluster. */
void worker_wake(struct worker *w);

/* --- on the worker's thread --- */

void worker_accept(struct worker *w, int fd);

/* No new connections come; those there are end when they have nothing under way. */
void worker_drain(struct worker *w);

/* Ends all connections. */
void worker_abort(struct worker *w);

/* After requests were run: sees to it that calls end at their deadline. */
void worker_watch_deadline(struct worker *w);

/* Between connection.c and worker.c: the list. */
void worker_remember(struct worker *w, struct connection *c);
void worker_forget(struct worker *w, struct connection *c);

#endif
