/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_LIBRARY_ASYNC_H
#define LARDER_LIBRARY_ASYNC_H

#include <larder/async.h>

#include "library/observe.h"

/* A channel whose wires are waited for by an epoll descriptor, with a timer for their deadlines. */

/* One key of a question. */
struct async_key {
    struct slice key;
    bool ended;                /* without having been asked, or while nobody may be told: it is told later */
    enum larder_status status; /* of what has ended */
    const char *server;
};

/* A question and its keys, in one piece of memory. */
struct async_ask {
    struct larder_async *async;
    struct async_ask *next; /* of those that have keys to be told */
    bool listed;
    larder_answer_fn *fn;
    void *ctx;
    struct observed *observed; /* NULL: the cache has no tracer */
    enum larder_status worst;  /* of what was told: an error, or of the only key */
    size_t count;
    size_t left; /* not told yet */
    struct async_key keys[];
};

/* What is in the epoll of a wire. */
struct async_watch {
    uint64_t opened; /* wire.opened of the socket that is in there; 0: none */
    uint32_t events;
};

struct larder_async {
    struct larder_cache *cache;
    struct channel *channel;
    struct async_watch *watches; /* one for each wire */
    int epoll;
    int timer;
    int64_t armed_ns; /* when the timer wakes; INT64_MAX: it does not */
    bool processing;  /* what is asked for now is sent when that is over */
    bool telling;     /* an answer can be told at once */
    bool freeing;     /* nothing more is taken */
    size_t pending;
    struct async_ask *ended; /* the last one first */
};

/* As larder_answer_fn of the channel; `ctx` is the async_ask, `index` the key. */
void async_answered(void *ctx, size_t index, const struct larder_answer *answer);

/* Sends what was written down and sees to it that the descriptor wakes for what is to come. */
void async_settle(struct larder_async *async);

#endif
