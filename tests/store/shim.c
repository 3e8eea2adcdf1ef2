/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a program, lets the machine under it crash. What the page cache hides from a kill it does not hide from
 * this: writes that were not synced are lost, torn or reordered. What goes wrong, and where, says shim_settings.h.
 *
 * No call reaches the real disk's sync: a crash of the machine is not what the tests of a crash want to wait for. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shim_disk.h"
#include "shim_settings.h"

enum { FDS_MAX = 1024 };

struct descriptor {
    struct shim_file *file; /* NULL: not watched, or a directory */
    char *path;             /* NULL: not watched */
    bool syncs;             /* each write */
};

static struct descriptor fds[FDS_MAX];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* --- descriptors --- */

static bool path_of(int fd, char path[PATH_MAX]) {
    char link[64];
    ssize_t size;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    size = readlink(link, path, PATH_MAX - 1);
    if (size <= 0 || path[0] != '/') {
        return false;
    }
    path[size] = '\0';
    return true;
}

static struct descriptor *descriptor_of(int fd) {
    static struct descriptor none;

    return fd >= 0 && fd < FDS_MAX ? &fds[fd] : &none;
}

static void note_open(int fd, bool syncs, bool created) {
    char path[PATH_MAX];
    struct stat status;

    if (fd < 0 || !path_of(fd, path) || !settings_watch(path)) {
        return;
    }
    if (fd >= FDS_MAX || fstat(fd, &status) != 0) {
        shim_die("too many files");
    }
    fds[fd].path = strdup(path);
    if (fds[fd].path == NULL) {
        shim_die("out of memory");
    }
    if (S_ISDIR(status.st_mode)) {
        return;
    }
    if (created) {
        shim_note_created(path);
    }
    fds[fd].file = shim_file_of(fd, path);
    fds[fd].syncs = syncs;
}

static int open_file(int directory, const char *path, int flags, mode_t mode) {
    bool existed = syscall(SYS_faccessat, directory, path, F_OK) == 0;
    int fd = (int)syscall(SYS_openat, directory, path, flags & ~(O_SYNC | O_DSYNC), mode);

    pthread_mutex_lock(&lock);
    note_open(fd, (flags & (O_SYNC | O_DSYNC)) != 0, (flags & O_CREAT) != 0 && !existed);
    pthread_mutex_unlock(&lock);
    return fd;
}

static mode_t mode_of(int flags, va_list arguments) {
    return (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        va_list arguments;                                                                                             \
        mode_t mode;                                                                                                   \
                                                                                                                       \
        va_start(arguments, flags);                                                                                    \
        mode = mode_of(flags, arguments);                                                                              \
        va_end(arguments);                                                                                             \
        return open_file(AT_FDCWD, path, flags, mode);                                                                 \
    }

#define OPENAT(name)                                                                                                   \
    int name(int directory, const char *path, int flags, ...) {                                                        \
        va_list arguments;                                                                                             \
        mode_t mode;                                                                                                   \
                                                                                                                       \
        va_start(arguments, flags);                                                                                    \
        mode = mode_of(flags, arguments);                                                                              \
        va_end(arguments);                                                                                             \
        return open_file(directory, path, flags, mode);                                                                \
    }

int open64(const char *path, int flags, ...);
int openat64(int directory, const char *path, int flags, ...);
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int close(int fd) {
    pthread_mutex_lock(&lock);
    free(descriptor_of(fd)->path);
    *descriptor_of(fd) = (struct descriptor){0};
    pthread_mutex_unlock(&lock);
    return (int)syscall(SYS_close, fd);
}

/* --- writing --- */

static size_t size_of(const struct iovec *parts, int count) {
    size_t size = 0;

    for (int i = 0; i < count; i++) {
        size += parts[i].iov_len;
    }
    return size;
}

static ssize_t raw_write(int fd, const struct iovec *parts, int count, off_t offset) {
    return syscall(SYS_pwritev, fd, parts, count, offset, (off_t)0);
}

/* It ends before, in the middle of, or after the write. */
static _Noreturn void crash_in_write(struct descriptor *d, int fd, const struct iovec *parts, int count, off_t offset) {
    int most = (int)shim_random((uint64_t)count + 1);

    shim_note_write(d->file, fd, offset, size_of(parts, count));
    if (most > 0) {
        raw_write(fd, parts, most, offset);
    }
    settings_go_down();
}

static ssize_t watched_write(struct descriptor *d, int fd, const struct iovec *parts, int count, off_t offset) {
    bool syncs = d->syncs && !settings_lie("dsync", d->path);
    ssize_t done;

    if (settings_is_last_call()) {
        crash_in_write(d, fd, parts, count, offset);
    }
    errno = d->syncs ? 0 : settings_error_of_write();
    if (errno != 0) {
        return -1;
    }
    shim_note_write(d->file, fd, offset, size_of(parts, count));
    done = raw_write(fd, parts, count, offset);
    if (d->syncs && settings_fail_write_that_syncs(d->path)) { /* the system has it, and nobody knows of the disk */
        shim_note_failure(d->file, offset, size_of(parts, count));
        errno = EIO;
        return -1;
    }
    if (done > 0 && syncs) {
        shim_forget_write(d->file, fd, offset, (size_t)done);
    }
    return done;
}

/* At an offset of -1: where the descriptor stands, which moves on. */
static ssize_t write_parts(int fd, const struct iovec *parts, int count, off_t offset) {
    struct descriptor *d = descriptor_of(fd);
    bool moves = offset < 0;
    ssize_t done;

    pthread_mutex_lock(&lock);
    if (d->file == NULL) {
        pthread_mutex_unlock(&lock);
        return moves ? syscall(SYS_writev, fd, parts, count) : raw_write(fd, parts, count, offset);
    }
    if (moves) {
        bool appends = (fcntl(fd, F_GETFL) & O_APPEND) != 0;

        offset = lseek(fd, 0, appends ? SEEK_END : SEEK_CUR);
    }
    done = watched_write(d, fd, parts, count, offset);
    if (moves && done > 0) {
        lseek(fd, offset + done, SEEK_SET);
    }
    pthread_mutex_unlock(&lock);
    return done;
}

static ssize_t write_one(int fd, const void *data, size_t size, off_t offset) {
    struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};

    return write_parts(fd, &part, 1, offset);
}

ssize_t write(int fd, const void *data, size_t size) {
    return write_one(fd, data, size, -1);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    return write_one(fd, data, size, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    return write_one(fd, data, size, offset);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    return write_parts(fd, parts, count, -1);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    return write_parts(fd, parts, count, offset);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    return write_parts(fd, parts, count, offset);
}

static ssize_t write_with_flags(int fd, const struct iovec *parts, int count, off_t offset, int flags) {
    if (flags != 0) {
        shim_die("a write has flags, which the shim does not know");
    }
    return write_parts(fd, parts, count, offset);
}

ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags) {
    return write_with_flags(fd, parts, count, offset, flags);
}

ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off64_t offset, int flags) {
    return write_with_flags(fd, parts, count, offset, flags);
}

static int truncate_to(int fd, off_t size) {
    struct descriptor *d = descriptor_of(fd);
    int result;

    pthread_mutex_lock(&lock);
    if (d->file != NULL) {
        bool last = settings_is_last_call();

        shim_note_size(d->file, fd, size);
        if (last) {
            settings_go_down();
        }
    }
    result = (int)syscall(SYS_ftruncate, fd, size);
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate(int fd, off_t size) {
    return truncate_to(fd, size);
}

int ftruncate64(int fd, off64_t size) {
    return truncate_to(fd, size);
}

/* --- syncing --- */

static int sync_file(int fd, const char *kind) {
    struct descriptor *d = descriptor_of(fd);
    int result = 0;
    bool last;

    pthread_mutex_lock(&lock);
    if (d->path == NULL) {
        pthread_mutex_unlock(&lock);
        return 0;
    }
    last = settings_is_last_call();
    if (last && shim_random(2) == 0) {
        settings_go_down();
    }
    if (settings_fail(kind, d->path)) {
        errno = EIO;
        result = -1;
    } else if (!settings_lie(kind, d->path)) {
        if (d->file != NULL) {
            shim_forget_all(d->file, fd);
        } else {
            shim_forget_names(d->path);
        }
    }
    if (last) {
        settings_go_down();
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int fsync(int fd) {
    return sync_file(fd, "fsync");
}

int fdatasync(int fd) {
    return sync_file(fd, "fdatasync");
}

/* What is written through a shared map is not seen here, so there must be none; and so msync has nothing to sync. */
static void refuse_shared_map(int protection, int flags, int fd) {
    bool watched;

    if ((protection & PROT_WRITE) == 0 || (flags & MAP_TYPE) == MAP_PRIVATE || fd < 0) {
        return;
    }
    pthread_mutex_lock(&lock);
    watched = descriptor_of(fd)->file != NULL;
    pthread_mutex_unlock(&lock);
    if (watched) {
        shim_die("a file is mapped for writing, which the shim cannot watch");
    }
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
    refuse_shared_map(protection, flags, fd);
    return (void *)syscall(SYS_mmap, address, size, protection, flags, fd, offset);
}

void *mmap64(void *address, size_t size, int protection, int flags, int fd, off64_t offset) {
    refuse_shared_map(protection, flags, fd);
    return (void *)syscall(SYS_mmap, address, size, protection, flags, fd, offset);
}

/* --- names --- */

static void absolute(const char *path, char result[PATH_MAX]) {
    char directory[PATH_MAX] = "";

    if (path[0] != '/' && getcwd(directory, sizeof(directory)) == NULL) {
        shim_die("getcwd");
    }
    if (snprintf(result, PATH_MAX, "%s%s%s", directory, path[0] == '/' ? "" : "/", path) >= PATH_MAX) {
        shim_die("a path is too long");
    }
}

int mkdir(const char *path, mode_t mode) {
    char name[PATH_MAX];
    int result;

    absolute(path, name);
    pthread_mutex_lock(&lock);
    result = (int)syscall(SYS_mkdir, path, mode);
    if (result == 0 && settings_watch(name)) {
        shim_note_created(name);
        if (settings_is_last_call()) {
            settings_go_down();
        }
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int rename(const char *from, const char *to) {
    char old[PATH_MAX];
    char new[PATH_MAX];
    int result;

    absolute(from, old);
    absolute(to, new);
    pthread_mutex_lock(&lock);
    if (settings_watch(new)) {
        bool last = settings_is_last_call();

        if (last && shim_random(2) == 0) {
            settings_go_down();
        }
        shim_note_rename(old, new);
        result = (int)syscall(SYS_rename, old, new);
        if (last) {
            settings_go_down();
        }
    } else {
        result = (int)syscall(SYS_rename, old, new);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

/* That a name which was removed may be there again after a crash is not played. */
int unlink(const char *path) {
    char name[PATH_MAX];

    absolute(path, name);
    pthread_mutex_lock(&lock);
    shim_note_removed(name);
    pthread_mutex_unlock(&lock);
    return (int)syscall(SYS_unlink, path);
}
