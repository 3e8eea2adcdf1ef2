/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/clock.h"
#include "store/local/change.h"

/* Three steps, so that nobody waits long: a revision is declared compacted (durably, before anything is gone; a start goes
 * on from there), then what is obsolete leaves the index, then its records leave the disk together with what is written
 * next. The second and third are done in portions. */
enum {
    PORTION = 4096,          /* items, or records, between two commits */
    HISTORY_SLACK = 16,      /* automatic compaction waits until a 16th more than wanted is there */
    WATCH_LAG_MAX = 10000,   /* revisions by which a watcher may hold compaction up */
    NEARLY_FULL_EIGHTHS = 7, /* of the quota; from there on history is given up */
};

#define WATCH_PATIENCE_NS INT64_C(1000000000) /* how long watchers hold up a compaction that somebody waits for */

bool compact_is_nearly_full(const struct local *s) {
    return atomic_load_explicit(&s->bytes, memory_order_relaxed) / NEARLY_FULL_EIGHTHS > s->config.quota / 8;
}

/* To where history shall be cut off; 0: nowhere. */
static int64_t automatic_target(const struct local *s) {
    int64_t committed = atomic_load_explicit(&s->committed, memory_order_relaxed);
    int64_t compacted = atomic_load_explicit(&s->compacted, memory_order_relaxed);
    int64_t history = s->config.history;

    if (history <= 0) {
        return 0;
    }
    if ((s->room_needed || compact_is_nearly_full(s)) && s->garbage.count > 0 && committed > compacted) {
        return committed;
    }
    return committed - history > compacted + history / HISTORY_SLACK ? committed - history : 0;
}

static int64_t less(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* --- what holds it up --- */

void compact_hold_add(struct local *s, struct compact_hold *hold, int64_t revision) {
    pthread_mutex_lock(&s->holds_lock);
    *hold = (struct compact_hold){.revision = revision, .next = s->holds};
    s->holds = hold;
    pthread_mutex_unlock(&s->holds_lock);
}

void compact_hold_remove(struct local *s, const struct compact_hold *hold) {
    struct compact_hold **place = &s->holds;

    pthread_mutex_lock(&s->holds_lock);
    while (*place != hold) {
        place = &(*place)->next;
    }
    *place = hold->next;
    pthread_mutex_unlock(&s->holds_lock);
}

static int64_t held(struct local *s) {
    int64_t oldest = INT64_MAX;

    pthread_mutex_lock(&s->holds_lock);
    for (const struct compact_hold *hold = s->holds; hold != NULL; hold = hold->next) {
        oldest = less(oldest, hold->revision);
    }
    pthread_mutex_unlock(&s->holds_lock);
    return oldest;
}

static bool is_out_of_patience(const struct local *s) {
    return s->physical != NULL && clock_monotonic_ns() - s->physical_since >= WATCH_PATIENCE_NS;
}

/* Up to where the index can be gone through now: what is not in LMDB yet stays, and, for some time, what watchers have
 * still to read. So a compaction ends no watcher that keeps up. */
static int64_t prune_target(struct local *s) {
    int64_t compacted = atomic_load_explicit(&s->compacted, memory_order_relaxed);
    int64_t target = less(compacted, s->checkpointed);

    if (s->pruned >= compacted) {
        return compacted;
    }
    if (!s->room_needed) {
        target = less(target, held(s));
    }
    return is_out_of_patience(s) ? target : less(target, watch_oldest(&s->watches, compacted - WATCH_LAG_MAX));
}

bool compact_is_due(struct local *s) {
    return s->pruned < prune_target(s) || automatic_target(s) > 0;
}

bool compact_can_make_room(const struct local *s) {
    return s->garbage.doomed_count > 0 || s->pruned < atomic_load_explicit(&s->compacted, memory_order_relaxed) ||
           (s->config.history > 0 && s->garbage.count > 0);
}

bool compact_is_gone(const struct local *s, int64_t revision) {
    return s->pruned >= revision && s->garbage.doomed_count == 0;
}

enum store_status compact_in_batch(struct local *s) {
    int64_t target = automatic_target(s);

    return target > 0 ? batch_compact(&s->batch, target) : STORE_OK;
}

/* Takes the versions that an item made obsolete out of the index. False: no memory to note what is to be deleted. */
static bool prune(struct local *s, struct key_entry *e, int64_t compacted) {
    uint32_t count = key_entry_obsolete(e, compacted);

    if (count > 0) {
        if (!garbage_doom(&s->garbage, e->versions, count)) {
            return false;
        }
        pthread_rwlock_wrlock(&s->index_lock);
        key_entry_forget(e, count);
        if (e->count == 0) {
            key_tree_remove(&s->index, &e->key);
        }
        pthread_rwlock_unlock(&s->index_lock);
    }
    if (e->count == 0 && e->garbage == 0) {
        key_entry_free(e);
    }
    return true;
}

/* Goes through at most `most` items up to a revision. False: some are left. */
static bool prune_until(struct local *s, int64_t until, int64_t compacted, size_t most) {
    struct garbage_item item;

    while (most-- > 0) {
        if (!garbage_pop(&s->garbage, until, &item)) {
            return true;
        }
        if (!prune(s, item.entry, compacted)) {
            garbage_push_front(&s->garbage, item.revision, item.entry);
            return false;
        }
    }
    return false;
}

/* Of the changes of exactly the compacted revision, deletions stay: their items must be gone through once more by the
 * next compaction. */
static void prune_last(struct local *s, int64_t compacted) {
    size_t count = garbage_count_at(&s->garbage, compacted);
    struct key_entry **kept = malloc((count + 1) * sizeof(struct key_entry *));
    struct garbage_item item;
    size_t kept_count = 0;

    if (kept == NULL) {
        return;
    }
    while (garbage_pop(&s->garbage, compacted, &item)) {
        struct key_entry *e = item.entry;
        const struct version *v = key_entry_find(e, compacted);

        if (v != NULL && v->number == 0 && v->mod == compacted) {
            kept[kept_count++] = e;
            e->garbage++; /* so that it outlives the pruning */
            prune(s, e, compacted);
            e->garbage--;
        } else if (!prune(s, e, compacted)) {
            garbage_push_front(&s->garbage, item.revision, e);
            break;
        }
    }
    while (kept_count > 0) {
        garbage_push_front(&s->garbage, compacted, kept[--kept_count]);
    }
    free(kept);
}

void compact_index(struct local *s) {
    int64_t compacted = prune_target(s);

    if (s->pruned >= compacted) {
        return;
    }
    atomic_store(&s->floor, compacted);
    if (!prune_until(s, compacted - 1, compacted, PORTION)) {
        return;
    }
    prune_last(s, compacted);
    s->pruned = compacted;
    atomic_fetch_add(&s->compactions, 1);
}
