/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_cluster.h"

#include <assert.h>
#include <stdlib.h>

#include "store/span.h"

enum { REVISIONS_MAX = 4, EVENTS_MAX = 64 };

struct fake_watcher {
    struct store_watcher base; /* first */
    struct fake_cluster *cluster;
    struct store_watch watch; /* its slices lie behind this struct */
    void (*wake)(void *ctx);
    void *ctx;
    struct fake_watcher *next;
    int64_t at;      /* up to where it has looked */
    int64_t reached; /* as it says */
    bool ended;
};

static struct fake_cluster *cluster_of(struct store *s) {
    return (struct fake_cluster *)(void *)s;
}

static char *copy_of(struct slice s) {
    char *copy = malloc(s.size + 1);

    if (s.size > 0) {
        memcpy(copy, s.data, s.size);
    }
    return copy;
}

bool fake_cluster_wants(const struct store_watch *watch, const struct kv_event *event) {
    return store_span_contains(&watch->span, event->kv.key) &&
           !(event->kind == KV_EVENT_PUT ? watch->no_put : watch->no_delete);
}

size_t fake_cluster_behind(const struct fake_cluster *c, int64_t revision) {
    size_t low = 0;
    size_t high = c->count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (c->log[middle].kv.mod_revision <= revision) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* --- watchers --- */

static struct store_watcher *open_watcher(struct store *s, const struct store_watch *watch, void (*wake)(void *ctx),
                                          void *ctx, enum store_status *ret_status, int64_t *ret_revision) {
    struct fake_cluster *c = cluster_of(s);
    struct fake_watcher *w = NULL;

    pthread_mutex_lock(&c->lock);
    *ret_status = c->fails;
    if (c->fails == STORE_OK) {
        w = calloc(1, sizeof(*w));
        *w = (struct fake_watcher){.base.engine = s->engine, .cluster = c, .watch = *watch, .wake = wake, .ctx = ctx};
        w->watch.span.key = slice_make(copy_of(watch->span.key), watch->span.key.size);
        w->watch.span.range_end = slice_make(copy_of(watch->span.range_end), watch->span.range_end.size);
        if (watch->start_revision > 0) {
            w->at = watch->start_revision - 1;
            w->reached = w->at;
        } else {
            w->at = c->known > 0 ? c->known : c->through;
            w->reached = c->known;
        }
        w->next = c->watchers;
        c->watchers = w;
        c->open++;
        c->opened++;
    }
    if (ret_revision != NULL) {
        *ret_revision = c->known;
    }
    pthread_mutex_unlock(&c->lock);
    return w != NULL ? &w->base : NULL;
}

static void close_watcher(struct store_watcher *watcher) {
    struct fake_watcher *w = (struct fake_watcher *)(void *)watcher;
    struct fake_cluster *c = w->cluster;
    struct fake_watcher **place = &c->watchers;

    pthread_mutex_lock(&c->lock);
    while (*place != w) {
        place = &(*place)->next;
    }
    *place = w->next;
    c->open--;
    pthread_mutex_unlock(&c->lock);
    free((char *)(uintptr_t)w->watch.span.key.data);
    free((char *)(uintptr_t)w->watch.span.range_end.data);
    free(w);
}

static void copy_kv(struct store_batch *batch, const struct kv *kv, struct kv *ret_kv) {
    *ret_kv = *kv;
    arena_copy(&batch->arena, kv->key, &ret_kv->key);
    arena_copy(&batch->arena, kv->value, &ret_kv->value);
}

/* Some revisions at a time, as a queue of pieces would. */
static void read_log(struct fake_watcher *w, struct store_batch *batch) {
    struct fake_cluster *c = w->cluster;
    size_t i = fake_cluster_behind(c, w->at);
    unsigned revisions = 0;

    batch->events = arena_calloc(&batch->arena, EVENTS_MAX, sizeof(*batch->events));
    for (; i < c->count && c->log[i].kv.mod_revision <= c->through; i++) {
        const struct kv_event *event = &c->log[i];
        struct kv_event *copy = &batch->events[batch->count];

        if (!fake_cluster_wants(&w->watch, event)) {
            continue;
        }
        if (event->kv.mod_revision != batch->revision && ++revisions > REVISIONS_MAX) {
            batch->more = true;
            break;
        }
        assert(batch->count < EVENTS_MAX);
        batch->revision = event->kv.mod_revision;
        batch->count++;
        *copy = (struct kv_event){.kind = event->kind};
        copy_kv(batch, &event->kv, &copy->kv);
        if (w->watch.want_previous && event->has_previous) {
            copy->has_previous = true;
            copy_kv(batch, &event->previous, &copy->previous);
        }
    }
    if (batch->count > 0) {
        w->at = batch->revision;
        w->reached = batch->revision;
    }
    batch->revision = w->reached;
}

static void next(struct store_watcher *watcher, size_t max_bytes, struct store_batch *ret_batch) {
    struct fake_watcher *w = (struct fake_watcher *)(void *)watcher;
    struct fake_cluster *c = w->cluster;

    (void)max_bytes;
    *ret_batch = (struct store_batch){.status = STORE_OK};
    arena_init(&ret_batch->arena, STORE_ANSWER_MAX);
    pthread_mutex_lock(&c->lock);
    if (w->ended) {
        ret_batch->status = STORE_CLOSED;
    } else if (w->at + 1 < c->compacted) {
        ret_batch->status = STORE_COMPACTED;
        ret_batch->compact_revision = c->compacted;
        w->ended = true;
    } else {
        read_log(w, ret_batch);
    }
    pthread_mutex_unlock(&c->lock);
}

static int64_t revision(const struct store *s) {
    struct fake_cluster *c = (struct fake_cluster *)(uintptr_t)s;
    int64_t known;

    pthread_mutex_lock(&c->lock);
    known = c->known;
    pthread_mutex_unlock(&c->lock);
    return known;
}

static const struct store_engine engine = {
    .revision = revision,
    .watch_open = open_watcher,
    .watcher_next = next,
    .watcher_close = close_watcher,
};

/* --- the cluster --- */

void fake_cluster_init(struct fake_cluster *c) {
    *c = (struct fake_cluster){.base.engine = &engine};
    pthread_mutex_init(&c->lock, NULL);
}

static void free_log(struct fake_cluster *c) {
    for (size_t i = 0; i < c->count; i++) {
        free((char *)(uintptr_t)c->log[i].kv.key.data);
        free((char *)(uintptr_t)c->log[i].kv.value.data);
    }
    c->count = 0;
}

void fake_cluster_fini(struct fake_cluster *c) {
    free_log(c);
    free(c->log);
    pthread_mutex_destroy(&c->lock);
}

static const struct kv_event *newest_of(const struct fake_cluster *c, struct slice key) {
    for (size_t i = c->count; i > 0; i--) {
        if (slice_equal(c->log[i - 1].kv.key, key)) {
            return &c->log[i - 1];
        }
    }
    return NULL;
}

void fake_cluster_add(struct fake_cluster *c, struct slice key, struct slice value, bool next_revision) {
    struct kv_event event = {.kind = value.size > 0 ? KV_EVENT_PUT : KV_EVENT_DELETE};
    const struct kv_event *before;

    pthread_mutex_lock(&c->lock);
    if (c->count == c->capacity) {
        c->capacity = c->capacity == 0 ? 64 : c->capacity * 2;
        c->log = realloc(c->log, c->capacity * sizeof(*c->log));
    }
    before = newest_of(c, key);
    c->revision += next_revision;
    if (before != NULL && before->kind == KV_EVENT_PUT) {
        event.has_previous = true;
        event.previous = before->kv;
    }
    event.kv = (struct kv){.key = slice_make(copy_of(key), key.size),
                           .value = slice_make(copy_of(value), value.size),
                           .mod_revision = c->revision};
    c->log[c->count++] = event;
    pthread_mutex_unlock(&c->lock);
}

static void wake_all(struct fake_cluster *c) {
    for (struct fake_watcher *w = c->watchers; w != NULL; w = w->next) {
        w->wake(w->ctx);
    }
}

void fake_cluster_deliver(struct fake_cluster *c, int64_t revision) {
    pthread_mutex_lock(&c->lock);
    c->through = revision > c->through ? revision : c->through;
    wake_all(c);
    pthread_mutex_unlock(&c->lock);
}

static bool has_nothing(const struct fake_watcher *w) {
    const struct fake_cluster *c = w->cluster;

    for (size_t i = fake_cluster_behind(c, w->at); i < c->count; i++) {
        if (fake_cluster_wants(&w->watch, &c->log[i])) {
            return false;
        }
    }
    return true;
}

void fake_cluster_progress(struct fake_cluster *c) {
    pthread_mutex_lock(&c->lock);
    c->through = c->revision;
    for (struct fake_watcher *w = c->watchers; w != NULL; w = w->next) {
        if (c->revision > w->reached && has_nothing(w)) {
            w->reached = c->revision;
            w->at = c->revision;
        }
    }
    wake_all(c);
    pthread_mutex_unlock(&c->lock);
}

void fake_cluster_compact(struct fake_cluster *c, int64_t revision) {
    pthread_mutex_lock(&c->lock);
    c->compacted = revision;
    wake_all(c);
    pthread_mutex_unlock(&c->lock);
}

void fake_cluster_rewind(struct fake_cluster *c) {
    pthread_mutex_lock(&c->lock);
    free_log(c);
    c->revision = 0;
    c->known = 0;
    c->through = 0;
    c->compacted = 0;
    pthread_mutex_unlock(&c->lock);
}
