/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CACHE_WALK_H
#define LARDER_CACHE_WALK_H

#include "cache/table.h"

/* A walk over all entries of a table, in steps that are short: a few buckets of the index of one shard, under its lock. In
 * between entries come, go and move. What is there all the time is met at least once: when a bucket is split its entries
 * stay or go to one further on, and there are never fewer buckets. What comes or goes meanwhile is met or not. */
struct table_walk {
    unsigned shard; /* where it is; all zero: at the beginning */
    size_t bucket;
};

enum { TABLE_WALK_BUCKETS = 16 /* of a step */ };

/* Shows the next entries, with their shard locked: `visit` may look at them, change their bits, and take no other lock.
 * False: the walk is over. */
bool table_walk_step(struct table *t, struct table_walk *walk, void (*visit)(void *ctx, struct entry *entry),
                     void *ctx);

/* The same, and takes those out that `matches`, which may change the bits and the era of the others. */
bool table_purge_step(struct table *t, struct table_walk *walk, bool (*matches)(void *ctx, struct entry *entry),
                      void *ctx);

#endif
