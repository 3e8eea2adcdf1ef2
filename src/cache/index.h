/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CACHE_INDEX_H
#define LARDER_CACHE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "cache/entry.h"

/* From hash to entry: linear hashing (Litwin 1980) over buckets of one cache line. The table grows by splitting one
 * bucket per insertion, so no insertion ever pays for more than the few entries of one bucket. A bucket holds seven
 * slots (16 bits of the hash and a 48-bit address) and a link to an overflow bucket.
 *
 * Memory comes in pages from the owner and counts in its budget; the index never gives a page back.
 *
 * Everything wants the owner's lock but index_prefetch and index_prefetch_entry: these only guess, and what they read is
 * stored with relaxed atomics for their sake. */
struct index_bucket {
    uint64_t slots[7];
    struct index_bucket *overflow;
};

/* Gives out zeroed pages, NULL when the budget is spent. */
struct index_pages {
    void *(*alloc)(void *owner);
    void *owner;
    size_t page_size; /* a power of two, a multiple of a bucket */
    size_t most;      /* pages there will ever be */
};

struct index {
    struct index_pages pages;
    struct index_bucket **directory; /* of the pages with primary buckets; never moves */
    size_t directory_size;
    size_t directory_capacity;
    unsigned page_shift; /* buckets per page, as a power of two */
    size_t buckets;      /* primary ones in use */
    size_t level_mask;   /* buckets of the level being split, less one */
    size_t items;
    uint64_t seed;              /* of hash_key, to find an entry's hash again */
    struct index_bucket *spare; /* overflow buckets that were given back */
    struct index_bucket *fresh; /* overflow buckets never used, `fresh_count` in a row */
    size_t fresh_count;
};

/* Starts with one page. Errors: NO_MEMORY. */
enum larder_error index_init(struct index *x, const struct index_pages *pages, uint64_t seed);

/* Frees the directory; the pages stay the owner's. */
void index_fini(struct index *x);

/* The number of the bucket of a hash, for these two sizes. */
static inline size_t index_bucket_number(size_t buckets, size_t level_mask, uint64_t hash) {
    size_t bucket = hash & (level_mask * 2 + 1);

    return bucket < buckets ? bucket : hash & level_mask;
}

/* Starts to bring in the bucket of a hash, and then, once that is there, the entry it probably points to. Without the
 * lock: a wrong guess costs nothing but time. */
void index_prefetch(const struct index *x, uint64_t hash);
void index_prefetch_entry(const struct index *x, uint64_t hash);

/* The bucket where the chain of a hash begins. */
static inline struct index_bucket *index_bucket_of(const struct index *x, uint64_t hash) {
    size_t bucket = index_bucket_number(x->buckets, x->level_mask, hash);

    return &x->directory[bucket >> x->page_shift][bucket & (((size_t)1 << x->page_shift) - 1)];
}

/* The entry of `key`, or NULL. */
struct entry *index_find(const struct index *x, uint64_t hash, struct slice key);

/* Takes the pages that the next insertion may need. Errors: NO_MEMORY; the index is as it was. A page that would only
 * make it faster is done without. */
enum larder_error index_prepare(struct index *x);

/* Whether index_prepare would take a page. */
bool index_wants_page(const struct index *x);

/* Adds an entry whose key is not in the index; index_prepare has succeeded since the last insertion. */
void index_insert(struct index *x, uint64_t hash, struct entry *entry);

/* Points the slot of `old` to `new`; `old` is in the index. Neither is read, only their addresses count. */
void index_replace(struct index *x, uint64_t hash, const struct entry *old, struct entry *new);

/* Empties the index; it keeps its pages. */
void index_clear(struct index *x);

/* Calls `visit` for each entry whose chain begins in this bucket, below `buckets`. It leaves the index as it is. */
void index_visit(const struct index *x, size_t bucket, void (*visit)(void *ctx, struct entry *entry), void *ctx);

/* Takes `entry` out; it is in the index. */
void index_remove(struct index *x, uint64_t hash, const struct entry *entry);

#endif
