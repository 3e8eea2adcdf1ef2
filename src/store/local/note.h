/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_LOCAL_NOTE_H
#define LARDER_STORE_LOCAL_NOTE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "store/store.h"

/* A note, never changed once made. */
struct note {
    atomic_uint holders;
    uint32_t name_size;
    uint32_t value_size; /* 0: it says that there is none of that name any more */
    char bytes[];        /* the name, then the value */
};

/* Held once. NULL: out of memory. */
struct note *note_new(struct slice name, struct slice value);

static inline struct note *note_hold(struct note *note) {
    atomic_fetch_add_explicit(&note->holders, 1, memory_order_relaxed);
    return note;
}

void note_release(struct note *note);

static inline struct slice note_name(const struct note *note) {
    return slice_make(note->bytes, note->name_size);
}

static inline struct slice note_value(const struct note *note) {
    return slice_make(note->bytes + note->name_size, note->value_size);
}

/* What a note counts in STORE_NOTES_MAX. */
static inline int64_t note_cost(size_t name_size, size_t value_size) {
    return value_size > 0 ? (int64_t)(name_size + value_size + STORE_NOTE_NAME_MAX) : 0;
}

struct note_slot {
    struct note *note;
    bool changed; /* LMDB does not have it yet */
};

/* The notes that are durable, in memory. The writer alone changes them, and so reads them without the lock. */
struct note_set {
    pthread_mutex_t lock;
    struct note_slot *slots; /* in the order of the names */
    size_t count;            /* removed ones included, until LMDB has that */
    size_t capacity;
    size_t changed; /* how many are */
    int64_t bytes;  /* as note_cost counts */
};

void note_set_init(struct note_set *set);
void note_set_fini(struct note_set *set);

/* --- on the writer's thread --- */

/* NULL: there is none; one that was removed may be found. */
const struct note *note_set_find(const struct note_set *set, struct slice name);

/* Makes room for `count` more. False: out of memory. */
bool note_set_reserve(struct note_set *set, size_t count);

/* Puts a note, whose holder the set becomes, in the place of what was there; there is room. */
void note_set_put(struct note_set *set, struct note *note, bool changed);

/* LMDB has all of them. */
void note_set_settle(struct note_set *set);

/* --- on any thread --- */

enum store_status note_set_get(struct note_set *set, struct slice name, struct arena *arena, struct slice *ret_value);

/* All there are, in order, each of them held; the array is to be freed. False: out of memory. */
bool note_set_list(struct note_set *set, struct note ***ret_notes, size_t *ret_count);

#endif
