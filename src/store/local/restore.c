/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/local/directory.h"
#include "store/local/disk.h"

enum {
    PORTION = 32 << 20, /* bytes that are committed at a time */
    QUOTA_FACTOR = 2,   /* of the file: long values are rounded up to whole pages */
    PHRASE_MAX = 512,
};

#define ASIDE ".restoring"

/* --- the file --- */

struct file {
    int fd;
    uint64_t done;
    uint64_t total;
    const struct restore_watcher *watcher;
};

static ptrdiff_t read_file(void *ctx, char *data, size_t size) {
    struct file *f = ctx;
    ssize_t count;

    do {
        count = read(f->fd, data, size);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
        return -errno;
    }
    f->done += (uint64_t)count;
    if (f->watcher->progress != NULL) {
        f->watcher->progress(f->watcher->ctx, f->done, f->total);
    }
    return count;
}

static bool open_file(struct file *f, const char *name, const struct restore_watcher *watcher, struct buf *why) {
    struct stat stat;

    *f = (struct file){.fd = open(name, O_RDONLY | O_CLOEXEC), .watcher = watcher};
    if (f->fd < 0 || fstat(f->fd, &stat) < 0) {
        buf_printf(why, "the snapshot %s cannot be opened: %s", name, strerror(errno));
    } else if (!S_ISREG(stat.st_mode)) {
        buf_printf(why, "the snapshot %s is not a regular file", name);
    } else {
        f->total = (uint64_t)stat.st_size;
        return true;
    }
    if (f->fd >= 0) {
        close(f->fd);
    }
    return false;
}

/* Reads the whole file. */
static bool parse_file(struct file *f, const char *name, const struct snapshot_handler *handler,
                       struct snapshot_summary *ret_summary, struct buf *why) {
    const struct snapshot_source source = {.read = read_file, .ctx = f};
    struct buf phrase;
    bool good;

    buf_init(&phrase, PHRASE_MAX);
    good = snapshot_parse(&source, handler, false, ret_summary, &phrase);
    if (!good) {
        buf_printf(why, "the snapshot %s: %.*s", name, (int)phrase.size, phrase.data);
    }
    buf_fini(&phrase);
    return good;
}

bool local_check_snapshot(const char *file, const struct restore_watcher *watcher, struct snapshot_summary *ret_summary,
                          struct buf *why) {
    const struct snapshot_handler nobody = {.ctx = NULL};
    struct file f;
    bool good;

    if (!open_file(&f, file, watcher, why)) {
        return false;
    }
    good = parse_file(&f, file, &nobody, ret_summary, why);
    close(f.fd);
    return good;
}

/* --- the store --- */

/* One that is being made. */
struct target {
    struct disk disk;
    struct journal journal;
    MDB_txn *txn;   /* NULL: none is open */
    size_t portion; /* bytes in it */
};

static enum store_status begin_portion(struct target *t) {
    t->portion = 0;
    return t->txn != NULL ? STORE_OK : disk_write_begin(&t->disk, &t->txn);
}

static enum store_status end_portion(struct target *t) {
    MDB_txn *txn = t->txn;

    t->txn = NULL;
    return disk_commit(&t->disk, txn);
}

/* Something was written, or not. */
static enum store_status written(struct target *t, enum store_status status, size_t size) {
    t->portion += size;
    if (status != STORE_OK || t->portion < PORTION) {
        return status;
    }
    status = end_portion(t);
    return status == STORE_OK ? begin_portion(t) : status;
}

static enum store_status put_head(void *ctx, const struct snapshot_head *head) {
    struct target *t = ctx;

    return disk_set_number(&t->disk, t->txn, DISK_NUMBER_COMPACTED, head->compact_revision);
}

static enum store_status put_lease(void *ctx, int64_t id, int64_t ttl) {
    struct target *t = ctx;

    return written(t, disk_put_lease(&t->disk, t->txn, id, ttl), sizeof(id) + sizeof(ttl));
}

static enum store_status put_note(void *ctx, struct slice name, struct slice value) {
    struct target *t = ctx;

    if (slice_equal(name, STORE_NOTE_IDENTITY)) {
        return STORE_OK;
    }
    return written(t, disk_put_note(&t->disk, t->txn, name, value), name.size + value.size);
}

static enum store_status put_record(void *ctx, const struct kv *kv, uint32_t sub) {
    struct target *t = ctx;
    struct slice record = slice_make(kv->key.data - RECORD_HEADER_SIZE, record_size(kv));

    return written(t, disk_append(&t->disk, t->txn, kv->mod_revision, sub, record), record.size);
}

static bool fail_writing(const char *directory, enum store_status status, struct buf *why) {
    return directory_fail(why, directory, store_status_text(status), "see whether the disk is full or out of order");
}

/* Fills the store, which is new. */
static bool fill(struct target *t, struct file *f, const char *name, const char *directory,
                 struct snapshot_summary *ret_summary, struct buf *why) {
    const struct snapshot_handler handler = {
        .ctx = t, .head = put_head, .lease = put_lease, .note = put_note, .record = put_record};
    enum store_status status = begin_portion(t);

    if (status != STORE_OK) {
        return fail_writing(directory, status, why);
    }
    if (!parse_file(f, name, &handler, ret_summary, why)) {
        return false;
    }
    status = end_portion(t);
    return status == STORE_OK || fail_writing(directory, status, why);
}

/* --- its directory --- */

/* All that can be in one that was being made, but for its lock. */
static void remove_files(const char *aside) {
    static const char *const files[] = {DISK_FILE_NAME, DISK_FILE_NAME "-lock", "journal"};
    char path[PATH_MAX];

    disk_remove_unfinished(aside);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        disk_path(aside, files[i], path);
        unlink(path);
    }
}

static void remove_aside(const char *aside) {
    char path[PATH_MAX];

    remove_files(aside);
    disk_path(aside, "larderd.lock", path);
    unlink(path);
    rmdir(aside);
}

static bool is_there(const char *directory, struct buf *why) {
    struct stat stat;

    return lstat(directory, &stat) == 0 && !directory_fail(why, directory, "it exists already",
                                                           "name a directory that does not, or move that one away");
}

static bool give_name(const char *aside, const char *directory, struct buf *why) {
    bool named = renameat2(AT_FDCWD, aside, AT_FDCWD, directory, RENAME_NOREPLACE) == 0;

    /* Not all file systems have that; there, somebody must be quick to come between. */
    if (!named && errno == EINVAL) {
        named = !is_there(directory, why) && rename(aside, directory) == 0;
    }
    if (!named) {
        return directory_fail(why, directory, strerror(errno), "name a directory that does not exist");
    }
    return directory_sync_parents(directory, why);
}

/* The directory beside it, without what an earlier restore left there, if none is at work. */
static bool clear_aside(const char *aside, struct buf *why) {
    bool locked;
    int lock;

    if (!directory_make(aside, why)) {
        return false;
    }
    locked = directory_lock(aside, &lock, why);
    if (locked) {
        remove_files(aside);
    }
    if (lock >= 0) {
        close(lock);
    }
    return locked;
}

/* The store has the directory's lock until it has its name, or is gone. */
static bool make_store(struct file *f, const char *name, const char *aside, const char *directory,
                       struct snapshot_summary *ret_summary, struct buf *why) {
    const struct local_config config = {.directory = aside, .quota = f->total * QUOTA_FACTOR};
    struct target t = {.txn = NULL};
    bool good;

    if (!clear_aside(aside, why) || !disk_open(&t.disk, &t.journal, &config, why)) {
        return false;
    }
    good = fill(&t, f, name, directory, ret_summary, why) && directory_sync(aside, why);
    if (t.txn != NULL) {
        mdb_txn_abort(t.txn);
    }
    good = good && give_name(aside, directory, why);
    if (!good) {
        remove_aside(aside);
    }
    journal_close(&t.journal);
    disk_close(&t.disk);
    return good;
}

/* Without slashes at the end, for it gets another one's name. False: `why` says what is wrong with it. */
static bool clean_name(const char *directory, char ret_path[PATH_MAX], char ret_aside[PATH_MAX], struct buf *why) {
    size_t size = strlen(directory);

    while (size > 1 && directory[size - 1] == '/') {
        size--;
    }
    if (size == 0 || size + sizeof(ASIDE) > PATH_MAX) {
        return directory_fail(why, directory, "the name of the directory is empty or too long", "choose another one");
    }
    memcpy(ret_path, directory, size);
    ret_path[size] = '\0';
    snprintf(ret_aside, PATH_MAX, "%.*s" ASIDE, (int)size, directory);
    return true;
}

bool local_restore_watched(const char *file, const char *directory, const struct restore_watcher *watcher,
                           struct snapshot_summary *ret_summary, struct buf *why) {
    char aside[PATH_MAX];
    char path[PATH_MAX];
    struct file f;
    bool good;

    if (!clean_name(directory, path, aside, why) || is_there(path, why) || !open_file(&f, file, watcher, why)) {
        return false;
    }
    good = make_store(&f, file, aside, path, ret_summary, why);
    close(f.fd);
    return good;
}
