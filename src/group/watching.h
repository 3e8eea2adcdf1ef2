/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_WATCHING_H
#define LARDER_GROUP_WATCHING_H

#include "group/durable.h"

/* A watch of keys of a store group, on the thread of a worker: the store says on any thread that there is something new,
 * and the worker's queue brings it here. */
struct watching;

/* Slices are borrowed for the call. */
struct watching_wish {
    struct slice key;       /* without the group's name and its '/' */
    bool prefix;            /* all keys that begin so */
    int64_t start_revision; /* 0: the next there will be */
};

/* Called on the worker's thread when there may be something new. It may close the watching. */
typedef void watching_ready_fn(void *owner);

/* NULL: *ret_result says why (TOO_MANY_WATCHERS, BAD_KEY, NO_MEMORY, STORE_FAILED). *ret_revision is the store's at that
 * moment. */
struct watching *watching_open(const struct durable_access *a, const struct watching_wish *wish,
                               watching_ready_fn *ready, void *owner, enum result *ret_result, int64_t *ret_revision);

/* The next events, as store_watcher_next; store_batch_fini ends the batch. */
void watching_next(struct watching *w, size_t max_bytes, struct store_batch *ret_batch);

/* `ready` is not called any more. Before the store is closed. */
void watching_close(struct watching *w);

#endif
