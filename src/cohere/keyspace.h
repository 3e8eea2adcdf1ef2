/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_COHERE_KEYSPACE_H
#define LARDER_COHERE_KEYSPACE_H

#include "store/store.h"

/* What a node knows of the keys of a cluster: of each key that it knows of a whole `struct kv`, or that it is absent, and the
 * revision this is known for. A present key is known for its mod_revision, an absent one for the revision at which it was
 * deleted or found absent. The newest wins: nothing here is ever replaced by something that is known for a lower revision, so
 * it does not matter in which order events and answers come (pitfall 7).
 *
 * Keys are found by a hash and walked in their order (the order of bytes, as in etcd). Memory has two ceilings, one for what
 * may go when room is needed, because it can be asked for again, and one for mirrored keys, which stay. What was read of late
 * stays longer (S3-FIFO, "FIFO queues are all you need for cache eviction", SOSP 2023, or better).
 *
 * One thread changes it, any number read it, under keyspace_lock. The thread that changes it may read without the lock. */
struct keyspace;

struct keyspace_config {
    size_t memory;        /* bytes for what may go, all its overhead counted */
    size_t mirror_memory; /* bytes for mirrored keys, likewise */
    uint64_t seed;        /* of the hash */
};

/* NULL: out of memory. */
struct keyspace *keyspace_new(const struct keyspace_config *config);

/* NULL is allowed. */
void keyspace_free(struct keyspace *ks);

/* --- reading --- */

enum { KEYSPACE_RANGE_KEYS = 100 * 1000 /* that are walked over for one answer, at most */ };

enum keyspace_found {
    KEYSPACE_UNKNOWN, /* nothing is known: it has to be asked for */
    KEYSPACE_ABSENT,
    KEYSPACE_PRESENT,
};

/* For readers; others may read at the same time. Held for a look or the copy of an answer. */
void keyspace_lock(struct keyspace *ks);
void keyspace_unlock(struct keyspace *ks);

/* What is known of the key; it counts as used. *ret_kv (may be NULL) has slices that are valid until the lock is given back
 * (for the thread that changes it: until the next change); of an absent key, the mod_revision it is known for alone. */
enum keyspace_found keyspace_find(struct keyspace *ks, struct slice key, struct kv *ret_kv);

/* A range of a span all of whose keys are known, as of what is known: etcd's meaning of limit, order, filters, keys_only and
 * count_only (the same as the embedded engine's, by the same code, see store/selection.h); `revision` and freshness are the caller's
 * business. Everything is copied to `arena`. Errors: NO_MEMORY; TOO_LARGE: it has more than KEYSPACE_RANGE_KEYS keys, whatever the
 * limit, and walking over all of them would keep others waiting. *ret_newest is the highest revision that a
 * key of the span is known for, absent ones included; 0: there is none. *ret_result is all set, or untouched. */
enum store_status keyspace_range(struct keyspace *ks, const struct store_range *range, struct arena *arena,
                                 struct store_result *ret_result, int64_t *ret_newest);

/* --- changing --- */

enum keyspace_make {
    KEYSPACE_UPDATE, /* only what is known already is made newer (events of keys that nobody asked for) */
    KEYSPACE_KEEP,   /* it is kept until the room is needed */
    KEYSPACE_MIRROR, /* it stays; also of a key that was only kept before */
};

/* Takes in that the key is `kv`, or is absent as of `revision`. What is known for the same or a higher revision stays as it is.
 * False: there is no room (then nothing is known of the key any more, unless it is as new; with KEYSPACE_MIRROR, it is not
 * mirrored). An absent key with KEYSPACE_MIRROR is remembered as absent until keyspace_settle. */
bool keyspace_put(struct keyspace *ks, const struct kv *kv, enum keyspace_make make);
bool keyspace_absent(struct keyspace *ks, struct slice key, int64_t revision, enum keyspace_make make);

/* Nothing is known of these keys any more. */
void keyspace_drop(struct keyspace *ks, struct slice key);
void keyspace_drop_span(struct keyspace *ks, const struct store_span *span);

/* The span is mirrored completely from now on: absent keys need no entry there any more, so mirrored ones that say so go.
 * Keys that are deleted later are remembered as absent again, until the next call; it costs as much as there are such. */
void keyspace_settle(struct keyspace *ks, const struct store_span *span);

/* The first key at or behind `from` that anything is known of, in their order, without it counting as used. UNKNOWN: there is
 * none. For the thread that changes it; *ret_kv as of keyspace_find, its key always set. */
enum keyspace_found keyspace_seek(struct keyspace *ks, struct slice from, struct kv *ret_kv);

/* --- what is counted --- */

struct keyspace_figures {
    uint64_t keys; /* present or absent */
    uint64_t mirrored;
    uint64_t bytes;
    uint64_t mirrored_bytes;
    uint64_t evictions;
    uint64_t refusals; /* for want of room */
};

/* Any thread. */
void keyspace_get_figures(struct keyspace *ks, struct keyspace_figures *ret_figures);

#endif
