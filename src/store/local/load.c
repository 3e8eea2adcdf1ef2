/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/internal.h"

/* The first revision, of an empty store: as in etcd. */
enum { FIRST_REVISION = 1 };

static enum store_status load_lease(void *ctx, int64_t id, int64_t ttl) {
    struct local *s = ctx;

    return lease_add(&s->leases, id, ttl, s->config.now_ns()) != NULL ? STORE_OK : STORE_NO_MEMORY;
}

static enum store_status load_note(void *ctx, struct slice name, struct slice value) {
    struct local *s = ctx;
    struct note *note;

    if (name.size == 0 || name.size > STORE_NOTE_NAME_MAX || value.size == 0 || value.size > STORE_REQUEST_MAX) {
        return STORE_DAMAGED;
    }
    note = note_set_reserve(&s->notes, 1) ? note_new(name, value) : NULL;
    if (note == NULL) {
        return STORE_NO_MEMORY;
    }
    note_set_put(&s->notes, note, false);
    return STORE_OK;
}

static struct key_entry *entry_for(struct local *s, struct slice key) {
    struct key_entry *e = key_entry_of(key_tree_find(&s->index, key));

    if (e == NULL && key_tree_reserve(&s->index)) {
        e = key_entry_new(key);
        if (e != NULL) {
            key_tree_insert(&s->index, &e->key);
        }
    }
    return e;
}

static enum store_status load_record(void *ctx, const struct kv *kv, uint32_t sub, bool *ret_stop) {
    struct local *s = ctx;
    struct version v = {
        .mod = kv->mod_revision,
        .create = kv->create_revision,
        .number = kv->version,
        .lease = kv->lease,
        .sub = sub,
        .bytes = record_footprint(record_size(kv)),
    };
    struct key_entry *e = entry_for(s, kv->key);
    bool lives;

    (void)ret_stop;
    if (e == NULL || !key_entry_reserve(e) || !garbage_reserve(&s->garbage)) {
        return STORE_NO_MEMORY;
    }
    if (kv->mod_revision < atomic_load(&s->committed)) {
        return STORE_DAMAGED;
    }
    lives = key_entry_at(e, kv->mod_revision) != NULL;
    if (e->count > 0 || v.number == 0) {
        garbage_push(&s->garbage, v.mod, e);
    }
    key_entry_push(e, &v);
    atomic_store(&s->committed, v.mod);
    atomic_fetch_add(&s->bytes, v.bytes);
    atomic_fetch_add(&s->keys, (uint64_t)((v.number > 0) - lives));
    return STORE_OK;
}

static void link_leases(struct local *s) {
    struct key_place place = key_tree_seek(&s->index, SLICE(""));
    struct key_entry *e;

    while ((e = key_entry_of(key_tree_next(&place))) != NULL) {
        lease_link(&s->leases, e);
    }
}

/* --- the journal --- */

/* A replay that goes on. */
struct replay {
    struct local *s;
    MDB_txn *txn;
};

static enum store_status replay_note(const struct replay *r, const struct journal_item *item) {
    const struct disk *d = &r->s->disk;
    struct slice name;
    struct slice value;

    if (item->number <= 0 || item->number > STORE_NOTE_NAME_MAX || (size_t)item->number > item->bytes.size) {
        return STORE_DAMAGED;
    }
    name = slice_make(item->bytes.data, (size_t)item->number);
    value = slice_skip(item->bytes, name.size);
    return value.size > 0 ? disk_put_note(d, r->txn, name, value) : disk_delete_note(d, r->txn, name);
}

static enum store_status replay_item(void *ctx, const struct journal_item *item) {
    struct replay *r = ctx;
    const struct disk *d = &r->s->disk;

    switch (item->kind) {
    case JOURNAL_RECORD:
        return disk_append(d, r->txn, item->number, (uint32_t)item->other, item->bytes);
    case JOURNAL_LEASE:
        return disk_put_lease(d, r->txn, item->number, item->other);
    case JOURNAL_LEASE_END:
        return disk_delete_lease(d, r->txn, item->number);
    case JOURNAL_COMPACT:
        return disk_set_number(d, r->txn, DISK_NUMBER_COMPACTED, item->number);
    case JOURNAL_NOTE:
        return replay_note(r, item);
    }
    return STORE_DAMAGED;
}

/* Brings to LMDB what a checkpoint could not any more. */
static enum store_status take_over_journal(struct local *s) {
    struct replay replay = {.s = s};
    int64_t sequence = 0;
    int64_t salt = 0;
    enum store_status status = disk_write_begin(&s->disk, &replay.txn);

    if (status != STORE_OK) {
        return status;
    }
    status = disk_get_number(&s->disk, replay.txn, DISK_NUMBER_SEQUENCE, &sequence);
    if (status == STORE_OK) {
        status = disk_get_number(&s->disk, replay.txn, DISK_NUMBER_SALT, &salt);
    }
    if (status == STORE_OK) {
        status = journal_replay(&s->journal, (uint64_t)salt, (uint64_t)sequence, replay_item, &replay);
    }
    if (status == STORE_OK && s->journal.sequence != (uint64_t)sequence) {
        status = disk_set_number(&s->disk, replay.txn, DISK_NUMBER_SEQUENCE, (int64_t)s->journal.sequence);
    }
    if (status != STORE_OK || s->journal.sequence == (uint64_t)sequence) {
        mdb_txn_abort(replay.txn);
        return status;
    }
    status = disk_commit(&s->disk, replay.txn);
    if (status == STORE_OK) {
        journal_rewind(&s->journal);
    }
    return status;
}

static enum store_status load_disk(struct local *s, int64_t *ret_compacted) {
    struct disk_reader *reader;
    enum store_status status = disk_read_begin(&s->disk, &reader);

    if (status != STORE_OK) {
        return status;
    }
    atomic_store(&s->committed, FIRST_REVISION);
    status = disk_get_number(&s->disk, reader->txn, DISK_NUMBER_COMPACTED, ret_compacted);
    if (status == STORE_OK) {
        status = disk_each_lease(&s->disk, reader->txn, load_lease, s);
    }
    if (status == STORE_OK) {
        status = disk_each_note(&s->disk, reader->txn, load_note, s);
    }
    if (status == STORE_OK) {
        status = disk_each_record(&s->disk, reader->txn, 0, 0, load_record, s);
    }
    disk_read_end(&s->disk, reader);
    return status;
}

enum store_status local_load(struct local *s) {
    int64_t compacted = 0;
    enum store_status status = take_over_journal(s);

    if (status == STORE_OK) {
        status = load_disk(s, &compacted);
    }
    if (status != STORE_OK) {
        return status;
    }
    if (compacted < 0 || compacted > atomic_load(&s->committed)) {
        return STORE_DAMAGED;
    }
    s->recents = recents_new();
    if (s->recents == NULL) {
        return STORE_NO_MEMORY;
    }
    link_leases(s);
    atomic_store(&s->compacted, compacted > 0 ? compacted : NOT_COMPACTED);
    atomic_store(&s->floor, atomic_load(&s->compacted));
    atomic_store(&s->checkpointed, atomic_load(&s->committed));
    s->watches.marked_revision = atomic_load(&s->committed);
    return STORE_OK;
}
