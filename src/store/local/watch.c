/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/watch.h"

#include <stdlib.h>
#include <xxhash.h>

#include "store/local/watcher.h"

enum { SLOTS_MIN = 64 };

void watch_set_init(struct watch_set *set) {
    *set = (struct watch_set){0};
    pthread_mutex_init(&set->lock, NULL);
}

void watch_set_fini(struct watch_set *set) {
    free(set->slots);
    pthread_mutex_destroy(&set->lock);
}

size_t watch_count(struct watch_set *set) {
    size_t count;

    pthread_mutex_lock(&set->lock);
    count = set->count;
    pthread_mutex_unlock(&set->lock);
    return count;
}

/* --- the set --- */

static uint64_t hash_of(struct slice key) {
    return XXH3_64bits(key.data, key.size);
}

static struct local_watcher **list_of(struct watch_set *set, const struct local_watcher *w) {
    return w->single ? &set->slots[w->hash & (set->slot_count - 1)] : &set->ranges;
}

static void link_watcher(struct watch_set *set, struct local_watcher *w) {
    struct local_watcher **list = list_of(set, w);

    w->next = *list;
    w->place = list;
    if (w->next != NULL) {
        w->next->place = &w->next;
    }
    *list = w;
}

static void unlink_watcher(struct local_watcher *w) {
    *w->place = w->next;
    if (w->next != NULL) {
        w->next->place = w->place;
    }
}

static bool grow(struct watch_set *set) {
    size_t count = set->slot_count == 0 ? SLOTS_MIN : set->slot_count * 2;
    struct local_watcher **old = set->slots;
    size_t old_count = set->slot_count;
    struct local_watcher **slots;

    if (set->single_count < set->slot_count) {
        return true;
    }
    slots = calloc(count, sizeof(struct local_watcher *));
    if (slots == NULL) {
        return false;
    }
    set->slots = slots;
    set->slot_count = count;
    for (size_t i = 0; i < old_count; i++) {
        while (old[i] != NULL) {
            struct local_watcher *w = old[i];

            unlink_watcher(w);
            link_watcher(set, w);
        }
    }
    free(old);
    return true;
}

/* --- marking and waking --- */

static void unmark(struct local_watcher *w) {
    if (w->marked_place != NULL) {
        *w->marked_place = w->next_marked;
        if (w->next_marked != NULL) {
            w->next_marked->marked_place = w->marked_place;
        }
        w->marked_place = NULL;
    }
}

static void mark(struct watch_set *set, struct local_watcher *w) {
    if (w->marked_place == NULL) {
        w->next_marked = set->marked;
        w->marked_place = &set->marked;
        if (w->next_marked != NULL) {
            w->next_marked->marked_place = &w->next_marked;
        }
        set->marked = w;
    }
}

static bool wants(const struct local_watcher *w, const struct kv_event *event) {
    return event->kv.mod_revision >= w->watch.start_revision &&
           !(event->kind == KV_EVENT_PUT ? w->watch.no_put : w->watch.no_delete);
}

static void mark_if_wanted(struct watch_set *set, struct local_watcher *w, const struct kv_event *event) {
    if (!wants(w, event)) {
        return;
    }
    if (w->dirty_from == 0) {
        w->dirty_from = event->kv.mod_revision;
    }
    w->dirty_to = event->kv.mod_revision;
    mark(set, w);
}

static void mark_event(struct watch_set *set, const struct kv_event *event) {
    struct local_watcher *w;

    if (set->single_count > 0) {
        uint64_t hash = hash_of(event->kv.key);

        for (w = set->slots[hash & (set->slot_count - 1)]; w != NULL; w = w->next) {
            if (w->hash == hash && slice_equal(w->watch.span.key, event->kv.key)) {
                mark_if_wanted(set, w, event);
            }
        }
    }
    for (w = set->ranges; w != NULL; w = w->next) {
        if (w->dirty_to < event->kv.mod_revision && store_span_contains(&w->watch.span, event->kv.key)) {
            mark_if_wanted(set, w, event);
        }
    }
}

void watch_mark(struct watch_set *set, const struct kv_event *events, size_t count, int64_t revision) {
    pthread_mutex_lock(&set->lock);
    for (size_t i = 0; i < count && set->count > 0; i++) {
        mark_event(set, &events[i]);
    }
    set->marked_revision = revision;
    pthread_mutex_unlock(&set->lock);
}

void watch_wake(struct watch_set *set) {
    pthread_mutex_lock(&set->lock);
    while (set->marked != NULL) {
        struct local_watcher *w = set->marked;

        unmark(w);
        w->wake(w->ctx);
    }
    pthread_mutex_unlock(&set->lock);
}

static int64_t oldest_in(const struct local_watcher *w, int64_t oldest, int64_t found) {
    for (; w != NULL; w = w->next) {
        if (w->dirty_from >= oldest && w->dirty_from < found) {
            found = w->dirty_from;
        }
    }
    return found;
}

int64_t watch_oldest(struct watch_set *set, int64_t oldest) {
    int64_t found;

    if (oldest < 1) {
        oldest = 1; /* 0 is a watcher that has nothing to read */
    }
    pthread_mutex_lock(&set->lock);
    found = oldest_in(set->ranges, oldest, INT64_MAX);
    for (size_t i = 0; i < set->slot_count; i++) {
        found = oldest_in(set->slots[i], oldest, found);
    }
    pthread_mutex_unlock(&set->lock);
    return found;
}

/* --- one watcher --- */

static struct local_watcher *make(struct local *s, const struct store_watch *watch, void (*wake)(void *ctx),
                                  void *ctx) {
    size_t key_size = watch->span.key.size;
    size_t end_size = watch->span.range_end.size;
    struct local_watcher *w = malloc(sizeof(*w) + key_size + end_size);
    char *bytes;

    if (w == NULL) {
        return NULL;
    }
    *w = (struct local_watcher){.base.engine = s->base.engine, .store = s, .watch = *watch, .wake = wake, .ctx = ctx};
    bytes = (char *)(w + 1);
    memcpy(bytes, watch->span.key.data, key_size);
    w->watch.span.key = slice_make(bytes, key_size);
    if (end_size > 0) {
        memcpy(bytes + key_size, watch->span.range_end.data, end_size);
    }
    w->watch.span.range_end = slice_make(bytes + key_size, end_size);
    w->single = end_size == 0;
    w->hash = w->single ? hash_of(w->watch.span.key) : 0;
    return w;
}

/* Under the lock. What is published, or marked and about to be, may hold something for the new watcher. */
static void begin(struct watch_set *set, struct local_watcher *w) {
    int64_t published = atomic_load(&w->store->committed);

    if (w->watch.start_revision == 0) {
        w->watch.start_revision = published + 1;
    }
    w->compacted = atomic_load(&w->store->compacted);
    if (w->watch.start_revision <= set->marked_revision) {
        w->dirty_from = w->watch.start_revision;
        w->dirty_to = set->marked_revision;
        mark(set, w);
    }
    link_watcher(set, w);
    set->count++;
    set->single_count += w->single;
}

struct store_watcher *local_watch_open(struct store *store, const struct store_watch *watch, void (*wake)(void *ctx),
                                       void *ctx, enum store_status *ret_status, int64_t *ret_revision) {
    struct local *s = local_of(store);
    struct watch_set *set = &s->watches;
    struct local_watcher *w = NULL;
    enum store_status status = watch->span.key.size == 0 ? STORE_EMPTY_KEY : STORE_OK;

    if (status == STORE_OK) {
        w = make(s, watch, wake, ctx);
        status = w == NULL ? STORE_NO_MEMORY : STORE_OK;
    }
    pthread_mutex_lock(&set->lock);
    if (status == STORE_OK && set->count >= s->config.max_watchers) {
        status = STORE_TOO_MANY_WATCHERS;
    } else if (status == STORE_OK && !grow(set)) {
        status = STORE_NO_MEMORY;
    }
    if (status == STORE_OK) {
        begin(set, w);
    }
    pthread_mutex_unlock(&set->lock);
    *ret_status = status;
    if (ret_revision != NULL) {
        *ret_revision = atomic_load(&s->committed);
    }
    if (status != STORE_OK) {
        free(w);
        return NULL;
    }
    return &w->base;
}

void local_watcher_close(struct store_watcher *watcher) {
    struct local_watcher *w = (struct local_watcher *)watcher;
    struct watch_set *set = &w->store->watches;

    pthread_mutex_lock(&set->lock);
    unmark(w);
    unlink_watcher(w);
    set->count--;
    set->single_count -= w->single;
    pthread_mutex_unlock(&set->lock);
    free(w);
}

/* Takes what is marked and published. False: nothing. */
static bool take_marks(struct local_watcher *w, int64_t published, int64_t *ret_from) {
    struct watch_set *set = &w->store->watches;
    bool something;

    pthread_mutex_lock(&set->lock);
    something = w->dirty_from != 0 && w->dirty_from <= published;
    *ret_from = w->dirty_from;
    pthread_mutex_unlock(&set->lock);
    return something;
}

/* Everything up to `revision` was read. */
static void clear_marks(struct local_watcher *w, int64_t revision) {
    struct watch_set *set = &w->store->watches;

    pthread_mutex_lock(&set->lock);
    w->dirty_from = w->dirty_to > revision ? revision + 1 : 0;
    pthread_mutex_unlock(&set->lock);
}

void local_watcher_next(struct store_watcher *watcher, size_t max_bytes, struct store_batch *ret_batch) {
    struct local_watcher *w = (struct local_watcher *)watcher;
    int64_t published = atomic_load(&w->store->committed);
    int64_t from;

    *ret_batch = (struct store_batch){.revision = published};
    arena_init(&ret_batch->arena, STORE_ANSWER_MAX);
    if (w->ended) {
        ret_batch->status = STORE_CLOSED;
        return;
    }
    if (!take_marks(w, published, &from)) {
        return;
    }
    ret_batch->status =
        w->watch.start_revision < w->compacted ? STORE_COMPACTED : watch_read(w, from, published, max_bytes, ret_batch);
    if (ret_batch->status != STORE_OK) {
        w->ended = true;
        ret_batch->compact_revision = atomic_load(&w->store->compacted);
        return;
    }
    ret_batch->more = ret_batch->revision < published;
    clear_marks(w, ret_batch->revision);
}
