/* SPDX-License-Identifier: Apache-2.0 */
#include "driver_watch.h"

#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "driver_decode.h"
#include "driver_encode.h"

enum { WAIT_MS = 10000, NEXT_BYTES = 1 << 20, REQUEST_BYTES = 4 << 20 };

struct watch {
    struct store_watcher *watcher;
    pthread_mutex_t lock;
    pthread_cond_t signal;
    uint64_t wakes;
    uint64_t seen; /* of the wakes, when the last watch_next began */
};

static struct watch watches[WATCHES_MAX];

static struct watch *watch_of(const json_t *request) {
    int64_t number = decode_integer(request, "watch");

    if (number < 0 || number >= WATCHES_MAX) {
        decode_fail("watch", request);
    }
    return &watches[number];
}

static struct watch *open_watch_of(const json_t *request) {
    struct watch *w = watch_of(request);

    if (w->watcher == NULL) {
        decode_fail("no such watch", request);
    }
    return w;
}

static void wake(void *ctx) {
    struct watch *w = ctx;

    pthread_mutex_lock(&w->lock);
    w->wakes++;
    pthread_cond_signal(&w->signal);
    pthread_mutex_unlock(&w->lock);
}

static void watch_init(struct watch *w) {
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&w->signal, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&w->lock, NULL);
    w->wakes = 0;
    w->seen = 0;
}

static void watch_fini(struct watch *w) {
    store_watcher_close(w->watcher);
    w->watcher = NULL;
    pthread_cond_destroy(&w->signal);
    pthread_mutex_destroy(&w->lock);
}

/* --- waiting --- */

static int64_t deadline_of(const json_t *request) {
    int64_t ms = decode_integer(request, "wait_ms");

    return clock_monotonic_ns() + (ms > 0 ? ms : WAIT_MS) * CLOCK_NS_PER_MS;
}

/* False: the deadline came first. */
static bool await_wake(struct watch *w, int64_t deadline) {
    struct timespec time = {.tv_sec = deadline / CLOCK_NS_PER_S, .tv_nsec = deadline % CLOCK_NS_PER_S};
    bool woken;
    int error = 0;

    pthread_mutex_lock(&w->lock);
    while (w->wakes == w->seen && error == 0) {
        error = pthread_cond_timedwait(&w->signal, &w->lock, &time);
    }
    woken = w->wakes != w->seen;
    pthread_mutex_unlock(&w->lock);
    return woken;
}

static void see_wakes(struct watch *w) {
    pthread_mutex_lock(&w->lock);
    w->seen = w->wakes;
    pthread_mutex_unlock(&w->lock);
}

/* --- requests --- */

json_t *watch_open(struct store *store, const json_t *request) {
    struct watch *w = watch_of(request);
    json_t *answer = json_object();
    enum store_status status = STORE_OK;
    int64_t revision = 0;
    struct store_watch watch;
    struct arena arena;

    if (w->watcher != NULL) {
        decode_fail("the watch is open already", request);
    }
    arena_init(&arena, REQUEST_BYTES);
    watch = (struct store_watch){
        .span = decode_span(request, &arena),
        .start_revision = decode_integer(request, "start_revision"),
        .want_previous = decode_bool(request, "prev_kv"),
        .no_put = decode_bool(request, "no_put"),
        .no_delete = decode_bool(request, "no_delete"),
    };
    watch_init(w);
    w->watcher = store_watch_open(store, &watch, wake, w, &status, &revision);
    arena_fini(&arena);
    json_object_set_new(answer, "status", encode_status(status));
    json_object_set_new(answer, "revision", encode_integer(revision));
    return answer;
}

json_t *watch_wait(const json_t *request) {
    json_t *answer = json_object();

    json_object_set_new(answer, "woken", json_boolean(await_wake(open_watch_of(request), deadline_of(request))));
    return answer;
}

/* Appends what there is. */
static void read_on(struct watch *w, size_t max_bytes, json_t *events, struct store_batch *batch) {
    see_wakes(w);
    store_watcher_next(w->watcher, max_bytes, batch);
    for (size_t i = 0; i < batch->count; i++) {
        json_array_append_new(events, encode_event(&batch->events[i]));
    }
    store_batch_fini(batch);
}

json_t *watch_next(const json_t *request) {
    struct watch *w = open_watch_of(request);
    int64_t until = decode_integer(request, "until");
    int64_t max_bytes = decode_integer(request, "max_bytes");
    int64_t deadline = deadline_of(request);
    json_t *answer = json_object();
    json_t *events = json_array();
    struct store_batch batch;
    int64_t reads = 0;
    bool in_time = true;

    do {
        read_on(w, max_bytes > 0 ? (size_t)max_bytes : NEXT_BYTES, events, &batch);
        reads++;
        if (batch.status == STORE_OK && !batch.more && batch.revision < until) {
            in_time = await_wake(w, deadline);
        }
    } while (batch.status == STORE_OK && in_time && (batch.more || batch.revision < until));
    json_object_set_new(answer, "status", in_time ? encode_status(batch.status) : json_string("TIMEOUT"));
    json_object_set_new(answer, "revision", encode_integer(batch.revision));
    json_object_set_new(answer, "compact_revision", encode_integer(batch.compact_revision));
    json_object_set_new(answer, "events", events);
    json_object_set_new(answer, "reads", encode_integer(reads));
    return answer;
}

json_t *watch_close(const json_t *request) {
    json_t *answer = json_object();

    watch_fini(open_watch_of(request));
    json_object_set_new(answer, "status", encode_status(STORE_OK));
    return answer;
}

void watch_close_all(void) {
    for (size_t i = 0; i < WATCHES_MAX; i++) {
        if (watches[i].watcher != NULL) {
            watch_fini(&watches[i]);
        }
    }
}

/* --- the observer --- */

static pthread_mutex_t observed_lock = PTHREAD_MUTEX_INITIALIZER;
static json_t *observed;

static void on_events(void *ctx, const struct kv_event *events, size_t count) {
    (void)ctx;
    pthread_mutex_lock(&observed_lock);
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(observed, encode_event(&events[i]));
    }
    pthread_mutex_unlock(&observed_lock);
}

static const struct store_observer observer = {.events = on_events};

void watch_observe(struct store *store) {
    observed = json_array();
    store_observe(store, &observer, NULL);
}

json_t *watch_observed(struct store *store) {
    json_t *answer = json_object();

    pthread_mutex_lock(&observed_lock);
    json_object_set_new(answer, "revision", encode_integer(store_revision(store)));
    json_object_set_new(answer, "events", observed);
    observed = json_array();
    pthread_mutex_unlock(&observed_lock);
    return answer;
}
