/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_SHARED_H
#define LARDER_GROUP_SHARED_H

#include "cluster/cluster.h"
#include "group/memory.h"
#include "group/pending.h"
#include "peer/peers.h"
#include "ring/errand.h"

/* Memory groups whose keys are spread over the nodes of a cluster: each key lives with its owner, and every node takes every
 * request (rules 2 to 4 and 7 of the ring). What a request means is group/memory.h's; where it is done is ring/errand.h's;
 * this does it: on the table, over the worker's links, by the previous owner. */

/* Of a node: flights by which previous owners are asked, one for a key at a time, on whatever workers it is wanted. */
struct shared_flights;

struct shared {
    struct keeper *keeper;
    struct cluster *cluster;
    struct shared_flights *flights;
    int64_t timeout_ns; /* of a request that brings no deadline of its own */
};

/* Of a worker. */
struct shared_worker {
    struct shared *shared;
    struct peers *peers;
    struct keeper_view *view; /* what it holds; renewed at each batch of requests (shared_worker_renew) */
};

struct shared_access {
    struct memory_access memory;
    struct shared_worker *worker;
    struct pending_queue *completions;
    int64_t now_ns;
};

/* Runs a request of a memory group, by a client or (request->peer) by a peer. The reply is complete or RESULT_PENDING. */
void shared_run(const struct shared_access *a, const struct request *request, struct reply *reply);

/* Whether requests of this worker may be run while others, run under the view `serial`, are pending on the same connection:
 * those of one view reach their owners in order. */
uint64_t shared_view_serial(const struct shared_worker *w);

/* FLUSH of all memory groups, or the purge of one (`group` "*": all): the reply is pending until every live node has applied
 * it. Results: DONE, NODES_MISSING (it stands, but some nodes have not applied it in time; item.value names them),
 * STORE_UNAVAILABLE (it is not recorded). */
void shared_purge(const struct shared_access *a, struct slice group, int64_t deadline_ns, struct reply *reply);

enum larder_error shared_flights_new(struct shared_flights **ret_flights);
void shared_flights_free(struct shared_flights *flights);

#endif
