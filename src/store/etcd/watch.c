/* SPDX-License-Identifier: Apache-2.0 */
#include "store/etcd/watch.h"

#include <assert.h>
#include <stdlib.h>

#include "store/etcd/watch_internal.h"

struct etcd_watches *etcd_watches_new(struct etcd_client *client) {
    struct etcd_watches *watches = calloc(1, sizeof(*watches));

    if (watches != NULL) {
        watches->client = client;
    }
    return watches;
}

void etcd_watches_free(struct etcd_watches *watches) {
    assert(watches == NULL || watches->streams == NULL);
    free(watches);
}

/* --- one --- */

static struct slice copy_behind(struct slice s, char *place) {
    if (s.size > 0) {
        memcpy(place, s.data, s.size);
    }
    return slice_make(place, s.size);
}

static struct etcd_watch *watch_new(struct etcd_watches *watches, const struct store_watch *want) {
    const struct store_span *span = &want->span;
    struct etcd_watch *watch = calloc(1, sizeof(*watch) + span->key.size + span->range_end.size);

    if (watch == NULL) {
        return NULL;
    }
    watch->watches = watches;
    watch->want = *want;
    watch->want.span.key = copy_behind(span->key, watch->span);
    watch->want.span.range_end = copy_behind(span->range_end, watch->span + span->key.size);
    watch->last = want->start_revision > 0 ? want->start_revision - 1 : -1;
    arena_init(&watch->held.arena, ETCD_WATCH_FRAGMENTS_MAX);
    return watch;
}

static void watch_free(struct etcd_watch *watch) {
    watch_forget_held(watch);
    free(watch);
}

static struct etcd_watch *open_watch(struct etcd_watches *watches, const struct store_watch *watch, bool progress,
                                     bool alone, const struct etcd_watch_events *events, void *ctx) {
    struct etcd_watch *w = watch_new(watches, watch);

    if (w == NULL) {
        return NULL;
    }
    w->progress = progress;
    w->alone = alone;
    w->events = *events;
    w->ctx = ctx;
    if (!watch_channel_join(w)) {
        watch_free(w);
        return NULL;
    }
    return w;
}

struct etcd_watch *etcd_watch_open(struct etcd_watches *watches, const struct store_watch *watch, bool progress,
                                   const struct etcd_watch_events *events, void *ctx) {
    return open_watch(watches, watch, progress, false, events, ctx);
}

struct etcd_watch *etcd_watch_open_alone(struct etcd_watches *watches, const struct store_watch *watch, bool progress,
                                         const struct etcd_watch_events *events, void *ctx) {
    return open_watch(watches, watch, progress, true, events, ctx);
}

void etcd_watch_ask_progress(struct etcd_watch *watch) {
    if (watch->alone && watch->progress && watch->state == WATCH_LIVE &&
        watch_progress_is_true(watch->watches->client)) {
        watch_channel_ask_progress(watch->stream);
    }
}

void etcd_watch_close(struct etcd_watch *watch) {
    if (watch == NULL) {
        return;
    }
    watch_channel_leave(watch);
    watch->closed = true;
    if (watch->holders == 0) {
        watch_free(watch);
    }
}

void etcd_watch_pause(struct etcd_watch *watch) {
    watch_channel_leave(watch);
}

void etcd_watch_resume(struct etcd_watch *watch) {
    if (watch->over || watch->closed || watch->stream != NULL) {
        return;
    }
    if (!watch_channel_join(watch)) {
        watch_end(watch, STORE_NO_MEMORY, 0, SLICE(""));
    }
}

/* --- for the other files --- */

void watch_hold(struct etcd_watch *watch) {
    watch->holders++;
}

bool watch_let_go(struct etcd_watch *watch) {
    bool closed = watch->closed;

    watch->holders--;
    if (closed && watch->holders == 0) {
        watch_free(watch);
    }
    return !closed;
}

void watch_end(struct etcd_watch *watch, enum store_status status, int64_t compact_revision, struct slice text) {
    watch_channel_leave(watch);
    watch->over = true;
    watch->events.on_end(watch->ctx, status, compact_revision, text);
}
