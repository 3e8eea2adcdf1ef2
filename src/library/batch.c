/* SPDX-License-Identifier: Apache-2.0 */
#include "library/observe.h"

/* Where key and value of a write lie among the bytes of the batch. */
struct write {
    struct mc_text_command command; /* its slices are filled in when it is sent: the bytes may move until then */
    size_t key;
};

struct larder_batch {
    struct larder_cache *cache;
    struct bytes bytes;
    struct bytes writes; /* struct write, one behind the other */
    size_t count;
};

enum larder_status larder_batch_new(struct larder_cache *cache, struct larder_batch **ret_batch) {
    struct larder_batch *batch = memory_new(&cache->pool->setup.allocator, sizeof(*batch));

    if (batch == NULL) {
        return LARDER_ERR_NO_MEMORY;
    }
    batch->cache = cache;
    *ret_batch = batch;
    return LARDER_DONE;
}

void larder_batch_free(struct larder_batch *batch) {
    if (batch != NULL) {
        const struct larder_allocator *a = &batch->cache->pool->setup.allocator;

        bytes_fini(&batch->bytes, a);
        bytes_fini(&batch->writes, a);
        memory_free(a, batch);
    }
}

static enum larder_status append(struct larder_batch *batch, enum mc_text_verb verb, struct slice key,
                                 struct slice value, int64_t expiry_s, uint32_t flags) {
    const struct setup *s = &batch->cache->pool->setup;
    struct write write = {.command = {.verb = verb, .key = key, .value = value, .expiry_s = expiry_s, .flags = flags}};

    if (!mc_text_key_is_valid(key)) {
        return LARDER_ERR_KEY;
    }
    if (value.size > s->value_max || batch->count >= LARDER_BATCH_MAX) {
        return LARDER_ERR_TOO_LARGE;
    }
    if (bytes_reserve(&batch->bytes, &s->allocator, key.size + value.size) != LARDER_DONE ||
        bytes_reserve(&batch->writes, &s->allocator, sizeof(write)) != LARDER_DONE) {
        return LARDER_ERR_NO_MEMORY;
    }
    write.key = batch->bytes.end;
    bytes_put(&batch->bytes, key.data, key.size);
    bytes_put(&batch->bytes, value.data, value.size);
    bytes_put(&batch->writes, &write, sizeof(write));
    batch->count++;
    return LARDER_DONE;
}

enum larder_status larder_batch_set(struct larder_batch *batch, const void *key, size_t key_size, const void *value,
                                    size_t value_size, int64_t expiry_s, uint32_t flags) {
    return append(batch, MC_TEXT_SET, slice_make(key, key_size), slice_make(value, value_size), expiry_s, flags);
}

enum larder_status larder_batch_add(struct larder_batch *batch, const void *key, size_t key_size, const void *value,
                                    size_t value_size, int64_t expiry_s, uint32_t flags) {
    return append(batch, MC_TEXT_ADD, slice_make(key, key_size), slice_make(value, value_size), expiry_s, flags);
}

enum larder_status larder_batch_touch(struct larder_batch *batch, const void *key, size_t key_size, int64_t expiry_s) {
    return append(batch, MC_TEXT_TOUCH, slice_make(key, key_size), SLICE(""), expiry_s, 0);
}

enum larder_status larder_batch_delete(struct larder_batch *batch, const void *key, size_t key_size) {
    return append(batch, MC_TEXT_DELETE, slice_make(key, key_size), SLICE(""), 0, 0);
}

struct failures {
    const struct write *writes;
    larder_answer_fn *fn;
    void *ctx;
    enum larder_status worst;
    struct observed *observed;
};

static void judge(void *ctx, size_t index, const struct larder_answer *answer) {
    struct failures *f = ctx;
    bool absent = answer->status == LARDER_NOT_FOUND && f->writes[index].command.verb != MC_TEXT_DELETE;

    observe_answer(f->observed, answer);
    if (answer->status >= 0 && answer->status != LARDER_NOT_STORED && !absent) {
        return;
    }
    if (f->worst >= 0) {
        f->worst = answer->status;
    }
    if (f->fn != NULL) {
        f->fn(f->ctx, index, answer);
    }
}

static enum larder_status run(struct larder_batch *batch, struct failures *f) {
    struct write *writes = (struct write *)(void *)batch->writes.data;
    struct pool *pool = batch->cache->pool;
    struct channel *ch;
    enum larder_status status = pool_take(pool, &ch);

    if (status != LARDER_DONE) {
        return status;
    }
    for (size_t i = 0; i < batch->count; i++) {
        struct mc_text_command *c = &writes[i].command;

        c->key.data = batch->bytes.data + writes[i].key;
        c->value.data = c->key.data + c->key.size;
        channel_command(ch, c, i, judge, f);
    }
    channel_run(ch);
    pool_return(pool, ch);
    bytes_clear(&batch->bytes, &pool->setup.allocator);
    bytes_clear(&batch->writes, &pool->setup.allocator);
    batch->count = 0;
    return f->worst;
}

enum larder_status larder_batch_run(struct larder_batch *batch, larder_answer_fn *fn, void *ctx) {
    struct observed observed;
    struct failures f = {
        .writes = (struct write *)(void *)batch->writes.data, .fn = fn, .ctx = ctx, .observed = &observed};

    observe_begin(&observed, batch->cache, OBSERVE_BATCH, batch->count);
    return observe_end(&observed, run(batch, &f));
}
