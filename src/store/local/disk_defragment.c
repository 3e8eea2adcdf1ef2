/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "store/local/directory.h"
#include "store/local/disk.h"

enum { WHY_BYTES = 512 };

/* A crash in the middle leaves the file as it was, and beside it what the next start removes. */

static enum store_status copy(const struct disk *d, const char *file) {
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, DISK_FILE_MODE);
    int error;

    if (fd < 0) {
        return disk_status(errno);
    }
    error = mdb_env_copyfd2(d->file->env, fd, MDB_CP_COMPACT);
    if (error == MDB_SUCCESS && fdatasync(fd) < 0) {
        error = errno;
    }
    close(fd);
    return disk_status(error);
}

/* Databases are numbered in the order in which they are opened, so those of both files have the same numbers, and who still
 * reads the old one need not know of it. */
static bool open_copy(const struct disk *d, struct disk *fresh, struct buf *why) {
    *fresh = (struct disk){.lock = -1, .quota = d->quota, .directory = d->directory};
    return disk_file_open(fresh, DISK_NEW_FILE, why) && fresh->records == d->records && fresh->meta == d->meta &&
           fresh->leases == d->leases && fresh->notes == d->notes;
}

/* The lock files follow: the old file keeps what was its own, which has no name any more. */
static enum store_status give_name(const struct disk *d, const char *from, const char *to, bool *ret_unsure,
                                   struct buf *why) {
    char lock_from[PATH_MAX];
    char lock_to[PATH_MAX];

    if (rename(from, to) < 0) {
        return disk_status(errno);
    }
    disk_path(d->directory, DISK_NEW_FILE "-lock", lock_from);
    disk_path(d->directory, DISK_FILE_NAME "-lock", lock_to);
    *ret_unsure = rename(lock_from, lock_to) < 0 || !directory_sync(d->directory, why);
    return *ret_unsure ? STORE_IO : STORE_OK;
}

enum store_status disk_defragment(struct disk *d, bool *ret_unsure) {
    enum store_status status;
    struct disk fresh = {0};
    char from[PATH_MAX];
    char to[PATH_MAX];
    struct buf why;

    *ret_unsure = false;
    if (d->file == NULL) {
        return STORE_IO;
    }
    buf_init(&why, WHY_BYTES);
    disk_path(d->directory, DISK_NEW_FILE, from);
    disk_path(d->directory, DISK_FILE_NAME, to);
    disk_remove_unfinished(d->directory);
    status = copy(d, from);
    if (status == STORE_OK && !open_copy(d, &fresh, &why)) {
        status = STORE_IO;
    }
    if (status == STORE_OK) {
        status = give_name(d, from, to, ret_unsure, &why);
    }
    if (status == STORE_OK || *ret_unsure) {
        disk_file_replace(d, fresh.file);
    } else {
        disk_file_close(fresh.file);
        disk_remove_unfinished(d->directory);
    }
    buf_fini(&why);
    return status;
}
