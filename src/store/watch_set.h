/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_WATCH_SET_H
#define LARDER_STORE_WATCH_SET_H

#include <pthread.h>

#include "base/random.h"
#include "store/store.h"

/* Watchers that hold no events. One knows from which revision to which there may be some for it, and reads them where they
 * are kept when it is asked; so a slow one costs nothing but its place. Who has new events marks those that want them, and
 * wakes them when the events can be read. Both the embedded engine and what stands in front of a cluster (cohere/watches)
 * have one of these. */

/* A part of a watcher. */
struct watch_entry {
    struct store_watch watch; /* start_revision is a number by the time that it is in a set */
    void (*wake)(void *ctx);  /* is called under the lock */
    void *ctx;
    uint64_t hash; /* of a single key */
    bool single;
    /* --- under the lock of the set --- */
    struct watch_entry *next; /* of its slot, or of the ranges */
    struct watch_entry **place;
    struct watch_entry *left; /* of a range, see watch_ranges.h */
    struct watch_entry *right;
    struct watch_entry *last_ending;
    uint64_t rank;
    struct watch_entry *next_marked;
    struct watch_entry **marked_place; /* NULL: not marked */
    int64_t dirty_from;                /* what was not read yet: 0, nothing */
    int64_t dirty_to;
};

struct watch_ranges {
    struct watch_entry *root;
    struct random random;
};

struct watch_set {
    pthread_mutex_t lock;
    struct watch_entry **slots; /* those of one key, by hash */
    size_t slot_count;          /* a power of two, or 0 */
    struct watch_entry *ranges; /* all of them */
    struct watch_ranges tree;   /* by their keys */
    struct watch_entry *marked; /* to be woken */
    size_t count;
    size_t single_count;
};

void watch_set_init(struct watch_set *set);
void watch_set_fini(struct watch_set *set);

/* `place` has room for the bytes of the span, which is copied there, and lives as long as the entry. */
void watch_entry_init(struct watch_entry *entry, const struct store_watch *watch, char *place, void (*wake)(void *ctx),
                      void *ctx);

/* --- under the lock --- */

/* Makes room for one more. False: out of memory. */
bool watch_set_reserve(struct watch_set *set);

/* There must be room. */
void watch_set_add(struct watch_set *set, struct watch_entry *entry);
void watch_set_remove(struct watch_set *set, struct watch_entry *entry);

/* There may be something for the entry in [from, to]; more than what it is marked with. */
void watch_set_mark(struct watch_set *set, struct watch_entry *entry, int64_t from, int64_t to);

/* Marks those that want one of the events, which are newer than all before. */
void watch_set_mark_events(struct watch_set *set, const struct kv_event *events, size_t count);

/* Everything up to `revision` was read. */
void watch_entry_was_read(struct watch_entry *entry, int64_t revision);

/* Wakes all that are marked. */
void watch_set_wake(struct watch_set *set);

/* The oldest revision that one has still to read, of those not below `oldest`; INT64_MAX: none. */
int64_t watch_set_oldest(const struct watch_set *set, int64_t oldest);

#endif
