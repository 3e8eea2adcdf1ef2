/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/watch_stream.h"

#include <stdlib.h>

#include "rpc/watch_send.h"

enum { SLOTS_MIN = 16 };

/* --- by id --- */

static struct rpc_watch **slot_of(const struct watch_stream *stream, int64_t id) {
    return &stream->slots[(uint64_t)id & (stream->slot_count - 1)];
}

struct rpc_watch *watch_stream_find(const struct watch_stream *stream, int64_t id) {
    struct rpc_watch *watch = stream->slot_count > 0 ? *slot_of(stream, id) : NULL;

    while (watch != NULL && watch->id != id) {
        watch = watch->next_in_slot;
    }
    return watch;
}

int64_t watch_stream_free_id(struct watch_stream *stream) {
    while (watch_stream_find(stream, stream->next_id) != NULL) {
        stream->next_id++;
    }
    return stream->next_id++;
}

static void link_watch(struct watch_stream *stream, struct rpc_watch *watch) {
    struct rpc_watch **slot = slot_of(stream, watch->id);

    watch->next_in_slot = *slot;
    *slot = watch;
}

static void unlink_watch(struct watch_stream *stream, struct rpc_watch *watch) {
    struct rpc_watch **place = slot_of(stream, watch->id);

    while (*place != watch) {
        place = &(*place)->next_in_slot;
    }
    *place = watch->next_in_slot;
    stream->count--;
}

static bool grow(struct watch_stream *stream) {
    size_t old_count = stream->slot_count;
    struct rpc_watch **old = stream->slots;
    size_t count = old_count == 0 ? SLOTS_MIN : old_count * 2;
    struct rpc_watch **slots;

    if (stream->count < old_count) {
        return true;
    }
    slots = calloc(count, sizeof(struct rpc_watch *));
    if (slots == NULL) {
        return false;
    }
    stream->slots = slots;
    stream->slot_count = count;
    for (size_t i = 0; i < old_count; i++) {
        for (struct rpc_watch *watch = old[i], *next; watch != NULL; watch = next) {
            next = watch->next_in_slot;
            link_watch(stream, watch);
        }
    }
    free(old);
    return true;
}

/* --- the stream --- */

struct watch_stream *watch_stream_new(struct rpc_call *call) {
    struct watch_hub *hub = watch_hub_of(call->worker);
    struct watch_stream *stream = hub != NULL ? calloc(1, sizeof(*stream)) : NULL;

    if (stream != NULL) {
        stream->call = call;
        stream->worker = call->worker;
        stream->hub = hub;
        stream->notify_ns = call->worker->context->now_ns + call->worker->node->progress_interval_ns;
    }
    return stream;
}

static void ask_no_more(struct watch_stream *stream) {
    if (stream->asking_place != NULL) {
        *stream->asking_place = stream->next_asking;
        if (stream->next_asking != NULL) {
            stream->next_asking->asking_place = stream->asking_place;
        }
        stream->asking_place = NULL;
    }
}

void watch_stream_free(struct watch_stream *stream) {
    for (size_t i = 0; i < stream->slot_count; i++) {
        while (stream->slots[i] != NULL) {
            watch_stream_remove(stream, stream->slots[i]);
        }
    }
    watch_stream_unpark(stream);
    ask_no_more(stream);
    free(stream->slots);
    free(stream);
}

/* --- watches --- */

static struct rpc_watch *watch_new(struct watch_stream *stream, int64_t id, const struct store_watch *want) {
    const struct store_span *span = &want->span;
    struct rpc_watch *watch = calloc(1, sizeof(*watch) + span->key.size + span->range_end.size);

    if (watch == NULL) {
        return NULL;
    }
    watch->stream = stream;
    watch->id = id;
    watch->next_revision = want->start_revision;
    watch->kind = (uint8_t)((want->want_previous ? WATCH_PREVIOUS : 0) | (want->no_put ? WATCH_NO_PUT : 0) |
                            (want->no_delete ? WATCH_NO_DELETE : 0));
    watch->key_size = (uint32_t)span->key.size;
    watch->range_end_size = (uint32_t)span->range_end.size;
    memcpy(watch->span, span->key.data, span->key.size);
    if (span->range_end.size > 0) {
        memcpy(watch->span + span->key.size, span->range_end.data, span->range_end.size);
    }
    return watch;
}

/* Takes one of the places for watches that the node has. */
static bool take_place(struct watch_stream *stream) {
    struct cmd_node *node = stream->worker->context->node;

    if (atomic_fetch_add_explicit(&node->etcd_watches, 1, memory_order_relaxed) < node->max_watchers) {
        return true;
    }
    atomic_fetch_sub_explicit(&node->etcd_watches, 1, memory_order_relaxed);
    return false;
}

static void give_place(struct watch_stream *stream) {
    atomic_fetch_sub_explicit(&stream->worker->context->node->etcd_watches, 1, memory_order_relaxed);
}

static struct rpc_watch *open_watch(struct watch_stream *stream, int64_t id, const struct store_watch *want,
                                    enum store_status *ret_status, int64_t *ret_revision) {
    struct rpc_watch *watch = watch_new(stream, id, want);

    *ret_status = STORE_NO_MEMORY;
    if (watch != NULL && grow(stream)) {
        *ret_status = watch_hub_join(stream->hub, watch, ret_revision);
    }
    if (*ret_status != STORE_OK) {
        free(watch);
        return NULL;
    }
    stream->count++;
    link_watch(stream, watch);
    return watch;
}

struct rpc_watch *watch_stream_add(struct watch_stream *stream, int64_t id, const struct store_watch *want,
                                   enum store_status *ret_status, int64_t *ret_revision) {
    struct rpc_watch *watch;

    if (!take_place(stream)) {
        *ret_status = STORE_TOO_MANY_WATCHERS;
        return NULL;
    }
    watch = open_watch(stream, id, want, ret_status, ret_revision);
    if (watch == NULL) {
        give_place(stream);
    }
    return watch;
}

void watch_stream_remove(struct watch_stream *stream, struct rpc_watch *watch) {
    unlink_watch(stream, watch);
    stream->notified -= watch->progress_notify ? 1 : 0;
    watch_hub_leave(watch);
    give_place(stream);
    free(watch);
}

bool watch_stream_has_room(const struct watch_stream *stream) {
    return !stream->call->finished && !stream->call->transport->is_full(stream->call);
}

void watch_stream_park(struct watch_stream *stream, struct watch_feed *feed) {
    feed->parked = true;
    feed->next_running = stream->parked;
    stream->parked = feed;
}

/* Takes all out of the list; those whose watch has ended meanwhile end with that. */
void watch_stream_unpark(struct watch_stream *stream) {
    while (stream->parked != NULL) {
        struct watch_feed *feed = stream->parked;

        stream->parked = feed->next_running;
        feed->parked = false;
        if (feed->watcher != NULL) {
            watch_hub_run(feed);
        } else {
            watch_hub_forget(feed);
        }
    }
}

/* --- progress --- */

void watch_stream_run_all(struct watch_stream *stream) {
    for (size_t i = 0; i < stream->slot_count; i++) {
        for (struct rpc_watch *watch = stream->slots[i]; watch != NULL; watch = watch->next_in_slot) {
            watch_hub_run(watch->feed);
        }
    }
}

void watch_stream_ask_progress(struct watch_stream *stream) {
    struct watch_hub *hub = stream->hub;

    stream->progress_asks++;
    if (stream->asking_place == NULL) {
        stream->next_asking = hub->asking;
        stream->asking_place = &hub->asking;
        if (stream->next_asking != NULL) {
            stream->next_asking->asking_place = &stream->next_asking;
        }
        hub->asking = stream;
    }
}

/* Up to where every watch has been told all. */
static int64_t reached_by_all(const struct watch_stream *stream) {
    int64_t reached = store_revision(stream->worker->node->store);

    for (size_t i = 0; i < stream->slot_count; i++) {
        for (const struct rpc_watch *watch = stream->slots[i]; watch != NULL; watch = watch->next_in_slot) {
            reached = watch->feed->reached < reached ? watch->feed->reached : reached;
        }
    }
    return reached;
}

void watch_stream_tell_progress(struct watch_hub *hub) {
    for (struct watch_stream *stream = hub->asking, *next; stream != NULL; stream = next) {
        next = stream->next_asking;
        while (stream->progress_asks > 0 && stream->parked == NULL && watch_stream_has_room(stream)) {
            Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;

            stream->progress_asks--;
            watch_send(stream, WATCH_ID_NONE, reached_by_all(stream), &response);
        }
        if (stream->progress_asks == 0) {
            ask_no_more(stream);
        }
    }
}
