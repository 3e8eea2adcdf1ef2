/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/sweep.h"

#include "base/hash.h"
#include "cache/evict.h"

enum {
    SEGMENTS_PER_STEP = 128, /* looked at; at most one of them is worked through */
    COMPACT_STEPS = 4,
    COMPACT_SHARE = 4, /* the sweeper compacts while more than 1/4 of a queue's bytes is dead */
};

void sweep_begin(struct shard *s) {
    for (int id = 0; id < QUEUE_COUNT; id++) {
        s->queues[id].sweep = s->queues[id].oldest;
    }
}

/* Drops what is over; the segment may be retired on the way. */
static void expire_segment(struct shard *s, struct segment *segment, uint32_t now) {
    struct entry *end = segment_end(segment);
    bool large = segment->large;
    uint32_t next_expiry = ENTRY_NEVER;

    for (struct entry *e = segment_first(segment); e < end; e = entry_next(e)) {
        if ((e->bits & ENTRY_DEAD) != 0) {
            continue;
        }
        if (entry_is_expired(e, now)) {
            bool last = segment->live == entry_footprint(e);

            shard_drop(s, hash_key(entry_key(e), s->seed), e, false, QUEUE_NONE);
            if (last) {
                return;
            }
        } else if (e->expires != ENTRY_NEVER && (next_expiry == ENTRY_NEVER || e->expires < next_expiry)) {
            next_expiry = e->expires;
        }
        if (large) {
            break;
        }
    }
    segment->next_expiry = next_expiry;
}

static bool is_due(const struct segment *segment, uint32_t now) {
    return segment->next_expiry != ENTRY_NEVER && segment->next_expiry <= now;
}

/* Goes through the queue's next segments up to the first that has something to expire. False at the queue's end. */
static bool sweep_queue(struct shard *s, struct queue *q, uint32_t now) {
    for (int looked_at = 0; looked_at < SEGMENTS_PER_STEP; looked_at++) {
        struct segment *segment = q->sweep;

        if (segment == NULL) {
            return false;
        }
        q->sweep = segment->newer;
        if (is_due(segment, now)) {
            expire_segment(s, segment, now);
            return true;
        }
    }
    return true;
}

/* Whether enough is dead in the queue for compaction to gain whole segments. */
static bool is_loose(const struct shard *s, const struct queue *q) {
    return q->dead > 2 * s->segment_size && q->dead > q->bytes / COMPACT_SHARE;
}

bool sweep_step(struct shard *s, uint32_t now) {
    bool more = false;

    for (int id = 0; id < QUEUE_COUNT; id++) {
        struct queue *q = &s->queues[id];

        if (q->sweep != NULL) {
            return sweep_queue(s, q, now) || id + 1 < QUEUE_COUNT;
        }
    }
    for (int id = 0; id < QUEUE_COUNT; id++) {
        for (int step = 0; step < COMPACT_STEPS && is_loose(s, &s->queues[id]); step++) {
            evict_compact_step(s, (enum queue_id)id);
            more = true;
        }
    }
    return more || shard_trim(s);
}
