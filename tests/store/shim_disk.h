/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_STORE_SHIM_DISK_H
#define LARDER_TESTS_STORE_SHIM_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What a disk may have lost when the machine goes down: of each file, the sectors that were written since the last sync and
 * what they held before; of each directory, the names that came to be since it was synced. One thread at a time. Running
 * out of memory, or of a table, ends the program with a message. */

enum { SECTOR = 512 /* bytes that a disk writes wholly or not at all */ };

struct shim_file;

/* Ends the program: the shim cannot do its work. */
_Noreturn void shim_die(const char *what);

/* The file behind a descriptor; it stays known until the end, and with it what is not synced. */
struct shim_file *shim_file_of(int fd, const char *path);

/* A call is about to write there. */
void shim_note_write(struct shim_file *f, int fd, off_t offset, size_t size);

/* A call is about to cut the file off, or to extend it. */
void shim_note_size(struct shim_file *f, int fd, off_t size);

/* What was written there is on the disk (O_DSYNC), or everything is. */
void shim_forget_write(struct shim_file *f, int fd, off_t offset, size_t size);
void shim_forget_all(struct shim_file *f, int fd);

/* What was noted there last did not reach the disk, as far as anybody was told. */
void shim_note_failure(struct shim_file *f, off_t offset, size_t size);

/* A name has come to be; or is about to replace another, which is kept aside; or goes, and its file with it. */
void shim_note_created(const char *path);
void shim_note_rename(const char *from, const char *to);
void shim_note_removed(const char *path);

/* The names in a directory are on the disk. */
void shim_forget_names(const char *directory);

/* Takes back what the disk has lost - all, none, or any of it, as chance will have it - and ends the program with
 * SHIM_CRASHED. */
enum { SHIM_CRASHED = 77 };

_Noreturn void shim_crash(void);

/* The process ends and the machine goes on: writes into a file what is not synced, for the next process to begin with. */
void shim_hand_over(const char *file);
void shim_take_over(const char *file);

/* The chance of the shim: a number below `bound`. */
void shim_seed(uint64_t seed);
uint64_t shim_random(uint64_t bound);

#endif
