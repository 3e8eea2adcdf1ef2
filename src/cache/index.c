/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/index.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"

enum {
    SLOTS = 7,
    TAG_SHIFT = 48,
    CACHE_LINE = 64,
    LOAD = 5, /* average entries per bucket at which one more bucket is split off */
};

static const uint64_t address_mask = (UINT64_C(1) << TAG_SHIFT) - 1;

/* The tag takes the hash's bits 40 to 55: the low ones choose the bucket, the high ones the shard. */
static uint64_t tag_of(uint64_t hash) {
    return (hash << 8) & ~address_mask;
}

static uint64_t slot_make(uint64_t hash, const struct entry *entry) {
    assert(((uintptr_t)entry & ~address_mask) == 0);
    return tag_of(hash) | (uintptr_t)entry;
}

/* Every store to a slot: index_prefetch_entry may be looking. */
static void slot_set(uint64_t *slot, uint64_t value) {
    __atomic_store_n(slot, value, __ATOMIC_RELAXED);
}

static struct entry *slot_entry(uint64_t slot) {
    return (struct entry *)(uintptr_t)(slot & address_mask);
}

static void *take_page(struct index *x) {
    return x->pages.alloc(x->pages.owner);
}

static size_t buckets_per_page(const struct index *x) {
    return (size_t)1 << x->page_shift;
}

static enum larder_error add_primary_page(struct index *x) {
    struct index_bucket *page = x->directory_size < x->directory_capacity ? take_page(x) : NULL;

    if (page == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    __atomic_store_n(&x->directory[x->directory_size], page, __ATOMIC_RELAXED);
    __atomic_store_n(&x->directory_size, x->directory_size + 1, __ATOMIC_RELEASE);
    return LARDER_OK;
}

enum larder_error index_init(struct index *x, const struct index_pages *pages, uint64_t seed) {
    enum larder_error error;

    *x = (struct index){.pages = *pages, .seed = seed};
    x->directory = calloc(pages->most, sizeof(struct index_bucket *));
    x->directory_capacity = x->directory != NULL ? pages->most : 0;
    x->page_shift = (unsigned)__builtin_ctzll(pages->page_size / sizeof(struct index_bucket));
    error = add_primary_page(x);
    if (error != LARDER_OK) {
        index_fini(x);
        return error;
    }
    x->buckets = buckets_per_page(x);
    x->level_mask = x->buckets - 1;
    return LARDER_OK;
}

void index_fini(struct index *x) {
    free(x->directory);
    x->directory = NULL;
    x->directory_size = x->directory_capacity = 0;
}

/* The bucket that a reader without the lock may take a look at; NULL when what it read makes no sense together. */
static const struct index_bucket *guess_bucket(const struct index *x, uint64_t hash) {
    size_t pages = __atomic_load_n(&x->directory_size, __ATOMIC_ACQUIRE);
    size_t bucket = index_bucket_number(__atomic_load_n(&x->buckets, __ATOMIC_RELAXED),
                                        __atomic_load_n(&x->level_mask, __ATOMIC_RELAXED), hash);

    if (bucket >> x->page_shift >= pages) {
        return NULL;
    }
    return __atomic_load_n(&x->directory[bucket >> x->page_shift], __ATOMIC_RELAXED) +
           (bucket & (buckets_per_page(x) - 1));
}

void index_prefetch(const struct index *x, uint64_t hash) {
    __builtin_prefetch(guess_bucket(x, hash));
}

void index_prefetch_entry(const struct index *x, uint64_t hash) {
    const struct index_bucket *bucket = guess_bucket(x, hash);
    const uint64_t tag = tag_of(hash);

    for (int i = 0; bucket != NULL && i < SLOTS; i++) {
        uint64_t slot = __atomic_load_n(&bucket->slots[i], __ATOMIC_RELAXED);

        if (slot != 0 && (slot & ~address_mask) == tag) {
            const char *entry = (const char *)slot_entry(slot);

            __builtin_prefetch(entry);
            __builtin_prefetch(entry + CACHE_LINE);
            __builtin_prefetch(entry + 2 * CACHE_LINE);
            return;
        }
    }
}

struct entry *index_find(const struct index *x, uint64_t hash, struct slice key) {
    const uint64_t tag = tag_of(hash);

    for (const struct index_bucket *b = index_bucket_of(x, hash); b != NULL; b = b->overflow) {
        for (int i = 0; i < SLOTS; i++) {
            if ((b->slots[i] & ~address_mask) == tag && b->slots[i] != 0) {
                struct entry *e = slot_entry(b->slots[i]);

                if (e->key_size == key.size && memcmp(e->data, key.data, key.size) == 0) {
                    return e;
                }
            }
        }
    }
    return NULL;
}

static void bucket_clear(struct index_bucket *bucket) {
    for (int i = 0; i < SLOTS; i++) {
        slot_set(&bucket->slots[i], 0);
    }
    bucket->overflow = NULL;
}

/* A bucket for a chain's end; index_prepare has seen to it that there is one. */
static struct index_bucket *take_overflow(struct index *x) {
    struct index_bucket *bucket = x->spare;

    if (bucket != NULL) {
        x->spare = bucket->overflow;
        bucket_clear(bucket);
        return bucket;
    }
    assert(x->fresh_count > 0);
    x->fresh_count--;
    return x->fresh++;
}

static void give_overflow(struct index *x, struct index_bucket *bucket) {
    bucket->overflow = x->spare;
    x->spare = bucket;
}

static uint64_t *free_slot(struct index_bucket *bucket) {
    for (int i = 0; i < SLOTS; i++) {
        if (bucket->slots[i] == 0) {
            return &bucket->slots[i];
        }
    }
    return NULL;
}

static void chain_add(struct index *x, struct index_bucket *bucket, uint64_t slot) {
    uint64_t *place;

    while ((place = free_slot(bucket)) == NULL) {
        if (bucket->overflow == NULL) {
            bucket->overflow = take_overflow(x);
        }
        bucket = bucket->overflow;
    }
    slot_set(place, slot);
}

/* Deals the entries of one bucket out to itself and to its new twin. Each link of the chain goes back to the spares before
 * its entries are dealt, and two halves never need more links than the whole did so far, so nothing here can fail. */
static void split_bucket(struct index *x) {
    size_t level = x->level_mask + 1;
    size_t mask = buckets_per_page(x) - 1;
    size_t from = x->buckets - level;
    struct index_bucket *old = &x->directory[from >> x->page_shift][from & mask];
    struct index_bucket chain = *old;
    struct index_bucket *twin;

    twin = &x->directory[x->buckets >> x->page_shift][x->buckets & mask];
    bucket_clear(old);
    for (;;) {
        struct index_bucket *rest = chain.overflow;

        for (int i = 0; i < SLOTS; i++) {
            if (chain.slots[i] != 0) {
                uint64_t hash = hash_key(entry_key(slot_entry(chain.slots[i])), x->seed);

                chain_add(x, (hash & level) != 0 ? twin : old, chain.slots[i]);
            }
        }
        if (rest == NULL) {
            break;
        }
        chain = *rest;
        give_overflow(x, rest);
    }
    __atomic_store_n(&x->buckets, x->buckets + 1, __ATOMIC_RELAXED);
    if (x->buckets == level * 2) {
        __atomic_store_n(&x->level_mask, x->buckets - 1, __ATOMIC_RELAXED);
    }
}

static bool is_crowded(const struct index *x) {
    return x->items >= x->buckets * LOAD;
}

static bool primary_pages_full(const struct index *x) {
    return x->buckets == x->directory_size * buckets_per_page(x);
}

static bool overflow_is_out(const struct index *x) {
    return x->spare == NULL && x->fresh_count == 0;
}

bool index_wants_page(const struct index *x) {
    return overflow_is_out(x) || (is_crowded(x) && primary_pages_full(x));
}

enum larder_error index_prepare(struct index *x) {
    if (overflow_is_out(x)) {
        x->fresh = take_page(x);
        if (x->fresh == NULL) {
            return LARDER_ERROR_NO_MEMORY;
        }
        x->fresh_count = buckets_per_page(x);
    }
    if (is_crowded(x) && primary_pages_full(x)) {
        /* Without it the chains just grow longer. */
        (void)add_primary_page(x);
    }
    return LARDER_OK;
}

void index_insert(struct index *x, uint64_t hash, struct entry *entry) {
    if (is_crowded(x) && !primary_pages_full(x)) {
        split_bucket(x);
    }
    chain_add(x, index_bucket_of(x, hash), slot_make(hash, entry));
    x->items++;
}

static uint64_t *find_slot(struct index_bucket *bucket, uint64_t slot, struct index_bucket **ret_bucket) {
    for (; bucket != NULL; bucket = bucket->overflow) {
        for (int i = 0; i < SLOTS; i++) {
            if (bucket->slots[i] == slot) {
                *ret_bucket = bucket;
                return &bucket->slots[i];
            }
        }
    }
    return NULL;
}

void index_replace(struct index *x, uint64_t hash, const struct entry *old, struct entry *new) {
    struct index_bucket *bucket;
    uint64_t *slot = find_slot(index_bucket_of(x, hash), slot_make(hash, old), &bucket);

    assert(slot != NULL);
    slot_set(slot, slot_make(hash, new));
}

/* Fills the hole with an entry from the chain's last bucket, so that empty overflow buckets go back to the spares. */
static void close_hole(struct index *x, struct index_bucket *bucket, uint64_t *hole) {
    while (bucket->overflow != NULL) {
        struct index_bucket *before = bucket;
        struct index_bucket *last = bucket->overflow;
        int left = 0;

        while (last->overflow != NULL) {
            before = last;
            last = last->overflow;
        }
        for (int i = 0; i < SLOTS; i++) {
            if (last->slots[i] == 0) {
                continue;
            }
            if (*hole == 0) {
                slot_set(hole, last->slots[i]);
                slot_set(&last->slots[i], 0);
            } else {
                left++;
            }
        }
        if (left > 0) {
            return;
        }
        before->overflow = NULL;
        give_overflow(x, last);
        if (*hole != 0) {
            return;
        }
    }
}

void index_remove(struct index *x, uint64_t hash, const struct entry *entry) {
    struct index_bucket *bucket;
    uint64_t *slot = find_slot(index_bucket_of(x, hash), slot_make(hash, entry), &bucket);

    assert(slot != NULL);
    slot_set(slot, 0);
    x->items--;
    close_hole(x, bucket, slot);
}

void index_clear(struct index *x) {
    size_t mask = buckets_per_page(x) - 1;

    for (size_t i = 0; i < x->buckets; i++) {
        struct index_bucket *bucket = &x->directory[i >> x->page_shift][i & mask];
        struct index_bucket *link = bucket->overflow;

        while (link != NULL) {
            struct index_bucket *rest = link->overflow;

            give_overflow(x, link);
            link = rest;
        }
        bucket_clear(bucket);
    }
    x->items = 0;
}

void index_visit(const struct index *x, size_t bucket, void (*visit)(void *ctx, struct entry *entry), void *ctx) {
    size_t mask = buckets_per_page(x) - 1;

    assert(bucket < x->buckets);
    for (const struct index_bucket *b = &x->directory[bucket >> x->page_shift][bucket & mask]; b != NULL;
         b = b->overflow) {
        for (int i = 0; i < SLOTS; i++) {
            if (b->slots[i] != 0) {
                visit(ctx, slot_entry(b->slots[i]));
            }
        }
    }
}
