/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_SELECTION_H
#define LARDER_STORE_SELECTION_H

#include "store/store.h"

/* What a range makes of the keys of its span: etcd's meaning of filters, limit, order and target, keys_only, count_only,
 * `count` and `more` (etcd's server, apply.go, Range; tests/store/test_differential.py holds us to it). In two halves: the
 * keys that there are, in their order, without their values; then the values of those that are wanted.
 *
 *   count   all keys of the span, whatever the filters and the limit say
 *   more    the limit has cut some off
 *   limit   cuts off behind the sorting; but if the order is NONE and there is no filter, what is sorted (by another target
 *           than the key) are the first limit + 1 keys
 */
struct selection {
    const struct store_range *range;
    struct selected *items;
    size_t count;
    size_t capacity;
    size_t wanted; /* items that are of use; one more than the limit tells that there are more */
    int64_t total; /* keys in the span */
};

/* A key of the span. */
struct selected {
    int64_t mod;
    int64_t create;
    int64_t version;
    const void *from; /* whoever adds it: where the value is */
    uint32_t sub;     /* likewise */
};

/* `range` is borrowed until selection_fini. */
void selection_init(struct selection *s, const struct store_range *range);

/* Frees; all zero is allowed. */
void selection_fini(struct selection *s);

/* The next key of the span. False: out of memory. */
bool selection_add(struct selection *s, const struct selected *item);

/* What an item stands for; the slices stay valid until the next item is asked for. */
typedef enum store_status selection_fetch_fn(const void *ctx, const struct selected *item, struct kv *ret_kv);

/* Sets count, more and kvs, copied to `arena`, of *ret_result, whose other members stay as they are. Statuses: NO_MEMORY and
 * those of `fetch`. */
enum store_status selection_fetch(struct selection *s, selection_fetch_fn *fetch, const void *ctx, struct arena *arena,
                                  struct store_result *ret_result);

#endif
