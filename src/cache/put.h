/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CACHE_PUT_H
#define LARDER_CACHE_PUT_H

#include "cache/shard.h"

/* Storing in a shard, evicting what must go for it. All functions want the shard's lock. */

/* What is stored besides key and value. */
struct shard_put {
    uint32_t value_size;
    uint32_t expires; /* table seconds or ENTRY_NEVER */
    uint32_t client_flags;
    uint16_t group; /* below 1 << ENTRY_GROUP_BITS */
    uint8_t era;    /* below 1 << ENTRY_ERA_BITS */
};

/* Stores `key` in place of whatever was there, with a new cas; the caller fills the value in, under the same lock. NULL
 * when no room can be made; an older entry of the key then stays. */
struct entry *shard_put(struct shard *s, uint64_t hash, struct slice key, const struct shard_put *put, uint32_t now);

/* A new entry for the key of `hash`, unread and not stale, with the header, frequency and as much of the value as fits
 * taken over from the present one, which it replaces. NULL when no room can be made or the present entry was evicted for
 * it. */
struct entry *shard_resize(struct shard *s, uint64_t hash, struct slice key, uint32_t value_size, uint32_t now);

/* An unlinked large entry for a value that is still to arrive; the caller owns the segment's one reference, fills value
 * and header outside the lock, then links or unrefs it. NULL when no room can be made. */
struct segment *shard_large_new(struct shard *s, struct slice key, uint32_t value_size, uint32_t now);

/* Stores the filled segment, taking over the reference. Errors: NO_MEMORY (the caller keeps the reference). */
enum larder_error shard_large_link(struct shard *s, uint64_t hash, struct segment *segment, uint32_t now);

#endif
