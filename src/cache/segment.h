/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CACHE_SEGMENT_H
#define LARDER_CACHE_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "cache/entry.h"

struct shard;

enum queue_id { QUEUE_SMALL, QUEUE_MAIN, QUEUE_COUNT, QUEUE_NONE };

/* A run of entries, one behind the other, and a link of a queue. Ordinary segments are one slot of the region and hold
 * many entries; a large segment holds one entry and takes as many slots as that needs. The header lies at the start of
 * the first slot, so an entry finds its segment by masking its own address (an entry always begins in the first slot).
 *
 * Invariant: live <= used <= size; the entries between SEGMENT_HEADER_SIZE and used follow each other without gaps. */
struct segment {
    struct segment *older; /* towards the queue's tail */
    struct segment *newer;
    size_t size;          /* bytes charged to the shard's budget */
    size_t used;          /* bytes, this header included */
    size_t live;          /* bytes of entries that are not dead */
    uint32_t next_expiry; /* no entry expires before this table second; ENTRY_NEVER: none does */
    uint8_t queue;        /* enum queue_id */
    bool large;
    bool pinned;         /* large, in no queue, held by a writer or readers */
    struct blob blob;    /* of a large segment: the queue (or the writer) and every reader hold one reference */
    struct shard *shard; /* of a large segment: where its bytes are charged */
};

enum { SEGMENT_HEADER_SIZE = sizeof(struct segment) };
_Static_assert(SEGMENT_HEADER_SIZE % ENTRY_ALIGNMENT == 0, "the first entry must be aligned");

/* A queue of segments: the log. Entries are appended to `open`; eviction takes the oldest segment whole. */
struct queue {
    struct segment *oldest;
    struct segment *newest;
    struct segment *open;    /* where entries are appended; NULL: the next append starts one */
    struct segment *compact; /* compaction slides entries down into this one; NULL: starts at the oldest */
    struct segment *sweep;   /* the sweeper's next segment; NULL: its round is over */
    size_t bytes;            /* the sum of size */
    size_t dead;             /* the sum of used, less header and live */
};

/* An empty segment in memory that was just zeroed or used before. */
void segment_init(struct segment *s, size_t size);

static inline struct entry *segment_first(struct segment *s) {
    return (struct entry *)(void *)((char *)s + SEGMENT_HEADER_SIZE);
}

static inline struct entry *segment_end(struct segment *s) {
    return (struct entry *)(void *)((char *)s + s->used);
}

static inline struct entry *entry_next(struct entry *e) {
    return (struct entry *)(void *)((char *)e + entry_footprint(e));
}

static inline size_t segment_dead(const struct segment *s) {
    return s->used - SEGMENT_HEADER_SIZE - s->live;
}

static inline size_t segment_room(const struct segment *s) {
    return s->size - s->used;
}

enum { SEGMENT_PAGE_SIZE = 4096 };

/* Bytes charged for a large segment with an entry of this footprint: whole pages. */
static inline size_t segment_large_size(size_t footprint) {
    return (SEGMENT_HEADER_SIZE + footprint + SEGMENT_PAGE_SIZE - 1) & ~(size_t)(SEGMENT_PAGE_SIZE - 1);
}

/* Notes that an entry of the segment expires then. */
static inline void segment_note_expiry(struct segment *s, uint32_t expires) {
    if (expires != ENTRY_NEVER && (s->next_expiry == ENTRY_NEVER || expires < s->next_expiry)) {
        s->next_expiry = expires;
    }
}

/* Links the segment as the queue's newest. */
void queue_append(struct queue *q, struct segment *s, enum queue_id id);

/* Takes the segment out of its queue; the queue's marks move off it. */
void queue_remove(struct queue *q, struct segment *s);

#endif
