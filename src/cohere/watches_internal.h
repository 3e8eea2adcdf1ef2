/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_COHERE_WATCHES_INTERNAL_H
#define LARDER_COHERE_WATCHES_INTERNAL_H

#include "cohere/watches.h"
#include "cohere/watches_history.h"
#include "store/engine.h"
#include "store/watch_set.h"

/* Where a watcher's events come from, and why none is lost or told twice when that changes.
 *
 * A watcher has one frontier, `reached`: all events that it wants up to there have been handed out, and none behind. It is fed
 * by exactly one of two sources, and each of them, begun at a frontier, hands out whatever lies behind it, in order, in whole
 * revisions, each once:
 *
 *   memory   everything of (floor, told] is remembered. A watcher in the set with floor <= reached is marked with all of its
 *            events in (reached, told] when it is put there, and with each later one when that is told; both under the lock,
 *            so nothing is told in between. What it reads from its first mark on are whole revisions, and then `reached` and
 *            the marks move behind them, under the lock again.
 *   its own  a watcher of the cluster that begins at reached + 1. What it hands out moves `reached`.
 *
 * So to change the source is to give up the one and to begin the other at `reached`. What the old one held in its queue, or in
 * its marks, lies behind `reached`, and comes from the new one.
 *
 *   memory -> own   when the first mark is at or below the floor: it was forgotten, or never told. `reached` is then right
 *                   below that mark, for what is not marked is not wanted.
 *   own -> memory   when floor <= reached. It may be ahead of what is told here; then what is told up to `reached` is not
 *                   marked for it, because its start_revision is the next one.
 *
 * Who wants previous values is fed from memory only if `previous_from` is at or below its frontier as well: what is told behind
 * that has them. It moves only while nobody who is fed from memory wants them.
 *
 * The floor moves up only, as told does, but for watches_reset, which ends all watchers that there are. */
struct watches {
    struct watches_config config; /* its span lies in `bytes` */
    struct history history;
    struct watch_set
        set; /* its lock is for all that follows, and for what has to do with it in a watcher and the history */
    struct watches_watcher *all;
    size_t count;
    size_t own;
    bool active;       /* between watches_begin and watches_reset */
    int64_t told;      /* everything up to it */
    int64_t published; /* of it, what watchers may read */
    uint64_t era;      /* of the revisions; a watcher of an earlier one has ended */
    uint64_t fell_behind;
    size_t wanting;        /* watchers that want previous values */
    int64_t previous_from; /* INT64_MAX: they are not told */
    char bytes[];
};

struct watches_watcher {
    struct store_watcher base; /* first */
    struct watches *watches;
    bool covered; /* all its keys are told of here */
    bool ended;
    struct store_watcher *own; /* NULL: there is none, or it is about to be opened */
    int64_t reached;           /* REACHED_UNKNOWN: it begins when the cluster first knows of it, and it does not yet */
    struct watch_entry entry;  /* its slices lie behind this struct */
    /* --- under the lock --- */
    struct watches_watcher *next;
    struct watches_watcher **place;
    bool in_memory; /* it is in the set, and has no watcher of its own */
    uint64_t era;
};

enum { REACHED_UNKNOWN = -1 };

/* Reads what is remembered from `from` up to `to` into the batch, without the lock held; batch->revision is then up to
 * where it was read, and `more` says that this is not all. Errors: NO_MEMORY. */
enum store_status watches_read(struct watches_watcher *w, int64_t from, int64_t to, size_t max_bytes,
                               struct store_batch *batch);

#endif
