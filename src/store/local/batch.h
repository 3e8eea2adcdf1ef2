/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_LOCAL_BATCH_H
#define LARDER_STORE_LOCAL_BATCH_H

#include "base/buf.h"
#include "store/local/key_entry.h"
#include "store/local/lease.h"
#include "store/local/note.h"
#include "store/store.h"

enum { BATCH_COMPACTS_NOTHING = -1 };

/* What the writer does between two commits, and what it must know to take all of it back. */
struct batch {
    struct disk_reader *reader; /* while calls are applied */
    struct buf entry;           /* of the journal */
    struct recent *first;       /* its records, in order */
    struct recent *last;
    int64_t revision;     /* the newest one of the batch; the committed one before there is any */
    int64_t main;         /* of the call being applied: what its changes will have; revision + 1 until there is one */
    uint32_t sub;         /* number of its next change */
    bool dirty;           /* there is something to commit */
    bool broken;          /* it has half of something: it cannot be committed any more */
    size_t lease_changes; /* how many of the store's were there before */
    size_t payload;       /* bytes of keys and values */
    int64_t keys;         /* how many more keys there are than before */
    int64_t bytes;        /* likewise of records */
    int64_t compact;      /* revision that the batch compacts, or BATCH_COMPACTS_NOTHING */
    struct key_entry **touched;
    size_t touched_count;
    size_t touched_capacity;
    struct kv_event *events; /* in order; a call's or the arena's slices */
    size_t event_count;
    size_t event_capacity;
    struct lease **granted;
    size_t granted_count;
    size_t granted_capacity;
    struct lease **ended;
    size_t ended_count;
    size_t ended_capacity;
    struct note **notes; /* in order */
    size_t note_count;
    size_t note_capacity;
    int64_t note_bytes; /* that they add */
    struct arena arena;
};

void batch_fini(struct batch *b);

/* Forgets all of it; the memory is kept for the next one. */
void batch_clear(struct batch *b);

/* Make room for one more. False: out of memory. */
bool batch_reserve_change(struct batch *b);
bool batch_reserve_lease(struct batch *b);
bool batch_reserve_note(struct batch *b);

#endif
