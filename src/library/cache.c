/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that read, and those to all servers. */
#include "library/observe.h"

struct keeper {
    const struct larder_allocator *allocator;
    struct larder_result *results;
    enum larder_status worst;
    struct observed *observed;
};

static void keep(void *ctx, size_t index, const struct larder_answer *answer) {
    struct keeper *k = ctx;
    struct larder_result *r = &k->results[index];

    observe_answer(k->observed, answer);
    result_take(r, k->allocator, answer);
    if (r->status < 0) {
        k->worst = r->status;
    }
}

static enum larder_status read_one(struct larder_cache *cache, enum mc_text_verb verb, int64_t expiry_s,
                                   struct slice key, larder_answer_fn *fn, void *ctx, struct larder_result *result) {
    struct channel *ch;
    enum larder_status status = pool_take(cache->pool, &ch);

    if (status != LARDER_DONE) {
        return result_begin(result, status);
    }
    channel_read(ch, verb, expiry_s, key, 0, fn, ctx, 0);
    channel_run(ch);
    pool_return(cache->pool, ch);
    return result->status;
}

static enum larder_status read_kept(struct larder_cache *cache, enum mc_text_verb verb, int64_t expiry_s,
                                    const void *key, size_t key_size, struct larder_result *result) {
    struct observed observed;
    struct keeper k = {.allocator = &cache->pool->setup.allocator, .results = result, .observed = &observed};

    observe_begin(&observed, cache, verb, 0);
    return observe_end(&observed, read_one(cache, verb, expiry_s, slice_make(key, key_size), keep, &k, result));
}

enum larder_status larder_cache_get(struct larder_cache *cache, const void *key, size_t key_size,
                                    struct larder_result *result) {
    return read_kept(cache, MC_TEXT_GET, 0, key, key_size, result);
}

enum larder_status larder_cache_gets(struct larder_cache *cache, const void *key, size_t key_size,
                                     struct larder_result *result) {
    return read_kept(cache, MC_TEXT_GETS, 0, key, key_size, result);
}

enum larder_status larder_cache_gat(struct larder_cache *cache, const void *key, size_t key_size, int64_t expiry_s,
                                    struct larder_result *result) {
    return read_kept(cache, MC_TEXT_GAT, expiry_s, key, key_size, result);
}

struct into {
    struct observed *observed;
    struct larder_result *result;
    char *buffer;
    size_t capacity;
};

static void put_into(void *ctx, size_t index, const struct larder_answer *answer) {
    struct into *into = ctx;
    struct larder_answer plain = *answer;
    bool is_hit = answer->status == LARDER_HIT;
    bool fits = answer->value_size <= into->capacity;

    (void)index;
    observe_answer(into->observed, answer);
    if (is_hit) {
        plain.status = fits ? LARDER_DONE : LARDER_ERR_TOO_SMALL;
        plain.message = fits ? "" : larder_strerror(LARDER_ERR_TOO_SMALL);
    }
    result_take(into->result, NULL, &plain);
    if (is_hit) {
        into->result->value_size = answer->value_size;
    }
    if (is_hit && fits) {
        into->result->status = LARDER_HIT;
        into->result->value = into->buffer;
        memcpy(into->buffer, answer->value, answer->value_size);
    }
}

enum larder_status larder_cache_get_into(struct larder_cache *cache, const void *key, size_t key_size, void *buffer,
                                         size_t capacity, struct larder_result *result) {
    struct observed observed;
    struct into into = {.observed = &observed, .result = result, .buffer = buffer, .capacity = capacity};

    observe_begin(&observed, cache, MC_TEXT_GET, 0);
    return observe_end(&observed, read_one(cache, MC_TEXT_GET, 0, slice_make(key, key_size), put_into, &into, result));
}

static enum larder_status read_many(struct larder_cache *cache, const struct larder_key *keys, size_t count,
                                    larder_answer_fn *fn, void *ctx) {
    struct channel *ch;
    enum larder_status status = count > LARDER_KEYS_MAX ? LARDER_ERR_TOO_LARGE : pool_take(cache->pool, &ch);

    if (status != LARDER_DONE) {
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        channel_read(ch, MC_TEXT_GET, 0, slice_make(keys[i].data, keys[i].size), i, fn, ctx, 0);
    }
    channel_run(ch);
    pool_return(cache->pool, ch);
    return LARDER_DONE;
}

static enum larder_status read_many_kept(struct larder_cache *cache, const struct larder_key *keys, size_t count,
                                         struct keeper *k) {
    enum larder_status status = read_many(cache, keys, count, keep, k);

    if (status == LARDER_DONE) {
        return k->worst;
    }
    for (size_t i = 0; i < count; i++) {
        result_begin(&k->results[i], status);
    }
    return status;
}

enum larder_status larder_cache_get_many(struct larder_cache *cache, const struct larder_key *keys, size_t count,
                                         struct larder_result *results) {
    struct observed observed;
    struct keeper k = {.allocator = &cache->pool->setup.allocator, .results = results, .observed = &observed};

    observe_begin(&observed, cache, OBSERVE_GET_MANY, count);
    return observe_end(&observed, read_many_kept(cache, keys, count, &k));
}

/* Passes answers on, and remembers an error. */
struct relay {
    larder_answer_fn *fn;
    void *ctx;
    enum larder_status worst;
    struct larder_result *result;
    const struct larder_allocator *allocator;
    struct observed *observed;
};

static void pass_on(void *ctx, size_t index, const struct larder_answer *answer) {
    struct relay *relay = ctx;

    observe_answer(relay->observed, answer);
    if (answer->status < 0) {
        relay->worst = answer->status;
        if (relay->result != NULL) {
            result_take(relay->result, relay->allocator, answer);
        }
    }
    if (relay->fn != NULL) {
        relay->fn(relay->ctx, index, answer);
    }
}

enum larder_status larder_cache_get_each(struct larder_cache *cache, const struct larder_key *keys, size_t count,
                                         larder_answer_fn *fn, void *ctx) {
    struct observed observed;
    struct relay relay = {.fn = fn, .ctx = ctx, .observed = &observed};
    enum larder_status status;

    observe_begin(&observed, cache, OBSERVE_GET_MANY, count);
    status = read_many(cache, keys, count, pass_on, &relay);
    return observe_end(&observed, status == LARDER_DONE ? relay.worst : status);
}

static enum larder_status ask_channel(struct larder_cache *cache, const struct mc_text_command *command,
                                      struct relay *relay) {
    struct channel *ch;
    enum larder_status status = pool_take(cache->pool, &ch);

    if (status != LARDER_DONE) {
        return status;
    }
    for (size_t i = 0; i < cache->pool->setup.count; i++) {
        channel_command(ch, command, i, pass_on, relay);
    }
    channel_run(ch);
    pool_return(cache->pool, ch);
    return relay->worst;
}

static enum larder_status ask_all(struct larder_cache *cache, const struct mc_text_command *command,
                                  struct relay *relay) {
    struct observed observed;

    relay->observed = &observed;
    observe_begin(&observed, cache, command->verb, 0);
    return observe_end(&observed, ask_channel(cache, command, relay));
}

enum larder_status larder_cache_flush(struct larder_cache *cache, int64_t delay_s, struct larder_result *result) {
    struct relay relay = {.result = result, .allocator = &cache->pool->setup.allocator};
    enum larder_status status;

    if (result != NULL) {
        result_begin(result, LARDER_DONE);
    }
    status = ask_all(cache, &(struct mc_text_command){.verb = MC_TEXT_FLUSH, .expiry_s = delay_s}, &relay);
    return status < 0 && result != NULL && result->status != status ? result_begin(result, status) : status;
}

enum larder_status larder_cache_stats(struct larder_cache *cache, larder_answer_fn *fn, void *ctx) {
    struct relay relay = {.fn = fn, .ctx = ctx};

    return ask_all(cache, &(struct mc_text_command){.verb = MC_TEXT_STATS}, &relay);
}

enum larder_status larder_cache_versions(struct larder_cache *cache, larder_answer_fn *fn, void *ctx) {
    struct relay relay = {.fn = fn, .ctx = ctx};

    return ask_all(cache, &(struct mc_text_command){.verb = MC_TEXT_VERSION}, &relay);
}

int larder_cache_server_of(const struct larder_cache *cache, const void *key, size_t key_size) {
    struct slice k = slice_make(key, key_size);

    return mc_text_key_is_valid(k) ? (int)setup_owner(&cache->pool->setup, k) : -1;
}
