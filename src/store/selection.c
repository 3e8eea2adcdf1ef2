/* SPDX-License-Identifier: Apache-2.0 */
#include "store/selection.h"

#include <stdlib.h>

enum { ITEMS_MIN = 64 };

/* --- what there is --- */

static bool has_filter(const struct store_range *r) {
    return r->min_mod_revision != 0 || r->max_mod_revision != 0 || r->min_create_revision != 0 ||
           r->max_create_revision != 0;
}

static bool passes(const struct store_range *r, const struct selected *item) {
    return (r->min_mod_revision == 0 || item->mod >= r->min_mod_revision) &&
           (r->max_mod_revision == 0 || item->mod <= r->max_mod_revision) &&
           (r->min_create_revision == 0 || item->create >= r->min_create_revision) &&
           (r->max_create_revision == 0 || item->create <= r->max_create_revision);
}

static size_t items_wanted(const struct store_range *r) {
    if (r->count_only) {
        return 0;
    }
    if (r->limit <= 0 || r->order != STORE_SORT_NONE || has_filter(r)) {
        return SIZE_MAX;
    }
    return (size_t)r->limit + 1;
}

void selection_init(struct selection *s, const struct store_range *range) {
    *s = (struct selection){.range = range, .wanted = items_wanted(range)};
}

void selection_fini(struct selection *s) {
    free(s->items);
    *s = (struct selection){0};
}

static bool push(struct selection *s, const struct selected *item) {
    if (s->count == s->capacity) {
        size_t capacity = s->capacity == 0 ? ITEMS_MIN : s->capacity * 2;
        struct selected *items = realloc(s->items, capacity * sizeof(*items));

        if (items == NULL) {
            return false;
        }
        s->items = items;
        s->capacity = capacity;
    }
    s->items[s->count++] = *item;
    return true;
}

bool selection_add(struct selection *s, const struct selected *item) {
    s->total++;
    return s->count >= s->wanted || !passes(s->range, item) || push(s, item);
}

/* --- their order --- */

static int compare_numbers(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

#define COMPARE_BY(field)                                                                                              \
    static int by_##field(const void *a, const void *b) {                                                              \
        const struct selected *left = a;                                                                               \
        const struct selected *right = b;                                                                              \
                                                                                                                       \
        return compare_numbers(left->field, right->field);                                                             \
    }                                                                                                                  \
    static int by_##field##_down(const void *a, const void *b) {                                                       \
        return by_##field(b, a);                                                                                       \
    }

COMPARE_BY(version)
COMPARE_BY(create)
COMPARE_BY(mod)

static int by_value(const void *a, const void *b) {
    return slice_compare(((const struct kv *)a)->value, ((const struct kv *)b)->value);
}

static int by_value_down(const void *a, const void *b) {
    return by_value(b, a);
}

static void reverse(struct selection *s) {
    for (size_t i = 0; i < s->count / 2; i++) {
        struct selected swap = s->items[i];

        s->items[i] = s->items[s->count - 1 - i];
        s->items[s->count - 1 - i] = swap;
    }
}

static void sort(struct selection *s) {
    bool down = s->range->order == STORE_SORT_DESCEND;
    int (*compare)(const void *a, const void *b);

    switch (s->range->target) {
    case STORE_SORT_KEY:
        if (down) {
            reverse(s);
        }
        return;
    case STORE_SORT_VERSION:
        compare = down ? by_version_down : by_version;
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
    if (s->count > 1) {
        qsort(s->items, s->count, sizeof(*s->items), compare);
    }
}

/* --- and their values --- */

static enum store_status fetch_all(const struct selection *s, bool values, selection_fetch_fn *fetch, const void *ctx,
                                   struct arena *arena, struct store_result *result) {
    result->kvs = arena_alloc(arena, s->count * sizeof(*result->kvs));
    if (result->kvs == NULL) {
        return STORE_NO_MEMORY;
    }
    for (size_t i = 0; i < s->count; i++) {
        struct kv *kv = &result->kvs[i];
        enum store_status status = fetch(ctx, &s->items[i], kv);

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
    result->kv_count = s->count;
    return STORE_OK;
}

static void cut(const struct store_range *r, size_t *count, bool *ret_more) {
    if (r->limit > 0 && *count > (size_t)r->limit) {
        *count = (size_t)r->limit;
        *ret_more = true;
    }
}

static enum store_status fetch_by_value(const struct selection *s, selection_fetch_fn *fetch, const void *ctx,
                                        struct arena *arena, struct store_result *result) {
    enum store_status status = fetch_all(s, true, fetch, ctx, arena, result);

    if (status != STORE_OK) {
        return status;
    }
    if (result->kv_count > 1) {
        qsort(result->kvs, result->kv_count, sizeof(*result->kvs),
              s->range->order == STORE_SORT_DESCEND ? by_value_down : by_value);
    }
    cut(s->range, &result->kv_count, &result->more);
    for (size_t i = 0; s->range->keys_only && i < result->kv_count; i++) {
        result->kvs[i].value = SLICE("");
    }
    return STORE_OK;
}

enum store_status selection_fetch(struct selection *s, selection_fetch_fn *fetch, const void *ctx, struct arena *arena,
                                  struct store_result *ret_result) {
    ret_result->count = s->total;
    if (s->range->target == STORE_SORT_VALUE) {
        return fetch_by_value(s, fetch, ctx, arena, ret_result);
    }
    sort(s);
    cut(s->range, &s->count, &ret_result->more);
    return fetch_all(s, !s->range->keys_only, fetch, ctx, arena, ret_result);
}
