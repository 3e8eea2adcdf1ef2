/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_LOCAL_WATCHER_H
#define LARDER_STORE_LOCAL_WATCHER_H

#include "store/local/internal.h"

/* Between watch.c and watch_read.c. */
struct local_watcher {
    struct store_watcher base;
    struct local *store;
    struct store_watch watch; /* its slices lie behind this struct */
    void (*wake)(void *ctx);
    void *ctx;
    uint64_t hash; /* of a single key */
    bool single;
    bool ended;
    int64_t compacted; /* when it began; what was before that, it does not get */
    /* --- under the lock of the set --- */
    struct local_watcher *next; /* of its slot, or of the ranges */
    struct local_watcher **place;
    struct local_watcher *next_marked;
    struct local_watcher **marked_place; /* NULL: not marked */
    int64_t dirty_from;                  /* what was not read yet: 0, nothing */
    int64_t dirty_to;
};

/* Reads the events of [from, to] into the batch; sets batch->revision to the last one that was read whole. */
enum store_status watch_read(struct local_watcher *w, int64_t from, int64_t to, size_t max_bytes,
                             struct store_batch *batch);

#endif
