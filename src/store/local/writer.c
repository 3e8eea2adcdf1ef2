/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "store/local/internal.h"

enum {
    BATCH_PAYLOAD_MAX = 16 << 20, /* bytes of keys and values after which a commit is due */
    ENDED_LEASES_MAX = 1024,      /* per batch */
    NOTES_MAX = 256,              /* per batch */
    JOURNAL_MAX = 64 << 20,       /* bytes; it only becomes so long if checkpoints fail */
};

#define NS_PER_S INT64_C(1000000000)
#define IDLE_MAX_NS (10 * NS_PER_S)
#define PHYSICAL_POLL_NS (NS_PER_S / 100)
#define STUCK_RETRY_NS (NS_PER_S / 4) /* after a commit that failed */

static void answer_one(struct local *s, struct store_call *call) {
    atomic_fetch_sub_explicit(&s->waiting, 1, memory_order_relaxed);
    call->done(call);
}

/* --- compactions that are answered when what they compacted is gone --- */

static void physical_add(struct local *s, struct store_call *call) {
    if (s->physical == NULL) {
        s->physical_since = clock_monotonic_ns();
        s->physical_end = &s->physical;
    }
    call->next = NULL;
    *s->physical_end = call;
    s->physical_end = &call->next;
}

/* What is not in LMDB yet is not taken out, and what is taken out is not gone while LMDB has it. */
static bool physical_needs_checkpoint(const struct local *s) {
    return s->physical != NULL && (s->physical->op.compact_revision > s->checkpointed || s->garbage.doomed_count > 0);
}

/* Answers those that are done, or all if it is known that they will not be. */
static void physical_answer(struct local *s, enum store_status failure) {
    while (s->physical != NULL && (failure != STORE_OK || compact_is_gone(s, s->physical->op.compact_revision))) {
        struct store_call *call = s->physical;

        s->physical = call->next;
        s->physical_since = clock_monotonic_ns();
        call->status = failure;
        answer_one(s, call);
    }
}

/* --- the queue --- */

static struct timespec deadline_after(int64_t ns) {
    int64_t deadline = clock_monotonic_ns() + ns;

    return (struct timespec){.tv_sec = deadline / NS_PER_S, .tv_nsec = deadline % NS_PER_S};
}

/* How long there is nothing to do; 0: there is something now. */
static int64_t idle_ns(struct local *s) {
    int64_t end = lease_next_end(&s->leases);
    int64_t most = checkpoint_is_wanted(s) ? s->config.checkpoint_idle_ns : IDLE_MAX_NS;
    int64_t left = most;

    if (s->stuck) {
        return STUCK_RETRY_NS;
    }
    if (compact_is_due(s)) {
        return 0;
    }
    if (s->physical != NULL) {
        return PHYSICAL_POLL_NS;
    }
    if (end != INT64_MAX) {
        left = end - s->config.now_ns();
    }
    return left < 0 ? 0 : left < most ? left : most;
}

/* Waits for calls, the end of a lease or the end of the store. Returns all calls there are; *ret_idle: for some time there
 * were none. */
static struct store_call *take_calls(struct local *s, bool *ret_closing, bool *ret_idle) {
    struct store_call *calls;
    int64_t idle = idle_ns(s);

    *ret_idle = false;
    pthread_mutex_lock(&s->queue_lock);
    if (s->queue_first == NULL && s->errands == NULL && !s->closing && idle > 0) {
        struct timespec deadline = deadline_after(idle);

        s->asleep = true;
        *ret_idle = pthread_cond_timedwait(&s->queue_signal, &s->queue_lock, &deadline) == ETIMEDOUT;
        s->asleep = false;
    }
    calls = s->queue_first;
    s->queue_first = NULL;
    s->queue_end = &s->queue_first;
    *ret_closing = s->closing;
    pthread_mutex_unlock(&s->queue_lock);
    return calls;
}

/* --- one batch --- */

static void answer(struct local *s, struct store_call *first, const struct store_call *end, enum store_status broken) {
    while (first != end) {
        struct store_call *call = first;

        first = call->next;
        if (broken != STORE_OK) {
            call->status = broken;
            call->revision = atomic_load_explicit(&s->committed, memory_order_relaxed);
        }
        if (call->status == STORE_OK && call->op.kind == STORE_OP_COMPACT && call->op.compact_physical) {
            physical_add(s, call);
        } else {
            answer_one(s, call);
        }
    }
}

/* Leases whose time is over end like those that are revoked. */
static enum store_status end_leases(struct local *s) {
    int64_t now = s->config.now_ns();
    enum store_status status = STORE_OK;
    struct lease *lease;

    for (int i = 0; i < ENDED_LEASES_MAX && status == STORE_OK && (lease = lease_over(&s->leases, now)) != NULL; i++) {
        s->batch.main = s->batch.revision + 1;
        s->batch.sub = 0;
        status = apply_lease_end(s, lease);
        if (s->batch.sub > 0) {
            s->batch.revision = s->batch.main;
        }
    }
    return status;
}

static enum store_status commit(struct local *s, uint64_t ops) {
    int64_t start = clock_monotonic_ns();
    enum store_status status = journal_append(&s->journal, &s->batch.entry);

    if (status == STORE_IO) {
        s->failed = true;
    }
    if (status != STORE_OK) {
        return status;
    }
    atomic_fetch_add(&s->sync_ns, (uint64_t)(clock_monotonic_ns() - start));
    atomic_fetch_add(&s->commits, 1);
    atomic_fetch_add(&s->commit_ops, ops);
    atomic_fetch_add(&s->commit_classes[store_commit_class(ops)], 1);
    if (!s->config.no_sync) {
        atomic_fetch_add(&s->syncs, 1);
    }
    return STORE_OK;
}

static void tell_observer(struct local *s) {
    const struct store_observer *observer;
    void *ctx;

    pthread_mutex_lock(&s->queue_lock);
    observer = s->observer;
    ctx = s->observer_ctx;
    pthread_mutex_unlock(&s->queue_lock);
    if (observer != NULL && s->batch.event_count > 0) {
        observer->events(ctx, s->batch.events, s->batch.event_count);
    }
}

/* A batch that has nothing to write says nothing of the disk. */
static void settle_full(struct local *s) {
    if (!s->disk_full && !compact_is_nearly_full(s)) {
        atomic_store(&s->full, false);
    }
}

/* Tells of what is durable, and makes it visible; in this order, so that whatever a read finds has been told of. */
static void publish(struct local *s) {
    struct batch *b = &s->batch;

    tell_observer(s);
    recents_add(s->recents, b->first, b->last);
    watch_mark(&s->watches, b->events, b->event_count, b->revision);
    atomic_store(&s->committed, b->revision);
    if (b->compact != BATCH_COMPACTS_NOTHING) {
        atomic_store(&s->compacted, b->compact);
    }
    atomic_fetch_add(&s->keys, (uint64_t)b->keys);
    atomic_fetch_add(&s->bytes, (uint64_t)b->bytes);
    if (b->dirty) {
        s->disk_full = false;
    }
    settle_full(s);
    for (size_t i = 0; i < b->touched_count; i++) {
        b->touched[i]->in_batch = false;
    }
    for (size_t i = 0; i < b->ended_count; i++) {
        lease_drop(&s->leases, b->ended[i]);
    }
    for (size_t i = 0; i < b->note_count; i++) {
        note_set_put(&s->notes, b->notes[i], true);
    }
    watch_wake(&s->watches);
}

static void undo_entry(struct local *s, struct key_entry *e) {
    pthread_rwlock_wrlock(&s->index_lock);
    key_entry_undo(e, atomic_load_explicit(&s->committed, memory_order_relaxed));
    if (e->count == 0) {
        key_tree_remove(&s->index, &e->key);
    }
    pthread_rwlock_unlock(&s->index_lock);
    e->in_batch = false;
    lease_link(&s->leases, e);
    if (e->count == 0) {
        key_entry_free(e);
    }
}

/* Nothing of the batch has been. */
static void undo(struct local *s) {
    struct batch *b = &s->batch;

    for (size_t i = 0; i < b->ended_count; i++) {
        lease_set_ending(&s->leases, b->ended[i], false);
    }
    garbage_undo(&s->garbage, atomic_load_explicit(&s->committed, memory_order_relaxed));
    for (size_t i = 0; i < b->touched_count; i++) {
        undo_entry(s, b->touched[i]);
    }
    for (size_t i = 0; i < b->granted_count; i++) {
        lease_drop(&s->leases, b->granted[i]);
    }
    for (size_t i = 0; i < b->note_count; i++) {
        note_release(b->notes[i]);
    }
    s->lease_changes.count = b->lease_changes;
}

/* Applies calls until a commit is due, or room must be made. *ret_end is the first that was not applied. */
static enum store_status apply_calls(struct local *s, struct store_call *calls, struct store_call **ret_end,
                                     uint64_t *ret_count) {
    enum store_status status = STORE_OK;

    *ret_count = 0;
    while (calls != NULL && calls->op.kind != STORE_OP_DEFRAGMENT && status == STORE_OK &&
           s->batch.payload < BATCH_PAYLOAD_MAX && s->batch.note_count < NOTES_MAX) {
        status = apply_call(s, calls);
        if (status == STORE_OK && calls->status == STORE_NO_SPACE && calls->op.kind != STORE_OP_NOTE &&
            calls != s->room_for && compact_can_make_room(s)) {
            s->room_needed = true;
            s->room_for = calls;
            break;
        }
        s->room_for = NULL;
        calls = calls->next;
        ++*ret_count;
    }
    *ret_end = calls;
    return status;
}

static enum store_status begin(struct local *s) {
    batch_clear(&s->batch);
    s->batch.revision = atomic_load_explicit(&s->committed, memory_order_relaxed);
    s->batch.lease_changes = s->lease_changes.count;
    if (s->failed) {
        return STORE_IO;
    }
    if (s->journal.offset >= JOURNAL_MAX) {
        return STORE_NO_SPACE;
    }
    return disk_read_begin(&s->disk, &s->batch.reader);
}

/* Applies what it can and commits it. *ret_end is the first call that was not applied. */
static enum store_status apply_and_commit(struct local *s, struct store_call *calls, struct store_call **ret_end) {
    uint64_t count;
    enum store_status status = compact_in_batch(s);

    if (status == STORE_OK) {
        status = apply_calls(s, calls, ret_end, &count);
    }
    if (status == STORE_OK) {
        status = end_leases(s);
    }
    disk_read_end(&s->disk, s->batch.reader);
    return status == STORE_OK && s->batch.dirty ? commit(s, count) : status;
}

/* One commit. Returns the calls that must wait for the next one. */
static struct store_call *run_batch(struct local *s, struct store_call *calls) {
    enum store_status status = begin(s);
    struct store_call *end = NULL;

    if (status == STORE_OK) {
        status = apply_and_commit(s, calls, &end);
    }
    s->stuck = status != STORE_OK;
    if (status == STORE_OK) {
        publish(s);
    } else {
        if (status == STORE_NO_SPACE) {
            s->disk_full = true;
            atomic_store(&s->full, true);
        }
        undo(s);
    }
    answer(s, calls, end, status);
    return end;
}

/* --- between the batches --- */

/* One that fails, for want of space most likely, is tried again when there is more to write, or nothing else to do. */
static void checkpoint_if_due(struct local *s, bool idle) {
    enum store_status status;

    if (!checkpoint_is_wanted(s) || (!idle && s->journal.offset < s->checkpoint_at && !physical_needs_checkpoint(s))) {
        return;
    }
    s->checkpoint_at = s->config.checkpoint;
    status = checkpoint(s);
    if (status != STORE_OK) {
        s->checkpoint_at += s->journal.offset;
        physical_answer(s, status);
    } else {
        s->disk_full = false; /* the journal begins anew */
        settle_full(s);
    }
}

/* Gives up history and brings to LMDB that it is gone. */
static void make_room(struct local *s) {
    struct garbage *g = &s->garbage;
    size_t left;

    run_batch(s, NULL);
    checkpoint_if_due(s, true);
    do {
        left = g->count;
        compact_index(s);
    } while (g->count < left);
    do {
        left = g->doomed_count;
        checkpoint_if_due(s, true);
    } while (g->doomed_count < left);
    s->room_needed = false;
}

/* Those that come first. Returns the others. */
static struct store_call *defragment(struct local *s, struct store_call *calls) {
    while (calls != NULL && calls->op.kind == STORE_OP_DEFRAGMENT) {
        struct store_call *call = calls;

        calls = call->next;
        local_defragment(s, call);
        answer_one(s, call);
    }
    return calls;
}

void *local_write(void *store) {
    struct local *s = store;
    bool closing = false;

    s->checkpoint_at = s->config.checkpoint;
    while (!closing) {
        bool idle;
        struct store_call *calls = take_calls(s, &closing, &idle);

        errand_serve(s);
        do {
            calls = defragment(s, run_batch(s, calls));
            if (s->room_needed) {
                make_room(s);
            }
            compact_index(s);
            checkpoint_if_due(s, idle);
            physical_answer(s, STORE_OK);
        } while (calls != NULL);
    }
    physical_answer(s, STORE_CLOSED);
    checkpoint_if_due(s, true);
    return NULL;
}
