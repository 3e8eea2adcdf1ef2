/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_COHERE_WATCHES_HISTORY_H
#define LARDER_COHERE_WATCHES_HISTORY_H

#include "base/blob.h"
#include "model/kv.h"

/* The events of late, in chunks of whole revisions, the oldest of which goes when the ceiling is reached. A chunk is counted:
 * who reads one keeps it, and what was handed out of it never changes, so it is read without a lock while one thread goes on
 * to append.
 *
 * What it promises, whenever the lock of its owner is free: every event of a revision above `floor` that was published is in
 * it, in order, each once. */
struct history_chunk {
    struct blob blob; /* first */
    struct history_chunk *next;
    size_t size;   /* bytes that it takes, itself included */
    size_t room;   /* between the events, which grow upwards, and their bytes, which grow downwards */
    size_t filled; /* events; those that are not published yet included */
    size_t filled_bytes;
    int64_t filled_to; /* the revision of the newest of them */
    /* --- under the lock of the owner --- */
    size_t count; /* events that are published */
    int64_t last; /* the revision of the newest of them */
    struct kv_event events[];
};

struct history {
    size_t limit; /* bytes */
    size_t chunk_size;
    struct history_chunk *open; /* that takes what comes next; NULL: a new one does */
    struct history_chunk
        *fresh;   /* those that are not published yet, the oldest first; `open` is then the newest of them */
    int64_t lost; /* what came up to here could not be kept, and is not published yet; 0: all could */
    /* --- under the lock of the owner --- */
    struct history_chunk **ring; /* the oldest at `first` */
    size_t ring_size;            /* more than there can ever be */
    size_t first;
    size_t count;
    size_t bytes;
    size_t events;
    int64_t floor;
};

/* False: out of memory. A limit of 0 is fine, nothing is kept then. */
bool history_init(struct history *h, size_t limit);
void history_fini(struct history *h);

/* Copies events of whole revisions, newer than all before. Without the lock; of the thread that appends. Without memory, or
 * if one revision alone is above the limit, all up to there is lost. */
void history_append(struct history *h, const struct kv_event *events, size_t count);

/* Under the lock: what was appended can be found. Returns what had to go, to be given to history_release without the lock. */
struct history_chunk *history_publish(struct history *h);

/* Under the lock: everything goes, and the next to come is behind `floor`. Returns what goes, as history_publish. */
struct history_chunk *history_forget(struct history *h, int64_t floor);

void history_release(struct history_chunk *chunks);

/* Events that were found: those in [at, end) of the chunk. */
struct history_piece {
    struct history_chunk *chunk; /* counted: blob_unref(&chunk->blob) when it was read */
    size_t at;
    size_t end;
};

/* Under the lock: from the first event at or behind `revision`, which is above the floor, to the end of its chunk. False: there
 * is none. */
bool history_find(const struct history *h, int64_t revision, struct history_piece *ret_piece);

/* Under the lock: the first revision of which there is an event; 0: there is none. */
int64_t history_first(const struct history *h);

#endif
