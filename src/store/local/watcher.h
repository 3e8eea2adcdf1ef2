/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_LOCAL_WATCHER_H
#define LARDER_STORE_LOCAL_WATCHER_H

#include "store/local/internal.h"
#include "store/watch_set.h"

/* Between watch.c and watch_read.c. */
struct local_watcher {
    struct store_watcher base;
    struct local *store;
    bool ended;
    int64_t compacted;        /* when it began; what was before that, it does not get */
    struct watch_entry entry; /* its slices lie behind this struct */
};

/* Reads the events of [from, to] into the batch; sets batch->revision to the last one that was read whole. */
enum store_status watch_read(struct local_watcher *w, int64_t from, int64_t to, size_t max_bytes,
                             struct store_batch *batch);

#endif
