/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_LOCAL_LOCAL_H
#define LARDER_STORE_LOCAL_LOCAL_H

#include "base/buf.h"
#include "store/store.h"

enum { LOCAL_CHECKPOINT = 8 << 20 /* what a start may have to take over, and a checkpoint to write */ };

#define LOCAL_CHECKPOINT_IDLE_NS INT64_C(250000000) /* a store that rests has little to take over */

/* The embedded engine: LMDB keeps what was written, an index of the keys in memory says where. */
struct local_config {
    const char *directory;      /* created if it is not there; one process at a time */
    uint64_t quota;             /* bytes of keys, values and history */
    int64_t history;            /* revisions kept before older ones are compacted away by themselves; 0: all are kept */
    uint64_t checkpoint;        /* bytes of the journal after which it is brought to LMDB; 0: LOCAL_CHECKPOINT */
    int64_t checkpoint_idle_ns; /* or after so long without a call; 0: LOCAL_CHECKPOINT_IDLE_NS */
    bool no_sync;               /* do not wait for the disk: a crash of the machine loses the last writes */
    size_t max_pending;         /* writes that may wait */
    size_t max_watchers;
    int64_t (*now_ns)(void); /* monotonic */
};

/* Opens or makes the store. NULL: `why` has a sentence for people (what is wrong, what to do). */
struct store *local_open(const struct local_config *config, struct buf *why);

#endif
