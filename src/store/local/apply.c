/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "store/local/internal.h"

/* --- changing one key --- */

static uint64_t bytes_now(const struct local *s) {
    return (uint64_t)((int64_t)atomic_load_explicit(&s->bytes, memory_order_relaxed) + s->batch.bytes);
}

/* The entry of a key with room for one more version, made if need be. NULL: out of memory. */
static struct key_entry *entry_for(struct local *s, struct slice key) {
    struct key_entry *e = key_tree_find(&s->index, key);
    bool room;

    if (e != NULL) {
        if (e->count < e->capacity) {
            return e;
        }
        pthread_rwlock_wrlock(&s->index_lock);
        room = key_entry_reserve(e);
        pthread_rwlock_unlock(&s->index_lock);
        return room ? e : NULL;
    }
    if (!key_tree_reserve(&s->index)) {
        return NULL;
    }
    e = key_entry_new(key);
    if (e != NULL) {
        pthread_rwlock_wrlock(&s->index_lock);
        key_tree_insert(&s->index, e);
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

/* What LMDB could not write leaves a transaction that is good for nothing. */
static enum store_status written(struct batch *b, enum store_status status) {
    if (status != STORE_OK) {
        b->broken = true;
    }
    return status;
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
    b->dirty = true;
    status = written(b, disk_append(&s->disk, b->txn, kv, b->sub));
    if (status != STORE_OK) {
        return status;
    }
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

static enum store_status delete_entry(struct local *s, struct key_entry *e) {
    struct kv kv = {.key = key_entry_key(e)};
    struct key_entry *same;

    if (!batch_reserve_change(&s->batch) || !garbage_reserve(&s->garbage)) {
        return STORE_NO_MEMORY;
    }
    same = entry_for(s, kv.key);
    return same == NULL ? STORE_NO_MEMORY : change(s, same, &kv);
}

static struct view now(struct local *s) {
    return (struct view){.store = s, .txn = s->batch.txn, .revision = s->batch.main};
}

/* A copy of what a key was before. */
static enum store_status copy_previous(struct local *s, const struct version *v, struct arena *arena,
                                       struct kv *ret_kv) {
    struct view view = now(s);
    enum store_status status = view_fetch(&view, v, ret_kv);

    if (status != STORE_OK) {
        return status;
    }
    return arena_copy(arena, ret_kv->key, &ret_kv->key) && arena_copy(arena, ret_kv->value, &ret_kv->value)
               ? STORE_OK
               : STORE_NO_MEMORY;
}

/* --- PUT --- */

static enum store_status put_previous(struct local *s, const struct version *v, struct arena *arena,
                                      struct store_result *result) {
    result->kvs = arena_alloc(arena, sizeof(*result->kvs));
    if (result->kvs == NULL) {
        return STORE_NO_MEMORY;
    }
    result->kv_count = 1;
    return copy_previous(s, v, arena, result->kvs);
}

/* What check_put has let through. */
static enum store_status put(struct local *s, const struct store_put *put, struct arena *arena,
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

/* What can stand against a put now. */
static enum store_status check_put(struct local *s, const struct store_put *put) {
    if (put->ignore_value || put->ignore_lease) {
        const struct key_entry *e = key_tree_find(&s->index, put->key);

        if (e == NULL || key_entry_at(e, s->batch.main) == NULL) {
            return STORE_KEY_NOT_FOUND;
        }
    }
    return put->lease != 0 && lease_find(&s->leases, put->lease) == NULL ? STORE_LEASE_NOT_FOUND : STORE_OK;
}

static enum store_status check_quota(struct local *s, uint64_t more) {
    bool full = bytes_now(s) + more > s->config.quota;

    if (full) {
        atomic_store(&s->full, true);
    }
    return full ? STORE_NO_SPACE : STORE_OK;
}

static uint64_t put_footprint(const struct store_put *put) {
    return record_footprint(RECORD_HEADER_SIZE + put->key.size + put->value.size);
}

/* --- DELETE --- */

static enum store_status delete_previous(struct local *s, const struct store_span *span, struct arena *arena,
                                         struct store_result *result) {
    struct view view = now(s);
    struct store_range range = {.span = *span};
    struct store_result found = {0};
    struct hits hits;
    enum store_status status = range_collect(&view, &range, &hits);

    if (status == STORE_OK) {
        status = range_fetch(&view, &range, &hits, arena, &found);
        hits_free(&hits);
    }
    result->kvs = found.kvs;
    result->kv_count = found.kv_count;
    return status;
}

static enum store_status delete (struct local *s, const struct store_delete *delete, struct arena *arena,
                                 struct store_result *result) {
    enum store_status status = STORE_OK; struct span_walk walk; struct key_entry * e;

    if (delete->want_previous){status = delete_previous(s, &delete->span, arena, result);}
/* No entry comes or goes on the way, so the walk stays good. */
span_begin(&s->index, &delete->span, &walk);
while (status == STORE_OK && (e = span_next(&walk)) != NULL) {
    if (key_entry_at(e, s->batch.main) != NULL) {
        status = delete_entry(s, e);
        result->count++;
    }
}
return status;
}

/* --- TXN --- */

static enum store_status write_op(struct local *s, const struct store_op *op, struct arena *arena,
                                  struct store_result *result) {
    return op->kind == STORE_OP_PUT ? put(s, &op->put, arena, result) : delete (s, &op->delete, arena, result);
}

/* Checks the operations of one kind along the path, in etcd's order: first all puts, then all ranges. */
static enum store_status check_along(struct local *s, const struct store_txn *txn, struct txn_path *path,
                                     enum store_op_kind kind, uint64_t *footprint) {
    bool succeeded = path->succeeded[path->at++];
    const struct store_op *ops = succeeded ? txn->success : txn->failure;
    size_t count = succeeded ? txn->success_count : txn->failure_count;
    enum store_status status = STORE_OK;

    for (size_t i = 0; i < count && status == STORE_OK; i++) {
        if (ops[i].kind == STORE_OP_TXN) {
            status = check_along(s, &ops[i].txn, path, kind, footprint);
        } else if (ops[i].kind == kind && kind == STORE_OP_PUT) {
            *footprint += put_footprint(&ops[i].put);
            status = check_put(s, &ops[i].put);
        } else if (ops[i].kind == kind) {
            status = check_revision(s, ops[i].range.revision, s->batch.revision);
        }
    }
    return status;
}

static enum store_status check_txn_now(struct local *s, const struct store_txn *txn, struct txn_path *path) {
    uint64_t footprint = 0;
    enum store_status status = check_along(s, txn, path, STORE_OP_PUT, &footprint);

    path->at = 0;
    if (status == STORE_OK) {
        status = check_along(s, txn, path, STORE_OP_RANGE, &footprint);
    }
    path->at = 0;
    return status == STORE_OK && footprint > 0 ? check_quota(s, footprint) : status;
}

static enum store_status apply_txn(struct local *s, struct store_call *call) {
    struct view view = now(s);
    struct txn_path path;
    enum store_status status = txn_path_find(&view, &call->op.txn, &call->arena, &path);

    if (status != STORE_OK) {
        return status;
    }
    call->status = check_txn_now(s, &call->op.txn, &path);
    if (call->status != STORE_OK) {
        return STORE_OK;
    }
    return txn_run(&view, &call->op.txn, &path, &call->arena, write_op, &call->result);
}

/* --- leases and compaction --- */

static int64_t choose_id(struct local *s) {
    int64_t id;

    do {
        id = (int64_t)(random_next(&s->random) >> 1);
    } while (id == 0 || lease_find(&s->leases, id) != NULL);
    return id;
}

static enum store_status grant(struct local *s, struct store_call *call) {
    int64_t id = call->op.lease.id != 0 ? call->op.lease.id : choose_id(s);
    int64_t ttl = lease_ttl_granted(call->op.lease.ttl);
    struct lease *lease;

    if (lease_find(&s->leases, id) != NULL) {
        call->status = STORE_LEASE_EXISTS;
        return STORE_OK;
    }
    if (!batch_reserve_lease(&s->batch)) {
        return STORE_NO_MEMORY;
    }
    lease = lease_add(&s->leases, id, ttl, s->config.now_ns());
    if (lease == NULL) {
        return STORE_NO_MEMORY;
    }
    s->batch.granted[s->batch.granted_count++] = lease;
    s->batch.dirty = true;
    call->result.lease = id;
    call->result.ttl = ttl;
    call->result.granted_ttl = ttl;
    return written(&s->batch, disk_put_lease(&s->disk, s->batch.txn, id, ttl));
}

static int compare_entries(const void *a, const void *b) {
    return slice_compare(key_entry_key(*(struct key_entry *const *)a), key_entry_key(*(struct key_entry *const *)b));
}

enum store_status apply_lease_end(struct local *s, struct lease *lease) {
    size_t count = lease->key_count;
    struct key_entry **entries = malloc((count + 1) * sizeof(struct key_entry *));
    enum store_status status;
    size_t at = 0;

    if (entries == NULL || !batch_reserve_lease(&s->batch)) {
        free(entries);
        return STORE_NO_MEMORY;
    }
    for (struct key_entry *e = lease->keys; e != NULL; e = e->lease_next) {
        entries[at++] = e;
    }
    qsort(entries, count, sizeof(*entries), compare_entries);
    s->batch.ended[s->batch.ended_count++] = lease;
    s->batch.dirty = true;
    lease_set_ending(&s->leases, lease, true);
    status = written(&s->batch, disk_delete_lease(&s->disk, s->batch.txn, lease->id));
    for (size_t i = 0; i < count && status == STORE_OK; i++) {
        status = delete_entry(s, entries[i]);
    }
    free(entries);
    return status;
}

static enum store_status revoke(struct local *s, struct store_call *call) {
    struct lease *lease = lease_find(&s->leases, call->op.lease.id);

    if (lease == NULL) {
        call->status = STORE_LEASE_NOT_FOUND;
        return STORE_OK;
    }
    return apply_lease_end(s, lease);
}

static enum store_status compact(struct local *s, struct store_call *call) {
    int64_t revision = call->op.compact_revision;
    int64_t compacted = atomic_load(&s->compacted);

    if (s->batch.compact > compacted) {
        compacted = s->batch.compact;
    }
    if (revision <= compacted) {
        call->status = STORE_COMPACTED;
        return STORE_OK;
    }
    if (revision > s->batch.revision) {
        call->status = STORE_FUTURE_REVISION;
        return STORE_OK;
    }
    s->batch.compact = revision;
    s->batch.dirty = true;
    return written(&s->batch, disk_set_number(&s->disk, s->batch.txn, DISK_NUMBER_COMPACTED, revision));
}

/* --- all of them --- */

static enum store_status apply_put(struct local *s, struct store_call *call) {
    const struct store_put *op = &call->op.put;

    call->status = check_put(s, op);
    if (call->status == STORE_OK) {
        call->status = check_quota(s, put_footprint(op));
    }
    return call->status == STORE_OK ? put(s, op, &call->arena, &call->result) : STORE_OK;
}

static enum store_status apply(struct local *s, struct store_call *call) {
    switch (call->op.kind) {
    case STORE_OP_PUT:
        return apply_put(s, call);
    case STORE_OP_DELETE:
        return delete (s, &call->op.delete, &call->arena, &call->result);
    case STORE_OP_TXN:
        return apply_txn(s, call);
    case STORE_OP_COMPACT:
        return compact(s, call);
    case STORE_OP_LEASE_GRANT:
        return grant(s, call);
    default:
        return revoke(s, call);
    }
}

enum store_status apply_call(struct local *s, struct store_call *call) {
    struct batch *b = &s->batch;
    enum store_status status;

    b->main = b->revision + 1;
    b->sub = 0;
    call->status = STORE_OK;
    call->result.kind = call->op.kind;
    status = apply(s, call);
    if (b->sub > 0) {
        b->revision = b->main;
    }
    call->revision = b->revision;
    /* What failed before it changed anything fails alone. */
    if (status != STORE_OK && b->sub == 0 && !b->broken) {
        call->status = status;
        return STORE_OK;
    }
    return status;
}
