/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"
#include "store/local/directory.h"
#include "store/local/disk.h"
#include "store/local/pages.h"

enum {
    DATABASES = 4,
    PHRASE_MAX = 512,
    LOCK_BYTES = 8192,     /* of LMDB's lock file, with DISK_READERS_MAX readers */
    MAP_FACTOR = 2,        /* of the quota: room for half empty pages and for those that a reader holds */
    MAP_EXTRA = 256 << 20, /* so that deletes and compaction can still be written when the quota is used up */
};

void disk_path(const char *directory, const char *file, char ret_path[PATH_MAX]) {
    snprintf(ret_path, PATH_MAX, "%s/%s", directory, file);
}

/* Whether the directory has a store already. */
static bool has_data(const char *directory) {
    char path[PATH_MAX];
    struct stat stat_of;

    disk_path(directory, DISK_FILE_NAME, path);
    return stat(path, &stat_of) == 0 && stat_of.st_size > 0;
}

/* Says what the phrase `found` is about. */
static bool fail_with(struct buf *found, struct buf *why, const char *directory) {
    const char *what = buf_append(found, "", 1) == LARDER_OK ? found->data : "a file is damaged";

    directory_fail(why, directory, what, "restore the directory from a backup, or start with an empty one");
    buf_fini(found);
    return false;
}

/* LMDB must not see a damaged file. */
static bool check_pages(const char *directory, struct buf *why) {
    char path[PATH_MAX];
    struct buf found;

    disk_path(directory, DISK_FILE_NAME, path);
    buf_init(&found, PHRASE_MAX);
    if (!pages_check(path, &found)) {
        return fail_with(&found, why, directory);
    }
    buf_fini(&found);
    return true;
}

/* A process that was killed may have left to the system what the disk does not have yet. What is found now is the ground
 * for all that follows: the journal begins anew behind a checkpoint that LMDB's file has. */
static bool sync_data(const char *directory, struct buf *why) {
    char path[PATH_MAX];
    bool synced;
    int error;
    int fd;

    disk_path(directory, DISK_FILE_NAME, path);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    synced = fd >= 0 && fdatasync(fd) == 0;
    error = errno;
    if (fd >= 0) {
        close(fd);
    }
    return synced || directory_fail(why, directory, strerror(error), "see whether the disk is out of order");
}

/* The journal is made before LMDB's file, and written only after it. So where one of them is and the other is not, something
 * was lost. */
static bool check_together(const char *directory, const char *journal, struct buf *why) {
    static const char advice[] = "restore the whole directory from a backup, or start with an empty one";
    bool has_journal = access(journal, F_OK) == 0;
    struct stat status;

    if (has_data(directory)) {
        return has_journal ||
               directory_fail(why, directory, "the journal is missing, and with it perhaps the last writes", advice);
    }
    return !has_journal || stat(journal, &status) < 0 || status.st_size == 0 ||
           directory_fail(why, directory, DISK_FILE_NAME " is missing or empty, and the journal is not", advice);
}

static bool open_journal(struct journal *j, const char *directory, bool no_sync, struct buf *why) {
    char path[PATH_MAX];
    struct buf found;

    disk_path(directory, "journal", path);
    if (!check_together(directory, path, why)) {
        return false;
    }
    buf_init(&found, PHRASE_MAX);
    if (!journal_open(j, path, no_sync, &found)) {
        return fail_with(&found, why, directory);
    }
    buf_fini(&found);
    return true;
}

/* LMDB writes to its lock file through a map: where a page of it found no room on the disk, a signal would end the process. */
static int reserve_lock(const char *file) {
    char path[PATH_MAX + sizeof("-lock")];
    int error;
    int fd;

    snprintf(path, sizeof(path), "%s-lock", file);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, DISK_FILE_MODE);
    if (fd < 0) {
        return errno;
    }
    error = posix_fallocate(fd, 0, LOCK_BYTES);
    close(fd);
    return error;
}

static bool open_environment(struct disk *d, const char *file, struct buf *why) {
    unsigned flags = MDB_NOTLS | MDB_NOSUBDIR;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t map = (d->quota * MAP_FACTOR + MAP_EXTRA) / page * page;
    const char *directory = d->directory;
    char path[PATH_MAX];
    int error;

    d->file = calloc(1, sizeof(*d->file));
    error = d->file != NULL ? mdb_env_create(&d->file->env) : ENOMEM;
    disk_path(directory, file, path);
    if (error == MDB_SUCCESS) {
        error = mdb_env_set_maxdbs(d->file->env, DATABASES);
    }
    if (error == MDB_SUCCESS) {
        error = mdb_env_set_mapsize(d->file->env, map);
    }
    if (error == MDB_SUCCESS) {
        error = mdb_env_set_maxreaders(d->file->env, DISK_READERS_MAX);
    }
    if (error == MDB_SUCCESS) {
        error = reserve_lock(path);
    }
    if (error == MDB_SUCCESS) {
        error = mdb_env_open(d->file->env, path, flags, DISK_FILE_MODE);
    }
    switch (error) {
    case MDB_SUCCESS:
        return true;
    case MDB_INVALID:
    case MDB_CORRUPTED:
        return directory_fail(why, directory, "data.mdb is damaged or not a store's file",
                              "restore the directory from a backup, or start with an empty one");
    case MDB_VERSION_MISMATCH:
        return directory_fail(why, directory, "data.mdb was written by another version of LMDB",
                              "use the larderd that wrote it");
    default:
        return directory_fail(why, directory, mdb_strerror(error), "see whether the disk is full or out of order");
    }
}

static int open_databases(struct disk *d, MDB_txn *txn, unsigned flags) {
    int error = mdb_dbi_open(txn, "records", flags, &d->records);

    if (error == MDB_SUCCESS) {
        error = mdb_dbi_open(txn, "meta", flags, &d->meta);
    }
    if (error == MDB_SUCCESS) {
        error = mdb_dbi_open(txn, "leases", flags, &d->leases);
    }
    if (error == MDB_SUCCESS) {
        error = mdb_dbi_open(txn, "notes", flags, &d->notes);
    }
    return error;
}

static bool check_format(struct disk *d, MDB_txn *txn, const char *directory, struct buf *why) {
    int64_t format;
    enum store_status status = disk_get_number(d, txn, DISK_NUMBER_FORMAT, &format);

    if (status == STORE_OK && format == 0) {
        status = disk_set_number(d, txn, DISK_NUMBER_SALT, (int64_t)random_os_seed());
    }
    /* Before anything is written that an older larderd does not understand. */
    if (status == STORE_OK && format < DISK_FORMAT) {
        format = DISK_FORMAT;
        status = disk_set_number(d, txn, DISK_NUMBER_FORMAT, format);
    }
    if (status != STORE_OK) {
        return directory_fail(why, directory, store_status_text(status), "restore the directory from a backup");
    }
    if (format > DISK_FORMAT) {
        buf_printf(why,
                   "the store in %s has format %lld, and this larderd knows formats up to %d; use the newer "
                   "larderd that wrote it",
                   directory, (long long)format, DISK_FORMAT);
        return false;
    }
    return true;
}

static bool open_contents(struct disk *d, struct buf *why) {
    const char *directory = d->directory;
    MDB_txn *txn;
    int error = mdb_txn_begin(d->file->env, NULL, 0, &txn);

    if (error != MDB_SUCCESS) {
        return directory_fail(why, directory, mdb_strerror(error), "see whether the disk is full or out of order");
    }
    error = open_databases(d, txn, MDB_CREATE);
    if (error != MDB_SUCCESS) {
        mdb_txn_abort(txn);
        return directory_fail(why, directory, mdb_strerror(error),
                              "see whether the disk is full; else restore the directory from a backup");
    }
    if (!check_format(d, txn, directory, why)) {
        mdb_txn_abort(txn);
        return false;
    }
    error = mdb_txn_commit(txn);
    if (error != MDB_SUCCESS) {
        return directory_fail(why, directory, mdb_strerror(error), "see whether the disk is full or out of order");
    }
    return true;
}

bool disk_file_open(struct disk *d, const char *file, struct buf *why) {
    return open_environment(d, file, why) && open_contents(d, why);
}

static void init(struct disk *d, const struct local_config *config) {
    *d = (struct disk){.lock = -1, .quota = config->quota, .directory = strdup(config->directory)};
    pthread_mutex_init(&d->readers_lock, NULL);
    pthread_mutex_init(&d->stays_lock, NULL);
    pthread_cond_init(&d->readers_signal, NULL);
}

/* --- a new store --- */

void disk_remove_unfinished(const char *directory) {
    char path[PATH_MAX];

    disk_path(directory, DISK_NEW_FILE, path);
    unlink(path);
    disk_path(directory, DISK_NEW_FILE "-lock", path);
    unlink(path);
}

/* Makes LMDB's file aside: a crash in the middle leaves nothing that looks like a damaged store. */
static bool make_file(const struct local_config *config, struct buf *why) {
    const char *directory = config->directory;
    struct disk made;
    char from[PATH_MAX];
    char to[PATH_MAX];
    bool good;

    disk_remove_unfinished(directory);
    init(&made, config);
    good = made.directory != NULL && disk_file_open(&made, DISK_NEW_FILE, why);
    disk_close(&made);
    if (!good || !directory_sync_parents(directory, why)) {
        return false;
    }
    disk_path(directory, DISK_NEW_FILE, from);
    disk_path(directory, DISK_FILE_NAME, to);
    if (rename(from, to) < 0) {
        return directory_fail(why, directory, strerror(errno), "see whether the disk is full or out of order");
    }
    disk_remove_unfinished(directory);
    return directory_sync(directory, why);
}

static bool open_files(struct disk *d, struct journal *j, const struct local_config *config, struct buf *why) {
    const char *directory = config->directory;

    disk_remove_unfinished(directory);
    return check_pages(directory, why) && open_journal(j, directory, config->no_sync, why) &&
           directory_sync(directory, why) &&
           (has_data(directory) ? sync_data(directory, why) : make_file(config, why)) &&
           disk_file_open(d, DISK_FILE_NAME, why);
}

bool disk_open(struct disk *d, struct journal *j, const struct local_config *config, struct buf *why) {
    *j = (struct journal){.fd = -1};
    init(d, config);
    if (d->directory != NULL && directory_make(config->directory, why) &&
        directory_lock(config->directory, &d->lock, why) && open_files(d, j, config, why)) {
        return true;
    }
    journal_close(j);
    disk_close(d);
    return false;
}

bool disk_reopen(struct disk *d) {
    struct buf why;
    bool synced;
    bool opened;

    buf_init(&why, PHRASE_MAX);
    pthread_mutex_lock(&d->readers_lock);
    d->reopening = true;
    pthread_mutex_unlock(&d->readers_lock);
    disk_interrupt(d);
    pthread_mutex_lock(&d->readers_lock);
    while (d->file != NULL && d->file->reading > 0) {
        pthread_cond_wait(&d->readers_signal, &d->readers_lock);
    }
    disk_file_close(d->file);
    synced = sync_data(d->directory, &why);
    opened = disk_file_open(d, DISK_FILE_NAME, &why);
    if (!opened) {
        disk_file_close(d->file);
        d->file = NULL;
    }
    d->reopening = false;
    pthread_cond_broadcast(&d->readers_signal);
    pthread_mutex_unlock(&d->readers_lock);
    buf_fini(&why);
    return synced && opened;
}

void disk_close(struct disk *d) {
    disk_file_close(d->file);
    if (d->lock >= 0) {
        close(d->lock);
    }
    free(d->directory);
    pthread_cond_destroy(&d->readers_signal);
    pthread_mutex_destroy(&d->readers_lock);
    pthread_mutex_destroy(&d->stays_lock);
}
