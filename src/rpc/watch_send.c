/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/watch_stream.h"

#include "rpc/kv_response.h"

enum { FRAGMENT_MAX = STORE_REQUEST_MAX /* bytes of events in one piece, as in etcd */ };

void watch_send(struct watch_stream *stream, int64_t id, int64_t revision, Etcdserverpb__WatchResponse *response) {
    Etcdserverpb__ResponseHeader header = rpc_header(stream->worker, revision);

    response->header = &header;
    response->watch_id = id;
    rpc_send(stream->call, &response->base);
}

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

/* How many of the events from `at` on make one piece. */
static size_t piece_of(const struct rpc_watch *watch, const struct store_batch *batch, size_t at) {
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

void watch_send_events(struct rpc_watch *watch, const struct store_batch *batch) {
    struct watch_stream *stream = watch->stream;
    struct arena arena;
    struct event_messages *messages;
    Mvccpb__Event **events;

    arena_init(&arena, SIZE_MAX);
    messages = arena_calloc(&arena, batch->count, sizeof(*messages));
    events = arena_calloc(&arena, batch->count, sizeof(Mvccpb__Event *));
    if (messages == NULL || events == NULL) {
        rpc_finish(stream->call, ETCD_ERROR_NO_MEMORY);
        arena_fini(&arena);
        return;
    }
    for (size_t i = 0; i < batch->count; i++) {
        fill_event(&batch->events[i], &messages[i]);
        events[i] = &messages[i].event;
    }
    for (size_t at = 0, count; at < batch->count; at += count) {
        Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;

        count = piece_of(watch, batch, at);
        response.events = events + at;
        response.n_events = count;
        response.fragment = at + count < batch->count;
        watch_send(stream, watch->id, batch->revision, &response);
    }
    arena_fini(&arena);
}

void watch_send_end(struct rpc_watch *watch, const struct store_batch *batch) {
    struct watch_stream *stream = watch->stream;
    Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;
    char reason[128];
    struct slice text = etcd_error_text(rpc_error_of(batch->status));

    response.canceled = true;
    if (batch->status == STORE_COMPACTED) {
        response.compact_revision = batch->compact_revision;
    } else {
        size_t size = text.size < sizeof(reason) ? text.size : sizeof(reason) - 1;

        memcpy(reason, text.data, size);
        reason[size] = '\0';
        response.cancel_reason = reason;
    }
    watch_send(stream, watch->id, store_revision(stream->worker->node->store), &response);
}
