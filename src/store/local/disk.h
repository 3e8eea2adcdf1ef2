/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_LOCAL_DISK_H
#define LARDER_STORE_LOCAL_DISK_H

#include <limits.h>
#include <lmdb.h>
#include <pthread.h>

#include "base/buf.h"
#include "store/local/journal.h"
#include "store/local/local.h"
#include "store/local/record.h"

/* LMDB's file, opened. */
struct disk_file {
    MDB_env *env;
    struct disk_reader *readers; /* at rest */
    unsigned reading;            /* snapshots that are in use */
    bool retired;                /* another one has taken its place: who is the last to read it closes it */
};

/* The files of a store: LMDB's and the journal, in a directory that one process at a time may use. */
struct disk {
    struct disk_file *file; /* NULL: it could not be opened; changed with `readers_lock` */
    MDB_dbi records;        /* record_key -> record */
    MDB_dbi meta;           /* name -> number */
    MDB_dbi leases;         /* id -> seconds to live; both most significant byte first */
    MDB_dbi notes;          /* name -> value */
    int lock;               /* descriptor that holds the lock on the directory */
    char *directory;
    uint64_t quota;
    pthread_mutex_t readers_lock;
    pthread_cond_t readers_signal;
    bool reopening; /* nobody may begin to read */
    pthread_mutex_t stays_lock;
    struct disk_stay *stays;
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

/* Copies what is in use of LMDB's file into a new one, durably, and puts that in its place. Those who read the old one go
 * on with it. Nothing else may be written meanwhile. Another status than OK: it is as before, unless *ret_unsure: nobody
 * knows which of the two files a loss of power leaves, so that neither must be written any more. */
enum store_status disk_defragment(struct disk *d, bool *ret_unsure);

/* What an error of LMDB means. */
enum store_status disk_status(int error);

/* A snapshot to read; for one thread at a time. */
struct disk_reader {
    MDB_txn *txn;
    struct disk_file *file;
    struct disk_reader *next;
};

/* The newest snapshot there is. Sets *ret_reader only if OK. */
enum store_status disk_read_begin(struct disk *d, struct disk_reader **ret_reader);
void disk_read_end(struct disk *d, struct disk_reader *reader);

/* A snapshot that is kept for long and used now and then, while pages that it needs cannot be used again. disk_reopen, and
 * a disk without room, take it away between two uses. */
struct disk_stay {
    struct disk *disk;
    pthread_mutex_t lock;
    struct disk_reader *reader; /* NULL: it was taken away */
    struct disk_stay *next;
};

/* Takes over `reader`. On the writer's thread. */
void disk_stay_begin(struct disk *d, struct disk_reader *reader, struct disk_stay *ret_stay);

/* To use it, until disk_stay_leave. NULL: it was taken away, and there is nothing to leave. */
MDB_txn *disk_stay_enter(struct disk_stay *stay);
void disk_stay_leave(struct disk_stay *stay);
void disk_stay_end(struct disk_stay *stay);

/* Takes all of them away. */
void disk_interrupt(struct disk *d);

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

/* Of the records from a change on. Returns what `each` did, or DAMAGED, or IO. */
enum store_status disk_each_record(const struct disk *d, MDB_txn *txn, int64_t revision, uint32_t sub,
                                   disk_record_fn *each, void *ctx);

/* Records, to be counted without reading them. */
struct disk_sum {
    int64_t revision; /* the next one is this or follows it */
    uint32_t sub;
    uint64_t count; /* so far */
    uint64_t bytes; /* of them */
    bool done;
};

/* Counts further records of revisions up to `until`, at most `most`. DAMAGED, IO. */
enum store_status disk_sum_records(const struct disk *d, MDB_txn *txn, int64_t until, uint64_t most,
                                   struct disk_sum *sum);

/* Bytes of the data file, and of its pages that are in use; 0: it cannot be read. */
void disk_file_bytes(struct disk *d, uint64_t *ret_bytes, uint64_t *ret_used);

/* --- between the files of disk*.c --- */

#define DISK_FILE_NAME "data.mdb"
#define DISK_NEW_FILE DISK_FILE_NAME ".new" /* in the making; removed at a start */

enum { DISK_FILE_MODE = 0600 };

/* Fit for LMDB, whose pointer is not const although it does not write there. */
static inline MDB_val disk_val(const void *data, size_t size) {
    return (MDB_val){.mv_size = size, .mv_data = (void *)(uintptr_t)data};
}

/* The name of a file in the directory, which is short enough. */
void disk_path(const char *directory, const char *file, char ret_path[PATH_MAX]);

/* Opens LMDB's file of a name, and what is in it. False: `why` says it; what is open is to be closed by
 * disk_file_close. */
bool disk_file_open(struct disk *d, const char *file, struct buf *why);

/* Nobody reads it. NULL is allowed. */
void disk_file_close(struct disk_file *file);

/* Puts an open file in the place of the disk's. */
void disk_file_replace(struct disk *d, struct disk_file *file);

void disk_remove_unfinished(const char *directory);

#endif
