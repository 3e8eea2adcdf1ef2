/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/disk.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum { FULL_BYTES = 64 << 10 /* less than this is no room */ };

enum store_status disk_status(int error) {
    switch (error) {
    case MDB_SUCCESS:
        return STORE_OK;
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return STORE_NO_SPACE;
    case ENOMEM:
        return STORE_NO_MEMORY;
    case MDB_NOTFOUND:
    case MDB_PAGE_NOTFOUND:
    case MDB_CORRUPTED:
    case MDB_INVALID:
    case MDB_KEYEXIST:
        return STORE_DAMAGED;
    default:
        return STORE_IO;
    }
}

/* --- writing --- */

enum store_status disk_write_begin(struct disk *d, MDB_txn **ret_txn) {
    return d->file == NULL ? STORE_IO : disk_status(mdb_txn_begin(d->file->env, NULL, 0, ret_txn));
}

/* What a write takes that found too little room; only a part of it was written, up to the last byte there was. */
static bool is_full(const struct disk *d) {
    struct rlimit limit;
    struct statvfs system;
    struct stat file;
    int fd;

    if (mdb_env_get_fd(d->file->env, &fd) != MDB_SUCCESS || fstatvfs(fd, &system) < 0 || fstat(fd, &file) < 0 ||
        getrlimit(RLIMIT_FSIZE, &limit) < 0) {
        return false;
    }
    return system.f_bavail * system.f_frsize < FULL_BYTES ||
           (limit.rlim_cur != RLIM_INFINITY && (rlim_t)file.st_size + FULL_BYTES > limit.rlim_cur);
}

/* LMDB calls it an error of the disk when not all is written. */
enum store_status disk_commit(const struct disk *d, MDB_txn *txn) {
    int error = mdb_txn_commit(txn);

    return error == EIO && is_full(d) ? STORE_NO_SPACE : disk_status(error);
}

/* --- records --- */

enum store_status disk_get(const struct disk *d, MDB_txn *txn, int64_t revision, uint32_t sub, struct kv *ret_kv) {
    char bytes[RECORD_KEY_SIZE];
    MDB_val key = disk_val(bytes, sizeof(bytes));
    MDB_val data;
    int error;

    record_key(revision, sub, bytes);
    error = mdb_get(txn, d->records, &key, &data);
    if (error != MDB_SUCCESS) {
        return disk_status(error);
    }
    return record_decode(slice_make(data.mv_data, data.mv_size), revision, sub, ret_kv) ? STORE_OK : STORE_DAMAGED;
}

enum store_status disk_append(const struct disk *d, MDB_txn *txn, int64_t revision, uint32_t sub, struct slice record) {
    char bytes[RECORD_KEY_SIZE];
    MDB_val key = disk_val(bytes, sizeof(bytes));
    MDB_val data = disk_val(record.data, record.size);

    record_key(revision, sub, bytes);
    return disk_status(mdb_put(txn, d->records, &key, &data, MDB_APPEND));
}

enum store_status disk_delete(const struct disk *d, MDB_txn *txn, int64_t revision, uint32_t sub) {
    char bytes[RECORD_KEY_SIZE];
    MDB_val key = disk_val(bytes, sizeof(bytes));

    record_key(revision, sub, bytes);
    return disk_status(mdb_del(txn, d->records, &key, NULL));
}

/* --- notes --- */

enum store_status disk_put_note(const struct disk *d, MDB_txn *txn, struct slice name, struct slice value) {
    MDB_val key = disk_val(name.data, name.size);
    MDB_val data = disk_val(value.data, value.size);

    return disk_status(mdb_put(txn, d->notes, &key, &data, 0));
}

enum store_status disk_delete_note(const struct disk *d, MDB_txn *txn, struct slice name) {
    MDB_val key = disk_val(name.data, name.size);
    int error = mdb_del(txn, d->notes, &key, NULL);

    return error == MDB_NOTFOUND ? STORE_OK : disk_status(error);
}

enum store_status disk_each_note(const struct disk *d, MDB_txn *txn, disk_note_fn *each, void *ctx) {
    enum store_status status = STORE_OK;
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val data;
    int error = mdb_cursor_open(txn, d->notes, &cursor);

    if (error != MDB_SUCCESS) {
        return disk_status(error);
    }
    while (status == STORE_OK && (error = mdb_cursor_get(cursor, &key, &data, MDB_NEXT)) == MDB_SUCCESS) {
        status = each(ctx, slice_make(key.mv_data, key.mv_size), slice_make(data.mv_data, data.mv_size));
    }
    mdb_cursor_close(cursor);
    return status != STORE_OK || error == MDB_NOTFOUND ? status : disk_status(error);
}

/* --- numbers and leases --- */

static MDB_val number_name(enum disk_number which) {
    static const char *const names[] = {
        [DISK_NUMBER_FORMAT] = "format",
        [DISK_NUMBER_COMPACTED] = "compacted",
        [DISK_NUMBER_SEQUENCE] = "sequence",
        [DISK_NUMBER_SALT] = "salt",
    };

    return disk_val(names[which], strlen(names[which]));
}

static bool read_number(MDB_val data, int64_t *ret_number) {
    uint64_t number;

    if (data.mv_size != sizeof(number)) {
        return false;
    }
    memcpy(&number, data.mv_data, sizeof(number));
    *ret_number = (int64_t)be64toh(number);
    return true;
}

enum store_status disk_get_number(const struct disk *d, MDB_txn *txn, enum disk_number which, int64_t *ret_number) {
    MDB_val key = number_name(which);
    MDB_val data;
    int error = mdb_get(txn, d->meta, &key, &data);

    if (error == MDB_NOTFOUND) {
        *ret_number = 0;
        return STORE_OK;
    }
    if (error != MDB_SUCCESS) {
        return disk_status(error);
    }
    return read_number(data, ret_number) ? STORE_OK : STORE_DAMAGED;
}

enum store_status disk_set_number(const struct disk *d, MDB_txn *txn, enum disk_number which, int64_t number) {
    uint64_t bytes = htobe64((uint64_t)number);
    MDB_val key = number_name(which);
    MDB_val data = disk_val(&bytes, sizeof(bytes));

    return disk_status(mdb_put(txn, d->meta, &key, &data, 0));
}

enum store_status disk_put_lease(const struct disk *d, MDB_txn *txn, int64_t id, int64_t ttl) {
    uint64_t key_bytes = htobe64((uint64_t)id);
    uint64_t data_bytes = htobe64((uint64_t)ttl);
    MDB_val key = disk_val(&key_bytes, sizeof(key_bytes));
    MDB_val data = disk_val(&data_bytes, sizeof(data_bytes));

    return disk_status(mdb_put(txn, d->leases, &key, &data, 0));
}

enum store_status disk_delete_lease(const struct disk *d, MDB_txn *txn, int64_t id) {
    uint64_t bytes = htobe64((uint64_t)id);
    MDB_val key = disk_val(&bytes, sizeof(bytes));

    return disk_status(mdb_del(txn, d->leases, &key, NULL));
}

enum store_status disk_each_lease(const struct disk *d, MDB_txn *txn, disk_lease_fn *each, void *ctx) {
    enum store_status status = STORE_OK;
    MDB_cursor *cursor;
    MDB_val key;
    MDB_val data;
    int error = mdb_cursor_open(txn, d->leases, &cursor);

    if (error != MDB_SUCCESS) {
        return disk_status(error);
    }
    while (status == STORE_OK && (error = mdb_cursor_get(cursor, &key, &data, MDB_NEXT)) == MDB_SUCCESS) {
        int64_t id;
        int64_t ttl;

        status = read_number(key, &id) && read_number(data, &ttl) ? each(ctx, id, ttl) : STORE_DAMAGED;
    }
    mdb_cursor_close(cursor);
    return status != STORE_OK || error == MDB_NOTFOUND ? status : disk_status(error);
}
