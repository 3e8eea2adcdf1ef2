/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_COHERE_KNOWN_H
#define LARDER_COHERE_KNOWN_H

#include <stdatomic.h>

#include "model/kv.h"
#include "store/key_tree.h"

/* Where an entry of the keyspace belongs. Those that may go stand in a queue, from which they leave (see queues.h), and so
 * do absent mirrored ones, so that they are found when they need no entry any more. */
enum known_place { KNOWN_SMALL, KNOWN_MAIN, KNOWN_TOMBS, KNOWN_QUEUES, KNOWN_MIRRORED = KNOWN_QUEUES };

/* What is known of one key: one allocation, in which the value lies behind the key. A million of them are the rule, so what
 * a present mirrored key does not need, its links, stands before it and only where it is needed. */
struct known {
    int64_t mod_revision; /* that it is known for */
    int64_t create_revision;
    int64_t version;
    int64_t lease;
    uint32_t value_size;
    atomic_uchar used; /* how often of late, up to KNOWN_USED_MOST; readers count too */
    uint8_t place;     /* an enum known_place */
    bool present;
    struct tree_key key;
};

enum { KNOWN_USED_MOST = 3 };

/* An entry that stands in a queue. */
struct known_link {
    struct known_link *newer;
    struct known_link *older;
};

static inline bool known_is_linked(const struct known *k) {
    return k->place != KNOWN_MIRRORED;
}

static inline bool known_is_mirrored(const struct known *k) {
    return k->place >= KNOWN_TOMBS;
}

/* The link of an entry that has one, and back. */
static inline struct known_link *known_link_of(struct known *k) {
    return (struct known_link *)(void *)k - 1;
}

static inline struct known *known_of_link(struct known_link *link) {
    return (struct known *)(void *)(link + 1);
}

static inline struct slice known_key(const struct known *k) {
    return tree_key_slice(&k->key);
}

static inline struct slice known_value(const struct known *k) {
    return slice_make(k->key.bytes + k->key.size, k->value_size);
}

/* The entry of a key of the tree. NULL is allowed, and is then what is returned. */
static inline struct known *known_of_key(struct tree_key *key) {
    return key == NULL ? NULL : (struct known *)(void *)((char *)key - offsetof(struct known, key));
}

/* Counts a use; any thread. Two at the same time may count as one. */
static inline void known_use(struct known *k) {
    unsigned used;

    if (!known_is_linked(k)) {
        return;
    }
    used = atomic_load_explicit(&k->used, memory_order_relaxed);
    if (used < KNOWN_USED_MOST) {
        atomic_store_explicit(&k->used, (unsigned char)(used + 1), memory_order_relaxed);
    }
}

enum {
    KNOWN_SIZE_MAX = INT32_MAX, /* the largest key or value */
    /* In the index at most 18.5 bytes, with segments that were split just now; in a tree that grew in no order 12.8. Where
     * most of the keys have gone both may have become twice as sparse. */
    KNOWN_SHARE = 32,
};

/* What an entry of these sizes takes: of malloc, and its share of the index and the tree. */
size_t known_footprint(size_t key_size, size_t value_size, bool linked);

static inline size_t known_bytes(const struct known *k) {
    return known_footprint(k->key.size, k->value_size, known_is_linked(k));
}

/* An entry of that place, present, without links. `kv` is copied; its parts are at most KNOWN_SIZE_MAX. NULL: out of
 * memory. */
struct known *known_new(const struct kv *kv, enum known_place place);

/* Makes it `kv`, whose key and footprint are the same. */
void known_set(struct known *k, const struct kv *kv);

/* All but the value is copied, whose slice points into the entry, as that of the key does. */
void known_get(const struct known *k, struct kv *ret_kv);

/* NULL is allowed. */
void known_free(struct known *k);

/* For key_tree_fini. */
static inline void known_free_key(struct tree_key *key) {
    known_free(known_of_key(key));
}

#endif
