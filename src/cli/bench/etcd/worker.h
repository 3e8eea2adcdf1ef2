/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_ETCD_WORKER_H
#define LARDER_CLI_BENCH_ETCD_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/random.h"
#include "cli/bench/etcd/config.h"
#include "cli/bench/etcd/glance.h"
#include "cli/bench/etcd/link.h"
#include "cli/bench/etcd/tally.h"
#include "cli/bench/etcd/target.h"
#include "cli/bench/etcd/template.h"
#include "net/mailbox.h"

struct loop;
struct operation;
struct ticker;
struct worker_caller;
struct worker_watch;

/* How far a run is; set by the main thread, read by the workers. Only PHASE_MEASURING counts. */
enum etcd_phase { PHASE_SETTING_UP, PHASE_WARMING_UP, PHASE_MEASURING, PHASE_ENDED };

/* What the workers of a run share. */
struct etcd_load {
    const struct etcd_config *config;
    const struct etcd_target *target;
    const struct operation *operation;
    struct template request;
    struct template watcher; /* ETCD_WATCH: the request that makes one */
    bool compared;           /* range: what every answer should be like */
    struct glance_range model;
    uint64_t callers_on; /* workers that have callers */
    uint64_t quota;      /* requests to measure, over all workers; 0: until PHASE_ENDED */
    uint64_t rate;       /* requests per second, over all workers; 0: each answer brings the next request */
    atomic_int phase;
};

enum { ETCD_MESSAGE_MAX = 400 };

/* A thread with a loop and its share of the connections. The fields below `thread` are its own; the atomic ones are for
 * the main thread to look at. */
struct etcd_worker {
    struct etcd_load *load;
    uint64_t index;
    pthread_t thread;

    struct loop *loop;
    struct mailbox *mailbox;
    struct mailbox_message set_up;
    struct mailbox_message go;
    struct link *links;
    uint64_t link_count;
    char *input; /* where answers are received */
    struct etcd_tally tally;
    enum etcd_phase phase; /* as of the latest event */
    int64_t now_ns;        /* of the latest event */

    /* callers.c */
    struct worker_caller *callers;
    uint64_t caller_count;
    struct random random;
    uint64_t next_key;     /* --sequential-keys */
    uint64_t left;         /* of the quota */
    uint64_t active;       /* callers that wait for answers */
    uint64_t unready;      /* callers or watchers that are not set up */
    bool exhausted;        /* there is nothing left to ask */
    struct ticker *ticker; /* with a rate: */
    struct worker_caller *idle_first;
    struct worker_caller *idle_last;
    double due_ns;
    double gap_ns;

    /* watchers.c */
    struct worker_watch *watches;
    uint64_t watch_count;

    atomic_uint_fast64_t connected; /* links */
    atomic_bool ready;              /* set up */
    atomic_uint_fast64_t done;      /* requests answered, measured or not */
    atomic_uint_fast64_t events;    /* delivered */
    atomic_uint_fast64_t expected;  /* events that the puts bring */
    atomic_int_fast64_t ended_ns;   /* when the last answer or event came */
    atomic_bool finished;           /* nothing left to ask, everything answered */
    atomic_bool failed;
    size_t failed_endpoint;         /* read after `failed`, as the next one */
    char message[ETCD_MESSAGE_MAX]; /* why it failed */
};

/* Starts the thread, which begins to connect. Errors: NO_MEMORY, LIMIT (no thread or no descriptors). */
enum larder_error etcd_worker_start(struct etcd_worker *worker, struct etcd_load *load, uint64_t index);

/* Makes what the load needs before it can begin: watchers, leases. Once all connections are there; from the main
 * thread, as the next two. */
void etcd_worker_set_up(struct etcd_worker *worker);

/* Lets the requests begin; once all workers are ready. */
void etcd_worker_go(struct etcd_worker *worker);

/* Ends the thread and its connections, waits for it, frees all but the tally. */
void etcd_worker_finish(struct etcd_worker *worker);

/* The rest is for what runs on the worker. */

/* Reads the clock and the phase; at the begin of each event. */
void etcd_worker_look(struct etcd_worker *worker);

/* One more is set up. */
void etcd_worker_ready_one(struct etcd_worker *worker);

/* Ends the run with a message; the first one counts. */
void etcd_worker_fail(struct etcd_worker *worker, const struct link *link, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a call that the server has ended with a status. */
void etcd_worker_fail_call(struct etcd_worker *worker, const struct link *link, const char *what,
                           const struct grpc_end *end);

/* Begins a call for `owner`. NULL: the worker has failed. */
struct grpc_call *etcd_worker_call(struct etcd_worker *worker, struct link *link, struct slice path,
                                   struct link_call *owner);

/* Sends one more message of that call, made from a template with keys from `number` on, and returns where it lies until
 * anything else is sent. NULL: the worker has failed. */
char *etcd_worker_send(struct etcd_worker *worker, const struct link *link, struct grpc_call *call,
                       const struct template *template, uint64_t number);

#endif
