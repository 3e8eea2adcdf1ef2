/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_LOCAL_KEY_ENTRY_H
#define LARDER_STORE_LOCAL_KEY_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/key_tree.h"

struct lease;
struct recent;

/* A state of a key, and where its record lies: under (mod, sub). */
struct version {
    int64_t mod;
    int64_t create;
    int64_t number; /* etcd's "version"; 0: the key was deleted */
    int64_t lease;
    const struct recent *recent; /* its record, until that is in LMDB; see struct view */
    uint32_t sub;                /* which change of its revision it was, from 0 */
    uint32_t bytes;              /* that its record takes on the disk */
};

/* A key and all of its versions that are not compacted. Only the writer changes it, with the index locked for writing. */
struct key_entry {
    struct version *versions; /* oldest first; &one while one is enough */
    struct version one;
    uint32_t count;
    uint32_t capacity;
    uint32_t garbage; /* items of the garbage queue that point here: it must not be freed before */
    bool in_batch;    /* changed by the batch that is open */
    /* The lease of the newest version, under the lock of the leases. */
    struct lease *lease;
    struct key_entry *lease_next;
    struct key_entry **lease_place; /* what points here */
    struct tree_key key;
};

/* An entry without versions. NULL: out of memory. */
struct key_entry *key_entry_new(struct slice key);

void key_entry_free(struct key_entry *e);

static inline struct slice key_entry_key(const struct key_entry *e) {
    return tree_key_slice(&e->key);
}

/* The entry of a key of the index. NULL is allowed, and is then what is returned. */
static inline struct key_entry *key_entry_of(struct tree_key *key) {
    return key == NULL ? NULL : (struct key_entry *)(void *)((char *)key - offsetof(struct key_entry, key));
}

/* Makes room for one more version. False: out of memory. */
bool key_entry_reserve(struct key_entry *e);

/* Adds the newest version; there is room. */
void key_entry_push(struct key_entry *e, const struct version *v);

/* The newest version of a revision not above `revision`, a deletion included. NULL: none. */
const struct version *key_entry_find(const struct key_entry *e, int64_t revision);

/* The same, but NULL if the key does not exist then. */
static inline const struct version *key_entry_at(const struct key_entry *e, int64_t revision) {
    const struct version *v = key_entry_find(e, revision);

    return v != NULL && v->number > 0 ? v : NULL;
}

/* Takes back all versions above `revision`. */
void key_entry_undo(struct key_entry *e, int64_t revision);

/* Forgets the oldest `count` versions. */
void key_entry_forget(struct key_entry *e, uint32_t count);

/* How many of the oldest versions nobody can ask for any more once everything below `revision` is compacted. A deletion of
 * exactly that revision is kept: a watch may begin there. */
uint32_t key_entry_obsolete(const struct key_entry *e, int64_t revision);

#endif
