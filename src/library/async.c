/* SPDX-License-Identifier: Apache-2.0 */
#include "library/async.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"

enum { EVENTS_MAX = 64 };

/* In place of a wire. */
#define TIMER_EVENT UINT64_MAX

/* --- the answers --- */

static void observe_told(struct async_ask *ask, const struct larder_answer *answer) {
    observe_answer(ask->observed, answer);
    if (answer->status < 0 || ask->count == 1) {
        ask->worst = answer->status;
    }
    if (ask->left == 0) {
        observe_end(ask->observed, ask->worst);
    }
}

static void tell(struct async_ask *ask, size_t index, const struct larder_answer *answer) {
    struct larder_async *async = ask->async;

    async->pending--;
    ask->left--;
    if (ask->observed != NULL) {
        observe_told(ask, answer);
    }
    if (ask->fn != NULL) {
        ask->fn(ask->ctx, index, answer);
    }
    if (ask->left == 0 && !ask->listed) {
        memory_free(&async->cache->pool->setup.allocator, ask);
    }
}

/* What comes of a failure while it is sent, or asked for, is told by the next larder_async_process: a call that asks must not be
 * called back, and one that fails and is asked again must not go round and round. Only failures come then. */
void async_answered(void *ctx, size_t index, const struct larder_answer *answer) {
    struct async_ask *ask = ctx;
    struct larder_async *async = ask->async;

    if (async->telling) {
        tell(ask, index, answer);
        return;
    }
    ask->keys[index].ended = true;
    ask->keys[index].status = answer->status;
    ask->keys[index].server = answer->server;
    if (!ask->listed) {
        ask->listed = true;
        ask->next = async->ended;
        async->ended = ask;
    }
}

static void tell_ended(struct async_ask *ask) {
    for (size_t i = 0; i < ask->count; i++) {
        struct async_key *key = &ask->keys[i];

        if (key->ended) {
            key->ended = false;
            tell(ask, i,
                 &(struct larder_answer){
                     .status = key->status, .message = larder_strerror(key->status), .server = key->server});
        }
    }
    ask->listed = false;
    if (ask->left == 0) {
        memory_free(&ask->async->cache->pool->setup.allocator, ask);
    }
}

static void tell_all_ended(struct larder_async *async) {
    struct async_ask *ask = async->ended, *next;

    async->ended = NULL;
    for (; ask != NULL; ask = next) {
        next = ask->next;
        tell_ended(ask);
    }
}

/* --- what is waited for --- */

static void watch(struct larder_async *async, size_t index) {
    struct wire *w = &async->channel->wires[index];
    struct async_watch *watched = &async->watches[index];
    bool writes = w->state == WIRE_CONNECTING || bytes_size(&w->out) > 0;
    struct epoll_event event = {.events = EPOLLIN | (writes ? EPOLLOUT : 0), .data.u64 = index};
    bool is_new = watched->opened != w->opened; /* what was closed has left the epoll by itself */

    if (w->fd < 0) {
        watched->opened = 0;
        return;
    }
    if (!is_new && watched->events == event.events) {
        return;
    }
    if (epoll_ctl(async->epoll, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, w->fd, &event) != 0) {
        w->failed = LARDER_ERR_SYSTEM;
        return;
    }
    watched->opened = w->opened;
    watched->events = event.events;
}

/* Too early is harmless: it is looked at again. */
static void arm(struct larder_async *async, int64_t due_ns) {
    struct itimerspec when = {.it_value = {.tv_nsec = 1}};
    int64_t now_ns = async->channel->now_ns;

    if (due_ns >= async->armed_ns) {
        return;
    }
    if (due_ns > now_ns) {
        when.it_value.tv_sec = (due_ns - now_ns) / CLOCK_NS_PER_S;
        when.it_value.tv_nsec = (due_ns - now_ns) % CLOCK_NS_PER_S;
    }
    if (timerfd_settime(async->timer, 0, &when, NULL) == 0) {
        async->armed_ns = due_ns;
    }
}

void async_settle(struct larder_async *async) {
    struct channel *ch = async->channel;
    int64_t due_ns = INT64_MAX;
    struct wire *one;

    (void)channel_send(ch, &one);
    for (size_t i = 0; i < ch->setup->count; i++) {
        struct wire *w = &ch->wires[i];

        watch(async, i);
        if (w->head != NULL) {
            int64_t wire_ns = w->failed != LARDER_DONE ? ch->now_ns : wire_deadline(ch, w);

            due_ns = wire_ns < due_ns ? wire_ns : due_ns;
        }
    }
    arm(async, async->ended != NULL ? INT64_MIN : due_ns);
}

/* --- running --- */

static void take_event(struct larder_async *async, const struct epoll_event *event) {
    struct channel *ch = async->channel;
    uint64_t expirations;
    struct wire *w;

    if (event->data.u64 == TIMER_EVENT) {
        (void)!read(async->timer, &expirations, sizeof(expirations));
        async->armed_ns = INT64_MAX;
        return;
    }
    w = &ch->wires[event->data.u64];
    /* It may have been closed since, and be another one. */
    if (w->fd >= 0 && async->watches[event->data.u64].opened == w->opened) {
        wire_turn(ch, w, (short)event->events);
    }
}

static void expire(struct larder_async *async) {
    struct channel *ch = async->channel;

    for (size_t i = 0; i < ch->setup->count; i++) {
        struct wire *w = &ch->wires[i];

        if (w->head != NULL && w->failed == LARDER_DONE) {
            wire_turn(ch, w, 0);
        }
    }
}

void larder_async_process(struct larder_async *async) {
    struct epoll_event events[EVENTS_MAX];
    int count;

    if (async->processing || process_mark_is_foreign(&async->cache->pool->setup.mark)) {
        return;
    }
    async->processing = async->telling = true;
    channel_begin(async->channel);
    count = epoll_wait(async->epoll, events, EVENTS_MAX, 0);
    for (int i = 0; i < count; i++) {
        take_event(async, &events[i]);
    }
    expire(async);
    tell_all_ended(async);
    async->processing = async->telling = false;
    async_settle(async);
}

int larder_async_fd(const struct larder_async *async) {
    return async->epoll;
}

size_t larder_async_pending(const struct larder_async *async) {
    return async->pending;
}

/* --- the beginning and the end --- */

static bool make_descriptors(struct larder_async *async) {
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = TIMER_EVENT};

    async->epoll = epoll_create1(EPOLL_CLOEXEC);
    async->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return async->epoll >= 0 && async->timer >= 0 && epoll_ctl(async->epoll, EPOLL_CTL_ADD, async->timer, &event) == 0;
}

static void release(struct larder_async *async) {
    const struct larder_allocator *a = &async->cache->pool->setup.allocator;

    if (async->epoll >= 0) {
        close(async->epoll);
    }
    if (async->timer >= 0) {
        close(async->timer);
    }
    if (async->channel != NULL) {
        channel_free(async->channel);
    }
    memory_free(a, async->watches);
    memory_free(a, async);
}

enum larder_status larder_async_new(struct larder_cache *cache, struct larder_async **ret_async) {
    const struct larder_allocator *a = &cache->pool->setup.allocator;
    enum larder_status status = LARDER_ERR_NO_MEMORY;
    struct larder_async *async;

    if (process_mark_is_foreign(&cache->pool->setup.mark)) {
        return LARDER_ERR_FORKED;
    }
    async = memory_new(a, sizeof(*async));
    if (async == NULL) {
        return LARDER_ERR_NO_MEMORY;
    }
    async->cache = cache;
    async->epoll = async->timer = -1;
    async->armed_ns = INT64_MAX;
    async->watches = memory_new(a, cache->pool->setup.count * sizeof(async->watches[0]));
    if (async->watches != NULL) {
        status = channel_new(&cache->pool->setup, &async->channel);
    }
    if (status == LARDER_DONE && !make_descriptors(async)) {
        status = LARDER_ERR_SYSTEM;
    }
    if (status != LARDER_DONE) {
        release(async);
        return status;
    }
    *ret_async = async;
    return LARDER_DONE;
}

/* Nothing goes elsewhere. */
static void give_up(struct larder_async *async) {
    struct channel *ch = async->channel;

    async->processing = async->telling = true;
    for (size_t i = 0; i < ch->setup->count; i++) {
        struct wire *w = &ch->wires[i];

        for (struct call *call = w->head; call != NULL; call = call->next) {
            call->attempts = CHANNEL_ATTEMPTS_MAX;
        }
        if (w->head != NULL) {
            wire_drop(ch, w, LARDER_ERR_CLOSED, false);
        }
    }
    tell_all_ended(async);
}

void larder_async_free(struct larder_async *async) {
    if (async == NULL) {
        return;
    }
    if (!process_mark_is_foreign(&async->cache->pool->setup.mark)) {
        /* Who is told may ask for more, which comes to nothing as well. */
        async->freeing = true;
        give_up(async);
    }
    release(async);
}
