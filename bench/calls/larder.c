/* SPDX-License-Identifier: Apache-2.0 */
#include <larder/larder.h>
#include <larder/trace.h>
#include <stdio.h>
#include <stdlib.h>

#include "calls.h"

struct calls {
    struct larder_tracer *tracer;
    struct larder_cache *cache;
    struct larder_result result;
    struct larder_result results[KEYS_MAX];
    struct larder_key keys[KEYS_MAX];
};

struct calls *calls_open(const char *servers) {
    struct calls *c = calloc(1, sizeof(*c));
    /* As long as libmemcached waits. */
    struct larder_cache_options options = {.size = sizeof(options), .receive_timeout_ms = 5000};
    char message[LARDER_MESSAGE_MAX] = "out of memory";

    /* Told of or not, as a program would be that has both in it. */
    if (c != NULL && getenv("CALLS_TRACED") != NULL && larder_tracer_new(NULL, &c->tracer) != LARDER_DONE) {
        fprintf(stderr, "there is no tracer\n");
        free(c);
        return NULL;
    }
    options.tracer = c != NULL ? c->tracer : NULL;
    if (c == NULL || larder_cache_new(servers, &options, &c->cache, message) != LARDER_DONE) {
        fprintf(stderr, "%s\n", message);
        if (c != NULL) {
            larder_tracer_free(c->tracer);
        }
        free(c);
        return NULL;
    }
    return c;
}

void calls_close(struct calls *c) {
    larder_result_free(&c->result);
    for (size_t i = 0; i < KEYS_MAX; i++) {
        larder_result_free(&c->results[i]);
    }
    larder_cache_free(c->cache);
    larder_tracer_free(c->tracer);
    free(c);
}

static bool is(const struct larder_result *result, enum larder_status expected, size_t value_size) {
    if (result->status != expected || (expected == LARDER_HIT && result->value_size != value_size)) {
        fprintf(stderr, "%s %s\n", larder_strerror(result->status), result->message);
        return false;
    }
    return true;
}

bool calls_set(struct calls *c, const char *key, size_t key_size, const char *value, size_t value_size) {
    larder_cache_set(c->cache, key, key_size, value, value_size, 0, 0, &c->result);
    return is(&c->result, LARDER_STORED, 0);
}

bool calls_get(struct calls *c, const char *key, size_t key_size, size_t value_size) {
    larder_cache_get(c->cache, key, key_size, &c->result);
    return is(&c->result, LARDER_HIT, value_size);
}

bool calls_get_many(struct calls *c, const char *const *keys, const size_t *key_sizes, size_t count,
                    size_t value_size) {
    bool good = true;

    for (size_t i = 0; i < count; i++) {
        c->keys[i] = (struct larder_key){.data = keys[i], .size = key_sizes[i]};
    }
    larder_cache_get_many(c->cache, c->keys, count, c->results);
    for (size_t i = 0; i < count; i++) {
        good = is(&c->results[i], LARDER_HIT, value_size) && good;
    }
    return good;
}
