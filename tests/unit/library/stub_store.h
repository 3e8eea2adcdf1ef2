/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_LIBRARY_STUB_STORE_H
#define TESTS_UNIT_LIBRARY_STUB_STORE_H

#include <pthread.h>
#include <stdlib.h>

#include "library/etcd/client.h"
#include "store/engine.h"

/* A store that takes calls and answers them when the test says so, on whatever thread says so, with one watcher at a time, who hears
 * of one event at a time; and a client of it. */
struct stub_watcher {
    struct store_watcher watcher; /* first */
    void (*wake)(void *ctx);
    void *ctx;
    bool is_open;
    const struct kv_event *event; /* not heard of yet */
    int64_t revision;             /* of the last one that was */
};

struct stub_store {
    struct store store; /* first */
    pthread_mutex_t lock;
    pthread_cond_t came;
    struct store_call *first;
    struct store_call **end;
    struct stub_watcher watcher;
};

static inline void stub_submit(struct store *store, struct store_call *call) {
    struct stub_store *s = (struct stub_store *)(void *)store;

    pthread_mutex_lock(&s->lock);
    call->next = NULL;
    *s->end = call;
    s->end = &call->next;
    pthread_cond_signal(&s->came);
    pthread_mutex_unlock(&s->lock);
}

static inline struct store_watcher *stub_watch_open(struct store *store, const struct store_watch *watch,
                                                    void (*wake)(void *ctx), void *ctx, enum store_status *ret_status,
                                                    int64_t *ret_revision) {
    struct stub_watcher *w = &((struct stub_store *)(void *)store)->watcher;

    (void)ret_status;
    (void)ret_revision;
    assert_false(w->is_open);
    *w = (struct stub_watcher){.watcher = {.engine = store->engine},
                               .wake = wake,
                               .ctx = ctx,
                               .is_open = true,
                               .revision = watch->start_revision - 1};
    return &w->watcher;
}

static inline void stub_watcher_next(struct store_watcher *watcher, size_t max_bytes, struct store_batch *ret_batch) {
    struct stub_watcher *w = (struct stub_watcher *)(void *)watcher;

    (void)max_bytes;
    if (w->event != NULL) {
        w->revision = w->event->kv.mod_revision;
    }
    *ret_batch = (struct store_batch){
        .revision = w->revision, .events = (struct kv_event *)(uintptr_t)w->event, .count = w->event != NULL};
    w->event = NULL;
}

static inline void stub_watcher_close(struct store_watcher *watcher) {
    ((struct stub_watcher *)(void *)watcher)->is_open = false;
}

/* Tells the watcher. */
static inline void stub_tell(struct stub_store *s, const struct kv_event *event) {
    assert_true(s->watcher.is_open);
    s->watcher.event = event;
    s->watcher.wake(s->watcher.ctx);
}

static inline void stub_init(struct stub_store *s) {
    static const struct store_engine engine = {.submit = stub_submit,
                                               .watch_open = stub_watch_open,
                                               .watcher_next = stub_watcher_next,
                                               .watcher_close = stub_watcher_close};

    *s = (struct stub_store){.store = {.engine = &engine}};
    s->end = &s->first;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->came, NULL);
}

static inline void stub_fini(struct stub_store *s) {
    assert_null(s->first);
    assert_false(s->watcher.is_open);
    pthread_cond_destroy(&s->came);
    pthread_mutex_destroy(&s->lock);
}

/* Waits for the next call. */
static inline struct store_call *stub_take(struct stub_store *s) {
    struct store_call *call;

    pthread_mutex_lock(&s->lock);
    while (s->first == NULL) {
        pthread_cond_wait(&s->came, &s->lock);
    }
    call = s->first;
    s->first = call->next;
    if (s->first == NULL) {
        s->end = &s->first;
    }
    pthread_mutex_unlock(&s->lock);
    return call;
}

/* Waits for the next call, and ends it so; `count` keys were found. */
static inline void stub_answer(struct stub_store *s, enum store_status status, int64_t count) {
    struct store_call *call = stub_take(s);

    call->status = status;
    call->result.kind = call->op.kind;
    call->result.count = count;
    call->done(call);
}

/* The same for a read of one key; NULL: it is not there. */
static inline void stub_find(struct stub_store *s, const struct kv *kv) {
    struct store_call *call = stub_take(s);

    call->status = STORE_OK;
    call->revision = kv != NULL ? kv->mod_revision : 1;
    call->result = (struct store_result){
        .kind = call->op.kind, .count = kv != NULL, .kvs = (struct kv *)(uintptr_t)kv, .kv_count = kv != NULL};
    call->done(call);
}

static inline void stub_client_init(struct larder_etcd *client, struct stub_store *s,
                                    const struct larder_allocator *allocator, struct larder_tracer *tracer) {
    *client = (struct larder_etcd){
        .root = client, .tracer = tracer, .allocator = *allocator, .store = &s->store, .cluster = &s->store};
    process_mark_init(&client->process);
}

static inline void stub_client_fini(struct larder_etcd *client) {
    process_mark_fini(&client->process);
}

#endif
