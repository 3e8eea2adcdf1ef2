/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/groupcache_ring.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

struct point {
    uint32_t hash;
    uint16_t order; /* of the peer in the list */
    uint16_t peer;  /* what a pick answers: the same, or GROUPCACHE_RING_SELF */
};

struct groupcache_ring {
    size_t count;
    struct point points[]; /* by hash; of the same hash the latest peer first, which is the one a search finds */
};

static uint32_t checksum(uint32_t begun, struct slice bytes) {
    return (uint32_t)crc32_z(begun, (const unsigned char *)bytes.data, bytes.size);
}

static uint32_t key_hash(struct slice key) {
    return key.size == 0 ? 0 : checksum(0, key);
}

static uint32_t point_hash(uint32_t number, struct slice peer) {
    char digits[sizeof("4294967295")];
    int size = snprintf(digits, sizeof(digits), "%u", (unsigned)number);
    uint32_t begun = checksum(0, slice_make(digits, (size_t)size));

    return peer.size == 0 ? begun : checksum(begun, peer);
}

static int compare_points(const void *left, const void *right) {
    const struct point *a = left;
    const struct point *b = right;

    if (a->hash != b->hash) {
        return a->hash < b->hash ? -1 : 1;
    }
    return (a->order < b->order) - (a->order > b->order);
}

enum larder_error groupcache_ring_new(const struct slice *peers, size_t count, struct slice self, uint32_t replicas,
                                      struct groupcache_ring **ret_ring) {
    struct groupcache_ring *ring;

    assert(replicas >= 1 && replicas <= GROUPCACHE_RING_REPLICAS_MAX);
    if (count > GROUPCACHE_RING_PEERS_MAX) {
        return LARDER_ERROR_LIMIT;
    }
    ring = malloc(sizeof(*ring) + count * replicas * sizeof(ring->points[0]));
    if (ring == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    ring->count = 0;
    for (size_t i = 0; i < count; i++) {
        uint16_t peer = slice_equal(peers[i], self) ? (uint16_t)GROUPCACHE_RING_SELF : (uint16_t)i;

        for (uint32_t number = 0; number < replicas; number++) {
            ring->points[ring->count++] = (struct point){point_hash(number, peers[i]), (uint16_t)i, peer};
        }
    }
    qsort(ring->points, ring->count, sizeof(ring->points[0]), compare_points);
    *ret_ring = ring;
    return LARDER_OK;
}

void groupcache_ring_free(struct groupcache_ring *ring) {
    free(ring);
}

uint16_t groupcache_ring_pick(const struct groupcache_ring *ring, struct slice key) {
    uint32_t hash = key_hash(key);
    size_t low = 0;
    size_t high = ring->count;

    if (ring->count == 0) {
        return GROUPCACHE_RING_SELF;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (ring->points[middle].hash >= hash) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return ring->points[low == ring->count ? 0 : low].peer;
}
