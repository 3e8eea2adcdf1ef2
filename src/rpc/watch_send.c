/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/watch_send.h"

#include "rpc/kv_response.h"
#include "rpc/watch_stream.h"

enum { FRAGMENT_MAX = STORE_REQUEST_MAX /* bytes of events in one piece, as in etcd */ };

void watch_send(struct watch_stream *stream, int64_t id, int64_t revision, Etcdserverpb__WatchResponse *response) {
    Etcdserverpb__ResponseHeader header = rpc_header(stream->worker, revision);

    response->header = &header;
    response->watch_id = id;
    rpc_send(stream->call, &response->base);
}

void watch_send_end(const struct rpc_watch *watch, const struct store_batch *batch) {
    struct watch_stream *stream = watch->stream;
    Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;
    char reason[ETCD_REASON_MAX];

    response.canceled = true;
    if (batch->status == STORE_COMPACTED) {
        response.compact_revision = batch->compact_revision;
        watch_send(stream, watch->id, 0, &response); /* without a revision, as in etcd */
    } else {
        response.cancel_reason = etcd_error_reason(rpc_error_of(batch->status), reason);
        watch_send(stream, watch->id, store_revision(stream->worker->node->store), &response);
    }
}

/* --- events --- */

/* What protobuf-c needs of one event. */
struct event_messages {
    Mvccpb__Event event;
    Mvccpb__KeyValue kv;
    Mvccpb__KeyValue previous;
};

static void fill_event(const struct kv_event *event, struct event_messages *m) {
    mvccpb__event__init(&m->event);
    m->event.type = event->kind == KV_EVENT_PUT ? MVCCPB__EVENT__EVENT_TYPE__PUT : MVCCPB__EVENT__EVENT_TYPE__DELETE;
    kv_message(&event->kv, &m->kv);
    m->event.kv = &m->kv;
    if (event->has_previous) {
        kv_message(&event->previous, &m->previous);
        m->event.prev_kv = &m->previous;
    }
}

static size_t size_of(const struct kv_event *event) {
    size_t size = event->kv.key.size + event->kv.value.size;

    return event->has_previous ? size + event->previous.key.size + event->previous.value.size : size;
}

void watch_news_begin(struct watch_news *news, struct rpc_worker *worker, const struct store_batch *batch) {
    *news = (struct watch_news){.worker = worker, .batch = batch};
    arena_init(&news->arena, SIZE_MAX);
}

void watch_news_end(struct watch_news *news) {
    arena_fini(&news->arena);
}

static bool make(struct watch_news *news) {
    const struct store_batch *batch = news->batch;
    const Etcdserverpb__ResponseHeader header = rpc_header(news->worker, batch->revision);
    struct event_messages *messages = arena_calloc(&news->arena, batch->count, sizeof(*messages));
    Mvccpb__Event **events = arena_calloc(&news->arena, batch->count, sizeof(Mvccpb__Event *));

    if (messages == NULL || events == NULL) {
        return false;
    }
    for (size_t i = 0; i < batch->count; i++) {
        fill_event(&batch->events[i], &messages[i]);
        events[i] = &messages[i].event;
        news->size += size_of(&batch->events[i]);
    }
    if (!etcd_watch_parts_make(&header, events, batch->count, &news->arena, &news->parts)) {
        return false;
    }
    news->events = events;
    return true;
}

/* How many of the events from `at` on make one piece. */
static size_t piece_of(const struct watch_news *news, const struct rpc_watch *watch, size_t at) {
    const struct store_batch *batch = news->batch;
    size_t count = 0;
    size_t size = 0;

    if (!watch->fragment) {
        return batch->count - at;
    }
    do {
        size += size_of(&batch->events[at + count]);
        count++;
    } while (at + count < batch->count && size + size_of(&batch->events[at + count]) <= FRAGMENT_MAX);
    return count;
}

/* Those from `at` on, one message for each piece. */
static void send_pieces(struct watch_news *news, struct rpc_watch *watch, size_t at) {
    const struct store_batch *batch = news->batch;

    for (size_t count; at < batch->count; at += count) {
        Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;

        count = piece_of(news, watch, at);
        response.events = news->events + at;
        response.n_events = count;
        response.fragment = at + count < batch->count;
        watch_send(watch->stream, watch->id, batch->revision, &response);
    }
}

/* All of them, as they were encoded for everybody. */
static void send_whole(struct watch_news *news, struct rpc_watch *watch) {
    struct rpc_call *call = watch->stream->call;
    char *place;

    if (call->finished) {
        return;
    }
    place = call->transport->place(call, etcd_watch_message_size(&news->parts, watch->id));
    if (place != NULL) {
        etcd_watch_message_write(&news->parts, watch->id, place);
    }
}

/* The first event that the watch has not been told of. */
static size_t first_new(const struct watch_news *news, const struct rpc_watch *watch) {
    size_t at = 0;

    while (at < news->batch->count && news->batch->events[at].kv.mod_revision < watch->next_revision) {
        at++;
    }
    return at;
}

void watch_news_send(struct watch_news *news, struct rpc_watch *watch) {
    struct rpc_call *call = watch->stream->call;
    size_t at = first_new(news, watch);

    if (at < news->batch->count) {
        if (news->events == NULL && !make(news)) {
            rpc_finish(call, ETCD_ERROR_NO_MEMORY);
            return;
        }
        if (at == 0 && call->transport->place != NULL && (!watch->fragment || news->size <= FRAGMENT_MAX)) {
            send_whole(news, watch);
        } else {
            send_pieces(news, watch, at);
        }
        watch->spoke = true;
    }
    if (news->batch->revision >= watch->next_revision) {
        watch->next_revision = news->batch->revision + 1;
    }
}
