/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "store/copy.h"
#include "store/local/watcher.h"

enum {
    SCANNED_MAX = 4096, /* records that one call looks at, so that it is short also where few are wanted */
};

/* A reading that goes on. */
struct reading {
    struct local_watcher *w;
    struct view view;
    struct store_batch *batch;
    size_t capacity; /* of batch->events */
    size_t bytes;
    size_t max_bytes;
    size_t scanned;
    int64_t to;
    int64_t revision; /* of the record before */
    bool full;
};

static enum store_status copy(struct reading *r, const struct kv *kv, struct kv *ret_copy) {
    r->bytes += kv->key.size + kv->value.size;
    return store_kv_copy(&r->batch->arena, kv, ret_copy) ? STORE_OK : STORE_NO_MEMORY;
}

/* What the key was before that change, unless that was compacted when the watcher began. */
static enum store_status add_previous(struct reading *r, struct kv_event *event) {
    struct local *s = r->w->store;
    const struct version *found = NULL;
    enum store_status status;
    struct version before;
    struct key_entry *e;
    struct kv kv;

    if (event->kv.mod_revision <= r->w->compacted) {
        return STORE_OK;
    }
    pthread_rwlock_rdlock(&s->index_lock);
    e = key_entry_of(key_tree_find(&s->index, event->kv.key));
    if (e != NULL) {
        found = key_entry_at(e, event->kv.mod_revision - 1);
    }
    if (found != NULL) {
        before = *found;
    }
    pthread_rwlock_unlock(&s->index_lock);
    if (found == NULL) {
        return STORE_OK;
    }
    status = view_fetch(&r->view, &before, &kv);
    event->has_previous = status == STORE_OK;
    return status == STORE_OK ? copy(r, &kv, &event->previous) : status;
}

static enum store_status add_event(struct reading *r, const struct kv *kv) {
    bool is_put = kv->version > 0;
    struct kv_event *event;
    enum store_status status;

    if (is_put ? r->w->entry.watch.no_put : r->w->entry.watch.no_delete) {
        return STORE_OK;
    }
    if (!store_batch_make_room(r->batch, &r->capacity)) {
        return STORE_NO_MEMORY;
    }
    event = &r->batch->events[r->batch->count++];
    *event = (struct kv_event){.kind = is_put ? KV_EVENT_PUT : KV_EVENT_DELETE};
    status = copy(r, kv, &event->kv);
    if (!is_put) {
        event->kv = (struct kv){.key = event->kv.key, .mod_revision = kv->mod_revision};
    }
    /* A put that makes the key has no previous, also if the same revision deleted it before. */
    if (status != STORE_OK || !r->w->entry.watch.want_previous || (is_put && kv->create_revision == kv->mod_revision)) {
        return status;
    }
    return add_previous(r, event);
}

/* Between two revisions: whether the next one is still to be read. */
static bool go_on(struct reading *r, int64_t revision) {
    if (revision != r->revision) {
        if (revision > r->to || r->bytes >= r->max_bytes || r->scanned >= SCANNED_MAX) {
            r->full = revision <= r->to;
            return false;
        }
        r->revision = revision;
    }
    r->scanned++;
    return true;
}

/* --- one key: its versions are in the index --- */

static enum store_status collect_versions(const struct reading *r, int64_t from, struct version **ret_versions,
                                          size_t *ret_count) {
    struct local *s = r->w->store;
    enum store_status status = STORE_OK;
    struct key_entry *e;
    uint32_t first = 0;

    *ret_versions = NULL;
    *ret_count = 0;
    pthread_rwlock_rdlock(&s->index_lock);
    /* Only now nothing more is taken out of the index. */
    if (from < atomic_load(&s->floor)) {
        pthread_rwlock_unlock(&s->index_lock);
        return STORE_COMPACTED;
    }
    e = key_entry_of(key_tree_find(&s->index, r->w->entry.watch.span.key));
    if (e != NULL && e->count > 0) {
        const struct version *before = key_entry_find(e, from - 1);
        const struct version *last = key_entry_find(e, r->to);

        first = before == NULL ? 0 : (uint32_t)(before - e->versions) + 1;
        *ret_count = last == NULL ? 0 : (size_t)(last - e->versions) + 1 - first;
        *ret_versions = malloc((*ret_count + 1) * sizeof(**ret_versions));
        if (*ret_versions == NULL) {
            status = STORE_NO_MEMORY;
        } else {
            memcpy(*ret_versions, e->versions + first, *ret_count * sizeof(**ret_versions));
        }
    }
    pthread_rwlock_unlock(&s->index_lock);
    return status;
}

static enum store_status read_single(struct reading *r, int64_t from) {
    struct version *versions;
    size_t count;
    enum store_status status = collect_versions(r, from, &versions, &count);

    for (size_t i = 0; i < count && status == STORE_OK && go_on(r, versions[i].mod); i++) {
        struct kv kv;

        status = view_fetch(&r->view, &versions[i], &kv);
        if (status == STORE_OK) {
            status = add_event(r, &kv);
        }
    }
    free(versions);
    return status;
}

/* --- a range: whatever happened, in order --- */

static enum store_status on_record(void *ctx, const struct kv *kv, uint32_t sub, bool *ret_stop) {
    struct reading *r = ctx;

    (void)sub;
    *ret_stop = !go_on(r, kv->mod_revision);
    return !*ret_stop && store_span_contains(&r->w->entry.watch.span, kv->key) ? add_event(r, kv) : STORE_OK;
}

/* Those that LMDB has. */
static enum store_status read_disk(struct reading *r, int64_t from) {
    int64_t to = r->to;
    enum store_status status;

    if (from > r->view.checkpointed) {
        return STORE_OK;
    }
    if (r->to > r->view.checkpointed) {
        r->to = r->view.checkpointed;
    }
    status = disk_each_record(&r->w->store->disk, r->view.reader->txn, from, 0, on_record, r);
    r->to = to;
    return status;
}

/* And those that are only in memory. */
static enum store_status read_recent(struct reading *r, int64_t from) {
    const struct recent *record = atomic_load_explicit(&r->view.recents->first, memory_order_acquire);
    enum store_status status = STORE_OK;
    bool stop = false;

    while (record != NULL && record->revision <= r->to && status == STORE_OK && !stop) {
        struct kv kv;

        if (record->revision >= from) {
            status = recent_decode(record, &kv) ? on_record(r, &kv, record->sub, &stop) : STORE_DAMAGED;
        }
        record = atomic_load_explicit(&record->next, memory_order_acquire);
    }
    return status;
}

static enum store_status read_range(struct reading *r, int64_t from) {
    enum store_status status = read_disk(r, from);

    return status == STORE_OK && !r->full ? read_recent(r, from) : status;
}

enum store_status watch_read(struct local_watcher *w, int64_t from, int64_t to, size_t max_bytes,
                             struct store_batch *batch) {
    struct reading r = {.w = w, .batch = batch, .max_bytes = max_bytes, .to = to, .revision = from - 1};
    enum store_status status = view_begin(w->store, &r.view);
    bool compacted;

    if (status != STORE_OK) {
        return status;
    }
    /* What is not taken out by now stays in the view. */
    compacted = from < atomic_load(&w->store->floor);
    pthread_rwlock_unlock(&w->store->index_lock);
    if (compacted) {
        status = STORE_COMPACTED;
    } else {
        status = w->entry.single ? read_single(&r, from) : read_range(&r, from);
    }
    view_end(&r.view);
    batch->revision = r.full ? r.revision : to;
    return status;
}
