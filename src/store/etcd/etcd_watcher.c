/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "store/copy.h"
#include "store/etcd/internal.h"

/* Watchers: the cluster's events come on the engine's thread and wait in a queue of bounded size until the watcher's thread
 * takes them. A watch whose queue is full is paused, so it costs nothing but what it holds, and goes on where it stopped. */

enum {
    QUEUE_MAX = 1 << 20,  /* bytes that wait for one watcher; at that it is paused, so one response may go beyond */
    PIECE_MAX = 64 << 10, /* of them that are handed out at a time, whole revisions */
    PIECE_COST = 4096,    /* bytes of a piece with next to nothing in it */
    EVENTS_MIN = 12,      /* that it has room for, so that many small ones do not take a piece each */
    ANSWER_MAX = 1 << 30,
};

/* Events of whole revisions. */
struct piece {
    struct piece *next;
    struct arena arena; /* they live in */
    struct kv_event *events;
    size_t count;
    size_t capacity;
    size_t bytes;     /* that it takes, about */
    int64_t revision; /* everything up to it has been handed out with this */
};

struct etcd_watcher {
    struct store_watcher base; /* first */
    struct etcd_store *store;
    void (*wake)(void *ctx);
    void *ctx;
    struct etcd_errand opening;
    struct etcd_errand resuming;
    struct etcd_errand closing;

    /* The engine's thread. */
    struct store_watch wish;  /* its slices are in `span` */
    struct etcd_watch *watch; /* NULL: not opened, or ended */
    bool from_now;            /* where it starts was chosen here, by what was known */
    int64_t begun;            /* where the cluster was when it first knew of the watch; 0: it does not yet */
    int64_t heard;            /* all up to it has come */

    pthread_mutex_t lock; /* for what follows; `wake` is called under it */
    struct piece *first;
    struct piece **end;
    size_t bytes;
    int64_t reached; /* all up to it has been handed out */
    bool woken;      /* since the last etcd_watcher_next */
    bool paused;
    bool resumed; /* `resuming` is on its way */
    bool closed;
    bool over; /* `status` says why, once the queue is empty */
    bool told; /* that it is over */
    enum store_status status;
    int64_t compact_revision;
    char span[];
};

static struct etcd_watcher *watcher_of(struct store_watcher *watcher) {
    return (struct etcd_watcher *)(void *)watcher;
}

/* With the lock held. */
static void wake(struct etcd_watcher *w) {
    if (!w->woken && !w->closed) {
        w->woken = true;
        w->wake(w->ctx);
    }
}

/* --- what comes, on the engine's thread --- */

static void end(struct etcd_watcher *w, enum store_status status, int64_t compact_revision) {
    pthread_mutex_lock(&w->lock);
    if (!w->over) {
        w->over = true;
        w->status = status;
        w->compact_revision = compact_revision;
        wake(w);
    }
    pthread_mutex_unlock(&w->lock);
}

static size_t size_of(const struct kv_event *event) {
    return sizeof(*event) + event->kv.key.size + event->kv.value.size + event->previous.key.size +
           event->previous.value.size;
}

static void free_piece(struct piece *piece) {
    arena_fini(&piece->arena);
    free(piece);
}

/* Appends what there is room for in the array. False: no memory, and the piece is as before. */
static bool fill(struct piece *piece, const struct kv_event *events, size_t count, size_t bytes) {
    for (size_t i = 0; i < count; i++) {
        struct kv_event *copy = &piece->events[piece->count + i];

        copy->kind = events[i].kind;
        copy->has_previous = events[i].has_previous;
        if (!store_kv_copy(&piece->arena, &events[i].kv, &copy->kv) ||
            !store_kv_copy(&piece->arena, &events[i].previous, &copy->previous)) {
            return false;
        }
    }
    piece->count += count;
    piece->bytes += bytes;
    piece->revision = events[count - 1].kv.mod_revision;
    return true;
}

/* NULL: out of memory. */
static struct piece *make_piece(const struct kv_event *events, size_t count, size_t bytes) {
    struct piece *piece = calloc(1, sizeof(*piece));

    if (piece == NULL) {
        return NULL;
    }
    arena_init(&piece->arena, ANSWER_MAX);
    piece->capacity = count < EVENTS_MIN ? EVENTS_MIN : count;
    piece->bytes = PIECE_COST;
    piece->events = arena_calloc(&piece->arena, piece->capacity, sizeof(*piece->events));
    if (piece->events == NULL || !fill(piece, events, count, bytes)) {
        free_piece(piece);
        return NULL;
    }
    return piece;
}

/* How many of the events are the next piece: whole revisions, as many as are not too much. */
static size_t cut(const struct kv_event *events, size_t count, size_t *ret_bytes) {
    size_t taken = 0;

    *ret_bytes = 0;
    while (taken < count) {
        int64_t revision = events[taken].kv.mod_revision;
        size_t bytes = 0;
        size_t i = taken;

        for (; i < count && events[i].kv.mod_revision == revision; i++) {
            bytes += size_of(&events[i]);
        }
        if (taken > 0 && *ret_bytes + bytes > PIECE_MAX) {
            break;
        }
        *ret_bytes += bytes;
        taken = i;
    }
    return taken;
}

static struct piece *last_of(struct etcd_watcher *w) {
    return w->first == NULL ? NULL : (struct piece *)(void *)((char *)w->end - offsetof(struct piece, next));
}

/* With the lock held. To the last piece, if there is room, else as a new one. False: no memory. */
static bool add_events(struct etcd_watcher *w, const struct kv_event *events, size_t count, size_t bytes) {
    struct piece *last = last_of(w);

    if (last != NULL && last->count + count <= last->capacity && last->bytes + bytes <= PIECE_MAX &&
        fill(last, events, count, bytes)) {
        w->bytes += bytes;
        return true;
    }
    last = make_piece(events, count, bytes);
    if (last == NULL) {
        return false;
    }
    *w->end = last;
    w->end = &last->next;
    w->bytes += last->bytes;
    return true;
}

/* With the lock held. Says whether the watch is to pause, or to end because there is no memory. */
static bool take_in(struct etcd_watcher *w, const struct kv_event *events, size_t count, bool *ret_full) {
    while (count > 0) {
        size_t bytes;
        size_t taken = cut(events, count, &bytes);

        if (!add_events(w, events, taken, bytes)) {
            return false;
        }
        events += taken;
        count -= taken;
    }
    *ret_full = w->bytes >= QUEUE_MAX && !w->paused;
    w->paused = w->paused || *ret_full;
    wake(w);
    return true;
}

static void on_events(void *ctx, const struct kv_event *events, size_t count, int64_t revision) {
    struct etcd_watcher *w = ctx;
    bool full = false;
    bool good;

    etcd_store_note_revision(w->store, revision);
    w->heard = revision;
    pthread_mutex_lock(&w->lock);
    good = take_in(w, events, count, &full);
    pthread_mutex_unlock(&w->lock);
    if (!good) {
        end(w, STORE_NO_MEMORY, 0);
        etcd_watch_close(w->watch);
        w->watch = NULL;
    } else if (full) {
        etcd_watch_pause(w->watch);
    }
}

/* All up to `revision` has come. */
static void advance(struct etcd_watcher *w, int64_t revision) {
    pthread_mutex_lock(&w->lock);
    if (w->first == NULL && revision > w->reached) {
        w->reached = revision;
        wake(w);
    } else if (w->first != NULL) {
        struct piece *last = last_of(w);

        last->revision = revision > last->revision ? revision : last->revision;
    }
    pthread_mutex_unlock(&w->lock);
}

/* The store's revision at that moment proves nothing of what is still to come, but for a watch that begins there. */
static void on_created(void *ctx, int64_t revision) {
    struct etcd_watcher *w = ctx;

    etcd_store_note_revision(w->store, revision);
    w->begun = w->begun == 0 ? revision : w->begun;
    if (w->wish.start_revision == 0) {
        w->wish.start_revision = revision + 1;
        advance(w, revision);
    }
}

static void on_progress(void *ctx, int64_t revision) {
    struct etcd_watcher *w = ctx;

    etcd_store_note_revision(w->store, revision);
    w->heard = revision > w->heard ? revision : w->heard;
    advance(w, revision);
}

static void open_watch(struct etcd_watcher *w);

static void on_end(void *ctx, enum store_status status, int64_t compact_revision, struct slice text) {
    struct etcd_watcher *w = ctx;

    (void)text;
    if (status == STORE_COMPACTED && w->from_now && w->heard == 0 && compact_revision <= w->begun + 1) {
        /* Nothing is gone but what had happened before it was opened. */
        w->from_now = false;
        w->wish.start_revision = w->begun + 1;
        advance(w, w->begun);
        etcd_watch_close(w->watch);
        open_watch(w);
        return;
    }
    end(w, status, compact_revision);
}

static const struct etcd_watch_events watch_events = {
    .on_events = on_events,
    .on_created = on_created,
    .on_progress = on_progress,
    .on_end = on_end,
};

/* --- opening and closing --- */

static void open_watch(struct etcd_watcher *w) {
    w->watch = etcd_watch_open(w->store->watches, &w->wish, true, &watch_events, w);
    if (w->watch == NULL) {
        end(w, STORE_NO_MEMORY, 0);
    }
}

static void run_opening(struct store *store, struct etcd_errand *errand) {
    struct etcd_store *s = etcd_store_of(store);
    struct etcd_watcher *w = (struct etcd_watcher *)(void *)((char *)errand - offsetof(struct etcd_watcher, opening));

    if (s->watches == NULL) {
        end(w, STORE_CLOSED, 0);
        return;
    }
    open_watch(w);
}

static void run_resuming(struct store *store, struct etcd_errand *errand) {
    struct etcd_store *s = etcd_store_of(store);
    struct etcd_watcher *w = (struct etcd_watcher *)(void *)((char *)errand - offsetof(struct etcd_watcher, resuming));

    pthread_mutex_lock(&w->lock);
    w->resumed = false;
    w->paused = false;
    pthread_mutex_unlock(&w->lock);
    if (w->watch != NULL && s->watches != NULL) {
        etcd_watch_resume(w->watch);
    }
}

static void free_watcher(struct etcd_watcher *w) {
    while (w->first != NULL) {
        struct piece *piece = w->first;

        w->first = piece->next;
        free_piece(piece);
    }
    pthread_mutex_destroy(&w->lock);
    free(w);
}

static void run_closing(struct store *store, struct etcd_errand *errand) {
    struct etcd_store *s = etcd_store_of(store);
    struct etcd_watcher *w = (struct etcd_watcher *)(void *)((char *)errand - offsetof(struct etcd_watcher, closing));

    if (s->watches != NULL) {
        etcd_watch_close(w->watch);
    }
    free_watcher(w);
}

static struct etcd_watcher *make(struct etcd_store *s, const struct store_watch *watch) {
    const struct store_span *span = &watch->span;
    struct etcd_watcher *w = calloc(1, sizeof(*w) + span->key.size + span->range_end.size);

    if (w == NULL) {
        return NULL;
    }
    w->base.engine = s->base.engine;
    w->store = s;
    w->end = &w->first;
    w->opening.run = run_opening;
    w->resuming.run = run_resuming;
    w->closing.run = run_closing;
    pthread_mutex_init(&w->lock, NULL);
    memcpy(w->span, span->key.data, span->key.size);
    if (span->range_end.size > 0) {
        memcpy(w->span + span->key.size, span->range_end.data, span->range_end.size);
    }
    w->wish = *watch;
    w->wish.span.key = slice_make(w->span, span->key.size);
    w->wish.span.range_end = slice_make(w->span + span->key.size, span->range_end.size);
    return w;
}

/* Where to begin, if from now on: behind what is known, so that nothing is missed until the cluster hears of it. */
static void settle_start(struct etcd_watcher *w, int64_t revision) {
    w->from_now = w->wish.start_revision == 0;
    if (w->from_now && revision > 0) {
        w->wish.start_revision = revision + 1;
    }
    w->reached = w->wish.start_revision > 0 ? w->wish.start_revision - 1 : 0;
}

struct store_watcher *etcd_watcher_open(struct store *store, const struct store_watch *watch,
                                        void (*wake_fn)(void *ctx), void *ctx, enum store_status *ret_status,
                                        int64_t *ret_revision) {
    struct etcd_store *s = etcd_store_of(store);
    int64_t revision = atomic_load(&s->revision);
    struct etcd_watcher *w;

    if (watch->span.key.size == 0) {
        *ret_status = STORE_EMPTY_KEY;
        return NULL;
    }
    if (atomic_fetch_add(&s->watcher_count, 1) >= s->max_watchers) {
        atomic_fetch_sub(&s->watcher_count, 1);
        *ret_status = STORE_TOO_MANY_WATCHERS;
        return NULL;
    }
    w = make(s, watch);
    if (w == NULL) {
        atomic_fetch_sub(&s->watcher_count, 1);
        *ret_status = STORE_NO_MEMORY;
        return NULL;
    }
    w->wake = wake_fn;
    w->ctx = ctx;
    settle_start(w, revision);
    if (ret_revision != NULL) {
        *ret_revision = revision;
    }
    *ret_status = STORE_OK;
    etcd_store_post(&s->base, &w->opening);
    return &w->base;
}

void etcd_watcher_close(struct store_watcher *watcher) {
    struct etcd_watcher *w = watcher_of(watcher);
    struct etcd_store *s = w->store;

    pthread_mutex_lock(&w->lock);
    w->closed = true;
    pthread_mutex_unlock(&w->lock);
    atomic_fetch_sub(&s->watcher_count, 1);
    etcd_store_post(&s->base, &w->closing);
}

/* --- taking --- */

static void give_piece(struct etcd_watcher *w, struct store_batch *batch) {
    struct piece *piece = w->first;

    w->first = piece->next;
    if (w->first == NULL) {
        w->end = &w->first;
    }
    w->bytes -= piece->bytes;
    w->reached = piece->revision;
    batch->arena = piece->arena;
    batch->events = piece->events;
    batch->count = piece->count;
    free(piece);
}

static void say_end(struct etcd_watcher *w, struct store_batch *batch) {
    batch->status = w->told ? STORE_CLOSED : w->status;
    batch->compact_revision = w->compact_revision;
    w->told = true;
}

void etcd_watcher_next(struct store_watcher *watcher, size_t max_bytes, struct store_batch *ret_batch) {
    struct etcd_watcher *w = watcher_of(watcher);
    bool resume;

    (void)max_bytes; /* pieces are small */
    *ret_batch = (struct store_batch){.status = STORE_OK};
    pthread_mutex_lock(&w->lock);
    w->woken = false;
    if (w->first != NULL) {
        give_piece(w, ret_batch);
        ret_batch->more = w->first != NULL || w->over;
    } else if (w->over) {
        say_end(w, ret_batch);
    }
    ret_batch->revision = w->reached;
    resume = w->paused && !w->resumed && w->bytes <= QUEUE_MAX / 2;
    w->resumed = w->resumed || resume;
    pthread_mutex_unlock(&w->lock);
    if (resume) {
        etcd_store_post(&w->store->base, &w->resuming);
    }
}
