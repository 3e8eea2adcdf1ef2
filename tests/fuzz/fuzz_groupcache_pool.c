/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in the store below the prefix of a groupcache pool: lines of a key, a space and a URL, or of a key alone,
 * which is deleted. Whoever can write there must not break a node. The pool is sorted and has nothing but what can be a
 * peer's, and is the same whether it was told of line by line or at once, or listed at the end. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "ring/groupcache_pool.h"

enum { LINES_MAX = 64, REPLICAS = 3 };

#define SELF SLICE("http://self:1")

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Returns how many events; they point into the text. */
static size_t cut(const char *text, size_t size, struct kv_event *events) {
    size_t count = 0;

    while (size > 0 && count < LINES_MAX) {
        const char *end = memchr(text, '\n', size);
        size_t line = end != NULL ? (size_t)(end - text) : size;
        const char *space = line > 0 ? memchr(text, ' ', line) : NULL;
        size_t key = space != NULL ? (size_t)(space - text) : line;
        size_t taken = end != NULL ? line + 1 : line;

        events[count] = (struct kv_event){
            .kind = space != NULL ? KV_EVENT_PUT : KV_EVENT_DELETE,
            .kv = {.key = slice_make(text, key), .mod_revision = (int64_t)count + 1},
        };
        if (space != NULL) {
            events[count].kv.value = slice_make(space + 1, line - key - 1);
        }
        count++;
        text += taken;
        size -= taken;
    }
    return count;
}

static struct groupcache_pool *list(const struct kv *kvs, size_t count, int64_t revision) {
    struct groupcache_refused refused;
    struct groupcache_pool *pool;
    enum larder_error error = groupcache_pool_read(kvs, count, revision, SELF, REPLICAS, &pool, &refused);

    assert(error == LARDER_OK && pool->count + refused.count <= count);
    return pool;
}

/* Gives the old one up. */
static struct groupcache_pool *apply(struct groupcache_pool *pool, const struct kv_event *events, size_t count,
                                     int64_t revision) {
    struct groupcache_refused refused;
    struct groupcache_pool *after;
    enum larder_error error = groupcache_pool_apply(pool, events, count, revision, &after, &refused);

    assert(error == LARDER_OK && (refused.count == 0 || refused.reason != NULL));
    groupcache_pool_unref(pool);
    return after;
}

static void check(const struct groupcache_pool *pool, struct slice key) {
    const struct groupcache_peer *peer = groupcache_pool_pick(pool, key);

    assert(peer == NULL || (peer >= pool->peers && peer < pool->peers + pool->count));
    for (size_t i = 0; i < pool->count; i++) {
        assert(groupcache_peer_problem(pool->peers[i].url) == NULL);
        assert(pool->peers[i].key.size <= GROUPCACHE_PEER_KEY_MAX);
        assert(i == 0 || slice_compare(pool->peers[i - 1].key, pool->peers[i].key) < 0);
    }
}

/* What is left of the events in the end, as a store lists it. */
static struct groupcache_pool *list_rest(const struct kv_event *events, size_t count, int64_t revision) {
    struct kv kvs[LINES_MAX];
    size_t left = 0;

    for (size_t i = 0; i < count; i++) {
        bool is_last = true;

        for (size_t later = i + 1; later < count; later++) {
            is_last = is_last && !slice_equal(events[i].kv.key, events[later].kv.key);
        }
        if (is_last && events[i].kind == KV_EVENT_PUT) {
            kvs[left++] = events[i].kv;
        }
    }
    return list(kvs, left, revision);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct kv_event events[LINES_MAX];
    struct groupcache_pool *one_by_one = list(NULL, 0, 0), *at_once = list(NULL, 0, 0), *listed;
    char *text = malloc(size + 1);
    size_t count;

    assert(text != NULL);
    if (size > 0) {
        memcpy(text, data, size);
    }
    count = cut(text, size, events);
    for (size_t i = 0; i < count; i++) {
        one_by_one = apply(one_by_one, &events[i], 1, (int64_t)i + 1);
    }
    at_once = apply(at_once, events, count, (int64_t)count);
    listed = list_rest(events, count, (int64_t)count);
    check(at_once, slice_make(text, size));
    assert(groupcache_pool_is_same(one_by_one, at_once) && groupcache_pool_is_same(listed, at_once));
    assert(one_by_one->revision == at_once->revision);
    groupcache_pool_unref(listed);
    groupcache_pool_unref(at_once);
    groupcache_pool_unref(one_by_one);
    free(text);
    return 0;
}
