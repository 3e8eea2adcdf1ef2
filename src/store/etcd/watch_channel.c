/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "store/etcd/watch_internal.h"
#include "store/etcd/watch_list.h"

/* A stream of watches: who is on it, who is created next, and its beginnings and ends. */

static void hold(struct watch_channel *s) {
    s->holders++;
}

static void let_go(struct watch_channel *s) {
    s->holders--;
    if (s->closed && s->holders == 0) {
        arena_fini(&s->arena);
        free(s);
    }
}

void watch_channel_distrust(struct watch_channel *s, const char *why) {
    if (s->open) {
        s->open = false;
        etcd_stream_distrust(s->stream, why);
    }
}

void watch_channel_renew(struct watch_channel *s, const char *why) {
    if (s->open) {
        s->open = false;
        etcd_stream_renew(s->stream, why);
    }
}

/* --- watches by their numbers --- */

static struct etcd_watch **bucket_of(struct watch_channel *s, int64_t id) {
    return &s->buckets[(uint64_t)id % WATCH_BUCKETS];
}

struct etcd_watch *watch_channel_find(struct watch_channel *s, int64_t id) {
    struct etcd_watch *watch = *bucket_of(s, id);

    while (watch != NULL && watch->id != id) {
        watch = watch->next_in_bucket;
    }
    return watch;
}

void watch_channel_set_live(struct watch_channel *s, struct etcd_watch *watch, int64_t id) {
    struct etcd_watch **bucket = bucket_of(s, id);

    watch->id = id;
    watch->state = WATCH_LIVE;
    watch->next_in_bucket = *bucket;
    *bucket = watch;
    watch_list_append(&s->live, watch);
}

static void unset_live(struct watch_channel *s, struct etcd_watch *watch) {
    struct etcd_watch **place = bucket_of(s, watch->id);

    while (*place != watch) {
        place = &(*place)->next_in_bucket;
    }
    *place = watch->next_in_bucket;
    watch_list_remove(&s->live, watch);
    watch_forget_held(watch);
}

/* --- requests --- */

/* A deletion at the very revision up to which was compacted is lost to a watch that begins there (etcd issue 19179). Whoever keeps
 * what a watch tells would never know. So its watch begins at the revision that it knows already, whose events are passed over: if
 * the next one is compacted the cluster says so. */
static int64_t first_revision(const struct etcd_watch *watch) {
    return watch->alone && watch->last > 0 ? watch->last : watch->last + 1;
}

static bool send_create(struct watch_channel *s, const struct etcd_watch *watch) {
    Etcdserverpb__WatchCreateRequest__FilterType filters[2];
    Etcdserverpb__WatchCreateRequest create = ETCDSERVERPB__WATCH_CREATE_REQUEST__INIT;
    Etcdserverpb__WatchRequest request = ETCDSERVERPB__WATCH_REQUEST__INIT;

    create.key = etcd_bytes(watch->want.span.key);
    create.range_end = etcd_bytes(watch->want.span.range_end);
    create.start_revision = first_revision(watch);
    create.prev_kv = watch->want.want_previous;
    create.progress_notify = watch->progress;
    create.fragment = true;
    create.filters = filters;
    if (watch->want.no_put) {
        filters[create.n_filters++] = ETCDSERVERPB__WATCH_CREATE_REQUEST__FILTER_TYPE__NOPUT;
    }
    if (watch->want.no_delete) {
        filters[create.n_filters++] = ETCDSERVERPB__WATCH_CREATE_REQUEST__FILTER_TYPE__NODELETE;
    }
    request.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST;
    request.create_request = &create;
    return etcd_stream_send(s->stream, &request.base);
}

void watch_channel_cancel(struct watch_channel *s, int64_t id) {
    Etcdserverpb__WatchCancelRequest cancel = ETCDSERVERPB__WATCH_CANCEL_REQUEST__INIT;
    Etcdserverpb__WatchRequest request = ETCDSERVERPB__WATCH_REQUEST__INIT;

    cancel.watch_id = id;
    request.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CANCEL_REQUEST;
    request.cancel_request = &cancel;
    if (!etcd_stream_send(s->stream, &request.base)) {
        watch_channel_distrust(s, "a watch could not be cancelled");
    }
}

void watch_channel_ask_progress(struct watch_channel *s) {
    Etcdserverpb__WatchProgressRequest progress = ETCDSERVERPB__WATCH_PROGRESS_REQUEST__INIT;
    Etcdserverpb__WatchRequest request = ETCDSERVERPB__WATCH_REQUEST__INIT;

    request.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_PROGRESS_REQUEST;
    request.progress_request = &progress;
    (void)etcd_stream_send(s->stream, &request.base); /* whoever needs it asks again */
}

void watch_channel_put_back(struct watch_channel *s, struct etcd_watch *watch) {
    watch->state = WATCH_WAITING;
    watch_list_prepend(&s->waiting, watch);
}

void watch_channel_create_next(struct watch_channel *s) {
    struct etcd_watch *watch = s->open && !s->asked ? watch_list_pop(&s->waiting) : NULL;

    if (watch == NULL) {
        return;
    }
    if (send_create(s, watch)) {
        watch->state = WATCH_CREATING;
        s->creating = watch;
        s->asked = true;
    } else {
        watch_channel_put_back(s, watch);
        watch_channel_distrust(s, "a watch could not be asked for");
    }
}

/* --- coming and going --- */

static void close_stream(struct watch_channel *s) {
    struct watch_channel **place = &s->watches->streams;

    while (*place != s) {
        place = &(*place)->next;
    }
    *place = s->next;
    etcd_stream_close(s->stream);
    s->stream = NULL;
    s->open = false;
    s->closed = true;
}

void watch_channel_take_off(struct etcd_watch *watch, bool tell) {
    struct watch_channel *s = watch->stream;

    hold(s);
    switch (watch->state) {
    case WATCH_WAITING:
        watch_list_remove(&s->waiting, watch);
        break;
    case WATCH_LOST:
        watch_list_remove(&s->lost, watch);
        break;
    case WATCH_LIVE:
        unset_live(s, watch);
        break;
    default: /* CREATING: its answer will find that it has left */
        s->creating = NULL;
        break;
    }
    tell = tell && watch->state == WATCH_LIVE && s->open;
    watch->state = WATCH_IDLE;
    watch->stream = NULL;
    s->count--;
    if (s->count == 0) {
        close_stream(s);
    } else if (tell) {
        watch_channel_cancel(s, watch->id);
    }
    let_go(s);
}

void watch_channel_leave(struct etcd_watch *watch) {
    if (watch->stream != NULL) {
        watch_channel_take_off(watch, true);
    }
}

static const struct etcd_stream_events stream_events;

static struct watch_channel *stream_new(struct etcd_watches *watches, bool alone) {
    struct watch_channel *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        return NULL;
    }
    s->watches = watches;
    s->alone = alone;
    arena_init(&s->arena, ETCD_MESSAGE_MAX);
    s->stream = etcd_stream_open(watches->client, ETCD_METHOD_WATCH, &stream_events, s);
    if (s->stream == NULL) {
        free(s);
        return NULL;
    }
    s->next = watches->streams;
    watches->streams = s;
    return s;
}

/* NULL: none has room. */
static struct watch_channel *find_stream(struct etcd_watches *watches) {
    struct watch_channel *s = watches->streams;

    while (s != NULL && (s->alone || s->count >= WATCHES_PER_STREAM)) {
        s = s->next;
    }
    return s;
}

bool watch_channel_join(struct etcd_watch *watch) {
    struct watch_channel *s = watch->alone ? NULL : find_stream(watch->watches);

    if (s == NULL) {
        s = stream_new(watch->watches, watch->alone);
    }
    if (s == NULL) {
        return false;
    }
    watch->stream = s;
    watch->state = WATCH_WAITING;
    watch_list_append(&s->waiting, watch);
    s->count++;
    watch_channel_create_next(s);
    return true;
}

/* --- the stream's events --- */

static void on_open(void *ctx) {
    struct watch_channel *s = ctx;

    s->open = true;
    s->asked = false;
    watch_channel_create_next(s);
}

static void on_message(void *ctx, struct slice bytes) {
    struct watch_channel *s = ctx;
    const ProtobufCMessage *message;

    if (!s->open) {
        return;
    }
    hold(s);
    arena_reset(&s->arena);
    message = etcd_message_unpack(&etcdserverpb__watch_response__descriptor, bytes, &s->arena);
    if (message == NULL) {
        watch_channel_distrust(s, "a watch's response cannot be read");
    } else {
        watch_take_response(s, (const Etcdserverpb__WatchResponse *)message);
    }
    let_go(s);
}

/* All that were with the cluster are in `lost` before the first of them is told. */
static void lose_all(struct watch_channel *s) {
    struct etcd_watch *watch;

    if (s->creating != NULL) {
        watch_channel_put_back(s, s->creating);
        s->creating = NULL;
    }
    while ((watch = s->live.first) != NULL) {
        unset_live(s, watch);
        watch->state = WATCH_LOST;
        watch_list_append(&s->lost, watch);
    }
}

static void on_lost(void *ctx, enum store_status status, struct slice text) {
    struct watch_channel *s = ctx;
    struct etcd_watch *watch;

    (void)status;
    (void)text; /* the client has both in its member's trouble */
    s->open = false;
    s->asked = false;
    hold(s);
    lose_all(s);
    while ((watch = watch_list_pop(&s->lost)) != NULL) {
        watch->state = WATCH_WAITING;
        watch_list_append(&s->waiting, watch);
        if (watch->events.on_lost != NULL) {
            watch->events.on_lost(watch->ctx);
        }
    }
    let_go(s);
}

static const struct etcd_stream_events stream_events = {
    .on_open = on_open,
    .on_message = on_message,
    .on_lost = on_lost,
};
