/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/internal.h"

enum {
    DELETED_MAX = 16384, /* records that one checkpoint deletes */
    SYNCS = 2,           /* LMDB waits for the pages, then for the page that makes them valid */
};

bool checkpoint_is_wanted(const struct local *s) {
    return s->journal.offset > 0 || s->garbage.doomed_count > 0;
}

static enum store_status write_records(struct local *s, MDB_txn *txn) {
    enum store_status status = STORE_OK;

    for (struct recent *r = s->recents->first; r != NULL && status == STORE_OK; r = r->next) {
        status = disk_append(&s->disk, txn, r->revision, r->sub, slice_make(r->bytes, r->size));
    }
    return status;
}

static enum store_status write_leases(struct local *s, MDB_txn *txn) {
    enum store_status status = STORE_OK;

    for (size_t i = 0; i < s->lease_changes.count && status == STORE_OK; i++) {
        const struct lease_change *change = &s->lease_changes.changes[i];

        status = change->ttl > 0 ? disk_put_lease(&s->disk, txn, change->id, change->ttl)
                                 : disk_delete_lease(&s->disk, txn, change->id);
    }
    return status;
}

static enum store_status write_notes(struct local *s, MDB_txn *txn) {
    enum store_status status = STORE_OK;

    for (size_t i = 0; s->notes.changed > 0 && i < s->notes.count && status == STORE_OK; i++) {
        const struct note *note = s->notes.slots[i].note;

        if (s->notes.slots[i].changed) {
            status = note->value_size > 0 ? disk_put_note(&s->disk, txn, note_name(note), note_value(note))
                                          : disk_delete_note(&s->disk, txn, note_name(note));
        }
    }
    return status;
}

static enum store_status delete_records(struct local *s, MDB_txn *txn, size_t count) {
    enum store_status status = STORE_OK;

    for (size_t i = 0; i < count && status == STORE_OK; i++) {
        status = disk_delete(&s->disk, txn, s->garbage.doomed[i].revision, s->garbage.doomed[i].sub);
    }
    return status;
}

static enum store_status write_all(struct local *s, MDB_txn *txn, size_t deletions) {
    enum store_status status = write_records(s, txn);

    if (status == STORE_OK) {
        status = write_leases(s, txn);
    }
    if (status == STORE_OK) {
        status = write_notes(s, txn);
    }
    if (status == STORE_OK) {
        status = delete_records(s, txn, deletions);
    }
    if (status == STORE_OK) {
        int64_t compacted = atomic_load(&s->compacted);

        status = disk_set_number(&s->disk, txn, DISK_NUMBER_COMPACTED, compacted > 0 ? compacted : 0);
    }
    if (status == STORE_OK) {
        status = disk_set_number(&s->disk, txn, DISK_NUMBER_SEQUENCE, (int64_t)s->journal.sequence);
    }
    return status;
}

/* All is in LMDB: from now on it is read there. */
static void settle(struct local *s, struct recents *fresh, size_t deletions) {
    struct recents *old = s->recents;
    uint64_t bytes = 0;

    pthread_rwlock_wrlock(&s->index_lock);
    s->recents = fresh;
    s->checkpointed = atomic_load(&s->committed);
    pthread_rwlock_unlock(&s->index_lock);
    recents_release(old);
    s->lease_changes.count = 0;
    note_set_settle(&s->notes);
    for (size_t i = 0; i < deletions; i++) {
        bytes += s->garbage.doomed[i].bytes;
    }
    garbage_deleted(&s->garbage, deletions);
    atomic_fetch_sub(&s->bytes, bytes);
    journal_rewind(&s->journal);
}

/* Whether LMDB gave up for good. */
static bool is_broken(struct disk *d) {
    struct disk_reader *reader;

    if (disk_read_begin(d, &reader) != STORE_OK) {
        return true;
    }
    disk_read_end(d, reader);
    return false;
}

/* Shown by the system is a commit that could not be written, nor taken back. That the disk has it is only sure after another
 * one, which waits for another page. */
static enum store_status commit_again(struct local *s) {
    MDB_txn *txn;
    enum store_status status = disk_write_begin(&s->disk, &txn);

    if (status != STORE_OK) {
        return status;
    }
    status = disk_set_number(&s->disk, txn, DISK_NUMBER_SEQUENCE, (int64_t)s->journal.sequence);
    if (status != STORE_OK) {
        mdb_txn_abort(txn);
        return status;
    }
    return disk_commit(&s->disk, txn);
}

/* The commit failed half way. Whether it took place only the file knows. */
static enum store_status look_again(struct local *s) {
    struct disk_reader *reader;
    int64_t sequence = 0;
    enum store_status status = disk_reopen(&s->disk) ? disk_read_begin(&s->disk, &reader) : STORE_IO;

    if (status != STORE_OK) {
        s->failed = true;
        return status;
    }
    status = disk_get_number(&s->disk, reader->txn, DISK_NUMBER_SEQUENCE, &sequence);
    disk_read_end(&s->disk, reader);
    if (status != STORE_OK || (uint64_t)sequence != s->journal.sequence) {
        return STORE_IO;
    }
    status = commit_again(s);
    if (status != STORE_OK) {
        s->failed = true;
        disk_reopen(&s->disk);
    }
    return status;
}

enum store_status checkpoint(struct local *s) {
    size_t deletions = s->garbage.doomed_count < DELETED_MAX ? s->garbage.doomed_count : DELETED_MAX;
    struct recents *fresh = recents_new();
    enum store_status status;
    MDB_txn *txn;

    if (fresh == NULL) {
        return STORE_NO_MEMORY;
    }
    status = disk_write_begin(&s->disk, &txn);
    if (status == STORE_OK) {
        status = write_all(s, txn, deletions);
        if (status == STORE_OK) {
            status = disk_commit(&s->disk, txn);
        } else {
            mdb_txn_abort(txn);
        }
    }
    if (status != STORE_OK && is_broken(&s->disk) && look_again(s) == STORE_OK) {
        status = STORE_OK;
    }
    if (status != STORE_OK) {
        recents_release(fresh);
        if (status == STORE_NO_SPACE) {
            disk_interrupt(&s->disk); /* the next try then finds the pages that were kept for them */
        }
        return status;
    }
    atomic_fetch_add(&s->syncs, SYNCS);
    settle(s, fresh, deletions);
    return STORE_OK;
}
