/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CACHE_SHARD_H
#define LARDER_CACHE_SHARD_H

#include <pthread.h>

#include "base/error.h"
#include "cache/ghost.h"
#include "cache/index.h"
#include "cache/region.h"
#include "cache/segment.h"

/* Why an entry left the table without anybody asking for it, and other figures that only the shard knows. */
struct shard_counts {
    uint64_t stored;            /* entries ever stored */
    uint64_t evicted_small;     /* for room, from the small queue */
    uint64_t evicted_main;      /* for room, from the main queue */
    uint64_t evicted_unfetched; /* of these, never read */
    uint64_t expired;           /* found over by the sweeper, by eviction or by a reader */
    uint64_t expired_unfetched; /* of these, never read */
    uint64_t refused;           /* stores that found no room */
    uint64_t moved;             /* entries copied by eviction or compaction */
};

enum { SHARD_LARGE_SPARE_SLOTS = 4 /* longer runs are not kept */ };

/* One part of the table: keys, index, memory and lock of its own. All functions below want the lock held; none blocks,
 * and none does more than a bounded number of segments' work, so a caller waits well under a millisecond.
 *
 * Invariants: charged <= budget, and charged is all resident memory of the region. reserve is never NULL between calls:
 * eviction and compaction can always copy one segment's worth. An entry that is not ENTRY_DEAD is in the index, and the
 * other way round. */
struct shard {
    pthread_mutex_t lock;
    struct index index;
    uint64_t cas; /* the last one given out */
    uint64_t seed;
    size_t budget;
    size_t charged;
    size_t segment_size;
    size_t live_bytes; /* footprints of all live entries */
    struct region region;
    struct queue queues[QUEUE_COUNT];
    struct segment *spare; /* resident, empty, linked by `newer` */
    size_t spares;
    struct segment *reserve;
    /* Runs of large segments that were just given up, by their number of slots, linked by `newer`: the next value of that
     * length finds its pages there. */
    struct segment *large_spare[SHARD_LARGE_SPARE_SLOTS + 1];
    size_t large_spare_bytes;
    struct ghost ghost;
    size_t ghost_bytes;
    size_t ghost_fund;   /* charged, to become a ghost that fits better */
    size_t small_target; /* bytes that the small queue should have */
    size_t index_bytes;
    size_t large_bytes;
    size_t pinned_bytes; /* of these, what no eviction can free */
    struct shard_counts counts;
} __attribute__((aligned(64)));

/* `budget` covers everything the shard ever holds. Errors: NO_MEMORY. */
enum larder_error shard_init(struct shard *s, size_t budget, size_t segment_size, uint64_t seed);
void shard_fini(struct shard *s);

/* Whether an entry of this footprint lives in a segment of its own. */
bool shard_is_large(const struct shard *s, size_t footprint);

/* The live entry of `key`, or NULL; one that is over is dropped on the way and *ret_expired (may be NULL) says so. */
struct entry *shard_find(struct shard *s, uint64_t hash, struct slice key, uint32_t now, bool *ret_expired);

/* Takes a live entry out. */
void shard_remove(struct shard *s, uint64_t hash, struct entry *e);

/* Sets when a live entry expires. */
void shard_set_expiry(struct shard *s, struct entry *e, uint32_t expires);

/* Gives a live entry its next cas. */
static inline void shard_renew_cas(struct shard *s, struct entry *e) {
    e->cas = ++s->cas;
}

/* Drops everything, in one stretch: as much work as the shard has segments and index pages. */
void shard_clear(struct shard *s);

/* The segment that an entry lies in. */
static inline struct segment *shard_segment_of(const struct shard *s, const struct entry *e) {
    return (struct segment *)((uintptr_t)e & ~(uintptr_t)(s->segment_size - 1));
}

/* --- between the files of this room --- */

/* What the budget would have left if all spares and kept runs were given back. */
size_t shard_headroom(const struct shard *s);

/* What eviction of everything could free at the most. */
size_t shard_evictable(const struct shard *s);

/* Charges `size` bytes, giving spares back for it. False when the budget has not so much left. */
bool shard_charge(struct shard *s, size_t size);

/* A large segment for one entry of this footprint, with the writer's reference. NULL when there is no room. */
struct segment *shard_take_large(struct shard *s, size_t footprint);

/* Notes that a large segment is in no queue and held by a writer or readers, or that this has ended. */
void shard_pin(struct shard *s, struct segment *large);
void shard_unpin(struct shard *s, struct segment *large);

/* Marks an entry dead that has left the index; its room is lost until its segment is evicted or compacted. */
void shard_bury(struct shard *s, struct entry *e);

/* Takes an emptied segment out of circulation: as the reserve, else as a spare. A large one gives its bytes back when its
 * last reader lets go. */
void shard_retire(struct shard *s, struct segment *segment);

/* Room for a live entry at the head of a queue; never evicts. NULL when a new segment is needed and there is none. */
struct entry *shard_append(struct shard *s, enum queue_id queue, size_t footprint, bool use_reserve);

/* Drops an entry that is over, or whose room is needed (`evicted`, from that queue). */
void shard_drop(struct shard *s, uint64_t hash, struct entry *e, bool evicted, enum queue_id queue);

/* Gives some of the spares back to the system, but for the last few. True: there are more. */
bool shard_trim(struct shard *s);

#endif
