/* SPDX-License-Identifier: Apache-2.0 */
#include "cohere/near.h"

#include <stdlib.h>

#include "base/random.h"
#include "cohere/near_internal.h"

/* The near store as an engine of store.h. */

enum { GROUPS_BYTES_MAX = 1 << 20 /* of what is copied of the groups */ };

/* --- on the engine's thread --- */

static void run_beginning(struct store *store, struct etcd_errand *errand) {
    struct near_store *n = (struct near_store *)(void *)((char *)errand - offsetof(struct near_store, beginning));

    (void)store;
    if (!n->ended) {
        near_enter(n);
        near_begin(n);
        near_leave(n);
    }
}

/* What is wished of a part is done in the turn that this makes. */
static void run_wishing(struct store *store, struct etcd_errand *errand) {
    struct near_store *n = (struct near_store *)(void *)((char *)errand - offsetof(struct near_store, wishing));

    (void)store;
    atomic_store(&n->wished, false);
    if (!n->ended) {
        near_enter(n);
        near_leave(n);
    }
}

static void guest_run(void *ctx) {
    near_enter(ctx);
    near_leave(ctx);
}

static void guest_end(void *ctx) {
    struct near_store *n = ctx;

    near_end_sets(n);
    n->ended = true;
}

/* --- on any --- */

void near_start(struct near_store *n) {
    if (!atomic_load_explicit(&n->begun, memory_order_relaxed) && !atomic_exchange(&n->begun, true)) {
        etcd_store_post(n->cluster, &n->beginning);
    }
}

/* Nothing has been told yet: it begins with this, or with the first call. */
static bool observe(struct store *store, const struct store_observer *observer, void *ctx) {
    struct near_store *n = near_of(store);

    n->observer = observer;
    n->observer_ctx = ctx;
    near_start(n);
    return true;
}

/* With several parts what all of them have: a copy of a key of any is told with it. */
static int64_t proven_ns(struct store *store) {
    const struct near_set *set = near_set_now(near_of(store));
    int64_t least_ns = set != NULL && set->count > 0 ? INT64_MAX : INT64_MIN;

    for (size_t i = 0; set != NULL && i < set->count; i++) {
        int64_t proven = coherence_proven_ns(set->parts[i]->machine);

        least_ns = proven < least_ns ? proven : least_ns;
    }
    return least_ns;
}

/* Likewise: what is read from a copy and told to be of this revision shall not lack an event of its part. */
static int64_t revision(const struct store *store) {
    const struct near_store *n = (const struct near_store *)(const void *)store;
    const struct near_set *set = near_set_now(n);
    int64_t least = INT64_MAX;

    for (size_t i = 0; set != NULL && i < set->count; i++) {
        int64_t applied = coherence_applied(set->parts[i]->machine);

        least = applied < least ? applied : least;
    }
    /* Until the watch has begun there are no copies that would be used. */
    return least > 0 && least < INT64_MAX ? least : store_revision(n->cluster);
}

/* Here it may still be remembered, but who asks for it shall be told, as by the cluster. */
static bool is_compacted(const struct near_store *n, int64_t start_revision) {
    return start_revision > 0 && start_revision < atomic_load_explicit(&n->compacted, memory_order_relaxed);
}

static struct store_watcher *watch_open(struct store *store, const struct store_watch *watch, void (*wake)(void *ctx),
                                        void *ctx, enum store_status *ret_status, int64_t *ret_revision) {
    struct near_store *n = near_of(store);
    const struct near_set *set;
    struct near_part *part;

    near_start(n);
    set = near_set_now(n);
    part = set != NULL && watch->span.key.size > 0 && !is_compacted(n, watch->start_revision)
               ? near_find_span(set, &watch->span)
               : NULL;
    return part != NULL ? watches_open(part->watches, watch, wake, ctx, ret_status, ret_revision)
                        : store_watch_open(n->cluster, watch, wake, ctx, ret_status, ret_revision);
}

/* --- what is the cluster's business --- */

static enum store_status note_get(struct store *store, struct slice name, struct arena *arena,
                                  struct slice *ret_value) {
    return store_note_get(near_of(store)->cluster, name, arena, ret_value);
}

static enum store_status hash_kv(struct store *store, int64_t at, uint32_t *ret_hash, int64_t *ret_revision,
                                 int64_t *ret_compact_revision) {
    return store_hash_kv(near_of(store)->cluster, at, ret_hash, ret_revision, ret_compact_revision);
}

static enum store_status hash(struct store *store, uint32_t *ret_hash, int64_t *ret_revision) {
    return store_hash(near_of(store)->cluster, ret_hash, ret_revision);
}

/* Reading and closing it are the cluster's, whose snapshot it is. */
static struct store_snapshot *snapshot_open(struct store *store, enum store_status *ret_status) {
    return store_snapshot_open(near_of(store)->cluster, ret_status);
}

struct store *near_cluster(struct store *near) {
    return near_of(near)->cluster;
}

/* --- opening and closing --- */

static void free_store(struct near_store *n) {
    arena_fini(&n->arena);
    free(n);
}

/* The cluster's engine goes first, because everything lives on its thread: it lets the guest close its watches, ends what is
 * under way (the machines hear of it), joins the thread and runs the errands that are left. Then the machines answer all
 * that still waits in them, and nobody is left who could ask. */
static void close_store(struct store *store) {
    struct near_store *n = near_of(store);

    atomic_store(&n->closing, true);
    store_close(n->cluster);
    n->cluster = NULL;
    near_free_sets(n);
    near_cross_end(n);
    free_store(n);
}

const struct store_engine near_engine = {
    .submit = near_submit,
    .watch_open = watch_open,
    .watcher_next = watches_next,
    .watcher_close = watches_close,
    .observe = observe,
    .proven_ns = proven_ns,
    .revision = revision,
    .note_get = note_get,
    .hash_kv = hash_kv,
    .hash = hash,
    .snapshot_open = snapshot_open,
    .get_figures = near_get_store_figures,
    .close = close_store,
};

static void copy_config(struct near_store *n, const struct near_config *config) {
    n->wanted = config->watch;
    n->progress = config->progress;
    n->policy = config->policy;
    n->policy_ctx = config->policy_ctx;
    n->keyspace = (struct keyspace_config){
        .memory = config->memory, .mirror_memory = config->mirror_memory, .seed = random_os_seed()};
    n->watch_memory = config->watch_memory;
    n->max_watchers = config->cluster.max_watchers;
    n->max_waiting = config->cluster.max_pending;
    n->request_timeout_ns = config->cluster.client.request_timeout_ns;
    n->sweep_pause_ns = config->sweep_pause_ns;
}

struct store *near_open(const struct near_config *config, struct buf *why) {
    struct near_store *n = calloc(1, sizeof(*n));

    if (n == NULL) {
        buf_printf(why, "out of memory");
        return NULL;
    }
    n->base.engine = &near_engine;
    n->guest = (struct etcd_guest){.run = guest_run, .end = guest_end, .ctx = n};
    n->taking.run = near_run_taking;
    n->beginning.run = run_beginning;
    n->wishing.run = run_wishing;
    n->wake_ns = INT64_MAX;
    arena_init(&n->arena, GROUPS_BYTES_MAX);
    copy_config(n, config);
    if (!near_copy_groups(n, config)) {
        buf_printf(why, "out of memory");
        free_store(n);
        return NULL;
    }
    n->cluster = etcd_store_open(&config->cluster, why);
    if (n->cluster == NULL) {
        free_store(n);
        return NULL;
    }
    etcd_store_add_guest(n->cluster, &n->guest);
    return &n->base;
}
