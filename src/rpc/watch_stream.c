/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/watch_stream.h"

#include <stdlib.h>

enum {
    SLOTS_MIN = 16,
    BATCH_MAX = 256 << 10, /* bytes of events that are read of one watch before the next has its turn */
};

static struct watch_stream *stream_of(struct pending *p) {
    return (struct watch_stream *)(void *)p;
}

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

/* --- waking --- */

/* On a thread of the store. */
static void wake(void *ctx) {
    struct rpc_watch *watch = ctx;
    struct watch_stream *stream = watch->stream;
    struct rpc_watch *head;

    if (atomic_exchange(&watch->woken, true)) {
        return;
    }
    head = atomic_load_explicit(&stream->woken, memory_order_relaxed);
    do {
        watch->next_woken = head;
    } while (!atomic_compare_exchange_weak_explicit(&stream->woken, &head, watch, memory_order_acq_rel,
                                                    memory_order_relaxed));
    if (!atomic_exchange(&stream->posted, true)) {
        pending_post(&stream->pending);
    }
}

static void free_if_unlisted(struct rpc_watch *watch) {
    if (watch->watcher == NULL && !watch->running && !atomic_load(&watch->woken)) {
        free(watch);
    }
}

void watch_stream_run(struct watch_stream *stream, struct rpc_watch *watch) {
    if (!watch->running) {
        watch->running = true;
        watch->next_running = NULL;
        *stream->running_end = watch;
        stream->running_end = &watch->next_running;
    }
}

void watch_stream_run_all(struct watch_stream *stream) {
    for (size_t i = 0; i < stream->slot_count; i++) {
        for (struct rpc_watch *watch = stream->slots[i]; watch != NULL; watch = watch->next_in_slot) {
            watch_stream_run(stream, watch);
        }
    }
}

static struct rpc_watch *take_running(struct watch_stream *stream) {
    struct rpc_watch *watch = stream->running_first;

    if (watch != NULL) {
        stream->running_first = watch->next_running;
        if (stream->running_first == NULL) {
            stream->running_end = &stream->running_first;
        }
        watch->running = false;
    }
    return watch;
}

/* Those that are woken are to be read, in the order in which they were. */
static void take_woken(struct watch_stream *stream) {
    struct rpc_watch *watch = atomic_exchange_explicit(&stream->woken, NULL, memory_order_acq_rel);
    struct rpc_watch *first = NULL;

    while (watch != NULL) {
        struct rpc_watch *next = watch->next_woken;

        watch->next_woken = first;
        first = watch;
        watch = next;
    }
    while (first != NULL) {
        struct rpc_watch *next = first->next_woken;

        /* Before it is read: whatever comes after that wakes it again. */
        atomic_store(&first->woken, false);
        if (first->watcher != NULL) {
            watch_stream_run(stream, first);
        } else {
            free_if_unlisted(first);
        }
        first = next;
    }
}

static void free_stream(struct pending *p) {
    struct watch_stream *stream = stream_of(p);

    take_woken(stream);
    for (struct rpc_watch *watch = take_running(stream); watch != NULL; watch = take_running(stream)) {
        free_if_unlisted(watch);
    }
    free(stream->slots);
    free(stream);
}

static enum pending_next step(struct pending *p) {
    struct watch_stream *stream = stream_of(p);

    atomic_store(&stream->posted, false);
    if (stream->call != NULL) {
        stream->stepping = true;
        take_woken(stream);
        watch_stream_pump(stream);
        stream->stepping = false;
    }
    return stream->call == NULL && !atomic_load(&stream->posted) ? PENDING_DONE : PENDING_WAIT;
}

struct watch_stream *watch_stream_new(struct rpc_call *call) {
    struct watch_stream *stream = calloc(1, sizeof(*stream));

    if (stream != NULL) {
        pending_init(&stream->pending, call->worker->context->completions, call->worker->node->store, step,
                     free_stream);
        stream->call = call;
        stream->worker = call->worker;
        stream->running_end = &stream->running_first;
        stream->notify_ns = call->worker->context->now_ns + call->worker->node->progress_interval_ns;
    }
    return stream;
}

void watch_stream_close(struct watch_stream *stream) {
    for (size_t i = 0; i < stream->slot_count; i++) {
        while (stream->slots[i] != NULL) {
            watch_stream_remove(stream, stream->slots[i]);
        }
    }
    stream->call = NULL;
    /* In the queue, or in its step, it ends there. */
    if (!stream->stepping && !atomic_load(&stream->posted)) {
        store_call_fini(&stream->pending.call);
        free_stream(&stream->pending);
    }
}

struct rpc_watch *watch_stream_add(struct watch_stream *stream, int64_t id, const struct store_watch *watch,
                                   enum store_status *ret_status, int64_t *ret_revision) {
    struct rpc_watch *added = calloc(1, sizeof(*added));

    if (added == NULL || !grow(stream)) {
        free(added);
        *ret_status = STORE_NO_MEMORY;
        return NULL;
    }
    added->stream = stream;
    added->id = id;
    added->watcher = store_watch_open(stream->worker->node->store, watch, wake, added, ret_status, ret_revision);
    if (added->watcher == NULL) {
        free(added);
        return NULL;
    }
    added->reached = watch->start_revision > 0 ? watch->start_revision - 1 : *ret_revision;
    stream->count++;
    link_watch(stream, added);
    return added;
}

void watch_stream_remove(struct watch_stream *stream, struct rpc_watch *watch) {
    unlink_watch(stream, watch);
    stream->notified -= watch->progress_notify ? 1 : 0;
    store_watcher_close(watch->watcher);
    watch->watcher = NULL;
    free_if_unlisted(watch);
}

/* --- sending --- */

/* False: the watch has ended. */
static void read_watch(struct watch_stream *stream, struct rpc_watch *watch) {
    struct store_batch batch;

    store_watcher_next(watch->watcher, BATCH_MAX, &batch);
    if (batch.status != STORE_OK) {
        watch_send_end(watch, &batch);
        watch_stream_remove(stream, watch);
    } else {
        if (batch.count > 0) {
            watch_send_events(watch, &batch);
            watch->spoke = true;
        }
        watch->reached = batch.revision;
        if (batch.more) {
            watch_stream_run(stream, watch);
        }
    }
    store_batch_fini(&batch);
}

/* Up to where every watch has been read. */
static int64_t reached_by_all(const struct watch_stream *stream) {
    int64_t reached = INT64_MAX;

    for (size_t i = 0; i < stream->slot_count; i++) {
        for (const struct rpc_watch *watch = stream->slots[i]; watch != NULL; watch = watch->next_in_slot) {
            reached = watch->reached < reached ? watch->reached : reached;
        }
    }
    return reached < INT64_MAX ? reached : store_revision(stream->worker->node->store);
}

static bool has_room(const struct watch_stream *stream) {
    return stream->call != NULL && !stream->call->finished && !stream->call->transport->is_full(stream->call);
}

void watch_stream_pump(struct watch_stream *stream) {
    struct rpc_watch *watch;

    while (has_room(stream) && (watch = take_running(stream)) != NULL) {
        if (watch->watcher == NULL) {
            free_if_unlisted(watch);
        } else {
            read_watch(stream, watch);
        }
    }
    while (stream->progress_asks > 0 && stream->running_first == NULL && has_room(stream)) {
        Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;

        stream->progress_asks--;
        watch_send(stream, WATCH_ID_NONE, reached_by_all(stream), &response);
    }
}
