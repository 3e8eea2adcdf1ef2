/* SPDX-License-Identifier: Apache-2.0 */
#include "cohere/watches.h"

#include <assert.h>
#include <stdlib.h>

#include "cohere/watches_internal.h"

struct watches *watches_new(const struct watches_config *config) {
    const struct store_span *span = &config->span;
    struct watches *w = calloc(1, sizeof(*w) + span->key.size + span->range_end.size);

    if (w == NULL) {
        return NULL;
    }
    if (!history_init(&w->history, config->memory)) {
        free(w);
        return NULL;
    }
    watch_set_init(&w->set);
    w->previous_from = INT64_MAX;
    w->config = *config;
    if (span->key.size > 0) {
        memcpy(w->bytes, span->key.data, span->key.size);
    }
    if (span->range_end.size > 0) {
        memcpy(w->bytes + span->key.size, span->range_end.data, span->range_end.size);
    }
    w->config.span.key = slice_make(w->bytes, span->key.size);
    w->config.span.range_end = slice_make(w->bytes + span->key.size, span->range_end.size);
    return w;
}

void watches_free(struct watches *w) {
    if (w != NULL) {
        assert(w->all == NULL);
        history_fini(&w->history);
        watch_set_fini(&w->set);
        free(w);
    }
}

/* --- what is told --- */

/* Under the lock. Of (from, to] nothing is known here: whoever is fed from memory has to look elsewhere. */
static void mark_gap(struct watches *w, int64_t from, int64_t to) {
    for (struct watches_watcher *watcher = w->all; watcher != NULL; watcher = watcher->next) {
        int64_t start = watcher->entry.watch.start_revision;

        if (watcher->in_memory && start <= to) {
            watch_set_mark(&w->set, &watcher->entry, start > from ? start : from + 1, to);
        }
    }
}

/* Under the lock. */
static void wake_all(struct watches *w) {
    for (struct watches_watcher *watcher = w->all; watcher != NULL; watcher = watcher->next) {
        watcher->entry.wake(watcher->entry.ctx);
    }
}

void watches_begin(struct watches *w, int64_t revision) {
    struct history_chunk *gone = NULL;

    pthread_mutex_lock(&w->set.lock);
    if (!w->active || revision > w->told) {
        if (w->active) {
            mark_gap(w, w->told, revision);
        }
        gone = history_forget(&w->history, revision);
        w->active = true;
        w->told = revision;
        w->published = revision;
        /* Those that have a watch of their own may not need it any more. */
        wake_all(w);
    }
    pthread_mutex_unlock(&w->set.lock);
    history_release(gone);
}

/* Those that were told before are passed over. */
static size_t first_new(const struct watches *w, const struct kv_event *events, size_t count) {
    size_t at = 0;

    while (at < count && events[at].kv.mod_revision <= w->told) {
        at++;
    }
    return at;
}

void watches_tell(struct watches *w, const struct kv_event *events, size_t count, int64_t revision) {
    struct history_chunk *gone;
    size_t old;

    /* This thread alone writes these, so it reads them without the lock. */
    if (!w->active) {
        return;
    }
    old = first_new(w, events, count);
    if (old > 0) { /* of no events there need not be a place, which could be moved on */
        events += old;
        count -= old;
    }
    history_append(&w->history, events, count);
    pthread_mutex_lock(&w->set.lock);
    gone = history_publish(&w->history);
    watch_set_mark_events(&w->set, events, count);
    if (count > 0 && events[count - 1].kv.mod_revision > revision) {
        revision = events[count - 1].kv.mod_revision;
    }
    w->told = revision > w->told ? revision : w->told;
    pthread_mutex_unlock(&w->set.lock);
    history_release(gone);
}

void watches_wake(struct watches *w) {
    pthread_mutex_lock(&w->set.lock);
    w->published = w->told;
    watch_set_wake(&w->set);
    pthread_mutex_unlock(&w->set.lock);
}

void watches_begin_previous(struct watches *w, int64_t revision) {
    pthread_mutex_lock(&w->set.lock);
    if (w->previous_from == INT64_MAX) {
        w->previous_from = revision;
        wake_all(w);
    }
    pthread_mutex_unlock(&w->set.lock);
}

bool watches_end_previous(struct watches *w) {
    bool ended;

    pthread_mutex_lock(&w->set.lock);
    ended = w->wanting == 0;
    if (ended) {
        w->previous_from = INT64_MAX;
    }
    pthread_mutex_unlock(&w->set.lock);
    return ended;
}

bool watches_wants_previous(struct watches *w) {
    bool wants;

    pthread_mutex_lock(&w->set.lock);
    wants = w->wanting > 0;
    pthread_mutex_unlock(&w->set.lock);
    return wants;
}

void watches_reset(struct watches *w) {
    struct history_chunk *gone;

    pthread_mutex_lock(&w->set.lock);
    gone = history_forget(&w->history, 0);
    w->active = false;
    w->told = 0;
    w->published = 0;
    w->previous_from = INT64_MAX;
    w->era++;
    wake_all(w);
    pthread_mutex_unlock(&w->set.lock);
    history_release(gone);
}

void watches_get_figures(struct watches *w, struct watches_figures *ret_figures) {
    pthread_mutex_lock(&w->set.lock);
    *ret_figures = (struct watches_figures){
        .watchers = w->count,
        .own = w->own,
        .remembered = w->history.events,
        .bytes = w->history.bytes,
        .first = history_first(&w->history),
        .fell_behind = w->fell_behind,
    };
    pthread_mutex_unlock(&w->set.lock);
}
