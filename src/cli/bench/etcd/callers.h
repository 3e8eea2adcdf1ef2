/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_ETCD_CALLERS_H
#define LARDER_CLI_BENCH_ETCD_CALLERS_H

#include "cli/bench/etcd/link.h"
#include "cli/bench/etcd/worker.h"

/* One of the clients of a load: it asks, waits for the answer, and asks again. */
struct worker_caller {
    struct link_call base;
    struct etcd_worker *worker;
    struct link *link;
    struct grpc_call *call; /* what is open; NULL between two requests that are calls of their own */
    struct worker_caller *next_idle;
    int64_t start_ns;
    uint64_t key;
    int64_t lease;
    bool counted;      /* the request began while the run was measured */
    bool answered;     /* the message has come */
    uint64_t keys;     /* that it brought along */
    const char *wrong; /* why it is not what it should be; NULL: it is. Static */
};

/* Makes the worker's share of the clients, on its links. False: out of memory. */
bool callers_make(struct etcd_worker *worker);
void callers_free(struct etcd_worker *worker);

/* Gets each what it needs before it can ask; worker->unready counts those that are not through. */
void callers_set_up(struct etcd_worker *worker);

/* Lets them ask. */
void callers_go(struct etcd_worker *worker);

/* The key that a caller asks for next; the first of them if its request has several. */
uint64_t callers_draw_key(struct etcd_worker *worker);

#endif
