/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ring/heat.h"

static int by_rate(const void *a, const void *b) {
    const struct heat_key *x = a;
    const struct heat_key *y = b;

    return x->per_s > y->per_s ? -1 : x->per_s < y->per_s ? 1 : slice_compare(x->key, y->key);
}

static int by_key(const void *a, const void *b) {
    return slice_compare(((const struct heat_key *)a)->key, ((const struct heat_key *)b)->key);
}

/* A list of its own memory with these keys. */
static struct heat_list *packed(const struct heat_key *keys, size_t count, double per_s) {
    size_t bytes = 0;
    struct heat_list *made;
    char *end;

    for (size_t i = 0; i < count; i++) {
        bytes += keys[i].key.size;
    }
    made = malloc(sizeof(*made) + count * sizeof(*keys) + bytes);
    if (made == NULL) {
        return NULL;
    }
    made->per_s = per_s;
    made->count = count;
    end = (char *)&made->keys[count];
    for (size_t i = 0; i < count; i++) {
        made->keys[i] = (struct heat_key){slice_make(end, keys[i].key.size), keys[i].per_s};
        memcpy(end, keys[i].key.data, keys[i].key.size);
        end += keys[i].key.size;
    }
    return made;
}

enum larder_error heat_list(struct heat *heat, int64_t now_ns, struct heat_list **ret_list) {
    struct heat_key keys[HEAT_TOPS];
    size_t count = heat_keys(heat, now_ns, keys);
    struct heat_list *made;

    qsort(keys, count, sizeof(keys[0]), by_rate);
    made = packed(keys, count, heat_total(heat, now_ns));
    if (made == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    *ret_list = made;
    return LARDER_OK;
}

/* Equal keys, which stand together, become one; returns how many are left. */
static size_t summed(struct heat_key *keys, size_t count) {
    size_t left = 0;

    for (size_t i = 0; i < count; i++) {
        if (left > 0 && slice_equal(keys[left - 1].key, keys[i].key)) {
            keys[left - 1].per_s += keys[i].per_s;
        } else {
            keys[left++] = keys[i];
        }
    }
    return left;
}

enum larder_error heat_merge(struct heat_list *const *lists, size_t count, size_t max, struct heat_list **ret_list) {
    size_t total = 0;
    double per_s = 0;
    struct heat_key *keys;
    struct heat_list *made;

    assert(max <= HEAT_LISTED_MAX);
    for (size_t i = 0; i < count; i++) {
        total += lists[i]->count;
        per_s += lists[i]->per_s;
    }
    keys = malloc((total + 1) * sizeof(*keys));
    if (keys == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    total = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(keys + total, lists[i]->keys, lists[i]->count * sizeof(*keys));
        total += lists[i]->count;
    }
    qsort(keys, total, sizeof(*keys), by_key);
    total = summed(keys, total);
    qsort(keys, total, sizeof(*keys), by_rate);
    made = packed(keys, total < max ? total : max, per_s);
    free(keys);
    if (made == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    *ret_list = made;
    return LARDER_OK;
}
