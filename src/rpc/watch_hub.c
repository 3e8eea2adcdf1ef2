/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/watch_hub.h"

#include <stdlib.h>

#include "base/hash.h"
#include "rpc/watch_send.h"
#include "rpc/watch_stream.h"

enum {
    SLOTS_MIN = 16,
    BATCH_MAX = 256 << 10, /* bytes of events that are read of one feed before the next has its turn */
};

/* --- the table of shared feeds --- */

static struct slice span_of(const struct rpc_watch *watch) {
    return slice_make(watch->span, (size_t)watch->key_size + watch->range_end_size);
}

static uint64_t hash_of(const struct rpc_watch *watch) {
    return hash_key(span_of(watch), watch->kind + ((uint64_t)watch->key_size << 3));
}

/* All readers of a feed want the same. */
static bool wants_same(const struct watch_feed *feed, const struct rpc_watch *watch) {
    const struct rpc_watch *reader = feed->readers;

    return reader->kind == watch->kind && reader->key_size == watch->key_size &&
           slice_equal(span_of(reader), span_of(watch));
}

static struct watch_feed *find_shared(const struct watch_hub *hub, const struct rpc_watch *watch, uint64_t hash) {
    struct watch_feed *feed = hub->slot_count > 0 ? hub->slots[hash & (hub->slot_count - 1)] : NULL;

    while (feed != NULL && (feed->hash != hash || !wants_same(feed, watch))) {
        feed = feed->next_in_slot;
    }
    return feed;
}

static void link_feed(struct watch_hub *hub, struct watch_feed *feed) {
    struct watch_feed **slot = &hub->slots[feed->hash & (hub->slot_count - 1)];

    feed->next_in_slot = *slot;
    *slot = feed;
}

static bool grow(struct watch_hub *hub) {
    size_t old_count = hub->slot_count;
    struct watch_feed **old = hub->slots;
    size_t count = old_count == 0 ? SLOTS_MIN : old_count * 2;
    struct watch_feed **slots;

    if (hub->count < old_count) {
        return true;
    }
    slots = calloc(count, sizeof(struct watch_feed *));
    if (slots == NULL) {
        return false;
    }
    hub->slots = slots;
    hub->slot_count = count;
    for (size_t i = 0; i < old_count; i++) {
        for (struct watch_feed *feed = old[i], *next; feed != NULL; feed = next) {
            next = feed->next_in_slot;
            link_feed(hub, feed);
        }
    }
    free(old);
    return true;
}

/* Without memory for the table the feed stays its reader's own, and works as well. */
static void open_to_all(struct watch_feed *feed) {
    struct watch_hub *hub = feed->hub;

    if (grow(hub)) {
        link_feed(hub, feed);
        hub->count++;
        feed->shared = true;
    }
}

static void close_to_all(struct watch_feed *feed) {
    struct watch_hub *hub = feed->hub;
    struct watch_feed **place = &hub->slots[feed->hash & (hub->slot_count - 1)];

    while (*place != feed) {
        place = &(*place)->next_in_slot;
    }
    *place = feed->next_in_slot;
    hub->count--;
    feed->shared = false;
}

/* --- waking --- */

/* On a thread of the store. */
static void wake(void *ctx) {
    struct watch_feed *feed = ctx;
    struct watch_hub *hub = feed->hub;
    struct watch_feed *head;

    if (atomic_exchange(&feed->woken, true)) {
        return;
    }
    head = atomic_load_explicit(&hub->woken, memory_order_relaxed);
    do {
        feed->next_woken = head;
    } while (
        !atomic_compare_exchange_weak_explicit(&hub->woken, &head, feed, memory_order_acq_rel, memory_order_relaxed));
    if (!atomic_exchange(&hub->posted, true)) {
        pending_post(&hub->pending);
    }
}

void watch_hub_forget(struct watch_feed *feed) {
    if (feed->watcher == NULL && !feed->running && !feed->parked && !atomic_load(&feed->woken)) {
        free(feed);
    }
}

void watch_hub_run(struct watch_feed *feed) {
    struct watch_hub *hub = feed->hub;

    if (!feed->running && !feed->parked) {
        feed->running = true;
        feed->next_running = NULL;
        *hub->running_end = feed;
        hub->running_end = &feed->next_running;
    }
}

static struct watch_feed *take_running(struct watch_hub *hub) {
    struct watch_feed *feed = hub->running_first;

    if (feed != NULL) {
        hub->running_first = feed->next_running;
        if (hub->running_first == NULL) {
            hub->running_end = &hub->running_first;
        }
        feed->running = false;
    }
    return feed;
}

/* Those that are woken are to be read, in the order in which they were. */
static void take_woken(struct watch_hub *hub) {
    struct watch_feed *feed = atomic_exchange_explicit(&hub->woken, NULL, memory_order_acq_rel);
    struct watch_feed *first = NULL;

    while (feed != NULL) {
        struct watch_feed *next = feed->next_woken;

        feed->next_woken = first;
        first = feed;
        feed = next;
    }
    while (first != NULL) {
        struct watch_feed *next = first->next_woken;

        /* Before it is read: whatever comes after that wakes it again. */
        atomic_store(&first->woken, false);
        if (first->watcher != NULL) {
            watch_hub_run(first);
        } else {
            watch_hub_forget(first);
        }
        first = next;
    }
}

/* --- the hub --- */

static enum pending_next step(struct pending *p) {
    struct watch_hub *hub = (struct watch_hub *)(void *)p;

    atomic_store(&hub->posted, false);
    take_woken(hub);
    watch_hub_pump(hub);
    return PENDING_WAIT;
}

static void free_hub(struct pending *p) {
    struct watch_hub *hub = (struct watch_hub *)(void *)p;

    free(hub->slots);
    free(hub);
}

struct watch_hub *watch_hub_of(struct rpc_worker *w) {
    struct watch_hub *hub = w->watches;

    if (hub == NULL) {
        hub = calloc(1, sizeof(*hub));
        if (hub != NULL) {
            pending_init(&hub->pending, w->context->completions, w->node->store, step, free_hub);
            hub->worker = w;
            hub->running_end = &hub->running_first;
            w->watches = hub;
        }
    }
    return hub;
}

void watch_hub_free(struct watch_hub *hub) {
    if (hub != NULL) {
        take_woken(hub);
        for (struct watch_feed *feed = take_running(hub); feed != NULL; feed = take_running(hub)) {
            watch_hub_forget(feed);
        }
        store_call_fini(&hub->pending.call);
        free_hub(&hub->pending);
    }
}

/* --- joining and leaving --- */

static void add_reader(struct watch_feed *feed, struct rpc_watch *watch) {
    watch->feed = feed;
    watch->next = feed->readers;
    watch->place = &feed->readers;
    if (watch->next != NULL) {
        watch->next->place = &watch->next;
    }
    feed->readers = watch;
}

static void drop_reader(struct rpc_watch *watch) {
    *watch->place = watch->next;
    if (watch->next != NULL) {
        watch->next->place = watch->place;
    }
    watch->place = NULL;
    watch->feed = NULL;
}

/* Its last reader goes: the table knows a feed by its readers. */
static void end_feed(struct watch_feed *feed) {
    if (feed->shared) {
        close_to_all(feed);
    }
    store_watcher_close(feed->watcher);
    feed->watcher = NULL;
}

void watch_hub_leave(struct rpc_watch *watch) {
    struct watch_feed *feed = watch->feed;

    if (feed == NULL) {
        return;
    }
    if (watch->next == NULL && watch->place == &feed->readers) {
        end_feed(feed);
    }
    drop_reader(watch);
    watch_hub_forget(feed);
}

/* Of a store in front of a cluster, two kinds of watchers are met here, and nothing says which one is. Those that are fed from
 * what the node remembers are as strict as the embedded engine's: they begin where they say. Those that are the cluster's own
 * (until the node knows the cluster, of keys that it is not told of, from before what it remembers) may begin somewhat later than
 * where they were opened. What follows is right for both. */

/* Where "now" is: behind all that was answered to anybody, though a read may not find it yet. */
static int64_t now_of(const struct rpc_node *node) {
    int64_t now = store_revision(node->store);
    int64_t heard = node->cluster != NULL ? store_revision(node->cluster) : now;

    return heard > now ? heard : now;
}

/* Not later than from now: others will share the feed, and each reader passes over what it does not want. But what is known of
 * a cluster's revision may be long past, and what lies behind it compacted. */
static int64_t start_of(const struct rpc_node *node, const struct rpc_watch *watch) {
    int64_t now = store_revision(node->store);

    return !node->is_remote && watch->next_revision > now + 1 ? now + 1 : watch->next_revision;
}

/* Whether a feed with that start misses nothing that is still to come, where the store was at `revision`. */
static bool is_from_now(const struct rpc_node *node, int64_t start, int64_t revision) {
    return start == 0 || (node->is_remote ? start == revision + 1 : start > revision);
}

/* Whether a feed has still to tell all behind `revision`. One in a cluster that has told nothing yet may begin later than where
 * it was opened: from when the cluster first knows of it. */
static bool misses_nothing(const struct watch_feed *feed, int64_t revision) {
    return feed->reached <= revision && (feed->told || !feed->hub->worker->node->is_remote);
}

static enum store_status open_feed(struct watch_hub *hub, struct rpc_watch *watch, uint64_t hash,
                                   int64_t *ret_revision) {
    const struct rpc_node *node = hub->worker->node;
    const struct store_watch want = {
        .span = {.key = slice_make(watch->span, watch->key_size),
                 .range_end = slice_make(watch->span + watch->key_size, watch->range_end_size)},
        .start_revision = start_of(node, watch),
        .want_previous = (watch->kind & WATCH_PREVIOUS) != 0,
        .no_put = (watch->kind & WATCH_NO_PUT) != 0,
        .no_delete = (watch->kind & WATCH_NO_DELETE) != 0,
    };
    struct watch_feed *feed = calloc(1, sizeof(*feed));
    enum store_status status = STORE_NO_MEMORY;

    if (feed != NULL) {
        feed->hub = hub;
        feed->hash = hash;
        feed->watcher = store_watch_open(node->store, &want, wake, feed, &status, ret_revision);
    }
    if (feed == NULL || feed->watcher == NULL) {
        free(feed);
        return status;
    }
    add_reader(feed, watch);
    if (is_from_now(node, want.start_revision, *ret_revision)) {
        feed->reached = *ret_revision;
        open_to_all(feed);
    } else {
        feed->reached = want.start_revision - 1;
        watch_hub_run(feed);
    }
    return STORE_OK;
}

enum store_status watch_hub_join(struct watch_hub *hub, struct rpc_watch *watch, int64_t *ret_revision) {
    uint64_t hash = hash_of(watch);
    struct watch_feed *feed = find_shared(hub, watch, hash);
    enum store_status status = STORE_OK;

    *ret_revision = now_of(hub->worker->node);
    if (feed != NULL && (watch->next_revision == 0 || misses_nothing(feed, watch->next_revision - 1))) {
        /* What the feed has told is not told again, even if it came from the cluster before the node's store got so far. */
        *ret_revision = feed->reached > *ret_revision ? feed->reached : *ret_revision;
        add_reader(feed, watch);
    } else {
        status = open_feed(hub, watch, hash, ret_revision);
    }
    if (watch->next_revision == 0) {
        watch->next_revision = *ret_revision + 1;
    }
    return status;
}

/* A feed of one reader that has caught up: from now on others may share it, or it ends for the one that is shared. */
static void settle(struct watch_feed *feed) {
    struct rpc_watch *watch = feed->readers;
    struct watch_feed *other = find_shared(feed->hub, watch, feed->hash);
    const struct rpc_node *node = feed->hub->worker->node;

    if (node->is_remote && feed->reached > store_revision(node->store)) {
        return; /* it starts later than now, as far as is known */
    }
    if (other == NULL) {
        open_to_all(feed);
    } else if (misses_nothing(other, feed->reached)) {
        end_feed(feed);
        drop_reader(watch);
        add_reader(other, watch);
        watch_hub_forget(feed);
    }
}

/* --- reading --- */

static void end_readers(struct watch_feed *feed, const struct store_batch *batch) {
    for (struct rpc_watch *watch = feed->readers, *next; watch != NULL; watch = next) {
        next = watch->next; /* the last one takes the feed with it */
        watch_send_end(watch, batch);
        watch_stream_remove(watch->stream, watch);
    }
}

/* Gives a watch whose client is slow a feed of its own, which goes on where the client is. */
static void detach(struct rpc_watch *watch) {
    struct watch_stream *stream = watch->stream;
    int64_t revision;
    struct store_batch none = {0};

    /* Of what its feed has read it has missed nothing, though there may have been nothing to tell. */
    if (watch->next_revision <= watch->feed->reached) {
        watch->next_revision = watch->feed->reached + 1;
    }
    watch_hub_leave(watch);
    none.status = open_feed(stream->hub, watch, hash_of(watch), &revision);
    if (none.status != STORE_OK) {
        watch_send_end(watch, &none);
        watch_stream_remove(stream, watch);
    }
}

/* False: the feed has ended, because all its readers were slow. */
static bool hand_out(struct watch_feed *feed, const struct store_batch *batch) {
    struct watch_news news;
    bool stays = true;

    watch_news_begin(&news, feed->hub->worker, batch);
    for (struct rpc_watch *watch = feed->readers, *next; watch != NULL; watch = next) {
        next = watch->next;
        if (watch_stream_has_room(watch->stream)) {
            watch_news_send(&news, watch);
        } else {
            stays = next != NULL || feed->readers != watch;
            detach(watch);
        }
    }
    watch_news_end(&news);
    return stays;
}

static void read_feed(struct watch_feed *feed) {
    struct store_batch batch;

    /* What was read could not be given back. */
    if (!feed->shared && !watch_stream_has_room(feed->readers->stream)) {
        watch_stream_park(feed->readers->stream, feed);
        return;
    }
    store_watcher_next(feed->watcher, BATCH_MAX, &batch);
    if (batch.status != STORE_OK) {
        end_readers(feed, &batch);
    } else if (batch.count == 0 || hand_out(feed, &batch)) {
        feed->told = feed->told || batch.count > 0 || batch.revision > feed->reached;
        feed->reached = batch.revision;
        if (batch.more) {
            watch_hub_run(feed);
        } else if (!feed->shared) {
            settle(feed);
        }
    }
    store_batch_fini(&batch);
}

void watch_hub_pump(struct watch_hub *hub) {
    struct watch_feed *feed;

    while ((feed = take_running(hub)) != NULL) {
        if (feed->watcher == NULL) {
            watch_hub_forget(feed);
        } else {
            read_feed(feed);
        }
    }
    watch_stream_tell_progress(hub);
}
