/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_LOCAL_DIRECTORY_H
#define LARDER_STORE_LOCAL_DIRECTORY_H

#include <stdbool.h>

#include "base/buf.h"

/* The directory of a store. Where something fails, `why` gets a sentence for people. */

/* Appends "the store in DIRECTORY: what; advice". Returns false. */
bool directory_fail(struct buf *why, const char *directory, const char *what, const char *advice);

/* Makes the directory and those above it that are missing. */
bool directory_make(const char *directory, struct buf *why);

/* Keeps other processes out until *ret_lock, a descriptor, is closed. It is set also when this fails: close it if it is not
 * negative. */
bool directory_lock(const char *directory, int *ret_lock, struct buf *why);

/* Makes the names in the directory durable. */
bool directory_sync(const char *directory, struct buf *why);

/* Makes its own name durable, and those of the directories above it, whoever made them: a process may have been killed
 * when it had just done so. */
bool directory_sync_parents(const char *directory, struct buf *why);

#endif
