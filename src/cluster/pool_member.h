/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLUSTER_POOL_MEMBER_H
#define LARDER_CLUSTER_POOL_MEMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "ring/groupcache_pool.h"
#include "store/store.h"

/* A node's part in a pool of Go's groupcache whose members find each other by the store: each has a key below a prefix, whose
 * value is its base URL, under a lease that it renews. This is what programs in Go do with etcd, so both can be in one pool.
 *
 *     <prefix><host and what follows it in the URL>     http://127.0.0.1:11211 below /imgcache/nodes/ is /imgcache/nodes/127.0.0.1:11211
 *
 * Unlike in a cluster nobody's answer depends on what is known here being the newest: a pool whose members differ loads a key
 * twice. So the last pool that was known stays when the store is away, and nothing is proven.
 *
 * A machine of one thread, the control thread's: pool_member_tick and what the store answers drive it, and `wake` says when the
 * thread should call that although its time has not come.
 *
 * Registration. Whoever has our URL is this node, so a key that is there already, of before a crash, is written over; it is
 * written anew when it is found gone (the lease ran out while the node was paused, or somebody took it out). */
struct pool_member;

enum {
    POOL_MEMBER_LEASE_S = 5,
    POOL_MEMBER_LEAVE_MS = 2000, /* so long it is tried to take the key out; then it goes with its lease */
};

struct pool_member_config {
    struct slice group;  /* for the log; this and what follows is copied */
    struct slice prefix; /* ends in '/' */
    struct slice self;   /* the base URL of this node; groupcache_peer_problem has nothing to say of it */
    uint32_t replicas;   /* as for groupcache_pool_read */
    struct store *store;
    void (*wake)(void *ctx); /* any thread */
    /* The control thread: this is the pool from now on. A reference is handed over. */
    void (*on_pool)(void *ctx, struct groupcache_pool *pool);
    void *ctx;
};

/* Errors: NO_MEMORY. */
enum larder_error pool_member_new(const struct pool_member_config *config, struct pool_member **ret_member);

/* Goes on with whatever is due; returns when it is to be called again at the latest. */
int64_t pool_member_tick(struct pool_member *m, int64_t now_ns);

/* Takes the key out, so that the others ask no more; pool_member_has_left says when that is done or was tried for long enough.
 * The others' keys are followed still. */
void pool_member_leave(struct pool_member *m, int64_t now_ns);
bool pool_member_has_left(const struct pool_member *m);

/* Before the store is closed: hands in no more calls. What the store still has ends with the store, so pool_member_free comes
 * after store_close. */
void pool_member_stop(struct pool_member *m);
void pool_member_free(struct pool_member *m); /* NULL is allowed */

#endif
