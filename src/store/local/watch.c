/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/watch.h"

#include <stdlib.h>

#include "store/local/watcher.h"

void watchers_init(struct watchers *watchers) {
    watchers->marked_revision = 0;
    watch_set_init(&watchers->set);
}

void watchers_fini(struct watchers *watchers) {
    watch_set_fini(&watchers->set);
}

size_t watch_count(struct watchers *watchers) {
    size_t count;

    pthread_mutex_lock(&watchers->set.lock);
    count = watchers->set.count;
    pthread_mutex_unlock(&watchers->set.lock);
    return count;
}

/* --- marking and waking --- */

void watch_mark(struct watchers *watchers, const struct kv_event *events, size_t count, int64_t revision) {
    pthread_mutex_lock(&watchers->set.lock);
    watch_set_mark_events(&watchers->set, events, count);
    watchers->marked_revision = revision;
    pthread_mutex_unlock(&watchers->set.lock);
}

void watch_wake(struct watchers *watchers) {
    pthread_mutex_lock(&watchers->set.lock);
    watch_set_wake(&watchers->set);
    pthread_mutex_unlock(&watchers->set.lock);
}

int64_t watch_oldest(struct watchers *watchers, int64_t oldest) {
    int64_t found;

    pthread_mutex_lock(&watchers->set.lock);
    found = watch_set_oldest(&watchers->set, oldest);
    pthread_mutex_unlock(&watchers->set.lock);
    return found;
}

/* --- one watcher --- */

static struct local_watcher *make(struct local *s, const struct store_watch *watch, void (*wake)(void *ctx),
                                  void *ctx) {
    struct local_watcher *w = malloc(sizeof(*w) + watch->span.key.size + watch->span.range_end.size);

    if (w != NULL) {
        *w = (struct local_watcher){.base.engine = s->base.engine, .store = s};
        watch_entry_init(&w->entry, watch, (char *)(w + 1), wake, ctx);
    }
    return w;
}

/* Under the lock. What is published, or marked and about to be, may hold something for the new watcher. */
static void begin(struct watchers *watchers, struct local_watcher *w) {
    int64_t published = atomic_load(&w->store->committed);
    struct store_watch *watch = &w->entry.watch;

    if (watch->start_revision == 0) {
        watch->start_revision = published + 1;
    }
    w->compacted = atomic_load(&w->store->compacted);
    if (watch->start_revision <= watchers->marked_revision) {
        watch_set_mark(&watchers->set, &w->entry, watch->start_revision, watchers->marked_revision);
    }
    watch_set_add(&watchers->set, &w->entry);
}

struct store_watcher *local_watch_open(struct store *store, const struct store_watch *watch, void (*wake)(void *ctx),
                                       void *ctx, enum store_status *ret_status, int64_t *ret_revision) {
    struct local *s = local_of(store);
    struct watch_set *set = &s->watches.set;
    struct local_watcher *w = NULL;
    enum store_status status = watch->span.key.size == 0 ? STORE_EMPTY_KEY : STORE_OK;

    if (status == STORE_OK) {
        w = make(s, watch, wake, ctx);
        status = w == NULL ? STORE_NO_MEMORY : STORE_OK;
    }
    pthread_mutex_lock(&set->lock);
    if (status == STORE_OK && set->count >= s->config.max_watchers) {
        status = STORE_TOO_MANY_WATCHERS;
    } else if (status == STORE_OK && !watch_set_reserve(set)) {
        status = STORE_NO_MEMORY;
    }
    if (status == STORE_OK) {
        begin(&s->watches, w);
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
    struct watch_set *set = &w->store->watches.set;

    pthread_mutex_lock(&set->lock);
    watch_set_remove(set, &w->entry);
    pthread_mutex_unlock(&set->lock);
    free(w);
}

/* Takes what is marked and published. False: nothing. */
static bool take_marks(struct local_watcher *w, int64_t published, int64_t *ret_from) {
    struct watch_set *set = &w->store->watches.set;
    bool something;

    pthread_mutex_lock(&set->lock);
    something = w->entry.dirty_from != 0 && w->entry.dirty_from <= published;
    *ret_from = w->entry.dirty_from;
    pthread_mutex_unlock(&set->lock);
    return something;
}

/* Everything up to `revision` was read. */
static void clear_marks(struct local_watcher *w, int64_t revision) {
    struct watch_set *set = &w->store->watches.set;

    pthread_mutex_lock(&set->lock);
    watch_entry_was_read(&w->entry, revision);
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
    ret_batch->status = w->entry.watch.start_revision < w->compacted
                            ? STORE_COMPACTED
                            : watch_read(w, from, published, max_bytes, ret_batch);
    if (ret_batch->status != STORE_OK) {
        w->ended = true;
        ret_batch->compact_revision = atomic_load(&w->store->compacted);
        return;
    }
    ret_batch->more = ret_batch->revision < published;
    clear_marks(w, ret_batch->revision);
}
