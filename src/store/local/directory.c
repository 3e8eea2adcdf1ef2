/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIRECTORY_MODE = 0700, LOCK_MODE = 0600 };

bool directory_fail(struct buf *why, const char *directory, const char *what, const char *advice) {
    buf_printf(why, "the store in %s: %s; %s", directory, what, advice);
    return false;
}

static bool sync_path(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && fsync(fd) == 0;
    int error = errno;

    if (fd >= 0) {
        close(fd);
    }
    errno = error;
    return synced;
}

bool directory_sync(const char *directory, struct buf *why) {
    return sync_path(directory) ||
           directory_fail(why, directory, strerror(errno), "see whether the disk is out of order");
}

/* Makes one directory whose parent is there. `path` is changed for a moment. */
static bool make_one(char *path) {
    char *slash = strrchr(path, '/');
    bool synced;

    if (mkdir(path, DIRECTORY_MODE) < 0) {
        return errno == EEXIST;
    }
    if (slash == NULL) {
        return sync_path(".");
    }
    if (slash == path) {
        return sync_path("/");
    }
    *slash = '\0';
    synced = sync_path(path);
    *slash = '/';
    return synced;
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
        bool made;

        *slash = '\0';
        made = make_one(path);
        *slash = '/';
        if (!made) {
            return directory_fail(why, directory, strerror(errno), advice);
        }
    }
    return make_one(path) || directory_fail(why, directory, strerror(errno), advice);
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
