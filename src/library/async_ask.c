/* SPDX-License-Identifier: Apache-2.0 */
#include "library/async.h"

/* The questions of a larder_async. */

static bool is_taken(const struct larder_async *async, enum larder_status *ret_status) {
    *ret_status = process_mark_is_foreign(&async->cache->pool->setup.mark) ? LARDER_ERR_FORKED
                  : async->freeing                                         ? LARDER_ERR_CLOSED
                                                                           : LARDER_DONE;
    return *ret_status == LARDER_DONE;
}

/* Behind the keys and their bytes. */
static struct observed *place_observed(struct async_ask *ask, size_t size) {
    return (struct observed *)(void *)((char *)ask + size);
}

/* A question with room for the keys, which take so many bytes. */
static struct async_ask *new_ask(struct larder_async *async, size_t method, size_t count, size_t bytes,
                                 larder_answer_fn *fn, void *ctx) {
    const struct setup *setup = &async->cache->pool->setup;
    size_t align = _Alignof(struct observed);
    size_t size = (sizeof(struct async_ask) + count * sizeof(struct async_key) + bytes + align - 1) / align * align;
    size_t all = size + (setup->tracer != NULL ? sizeof(struct observed) : 0);
    struct async_ask *ask = setup->allocator.allocate(setup->allocator.ctx, all);

    if (ask != NULL) {
        memset(ask, 0, size);
        if (setup->tracer != NULL) {
            ask->observed = place_observed(ask, size);
            observe_begin(ask->observed, async->cache, method, method == OBSERVE_GET_MANY ? count : 0);
        }
        ask->async = async;
        ask->fn = fn;
        ask->ctx = ctx;
        ask->count = ask->left = count;
        async->pending += count;
    }
    return ask;
}

static void begin(struct larder_async *async) {
    if (!async->processing) {
        channel_begin(async->channel);
    }
}

/* Nobody is told within the call that asks. */
static void end(struct larder_async *async) {
    if (!async->processing) {
        async_settle(async);
    }
}

static enum larder_status read_some(struct larder_async *async, size_t method, enum mc_text_verb verb, int64_t expiry_s,
                                    const struct larder_key *keys, size_t count, larder_answer_fn *fn, void *ctx) {
    bool telling = async->telling;
    struct async_ask *ask;
    enum larder_status status;
    size_t bytes = 0;
    char *place;

    if (!is_taken(async, &status) || count == 0) {
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        bytes += keys[i].size <= LARDER_KEY_MAX ? keys[i].size : 0;
    }
    ask = new_ask(async, method, count, bytes, fn, ctx);
    if (ask == NULL) {
        return LARDER_ERR_NO_MEMORY;
    }
    place = (char *)&ask->keys[count];
    begin(async);
    async->telling = false;
    for (size_t i = 0; i < count; i++) {
        size_t size =
            keys[i].size <= LARDER_KEY_MAX ? keys[i].size : 0; /* a key that is too long is as bad as an empty one */

        if (size > 0) {
            memcpy(place, keys[i].data, size);
        }
        ask->keys[i].key = slice_make(place, size);
        place += size;
        channel_read(async->channel, verb, expiry_s, ask->keys[i].key, i, async_answered, ask, 0);
    }
    async->telling = telling;
    end(async);
    return LARDER_DONE;
}

static enum larder_status read_one(struct larder_async *async, enum mc_text_verb verb, int64_t expiry_s,
                                   const void *key, size_t key_size, larder_answer_fn *fn, void *ctx) {
    return read_some(async, verb, verb, expiry_s, &(struct larder_key){.data = key, .size = key_size}, 1, fn, ctx);
}

enum larder_status larder_async_get(struct larder_async *async, const void *key, size_t key_size, larder_answer_fn *fn,
                                    void *ctx) {
    return read_one(async, MC_TEXT_GET, 0, key, key_size, fn, ctx);
}

enum larder_status larder_async_gets(struct larder_async *async, const void *key, size_t key_size, larder_answer_fn *fn,
                                     void *ctx) {
    return read_one(async, MC_TEXT_GETS, 0, key, key_size, fn, ctx);
}

enum larder_status larder_async_gat(struct larder_async *async, const void *key, size_t key_size, int64_t expiry_s,
                                    larder_answer_fn *fn, void *ctx) {
    return read_one(async, MC_TEXT_GAT, expiry_s, key, key_size, fn, ctx);
}

enum larder_status larder_async_get_many(struct larder_async *async, const struct larder_key *keys, size_t count,
                                         larder_answer_fn *fn, void *ctx) {
    return count > LARDER_KEYS_MAX ? LARDER_ERR_TOO_LARGE
                                   : read_some(async, OBSERVE_GET_MANY, MC_TEXT_GET, 0, keys, count, fn, ctx);
}

/* The command's bytes are written down at once, so only what is told needs to be kept: not even the key. */
static enum larder_status command(struct larder_async *async, const struct mc_text_command *c, larder_answer_fn *fn,
                                  void *ctx) {
    bool telling = async->telling;
    struct async_ask *ask;
    enum larder_status status;
    struct mc_text_command kept = *c;

    if (!is_taken(async, &status)) {
        return status;
    }
    ask = new_ask(async, c->verb, 1, c->key.size <= LARDER_KEY_MAX ? c->key.size : 0, fn, ctx);
    if (ask == NULL) {
        return LARDER_ERR_NO_MEMORY;
    }
    if (c->key.size > LARDER_KEY_MAX) {
        kept.key = SLICE("");
    } else if (c->key.size > 0) {
        memcpy(&ask->keys[1], c->key.data, c->key.size);
        kept.key = slice_make((const char *)&ask->keys[1], c->key.size);
    }
    ask->keys[0].key = kept.key;
    begin(async);
    async->telling = false;
    channel_command(async->channel, &kept, 0, async_answered, ask);
    async->telling = telling;
    end(async);
    return LARDER_DONE;
}

static enum larder_status store(struct larder_async *async, enum mc_text_verb verb, const void *key, size_t key_size,
                                const void *value, size_t value_size, int64_t expiry_s, uint32_t flags, uint64_t cas,
                                larder_answer_fn *fn, void *ctx) {
    const struct mc_text_command c = {.verb = verb,
                                      .key = slice_make(key, key_size),
                                      .value = slice_make(value, value_size),
                                      .expiry_s = expiry_s,
                                      .flags = flags,
                                      .number = cas};

    return command(async, &c, fn, ctx);
}

enum larder_status larder_async_set(struct larder_async *async, const void *key, size_t key_size, const void *value,
                                    size_t value_size, int64_t expiry_s, uint32_t flags, larder_answer_fn *fn,
                                    void *ctx) {
    return store(async, MC_TEXT_SET, key, key_size, value, value_size, expiry_s, flags, 0, fn, ctx);
}

enum larder_status larder_async_add(struct larder_async *async, const void *key, size_t key_size, const void *value,
                                    size_t value_size, int64_t expiry_s, uint32_t flags, larder_answer_fn *fn,
                                    void *ctx) {
    return store(async, MC_TEXT_ADD, key, key_size, value, value_size, expiry_s, flags, 0, fn, ctx);
}

enum larder_status larder_async_replace(struct larder_async *async, const void *key, size_t key_size, const void *value,
                                        size_t value_size, int64_t expiry_s, uint32_t flags, larder_answer_fn *fn,
                                        void *ctx) {
    return store(async, MC_TEXT_REPLACE, key, key_size, value, value_size, expiry_s, flags, 0, fn, ctx);
}

enum larder_status larder_async_append(struct larder_async *async, const void *key, size_t key_size, const void *value,
                                       size_t value_size, larder_answer_fn *fn, void *ctx) {
    return store(async, MC_TEXT_APPEND, key, key_size, value, value_size, 0, 0, 0, fn, ctx);
}

enum larder_status larder_async_prepend(struct larder_async *async, const void *key, size_t key_size, const void *value,
                                        size_t value_size, larder_answer_fn *fn, void *ctx) {
    return store(async, MC_TEXT_PREPEND, key, key_size, value, value_size, 0, 0, 0, fn, ctx);
}

enum larder_status larder_async_cas(struct larder_async *async, const void *key, size_t key_size, const void *value,
                                    size_t value_size, int64_t expiry_s, uint32_t flags, uint64_t cas,
                                    larder_answer_fn *fn, void *ctx) {
    return store(async, MC_TEXT_CAS, key, key_size, value, value_size, expiry_s, flags, cas, fn, ctx);
}

enum larder_status larder_async_delete(struct larder_async *async, const void *key, size_t key_size,
                                       larder_answer_fn *fn, void *ctx) {
    return command(async, &(struct mc_text_command){.verb = MC_TEXT_DELETE, .key = slice_make(key, key_size)}, fn, ctx);
}

static enum larder_status count_by(struct larder_async *async, enum mc_text_verb verb, const void *key, size_t key_size,
                                   uint64_t delta, larder_answer_fn *fn, void *ctx) {
    const struct mc_text_command c = {.verb = verb, .key = slice_make(key, key_size), .number = delta};

    return command(async, &c, fn, ctx);
}

enum larder_status larder_async_incr(struct larder_async *async, const void *key, size_t key_size, uint64_t delta,
                                     larder_answer_fn *fn, void *ctx) {
    return count_by(async, MC_TEXT_INCR, key, key_size, delta, fn, ctx);
}

enum larder_status larder_async_decr(struct larder_async *async, const void *key, size_t key_size, uint64_t delta,
                                     larder_answer_fn *fn, void *ctx) {
    return count_by(async, MC_TEXT_DECR, key, key_size, delta, fn, ctx);
}

enum larder_status larder_async_touch(struct larder_async *async, const void *key, size_t key_size, int64_t expiry_s,
                                      larder_answer_fn *fn, void *ctx) {
    const struct mc_text_command c = {.verb = MC_TEXT_TOUCH, .key = slice_make(key, key_size), .expiry_s = expiry_s};

    return command(async, &c, fn, ctx);
}
