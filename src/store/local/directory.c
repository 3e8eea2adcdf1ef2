/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIRECTORY_MODE = 0700, LOCK_MODE = 0600 };

bool directory_fail(struct buf *why, const char *directory, const char *what, const char *advice) {
    buf_printf(why, "the store in %s: %s; %s", directory, what, advice);
    return false;
}

/* Of a directory. Some file systems keep their names safe by themselves and know no sync of them. */
static bool sync_open(int fd) {
    bool synced = fsync(fd) == 0 || errno == EINVAL;
    int error = errno;

    close(fd);
    errno = error;
    return synced;
}

bool directory_sync(const char *directory, struct buf *why) {
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return (fd >= 0 && sync_open(fd)) ||
           directory_fail(why, directory, strerror(errno), "see whether the disk is out of order");
}

/* One that may not be read cannot be synced. It is none that was made here. */
bool directory_sync_parents(const char *directory, struct buf *why) {
    char path[PATH_MAX];

    if (realpath(directory, path) == NULL) {
        return directory_fail(why, directory, strerror(errno), "see whether the disk is out of order");
    }
    for (char *slash = strrchr(path, '/'); slash != NULL; slash = strrchr(path, '/')) {
        int fd;

        *slash = '\0';
        fd = open(slash == path ? "/" : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0 && !sync_open(fd)) {
            return directory_fail(why, directory, strerror(errno), "see whether the disk is out of order");
        }
    }
    return true;
}

bool directory_make(const char *directory, struct buf *why) {
    static const char advice[] = "make the directory, or choose another data-dir";
    size_t size = strlen(directory);
    char path[PATH_MAX];

    if (size == 0 || size >= sizeof(path)) {
        return directory_fail(why, directory, "the name of the directory is empty or too long", advice);
    }
    memcpy(path, directory, size + 1);
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, DIRECTORY_MODE) < 0 && errno != EEXIST) {
            return directory_fail(why, directory, strerror(errno), advice);
        }
        *slash = '/';
    }
    return mkdir(path, DIRECTORY_MODE) == 0 || errno == EEXIST ||
           directory_fail(why, directory, strerror(errno), advice);
}

/* LMDB's own lock only keeps its readers apart. */
bool directory_lock(const char *directory, int *ret_lock, struct buf *why) {
    char path[PATH_MAX];

    *ret_lock = -1;
    if ((size_t)snprintf(path, sizeof(path), "%s/larderd.lock", directory) >= sizeof(path)) {
        return directory_fail(why, directory, "the name of the directory is too long", "choose another data-dir");
    }
    *ret_lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, LOCK_MODE);
    if (*ret_lock < 0) {
        return directory_fail(why, directory, strerror(errno), "the directory must be writable for this user");
    }
    return flock(*ret_lock, LOCK_EX | LOCK_NB) == 0 ||
           directory_fail(why, directory, "another process uses it",
                          "give each larderd a data-dir of its own, or end the other one");
}
