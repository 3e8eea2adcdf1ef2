/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "store/local/internal.h"

enum { HITS_MIN = 64 };

/* --- spans --- */

void span_begin(const struct key_tree *x, const struct store_span *span, struct span_walk *ret_walk) {
    *ret_walk = (struct span_walk){.single = span_is_single(span)};
    if (ret_walk->single) {
        ret_walk->only = key_tree_find(x, span->key);
        return;
    }
    ret_walk->place = key_tree_seek(x, span->key);
    ret_walk->end = span_is_open(span) ? SLICE("") : span->range_end;
}

struct key_entry *span_next(struct span_walk *walk) {
    struct key_entry *e;

    if (walk->single) {
        e = walk->only;
        walk->only = NULL;
        return e;
    }
    e = key_tree_next(&walk->place);
    return e != NULL && walk->end.size > 0 && slice_compare(key_entry_key(e), walk->end) >= 0 ? NULL : e;
}

bool span_contains(const struct store_span *span, struct slice key) {
    if (span_is_single(span)) {
        return slice_equal(span->key, key);
    }
    return slice_compare(key, span->key) >= 0 && (span_is_open(span) || slice_compare(key, span->range_end) < 0);
}

/* --- what there is --- */

void hits_free(struct hits *hits) {
    free(hits->versions);
    *hits = (struct hits){0};
}

static bool add_hit(struct hits *hits, const struct version *v) {
    if (hits->count == hits->capacity) {
        size_t capacity = hits->capacity == 0 ? HITS_MIN : hits->capacity * 2;
        struct version *versions = realloc(hits->versions, capacity * sizeof(*versions));

        if (versions == NULL) {
            return false;
        }
        hits->versions = versions;
        hits->capacity = capacity;
    }
    hits->versions[hits->count++] = *v;
    return true;
}

static bool has_filter(const struct store_range *r) {
    return r->min_mod_revision != 0 || r->max_mod_revision != 0 || r->min_create_revision != 0 ||
           r->max_create_revision != 0;
}

static bool passes(const struct store_range *r, const struct version *v) {
    return (r->min_mod_revision == 0 || v->mod >= r->min_mod_revision) &&
           (r->max_mod_revision == 0 || v->mod <= r->max_mod_revision) &&
           (r->min_create_revision == 0 || v->create >= r->min_create_revision) &&
           (r->max_create_revision == 0 || v->create <= r->max_create_revision);
}

/* How many hits are of use; one more than the limit tells that there are more. Without filters and with an order of NONE
 * etcd cuts off before it sorts, whatever the target of the sorting. */
static size_t hits_wanted(const struct store_range *r) {
    if (r->limit <= 0 || r->order != STORE_SORT_NONE || has_filter(r)) {
        return SIZE_MAX;
    }
    return (size_t)r->limit + 1;
}

enum store_status range_collect(const struct view *v, const struct store_range *r, struct hits *ret_hits) {
    size_t wanted = r->count_only ? 0 : hits_wanted(r);
    struct span_walk walk;
    struct key_entry *e;

    *ret_hits = (struct hits){0};
    span_begin(&v->store->index, &r->span, &walk);
    while ((e = span_next(&walk)) != NULL) {
        const struct version *version = key_entry_at(e, v->revision);

        if (version == NULL) {
            continue;
        }
        ret_hits->total++;
        if (ret_hits->count < wanted && passes(r, version) && !add_hit(ret_hits, version)) {
            hits_free(ret_hits);
            return STORE_NO_MEMORY;
        }
    }
    return STORE_OK;
}

/* --- their order --- */

static int compare_numbers(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

#define COMPARE_BY(name, field)                                                                                        \
    static int by_##name(const void *a, const void *b) {                                                               \
        const struct version *left = a;                                                                                \
        const struct version *right = b;                                                                               \
                                                                                                                       \
        return compare_numbers(left->field, right->field);                                                             \
    }                                                                                                                  \
    static int by_##name##_down(const void *a, const void *b) {                                                        \
        return by_##name(b, a);                                                                                        \
    }

COMPARE_BY(number, number)
COMPARE_BY(create, create)
COMPARE_BY(mod, mod)

static int by_value(const void *a, const void *b) {
    return slice_compare(((const struct kv *)a)->value, ((const struct kv *)b)->value);
}

static int by_value_down(const void *a, const void *b) {
    return by_value(b, a);
}

static void reverse(struct hits *hits) {
    for (size_t i = 0; i < hits->count / 2; i++) {
        struct version swap = hits->versions[i];

        hits->versions[i] = hits->versions[hits->count - 1 - i];
        hits->versions[hits->count - 1 - i] = swap;
    }
}

static void sort_hits(const struct store_range *r, struct hits *hits) {
    bool down = r->order == STORE_SORT_DESCEND;
    int (*compare)(const void *a, const void *b);

    switch (r->target) {
    case STORE_SORT_KEY:
        if (down) {
            reverse(hits);
        }
        return;
    case STORE_SORT_VERSION:
        compare = down ? by_number_down : by_number;
        break;
    case STORE_SORT_CREATE:
        compare = down ? by_create_down : by_create;
        break;
    case STORE_SORT_MOD:
        compare = down ? by_mod_down : by_mod;
        break;
    default:
        return;
    }
    if (hits->count > 1) {
        qsort(hits->versions, hits->count, sizeof(*hits->versions), compare);
    }
}

/* --- and their values --- */

static enum store_status fetch(const struct view *v, const struct hits *hits, bool values, struct arena *arena,
                               struct store_result *result) {
    result->kvs = arena_alloc(arena, hits->count * sizeof(*result->kvs));
    if (result->kvs == NULL) {
        return STORE_NO_MEMORY;
    }
    for (size_t i = 0; i < hits->count; i++) {
        struct kv *kv = &result->kvs[i];
        enum store_status status = view_fetch(v, &hits->versions[i], kv);

        if (status != STORE_OK) {
            return status;
        }
        if (!values) {
            kv->value = SLICE("");
        }
        if (!arena_copy(arena, kv->key, &kv->key) || !arena_copy(arena, kv->value, &kv->value)) {
            return STORE_NO_MEMORY;
        }
    }
    result->kv_count = hits->count;
    return STORE_OK;
}

static void cut(const struct store_range *r, size_t *count, bool *ret_more) {
    if (r->limit > 0 && *count > (size_t)r->limit) {
        *count = (size_t)r->limit;
        *ret_more = true;
    }
}

static enum store_status fetch_by_value(const struct view *v, const struct store_range *r, struct hits *hits,
                                        struct arena *arena, struct store_result *result) {
    enum store_status status = fetch(v, hits, true, arena, result);

    if (status != STORE_OK) {
        return status;
    }
    if (result->kv_count > 1) {
        qsort(result->kvs, result->kv_count, sizeof(*result->kvs),
              r->order == STORE_SORT_DESCEND ? by_value_down : by_value);
    }
    cut(r, &result->kv_count, &result->more);
    for (size_t i = 0; r->keys_only && i < result->kv_count; i++) {
        result->kvs[i].value = SLICE("");
    }
    return STORE_OK;
}

enum store_status range_fetch(const struct view *v, const struct store_range *r, struct hits *hits, struct arena *arena,
                              struct store_result *ret_result) {
    ret_result->count = hits->total;
    if (r->target == STORE_SORT_VALUE) {
        return fetch_by_value(v, r, hits, arena, ret_result);
    }
    sort_hits(r, hits);
    cut(r, &hits->count, &ret_result->more);
    return fetch(v, hits, !r->keys_only, arena, ret_result);
}
