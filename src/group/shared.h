/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_SHARED_H
#define LARDER_GROUP_SHARED_H

#include "cache/walk.h"
#include "cluster/cluster.h"
#include "group/memory.h"
#include "group/origin.h"
#include "group/pending.h"
#include "peer/peers.h"
#include "ring/errand.h"
#include "ring/heat.h"

/* Memory groups whose keys are spread over the nodes of a cluster: each key lives with its owner, and every node takes every
 * request (rules 2 to 4 and 7 of the ring). What a request means is group/memory.h's; where it is done is ring/errand.h's;
 * this does it: on the table, over the worker's links, by the previous owner.
 *
 * Order. Requests for one key that come to one worker are done in the order they came in, whatever becomes of the ring
 * meanwhile: one that waits (for a view, for the previous owner, for an answer) is not overtaken by a later one for its key.
 * They may be under way together only to the same owner under the same view, over the worker's one link to him. Requests for
 * different keys have no order. */

enum {
    SHARED_ORDER_BUCKETS = 1024,
    SHARED_MEMORY_MAX = 256 << 20,   /* bytes of requests under way and of answers that wait to be told */
    SHARED_REFERENCE_FROM = 8 << 10, /* answered values from this size on are sent from where they lie */
    SHARED_SPARES_MAX = 2048,        /* requests at rest that a worker keeps, of each kind */
};

/* Of a node: flights by which previous owners are asked, one for a key at a time, on whatever workers it is wanted. */
struct shared_flights;

struct shared {
    struct keeper *keeper;
    struct cluster *cluster;
    struct shared_flights *flights;
    struct peers_roll *roll; /* the links of all workers, for metrics */
    int64_t start_ns;        /* where table seconds begin */
    int64_t timeout_ns;      /* of a request that brings no deadline of its own */
    size_t value_max;        /* bytes of a value that nodes tell each other */
    struct hot_node *hot;    /* copies of hot keys; NULL: there are none */
};

struct shared_op;
struct shared_read;

/* Of a worker. All zero but for what comes before `view` is a good one. */
struct shared_worker {
    struct shared *shared;
    const struct group_set *const *groups; /* where the set lies that holds now */
    struct peers *peers;                   /* for requests */
    struct peers *asks;  /* for what previous owners are asked: behind requests that themselves wait for an answer from
                          * here, these would have to wait for each other */
    struct peers *loads; /* for requests of origin groups: they may take as long as an origin does */
    struct origin_worker *origin;
    struct pending_queue *completions; /* where what it waits for is posted */
    struct heat *heat;                 /* which keys are asked for most through this worker; NULL: nobody counts */
    struct keeper_view *view;          /* what it holds; renewed at each batch of requests (shared_worker_begin) */
    /* Requests under way, by their keys and in the order they came; shared_order.c. */
    struct shared_op *buckets[SHARED_ORDER_BUCKETS];
    size_t under_way;
    uint64_t changes;          /* clients' requests so far that are more than reads */
    struct hot_changes copied; /* those that wait for copies of their keys to go, flights to origins among them */
    struct shared_op *waiting; /* those that wait for something of this worker, the earliest deadline first */
    struct shared_op *last_waiting;
    struct shared_op *spare; /* to be used again */
    size_t spares;
    struct shared_read *spare_reads;
    size_t spare_read_count;
    bool ended; /* shared_worker_end: nobody is asked for anything any more */
};

struct shared_access {
    struct memory_access memory; /* without a gate */
    struct shared_worker *worker;
    struct pending_queue *completions;
    struct worker_telemetry *telemetry;
    int64_t now_ns;
};

/* Before a batch of requests, and when the keeper has a new view: takes it, lets the links follow, and goes on with what has
 * waited for it. On the worker's thread. */
void shared_worker_begin(struct shared_worker *w);

/* Before the loop rests: what is to be sent to other nodes leaves, that of all batches in one go. */
void shared_worker_flush(struct shared_worker *w);

/* When shared_worker_expire is to be called next; INT64_MAX: nothing waits. */
int64_t shared_worker_deadline(const struct shared_worker *w);

/* Ends the waits whose deadline has passed. */
void shared_worker_expire(struct shared_worker *w, int64_t now_ns);

/* The node ends: ends all waits, gives the view back, and asks nobody for anything any more; so the links may be freed then,
 * which ends what waits for them, as the end of the cluster's machine does with what waits for that. What is still under way
 * comes to its end in the worker's queue of late replies. Twice is fine. */
void shared_worker_end(struct shared_worker *w);

/* Runs a request of a memory group or an origin group, by a client or (request->peer) by a peer. The reply is complete or RESULT_PENDING. */
void shared_run(const struct shared_access *a, const struct request *request, struct reply *reply);

/* A write that is turned away before it comes here, with `result`: the old value is removed if the request says so, wherever
 * it is. The reply is complete or RESULT_PENDING. */
void shared_refuse(const struct shared_access *a, const struct request *request, enum result result,
                   struct reply *reply);

/* FLUSH of all memory groups (`group` "*"), or the purge of one, or of its keys that begin with `prefix` (at most REQUEST_KEY_MAX bytes;
 * empty: all) behind its name: the reply is pending until every live node has applied it, or until `deadline_ns`. Results: DONE, NODES_MISSING (it stands, but some nodes have not applied it in time; item.value
 * names them), STORE_UNAVAILABLE (it is not recorded), NO_MEMORY. */
void shared_purge(const struct shared_access *a, struct slice group, struct slice prefix, int64_t deadline_ns,
                  struct reply *reply);

/* The same of a whole group, with nobody who waits for it; the log says if it is not recorded. Any thread. */
void shared_purge_unattended(struct shared *shared, struct slice group);

enum larder_error shared_flights_new(struct shared_flights **ret_flights);
void shared_flights_free(struct shared_flights *flights);

/* --- entries that do not count --- */

/* A walk over the table that takes them out when the keeper wants it. All zero is one at rest. */
struct shared_sweep {
    struct keeper_view *view; /* by which it goes; NULL: it is at rest */
    struct table_walk walk;
};

/* Goes on with it, or begins one, by at most `steps` short steps. True: it is not over. For one thread. */
bool shared_sweep_some(struct shared_sweep *sweep, struct keeper *keeper, struct table *table,
                       const struct group_set *groups, unsigned steps);
void shared_sweep_end(struct shared_sweep *sweep);

#endif
