/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that write one key. */
#include "library/observe.h"

struct note {
    const struct larder_allocator *allocator;
    struct larder_result *result; /* or NULL */
    enum larder_status status;
    struct observed *observed;
};

static void take_note(void *ctx, size_t index, const struct larder_answer *answer) {
    struct note *note = ctx;

    (void)index;
    observe_answer(note->observed, answer);
    note->status = answer->status;
    if (note->result != NULL) {
        result_take(note->result, note->allocator, answer);
    }
}

static enum larder_status run(struct larder_cache *cache, const struct mc_text_command *c, struct note *note) {
    struct channel *ch;
    enum larder_status status = pool_take(cache->pool, &ch);

    if (status != LARDER_DONE) {
        return note->result == NULL ? status : result_begin(note->result, status);
    }
    channel_command(ch, c, 0, take_note, note);
    channel_run(ch);
    pool_return(cache->pool, ch);
    return note->status;
}

static enum larder_status command(struct larder_cache *cache, const struct mc_text_command *c,
                                  struct larder_result *result) {
    struct observed observed;
    struct note note = {.allocator = &cache->pool->setup.allocator, .result = result, .observed = &observed};

    observe_begin(&observed, cache, c->verb, 0);
    return observe_end(&observed, run(cache, c, &note));
}

static enum larder_status store(struct larder_cache *cache, enum mc_text_verb verb, const void *key, size_t key_size,
                                const void *value, size_t value_size, int64_t expiry_s, uint32_t flags, uint64_t cas,
                                struct larder_result *result) {
    struct mc_text_command c = {.verb = verb,
                                .key = slice_make(key, key_size),
                                .value = slice_make(value, value_size),
                                .expiry_s = expiry_s,
                                .flags = flags,
                                .number = cas};

    return command(cache, &c, result);
}

enum larder_status larder_cache_set(struct larder_cache *cache, const void *key, size_t key_size, const void *value,
                                    size_t value_size, int64_t expiry_s, uint32_t flags, struct larder_result *result) {
    return store(cache, MC_TEXT_SET, key, key_size, value, value_size, expiry_s, flags, 0, result);
}

enum larder_status larder_cache_add(struct larder_cache *cache, const void *key, size_t key_size, const void *value,
                                    size_t value_size, int64_t expiry_s, uint32_t flags, struct larder_result *result) {
    return store(cache, MC_TEXT_ADD, key, key_size, value, value_size, expiry_s, flags, 0, result);
}

enum larder_status larder_cache_replace(struct larder_cache *cache, const void *key, size_t key_size, const void *value,
                                        size_t value_size, int64_t expiry_s, uint32_t flags,
                                        struct larder_result *result) {
    return store(cache, MC_TEXT_REPLACE, key, key_size, value, value_size, expiry_s, flags, 0, result);
}

enum larder_status larder_cache_append(struct larder_cache *cache, const void *key, size_t key_size, const void *value,
                                       size_t value_size, struct larder_result *result) {
    return store(cache, MC_TEXT_APPEND, key, key_size, value, value_size, 0, 0, 0, result);
}

enum larder_status larder_cache_prepend(struct larder_cache *cache, const void *key, size_t key_size, const void *value,
                                        size_t value_size, struct larder_result *result) {
    return store(cache, MC_TEXT_PREPEND, key, key_size, value, value_size, 0, 0, 0, result);
}

enum larder_status larder_cache_cas(struct larder_cache *cache, const void *key, size_t key_size, const void *value,
                                    size_t value_size, int64_t expiry_s, uint32_t flags, uint64_t cas,
                                    struct larder_result *result) {
    return store(cache, MC_TEXT_CAS, key, key_size, value, value_size, expiry_s, flags, cas, result);
}

enum larder_status larder_cache_delete(struct larder_cache *cache, const void *key, size_t key_size,
                                       struct larder_result *result) {
    return command(cache, &(struct mc_text_command){.verb = MC_TEXT_DELETE, .key = slice_make(key, key_size)}, result);
}

enum larder_status larder_cache_incr(struct larder_cache *cache, const void *key, size_t key_size, uint64_t delta,
                                     struct larder_result *result) {
    struct mc_text_command c = {.verb = MC_TEXT_INCR, .key = slice_make(key, key_size), .number = delta};

    return command(cache, &c, result);
}

enum larder_status larder_cache_decr(struct larder_cache *cache, const void *key, size_t key_size, uint64_t delta,
                                     struct larder_result *result) {
    struct mc_text_command c = {.verb = MC_TEXT_DECR, .key = slice_make(key, key_size), .number = delta};

    return command(cache, &c, result);
}

enum larder_status larder_cache_touch(struct larder_cache *cache, const void *key, size_t key_size, int64_t expiry_s,
                                      struct larder_result *result) {
    struct mc_text_command c = {.verb = MC_TEXT_TOUCH, .key = slice_make(key, key_size), .expiry_s = expiry_s};

    return command(cache, &c, result);
}
