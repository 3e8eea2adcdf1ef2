/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/local.h"

#include <stdlib.h>
#include <time.h>

#include "base/random.h"
#include "store/local/internal.h"

/* --- calls --- */

/* What is known without looking, or needs no writing, is answered at once. */
static bool answer_at_once(struct local *s, struct store_call *call) {
    call->status = check_op(&call->op);
    if (call->status != STORE_OK) {
        call->revision = atomic_load(&s->committed);
        return true;
    }
    if (!op_writes(&call->op)) {
        local_read(s, call);
        return true;
    }
    return false;
}

static enum store_status enqueue(struct local *s, struct store_call *call) {
    enum store_status status = STORE_OK;

    if (atomic_fetch_add_explicit(&s->waiting, 1, memory_order_relaxed) >= s->config.max_pending) {
        atomic_fetch_sub_explicit(&s->waiting, 1, memory_order_relaxed);
        return STORE_TOO_MANY_REQUESTS;
    }
    call->next = NULL;
    pthread_mutex_lock(&s->queue_lock);
    if (s->closing) {
        status = STORE_CLOSED;
    } else {
        *s->queue_end = call;
        s->queue_end = &call->next;
        if (s->asleep) {
            s->asleep = false;
            pthread_cond_signal(&s->queue_signal);
        }
    }
    pthread_mutex_unlock(&s->queue_lock);
    if (status != STORE_OK) {
        atomic_fetch_sub_explicit(&s->waiting, 1, memory_order_relaxed);
    }
    return status;
}

static void submit(struct store *store, struct store_call *call) {
    struct local *s = local_of(store);
    enum store_status status;

    if (answer_at_once(s, call)) {
        call->done(call);
        return;
    }
    status = enqueue(s, call);
    if (status != STORE_OK) {
        call->status = status;
        call->revision = atomic_load(&s->committed);
        call->done(call);
    }
}

static bool observe(struct store *store, const struct store_observer *observer, void *ctx) {
    struct local *s = local_of(store);

    /* The writer may be ending leases already. */
    pthread_mutex_lock(&s->queue_lock);
    s->observer = observer;
    s->observer_ctx = ctx;
    pthread_mutex_unlock(&s->queue_lock);
    return true;
}

/* The writer tells of a write before it answers it, and there is no other. */
static int64_t proven_ns(struct store *store) {
    (void)store;
    return INT64_MAX;
}

static int64_t revision(const struct store *store) {
    return atomic_load(&((const struct local *)store)->committed);
}

static enum store_status note_get(struct store *store, struct slice name, struct arena *arena,
                                  struct slice *ret_value) {
    return note_set_get(&local_of(store)->notes, name, arena, ret_value);
}

static void get_figures(struct store *store, struct store_figures *ret_figures) {
    struct local *s = local_of(store);

    *ret_figures = (struct store_figures){
        .revision = atomic_load(&s->committed),
        .compact_revision = atomic_load(&s->compacted) > 0 ? atomic_load(&s->compacted) : 0,
        .keys = atomic_load(&s->keys),
        .bytes = atomic_load(&s->bytes),
        .quota = s->config.quota,
        .commits = atomic_load(&s->commits),
        .commit_ops = atomic_load(&s->commit_ops),
        .syncs = atomic_load(&s->syncs),
        .sync_ns = atomic_load(&s->sync_ns),
        .compactions = atomic_load(&s->compactions),
        .watchers = watch_count(&s->watches),
        .leases = lease_count(&s->leases),
        .waiting = atomic_load(&s->waiting),
        .full = atomic_load(&s->full),
    };
    disk_file_bytes(&s->disk, &ret_figures->file_bytes, &ret_figures->file_bytes_used);
    for (unsigned i = 0; i < STORE_COMMIT_CLASSES; i++) {
        ret_figures->commit_classes[i] = atomic_load(&s->commit_classes[i]);
    }
}

/* --- opening and closing --- */

static void free_entry(struct tree_key *key) {
    key_entry_free(key_entry_of(key));
}

static void free_all(struct local *s) {
    batch_fini(&s->batch);
    garbage_fini(&s->garbage);
    recents_release(s->recents);
    free(s->lease_changes.changes);
    key_tree_fini(&s->index, free_entry);
    lease_set_fini(&s->leases);
    note_set_fini(&s->notes);
    watchers_fini(&s->watches);
    pthread_rwlock_destroy(&s->index_lock);
    pthread_mutex_destroy(&s->queue_lock);
    pthread_mutex_destroy(&s->holds_lock);
    pthread_cond_destroy(&s->queue_signal);
    pthread_cond_destroy(&s->errand_signal);
    free(s);
}

static void close_store(struct store *store) {
    struct local *s = local_of(store);

    if (s->writer_started) {
        pthread_mutex_lock(&s->queue_lock);
        s->closing = true;
        pthread_cond_signal(&s->queue_signal);
        pthread_mutex_unlock(&s->queue_lock);
        pthread_join(s->writer, NULL);
    }
    journal_close(&s->journal);
    disk_close(&s->disk);
    free_all(s);
}

static const struct store_engine engine = {
    .submit = submit,
    .watch_open = local_watch_open,
    .watcher_next = local_watcher_next,
    .watcher_close = local_watcher_close,
    .observe = observe,
    .proven_ns = proven_ns,
    .revision = revision,
    .note_get = note_get,
    .hash_kv = local_hash_kv,
    .hash = local_hash,
    .snapshot_open = local_snapshot_open,
    .snapshot_read = local_snapshot_read,
    .snapshot_size = local_snapshot_size,
    .snapshot_close = local_snapshot_close,
    .get_figures = get_figures,
    .close = close_store,
};

/* Readers come all the time; a writer that waited for a moment without any would wait for ever. */
static void init_locks(struct local *s) {
    pthread_rwlockattr_t rwlock;
    pthread_condattr_t cond;

    pthread_rwlockattr_init(&rwlock);
    pthread_rwlockattr_setkind_np(&rwlock, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&s->index_lock, &rwlock);
    pthread_rwlockattr_destroy(&rwlock);
    pthread_condattr_init(&cond);
    pthread_condattr_setclock(&cond, CLOCK_MONOTONIC);
    pthread_cond_init(&s->queue_signal, &cond);
    pthread_cond_init(&s->errand_signal, &cond);
    pthread_condattr_destroy(&cond);
    pthread_mutex_init(&s->queue_lock, NULL);
    pthread_mutex_init(&s->holds_lock, NULL);
}

static struct local *make(const struct local_config *config) {
    struct local *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        return NULL;
    }
    s->base.engine = &engine;
    s->config = *config;
    s->config.directory = NULL; /* the caller's */
    if (s->config.checkpoint == 0) {
        s->config.checkpoint = LOCAL_CHECKPOINT;
    }
    if (s->config.checkpoint_idle_ns == 0) {
        s->config.checkpoint_idle_ns = LOCAL_CHECKPOINT_IDLE_NS;
    }
    s->queue_end = &s->queue_first;
    s->journal.fd = -1;
    random_init(&s->random, random_os_seed());
    init_locks(s);
    key_tree_init(&s->index);
    lease_set_init(&s->leases);
    note_set_init(&s->notes);
    watchers_init(&s->watches);
    batch_clear(&s->batch);
    return s;
}

/* What to do about a store that cannot be loaded. */
static const char *advice_for(enum store_status status) {
    switch (status) {
    case STORE_NO_SPACE:
        return "make room on its disk: the last writes are still to be put in their place";
    case STORE_NO_MEMORY:
        return "give it more memory";
    case STORE_IO:
        return "see whether the disk is out of order";
    default:
        return "restore the directory from a backup, or start with an empty one";
    }
}

static bool start(struct local *s, const char *directory, struct buf *why) {
    enum store_status status = local_load(s);

    if (status != STORE_OK) {
        buf_printf(why, "the store in %s: %s; %s", directory, store_status_text(status), advice_for(status));
        return false;
    }
    s->writer_started = pthread_create(&s->writer, NULL, local_write, s) == 0;
    if (!s->writer_started) {
        buf_printf(why, "the store in %s: no thread can be started; raise the limit of processes", directory);
    }
    return s->writer_started;
}

struct store *local_open(const struct local_config *config, struct buf *why) {
    struct local *s = make(config);

    if (s == NULL) {
        buf_printf(why, "the store in %s: out of memory", config->directory);
        return NULL;
    }
    if (!disk_open(&s->disk, &s->journal, config, why)) {
        free_all(s);
        return NULL;
    }
    if (!start(s, config->directory, why)) {
        close_store(&s->base);
        return NULL;
    }
    return &s->base;
}
