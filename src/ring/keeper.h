/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RING_KEEPER_H
#define LARDER_RING_KEEPER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "model/peer_stamp.h"
#include "ring/membership.h"
#include "ring/ring.h"

/* What a node may do with a key of a memory group, given who else is there. No I/O: time and membership are passed in.
 *
 * The promise: order per key while owners agree; across a change of owners a key may be lost, but nobody is ever answered
 * with a value that was overwritten, deleted or purged before he asked. It rests on these rules:
 *   1. A node answers for a key only while it owns the key's slot in its newest view, and only while its authority lasts:
 *      until one lease's time after it SENT the last renewal that was granted, and after the moment up to which its view of
 *      the membership is proven, whichever is earlier, by its own monotonic clock. So `lease` after a change of the
 *      membership, every node acts by it or not at all.
 *   2. A request between nodes carries the sender's view (struct peer_stamp). The receiver acts only if its own has the
 *      same digest; if it is behind, it waits; if it is ahead, it says so, and the sender catches up and tries once more.
 *   3. Who gains a slot from a node that is still a member asks that one for each key that he does not have himself, before
 *      he does anything with the key. The previous owner acts only by the same view, in which he owns the slot no more; he
 *      hands the entry over and has it no more.
 *   4. If the previous owner cannot be reached, nothing is done with a key that would have to be asked for, until `lease`
 *      has passed since the view was learned. Then he acts no more by an older one; from then on he is not asked again
 *      for any slot of this view, because what he still has may be older than what was done since.
 *   5. Entries carry the era they were written in. A slot that is gained has a new era: entries of earlier ones, left from an
 *      ownership that was lost in between, are not there for anybody. A purge of a group likewise.
 *   6. View and table agree: whoever acts on the table looks, under the lock of the key's shard, whether the view he decided
 *      by is still the newest (keeper_is_newest), else he decides anew. */
struct keeper;

enum { KEEPER_ERAS = 128, KEEPER_GROUPS = 512 };

struct keeper_config {
    struct slice id;     /* of this node */
    int64_t lease_ns;    /* the lease's time */
    int64_t handoff_ns;  /* how long previous owners are asked at most, at least 2 leases */
    bool serve_isolated; /* on_isolation = serve: rule 1's authority is not asked for */
};

/* What a node knows at a time. Immutable but for `over`; counted. */
struct keeper_view {
    uint64_t serial; /* counts the views of this process */
    struct membership *members;
    struct ring *ring; /* of those that are serving; its indexes are turned into those of `members` by `owners` */
    const uint16_t *owners;
    uint16_t self; /* index in members; RING_NOBODY: this node is not (or no more) in the list */
    int64_t learned_ns;
    int64_t handoff_until_ns;
    atomic_bool *over;        /* of each member: it is not asked any more (rule 4) */
    const uint16_t *previous; /* of each slot: the member to be asked; RING_NOBODY: none */
    const uint8_t *since;     /* of each slot: the era from which on its entries count */
    uint8_t era;              /* which new entries get */
    const uint8_t *purged;    /* of each group's index: the era from which on its entries count */
};

/* Errors: NO_MEMORY. */
enum larder_error keeper_new(const struct keeper_config *config, struct keeper **ret_keeper);
void keeper_free(struct keeper *keeper);

/* --- the control thread --- */

/* The membership has changed; takes a reference. Errors: NO_MEMORY (then the node has no authority until it succeeds). */
enum larder_error keeper_set_membership(struct keeper *keeper, struct membership *members, int64_t now_ns);

/* Rule 1: until when. */
void keeper_set_authority(struct keeper *keeper, int64_t until_ns);

/* All entries of the group that are there now count no more. `group` KEEPER_GROUPS: of all groups. Errors as above. */
enum larder_error keeper_purge(struct keeper *keeper, unsigned group, int64_t now_ns);

/* Eras are few. Whether a sweep that takes out what does not count is due, and that one has been whole: it began when
 * `serial` was the newest. Without a sweep for too long keeper_must_clear says that the table is to be emptied before the
 * next view is made, which is done by whoever calls the two functions above. */
bool keeper_wants_sweep(const struct keeper *keeper);
void keeper_swept(struct keeper *keeper, uint64_t serial);
bool keeper_must_clear(const struct keeper *keeper);

/* --- any thread --- */

/* The newest view in place of *held (may be NULL at first), which is given up; a load if nothing is new. NULL: none yet. */
void keeper_renew(struct keeper *keeper, struct keeper_view **held);
struct keeper_view *keeper_view_ref(struct keeper_view *view);
void keeper_view_unref(struct keeper_view *view);

/* Rule 6. */
bool keeper_is_newest(const struct keeper *keeper, const struct keeper_view *view);

/* Whether an entry of this slot, group and era counts. */
bool keeper_counts(const struct keeper_view *view, uint32_t slot, unsigned group, uint8_t era);

enum keeper_way {
    KEEPER_OWN,      /* ours */
    KEEPER_INHERIT,  /* ours; what the table does not have, `member` is to be asked for first (rule 3) */
    KEEPER_FORWARD,  /* to `member` */
    KEEPER_ISOLATED, /* nobody here may answer */
    KEEPER_NO_RING,  /* the membership has not been read yet, or nobody serves */
    KEEPER_BEHIND,   /* of a peer's request: wait until the view's revision is that of the stamp */
    KEEPER_WRONG,    /* of a peer's request: answer wrong-epoch with the view's revision */
};

struct keeper_route {
    enum keeper_way way;
    uint16_t member;
    uint32_t slot;
};

/* A client's request: OWN, INHERIT, FORWARD, ISOLATED, NO_RING. `view` may be NULL. `now_ns` was read after the request had
 * arrived. */
struct keeper_route keeper_route(const struct keeper *keeper, const struct keeper_view *view, struct slice key,
                                 int64_t now_ns);

/* A peer's: OWN, INHERIT, ISOLATED, NO_RING, BEHIND, WRONG. With give_up: OWN means that what the table has is to be handed
 * over. Never FORWARD: one hop. */
struct keeper_route keeper_receive(const struct keeper *keeper, const struct keeper_view *view,
                                   const struct peer_stamp *stamp, struct slice key, int64_t now_ns);

/* The previous owner could not be asked. True: from now on it counts as one that has nothing (rule 4). False: not yet,
 * nothing can be done with the key. */
bool keeper_previous_away(const struct keeper *keeper, const struct keeper_view *view, uint16_t member, int64_t now_ns);

#endif
