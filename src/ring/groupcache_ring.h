/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RING_GROUPCACHE_RING_H
#define LARDER_RING_GROUPCACHE_RING_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/* Which peer of a pool of Go's groupcache owns a key, as its package consistenthash and HTTPPool.PickPeer compute it:
 * each peer, a base URL such as "http://10.0.0.2:8008", has `replicas` points on a circle of 32 bits, the CRC-32 (IEEE)
 * of a number from 0 in decimal followed by the URL. A key belongs to the first point at or after its own CRC-32, or, past
 * the last one, to the first of all. Of peers that share a point the one later in the list has it, so all members of a pool
 * must have the same list in the same order. URLs are compared as bytes: "http://a:1" and "http://a:1/" are two peers.
 *
 * The key is hashed alone: groups share one ring. tests/unit/ring has vectors that the Go library made.
 *
 * Immutable once made, for any thread. Its memory is 8 bytes for each point. */
struct groupcache_ring;

enum {
    GROUPCACHE_RING_REPLICAS = 50, /* what HTTPPool takes if it is told nothing */
    GROUPCACHE_RING_REPLICAS_MAX = 1000,
    GROUPCACHE_RING_PEERS_MAX = 1024,
    GROUPCACHE_RING_SELF = 0xffff, /* the key is ours to load: we own it, or nobody is in the pool */
};

/* The ring of `peers`, in the order in which the pool has them; a peer is known by its index there. One that is `self`,
 * byte for byte, is us; if none is, every key belongs to somebody else, as in Go. Nothing is kept of the slices.
 * `replicas` is 1 .. GROUPCACHE_RING_REPLICAS_MAX. The caller owns the ring. Errors: LIMIT (more than
 * GROUPCACHE_RING_PEERS_MAX), NO_MEMORY. */
enum larder_error groupcache_ring_new(const struct slice *peers, size_t count, struct slice self, uint32_t replicas,
                                      struct groupcache_ring **ret_ring);

/* NULL is allowed. */
void groupcache_ring_free(struct groupcache_ring *ring);

/* The index of the peer to ask for this key, or GROUPCACHE_RING_SELF. */
uint16_t groupcache_ring_pick(const struct groupcache_ring *ring, struct slice key);

#endif
