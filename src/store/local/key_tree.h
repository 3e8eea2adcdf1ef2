/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_LOCAL_KEY_TREE_H
#define LARDER_STORE_LOCAL_KEY_TREE_H

#include <stdbool.h>

#include "store/local/key_entry.h"

/* The keys in order, in memory: a B+ tree whose leaves point to the entries. It does not lock; its owner does. Nodes are
 * freed when they are empty, never merged: keys come back where keys were. */
struct key_tree {
    struct key_node *root;  /* NULL: empty */
    struct key_node *spare; /* enough for the next insertion to succeed */
    unsigned spares;
    unsigned height;
    size_t count;
};

enum { KEY_TREE_FANOUT = 64 };

void key_tree_init(struct key_tree *x);

/* Frees the entries as well. */
void key_tree_fini(struct key_tree *x);

/* NULL: not there. */
struct key_entry *key_tree_find(const struct key_tree *x, struct slice key);

/* Makes sure that the next key_tree_insert finds memory. False: out of memory. */
bool key_tree_reserve(struct key_tree *x);

/* Adds an entry whose key is not there yet; after key_tree_reserve. */
void key_tree_insert(struct key_tree *x, struct key_entry *e);

/* Takes an entry out, which stays the caller's. */
void key_tree_remove(struct key_tree *x, const struct key_entry *e);

/* A place in the order, good until the next change. */
struct key_place {
    const struct key_node *leaf;
    unsigned at;
};

/* The first entry not below `key`. */
struct key_place key_tree_seek(const struct key_tree *x, struct slice key);

/* The entry at the place, which moves on. NULL: the end. */
struct key_entry *key_tree_next(struct key_place *place);

#endif
