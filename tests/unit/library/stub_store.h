/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_LIBRARY_STUB_STORE_H
#define TESTS_UNIT_LIBRARY_STUB_STORE_H

#include <pthread.h>
#include <stdlib.h>

#include "library/etcd/client.h"
#include "store/engine.h"

/* A store that takes calls and answers them when the test says so, on whatever thread says so; and a client of it. */
struct stub_store {
    struct store store; /* first */
    pthread_mutex_t lock;
    pthread_cond_t came;
    struct store_call *first;
    struct store_call **end;
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

static inline void stub_init(struct stub_store *s) {
    static const struct store_engine engine = {.submit = stub_submit};

    *s = (struct stub_store){.store = {.engine = &engine}};
    s->end = &s->first;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->came, NULL);
}

static inline void stub_fini(struct stub_store *s) {
    assert_null(s->first);
    pthread_cond_destroy(&s->came);
    pthread_mutex_destroy(&s->lock);
}

/* Waits for the next call, and ends it so; `count` keys were found. */
static inline void stub_answer(struct stub_store *s, enum store_status status, int64_t count) {
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
    call->status = status;
    call->result.kind = call->op.kind;
    call->result.count = count;
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
