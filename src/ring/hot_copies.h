/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RING_HOT_COPIES_H
#define LARDER_RING_HOT_COPIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/error.h"
#include "base/slice.h"
#include "ring/keeper.h"

/* Copies of hot keys on nodes that do not own them (design, section 6, rule 6). Two machines without I/O: the LEDGER of the
 * owner, who gave which copy to whom until when, and the SHELF of a holder, what he may answer with. Time is passed in.
 *
 * The promise is the keeper's: nobody is ever answered with a value that was overwritten, deleted or purged before he asked,
 * nor with an older one than somebody was answered with before he asked. It rests on these rules:
 *   1. A grant goes with the answer to a read that was sent to the owner. The owner gives it in the same stretch under the
 *      lock of the key's shard in which he reads the value, and only as he may answer at all (keeper.h, rules 1 to 6).
 *   2. The lease counts from when the read was SENT, by the holder's monotonic clock. The owner, who begins to count later,
 *      waits for one part in KEEPER_MARGIN - 1 longer: so much may the rates of the two clocks differ. A lease ends no later,
 *      by any clock, than the entry's life and the owner's authority.
 *   3. Whatever changes a key, or gives it up to another node (keeper.h, rule 3: also if the table has nothing), first asks
 *      the ledger under the shard's lock, does nothing while a copy may be out there, and has it revoked. It goes on once each
 *      holder has answered or his lease has run out: before the change, so that nobody sees the new value while another is
 *      still answered with the old one. Meanwhile there are no new grants of the key.
 *   4. Who is told of a revocation has the copy no more, and puts in none that he asked for up to then, of that key (by its
 *      hash, so of some others too): a grant that the revocation overtakes comes too late. That needs no memory of numbers
 *      on his side. An answer carries the number of the revocation, so that a late one does not count for a later grant.
 *   5. A copy is served only under the very view by which it was asked for, while that is the newest and the holder himself
 *      has authority. So a change of the membership and a purge drop all copies, and a new owner need not know of the former
 *      one's: either the former owner has revoked them when he gave the key up; or every node has shown that it acts by the
 *      new view, or has no authority any more (keeper.h, rules 3 and 4); or the former owner's record is gone with its lease,
 *      and then all that he granted is over, too, because of rule 2: without its last sentence a new owner, who need not wait
 *      for one that has gone, would act while copies are out there. The owner grants nothing to one who has applied a purge
 *      that he himself has not.
 *   6. Over each ceiling there is no copy, never a wrong one.
 *
 * Who does it: there is one ledger and one shelf for each shard of the table. Each function is called under that shard's
 * lock and is short. Messages go out after it: a lost or late one costs time, at most a lease's. In ring/errand.h's words:
 *   RUN     of a read for a peer: hot_grant with what is read. Of anything else (set, add, cas, incr, append, touch, gat,
 *           delete, and a peer's give_up): after keeper_is_newest, hot_write_begin; on HOT_WAIT nothing is done, and on
 *           the next try all of RUN is done anew. What the new view decides otherwise ends the writer (hot_write_end)
 *   SEND    of a read: first hot_find, unless the reader asks for `linearizable`; then, if heat_is_hot, the read says
 *           that it would keep what it gets, and hot_put takes what comes. With serve_isolated, pass INT64_MAX as the
 *           authority on both sides: that setting gives the promise up
 *   nothing of what goes by itself (group/hot_node.h): when the entry was evicted the holders answer with what is not old
 *           until their leases end; at a purge, of a prefix or a whole group, their views change (rule 5)
 * A revocation goes to the member of the newest view that has the holder's incarnation, over any link; if there is none, its
 * lease runs out. It is answered by any worker that has the shard's lock.
 *
 * A holder is known by the incarnation of his record (struct membership), never by an index, which each view has anew. */

enum {
    HOT_LEASE_MS = 1000, /* copy_ms: a write to a hot key waits for so long at most, if a holder does not answer */
    HOT_LEASE_MS_MIN = 10,
    HOT_LEASE_MS_MAX = 60000,
    HOT_KEY_MAX = 2048,     /* bytes; a longer key gets no copies */
    HOT_HOLDERS_MAX = 64,   /* of one key */
    HOT_KEYS_MAX = 1 << 16, /* of one ledger or shelf */
    /* Defaults for a whole node, to be divided by its shards. */
    HOT_NODE_KEYS = 1 << 14, /* in its ledgers, and in its shelves */
    HOT_NODE_REVOKING = 1 << 12,
    HOT_NODE_BYTES = 32 << 20,
};

/* --- the owner --- */

struct hot_ledger;

struct hot_ledger_config {
    int64_t lease_ns;    /* what a grant is good for at most; at least HOT_LEASE_MS_MIN */
    size_t keys_max;     /* with copies out there; 1 .. HOT_KEYS_MAX; the memory of the table is for so many */
    size_t holders_max;  /* 1 .. HOT_HOLDERS_MAX */
    size_t revoking_max; /* keys that writers wait for; with more of them there are no new grants */
};

/* What the ledger has met with, all since it was made. For metrics. */
struct hot_ledger_counts {
    uint64_t granted;
    uint64_t revoked;  /* revocations that were to be sent */
    uint64_t answered; /* of these, in time */
    uint64_t expired;  /* holders whose lease was waited out */
    uint64_t limited;  /* grants that were not given for want of room */
    size_t keys;       /* now */
    size_t revoking;   /* now */
};

/* Errors: NO_MEMORY. */
enum larder_error hot_ledger_new(const struct hot_ledger_config *config, struct hot_ledger **ret_ledger);

/* No writer waits any more. NULL is allowed. */
void hot_ledger_free(struct hot_ledger *ledger);
void hot_ledger_count(const struct hot_ledger *ledger, struct hot_ledger_counts *ret_counts);

/* A read that a node sent here, that would keep what it gets, and that finds something. */
struct hot_read {
    struct slice key;
    uint64_t hash;  /* the table's of the key */
    int64_t holder; /* the incarnation of the node that asks */
    bool is_hot;    /* by the owner's count (ring/heat.h), or by what the asker says of his: once copied, only he sees
                                how often it is read */
    int64_t expires_ns;   /* of the entry, by this node's monotonic clock; INT64_MAX: never */
    int64_t authority_ns; /* keeper_authority_ns of this node */
    int64_t purges;       /* of the view that this node answers by */
    int64_t asker_purges; /* of the stamp */
};

/* Rules 1, 2 and 5: how long the copy may be served, in ns after the read was sent; 0: it is for this answer only. */
int64_t hot_grant(struct hot_ledger *ledger, const struct hot_read *read, int64_t now_ns);

/* What is to be sent to a holder, with the key: an order to drop the key's copy, to be answered with the number. */
struct hot_revocation {
    int64_t holder;
    uint64_t number;
};

struct hot_entry;

/* A change of a key that waits, or is about to be made. In the caller's memory, which is cleared before the first use and
 * stays where it is until hot_write_end. */
struct hot_writer {
    struct hot_entry *entry;
    struct hot_writer *prev;
    struct hot_writer *next;
    struct hot_writer *ready; /* the next of those that hot_answered returns */
    int64_t until_ns;         /* HOT_WAIT: try again then, if nothing has woken the writer before */
};

/* Whether a copy of the key may be out there, or somebody waits to change it: for one who cannot wait, and leaves it be then. */
bool hot_is_out(struct hot_ledger *ledger, struct slice key, uint64_t hash, int64_t now_ns);

enum hot_write {
    HOT_GO,   /* do the change under the same lock; then hot_write_end */
    HOT_WAIT, /* leave the lock, send the revocations; try again when hot_answered says so, or at until_ns. Or give up:
                    hot_write_end without having done it */
};

/* Rule 3. The first try of a writer and each later one. `ret_revocations` has room for HOT_HOLDERS_MAX; there are some
 * only for the first of the writers that wait for a key. *ret_count is set always. `now_ns` was read at any time after
 * the change was asked for. Nothing here can fail. */
enum hot_write hot_write_begin(struct hot_ledger *ledger, struct hot_writer *writer, struct slice key, uint64_t hash,
                               int64_t now_ns, struct hot_revocation *ret_revocations, size_t *ret_count);

/* The change has been made, or is given up. Twice is fine. */
void hot_write_end(struct hot_ledger *ledger, struct hot_writer *writer);

/* A holder has answered the revocation of this number. Returns the writers that are to try again now, chained by `ready`;
 * the chain is to be walked under the same lock (posting to whom they belong), each once. NULL: none. A forged, late or
 * repeated answer to an earlier revocation changes nothing for copies that were granted after it. */
struct hot_writer *hot_answered(struct hot_ledger *ledger, struct slice key, uint64_t hash, int64_t holder,
                                uint64_t number, int64_t now_ns);

/* --- the holder --- */

struct hot_shelf;

struct hot_shelf_config {
    size_t keys_max;  /* 1 .. HOT_KEYS_MAX */
    size_t bytes_max; /* of keys and values; over it the oldest go */
};

struct hot_shelf_counts {
    uint64_t put;
    uint64_t served;
    uint64_t late;    /* grants that came too late: over, overtaken by a revocation, or by another view */
    uint64_t revoked; /* copies that a revocation took out */
    uint64_t pushed;  /* out before their time, for want of room */
    size_t keys;      /* now */
    size_t bytes;     /* now */
};

/* Errors: NO_MEMORY. */
enum larder_error hot_shelf_new(const struct hot_shelf_config *config, struct hot_shelf **ret_shelf);

/* Gives all values back. NULL is allowed. */
void hot_shelf_free(struct hot_shelf *shelf);
void hot_shelf_count(const struct hot_shelf *shelf, struct hot_shelf_counts *ret_counts);

/* What came with the answer to a read. */
struct hot_copy {
    struct slice key;
    uint64_t hash;
    int64_t owner;   /* the incarnation of the node that answered */
    int64_t sent_ns; /* read before the read was sent, by this node's monotonic clock. What is sent again under the same
                         number (opaque) keeps the time of the first; else the number is to be another */
    int64_t lease_ns; /* as granted */
    uint64_t serial;  /* of the view that the read was sent by (keeper_view) */
    struct blob *value;
    size_t bytes; /* of the value, for bytes_max */
};

/* Puts it in, in place of an older one, with a reference of its own. `newest` is the serial of the newest view. False: it is
 * good for the answer only (rule 4, rule 5, no room or no memory); nothing has changed then, except that an older copy of
 * the key may be gone. */
bool hot_put(struct hot_shelf *shelf, const struct hot_copy *copy, uint64_t newest, int64_t now_ns);

/* What a client's read may be answered with, or NULL; borrowed until the lock is left. `newest`: as above, and the node
 * forwards the key by that view; `authority_ns`: keeper_authority_ns (rule 5). `now_ns` was read after the client had asked. */
struct blob *hot_find(struct hot_shelf *shelf, struct slice key, uint64_t hash, uint64_t newest, int64_t authority_ns,
                      int64_t now_ns);

/* The order of a revocation has come: rule 4. It is to be answered with its number after this, whether there was a copy or
 * not. `now_ns` was read under the lock. */
void hot_revoke(struct hot_shelf *shelf, struct slice key, uint64_t hash, int64_t now_ns);

/* The link to that owner is gone, and with it orders may be: all that came from him goes, and nothing is put in that anybody
 * was asked for up to now. */
void hot_drop(struct hot_shelf *shelf, int64_t owner, int64_t now_ns);

#endif
