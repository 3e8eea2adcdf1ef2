/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SESSION_STORE_HARNESS_H
#define LARDER_TESTS_SESSION_STORE_HARNESS_H

#include "../store/harness.h"
#include "harness.h"

#include "store/engine.h"

/* A node with durable groups over a real embedded store. Each call is done when it is handed in, as the store would do it
 * at some time, but the answer is held back if the test wants it: then it comes when the test says so, in any order. */
struct held_store {
    struct store base;
    struct store *real;
    bool hold_writes;
    bool hold_reads;
    struct store_call *held[1024];
    size_t held_count;
    enum store_status fail; /* writes are not done but answered with this; OK: they are done */
    size_t calls;           /* handed in, ever */
    /* A store in front of a cluster: up to when everything was told (INT64_MAX: always is), and of answers to reads, how old
     * they are and whether nobody was asked. What was wished for by the last one. */
    int64_t proven_ns;
    int64_t age_ns;
    bool from_memory;
    int64_t max_age_ns;
    int64_t shown_revision;  /* of everything that was told; 0: the real one */
    int64_t answer_revision; /* that they have, but their keys; 0: the real one */
    enum store_status fail_reads;
    const struct store_observer *observer;
    void *observer_ctx;
    size_t rivals; /* so many transactions find that somebody else has just changed `rival_key` */
    struct slice rival_key;
};

static sem_t held_store_answered;

static inline void held_store_note(struct store_call *call) {
    (void)call;
    sem_post(&held_store_answered);
}

static inline void held_store_do(struct held_store *s, struct store_call *call) {
    void (*done)(struct store_call * call) = call->done;

    call->done = held_store_note;
    store_submit(s->real, call);
    while (sem_wait(&held_store_answered) != 0) {
    }
    call->done = done;
}

/* Another client, who is always a little faster. */
static inline void held_store_rival(struct held_store *s) {
    struct store_call call;

    store_call_init(&call, held_store_note);
    call.op = (struct store_op){.kind = STORE_OP_PUT, .put = {.key = s->rival_key, .value = SLICE("1000")}};
    held_store_do(s, &call);
    store_call_fini(&call);
}

static inline void held_store_submit(struct store *store, struct store_call *call) {
    struct held_store *s = (struct held_store *)store;
    bool reads = call->op.kind == STORE_OP_RANGE || call->op.kind == STORE_OP_LEASE_TTL;

    s->calls++;
    if (call->op.kind == STORE_OP_TXN && s->rivals > 0) {
        s->rivals--;
        held_store_rival(s);
    }
    if (call->op.kind == STORE_OP_RANGE) {
        s->max_age_ns = call->op.range.max_age_ns;
    }
    if ((reads ? s->fail_reads : s->fail) != STORE_OK) {
        call->status = reads ? s->fail_reads : s->fail;
        call->revision = store_revision(s->real);
    } else {
        held_store_do(s, call);
        call->age_ns = s->age_ns;
        call->from_memory = s->from_memory;
        call->revision = reads && s->answer_revision != 0 ? s->answer_revision : call->revision;
    }
    if (reads ? s->hold_reads : s->hold_writes) {
        harness_must(s->held_count < sizeof(s->held) / sizeof(s->held[0]));
        s->held[s->held_count++] = call;
    } else {
        call->done(call);
    }
}

static inline bool held_store_observe(struct store *store, const struct store_observer *observer, void *ctx) {
    struct held_store *s = (struct held_store *)store;

    s->observer = observer;
    s->observer_ctx = ctx;
    return store_observe(s->real, observer, ctx);
}

static inline int64_t held_store_proven_ns(struct store *store) {
    return ((struct held_store *)store)->proven_ns;
}

static inline int64_t held_store_revision(const struct store *store) {
    const struct held_store *s = (const struct held_store *)store;

    return s->shown_revision != 0 ? s->shown_revision : store_revision(s->real);
}

/* Watches are the real store's. */
static inline struct store_watcher *held_store_watch_open(struct store *store, const struct store_watch *watch,
                                                          void (*wake)(void *ctx), void *ctx,
                                                          enum store_status *ret_status, int64_t *ret_revision) {
    return store_watch_open(((struct held_store *)store)->real, watch, wake, ctx, ret_status, ret_revision);
}

static inline enum store_status held_store_note_get(struct store *store, struct slice name, struct arena *arena,
                                                    struct slice *ret_value) {
    return store_note_get(((struct held_store *)store)->real, name, arena, ret_value);
}

static inline enum store_status held_store_hash_kv(struct store *store, int64_t revision, uint32_t *ret_hash,
                                                   int64_t *ret_revision, int64_t *ret_compact_revision) {
    return store_hash_kv(((struct held_store *)store)->real, revision, ret_hash, ret_revision, ret_compact_revision);
}

static inline void held_store_get_figures(struct store *store, struct store_figures *ret_figures) {
    store_get_figures(((struct held_store *)store)->real, ret_figures);
}

static const struct store_engine held_store_engine = {
    .watch_open = held_store_watch_open,
    .submit = held_store_submit,
    .observe = held_store_observe,
    .proven_ns = held_store_proven_ns,
    .revision = held_store_revision,
    .note_get = held_store_note_get,
    .hash_kv = held_store_hash_kv,
    .get_figures = held_store_get_figures,
};

struct store_harness {
    struct harness h;
    struct place place;
    struct held_store store;
    _Atomic int64_t now_ns; /* the clock of everything; the store ends leases when it is written to */
};

static struct store_harness *store_harness_now; /* whose clock durable groups read */

static inline int64_t store_harness_clock(void) {
    return store_harness_now->now_ns;
}

static inline void store_harness_ready(struct session *s) {
    client_pump((struct client *)(void *)((char *)s - offsetof(struct client, session)));
}

/* Durable groups: in "t" keys live 60 s, at most 600; "all" is the whole store; "root" begins with a slash. Everything
 * else is in memory. */
static inline void store_harness_groups(struct store_harness *s, uint64_t max_item) {
    struct group_policy policies[4] = {group_policy_make(SLICE("d"), max_item), group_policy_make(SLICE("t"), max_item),
                                       group_policy_make(SLICE("all"), max_item),
                                       group_policy_make(SLICE("root"), max_item)};

    for (size_t i = 0; i < 4; i++) {
        policies[i].backing = GROUP_BACKING_STORE;
    }
    policies[1].ttl = 60;
    policies[1].max_ttl = 600;
    policies[2].prefix_size = 0;
    policies[3].prefix_size = 1;
    policies[3].prefix[0] = '/';
    group_set_free(s->h.groups);
    harness_must(group_set_build(policies, 4, max_item, NULL, &s->h.groups) == LARDER_OK);
    s->h.worker.context.groups = s->h.groups;
}

static inline void store_harness_init(struct store_harness *s, const struct harness_config *config) {
    memset(s, 0, sizeof(*s));
    sem_init(&held_store_answered, 0, 0);
    store_harness_now = s;
    place_init(&s->place);
    s->place.config.no_sync = true;
    s->place.config.now_ns = store_harness_clock;
    s->now_ns = clock_monotonic_ns();
    place_open(&s->place);
    s->store.base.engine = &held_store_engine;
    s->store.real = s->place.store;
    s->store.proven_ns = INT64_MAX;
    harness_init(&s->h, config);
    store_harness_groups(s, config->max_item);
    s->h.node.start_ns = s->now_ns - (HARNESS_NOW - TABLE_EPOCH) * CLOCK_NS_PER_S;
    s->h.node.store = &s->store.base;
    s->h.node.max_watchers = 1000;
    s->h.rpc.store = &s->store.base;
    s->h.rpc.cluster_id = 1;
    s->h.rpc.member_id = 2;
    s->h.rpc.name = SLICE("node");
    s->h.rpc.progress_interval_ns = 600 * CLOCK_NS_PER_S;
    s->h.node.durable = durable_new(&(struct durable_config){
        .store = &s->store.base,
        .table = &s->h.table,
        .groups = s->h.groups,
        .start_ns = s->h.node.start_ns,
        .now_ns = store_harness_clock,
    });
    harness_must(s->h.node.durable != NULL);
    s->h.worker.on_ready = store_harness_ready;
}

static inline void store_harness_advance(struct store_harness *s, uint32_t seconds) {
    s->now_ns += seconds * CLOCK_NS_PER_S;
    s->h.worker.context.now += seconds;
}

/* Lets one held answer come; its place among those held. */
static inline void store_harness_release(struct store_harness *s, size_t which) {
    struct store_call *call = s->store.held[which];

    harness_must(which < s->store.held_count);
    s->store.held_count--;
    memmove(&s->store.held[which], &s->store.held[which + 1], (s->store.held_count - which) * sizeof(s->store.held[0]));
    call->done(call);
    while (!pending_queue_is_empty(&s->h.worker.completions)) {
        session_worker_complete(&s->h.worker);
    }
}

/* Lets all come, also those that come of it. */
static inline void store_harness_release_all(struct store_harness *s) {
    while (s->store.held_count > 0) {
        store_harness_release(s, 0);
    }
}

static inline void store_harness_fini(struct store_harness *s) {
    store_harness_release_all(s);
    store_close(s->place.store);
    session_worker_fini(&s->h.worker);
    durable_free(s->h.node.durable);
    telemetry_free(s->h.telemetry);
    group_set_free(s->h.groups);
    table_fini(&s->h.table);
    place_remove(&s->place);
    sem_destroy(&held_store_answered);
}

#endif
