/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_WORKER_H
#define LARDER_CLI_BENCH_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "cli/bench/encode.h"
#include "cli/bench/run.h"
#include "cli/bench/scan.h"
#include "cli/bench/stats.h"
#include "cli/bench/workload.h"
#include "net/mailbox.h"

struct connection;
struct dialect;
struct loop;
struct pending;
struct ticker;

/* How far a run is; set by the main thread, read by the workers. Only PHASE_MEASURE counts. */
enum phase { PHASE_WARMUP, PHASE_MEASURE, PHASE_OVER };

/* What the workers of a run share. */
struct load {
    const struct bench_config *config;
    const struct subject *subjects;
    size_t subject_count;
    const struct dialect *dialect;
    struct service *service; /* dialect_service's, else NULL */
    enum workload_kind kind;
    const struct trace *trace;
    struct encoder encoder;
    uint64_t connections;
    uint64_t pipeline;
    uint32_t value_max;
    uint64_t quota; /* requests to measure, over all workers; 0: until PHASE_OVER */
    uint64_t rate;  /* requests per second, over all workers; 0: each answer brings the next request */
    atomic_int phase;
};

enum { WORKER_MESSAGE_MAX = 200, WORKER_INPUT_BYTES = 256 * 1024 };

/* A thread with a loop and its share of the connections. The fields below `thread` are its own; the atomic ones are for
 * the main thread to look at. */
struct worker {
    struct load *load;
    uint64_t index;
    pthread_t thread;

    struct loop *loop;
    struct mailbox *mailbox;
    struct mailbox_message start;
    struct connection **connections;
    uint64_t connection_count;
    char *input;   /* where answers are received */
    char *scratch; /* where requests are encoded */
    size_t scratch_size;
    size_t request_max; /* bytes of the largest request */
    struct scan_memory scan_memory;
    struct workload workload;
    struct stats stats;
    enum phase phase; /* as of the latest event */
    int64_t now_ns;   /* of the latest event */
    uint64_t left;    /* of the quota */
    uint64_t active;  /* connections that wait for answers */
    bool exhausted;   /* there is nothing left to ask */

    struct ticker *ticker; /* with a rate: */
    struct connection *idle_first;
    struct connection *idle_last;
    double due_ns;
    double gap_ns;

    atomic_uint_fast64_t connected;
    atomic_uint_fast64_t done; /* requests answered, measured or not */
    int64_t finished_ns;       /* valid once finished */
    atomic_bool finished;      /* nothing left to ask, everything answered */
    atomic_bool failed;
    size_t failed_node;               /* which subject; read after `failed` */
    char message[WORKER_MESSAGE_MAX]; /* why it failed; read after `failed` */
};

/* Starts the thread, which begins to connect. Errors: NO_MEMORY, LIMIT (no thread or no descriptors). */
enum larder_error worker_start(struct worker *worker, struct load *load, uint64_t index);

/* Lets the requests begin; once all connections are there. From the main thread. */
void worker_go(struct worker *worker);

/* Ends the thread and its connections, waits for it, frees all but the statistics. */
void worker_finish(struct worker *worker);

/* The rest is for its connections. */

/* The next thing that the connection asks. False: there is nothing left. */
bool worker_take(struct worker *worker, struct connection *connection, struct pending *pending);

/* When the request taken now should be counted from; `now_ns` without a rate. */
int64_t worker_take_due(struct worker *worker, int64_t now_ns);

/* The connection has all its answers: gives it more to do, now or later. */
void worker_next(struct worker *worker, struct connection *connection);

/* Reads the clock and the phase; at the begin of each event. */
void worker_look(struct worker *worker);

/* Ends the run with a message about that subject; the first one counts. */
void worker_fail(struct worker *worker, size_t node, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
