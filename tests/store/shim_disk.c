/* SPDX-License-Identifier: Apache-2.0 */
#include "shim_state.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct shim_state shim_state;

void shim_die(const char *what) {
    fprintf(stderr, "store-shim: %s\n", what);
    _exit(2);
}

/* --- chance (splitmix64) --- */

static uint64_t chance;

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

off_t shim_size_of(int fd) {
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
    for (size_t i = 0; i < shim_state.file_count; i++) {
        if (shim_state.files[i]->device == status.st_dev && shim_state.files[i]->inode == status.st_ino) {
            return shim_state.files[i];
        }
    }
    f = calloc(1, sizeof(*f));
    if (f == NULL || shim_state.file_count == SHIM_FILES_MAX) {
        shim_die("too many files");
    }
    f->device = status.st_dev;
    f->inode = status.st_ino;
    f->size = status.st_size;
    snprintf(f->path, sizeof(f->path), "%s", path);
    shim_state.files[shim_state.file_count++] = f;
    return f;
}

static struct sector **place_of(struct shim_file *f, off_t number) {
    struct sector **place = &f->slots[(uint64_t)number % SHIM_SLOTS];

    while (*place != NULL && (*place)->number != number) {
        place = &(*place)->next;
    }
    return place;
}

static void forget(struct shim_file *f, struct sector **place) {
    struct sector *sector = *place;

    *place = sector->next;
    free(sector->states);
    free(sector);
    f->count--;
}

static struct sector *sector_of(struct shim_file *f, off_t number) {
    struct sector **place = place_of(f, number);

    if (*place == NULL) {
        *place = calloc(1, sizeof(**place));
        if (*place == NULL) {
            shim_die("out of memory");
        }
        (*place)->number = number;
        f->count++;
    }
    return *place;
}

char *shim_add_state(struct shim_file *f, off_t number) {
    struct sector *sector = sector_of(f, number);

    sector->stuck = false;
    sector->states = realloc(sector->states, (sector->count + 1) * SECTOR);
    if (sector->states == NULL) {
        shim_die("out of memory");
    }
    return memset(sector->states[sector->count++], 0, SECTOR);
}

/* The same open file may be for writing only. */
static void note_sectors(struct shim_file *f, off_t first, off_t end) {
    int fd = (int)syscall(SYS_openat, AT_FDCWD, f->path, O_RDONLY | O_CLOEXEC, 0);

    if (fd < 0) {
        shim_die("a file cannot be opened");
    }
    for (off_t number = first; number < end; number++) {
        if (pread(fd, shim_add_state(f, number), SECTOR, number * SECTOR) < 0) {
            shim_die("a file cannot be read");
        }
    }
    syscall(SYS_close, fd);
}

void shim_note_write(struct shim_file *f, int fd, off_t offset, size_t size) {
    (void)fd;
    if (size > 0) {
        note_sectors(f, offset / SECTOR, (offset + (off_t)size - 1) / SECTOR + 1);
    }
}

void shim_note_size(struct shim_file *f, int fd, off_t size) {
    off_t now = shim_size_of(fd);

    if (size < now) {
        shim_note_write(f, fd, size, (size_t)(now - size));
    }
}

void shim_forget_write(struct shim_file *f, int fd, off_t offset, size_t size) {
    off_t now = shim_size_of(fd);

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

void shim_note_failure(struct shim_file *f, off_t offset, size_t size) {
    for (off_t number = offset / SECTOR; number * SECTOR < offset + (off_t)size; number++) {
        sector_of(f, number)->stuck = true;
    }
}

static void forget_sectors(struct shim_file *f, bool stuck_too) {
    for (size_t i = 0; i < SHIM_SLOTS && f->count > 0; i++) {
        struct sector **place = &f->slots[i];

        while (*place != NULL) {
            if (stuck_too || !(*place)->stuck) {
                forget(f, place);
            } else {
                place = &(*place)->next;
            }
        }
    }
}

void shim_forget_all(struct shim_file *f, int fd) {
    forget_sectors(f, false);
    f->size = shim_size_of(fd);
}

static void free_file(struct shim_file *f) {
    forget_sectors(f, true);
    free(f);
}

/* --- names --- */

struct name *shim_add_name(const char *path) {
    struct name *n = &shim_state.names[shim_state.name_count];

    if (shim_state.name_count == SHIM_NAMES_MAX) {
        shim_die("too many names");
    }
    shim_state.name_count++;
    memset(n, 0, sizeof(*n));
    snprintf(n->path, sizeof(n->path), "%s", path);
    return n;
}

void shim_note_created(const char *path) {
    shim_add_name(path);
}

static void move_file(const char *from, const char *to) {
    for (size_t i = 0; i < shim_state.file_count; i++) {
        if (strcmp(shim_state.files[i]->path, from) == 0) {
            snprintf(shim_state.files[i]->path, sizeof(shim_state.files[i]->path), "%s", to);
            return;
        }
    }
}

void shim_note_rename(const char *from, const char *to) {
    struct name *n = shim_add_name(to);

    snprintf(n->from, sizeof(n->from), "%s", from);
    if (access(to, F_OK) == 0) {
        snprintf(n->backup, sizeof(n->backup), "%.4000s.shim-%zu", to, shim_state.name_count);
        if (link(to, n->backup) != 0) {
            shim_die("what a rename replaces cannot be kept");
        }
        move_file(to, n->backup);
    }
    move_file(from, to);
}

static void drop_file(const char *path) {
    for (size_t i = 0; i < shim_state.file_count; i++) {
        if (strcmp(shim_state.files[i]->path, path) == 0) {
            free_file(shim_state.files[i]);
            shim_state.files[i] = shim_state.files[--shim_state.file_count];
            return;
        }
    }
}

void shim_note_removed(const char *path) {
    drop_file(path);
    for (size_t i = 0; i < shim_state.name_count; i++) {
        if (strcmp(shim_state.names[i].path, path) == 0) {
            memmove(&shim_state.names[i], &shim_state.names[i + 1],
                    (--shim_state.name_count - i) * sizeof(*shim_state.names));
            break;
        }
    }
}

/* Without coming back to the shim. */
bool shim_remove_name(const char *path) {
    return syscall(SYS_unlink, path) == 0;
}

bool shim_rename_name(const char *from, const char *to) {
    return syscall(SYS_rename, from, to) == 0;
}

static bool is_in(const char *path, const char *directory) {
    size_t size = strlen(directory);

    return strncmp(path, directory, size) == 0 && path[size] == '/' && strchr(path + size + 1, '/') == NULL;
}

void shim_forget_names(const char *directory) {
    size_t kept = 0;

    for (size_t i = 0; i < shim_state.name_count; i++) {
        if (!is_in(shim_state.names[i].path, directory)) {
            shim_state.names[kept++] = shim_state.names[i];
        } else if (shim_state.names[i].backup[0] != '\0') {
            shim_remove_name(shim_state.names[i].backup);
            drop_file(shim_state.names[i].backup);
        }
    }
    shim_state.name_count = kept;
}
