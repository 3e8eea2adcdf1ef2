/* SPDX-License-Identifier: Apache-2.0 */
#include "shim_disk.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FILES_MAX = 16, NAMES_MAX = 64, SLOTS = 1 << 12 };

/* A sector that is not synced, and what the disk has there. */
struct sector {
    off_t number;
    struct sector *next; /* of its slot */
    char before[SECTOR]; /* zeros behind the end of the file */
};

struct shim_file {
    dev_t device;
    ino_t inode;
    char path[PATH_MAX];
    off_t size; /* on the disk */
    struct sector *slots[SLOTS];
    size_t count;
};

/* A name that is not synced. */
struct name {
    char path[PATH_MAX];
    char from[PATH_MAX];   /* before a rename; empty: it was created */
    char backup[PATH_MAX]; /* what a rename replaced; empty: nothing */
};

static struct shim_file *files[FILES_MAX];
static size_t file_count;
static struct name names[NAMES_MAX];
static size_t name_count;
static uint64_t chance;

void shim_die(const char *what) {
    fprintf(stderr, "store-shim: %s\n", what);
    _exit(2);
}

/* --- chance (splitmix64) --- */

void shim_seed(uint64_t seed) {
    chance = seed;
}

uint64_t shim_random(uint64_t bound) {
    uint64_t z = chance += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % bound;
}

/* --- files --- */

static off_t size_of(int fd) {
    struct stat status;

    if (fstat(fd, &status) != 0) {
        shim_die("fstat");
    }
    return status.st_size;
}

struct shim_file *shim_file_of(int fd, const char *path) {
    struct shim_file *f;
    struct stat status;

    if (fstat(fd, &status) != 0) {
        shim_die("fstat");
    }
    for (size_t i = 0; i < file_count; i++) {
        if (files[i]->device == status.st_dev && files[i]->inode == status.st_ino) {
            return files[i];
        }
    }
    f = calloc(1, sizeof(*f));
    if (f == NULL || file_count == FILES_MAX) {
        shim_die("too many files");
    }
    f->device = status.st_dev;
    f->inode = status.st_ino;
    f->size = status.st_size;
    snprintf(f->path, sizeof(f->path), "%s", path);
    files[file_count++] = f;
    return f;
}

static struct sector **place_of(struct shim_file *f, off_t number) {
    struct sector **place = &f->slots[(uint64_t)number % SLOTS];

    while (*place != NULL && (*place)->number != number) {
        place = &(*place)->next;
    }
    return place;
}

static void forget(struct shim_file *f, struct sector **place) {
    struct sector *sector = *place;

    *place = sector->next;
    free(sector);
    f->count--;
}

/* The same open file may be for writing only. */
static void read_before(const struct shim_file *f, struct sector *sector) {
    int fd = (int)syscall(SYS_openat, AT_FDCWD, f->path, O_RDONLY | O_CLOEXEC, 0);

    if (fd < 0 || pread(fd, sector->before, SECTOR, sector->number * SECTOR) < 0) {
        shim_die("a file cannot be read");
    }
    syscall(SYS_close, fd);
}

static void note_sector(struct shim_file *f, off_t number) {
    struct sector **place = place_of(f, number);

    if (*place != NULL) {
        return;
    }
    *place = calloc(1, sizeof(**place));
    if (*place == NULL) {
        shim_die("out of memory");
    }
    (*place)->number = number;
    f->count++;
    if (number * SECTOR < f->size) {
        read_before(f, *place);
    }
}

void shim_note_write(struct shim_file *f, int fd, off_t offset, size_t size) {
    (void)fd;
    for (off_t number = offset / SECTOR; number * SECTOR < offset + (off_t)size; number++) {
        note_sector(f, number);
    }
}

void shim_note_size(struct shim_file *f, int fd, off_t size) {
    off_t now = size_of(fd);

    if (size < now) {
        shim_note_write(f, fd, size, (size_t)(now - size));
    }
}

void shim_forget_write(struct shim_file *f, int fd, off_t offset, size_t size) {
    off_t now = size_of(fd);

    for (off_t number = offset / SECTOR; number * SECTOR < offset + (off_t)size; number++) {
        struct sector **place = place_of(f, number);

        if (*place != NULL) {
            forget(f, place);
        }
    }
    if (offset + (off_t)size > f->size) {
        f->size = offset + (off_t)size < now ? offset + (off_t)size : now;
    }
}

static void forget_sectors(struct shim_file *f) {
    for (size_t i = 0; i < SLOTS && f->count > 0; i++) {
        while (f->slots[i] != NULL) {
            forget(f, &f->slots[i]);
        }
    }
}

void shim_forget_all(struct shim_file *f, int fd) {
    forget_sectors(f);
    f->size = size_of(fd);
}

static void free_file(struct shim_file *f) {
    forget_sectors(f);
    free(f);
}

/* --- names --- */

static struct name *name_new(const char *path) {
    struct name *n = &names[name_count];

    if (name_count == NAMES_MAX) {
        shim_die("too many names");
    }
    name_count++;
    memset(n, 0, sizeof(*n));
    snprintf(n->path, sizeof(n->path), "%s", path);
    return n;
}

void shim_note_created(const char *path) {
    name_new(path);
}

static void move_file(const char *from, const char *to) {
    for (size_t i = 0; i < file_count; i++) {
        if (strcmp(files[i]->path, from) == 0) {
            snprintf(files[i]->path, sizeof(files[i]->path), "%s", to);
            return;
        }
    }
}

void shim_note_rename(const char *from, const char *to) {
    struct name *n = name_new(to);

    snprintf(n->from, sizeof(n->from), "%s", from);
    if (access(to, F_OK) == 0) {
        snprintf(n->backup, sizeof(n->backup), "%.4000s.shim-%zu", to, name_count);
        if (link(to, n->backup) != 0) {
            shim_die("what a rename replaces cannot be kept");
        }
        move_file(to, n->backup);
    }
    move_file(from, to);
}

void shim_note_removed(const char *path) {
    for (size_t i = 0; i < file_count; i++) {
        if (strcmp(files[i]->path, path) == 0) {
            free_file(files[i]);
            files[i] = files[--file_count];
            break;
        }
    }
    for (size_t i = 0; i < name_count; i++) {
        if (strcmp(names[i].path, path) == 0) {
            memmove(&names[i], &names[i + 1], (--name_count - i) * sizeof(*names));
            break;
        }
    }
}

/* Without coming back to the shim. */
static bool remove_name(const char *path) {
    return syscall(SYS_unlink, path) == 0;
}

static bool rename_name(const char *from, const char *to) {
    return syscall(SYS_rename, from, to) == 0;
}

static bool is_in(const char *path, const char *directory) {
    size_t size = strlen(directory);

    return strncmp(path, directory, size) == 0 && path[size] == '/' && strchr(path + size + 1, '/') == NULL;
}

void shim_forget_names(const char *directory) {
    size_t kept = 0;

    for (size_t i = 0; i < name_count; i++) {
        if (!is_in(names[i].path, directory)) {
            names[kept++] = names[i];
        } else if (names[i].backup[0] != '\0') {
            remove_name(names[i].backup);
        }
    }
    name_count = kept;
}

static void undo_name(const struct name *n) {
    if (n->from[0] == '\0') {
        remove_name(n->path);
        return;
    }
    if (!rename_name(n->path, n->from) || (n->backup[0] != '\0' && !rename_name(n->backup, n->path))) {
        shim_die("a rename cannot be undone");
    }
}

/* --- the crash --- */

enum loss { LOSS_ALL, LOSS_NONE, LOSS_SECTORS, LOSS_PAGES, LOSS_KINDS };

enum { SECTORS_PER_PAGE = 8 };

static int compare_sectors(const void *a, const void *b) {
    const struct sector *left = *(struct sector *const *)a;
    const struct sector *right = *(struct sector *const *)b;

    return (left->number > right->number) - (left->number < right->number);
}

static struct sector **sorted(struct shim_file *f) {
    struct sector **all = calloc(f->count + 1, sizeof(struct sector *));
    size_t count = 0;

    if (all == NULL) {
        shim_die("out of memory");
    }
    for (size_t i = 0; i < SLOTS; i++) {
        for (struct sector *sector = f->slots[i]; sector != NULL; sector = sector->next) {
            all[count++] = sector;
        }
    }
    qsort(all, count, sizeof(struct sector *), compare_sectors);
    return all;
}

/* Whether the next sector is lost. Of pages, all sectors share a fate, but for one page in eight, which is torn. */
static bool is_lost(enum loss loss, off_t number) {
    static off_t page = -1;
    static uint64_t fate;

    if (loss == LOSS_ALL || loss == LOSS_NONE) {
        return loss == LOSS_ALL;
    }
    if (loss == LOSS_SECTORS) {
        return shim_random(2) == 0;
    }
    if (number / SECTORS_PER_PAGE != page) {
        page = number / SECTORS_PER_PAGE;
        fate = shim_random(16);
    }
    return fate < 2 ? shim_random(2) == 0 : fate % 2 == 0;
}

/* Takes back writes of one file. A file that had grown may keep its new size, with zeros, or not. */
static void lose_writes(struct shim_file *f) {
    enum loss loss = (enum loss)shim_random(LOSS_KINDS);
    struct sector **all = sorted(f);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, f->path, O_WRONLY | O_CLOEXEC, 0);
    off_t end = f->size;

    if (fd < 0) {
        shim_die("a file cannot be opened");
    }
    for (size_t i = 0; i < f->count; i++) {
        off_t at = all[i]->number * SECTOR;
        off_t left = at < f->size ? f->size - at : SECTOR;

        if (!is_lost(loss, all[i]->number)) {
            end = end > at + SECTOR ? end : at + SECTOR;
        } else if (syscall(SYS_pwrite64, fd, all[i]->before, left < SECTOR ? left : SECTOR, at) < 0) {
            shim_die("a file cannot be written");
        }
    }
    if (size_of(fd) > end && shim_random(2) == 0 && syscall(SYS_ftruncate, fd, end) != 0) {
        shim_die("a file cannot be cut off");
    }
    syscall(SYS_close, fd);
    free(all);
}

void shim_crash(void) {
    size_t kept = shim_random(2) == 0 ? name_count : shim_random(name_count + 1);

    for (size_t i = 0; i < file_count; i++) {
        lose_writes(files[i]);
    }
    while (name_count > kept) {
        undo_name(&names[--name_count]);
    }
    for (size_t i = 0; i < name_count; i++) {
        if (names[i].backup[0] != '\0') {
            remove_name(names[i].backup);
        }
    }
    _exit(SHIM_CRASHED);
}
