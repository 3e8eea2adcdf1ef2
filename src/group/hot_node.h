/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_HOT_NODE_H
#define LARDER_GROUP_HOT_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/table.h"
#include "group/pending.h"
#include "ring/hot_copies.h"

/* The copies of hot keys that a node gives to others and has of others: a ledger and a shelf (ring/hot_copies.h, whose rules
 * are meant below) for each shard of its table, under the shard's lock. Each is made when it is first needed, so a node that
 * has no hot keys pays for none.
 *
 * What goes by itself is not looked after:
 *     expiry     a lease ends before the entry's life does (rule 2)
 *     eviction   what the holders still have is not old until somebody changes the key, and whoever does so asks the ledger,
 *                which goes by keys and not by entries: what was copied is known there whatever the table has of it
 *     purges     the holders' views change (rule 5); the same if the table is emptied because its eras have run out
 *
 * Whoever is waked is posted to his worker's queue under the shard's lock: the queue's own lock, if it has one, is taken
 * within it, and nothing is within that. */
struct hot_node;

struct hot_node_config {
    const struct table *table;   /* borrowed */
    const struct keeper *keeper; /* borrowed */
    int64_t start_ns;            /* where table seconds begin */
    int64_t lease_ns;            /* HOT_LEASE_MS_MIN to HOT_LEASE_MS_MAX */
    size_t bytes;                /* of the copies that this node has, divided by the shards */
    bool serve_isolated;         /* the keeper's */
};

/* Errors: NO_MEMORY. */
enum larder_error hot_node_new(const struct hot_node_config *config, struct hot_node **ret_node);

/* Nobody waits any more. NULL is allowed. */
void hot_node_free(struct hot_node *node);

/* The longest that a change waits for holders that do not answer. `node` may be NULL: 0. */
int64_t hot_node_wait_ns(const struct hot_node *node);

struct hot_node_counts {
    struct hot_ledger_counts ledger;
    struct hot_shelf_counts shelf;
};

/* Sums over the shards. Any thread. */
void hot_node_count(struct hot_node *node, struct hot_node_counts *ret_counts);

/* --- changes of a key, at the owner --- */

struct hot_changes;

/* One that may have to wait; all zero but for `pending` at first, and in its place until hot_change_end. */
struct hot_change {
    struct hot_writer writer;
    struct pending *pending; /* is posted when it is to try again */
    bool waits;              /* it was not posted since it began to wait; under the shard's lock */
    /* Its worker's own. */
    bool listed;
    uint64_t hash;
    int64_t due_ns;
    struct hot_change *next;
    struct hot_change *previous;
};

/* What is to be sent when the shard's lock was left. */
struct hot_revocations {
    size_t count;
    struct hot_revocation list[HOT_HOLDERS_MAX];
};

/* Under the lock, before anything is done: whether it may be done now, in this same stretch (rule 3). If not, `change` waits,
 * and the revocations are to be sent. `change` NULL: it cannot wait, and may not if anybody might have a copy. */
bool hot_node_may_change(struct hot_node *node, struct slice key, uint64_t hash, struct hot_change *change,
                         struct hot_revocations *ret_revocations);

/* It is over, done or not. Takes the lock. Twice is fine. */
void hot_change_end(struct hot_node *node, struct hot_change *change);

/* A holder has had the revocation of this number. Takes the lock, and wakes whoever may go on. */
void hot_node_answered(struct hot_node *node, struct slice key, uint64_t hash, int64_t holder, uint64_t number);

/* Those changes that one worker waits for, the first to be due first. */
struct hot_changes {
    struct hot_change *first;
    struct hot_change *last;
};

/* It waits until it is posted, or is due: when the last lease has run out, or at `deadline_ns`. */
void hot_changes_add(struct hot_changes *changes, struct hot_change *change, int64_t deadline_ns);

/* Twice is fine. */
void hot_changes_remove(struct hot_changes *changes, struct hot_change *change);

/* INT64_MAX: none waits. */
static inline int64_t hot_changes_due(const struct hot_changes *changes) {
    return changes->first != NULL ? changes->first->due_ns : INT64_MAX;
}

/* Posts those that are due. */
void hot_changes_expire(struct hot_changes *changes, struct hot_node *node, int64_t now_ns);

/* --- grants, at the owner --- */

/* A read that another node would keep, and that finds something. */
struct hot_node_read {
    struct slice key;
    uint64_t hash;
    const struct peer_stamp *stamp;
    const struct keeper_view *view; /* by which it is answered */
    int64_t left_ns;                /* of the entry's life; INT64_MAX: it has no end */
};

/* Under the lock under which the value is read. As hot_grant. */
int64_t hot_node_grant(struct hot_node *node, const struct hot_node_read *read);

/* What is left of an entry that ends in this table second. */
int64_t hot_node_left_ns(const struct hot_node *node, uint32_t expires);

/* --- the holder --- */

/* What a copy says. The value lies in it, or in what it refers to. */
struct hot_value {
    struct blob blob; /* first */
    struct blob *backing;
    struct slice value;
    uint64_t cas;
    uint32_t client_flags;
    uint32_t head_size; /* of an origin's answer */
    char data[];
};

/* With one reference, the caller's. `backing`, if it is not NULL, has the value: then a reference is taken to it, else the
 * value is copied. NULL: no memory. */
struct hot_value *hot_value_new(const struct item *item, struct blob *backing);

/* Whether it may be that there is a copy of a key of this hash: a load, without the lock. */
bool hot_node_has_copies(const struct hot_node *node, uint64_t hash);

/* Under the lock. As hot_find, for one who forwards by `view`. */
struct hot_value *hot_node_find(struct hot_node *node, struct slice key, uint64_t hash, const struct keeper_view *view,
                                int64_t now_ns);

/* Takes the lock. As hot_put; `newest` is the newest view that is known here. */
void hot_node_put(struct hot_node *node, const struct hot_copy *copy, const struct keeper_view *newest);

/* Takes the lock. As hot_revoke. False: no memory, and it is not to be answered as if it had been done. */
bool hot_node_revoke(struct hot_node *node, struct slice key, uint64_t hash);

/* All that came from that owner goes (hot_drop). Takes the locks, one after the other. It costs nothing but the copies if it is left
 * out: who revokes them waits for their leases then. */
void hot_node_drop(struct hot_node *node, int64_t owner);

#endif
