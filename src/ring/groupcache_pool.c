/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/groupcache_pool.h"

#include <stdlib.h>

/* What the store says of a key. */
struct told {
    struct slice key;
    struct slice value;
    int64_t revision;
    size_t order; /* in which it was said */
    bool is_gone;
};

/* The peers of a pool to be. Their texts belong to others. */
struct gathering {
    struct groupcache_refused refused;
    size_t count;
    struct groupcache_peer peers[GROUPCACHE_RING_PEERS_MAX];
};

static size_t text_size(const struct gathering *g, struct slice self) {
    size_t size = self.size;

    for (size_t i = 0; i < g->count; i++) {
        size += g->peers[i].key.size + g->peers[i].url.size;
    }
    return size;
}

/* Copies `s` to the end of the texts. */
static struct slice keep(struct slice s, char **end) {
    struct slice kept = slice_make(*end, s.size);

    if (s.size > 0) {
        memcpy(*end, s.data, s.size);
    }
    *end += s.size;
    return kept;
}

static enum larder_error make_ring(struct groupcache_pool *pool) {
    struct slice *urls = malloc((pool->count + 1) * sizeof(*urls));
    enum larder_error error = LARDER_ERROR_NO_MEMORY;

    if (urls != NULL) {
        for (size_t i = 0; i < pool->count; i++) {
            urls[i] = pool->peers[i].url;
        }
        error = groupcache_ring_new(urls, pool->count, pool->self, pool->replicas, &pool->ring);
    }
    free(urls);
    return error;
}

/* One piece of memory, the texts behind the peers. */
static enum larder_error pack(const struct gathering *g, int64_t revision, struct slice self, uint32_t replicas,
                              struct groupcache_pool **ret_pool) {
    struct groupcache_pool *pool = malloc(sizeof(*pool) + g->count * sizeof(pool->peers[0]) + text_size(g, self));
    enum larder_error error;
    char *end;

    if (pool == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    end = (char *)&pool->peers[g->count];
    atomic_init(&pool->refs, 1);
    pool->replicas = replicas;
    pool->revision = revision;
    pool->self = keep(self, &end);
    pool->count = g->count;
    for (size_t i = 0; i < g->count; i++) {
        pool->peers[i] = (struct groupcache_peer){keep(g->peers[i].key, &end), keep(g->peers[i].url, &end)};
    }
    error = make_ring(pool);
    if (error != LARDER_OK) {
        free(pool);
        return error;
    }
    *ret_pool = pool;
    return LARDER_OK;
}

static void refuse(struct gathering *g, struct slice key, struct slice value, const char *reason) {
    if (g->refused.count++ == 0) {
        g->refused.key = key;
        g->refused.value = value;
        g->refused.reason = reason;
    }
}

/* Adds the peer, or refuses it. Errors: LIMIT. */
static enum larder_error add(struct gathering *g, struct slice key, struct slice url) {
    const char *reason =
        key.size > GROUPCACHE_PEER_KEY_MAX ? "has a key of more than 1024 bytes" : groupcache_peer_problem(url);

    if (reason != NULL) {
        refuse(g, key, url, reason);
        return LARDER_OK;
    }
    if (g->count == GROUPCACHE_RING_PEERS_MAX) {
        return LARDER_ERROR_LIMIT;
    }
    g->peers[g->count++] = (struct groupcache_peer){key, url};
    return LARDER_OK;
}

enum larder_error groupcache_pool_configure(const struct slice *urls, size_t count, struct slice self,
                                            uint32_t replicas, struct groupcache_pool **ret_pool,
                                            struct groupcache_refused *ret_refused) {
    struct gathering *g = calloc(1, sizeof(*g));
    enum larder_error error = g != NULL ? LARDER_OK : LARDER_ERROR_NO_MEMORY;

    for (size_t i = 0; i < count && error == LARDER_OK; i++) {
        error = add(g, SLICE(""), urls[i]);
    }
    if (error == LARDER_OK && g->refused.count > 0) {
        *ret_refused = g->refused;
        error = LARDER_ERROR_INVALID;
    }
    if (error == LARDER_OK) {
        error = pack(g, 0, self, replicas, ret_pool);
    }
    free(g);
    return error;
}

/* By key, then by time. */
static int compare_told(const void *left, const void *right) {
    const struct told *a = left, *b = right;
    int order = slice_compare(a->key, b->key);

    if (order == 0) {
        order = (a->revision > b->revision) - (a->revision < b->revision);
    }
    return order != 0 ? order : (a->order > b->order) - (a->order < b->order);
}

/* Sorts what was told by key, and keeps the newest of each. Returns how many. */
static size_t settle(struct told *told, size_t count) {
    size_t kept = 0;

    qsort(told, count, sizeof(*told), compare_told);
    for (size_t i = 0; i < count; i++) {
        if (i + 1 == count || !slice_equal(told[i].key, told[i + 1].key)) {
            told[kept++] = told[i];
        }
    }
    return kept;
}

static enum larder_error add_told(struct gathering *g, const struct told *told) {
    return told->is_gone ? LARDER_OK : add(g, told->key, told->value);
}

/* Both are sorted by key, and so is what becomes of them. */
static enum larder_error merge(struct gathering *g, const struct groupcache_peer *peers, size_t peer_count,
                               const struct told *told, size_t count) {
    enum larder_error error = LARDER_OK;
    size_t t = 0;

    for (size_t i = 0; i < peer_count && error == LARDER_OK; i++) {
        while (error == LARDER_OK && t < count && slice_compare(told[t].key, peers[i].key) < 0) {
            error = add_told(g, &told[t++]);
        }
        if (error == LARDER_OK) {
            error = t < count && slice_equal(told[t].key, peers[i].key) ? add_told(g, &told[t++])
                                                                        : add(g, peers[i].key, peers[i].url);
        }
    }
    while (error == LARDER_OK && t < count) {
        error = add_told(g, &told[t++]);
    }
    return error;
}

/* The pool of `old` (NULL: nobody) after what was told. */
static enum larder_error renew(const struct groupcache_pool *old, struct told *told, size_t count, int64_t revision,
                               struct slice self, uint32_t replicas, struct groupcache_pool **ret_pool,
                               struct groupcache_refused *ret_refused) {
    struct gathering *g = calloc(1, sizeof(*g));
    enum larder_error error = LARDER_ERROR_NO_MEMORY;

    if (g != NULL) {
        error = merge(g, old != NULL ? old->peers : NULL, old != NULL ? old->count : 0, told, settle(told, count));
    }
    if (error == LARDER_OK) {
        error = pack(g, revision, self, replicas, ret_pool);
    }
    if (error == LARDER_OK) {
        *ret_refused = g->refused;
    }
    free(g);
    return error;
}

enum larder_error groupcache_pool_read(const struct kv *kvs, size_t count, int64_t revision, struct slice self,
                                       uint32_t replicas, struct groupcache_pool **ret_pool,
                                       struct groupcache_refused *ret_refused) {
    struct told *told = calloc(count + 1, sizeof(*told));
    enum larder_error error;

    if (told == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        told[i] = (struct told){.key = kvs[i].key, .value = kvs[i].value, .revision = kvs[i].mod_revision, .order = i};
    }
    error = renew(NULL, told, count, revision, self, replicas, ret_pool, ret_refused);
    free(told);
    return error;
}

enum larder_error groupcache_pool_apply(struct groupcache_pool *pool, const struct kv_event *events, size_t count,
                                        int64_t revision, struct groupcache_pool **ret_pool,
                                        struct groupcache_refused *ret_refused) {
    struct told *told = calloc(count + 1, sizeof(*told));
    size_t news = 0;
    enum larder_error error;

    if (told == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        const struct kv *kv = &events[i].kv;

        if (kv->mod_revision > pool->revision) {
            told[news++] = (struct told){kv->key, kv->value, kv->mod_revision, i, events[i].kind == KV_EVENT_DELETE};
        }
    }
    if (news == 0 && revision <= pool->revision) {
        *ret_pool = groupcache_pool_ref(pool);
        *ret_refused = (struct groupcache_refused){0};
        free(told);
        return LARDER_OK;
    }
    error = renew(pool, told, news, revision > pool->revision ? revision : pool->revision, pool->self, pool->replicas,
                  ret_pool, ret_refused);
    free(told);
    return error;
}

bool groupcache_pool_is_same(const struct groupcache_pool *a, const struct groupcache_pool *b) {
    if (a->count != b->count || a->replicas != b->replicas || !slice_equal(a->self, b->self)) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (!slice_equal(a->peers[i].url, b->peers[i].url)) {
            return false;
        }
    }
    return true;
}

const struct groupcache_peer *groupcache_pool_pick(const struct groupcache_pool *pool, struct slice key) {
    uint16_t peer = groupcache_ring_pick(pool->ring, key);

    return peer == GROUPCACHE_RING_SELF ? NULL : &pool->peers[peer];
}

struct groupcache_pool *groupcache_pool_ref(struct groupcache_pool *pool) {
    atomic_fetch_add_explicit(&pool->refs, 1, memory_order_relaxed);
    return pool;
}

void groupcache_pool_unref(struct groupcache_pool *pool) {
    if (pool != NULL && atomic_fetch_sub_explicit(&pool->refs, 1, memory_order_acq_rel) == 1) {
        groupcache_ring_free(pool->ring);
        free(pool);
    }
}
