/* SPDX-License-Identifier: Apache-2.0 */
#include "shim_state.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What is in a directory goes with it. */
static void undo_creation(const char *path) {
    char lost[PATH_MAX];

    if (!shim_remove_name(path)) {
        snprintf(lost, sizeof(lost), "%.4000s.lost-%d", path, (int)getpid());
        shim_rename_name(path, lost);
    }
}

static void undo_name(const struct name *n) {
    if (n->from[0] == '\0') {
        undo_creation(n->path);
        return;
    }
    if (!shim_rename_name(n->path, n->from) || (n->backup[0] != '\0' && !shim_rename_name(n->backup, n->path))) {
        shim_die("a rename cannot be undone");
    }
}

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
    for (size_t i = 0; i < SHIM_SLOTS; i++) {
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

/* Which of a sector's states will be found; as many as there are noted: the present one. */
static size_t choose_state(enum loss loss, const struct sector *sector) {
    if (!is_lost(loss, sector->number)) {
        return sector->count;
    }
    return shim_random(2) == 0 ? 0 : shim_random(sector->count);
}

/* Returns where the file ends at least: behind what the disk has of this sector. */
static off_t lose_sector(const struct shim_file *f, int fd, enum loss loss, const struct sector *sector) {
    size_t state = choose_state(loss, sector);
    off_t at = sector->number * SECTOR;
    off_t size = SECTOR;

    if (state == 0 && at < f->size && f->size - at < SECTOR) {
        size = f->size - at;
    }
    if (state < sector->count && syscall(SYS_pwrite64, fd, sector->states[state], size, at) < 0) {
        shim_die("a file cannot be written");
    }
    return state > 0 ? at + SECTOR : 0;
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
        off_t least = lose_sector(f, fd, loss, all[i]);

        end = least > end ? least : end;
    }
    if (shim_size_of(fd) > end && shim_random(2) == 0 && syscall(SYS_ftruncate, fd, end) != 0) {
        shim_die("a file cannot be cut off");
    }
    syscall(SYS_close, fd);
    free(all);
}

void shim_crash(void) {
    size_t kept = shim_random(2) == 0 ? shim_state.name_count : shim_random(shim_state.name_count + 1);

    for (size_t i = 0; i < shim_state.file_count; i++) {
        lose_writes(shim_state.files[i]);
    }
    while (shim_state.name_count > kept) {
        undo_name(&shim_state.names[--shim_state.name_count]);
    }
    for (size_t i = 0; i < shim_state.name_count; i++) {
        if (shim_state.names[i].backup[0] != '\0') {
            shim_remove_name(shim_state.names[i].backup);
        }
    }
    _exit(SHIM_CRASHED);
}
