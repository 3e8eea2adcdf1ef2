/* SPDX-License-Identifier: Apache-2.0 */
#include "group/watching.h"

#include <stdlib.h>

#include "group/durable_op.h"
#include "store/span.h"

struct watching {
    struct pending pending;        /* first; never has a reply, but lies in the queue when there is news */
    struct store_watcher *watcher; /* NULL: closed */
    atomic_bool posted;
    bool running; /* a step */
    watching_ready_fn *ready;
    void *owner;
};

static struct watching *watching_of(struct pending *p) {
    return (struct watching *)(void *)p;
}

static void free_watching(struct pending *p) {
    free(p);
}

/* On a thread of the store. */
static void wake(void *ctx) {
    struct watching *w = ctx;

    if (!atomic_exchange(&w->posted, true)) {
        pending_post(&w->pending);
    }
}

/* Once closed it ends with the step that finds it out of the queue: nobody wakes it any more. */
static enum pending_next step(struct pending *p) {
    struct watching *w = watching_of(p);

    atomic_store(&w->posted, false);
    if (w->watcher != NULL) {
        w->running = true;
        w->ready(w->owner);
        w->running = false;
    }
    return w->watcher == NULL && !atomic_load(&w->posted) ? PENDING_DONE : PENDING_WAIT;
}

/* What lies at "/larder/" is not shown to clients. */
static bool is_allowed(const struct watching_wish *wish, struct slice key) {
    return wish->prefix || !group_store_key_is_ours(key);
}

static enum result result_of(enum store_status status) {
    return status == STORE_TOO_MANY_WATCHERS ? RESULT_TOO_MANY_WATCHERS : durable_result_of(status);
}

static struct store_watcher *open_watcher(const struct durable_access *a, const struct watching_wish *wish,
                                          struct watching *w, enum store_status *ret_status, int64_t *ret_revision) {
    const struct group_policy *policy = a->copies.policy;
    size_t size = policy->prefix_size + wish->key.size;
    char *place = malloc(2 * size + 1);
    struct store_watch watch = {.start_revision = wish->start_revision};
    struct store_watcher *watcher;
    struct slice key;

    if (place == NULL) {
        *ret_status = STORE_NO_MEMORY;
        return NULL;
    }
    memcpy(place, policy->prefix, policy->prefix_size);
    if (wish->key.size > 0) {
        memcpy(place + policy->prefix_size, wish->key.data, wish->key.size);
    }
    key = slice_make(place, size);
    if (!is_allowed(wish, key)) {
        free(place);
        *ret_status = STORE_EMPTY_KEY;
        return NULL;
    }
    watch.span = wish->prefix ? store_span_of_prefix(key, place + size) : (struct store_span){.key = key};
    watcher = store_watch_open(a->durable->store, &watch, wake, w, ret_status, ret_revision);
    free(place);
    return watcher;
}

struct watching *watching_open(const struct durable_access *a, const struct watching_wish *wish,
                               watching_ready_fn *ready, void *owner, enum result *ret_result, int64_t *ret_revision) {
    struct watching *w = calloc(1, sizeof(*w));
    enum store_status status;

    if (w == NULL) {
        *ret_result = RESULT_NO_MEMORY;
        return NULL;
    }
    pending_init(&w->pending, a->completions, a->durable->store, step, free_watching);
    w->ready = ready;
    w->owner = owner;
    w->watcher = open_watcher(a, wish, w, &status, ret_revision);
    if (w->watcher == NULL) {
        telemetry_count(a->telemetry, COUNTER_LIMIT_MAX_WATCHERS, status == STORE_TOO_MANY_WATCHERS);
        *ret_result = result_of(status);
        free(w);
        return NULL;
    }
    return w;
}

void watching_next(struct watching *w, size_t max_bytes, struct store_batch *ret_batch) {
    store_watcher_next(w->watcher, max_bytes, ret_batch);
}

void watching_close(struct watching *w) {
    store_watcher_close(w->watcher);
    w->watcher = NULL;
    /* In the queue, or in its step, it ends there. */
    if (!w->running && !atomic_load(&w->posted)) {
        free(w);
    }
}
