/* SPDX-License-Identifier: Apache-2.0 */
#include "store/watch_ranges.h"

#include "store/span.h"

/* Of the same first key, some order. */
static bool is_before(const struct watch_entry *a, const struct watch_entry *b) {
    int order = slice_compare(a->watch.span.key, b->watch.span.key);

    return order != 0 ? order < 0 : (uintptr_t)a < (uintptr_t)b;
}

static bool ends_behind(const struct watch_entry *e, struct slice key) {
    return store_span_is_open(&e->watch.span) || slice_compare(e->watch.span.range_end, key) > 0;
}

static struct watch_entry *last_ending(struct watch_entry *a, const struct watch_entry *below) {
    struct watch_entry *b;

    if (below == NULL) {
        return a;
    }
    b = below->last_ending;
    if (store_span_is_open(&a->watch.span)) {
        return a;
    }
    return ends_behind(b, a->watch.span.range_end) ? b : a;
}

/* What is below has changed. */
static void renew(struct watch_entry *e) {
    e->last_ending = last_ending(last_ending(e, e->left), e->right);
}

/* Into those before `at` and the others. */
static void split(struct watch_entry *root, const struct watch_entry *at, struct watch_entry **ret_before,
                  struct watch_entry **ret_others) {
    if (root == NULL) {
        *ret_before = NULL;
        *ret_others = NULL;
    } else if (is_before(root, at)) {
        split(root->right, at, &root->right, ret_others);
        renew(root);
        *ret_before = root;
    } else {
        split(root->left, at, ret_before, &root->left);
        renew(root);
        *ret_others = root;
    }
}

/* All of `a` are before all of `b`. */
static struct watch_entry *merge(struct watch_entry *a, struct watch_entry *b) {
    if (a == NULL || b == NULL) {
        return a != NULL ? a : b;
    }
    if (a->rank >= b->rank) {
        a->right = merge(a->right, b);
        renew(a);
        return a;
    }
    b->left = merge(a, b->left);
    renew(b);
    return b;
}

static struct watch_entry *insert(struct watch_entry *root, struct watch_entry *e) {
    if (root == NULL || e->rank > root->rank) {
        split(root, e, &e->left, &e->right);
        renew(e);
        return e;
    }
    if (is_before(e, root)) {
        root->left = insert(root->left, e);
    } else {
        root->right = insert(root->right, e);
    }
    renew(root);
    return root;
}

static struct watch_entry *erase(struct watch_entry *root, struct watch_entry *e) {
    if (root == e) {
        return merge(e->left, e->right);
    }
    if (is_before(e, root)) {
        root->left = erase(root->left, e);
    } else {
        root->right = erase(root->right, e);
    }
    renew(root);
    return root;
}

void watch_ranges_add(struct watch_ranges *ranges, struct watch_entry *entry) {
    entry->rank = random_next(&ranges->random);
    ranges->root = insert(ranges->root, entry);
}

void watch_ranges_remove(struct watch_ranges *ranges, struct watch_entry *entry) {
    ranges->root = erase(ranges->root, entry);
}

static void each(struct watch_entry *root, struct slice key, void (*found)(void *ctx, struct watch_entry *entry),
                 void *ctx) {
    while (root != NULL && ends_behind(root->last_ending, key)) {
        each(root->left, key, found, ctx);
        if (slice_compare(root->watch.span.key, key) > 0) {
            return;
        }
        if (ends_behind(root, key)) {
            found(ctx, root);
        }
        root = root->right;
    }
}

void watch_ranges_each(const struct watch_ranges *ranges, struct slice key,
                       void (*found)(void *ctx, struct watch_entry *entry), void *ctx) {
    each(ranges->root, key, found, ctx);
}
