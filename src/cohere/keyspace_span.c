/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "cohere/keyspace_internal.h"
#include "store/selection.h"
#include "store/span.h"

enum { DROPPED_AT_ONCE = 256 /* entries that are dropped before readers have a turn */ };

/* --- a range --- */

/* Adds what the entry says of its key. */
static enum store_status add(struct selection *selection, const struct known *k, int64_t *newest) {
    const struct selected item = {
        .mod = k->mod_revision,
        .create = k->create_revision,
        .version = k->version,
        .from = k,
    };

    if (k->mod_revision > *newest) {
        *newest = k->mod_revision;
    }
    return !k->present || selection_add(selection, &item) ? STORE_OK : STORE_NO_MEMORY;
}

static enum store_status collect_one(struct keyspace *ks, struct slice key, struct selection *selection,
                                     int64_t *newest) {
    struct known *k = known_index_find(&ks->index, hash_key(key, ks->config.seed), key);

    if (k == NULL) {
        return STORE_OK;
    }
    known_use(k);
    return add(selection, k, newest);
}

static enum store_status collect(struct keyspace *ks, const struct store_span *span, struct selection *selection,
                                 int64_t *newest) {
    enum store_status status = STORE_OK;
    size_t walked = 0;
    struct slice end = store_span_is_open(span) ? SLICE("") : span->range_end;
    struct key_place place;
    const struct known *k;

    if (store_span_is_single(span)) {
        return collect_one(ks, span->key, selection, newest);
    }
    place = key_tree_seek(&ks->order, span->key);
    while (status == STORE_OK && (k = known_of_key(key_tree_next(&place))) != NULL &&
           (end.size == 0 || slice_compare(known_key(k), end) < 0)) {
        status = walked < KEYSPACE_RANGE_KEYS ? add(selection, k, newest) : STORE_TOO_LARGE;
        walked++;
    }
    return status;
}

static enum store_status fetch(const void *ctx, const struct selected *item, struct kv *ret_kv) {
    (void)ctx;
    known_get(item->from, ret_kv);
    return STORE_OK;
}

enum store_status keyspace_range(struct keyspace *ks, const struct store_range *range, struct arena *arena,
                                 struct store_result *ret_result, int64_t *ret_newest) {
    struct store_result result = {.kind = STORE_OP_RANGE};
    struct selection selection;
    enum store_status status;
    int64_t newest = 0;

    selection_init(&selection, range);
    status = collect(ks, &range->span, &selection, &newest);
    if (status == STORE_OK) {
        status = selection_fetch(&selection, fetch, NULL, arena, &result);
    }
    selection_fini(&selection);
    if (status == STORE_OK) {
        *ret_result = result;
        *ret_newest = newest;
    }
    return status;
}

/* --- changes --- */

static void remove_entry(struct keyspace *ks, struct known *k) {
    keyspace_remove(ks, hash_key(known_key(k), ks->config.seed), k);
}

/* Drops some of the span. False: there are no more. */
static bool drop_some(struct keyspace *ks, const struct store_span *span) {
    bool more = true;

    pthread_rwlock_wrlock(&ks->lock);
    for (int i = 0; i < DROPPED_AT_ONCE && more; i++) {
        struct key_place place = key_tree_seek(&ks->order, span->key);
        struct known *k = known_of_key(key_tree_next(&place));

        more = k != NULL && store_span_contains(span, known_key(k));
        if (more) {
            remove_entry(ks, k);
        }
    }
    pthread_rwlock_unlock(&ks->lock);
    return more;
}

static bool has_all(const struct keyspace *ks, const struct store_span *span) {
    struct key_place place = key_tree_seek(&ks->order, SLICE(""));
    const struct known *first = known_of_key(key_tree_next(&place));

    return first != NULL && store_span_is_open(span) && slice_compare(span->key, known_key(first)) <= 0;
}

/* Drops everything at once; what it is freed of, nobody waits for. False: out of memory, and all is as it was. */
static bool drop_all(struct keyspace *ks) {
    struct known_index index;
    struct known_index old_index;
    struct key_tree old_order;

    if (!known_index_init(&index, ks->config.seed)) {
        return false;
    }
    pthread_rwlock_wrlock(&ks->lock);
    old_index = ks->index;
    old_order = ks->order;
    ks->index = index;
    key_tree_init(&ks->order);
    memset(ks->queues, 0, sizeof(ks->queues));
    pthread_rwlock_unlock(&ks->lock);
    known_index_fini(&old_index);
    key_tree_fini(&old_order, known_free_key);
    return true;
}

void keyspace_drop_span(struct keyspace *ks, const struct store_span *span) {
    if (!has_all(ks, span) || !drop_all(ks)) {
        while (drop_some(ks, span)) {
        }
    }
    keyspace_publish(ks);
}

void keyspace_settle(struct keyspace *ks, const struct store_span *span) {
    struct known_link *link = ks->queues[KNOWN_TOMBS].oldest;

    while (link != NULL) {
        pthread_rwlock_wrlock(&ks->lock);
        for (int i = 0; i < DROPPED_AT_ONCE && link != NULL; i++) {
            struct known *k = known_of_link(link);

            link = link->newer;
            if (store_span_contains(span, known_key(k))) {
                remove_entry(ks, k);
            }
        }
        pthread_rwlock_unlock(&ks->lock);
    }
    keyspace_publish(ks);
}
