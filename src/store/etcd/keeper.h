/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_ETCD_KEEPER_H
#define LARDER_STORE_ETCD_KEEPER_H

#include "store/etcd/client.h"

/* Leases that are kept alive, all of a client on one stream: each is renewed when a third of its time is over, and at once
 * when the stream stands again after a loss. */
struct etcd_keeper;
struct etcd_kept;

/* `now_ns` tells the same time as the client's io->now_ns. NULL: out of memory. */
struct etcd_keeper *etcd_keeper_new(struct etcd_client *client, int64_t (*now_ns)(void *clock), void *clock);

/* All its leases are let go of; not from inside its events, and before etcd_client_free. NULL is allowed. */
void etcd_keeper_free(struct etcd_keeper *keeper);

struct etcd_kept_events {
    /* It was renewed; its time, `ttl` seconds, counts from `asked_ns`, when the renewal was asked for. May be NULL. */
    void (*on_alive)(void *ctx, int64_t asked_ns, int64_t ttl);
    /* It is over: the cluster says so (`certain`; then nothing follows, and etcd_kept_free is still due), or its time has
     * passed by the clock here without a renewal. After the latter, told once, it is still asked for, and on_alive may come
     * again. */
    void (*on_over)(void *ctx, bool certain);
};

/* Keeps a lease that was granted at `granted_ns` (when the grant was asked for, by io->now_ns), for `ttl` seconds, above 0.
 * etcd_keeper_run is due after it. NULL: out of memory. */
struct etcd_kept *etcd_keeper_keep(struct etcd_keeper *keeper, int64_t lease, int64_t ttl, int64_t granted_ns,
                                   const struct etcd_kept_events *events, void *ctx);

/* Lets go of it; it runs out by itself. May be called inside its events. NULL is allowed. */
void etcd_kept_free(struct etcd_kept *kept);

/* Does what is due, and says when to call again at the latest (INT64_MAX: no lease is kept): for whoever drives the client,
 * after etcd_client_run. A renewal that is not answered while a third of the lease's time goes by, and nothing else comes on
 * the stream either, means that the member is given up. */
int64_t etcd_keeper_run(struct etcd_keeper *keeper);

#endif
