/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_ETCD_FIGURES_H
#define LARDER_STORE_ETCD_FIGURES_H

#include <stdint.h>

#include "proto/etcd/method.h"

/* What the client of a cluster counts. Plain numbers: whoever wants them on another thread copies them. */

/* How a request ended, for the operator. */
enum etcd_result {
    ETCD_RESULT_OK,
    ETCD_RESULT_REFUSED,     /* by what it asks: an error of etcd's about the request itself */
    ETCD_RESULT_DENIED,      /* by who asks */
    ETCD_RESULT_UNAVAILABLE, /* nothing was done */
    ETCD_RESULT_UNKNOWN,     /* a write in doubt */
    ETCD_RESULT_COUNT
};

/* "ok", "refused", ... */
const char *etcd_result_name(enum etcd_result result);

enum {
    ETCD_LATENCY_BUCKETS = 1 /* what is above the last bound */
#define BUCKET(ns, text) +1
#include "telemetry/buckets.def"
#undef BUCKET
};

/* Requests of one method that ended one way: from etcd_client_ask to the end, all attempts included. */
struct etcd_latency {
    uint64_t count;
    uint64_t sum_ns;
    uint64_t buckets[ETCD_LATENCY_BUCKETS];
};

struct etcd_figures {
    uint64_t connects; /* that succeeded */
    uint64_t connect_errors;
    uint64_t connections_lost; /* not by our own wish */
    uint64_t failovers;        /* another member is in use because the one before failed */
    uint64_t failover_ns;      /* from the first trouble to the first answer of the next member, all of them together */
    uint64_t failover_max_ns;
    uint64_t retries; /* attempts but the first of each request */
    uint64_t unknown; /* requests that ended with UNKNOWN */
    uint64_t logins;
    uint64_t login_errors;
    uint64_t streams_lost;
    uint64_t waiting; /* requests not answered now */
    struct etcd_latency requests[ETCD_METHOD_COUNT][ETCD_RESULT_COUNT];
};

#endif
