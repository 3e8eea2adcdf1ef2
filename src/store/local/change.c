/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/change.h"

/* --- changing one key --- */

/* Makes room for one more version. False: out of memory. */
static bool reserve_version(struct local *s, struct key_entry *e) {
    bool room;

    if (e->count < e->capacity) {
        return true;
    }
    pthread_rwlock_wrlock(&s->index_lock);
    room = key_entry_reserve(e);
    pthread_rwlock_unlock(&s->index_lock);
    return room;
}

/* The entry of a key with room for one more version, made if need be. NULL: out of memory. */
static struct key_entry *entry_for(struct local *s, struct slice key) {
    struct key_entry *e = key_entry_of(key_tree_find(&s->index, key));

    if (e != NULL) {
        return reserve_version(s, e) ? e : NULL;
    }
    if (!key_tree_reserve(&s->index)) {
        return NULL;
    }
    e = key_entry_new(key);
    if (e != NULL) {
        pthread_rwlock_wrlock(&s->index_lock);
        key_tree_insert(&s->index, &e->key);
        pthread_rwlock_unlock(&s->index_lock);
    }
    return e;
}

static void note_event(struct batch *b, const struct kv *kv) {
    b->events[b->event_count++] = (struct kv_event){
        .kind = kv->version > 0 ? KV_EVENT_PUT : KV_EVENT_DELETE,
        .kv = *kv,
    };
    b->payload += kv->key.size + kv->value.size;
}

static void touch(struct batch *b, struct key_entry *e) {
    if (!e->in_batch) {
        e->in_batch = true;
        b->touched[b->touched_count++] = e;
    }
}

/* Encodes the record for the journal and for those who read it before it is in LMDB. */
static enum store_status write_record(struct local *s, const struct kv *kv, const struct recent **ret_record) {
    struct batch *b = &s->batch;
    struct recent *record = recents_make(s->recents, kv, b->sub);
    struct journal_item item = {.kind = JOURNAL_RECORD, .number = kv->mod_revision, .other = b->sub};

    if (record == NULL) {
        return STORE_NO_MEMORY;
    }
    item.bytes = slice_make(record->bytes, record->size);
    if (b->last == NULL) {
        b->first = record;
    } else {
        atomic_store_explicit(&b->last->next, record, memory_order_relaxed);
    }
    b->last = record;
    *ret_record = record;
    return batch_written(b, journal_add(&b->entry, &item));
}

/* Writes a new version of the entry's key: `kv` lacks only the revision. There is room everywhere but on the disk. */
static enum store_status change(struct local *s, struct key_entry *e, struct kv *kv) {
    struct batch *b = &s->batch;
    struct version v = {
        .mod = b->main,
        .create = kv->create_revision,
        .number = kv->version,
        .lease = kv->lease,
        .sub = b->sub,
        .bytes = record_footprint(record_size(kv)),
    };
    bool lives = key_entry_at(e, b->main) != NULL;
    enum store_status status;

    kv->mod_revision = b->main;
    touch(b, e);
    status = write_record(s, kv, &v.recent);
    if (status != STORE_OK) {
        return status;
    }
    b->dirty = true;
    if (e->count > 0 || v.number == 0) {
        garbage_push(&s->garbage, b->main, e);
    }
    pthread_rwlock_wrlock(&s->index_lock);
    key_entry_push(e, &v);
    pthread_rwlock_unlock(&s->index_lock);
    lease_link(&s->leases, e);
    b->sub++;
    b->bytes += v.bytes;
    b->keys += (v.number > 0) - lives;
    note_event(b, kv);
    return STORE_OK;
}

enum store_status change_delete_entry(struct local *s, struct key_entry *e) {
    struct kv kv = {.key = key_entry_key(e)};

    if (!batch_reserve_change(&s->batch) || !garbage_reserve(&s->garbage) || !reserve_version(s, e)) {
        return STORE_NO_MEMORY;
    }
    return change(s, e, &kv);
}

/* A copy of what a key was before. */
static enum store_status copy_previous(struct local *s, const struct version *v, struct arena *arena,
                                       struct kv *ret_kv) {
    struct view view = batch_view(s);
    enum store_status status = view_fetch(&view, v, ret_kv);

    if (status != STORE_OK) {
        return status;
    }
    return arena_copy(arena, ret_kv->key, &ret_kv->key) && arena_copy(arena, ret_kv->value, &ret_kv->value)
               ? STORE_OK
               : STORE_NO_MEMORY;
}

static enum store_status put_previous(struct local *s, const struct version *v, struct arena *arena,
                                      struct store_result *result) {
    result->kvs = arena_alloc(arena, sizeof(*result->kvs));
    if (result->kvs == NULL) {
        return STORE_NO_MEMORY;
    }
    result->kv_count = 1;
    return copy_previous(s, v, arena, result->kvs);
}

enum store_status change_put(struct local *s, const struct store_put *put, struct arena *arena,
                             struct store_result *result) {
    struct batch *b = &s->batch;
    struct kv kv = {
        .key = put->key, .value = put->value, .lease = put->lease, .create_revision = b->main, .version = 1};
    enum store_status status = STORE_OK;
    const struct version *before;
    struct key_entry *e;

    if (!batch_reserve_change(b) || !garbage_reserve(&s->garbage)) {
        return STORE_NO_MEMORY;
    }
    e = entry_for(s, put->key);
    if (e == NULL) {
        return STORE_NO_MEMORY;
    }
    touch(b, e);
    before = key_entry_at(e, b->main);
    if (before != NULL) {
        kv.create_revision = before->create;
        kv.version = before->number + 1;
        kv.lease = put->ignore_lease ? before->lease : put->lease;
        if (put->want_previous) {
            status = put_previous(s, before, arena, result);
        }
        if (status == STORE_OK && put->ignore_value) {
            struct kv previous;

            status = copy_previous(s, before, &b->arena, &previous);
            kv.value = previous.value;
        }
    }
    return status == STORE_OK ? change(s, e, &kv) : status;
}

static enum store_status delete_previous(struct local *s, const struct store_span *span, struct arena *arena,
                                         struct store_result *result) {
    struct view view = batch_view(s);
    struct store_range range = {.span = *span};
    struct store_result found = {0};
    struct selection selection;
    enum store_status status = range_collect(&view, &range, &selection);

    if (status == STORE_OK) {
        status = range_fetch(&view, &selection, arena, &found);
    }
    selection_fini(&selection);
    result->kvs = found.kvs;
    result->kv_count = found.kv_count;
    return status;
}

enum store_status change_delete(struct local *s, const struct store_delete *op, struct arena *arena,
                                struct store_result *result) {
    enum store_status status = STORE_OK;
    struct span_walk walk;
    struct key_entry *e;

    if (op->want_previous) {
        status = delete_previous(s, &op->span, arena, result);
    }
    /* No entry comes or goes on the way, so the walk stays good. */
    span_begin(&s->index, &op->span, &walk);
    while (status == STORE_OK && (e = span_next(&walk)) != NULL) {
        if (key_entry_at(e, s->batch.main) != NULL) {
            status = change_delete_entry(s, e);
            result->count++;
        }
    }
    return status;
}

enum store_status batch_compact(struct batch *b, int64_t revision) {
    const struct journal_item item = {.kind = JOURNAL_COMPACT, .number = revision};

    b->compact = revision;
    b->dirty = true;
    return batch_written(b, journal_add(&b->entry, &item));
}
