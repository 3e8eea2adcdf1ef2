/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "store/etcd/watch_internal.h"
#include "store/etcd/watch_list.h"

/* A stream of watches: who is on it, who is created next, and what each response is for. */

static void hold(struct watch_stream *s) {
    s->holders++;
}

static void let_go(struct watch_stream *s) {
    s->holders--;
    if (s->closed && s->holders == 0) {
        arena_fini(&s->arena);
        free(s);
    }
}

/* Nothing more is taken from this call, nor sent on it; on_lost follows. */
static void distrust(struct watch_stream *s, const char *why) {
    if (s->open) {
        s->open = false;
        etcd_stream_distrust(s->stream, why);
    }
}

/* --- watches by their numbers --- */

static struct etcd_watch **bucket_of(struct watch_stream *s, int64_t id) {
    return &s->buckets[(uint64_t)id % WATCH_BUCKETS];
}

static struct etcd_watch *find(struct watch_stream *s, int64_t id) {
    struct etcd_watch *watch = *bucket_of(s, id);

    while (watch != NULL && watch->id != id) {
        watch = watch->next_in_bucket;
    }
    return watch;
}

static void set_live(struct watch_stream *s, struct etcd_watch *watch, int64_t id) {
    struct etcd_watch **bucket = bucket_of(s, id);

    watch->id = id;
    watch->state = WATCH_LIVE;
    watch->next_in_bucket = *bucket;
    *bucket = watch;
    watch_list_append(&s->live, watch);
}

static void unset_live(struct watch_stream *s, struct etcd_watch *watch) {
    struct etcd_watch **place = bucket_of(s, watch->id);

    while (*place != watch) {
        place = &(*place)->next_in_bucket;
    }
    *place = watch->next_in_bucket;
    watch_list_remove(&s->live, watch);
    watch_forget_held(watch);
}

/* --- requests --- */

static bool send_create(struct watch_stream *s, const struct etcd_watch *watch) {
    Etcdserverpb__WatchCreateRequest__FilterType filters[2];
    Etcdserverpb__WatchCreateRequest create = ETCDSERVERPB__WATCH_CREATE_REQUEST__INIT;
    Etcdserverpb__WatchRequest request = ETCDSERVERPB__WATCH_REQUEST__INIT;

    create.key = etcd_bytes(watch->want.span.key);
    create.range_end = etcd_bytes(watch->want.span.range_end);
    create.start_revision = watch->last + 1;
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

/* Where it cannot be sent, the call is given up: else the cluster would go on with a watch that nobody listens to. */
static void send_cancel(struct watch_stream *s, int64_t id) {
    Etcdserverpb__WatchCancelRequest cancel = ETCDSERVERPB__WATCH_CANCEL_REQUEST__INIT;
    Etcdserverpb__WatchRequest request = ETCDSERVERPB__WATCH_REQUEST__INIT;

    cancel.watch_id = id;
    request.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CANCEL_REQUEST;
    request.cancel_request = &cancel;
    if (!etcd_stream_send(s->stream, &request.base)) {
        distrust(s, "a watch could not be cancelled");
    }
}

static void put_back(struct watch_stream *s, struct etcd_watch *watch) {
    watch->state = WATCH_WAITING;
    watch_list_prepend(&s->waiting, watch);
}

static void create_next(struct watch_stream *s) {
    struct etcd_watch *watch = s->open && !s->asked ? watch_list_pop(&s->waiting) : NULL;

    if (watch == NULL) {
        return;
    }
    if (send_create(s, watch)) {
        watch->state = WATCH_CREATING;
        s->creating = watch;
        s->asked = true;
    } else {
        put_back(s, watch);
        distrust(s, "a watch could not be asked for");
    }
}

/* --- coming and going --- */

static void close_stream(struct watch_stream *s) {
    struct watch_stream **place = &s->watches->streams;

    while (*place != s) {
        place = &(*place)->next;
    }
    *place = s->next;
    etcd_stream_close(s->stream);
    s->stream = NULL;
    s->open = false;
    s->closed = true;
}

/* Takes it off the stream; `tell`: the cluster still has it. */
static void take_off(struct etcd_watch *watch, bool tell) {
    struct watch_stream *s = watch->stream;

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
        send_cancel(s, watch->id);
    }
    let_go(s);
}

void watch_stream_leave(struct etcd_watch *watch) {
    if (watch->stream != NULL) {
        take_off(watch, true);
    }
}

static const struct etcd_stream_events stream_events;

static struct watch_stream *stream_new(struct etcd_watches *watches) {
    struct watch_stream *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        return NULL;
    }
    s->watches = watches;
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

bool watch_stream_join(struct etcd_watch *watch) {
    struct watch_stream *s = watch->watches->streams;

    while (s != NULL && s->count >= WATCHES_PER_STREAM) {
        s = s->next;
    }
    if (s == NULL) {
        s = stream_new(watch->watches);
    }
    if (s == NULL) {
        return false;
    }
    watch->stream = s;
    watch->state = WATCH_WAITING;
    watch_list_append(&s->waiting, watch);
    s->count++;
    create_next(s);
    return true;
}

/* --- responses --- */

static void end_watch(struct etcd_watch *watch, enum store_status status, const Etcdserverpb__WatchResponse *r) {
    take_off(watch, false);
    watch_end(watch, status, r->compact_revision, slice_from_string(r->cancel_reason));
}

/* The cluster does not have it, or not any more: for good, or because the member cannot serve anybody. */
static void take_cancelled(struct watch_stream *s, struct etcd_watch *watch, const Etcdserverpb__WatchResponse *r) {
    enum store_status status =
        r->compact_revision > 0 ? STORE_COMPACTED : watch_reason_status(slice_from_string(r->cancel_reason));

    if (status != STORE_OK) {
        end_watch(watch, status, r);
        return;
    }
    if (watch->state == WATCH_CREATING) {
        s->creating = NULL;
        put_back(s, watch);
    }
    distrust(s, r->cancel_reason[0] != '\0' ? r->cancel_reason : "a watch was cancelled without a reason");
}

/* From now on nothing is lost: what comes first is the revision after the header's. */
static void take_live(struct watch_stream *s, struct etcd_watch *watch, const Etcdserverpb__WatchResponse *r) {
    s->creating = NULL;
    if (find(s, r->watch_id) != NULL) {
        put_back(s, watch);
        distrust(s, "two watches have the same number");
        return;
    }
    set_live(s, watch, r->watch_id);
    if (watch->last < 0) {
        watch->last = r->header->revision;
    }
    watch->events.on_created(watch->ctx, r->header->revision);
}

static void take_created(struct watch_stream *s, const Etcdserverpb__WatchResponse *r) {
    struct etcd_watch *watch = s->creating;

    if (!s->asked) {
        distrust(s, "a watch was created that was not asked for");
        return;
    }
    s->asked = false;
    if (watch == NULL) {
        if (!r->canceled) {
            send_cancel(s, r->watch_id);
        }
    } else {
        watch_hold(watch);
        if (r->canceled) {
            take_cancelled(s, watch, r);
        } else {
            take_live(s, watch, r);
        }
        watch_let_go(watch);
    }
    create_next(s);
}

static void take_progress(struct etcd_watch *watch, int64_t revision) {
    if (!watch->progress || !watch_progress_is_true(watch->watches->client)) {
        return;
    }
    if (revision > watch->last) {
        watch->last = revision;
    }
    if (watch->events.on_progress != NULL) {
        watch->events.on_progress(watch->ctx, revision);
    }
}

static void take_news(struct watch_stream *s, struct etcd_watch *watch, const Etcdserverpb__WatchResponse *r) {
    const char *why = NULL;

    if (r->n_events > 0) {
        if (!watch_take_events(watch, r, &s->arena, &why)) {
            distrust(s, why);
            return;
        }
    } else if (!r->canceled && watch->held.count == 0) {
        take_progress(watch, r->header->revision);
    }
    if (r->canceled && watch->state == WATCH_LIVE) {
        take_cancelled(s, watch, r);
    }
}

/* Of a watch that has left, something may still be under way. */
static void take_for_one(struct watch_stream *s, const Etcdserverpb__WatchResponse *r) {
    struct etcd_watch *watch = find(s, r->watch_id);

    if (watch != NULL) {
        watch_hold(watch);
        take_news(s, watch, r);
        watch_let_go(watch);
    }
}

static bool is_of_cluster(const struct watch_stream *s, const Etcdserverpb__ResponseHeader *header) {
    uint64_t cluster_id = etcd_client_cluster_id(s->watches->client);

    return cluster_id == 0 || header->cluster_id == 0 || header->cluster_id == cluster_id;
}

static void take_response(struct watch_stream *s, const Etcdserverpb__WatchResponse *r) {
    if (r->header == NULL) {
        distrust(s, "a watch's response has no header");
    } else if (!is_of_cluster(s, r->header)) {
        distrust(s, "a watch's response is of another cluster");
    } else {
        etcd_client_note_revision(s->watches->client, r->header->revision);
        if (r->created) {
            take_created(s, r);
        } else {
            take_for_one(s, r);
        }
    }
}

/* --- the stream's events --- */

static void on_open(void *ctx) {
    struct watch_stream *s = ctx;

    s->open = true;
    s->asked = false;
    create_next(s);
}

static void on_message(void *ctx, struct slice bytes) {
    struct watch_stream *s = ctx;
    const ProtobufCMessage *message;

    if (!s->open) {
        return;
    }
    hold(s);
    arena_reset(&s->arena);
    message = etcd_message_unpack(&etcdserverpb__watch_response__descriptor, bytes, &s->arena);
    if (message == NULL) {
        distrust(s, "a watch's response cannot be read");
    } else {
        take_response(s, (const Etcdserverpb__WatchResponse *)message);
    }
    let_go(s);
}

/* All that were with the cluster are in `lost` before the first of them is told. */
static void lose_all(struct watch_stream *s) {
    struct etcd_watch *watch;

    if (s->creating != NULL) {
        put_back(s, s->creating);
        s->creating = NULL;
    }
    while ((watch = s->live.first) != NULL) {
        unset_live(s, watch);
        watch->state = WATCH_LOST;
        watch_list_append(&s->lost, watch);
    }
}

static void on_lost(void *ctx, enum store_status status, struct slice text) {
    struct watch_stream *s = ctx;
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
