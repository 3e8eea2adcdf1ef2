/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_LOCAL_DISK_H
#define LARDER_STORE_LOCAL_DISK_H

#include <lmdb.h>
#include <pthread.h>

#include "base/buf.h"
#include "store/local/journal.h"
#include "store/local/local.h"
#include "store/local/record.h"

/* The files of a store: LMDB's and the journal, in a directory that one process at a time may use. */
struct disk {
    MDB_env *env;
    MDB_dbi records; /* record_key -> record */
    MDB_dbi meta;    /* name -> number */
    MDB_dbi leases;  /* id -> seconds to live; both most significant byte first */
    MDB_dbi notes;   /* name -> value */
    int lock;        /* descriptor that holds the lock on the directory */
    char *directory;
    uint64_t quota;
    pthread_mutex_t readers_lock;
    pthread_cond_t readers_signal;
    struct disk_reader *readers; /* at rest */
    unsigned reading;            /* snapshots that are in use */
    bool reopening;              /* nobody may begin one */
};

enum {
    DISK_FORMAT = 2,        /* of what we write; a higher one is refused, a lower one becomes this at the start */
    DISK_READERS_MAX = 126, /* snapshots at the same time: far above the number of threads */
};

/* Opens or makes the files, the journal as well. False: `why` says what is wrong and what to do; nothing is left open. */
bool disk_open(struct disk *d, struct journal *j, const struct local_config *config, struct buf *why);
void disk_close(struct disk *d);

/* Closes LMDB's file and opens it again, when everybody has ended reading: after an error in the middle of a commit LMDB
 * does nothing any more, not even read. It has taken the commit back, as the system shows it; the next one overwrites pages
 * of that commit, so the disk must have this first. False: it could not be synced and must not be written any more; or it
 * cannot be opened, and all reads fail from now on. */
bool disk_reopen(struct disk *d);

/* What an error of LMDB means. */
enum store_status disk_status(int error);

/* A snapshot to read; for one thread at a time. */
struct disk_reader {
    MDB_txn *txn;
    struct disk_reader *next;
};

/* The newest snapshot there is. Sets *ret_reader only if OK. */
enum store_status disk_read_begin(struct disk *d, struct disk_reader **ret_reader);
void disk_read_end(struct disk *d, struct disk_reader *reader);

/* Begins the one write transaction there may be. */
enum store_status disk_write_begin(struct disk *d, MDB_txn **ret_txn);

/* Ends a write transaction. NO_SPACE, IO, ...: nothing was written, unless LMDB does nothing any more; see disk_reopen. */
enum store_status disk_commit(const struct disk *d, MDB_txn *txn);

/* The record of a change; it points into the snapshot. DAMAGED if it is not there or not whole. */
enum store_status disk_get(const struct disk *d, MDB_txn *txn, int64_t revision, uint32_t sub, struct kv *ret_kv);

/* Appends an encoded record that is newer than all there are. */
enum store_status disk_append(const struct disk *d, MDB_txn *txn, int64_t revision, uint32_t sub, struct slice record);

enum store_status disk_delete(const struct disk *d, MDB_txn *txn, int64_t revision, uint32_t sub);

enum disk_number {
    DISK_NUMBER_FORMAT,
    DISK_NUMBER_COMPACTED,
    DISK_NUMBER_SEQUENCE, /* of the journal */
    DISK_NUMBER_SALT,     /* of the journal */
};

/* A number kept under a name; 0 if it was never set. */
enum store_status disk_get_number(const struct disk *d, MDB_txn *txn, enum disk_number which, int64_t *ret_number);
enum store_status disk_set_number(const struct disk *d, MDB_txn *txn, enum disk_number which, int64_t number);

enum store_status disk_put_lease(const struct disk *d, MDB_txn *txn, int64_t id, int64_t ttl);
enum store_status disk_delete_lease(const struct disk *d, MDB_txn *txn, int64_t id);

typedef enum store_status disk_lease_fn(void *ctx, int64_t id, int64_t ttl);
enum store_status disk_each_lease(const struct disk *d, MDB_txn *txn, disk_lease_fn *each, void *ctx);

/* `value` is not empty. */
enum store_status disk_put_note(const struct disk *d, MDB_txn *txn, struct slice name, struct slice value);

/* There need not be one. */
enum store_status disk_delete_note(const struct disk *d, MDB_txn *txn, struct slice name);

typedef enum store_status disk_note_fn(void *ctx, struct slice name, struct slice value);
enum store_status disk_each_note(const struct disk *d, MDB_txn *txn, disk_note_fn *each, void *ctx);

/* Told each record in order; `kv` points into the snapshot. It ends with *ret_stop (false before) or another status than
 * OK. */
typedef enum store_status disk_record_fn(void *ctx, const struct kv *kv, uint32_t sub, bool *ret_stop);

/* Of the records from a revision on. Returns what `each` did, or DAMAGED, or IO. */
enum store_status disk_each_record(const struct disk *d, MDB_txn *txn, int64_t from, disk_record_fn *each, void *ctx);

/* Bytes of the data file. */
uint64_t disk_file_bytes(struct disk *d);

#endif
