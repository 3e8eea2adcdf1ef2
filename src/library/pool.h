/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_LIBRARY_POOL_H
#define LARDER_LIBRARY_POOL_H

#include <pthread.h>

#include "library/channel.h"
#include "trace/span.h"

/* A setup and the channels that threads take in turn. The lock guards the channels alone; nothing is done under it. */
struct pool {
    struct setup setup;
    pthread_mutex_t lock;
    pthread_cond_t returned;
    struct channel *idle; /* the one used last comes first: its memory is warm, its connections are open */
    size_t count;         /* of channels, idle or not */
};

/* A cache, or a view of one: whose calls are children of a span. */
struct larder_cache {
    struct pool *pool;
    bool is_view;              /* the pool is another's */
    const struct span *parent; /* of a view */
};

/* A channel for this thread, its clock read. Errors: FORKED, BUSY, NO_MEMORY. */
enum larder_status pool_take(struct pool *pool, struct channel **ret_channel);
void pool_return(struct pool *pool, struct channel *ch);

/* Result-keeping: what comes of one answer. Returns the status. */
enum larder_status result_begin(struct larder_result *r, enum larder_status status);
void result_take(struct larder_result *r, const struct larder_allocator *a, const struct larder_answer *answer);

#endif
