/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_CONNECTION_H
#define LARDER_CLI_BENCH_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "cli/bench/http_scan.h"
#include "cli/bench/scan.h"
#include "cli/bench/service.h"
#include "cli/bench/workload.h"
#include "net/stream.h"

struct worker;

/* A request that waits for its answer. */
struct pending {
    int64_t start_ns;
    union {
        struct work work;
        struct service_work service; /* dialect_service */
    };
    bool counted; /* it began while the run was measured */
};

/* One connection of the load: sends a batch of requests, takes all their answers, then asks its worker for more. */
struct connection {
    struct stream stream;
    struct worker *worker;
    size_t node; /* which subject it goes to */
    struct connection *next_idle;
    struct buf out; /* what the kernel did not take yet */
    union {
        struct scanner memcached;
        struct http_scanner http;
    } scanner;        /* the dialect's */
    uint64_t to_send; /* requests of the batch that are not encoded yet */
    uint64_t sent;
    uint64_t answered;
    uint64_t hits;  /* memcached: values of the get that is being answered */
    bool refilling; /* replay: a get missed, `refill` is next */
    struct work refill;
    struct pending batch[]; /* as many as the pipeline */
};

/* Begins to connect to that subject; worker->connected counts it when it is there. NULL: worker_fail was called. */
struct connection *connection_new(struct worker *worker, size_t node);

/* Sends the next batch of up to `count` requests. False: there was nothing left to ask. */
bool connection_begin(struct connection *connection, uint64_t count);

/* The oldest request without its whole answer; NULL: nothing was asked. */
struct pending *connection_front(struct connection *connection);

/* That one has its answer. */
void connection_pop(struct connection *connection);

/* Begins to close, if it does not already. */
void connection_close(struct connection *connection);

/* After its loop was freed. */
void connection_free(struct connection *connection);

#endif
