/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_ETCD_KEEPER_H
#define LARDER_STORE_ETCD_KEEPER_H

#include "store/etcd/client.h"

/* Leases that are kept alive, all of a client on one stream: each is renewed when a third of its time is over, and at once
 * when the stream stands again after a loss. */
struct etcd_keeper;
struct etcd_kept;

struct etcd_keeper *etcd_keeper_new(struct etcd_client *client);

/* All its leases are let go of. NULL is allowed. */
void etcd_keeper_free(struct etcd_keeper *keeper);

struct etcd_kept_events {
    /* It was renewed; its time, `ttl` seconds, counts from `asked_ns`, when the renewal was asked for. May be NULL. */
    void (*on_alive)(void *ctx, int64_t asked_ns, int64_t ttl);
    /* It is over: the cluster says so (`certain`), or its time has passed by the clock here without a renewal. After the
     * latter it is still asked for, and on_alive may come again. */
    void (*on_over)(void *ctx, bool certain);
};

/* Keeps a lease that was granted at `granted_ns` (when the grant was asked for), for `ttl` seconds. NULL: out of memory. */
struct etcd_kept *etcd_keeper_keep(struct etcd_keeper *keeper, int64_t lease, int64_t ttl, int64_t granted_ns,
                                   const struct etcd_kept_events *events, void *ctx);

/* Lets go of it; it runs out by itself. May be called inside its events. NULL is allowed. */
void etcd_kept_free(struct etcd_kept *kept);

/* Does what is due, and says when to call again: for whoever drives the client, after etcd_client_run. */
int64_t etcd_keeper_run(struct etcd_keeper *keeper);

#endif
