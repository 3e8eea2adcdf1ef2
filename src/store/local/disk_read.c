/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "store/local/disk.h"

enum { META_PAGES = 2 /* of LMDB's file, in no database */ };

/* --- files --- */

static void close_reader(struct disk_reader *reader) {
    mdb_txn_abort(reader->txn);
    free(reader);
}

static void close_resting(struct disk_file *file) {
    while (file->readers != NULL) {
        struct disk_reader *reader = file->readers;

        file->readers = reader->next;
        close_reader(reader);
    }
}

void disk_file_close(struct disk_file *file) {
    if (file == NULL) {
        return;
    }
    close_resting(file);
    if (file->env != NULL) {
        mdb_env_close(file->env);
    }
    free(file);
}

void disk_file_replace(struct disk *d, struct disk_file *file) {
    struct disk_file *old;
    bool unused;

    pthread_mutex_lock(&d->readers_lock);
    old = d->file;
    d->file = file;
    old->retired = true;
    close_resting(old);
    unused = old->reading == 0;
    pthread_mutex_unlock(&d->readers_lock);
    if (unused) {
        disk_file_close(old);
    }
}

/* --- snapshots --- */

/* A place for a snapshot of the file that there is, at rest or new; counted. NULL: `ret_error` says why. */
static struct disk_reader *take_reader(struct disk *d, int *ret_error) {
    struct disk_reader *reader = NULL;

    *ret_error = MDB_PANIC;
    pthread_mutex_lock(&d->readers_lock);
    while (d->reopening) {
        pthread_cond_wait(&d->readers_signal, &d->readers_lock);
    }
    if (d->file != NULL) {
        *ret_error = ENOMEM;
        reader = d->file->readers;
        if (reader != NULL) {
            d->file->readers = reader->next;
        } else {
            reader = calloc(1, sizeof(*reader));
        }
    }
    if (reader != NULL) {
        reader->file = d->file;
        d->file->reading++;
    }
    pthread_mutex_unlock(&d->readers_lock);
    return reader;
}

/* Gives the place back, or only its count: then the reader is freed. */
static void give_reader(struct disk *d, struct disk_reader *reader, bool good) {
    struct disk_file *file = reader->file;
    bool last;

    pthread_mutex_lock(&d->readers_lock);
    if (good && !file->retired) {
        reader->next = file->readers;
        file->readers = reader;
    } else {
        close_reader(reader);
    }
    last = --file->reading == 0;
    if (last && d->reopening) {
        pthread_cond_broadcast(&d->readers_signal);
    }
    last = last && file->retired;
    pthread_mutex_unlock(&d->readers_lock);
    if (last) {
        disk_file_close(file);
    }
}

enum store_status disk_read_begin(struct disk *d, struct disk_reader **ret_reader) {
    int error;
    struct disk_reader *reader = take_reader(d, &error);

    if (reader == NULL) {
        return disk_status(error);
    }
    error = reader->txn != NULL ? mdb_txn_renew(reader->txn)
                                : mdb_txn_begin(reader->file->env, NULL, MDB_RDONLY, &reader->txn);
    if (error != MDB_SUCCESS) {
        give_reader(d, reader, false);
        return disk_status(error);
    }
    *ret_reader = reader;
    return STORE_OK;
}

void disk_read_end(struct disk *d, struct disk_reader *reader) {
    mdb_txn_reset(reader->txn);
    give_reader(d, reader, true);
}

/* --- those that are kept for long --- */

void disk_stay_begin(struct disk *d, struct disk_reader *reader, struct disk_stay *ret_stay) {
    *ret_stay = (struct disk_stay){.disk = d, .reader = reader};
    pthread_mutex_init(&ret_stay->lock, NULL);
    pthread_mutex_lock(&d->stays_lock);
    ret_stay->next = d->stays;
    d->stays = ret_stay;
    pthread_mutex_unlock(&d->stays_lock);
}

MDB_txn *disk_stay_enter(struct disk_stay *stay) {
    pthread_mutex_lock(&stay->lock);
    if (stay->reader != NULL) {
        return stay->reader->txn;
    }
    pthread_mutex_unlock(&stay->lock);
    return NULL;
}

void disk_stay_leave(struct disk_stay *stay) {
    pthread_mutex_unlock(&stay->lock);
}

static void take_away(struct disk_stay *stay) {
    pthread_mutex_lock(&stay->lock);
    if (stay->reader != NULL) {
        disk_read_end(stay->disk, stay->reader);
        stay->reader = NULL;
    }
    pthread_mutex_unlock(&stay->lock);
}

void disk_stay_end(struct disk_stay *stay) {
    struct disk *d = stay->disk;
    struct disk_stay **place = &d->stays;

    pthread_mutex_lock(&d->stays_lock);
    while (*place != stay) {
        place = &(*place)->next;
    }
    *place = stay->next;
    pthread_mutex_unlock(&d->stays_lock);
    take_away(stay);
    pthread_mutex_destroy(&stay->lock);
}

void disk_interrupt(struct disk *d) {
    pthread_mutex_lock(&d->stays_lock);
    for (struct disk_stay *stay = d->stays; stay != NULL; stay = stay->next) {
        take_away(stay);
    }
    pthread_mutex_unlock(&d->stays_lock);
}

/* --- many records --- */

enum store_status disk_each_record(const struct disk *d, MDB_txn *txn, int64_t revision, uint32_t sub,
                                   disk_record_fn *each, void *ctx) {
    char bytes[RECORD_KEY_SIZE];
    MDB_val key = disk_val(bytes, sizeof(bytes));
    enum store_status status = STORE_OK;
    bool stop = false;
    MDB_cursor *cursor;
    MDB_val data;
    int error = mdb_cursor_open(txn, d->records, &cursor);

    if (error != MDB_SUCCESS) {
        return disk_status(error);
    }
    record_key(revision, sub, bytes);
    error = mdb_cursor_get(cursor, &key, &data, MDB_SET_RANGE);
    while (error == MDB_SUCCESS && status == STORE_OK && !stop) {
        struct kv kv;

        if (key.mv_size != RECORD_KEY_SIZE) {
            status = STORE_DAMAGED;
            break;
        }
        record_key_decode(key.mv_data, &revision, &sub);
        status = record_decode(slice_make(data.mv_data, data.mv_size), revision, sub, &kv) ? each(ctx, &kv, sub, &stop)
                                                                                           : STORE_DAMAGED;
        error = mdb_cursor_get(cursor, &key, &data, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return status != STORE_OK || stop || error == MDB_NOTFOUND ? status : disk_status(error);
}

enum store_status disk_sum_records(const struct disk *d, MDB_txn *txn, int64_t until, uint64_t most,
                                   struct disk_sum *sum) {
    char bytes[RECORD_KEY_SIZE];
    MDB_val key = disk_val(bytes, sizeof(bytes));
    MDB_cursor *cursor;
    MDB_val data;
    int error = mdb_cursor_open(txn, d->records, &cursor);

    if (error != MDB_SUCCESS) {
        return disk_status(error);
    }
    record_key(sum->revision, sum->sub, bytes);
    error = mdb_cursor_get(cursor, &key, &data, MDB_SET_RANGE);
    while (error == MDB_SUCCESS && key.mv_size == RECORD_KEY_SIZE) {
        record_key_decode(key.mv_data, &sum->revision, &sum->sub);
        if (sum->revision > until || most-- == 0) {
            break;
        }
        sum->count++;
        sum->bytes += data.mv_size;
        error = mdb_cursor_get(cursor, &key, &data, MDB_NEXT);
    }
    sum->done = error == MDB_NOTFOUND || (error == MDB_SUCCESS && sum->revision > until);
    mdb_cursor_close(cursor);
    if (error == MDB_SUCCESS && key.mv_size != RECORD_KEY_SIZE) {
        return STORE_DAMAGED;
    }
    return error == MDB_NOTFOUND ? STORE_OK : disk_status(error);
}

/* --- figures --- */

static uint64_t pages_of(MDB_txn *txn, MDB_dbi database) {
    MDB_stat stat;

    return mdb_stat(txn, database, &stat) == MDB_SUCCESS
               ? stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages
               : 0;
}

void disk_file_bytes(struct disk *d, uint64_t *ret_bytes, uint64_t *ret_used) {
    const MDB_dbi databases[] = {0, 1, d->records, d->meta, d->leases, d->notes}; /* LMDB's own two come first */
    struct disk_reader *reader;
    uint64_t pages = META_PAGES;
    MDB_envinfo info;
    MDB_stat stat;

    *ret_bytes = 0;
    *ret_used = 0;
    if (disk_read_begin(d, &reader) != STORE_OK) {
        return;
    }
    if (mdb_env_info(reader->file->env, &info) == MDB_SUCCESS &&
        mdb_env_stat(reader->file->env, &stat) == MDB_SUCCESS) {
        for (size_t i = 0; i < sizeof(databases) / sizeof(databases[0]); i++) {
            pages += pages_of(reader->txn, databases[i]);
        }
        *ret_bytes = (info.me_last_pgno + 1) * stat.ms_psize;
        *ret_used = pages * stat.ms_psize;
    }
    disk_read_end(d, reader);
}
