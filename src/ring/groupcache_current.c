/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/groupcache_current.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct groupcache_current {
    atomic_uint refs;
    pthread_mutex_t lock;
    struct groupcache_pool *pool; /* under the lock */
};

enum larder_error groupcache_current_new(struct groupcache_pool *pool, struct groupcache_current **ret_current) {
    struct groupcache_current *c = calloc(1, sizeof(*c));

    if (c == NULL || pthread_mutex_init(&c->lock, NULL) != 0) {
        free(c);
        return LARDER_ERROR_NO_MEMORY;
    }
    atomic_init(&c->refs, 1);
    c->pool = pool;
    *ret_current = c;
    return LARDER_OK;
}

struct groupcache_pool *groupcache_current_get(struct groupcache_current *c) {
    struct groupcache_pool *pool;

    pthread_mutex_lock(&c->lock);
    pool = c->pool != NULL ? groupcache_pool_ref(c->pool) : NULL;
    pthread_mutex_unlock(&c->lock);
    return pool;
}

void groupcache_current_set(struct groupcache_current *c, struct groupcache_pool *pool) {
    struct groupcache_pool *last;

    pthread_mutex_lock(&c->lock);
    last = c->pool;
    c->pool = pool;
    pthread_mutex_unlock(&c->lock);
    groupcache_pool_unref(last);
}

struct groupcache_current *groupcache_current_ref(struct groupcache_current *c) {
    atomic_fetch_add(&c->refs, 1);
    return c;
}

void groupcache_current_unref(struct groupcache_current *c) {
    if (c != NULL && atomic_fetch_sub(&c->refs, 1) == 1) {
        groupcache_pool_unref(c->pool);
        pthread_mutex_destroy(&c->lock);
        free(c);
    }
}
