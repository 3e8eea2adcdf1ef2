/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_LIBRARY_ETCD_CLIENT_H
#define LARDER_LIBRARY_ETCD_CLIENT_H

#include <larder/etcd.h>

#include "base/clock.h"
#include "base/process_mark.h"
#include "store/etcd/etcd.h"
#include "store/etcd/keeper.h"
#include "trace/span.h"

/* A client: the engine whose store is a cluster, and who keeps leases alive on its thread. Callers' threads hand calls to it and
 * wait. */

/* Where lines of the engine's thread go. */
struct log_sink {
    larder_log_fn *fn; /* NULL: nowhere */
    void *ctx;
};

struct larder_etcd {
    struct larder_etcd *root;     /* itself; of a view the client, whose all the rest is, but for the parent */
    struct larder_tracer *tracer; /* NULL: nobody is told of calls */
    const struct span *parent;    /* of a view: whose children its calls are */
    struct larder_allocator allocator;
    struct process_mark process;
    struct log_sink sink;
    int64_t timeout_ns;    /* of a call that does not say */
    struct store *store;   /* what is asked: the cluster's engine, or the near cache in front of it */
    struct store *cluster; /* the engine */
    struct etcd_errand greeting;

    /* The engine's thread. */
    struct etcd_guest guest;
    struct etcd_keeper *keeper; /* NULL: no lease has been kept yet, or the thread ends */
};

static inline bool client_is_foreign(const struct larder_etcd *client) {
    return process_mark_is_foreign(&client->process);
}

struct near_config;

/* As larder_etcd_new. `near` (NULL: none) is what a near cache in front of the cluster shall be; its `cluster` is filled in. */
enum larder_status client_new(const char *endpoints, const struct larder_etcd_options *options,
                              struct near_config *near, struct larder_etcd **ret_client, char *ret_message);

/* Whoever keeps leases, made when there are some. On the engine's thread. NULL: out of memory, or it ends. */
struct etcd_keeper *client_keeper(struct larder_etcd *client);

/* What is wrong with the cluster, as the engine's thread sees it; empty: nothing is. Not on that thread. */
void client_look(struct store *cluster, char ret_trouble[LARDER_MESSAGE_MAX]);

/* Says why in a message, which may be NULL. Returns the status. */
enum larder_status client_say(char message[LARDER_MESSAGE_MAX], enum larder_status status, const char *why);

#endif
