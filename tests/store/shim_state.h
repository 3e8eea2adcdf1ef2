/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_STORE_SHIM_STATE_H
#define LARDER_TESTS_STORE_SHIM_STATE_H

#include <limits.h>

#include "shim_disk.h"

/* What shim_disk.c writes down; a crash and the next process make use of it. */

enum { SHIM_FILES_MAX = 256, SHIM_NAMES_MAX = 64, SHIM_SLOTS = 1 << 12 };

/* A sector that is not synced, and what it was before each of the writes since: first what the disk surely has, then what it
 * may have as well. */
struct sector {
    off_t number;
    struct sector *next; /* of its slot */
    size_t count;
    char (*states)[SECTOR]; /* zeros behind the end of the file */
    bool stuck; /* writing it failed: the system does not try again, whatever is synced, until it is written anew */
};

struct shim_file {
    dev_t device;
    ino_t inode;
    char path[PATH_MAX];
    off_t size; /* on the disk */
    struct sector *slots[SHIM_SLOTS];
    size_t count;
};

/* A name that is not synced, of a file or a directory. */
struct name {
    char path[PATH_MAX];
    char from[PATH_MAX];   /* before a rename; empty: it was created */
    char backup[PATH_MAX]; /* what a rename replaced; empty: nothing */
};

struct shim_state {
    struct shim_file *files[SHIM_FILES_MAX];
    size_t file_count;
    struct name names[SHIM_NAMES_MAX];
    size_t name_count;
};

extern struct shim_state shim_state;

/* Room for one more state of a sector, zeros; the sector may be new. */
char *shim_add_state(struct shim_file *f, off_t number);

struct name *shim_add_name(const char *path);

/* Without coming back to the shim. */
bool shim_remove_name(const char *path);
bool shim_rename_name(const char *from, const char *to);

off_t shim_size_of(int fd);

#endif
