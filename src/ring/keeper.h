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
 *   1. A node answers for a key only while it owns the key's slot in its newest view, and only while its authority lasts: for
 *      one lease's time, less the margin, after it SENT the last renewal that was granted, and after it sent the question
 *      whose answer showed that its view of the membership was whole; by its own monotonic clock, whichever ends earlier. So
 *      whose record has gone with its lease acts no more, and `lease` after a change of the membership was learned by
 *      anybody, every node acts by it or not at all. The margin is one part in KEEPER_MARGIN of the lease: so much may the
 *      rates of two monotonic clocks, or of one and the store's, differ. Wall clocks mean nothing here.
 *      Nobody but the node itself and its lease may take its record out: who does so by hand ends this rule.
 *   2. A request between nodes carries the sender's view (struct peer_stamp). The receiver acts only if its own has the
 *      same digest; if it is behind, it waits; if it is ahead, it says so, and the sender catches up and tries once more.
 *      A node is a member by the incarnation of its record, never by its name alone.
 *   3. Who gains a slot from a node that is still a member asks that one for each key that he does not have himself, before
 *      he does anything with the key. The previous owner acts only by the same view, in which he owns the slot no more, and
 *      only if he has applied the purges that the asker has; he hands the entry over and has it no more. What he gave is put
 *      in only while the view is the newest and he was not passed over (keeper_takes).
 *      He may himself have gained the slot only just now, from one who still acts by an older view: of a key that he does not
 *      have he then says UNSETTLED. So does one whose slot it was not directly before. The asker then does nothing with the
 *      key until every other node has shown that it acts by this view (keeper_doubted), or rule 4's time has passed.
 *   4. If the previous owner cannot be reached, nothing is done with a key that would have to be asked for, until `lease`
 *      has passed since the view was learned. Then nobody acts by an older one; from then on he is not asked again
 *      for any slot of this view, because what he still has may be older than what was done since. The same ends all doubt.
 *   5. Entries carry the era they were written in. A slot that is gained has a new era: entries of earlier ones, left from an
 *      ownership that was lost in between, are not there for anybody. So has a slot that goes from another node to another:
 *      what a node still has of it is nothing to hand over. A purge of a group likewise. Where changes of the membership may
 *      have been missed, all slots are taken for gained.
 *   6. View and table agree: whoever acts on the table looks, under the lock of the key's shard, whether the view he decided
 *      by is still the newest (keeper_is_newest), else he decides anew. */
struct keeper;

enum {
    KEEPER_ERAS = 128,
    KEEPER_GROUPS = 512,
    KEEPER_MARGIN = 8,
    KEEPER_PREFIXES =
        64, /* purges of keys by a prefix, since the last sweep; with more of them a group is purged as a whole */
};

struct keeper_config {
    struct slice id;     /* of this node; copied */
    int64_t lease_ns;    /* the lease's time */
    int64_t handoff_ns;  /* how long previous owners are asked at most, at least 2 leases */
    bool serve_isolated; /* on_isolation = serve: rule 1's authority is not asked for */
};

struct keeper_plan;

/* What a node knows at a time. Immutable, counted. */
struct keeper_view {
    atomic_uint refs;
    uint64_t
        serial; /* counts what is to be decided otherwise: membership by its digest, purges; two views may share it */
    struct membership *members;
    struct keeper_plan *plan; /* what follows from it, for each slot; the keeper's own */
    const uint16_t *owners;   /* of each slot: the index in members, or RING_NOBODY */
    uint16_t self;            /* index in members; RING_NOBODY: this node is not (or no more, or not yet) one of them */
    uint8_t era;              /* which new entries get, 0 .. KEEPER_ERAS-1 */
    int64_t purges;           /* the number of the newest purge in it */
    bool has_prefixes;        /* there were purges by a prefix: keeper_is_purged */
};

/* Errors: NO_MEMORY. */
enum larder_error keeper_new(const struct keeper_config *config, struct keeper **ret_keeper);

/* Views that are held go on to be valid. NULL is allowed. */
void keeper_free(struct keeper *keeper);

/* --- the control thread --- */

/* The membership has changed, or is known to be of a later revision; takes a reference. `incarnation` is that of our own
 * record, 0: we have none; ours is no more than a name until it is known. `gap`: some change between the last membership
 * and this one may have been left out, as by a list that is read anew or by several revisions at once. `now_ns` was read
 * after the news had come. A node that knows the membership before it registers learns whom to ask for its first keys; one
 * that does not asks nobody, and waits as rule 3 says. A node that leaves stops at its own record's `leaving`, which is
 * never taken back, and takes the record out only after that came here.
 * Errors: NO_MEMORY, LIMIT; then the node has no authority until it succeeds. */
enum larder_error keeper_set_membership(struct keeper *keeper, struct membership *members, int64_t incarnation,
                                        bool gap, int64_t now_ns);

/* Rule 1: when the last renewal was sent that was granted, for the record that is ours now, and when the question was sent
 * whose answer shows that the keeper has every change of the membership, and every purge, up to then. INT64_MIN: never. */
void keeper_set_authority(struct keeper *keeper, int64_t renewed_ns, int64_t proven_ns);

/* All entries of the group that are there now count no more. `group` KEEPER_GROUPS: of all groups. `number` is the purge's,
 * and rises. Before there is a view, nothing but the number is kept. Errors: NO_MEMORY; then all of it is made good by
 * keeper_set_membership, which is to be called again. */
enum larder_error keeper_purge(struct keeper *keeper, unsigned group, int64_t number);

/* The same of those entries of a group (not KEEPER_GROUPS) whose keys begin with `prefix` (1 to REQUEST_KEY_MAX bytes): keeper_is_purged
 * tells them from the others until a sweep has taken them out. */
enum larder_error keeper_purge_prefix(struct keeper *keeper, unsigned group, struct slice prefix, int64_t number);

/* Eras are few. Whether a sweep is due: a walk over the whole table that takes out what does not count and gives the era of
 * the newest view to what does (keeper_keeps); keeper_swept: one has been whole that began when `serial` was the newest.
 * Without a sweep for too long keeper_must_clear says that the table is to be emptied, and keeper_swept to be called, with
 * the serial that was the newest before, before one of the functions above may make the next view. */
bool keeper_wants_sweep(const struct keeper *keeper);
void keeper_swept(struct keeper *keeper, uint64_t serial);
bool keeper_must_clear(const struct keeper *keeper);

/* --- any thread --- */

/* The newest view in place of *held (may be NULL at first), which is given up; a load if nothing is new. NULL: none yet. */
void keeper_renew(struct keeper *keeper, struct keeper_view **held);
struct keeper_view *keeper_view_ref(struct keeper_view *view); /* NULL is allowed */
void keeper_view_unref(struct keeper_view *view);              /* NULL is allowed */

/* The stamp of a request that is sent by this view. */
struct peer_stamp keeper_stamp(const struct keeper_view *view, bool give_up);

/* Rule 6. The following three are for under the lock of the key's shard. */
bool keeper_is_newest(const struct keeper *keeper, const struct keeper_view *view);

/* Whether what `member` gave, asked by this view, may be put in: if not, it is gone. */
bool keeper_takes(const struct keeper *keeper, const struct keeper_view *view, uint16_t member);

/* Of what another node was to have, but this one has got for itself by a view that was the newest, settled, and in which it did not
 * own the slot (group/shared_aside.c): whether it may be an entry now. So it is if the next view gave this node the slot because
 * the owner was gone, no more than `aside_ns` after `got_ns`, and the group was not purged since; `serial` is that of the
 * earlier view. Whoever changes the key from then on finds it here. */
bool keeper_adopts(const struct keeper *keeper, const struct keeper_view *view, uint32_t slot, unsigned group,
                   uint64_t serial, int64_t got_ns, int64_t aside_ns);

/* Whether nobody acts by an older view than this one any more. */
bool keeper_settled(struct keeper *keeper, const struct keeper_view *view, int64_t now_ns);

/* Whether an entry of the group, key and era was purged by a prefix; if view->has_prefixes. */
bool keeper_is_purged(const struct keeper_view *view, unsigned group, struct slice key, uint8_t era);

/* Whether an entry of this slot, group and era counts, if it was not purged by a prefix; the view is the newest. */
bool keeper_counts(const struct keeper_view *view, uint32_t slot, unsigned group, uint8_t era);

/* The same, for the sweep, which asks keeper_is_purged before: *era becomes the view's if it counts. */
bool keeper_keeps(const struct keeper_view *view, uint32_t slot, unsigned group, uint8_t *era);

/* Until when this node has authority, by its own clock; INT64_MIN: not at all. */
int64_t keeper_authority_ns(const struct keeper *keeper);

/* Whether it has, or does not need it. */
bool keeper_may_act(const struct keeper *keeper, int64_t now_ns);

enum keeper_way {
    KEEPER_OWN,     /* ours */
    KEEPER_INHERIT, /* ours; of what the table does not have, `member` is to be asked first (RING_NOBODY: none has it), and
                        all doubt is to be cleared (rule 3) */
    KEEPER_FORWARD,  /* to `member` */
    KEEPER_ISOLATED, /* nobody here may answer */
    KEEPER_NO_RING,  /* the membership has not been read yet, or nobody serves */
    KEEPER_BEHIND,   /* of a peer's request: wait until the view is of `revision` */
    KEEPER_WRONG,    /* of a peer's request: answer wrong-epoch with the view's revision */
};

struct keeper_route {
    enum keeper_way way;
    uint16_t member;
    uint32_t slot;
    int64_t revision;
};

/* Has what the next two look at for the key at hand soon. `view` may be NULL. */
void keeper_prefetch(const struct keeper_view *view, struct slice key);

/* A client's request: OWN, INHERIT, FORWARD, ISOLATED, NO_RING. `view` may be NULL. `now_ns` was read after the request had
 * arrived. */
struct keeper_route keeper_route(struct keeper *keeper, const struct keeper_view *view, struct slice key,
                                 int64_t now_ns);

/* A peer's: OWN, INHERIT, ISOLATED, NO_RING, BEHIND, WRONG. With give_up: OWN means that what the table has is to be handed
 * over, INHERIT the same, but that nothing there means UNSETTLED. Never FORWARD: one hop. */
struct keeper_route keeper_receive(struct keeper *keeper, const struct keeper_view *view,
                                   const struct peer_stamp *stamp, struct slice key, int64_t now_ns);

/* Who owns the slot next, if its owner goes; RING_NOBODY: there is nobody else. Takes a hash for each member. */
uint16_t keeper_runner_up(const struct keeper_view *view, uint32_t slot);

/* A peer's request to do something with a key aside, not as its owner: OWN: it may be done. Else ISOLATED, NO_RING, or WRONG,
 * also where keeper_receive would have waited. */
struct keeper_route keeper_receive_aside(struct keeper *keeper, const struct keeper_view *view,
                                         const struct peer_stamp *stamp, struct slice key, int64_t now_ns);

/* `member` has answered a request with the stamp of this view, other than by wrong-epoch: it acts by no older one. */
void keeper_answered(struct keeper *keeper, const struct keeper_view *view, uint16_t member);

/* A member that may still act by an older view; RING_NOBODY: none does. */
uint16_t keeper_doubted(struct keeper *keeper, const struct keeper_view *view, int64_t now_ns);

/* `member` could not be asked. True: from now on it counts as one that has nothing and does nothing (rule 4). False: not
 * yet, nothing can be done with the key. */
bool keeper_passes_over(struct keeper *keeper, const struct keeper_view *view, uint16_t member, int64_t now_ns);

#endif
