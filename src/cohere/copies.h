/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_COHERE_COPIES_H
#define LARDER_COHERE_COPIES_H

#include <stdatomic.h>

#include "cache/table.h"
#include "model/request.h"

/* The node's own copies of keys of the store, in the table: events of the store keep them up to date, and what a read of
 * the store has found becomes one. A copy's cas is the key's mod_revision. Copies have no end of their own, because the
 * store alone decides expiry; they can be evicted and flushed at any time, because they can be read again. An absent key
 * has no copy: the embedded engine's index answers for it from memory.
 *
 * Reads of the store and events come on different threads, so an old answer may arrive after a newer event. A fence holds
 * it back: a number for each of COPIES_FENCES ranges of hashes, guarded by the lock of the shard they belong to, that
 * never goes down. What holds whenever that lock is free, for each key k with fence F:
 *
 *  1. If an event or an answer of revision v for k has been taken in (v: a value's mod_revision, the revision of a
 *     delete, or as of which k was found absent), then F >= v, and a copy of k is of mod_revision >= v.
 *     Proof: each of the functions below raises F to v and removes or replaces an older copy. A later fill, answered as
 *     of revision R, is taken in only if F <= R; so v <= R, its answer knew of v, and what it found is at least as new.
 *  2. So what a reader gets of k never goes back: whatever it was told at first, from a copy or from the store, has been
 *     taken in; a copy it meets later is not older, and an answer of the store is not either, since the store's own
 *     answers do not go back.
 *  3. So a writer sees its own writes: the store tells the observer of a write before it answers it.
 *
 * A copy may be a moment ahead: an event comes before the store lets reads find what it tells of. So that nobody learns of
 * it from a copy and then not from the store, a copy is to be used only if its cas is not above store_revision. With an
 * engine that has no other writers the copies are then as good as the store itself: as of store_revision they have all
 * that was acknowledged before.
 *
 * Keys that share a fence only keep each other's late fills out: a copy less, never a wrong one.
 *
 * In front of a cluster the same holds, and besides:
 *
 *  4. A write of this node may be told before its turn (store_observer's `early`), at the mod_revision v that the cluster
 *     gave it. The copy, if there is one, is then of v, and 1 holds as for any event: events of lower revisions that come
 *     after it change nothing, an answer as of less than v is late. The copy is to be used once store_revision has reached v;
 *     until then the key is asked of the store, whose answer has the write.
 *  5. An answer about one key that found a value of mod_revision v is known for v at least, even if the store has only
 *     been told of everything up to less: there is nothing of this key between.
 *  6. Revisions may begin anew, below those that were told (`reset`). Nothing that is known of another era says anything
 *     about this one. So a reader notes the era before it asks, and copies_reset begins the next one before it takes out all
 *     copies and lets the fences down. Proof that no answer of an earlier era stays: a fill compares the eras under the lock
 *     of its shard. Either it comes before the purge of that shard, which takes it out, or behind it, and then it sees the new
 *     era, because that began before the purge took the lock. While copies_reset runs there may still be copies of the era
 *     before; the store's thread runs it while store_proven_ns says that nothing is proven, so no reader uses them.
 *  7. What is told begins somewhere: with the revision B of a complete listing. An answer from before B would lack the
 *     events up to it, and would never be told of them. So it is no fill: whoever asks notes the era and then whether
 *     anything is proven (store_proven_ns is above INT64_MIN), which it is from B on, and not any more before a reset
 *     begins. Proven in the era noted, the answer is as of B or later. */
enum { COPIES_FENCES = 1 << 16 };

struct copies {
    struct table *table;
    int64_t *fences;          /* by the topmost bits of the hash, as shards are */
    atomic_uint_fast64_t era; /* goes up with each reset */
};

/* As of when a read of the store has found something. */
struct copies_found {
    uint64_t era;     /* copies_era before the store was asked */
    int64_t revision; /* of the answer */
};

/* A value of the store, as a copy has it. */
struct copies_value {
    struct slice value;
    uint32_t client_flags;
    uint16_t group;
    bool leased; /* it may end */
    bool read;   /* a fill: by somebody who reads the value, and not only looks at it */
    int64_t mod_revision;
};

/* `table` outlives it. Errors: NO_MEMORY. */
enum larder_error copies_init(struct copies *c, struct table *table);
void copies_fini(struct copies *c);

/* Whether a key can have a copy at all; nothing below is for another. */
bool copies_takes(struct slice key);

/* --- an event; on the store's thread. A put changes a copy there is and makes none: what is written is not always read.
 * A copy whose new value is large is dropped, for the store's thread shall not copy that. `now` in table seconds. --- */

void copies_put(struct copies *c, struct slice key, const struct copies_value *value, uint32_t now);
void copies_delete(struct copies *c, struct slice key, int64_t revision, uint32_t now);

/* Also on the store's thread: all copies go, and revisions begin anew. `is_copy` says which entries of the table are copies. */
void copies_reset(struct copies *c, bool (*is_copy)(void *ctx, struct entry *e), void *ctx);

/* --- what a read of the store has found; any thread --- */

/* To be noted before the store is asked. */
static inline uint64_t copies_era(const struct copies *c) {
    return atomic_load(&c->era);
}

/* Makes a copy, unless the table has no room or the answer is late. `found` is of the value's mod_revision at least. */
void copies_fill(struct copies *c, struct slice key, const struct copies_value *value, const struct copies_found *found,
                 uint32_t now);

/* Makes none: the key was absent as of `found`, or its value, of the mod_revision found->revision, shall not be kept. */
void copies_fill_none(struct copies *c, struct slice key, const struct copies_found *found, uint32_t now);

/* Takes out the copy of this very mod_revision, which is not what it should be. False: there is none. */
bool copies_drop(struct copies *c, struct slice key, int64_t mod_revision, uint32_t now);

#endif
