/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cohere/watches_internal.h"
#include "store/span.h"

/* One watcher: where it is fed from, see watches_internal.h. */

static struct watches_watcher *watcher_of(struct store_watcher *watcher) {
    return (struct watches_watcher *)(void *)watcher;
}

/* --- the sources; under the lock --- */

static bool wants_previous(const struct watches_watcher *w) {
    return w->covered && w->entry.watch.want_previous;
}

static bool can_feed(const struct watches_watcher *w) {
    const struct watches *watches = w->watches;

    return w->covered && watches->active && w->era == watches->era && w->reached >= watches->history.floor &&
           (!w->entry.watch.want_previous || w->reached >= watches->previous_from);
}

/* Memory feeds it from its frontier on. False: no room in the set. */
static bool join(struct watches_watcher *w) {
    struct watches *watches = w->watches;

    if (!watch_set_reserve(&watches->set)) {
        return false;
    }
    w->entry.watch.start_revision = w->reached + 1;
    w->entry.dirty_from = 0;
    w->entry.dirty_to = 0;
    watch_set_add(&watches->set, &w->entry);
    if (w->reached < watches->told) {
        watch_set_mark(&watches->set, &w->entry, w->reached + 1, watches->told);
    }
    w->in_memory = true;
    watches->own--;
    return true;
}

static void leave(struct watches_watcher *w) {
    watch_set_remove(&w->watches->set, &w->entry);
    w->in_memory = false;
    w->watches->own++;
}

/* --- its own watcher of the cluster --- */

static enum store_status open_own(struct watches_watcher *w, int64_t *ret_revision) {
    struct store_watch watch = w->entry.watch;
    enum store_status status;

    watch.start_revision = w->reached == REACHED_UNKNOWN ? 0 : w->reached + 1;
    w->own = store_watch_open(w->watches->config.cluster, &watch, w->entry.wake, w->entry.ctx, &status, ret_revision);
    return w->own != NULL ? STORE_OK : status;
}

static void close_own(struct watches_watcher *w) {
    if (w->own != NULL) {
        store_watcher_close(w->own);
        w->own = NULL;
    }
}

/* --- opening and closing --- */

static struct watches_watcher *make(struct watches *watches, const struct store_watch *watch, void (*wake)(void *ctx),
                                    void *ctx) {
    struct watches_watcher *w = calloc(1, sizeof(*w) + watch->span.key.size + watch->span.range_end.size);

    if (w != NULL) {
        w->base.engine = watches->config.engine;
        w->watches = watches;
        w->covered = store_span_within(&watch->span, &watches->config.span);
        watch_entry_init(&w->entry, watch, (char *)(w + 1), wake, ctx);
    }
    return w;
}

/* Under the lock. What was told before is not for one that begins now, nor what this node has heard of in an answer: a write
 * may be answered before it is told. */
static int64_t now_of(const struct watches *watches) {
    int64_t heard = store_revision(watches->config.cluster);

    return heard > watches->told ? heard : watches->told;
}

static int64_t first_reached(const struct watches_watcher *w, int64_t now) {
    int64_t start = w->entry.watch.start_revision;

    if (start == 0) {
        return w->covered && w->watches->active ? now : REACHED_UNKNOWN;
    }
    return start > 0 ? start - 1 : 0;
}

static void link_watcher(struct watches_watcher *w) {
    struct watches *watches = w->watches;

    w->next = watches->all;
    w->place = &watches->all;
    if (w->next != NULL) {
        w->next->place = &w->next;
    }
    watches->all = w;
    watches->count++;
    watches->own++;
    watches->wanting += wants_previous(w);
}

/* It is then among all, and fed from memory if it can be. */
static enum store_status enter(struct watches_watcher *w, int64_t *ret_revision) {
    struct watches *watches = w->watches;
    enum store_status status = STORE_TOO_MANY_WATCHERS;
    bool first = false;

    pthread_mutex_lock(&watches->set.lock);
    *ret_revision = now_of(watches);
    if (watches->count < watches->config.max_watchers) {
        status = STORE_OK;
        link_watcher(w);
        first = wants_previous(w) && watches->wanting == 1;
        w->era = watches->era;
        w->reached = first_reached(w, *ret_revision);
        if (can_feed(w) && !join(w)) {
            status = STORE_NO_MEMORY;
        }
    }
    pthread_mutex_unlock(&watches->set.lock);
    if (first && watches->config.want_previous != NULL) {
        watches->config.want_previous(watches->config.ctx);
    }
    return status;
}

struct store_watcher *watches_open(struct watches *watches, const struct store_watch *watch, void (*wake)(void *ctx),
                                   void *ctx, enum store_status *ret_status, int64_t *ret_revision) {
    struct watches_watcher *w;
    int64_t revision;
    int64_t own = 0;

    if (watch->span.key.size == 0) {
        *ret_status = STORE_EMPTY_KEY;
        return NULL;
    }
    w = make(watches, watch, wake, ctx);
    if (w == NULL) {
        *ret_status = STORE_NO_MEMORY;
        return NULL;
    }
    *ret_status = enter(w, &revision);
    if (*ret_status == STORE_OK && !w->in_memory) {
        *ret_status = open_own(w, &own);
        revision = w->reached == REACHED_UNKNOWN || own > revision ? own : revision;
    }
    if (*ret_status != STORE_OK) {
        watches_close(&w->base);
        return NULL;
    }
    if (w->reached == REACHED_UNKNOWN && revision > 0) {
        w->reached = revision;
    }
    if (ret_revision != NULL) {
        *ret_revision = revision;
    }
    return &w->base;
}

void watches_close(struct store_watcher *watcher) {
    struct watches_watcher *w = watcher_of(watcher);
    struct watches *watches = w->watches;

    pthread_mutex_lock(&watches->set.lock);
    if (w->in_memory) {
        leave(w);
    }
    if (w->place != NULL) {
        *w->place = w->next;
        if (w->next != NULL) {
            w->next->place = w->place;
        }
        watches->count--;
        watches->own--;
        watches->wanting -= wants_previous(w);
    }
    pthread_mutex_unlock(&watches->set.lock);
    close_own(w);
    free(w);
}

/* --- reading --- */

enum turn { TURN_NOTHING, TURN_READ, TURN_OWN, TURN_CLOSED };

/* What is to be read: all of [from, to]; what is behind it, up to `published`, holds nothing for the watcher. */
struct look {
    int64_t from;
    int64_t to;
    int64_t published;
};

/* Under the lock, of one that is fed from memory. */
static enum turn look_at_marks(struct watches_watcher *w, struct look *ret_look) {
    struct watches *watches = w->watches;
    struct watch_entry *e = &w->entry;
    int64_t published = watches->published;

    if (e->dirty_from == 0 || e->dirty_from > published) {
        w->reached = published > w->reached ? published : w->reached;
        return TURN_NOTHING;
    }
    if (e->dirty_from <= watches->history.floor) {
        w->reached = e->dirty_from - 1;
        leave(w);
        watches->fell_behind++;
        return TURN_OWN;
    }
    *ret_look = (struct look){
        .from = e->dirty_from,
        .to = e->dirty_to < published ? e->dirty_to : published,
        .published = published,
    };
    return TURN_READ;
}

static enum turn look(struct watches_watcher *w, struct look *ret_look) {
    enum turn turn = TURN_CLOSED;

    pthread_mutex_lock(&w->watches->set.lock);
    if (w->era == w->watches->era) {
        bool in_memory = w->in_memory || (can_feed(w) && join(w));

        turn = in_memory ? look_at_marks(w, ret_look) : TURN_OWN;
    }
    pthread_mutex_unlock(&w->watches->set.lock);
    if (w->in_memory || turn == TURN_CLOSED) {
        close_own(w);
    }
    return turn;
}

static void end(struct watches_watcher *w, enum store_status status, struct store_batch *batch) {
    w->ended = true;
    batch->status = status;
}

static void read_memory(struct watches_watcher *w, const struct look *look, size_t max_bytes,
                        struct store_batch *batch) {
    enum store_status status = watches_read(w, look->from, look->to, max_bytes, batch);

    if (status != STORE_OK) {
        end(w, status, batch);
        return;
    }
    batch->revision = batch->more ? batch->revision : look->published;
    w->reached = batch->revision;
    pthread_mutex_lock(&w->watches->set.lock);
    watch_entry_was_read(&w->entry, batch->revision);
    pthread_mutex_unlock(&w->watches->set.lock);
}

/* What its own watcher has handed out moves its frontier; memory takes over once it can. */
static void settle(struct watches_watcher *w, struct store_batch *batch) {
    struct watches *watches = w->watches;

    if (batch->revision > 0 && batch->revision > w->reached) {
        w->reached = batch->revision;
    }
    pthread_mutex_lock(&watches->set.lock);
    if (can_feed(w) && join(w)) {
        batch->more = w->entry.dirty_from != 0 && w->entry.dirty_from <= watches->published;
    }
    pthread_mutex_unlock(&watches->set.lock);
    if (w->in_memory) {
        close_own(w);
    }
}

static void read_own(struct watches_watcher *w, size_t max_bytes, struct store_batch *batch) {
    enum store_status status = w->own != NULL ? STORE_OK : open_own(w, NULL);

    if (status != STORE_OK) {
        end(w, status, batch);
        return;
    }
    store_watcher_next(w->own, max_bytes, batch);
    if (batch->status == STORE_OK) {
        settle(w, batch);
    } else {
        w->ended = true;
    }
}

void watches_next(struct store_watcher *watcher, size_t max_bytes, struct store_batch *ret_batch) {
    struct watches_watcher *w = watcher_of(watcher);
    struct look found;

    *ret_batch = (struct store_batch){.status = STORE_OK};
    arena_init(&ret_batch->arena, STORE_ANSWER_MAX);
    if (w->ended) {
        ret_batch->status = STORE_CLOSED;
        return;
    }
    switch (look(w, &found)) {
    case TURN_NOTHING:
        ret_batch->revision = w->reached;
        break;
    case TURN_READ:
        read_memory(w, &found, max_bytes, ret_batch);
        break;
    case TURN_OWN:
        read_own(w, max_bytes, ret_batch);
        break;
    case TURN_CLOSED:
        end(w, STORE_CLOSED, ret_batch);
        break;
    }
}
