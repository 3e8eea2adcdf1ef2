/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_STORE_SHIM_SETTINGS_H
#define LARDER_TESTS_STORE_SHIM_SETTINGS_H

#include <stdbool.h>

/* What shall go wrong, where and when. The environment says it:
 *
 * STORE_SHIM_DIRECTORY   below which files are watched (an absolute path without symbolic links); lock files are not
 * STORE_SHIM_CRASH_AT    at which call that writes or syncs there the machine goes down; 0: never
 * STORE_SHIM_KILL_AT     at which call the process alone ends, as by kill -9: what it wrote is not lost, yet not synced
 * STORE_SHIM_HAND_OVER   a file by which what is not synced goes from process to process, when one ends by itself or is
 *                        killed as above; it need not be there
 * STORE_SHIM_SEED        of the chance that decides what is lost
 * STORE_SHIM_SKIP        calls that lie, to see that a test notices: "fdatasync", "fsync", or "dsync" (writes to a descriptor
 *                        opened with O_DSYNC or O_SYNC) sync nothing and say that they did; "fdatasync:journal" does so
 *                        only to files of that name; several are separated by commas
 * STORE_SHIM_NO_SPACE    while a file of this name exists, writes fail with ENOSPC, but for those that sync
 * STORE_SHIM_BAD_SYNC    while a file of this name exists, calls that sync, or write and sync, fail with EIO
 * STORE_SHIM_BAD_KINDS   which of these fail, as in STORE_SHIM_SKIP; all if there is no such variable
 * STORE_SHIM_BAD_WRITE   the N-th write that syncs fails with EIO; the system has it then, the disk perhaps
 * STORE_SHIM_BAD_REPAIR  so many other writes after that one fail as well, and write nothing */

/* Whether a file or directory of that path is watched. */
bool settings_watch(const char *path);

/* Whether a call of that kind, to the file of that path, shall only pretend; whether it shall fail. */
bool settings_lie(const char *kind, const char *path);
bool settings_fail(const char *kind, const char *path);

/* Whether the next write that syncs shall fail. */
bool settings_fail_write_that_syncs(const char *path);

/* The error of the next write that does not; 0: none. */
int settings_error_of_write(void);

/* Counts a call. Whether it is this one at which the machine goes down, or the process. */
bool settings_is_last_call(void);

/* Ends the process, as the last call shall. */
_Noreturn void settings_go_down(void);

#endif
