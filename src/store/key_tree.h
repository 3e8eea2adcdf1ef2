/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_KEY_TREE_H
#define LARDER_STORE_KEY_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* A key as the tree knows it: part of what it is the key of, and at the end of that. */
struct tree_key {
    uint32_t size;
    char bytes[];
};

static inline struct slice tree_key_slice(const struct tree_key *key) {
    return slice_make(key->bytes, key->size);
}

/* Keys in order, in memory: a B+ tree whose leaves point to them. It does not lock; its owner does. Two nodes
 * become one only when half of one would do for both: keys come back where keys were. */
struct key_tree {
    struct key_node *root;  /* NULL: empty */
    struct key_node *spare; /* enough for the next insertion to succeed */
    unsigned spares;
    unsigned height;
    size_t count;
};

enum { KEY_TREE_FANOUT = 64 };

void key_tree_init(struct key_tree *x);

/* Hands each key to `free_key`, which may free it. */
void key_tree_fini(struct key_tree *x, void (*free_key)(struct tree_key *key));

/* NULL: not there. */
struct tree_key *key_tree_find(const struct key_tree *x, struct slice key);

/* Makes sure that the next key_tree_insert finds memory. False: out of memory. */
bool key_tree_reserve(struct key_tree *x);

/* Adds a key that is not there yet; after key_tree_reserve. */
void key_tree_insert(struct key_tree *x, struct tree_key *key);

/* Takes a key out, which stays the caller's. */
void key_tree_remove(struct key_tree *x, const struct tree_key *key);

/* Puts another copy of the same key in the place of `old`, which is in the tree. */
void key_tree_replace(struct key_tree *x, const struct tree_key *old, struct tree_key *key);

/* A place in the order, good until the next change. */
struct key_place {
    const struct key_node *leaf;
    unsigned at;
};

/* The first key not below `key`. */
struct key_place key_tree_seek(const struct key_tree *x, struct slice key);

/* The key at the place, which moves on. NULL: the end. */
struct tree_key *key_tree_next(struct key_place *place);

#endif
