/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/top/keys.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json_out.h"

void top_keys_fini(struct top_keys *keys) {
    for (size_t i = 0; i < keys->count; i++) {
        json_decref(keys->keys[i].told);
    }
    free(keys->keys);
    *keys = (struct top_keys){.count = 0};
}

static void add_key(struct top_keys *keys, json_t *told) {
    if (!json_is_string(json_object_get(told, "key"))) {
        return;
    }
    keys->keys[keys->count++] = (struct top_key){
        .told = json_incref(told),
        .rate = json_number_value(json_object_get(told, "rate")),
        .hot = json_is_true(json_object_get(told, "hot")),
    };
    keys->owned = keys->owned || json_object_get(told, "owner") != NULL;
}

void top_keys_add(struct top_keys *keys, json_t *answer) {
    json_t *list = json_object_get(answer, "keys");
    double hot_rate = json_number_value(json_object_get(answer, "hot_rate"));
    struct top_key *more = realloc(keys->keys, (keys->count + json_array_size(list) + 1) * sizeof(*more));
    size_t index;
    json_t *told;

    if (more == NULL) {
        abort();
    }
    keys->keys = more;
    keys->rate += json_number_value(json_object_get(answer, "rate"));
    keys->hot_rate = hot_rate > keys->hot_rate ? hot_rate : keys->hot_rate;
    json_array_foreach(list, index, told) {
        add_key(keys, told);
    }
}

static int compare_texts(const json_t *a, const json_t *b, const char *name) {
    const json_t *x = json_object_get(a, name), *y = json_object_get(b, name);
    size_t x_size = json_string_length(x), y_size = json_string_length(y);
    size_t size = x_size < y_size ? x_size : y_size;
    int order = size == 0 ? 0 : memcmp(json_string_value(x), json_string_value(y), size);

    return order != 0 ? order : (x_size > y_size) - (x_size < y_size);
}

/* Two keys are the same if they are written the same: a text is in base64 if and only if it must be. */
static int by_key(const void *a, const void *b) {
    const struct top_key *x = a, *y = b;
    int order = compare_texts(x->told, y->told, "key");

    return order != 0 ? order : compare_texts(x->told, y->told, "key_encoding");
}

static int by_rate(const void *a, const void *b) {
    const struct top_key *x = a, *y = b;

    return x->rate > y->rate ? -1 : x->rate < y->rate ? 1 : by_key(a, b);
}

static void join_equal(struct top_keys *keys) {
    size_t left = 0;

    for (size_t i = 0; i < keys->count; i++) {
        if (left > 0 && by_key(&keys->keys[left - 1], &keys->keys[i]) == 0) {
            keys->keys[left - 1].rate += keys->keys[i].rate;
            keys->keys[left - 1].hot = keys->keys[left - 1].hot || keys->keys[i].hot;
            json_decref(keys->keys[i].told);
        } else {
            keys->keys[left++] = keys->keys[i];
        }
    }
    keys->count = left;
}

void top_keys_sum(struct top_keys *keys, size_t max) {
    if (keys->count == 0) {
        return;
    }
    qsort(keys->keys, keys->count, sizeof(keys->keys[0]), by_key);
    join_equal(keys);
    qsort(keys->keys, keys->count, sizeof(keys->keys[0]), by_rate);
    while (keys->count > max) {
        json_decref(keys->keys[--keys->count].told);
    }
}

double top_key_share(const struct top_keys *keys, const struct top_key *key) {
    return key->rate <= 0 || keys->rate <= 0 ? 0 : key->rate < keys->rate ? key->rate / keys->rate : 1;
}

/* A tenth of a request is more than is known. */
static json_t *rate_json(double rate) {
    return json_real(round(rate * 10) / 10);
}

json_t *top_keys_json(const struct top_keys *keys) {
    json_t *object = json_object(), *list = json_array();

    for (size_t i = 0; i < keys->count; i++) {
        json_t *key = json_copy(keys->keys[i].told);

        json_set(key, "rate", rate_json(keys->keys[i].rate));
        json_set(key, "share", json_real(round(top_key_share(keys, &keys->keys[i]) * 1e4) / 1e4));
        json_set(key, "hot", json_boolean(keys->keys[i].hot));
        json_array_append_new(list, key);
    }
    json_set(object, "hot_rate", json_real(keys->hot_rate));
    json_set(object, "rate", rate_json(keys->rate));
    json_set(object, "keys", list);
    return object;
}
