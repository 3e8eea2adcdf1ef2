/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_ETCD_WATCHERS_H
#define LARDER_CLI_BENCH_ETCD_WATCHERS_H

#include "cli/bench/etcd/link.h"
#include "cli/bench/etcd/worker.h"

/* A stream of watchers. */
struct worker_watch {
    struct link_call base;
    struct etcd_worker *worker;
    struct link *link;
    struct grpc_call *call;
    uint64_t number; /* of the stream, over all workers */
    uint64_t asked;  /* watchers */
    uint64_t created;
};

/* Makes the worker's share of the streams, on its links; nothing unless the load is watching. False: out of memory. */
bool watchers_make(struct etcd_worker *worker);
void watchers_free(struct etcd_worker *worker);

/* Asks for all watchers; worker->unready counts those that the server has not made yet. */
void watchers_set_up(struct etcd_worker *worker);

#endif
