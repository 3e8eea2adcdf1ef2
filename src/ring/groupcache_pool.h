/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RING_GROUPCACHE_POOL_H
#define LARDER_RING_GROUPCACHE_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "model/kv.h"
#include "ring/groupcache_ring.h"

/* The members of a pool of Go's groupcache, each known by its base URL, and the ring that follows from them. They are listed
 * in the configuration, or in a store: every key below a prefix has a base URL as its value. Programs in Go that find each
 * other by etcd hand these values to HTTPPool.Set in the order of the keys, so that is the order here, which decides who has
 * a point that two share. URLs are bytes, and one that stands there twice stays there twice.
 *
 * Where a value cannot be a peer's, the ring is without it. A pool in Go takes whatever is there, then gets no answer from
 * that peer for the keys of its part and loads them where they are asked for: so the peers differ about these alone.
 *
 * Immutable once made, counted, for any thread. */

enum {
    GROUPCACHE_PEER_URL_MAX = 512,  /* bytes */
    GROUPCACHE_PEER_KEY_MAX = 1024, /* bytes of a key in the store */
};

struct groupcache_peer {
    struct slice key; /* in the store; empty if it was configured */
    struct slice url;
};

struct groupcache_pool {
    atomic_uint refs;
    uint32_t replicas; /* points of each peer */
    int64_t revision;  /* of the store: every change up to it is in here */
    struct slice self; /* the URL that is ours; it need not be among the peers */
    struct groupcache_ring *ring;
    size_t count;
    struct groupcache_peer peers[]; /* sorted by key, or as configured */
};

/* What is not a peer's: how many, and of the first one its key, its value (both the caller's own), and why, as a text for
 * people that goes behind the value: "has no host". Nothing but `count` is set if that is 0. */
struct groupcache_refused {
    size_t count;
    struct slice key;
    struct slice value;
    const char *reason;
};

/* Why this cannot be the base URL of a peer, or NULL when it can. Static. A URL that ends in '/' is refused: what a Go peer
 * asks below it begins with "//", and no Go peer answers that. Whether there is such a host, who connects finds out. */
const char *groupcache_peer_problem(struct slice url);

/* The pool of configured peers, in their order. `replicas` as for groupcache_ring_new. The caller owns one reference.
 * Errors: INVALID (*ret_refused says which and why, and that is set only then), LIMIT (more than GROUPCACHE_RING_PEERS_MAX),
 * NO_MEMORY. */
enum larder_error groupcache_pool_configure(const struct slice *urls, size_t count, struct slice self,
                                            uint32_t replicas, struct groupcache_pool **ret_pool,
                                            struct groupcache_refused *ret_refused);

/* The pool of a complete list of what is below the prefix, as of `revision`, in whatever order it comes. What is no peer's is
 * left out. The caller owns one reference. Errors: LIMIT, NO_MEMORY. */
enum larder_error groupcache_pool_read(const struct kv *kvs, size_t count, int64_t revision, struct slice self,
                                       uint32_t replicas, struct groupcache_pool **ret_pool,
                                       struct groupcache_refused *ret_refused);

/* `pool` after some events below the prefix, all of whole revisions, the last of them `revision`; events at or below
 * pool->revision change nothing, and of several of one key the newest counts, in whatever order they stand. A peer whose
 * value is replaced by what is none leaves the pool. The caller owns one reference: of a new pool, or of the same if nothing
 * was told that is new. Errors: LIMIT, NO_MEMORY; what the events said is lost then, so the caller reads the list anew. */
enum larder_error groupcache_pool_apply(struct groupcache_pool *pool, const struct kv_event *events, size_t count,
                                        int64_t revision, struct groupcache_pool **ret_pool,
                                        struct groupcache_refused *ret_refused);

/* Whether all keys have the same owners in both, because the same URLs stand in the same order, with as many points. */
bool groupcache_pool_is_same(const struct groupcache_pool *a, const struct groupcache_pool *b);

/* Whom to ask for this key; NULL: it is ours to load. Borrowed from the pool. */
const struct groupcache_peer *groupcache_pool_pick(const struct groupcache_pool *pool, struct slice key);

struct groupcache_pool *groupcache_pool_ref(struct groupcache_pool *pool);
void groupcache_pool_unref(struct groupcache_pool *pool); /* NULL is allowed */

#endif
