/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CACHE_TABLE_H
#define LARDER_CACHE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"
#include "cache/put.h"

/* Table seconds begin with this one, so that 0 can mean "never" and "one second ago" exists. */
enum { TABLE_EPOCH = 2 };

/* The table second of a moment `now_ns`, if they began to be counted at `start_ns`. */
static inline uint32_t table_seconds(int64_t start_ns, int64_t now_ns) {
    return (uint32_t)((now_ns - start_ns) / INT64_C(1000000000)) + TABLE_EPOCH;
}

/* The cache table: keys and values in memory under a hard byte budget, shared by all workers. It is cut into shards by
 * the hash of the key; everything that reads or changes an entry happens between table_lock and table_unlock of its
 * shard, and that stretch is short: look up, copy, leave. One thread holds one shard's lock at a time, and takes no other
 * lock meanwhile. Time is passed in as table seconds: whole seconds of a clock that never goes back and starts above 0. */
struct table {
    struct shard *shards;
    unsigned shard_count;
    unsigned shard_shift; /* hash >> shift is the shard */
    uint64_t seed;
    unsigned sweep_shard; /* where the sweeper is */
    bool sweep_begun;     /* in that shard */
};

struct table_config {
    uint64_t memory;   /* bytes, all overhead but a few KiB counted; at least TABLE_MEMORY_MIN */
    uint64_t max_item; /* bytes of the largest entry that must find room */
    uint64_t seed;     /* of the hash; drawn from the system in production */
    uint64_t
        cas_seed; /* where cas numbers begin; 0: at 1. In a cluster each node draws another one, so that no two give a
                        * key the same number (TABLE_CAS_BITS) */
};

enum { TABLE_MEMORY_MIN = 1 << 20, TABLE_CAS_BITS = 48 /* cas numbers that a seed may begin with are below 2^48 */ };

/* Memory and entries by use, summed over the shards. */
struct table_stats {
    uint64_t memory_limit;
    uint64_t memory_used;     /* resident bytes, all of the following */
    uint64_t memory_segments; /* segments in the queues */
    uint64_t memory_large;
    uint64_t memory_index;
    uint64_t memory_ghost;
    uint64_t memory_spare;
    uint64_t memory_dead; /* of the segments: room of entries that are gone */
    uint64_t memory_live; /* of the segments and large values: keys, values and entry headers */
    uint64_t items;
    uint64_t small_bytes;
    uint64_t main_bytes;
    struct shard_counts counts;
};

/* Errors: NO_MEMORY, INVALID (memory below the minimum or too small for max_item). */
enum larder_error table_init(struct table *t, const struct table_config *config);

/* Every blob handed out must have been released. */
void table_fini(struct table *t);

static inline uint64_t table_hash(const struct table *t, struct slice key) {
    return hash_key(key, t->seed);
}

static inline struct shard *table_shard(const struct table *t, uint64_t hash) {
    return &t->shards[t->shard_count == 1 ? 0 : hash >> t->shard_shift];
}

/* The shard of the key, locked. */
static inline struct shard *table_lock(const struct table *t, uint64_t hash) {
    struct shard *s = table_shard(t, hash);

    pthread_mutex_lock(&s->lock);
    return s;
}

static inline void table_unlock(struct shard *s) {
    pthread_mutex_unlock(&s->lock);
}

/* Two hints, some time apart, that the entry of this hash is about to be asked for: they bring in first the index, then
 * the entry. They take no lock and change nothing. */
static inline void table_prefetch(const struct table *t, uint64_t hash) {
    index_prefetch(&table_shard(t, hash)->index, hash);
}

static inline void table_prefetch_entry(const struct table *t, uint64_t hash) {
    index_prefetch_entry(&table_shard(t, hash)->index, hash);
}

/* Drops everything. What readers hold of large values stays theirs. */
void table_clear(struct table *t);

/* Goes on with the sweeper's round over all shards, at most `steps` of its short steps, each under one shard's lock. True:
 * the round is not over. For one thread. */
bool table_sweep_some(struct table *t, uint32_t now, unsigned steps);

/* A whole round. */
void table_sweep(struct table *t, uint32_t now);

void table_get_stats(struct table *t, struct table_stats *ret_stats);

#endif
