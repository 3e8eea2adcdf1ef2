/* SPDX-License-Identifier: Apache-2.0 */
#include "library/pool.h"

#include <larder/trace.h>

#include <errno.h>
#include <time.h>

#include "base/clock.h"

static struct pool *pool_new(const struct setup *setup) {
    struct pool *pool = memory_new(&setup->allocator, sizeof(*pool));
    pthread_condattr_t attributes;

    if (pool == NULL) {
        return NULL;
    }
    pool->setup = *setup;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->returned, &attributes);
    pthread_condattr_destroy(&attributes);
    return pool;
}

static void pool_free(struct pool *pool) {
    struct larder_allocator a = pool->setup.allocator;

    while (pool->idle != NULL) {
        struct channel *ch = pool->idle;

        pool->idle = ch->next;
        ch->setup = &pool->setup;
        channel_free(ch);
    }
    /* A child has the lock as it was when it was forked: it is left alone, and holds no memory of its own. */
    if (!process_mark_is_foreign(&pool->setup.mark)) {
        pthread_cond_destroy(&pool->returned);
        pthread_mutex_destroy(&pool->lock);
    }
    setup_fini(&pool->setup);
    memory_free(&a, pool);
}

enum larder_status larder_cache_new(const char *servers, const struct larder_cache_options *options,
                                    struct larder_cache **ret_cache, char ret_message[LARDER_MESSAGE_MAX]) {
    struct setup setup;
    struct larder_cache *cache;
    enum larder_status status = setup_init(&setup, servers, options, ret_message);

    if (status != LARDER_DONE) {
        return status;
    }
    cache = memory_new(&setup.allocator, sizeof(*cache));
    if (cache == NULL || (cache->pool = pool_new(&setup)) == NULL) {
        memory_free(&setup.allocator, cache);
        setup_fini(&setup);
        return LARDER_ERR_NO_MEMORY;
    }
    *ret_cache = cache;
    return LARDER_DONE;
}

enum larder_status larder_cache_within(struct larder_cache *cache, const struct larder_span *parent,
                                       struct larder_cache **ret_view) {
    struct larder_cache *view = memory_new(&cache->pool->setup.allocator, sizeof(*view));

    if (view == NULL) {
        return LARDER_ERR_NO_MEMORY;
    }
    view->pool = cache->pool;
    view->is_view = true;
    view->parent = (const struct span *)(const void *)parent;
    *ret_view = view;
    return LARDER_DONE;
}

void larder_cache_free(struct larder_cache *cache) {
    struct larder_allocator a;

    if (cache == NULL) {
        return;
    }
    a = cache->pool->setup.allocator;
    if (!cache->is_view) {
        pool_free(cache->pool);
    }
    memory_free(&a, cache);
}

/* Under the lock: waits for a channel, or the leave to make one. */
static enum larder_status wait_turn(struct pool *pool) {
    int64_t until = clock_monotonic_ns() + pool->setup.wait_timeout_ns;
    struct timespec end = {.tv_sec = until / CLOCK_NS_PER_S, .tv_nsec = until % CLOCK_NS_PER_S};

    while (pool->idle == NULL && pool->count >= pool->setup.pool_max) {
        if (pthread_cond_timedwait(&pool->returned, &pool->lock, &end) == ETIMEDOUT && pool->idle == NULL) {
            return LARDER_ERR_BUSY;
        }
    }
    return LARDER_DONE;
}

static void give_leave_back(struct pool *pool) {
    pthread_mutex_lock(&pool->lock);
    pool->count--;
    pthread_cond_signal(&pool->returned);
    pthread_mutex_unlock(&pool->lock);
}

enum larder_status pool_take(struct pool *pool, struct channel **ret_channel) {
    enum larder_status status = LARDER_DONE;
    struct channel *ch = NULL;

    if (process_mark_is_foreign(&pool->setup.mark)) {
        return LARDER_ERR_FORKED;
    }
    pthread_mutex_lock(&pool->lock);
    if (pool->idle == NULL && pool->count >= pool->setup.pool_max) {
        status = wait_turn(pool);
    }
    if (status == LARDER_DONE && pool->idle != NULL) {
        ch = pool->idle;
        pool->idle = ch->next;
    } else if (status == LARDER_DONE) {
        pool->count++;
    }
    pthread_mutex_unlock(&pool->lock);
    if (status == LARDER_DONE && ch == NULL) {
        status = channel_new(&pool->setup, &ch);
        if (status != LARDER_DONE) {
            give_leave_back(pool);
        }
    }
    if (status != LARDER_DONE) {
        return status;
    }
    channel_begin(ch);
    *ret_channel = ch;
    return LARDER_DONE;
}

void pool_return(struct pool *pool, struct channel *ch) {
    pthread_mutex_lock(&pool->lock);
    ch->next = pool->idle;
    pool->idle = ch;
    pthread_cond_signal(&pool->returned);
    pthread_mutex_unlock(&pool->lock);
}
