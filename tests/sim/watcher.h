/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_WATCHER_H
#define LARDER_TESTS_SIM_WATCHER_H

#include "world.h"

/* A watch, and the check that what it is told is the cluster's history: each event of its keys once, in order, whole
 * revisions, until it ends because what it would go on with is compacted. */
struct watcher {
    struct world *world;
    struct etcd_watch *watch; /* NULL: it was closed */
    struct store_watch what;
    size_t next;    /* place in the history that has not been told */
    bool is_placed; /* `next` is known: it begins at a revision, or the cluster has said from when on it is */
    int64_t after;  /* what is told is of later revisions */
    uint64_t events;
    uint64_t lost;
    uint64_t progress;
    bool has_ended;
    int64_t compact_revision;
};

void watcher_open(struct watcher *watcher, struct world *world, const struct store_watch *what, bool progress);
void watcher_close(struct watcher *watcher);

/* Everything that there is was told, or it has ended. */
void watcher_check_complete(struct watcher *watcher);

#endif
