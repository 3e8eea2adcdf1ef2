/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_COHERE_KEYSPACE_INTERNAL_H
#define LARDER_COHERE_KEYSPACE_INTERNAL_H

#include <pthread.h>

#include "cache/ghost.h"
#include "cohere/keyspace.h"
#include "cohere/known_index.h"

/* How many entries there are in a place and what they take; but for mirrored ones that are present, they also
 * stand in a row, by their links. */
struct known_queue {
    struct known_link *newest;
    struct known_link *oldest;
    size_t count;
    size_t bytes;
};

/* A keyspace. Each entry is in the index, in the tree and in the queue of its place. The thread that changes it holds the
 * lock for writing only while it does; what can be prepared (and may fail for want of memory) is, before. */
struct keyspace {
    struct keyspace_config config;
    pthread_rwlock_t lock; /* prefers the writer, whom readers would starve otherwise */
    struct known_index index;
    struct key_tree order;
    struct known_queue queues[KNOWN_QUEUES + 1]; /* by enum known_place */
    struct ghost ghost;
    void *ghost_memory;
    size_t ghost_bytes;
    size_t small_target; /* bytes of KNOWN_SMALL above which it is the one to give room */
    _Atomic uint64_t keys;
    _Atomic uint64_t mirrored;
    _Atomic uint64_t bytes;
    _Atomic uint64_t mirrored_bytes;
    _Atomic uint64_t evictions;
    _Atomic uint64_t refusals;
};

static inline void keyspace_count(_Atomic uint64_t *counter) {
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* Makes the figures say what is so. After each change. */
void keyspace_publish(struct keyspace *ks);

/* --- entries (keyspace_entry.c); locked for writing --- */

/* Adds one whose key is not there; the index and the tree have room for it. */
void keyspace_add(struct keyspace *ks, uint64_t hash, struct known *k);

/* Puts another entry of the same key in the place of `old`, which is freed. If both stand in the same queue, where it
 * stood. */
void keyspace_swap(struct keyspace *ks, uint64_t hash, struct known *old, struct known *k);

/* Takes one out and frees it. */
void keyspace_remove(struct keyspace *ks, uint64_t hash, struct known *k);

/* Moves one to the newest end of a queue, in which it may stand already. */
void keyspace_requeue(struct keyspace *ks, struct known *k, enum known_place place);

/* --- room (keyspace_room.c) --- */

/* Once, when the ceilings are known. */
void keyspace_room_init(struct keyspace *ks);

/* What is taken by what may go, the ghost included, and by what is mirrored. */
size_t keyspace_kept_bytes(const struct keyspace *ks);
size_t keyspace_mirrored_bytes(const struct keyspace *ks);

/* Whether an entry of that footprint can be mirrored in the place of `old` (NULL: none). */
bool keyspace_can_mirror(const struct keyspace *ks, const struct known *old, size_t footprint);

/* Where a new entry of this hash that may go belongs. */
enum known_place keyspace_choose_place(struct keyspace *ks, uint64_t hash, size_t footprint);

/* Lets entries go until what may go is within its ceiling; `held` goes last (NULL: none). False: it would have to go as
 * well. Locks for writing by itself. */
bool keyspace_make_room(struct keyspace *ks, const struct known *held);

#endif
