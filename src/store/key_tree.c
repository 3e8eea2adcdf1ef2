/* SPDX-License-Identifier: Apache-2.0 */
#include "store/key_tree.h"

#include <stdlib.h>
#include <string.h>

struct key_node {
    unsigned count;
    bool leaf;
    struct tree_key *first[KEY_TREE_FANOUT]; /* of an inner node: the least key below each child */
};

enum { SPARSE = KEY_TREE_FANOUT / 2 /* what two nodes have together that become one */ };

struct leaf {
    struct key_node node;
    struct key_node *next;
    struct key_node *previous;
};

struct inner {
    struct key_node node;
    struct key_node *child[KEY_TREE_FANOUT];
};

static struct leaf *leaf_of(struct key_node *n) {
    return (struct leaf *)(void *)n;
}

static struct inner *inner_of(struct key_node *n) {
    return (struct inner *)(void *)n;
}

static const struct inner *const_inner_of(const struct key_node *n) {
    return (const struct inner *)(const void *)n;
}

void key_tree_init(struct key_tree *x) {
    *x = (struct key_tree){0};
}

static void free_below(struct key_node *n, void (*free_key)(struct tree_key *key)) {
    for (unsigned i = 0; i < n->count; i++) {
        if (n->leaf) {
            free_key(n->first[i]);
        } else {
            free_below(inner_of(n)->child[i], free_key);
        }
    }
    free(n);
}

void key_tree_fini(struct key_tree *x, void (*free_key)(struct tree_key *key)) {
    if (x->root != NULL) {
        free_below(x->root, free_key);
    }
    while (x->spare != NULL) {
        struct key_node *n = x->spare;

        x->spare = inner_of(n)->child[0];
        free(n);
    }
    key_tree_init(x);
}

/* How many of the first keys of `n` are below `key`, or not above it. */
static unsigned count_until(const struct key_node *n, struct slice key, bool equal_too) {
    unsigned low = 0;
    unsigned high = n->count;

    while (low < high) {
        unsigned middle = (low + high) / 2;
        int order = slice_compare(tree_key_slice(n->first[middle]), key);

        if (order < 0 || (equal_too && order == 0)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Below which child of an inner node `key` belongs. */
static unsigned child_for(const struct key_node *n, struct slice key) {
    unsigned until = count_until(n, key, true);

    return until > 0 ? until - 1 : 0;
}

struct key_place key_tree_seek(const struct key_tree *x, struct slice key) {
    const struct key_node *n = x->root;

    if (n == NULL) {
        return (struct key_place){0};
    }
    while (!n->leaf) {
        n = const_inner_of(n)->child[child_for(n, key)];
    }
    return (struct key_place){.leaf = n, .at = count_until(n, key, false)};
}

struct tree_key *key_tree_next(struct key_place *place) {
    while (place->leaf != NULL && place->at >= place->leaf->count) {
        place->leaf = ((const struct leaf *)(const void *)place->leaf)->next;
        place->at = 0;
    }
    return place->leaf == NULL ? NULL : place->leaf->first[place->at++];
}

struct tree_key *key_tree_find(const struct key_tree *x, struct slice key) {
    struct key_place place = key_tree_seek(x, key);
    struct tree_key *found;

    if (place.leaf == NULL || place.at >= place.leaf->count) {
        return NULL;
    }
    found = place.leaf->first[place.at];
    return slice_equal(tree_key_slice(found), key) ? found : NULL;
}

/* --- insertion --- */

bool key_tree_reserve(struct key_tree *x) {
    /* Each level may split, and the tree may grow by one. */
    while (x->spares < x->height + 2) {
        struct inner *n = malloc(sizeof(*n));

        if (n == NULL) {
            return false;
        }
        n->child[0] = x->spare;
        x->spare = &n->node;
        x->spares++;
    }
    return true;
}

static struct key_node *take_spare(struct key_tree *x, bool leaf) {
    struct key_node *n = x->spare;

    x->spare = inner_of(n)->child[0];
    x->spares--;
    if (leaf) {
        struct key_node *smaller = realloc(n, sizeof(struct leaf));

        n = smaller != NULL ? smaller : n;
        leaf_of(n)->next = NULL;
        leaf_of(n)->previous = NULL;
    }
    n->leaf = leaf;
    n->count = 0;
    return n;
}

static void put_at(struct key_node *n, unsigned at, struct tree_key *key, struct key_node *child) {
    memmove(n->first + at + 1, n->first + at, (n->count - at) * sizeof(*n->first));
    n->first[at] = key;
    if (!n->leaf) {
        struct key_node **children = inner_of(n)->child;

        memmove(children + at + 1, children + at, (n->count - at) * sizeof(*children));
        children[at] = child;
    }
    n->count++;
}

/* Moves what lies from `from` on to a new right neighbour. */
static struct key_node *split(struct key_tree *x, struct key_node *n, unsigned from) {
    struct key_node *right = take_spare(x, n->leaf);

    right->count = n->count - from;
    memcpy(right->first, n->first + from, right->count * sizeof(*n->first));
    n->count = from;
    if (!n->leaf) {
        memcpy(inner_of(right)->child, inner_of(n)->child + from, right->count * sizeof(struct key_node *));
        return right;
    }
    leaf_of(right)->next = leaf_of(n)->next;
    leaf_of(right)->previous = n;
    if (leaf_of(right)->next != NULL) {
        leaf_of(leaf_of(right)->next)->previous = right;
    }
    leaf_of(n)->next = right;
    return right;
}

/* Puts an item at its place in a node that may be full. Returns the new right neighbour, if there had to be one. */
static struct key_node *put_or_split(struct key_tree *x, struct key_node *n, unsigned at, struct tree_key *key,
                                     struct key_node *child) {
    struct key_node *right;
    unsigned from;

    if (n->count < KEY_TREE_FANOUT) {
        put_at(n, at, key, child);
        return NULL;
    }
    /* Keys that come in order leave full nodes behind. */
    from = at == n->count ? n->count : n->count / 2;
    right = split(x, n, from);
    if (at < from) {
        put_at(n, at, key, child);
    } else {
        put_at(right, at - from, key, child);
    }
    return right;
}

static struct key_node *insert_below(struct key_tree *x, struct key_node *n, struct tree_key *key) {
    struct key_node *right;
    unsigned at;

    if (n->leaf) {
        return put_or_split(x, n, count_until(n, tree_key_slice(key), false), key, NULL);
    }
    at = child_for(n, tree_key_slice(key));
    right = insert_below(x, inner_of(n)->child[at], key);
    n->first[at] = inner_of(n)->child[at]->first[0];
    return right == NULL ? NULL : put_or_split(x, n, at + 1, right->first[0], right);
}

void key_tree_insert(struct key_tree *x, struct tree_key *key) {
    struct key_node *right;

    x->count++;
    if (x->root == NULL) {
        x->root = take_spare(x, true);
        x->height = 1;
    }
    right = insert_below(x, x->root, key);
    if (right != NULL) {
        struct key_node *root = take_spare(x, false);

        put_at(root, 0, x->root->first[0], x->root);
        put_at(root, 1, right->first[0], right);
        x->root = root;
        x->height++;
    }
}

/* --- removal --- */

static void take_at(struct key_node *n, unsigned at) {
    n->count--;
    memmove(n->first + at, n->first + at + 1, (n->count - at) * sizeof(*n->first));
    if (!n->leaf) {
        struct key_node **children = inner_of(n)->child;

        memmove(children + at, children + at + 1, (n->count - at) * sizeof(*children));
    }
}

static void free_node(struct key_node *n) {
    if (n->leaf) {
        struct leaf *leaf = leaf_of(n);

        if (leaf->previous != NULL) {
            leaf_of(leaf->previous)->next = leaf->next;
        }
        if (leaf->next != NULL) {
            leaf_of(leaf->next)->previous = leaf->previous;
        }
    }
    free(n);
}

/* Moves all that `right` has behind what its neighbour `left` has. */
static void append(struct key_node *left, const struct key_node *right) {
    memcpy(left->first + left->count, right->first, right->count * sizeof(*right->first));
    if (!left->leaf) {
        memcpy(inner_of(left)->child + left->count, const_inner_of(right)->child,
               right->count * sizeof(struct key_node *));
    }
    left->count += right->count;
}

/* Makes one node of two neighbours, if they are so sparse. */
static bool join(struct key_node *n, unsigned left) {
    struct key_node **children = inner_of(n)->child;

    if (left + 1 >= n->count || children[left]->count + children[left + 1]->count > SPARSE) {
        return false;
    }
    append(children[left], children[left + 1]);
    free_node(children[left + 1]);
    take_at(n, left + 1);
    return true;
}

static void remove_below(struct key_node *n, struct slice key) {
    struct key_node *child;
    unsigned at;

    if (n->leaf) {
        take_at(n, count_until(n, key, false));
        return;
    }
    at = child_for(n, key);
    child = inner_of(n)->child[at];
    remove_below(child, key);
    if (child->count == 0) {
        free_node(child);
        take_at(n, at);
    } else {
        n->first[at] = child->first[0];
        if (child->count < SPARSE) {
            (void)(join(n, at) || (at > 0 && join(n, at - 1)));
        }
    }
}

void key_tree_remove(struct key_tree *x, const struct tree_key *key) {
    x->count--;
    remove_below(x->root, tree_key_slice(key));
    while (x->root->count <= 1 && !(x->root->leaf && x->root->count == 1)) {
        struct key_node *root = x->root;

        x->root = root->count == 0 ? NULL : inner_of(root)->child[0];
        x->height--;
        free(root);
        if (x->root == NULL) {
            break;
        }
    }
}

void key_tree_replace(struct key_tree *x, const struct tree_key *old, struct tree_key *key) {
    struct key_node *n = x->root;
    struct slice bytes = tree_key_slice(key);

    while (!n->leaf) {
        unsigned at = child_for(n, bytes);

        if (n->first[at] == old) {
            n->first[at] = key;
        }
        n = inner_of(n)->child[at];
    }
    n->first[count_until(n, bytes, false)] = key;
}
