/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_COHERE_COPIES_H
#define LARDER_COHERE_COPIES_H

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
 * Keys that share a fence only keep each other's late fills out: a copy less, never a wrong one. */
enum { COPIES_FENCES = 1 << 16 };

struct copies {
    struct table *table;
    int64_t *fences; /* by the topmost bits of the hash, as shards are */
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

/* --- what a read of the store has found as of `revision`; any thread --- */

/* Makes a copy, unless the table has no room or the answer is late. */
void copies_fill(struct copies *c, struct slice key, const struct copies_value *value, int64_t revision, uint32_t now);

/* Makes none: the key was absent as of `revision`, or its value, of the mod_revision `revision`, shall not be kept. */
void copies_fill_none(struct copies *c, struct slice key, int64_t revision, uint32_t now);

#endif
