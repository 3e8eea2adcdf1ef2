/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_MEMORY_H
#define LARDER_GROUP_MEMORY_H

#include "cache/table.h"
#include "group/hot_node.h"
#include "group/policy.h"
#include "model/reply.h"
#include "model/request.h"
#include "ring/keeper.h"

/* The options of a GET whose reply shows of an entry nothing but value, client flags and cas: it can be answered with a copy
 * (hot_node.h), which knows no more of it. Freshness is looked at besides. */
#define MEMORY_COPIED_OPTIONS ((uint32_t)(REQUEST_PLAIN | REQUEST_FRESHNESS | REQUEST_OUT_OF_TURN))

/* What became of a request at the gate. */
enum memory_passage {
    MEMORY_PASSED,
    MEMORY_MOVED,  /* the view it was decided by is not the newest any more */
    MEMORY_ABSENT, /* `inherits`, and the key is not there */
    MEMORY_COPIED, /* other nodes may have copies of the key, so it is not changed yet: `change` waits */
};

/* In a cluster: by what it was decided that this node acts (ring/keeper.h, rule 6). It is looked at under the shard's lock,
 * in which entries that do not count (rule 5) are taken out as well. */
struct memory_gate {
    const struct keeper *keeper;
    const struct keeper_view *view;
    uint32_t slot; /* of the key */
    bool inherits;
    struct hot_node *hot;                /* copies that others may have (hot_node.h); NULL: there are none ever */
    struct hot_change *change;           /* of what is to change the key; NULL: it cannot wait */
    struct hot_revocations *revocations; /* to be sent if the passage is COPIED; not NULL if `change` is not */
    enum memory_passage
        passage; /* set by each function below that takes an access. Unless PASSED nothing was done, the reply
                                  * is untouched, and a placed value is still the caller's */
};

/* What requests mean in a group whose backing is memory: the table is the truth, each request is atomic under its shard's
 * lock. */
struct memory_access {
    struct table *table;
    const struct group_policy *policy;
    uint32_t now;             /* table seconds */
    bool *ret_expired;        /* set when a look-up met an entry that was over */
    bool *ret_cut;            /* set when max_ttl shortened a life */
    struct memory_gate *gate; /* NULL: there is no cluster */
};

/* GET, GAT: HIT or MISS. A HIT's item stays valid, and the shard locked, until reply_release. */
void memory_get(const struct memory_access *a, const struct request *request, struct reply *reply);

/* DEBUG: HIT or MISS, and no trace of having looked. */
void memory_inspect(const struct memory_access *a, const struct request *request, struct reply *reply);

/* SET, ADD, REPLACE, APPEND, PREPEND, CAS: STORED, NOT_STORED, EXISTS (another cas, or the conditions do not hold),
 * NOT_FOUND, TOO_LARGE or NO_MEMORY. A SET that is refused removes the old value if the request says so, so that nobody
 * reads what its writer believes overwritten. */
void memory_store(const struct memory_access *a, const struct request *request, struct reply *reply);

/* A write that is turned away before it comes here: removes the old value if the request says so. */
void memory_refuse(const struct memory_access *a, const struct request *request);

/* TOUCH: TOUCHED or NOT_FOUND. */
void memory_touch(const struct memory_access *a, const struct request *request, struct reply *reply);

/* DELETE: DELETED, NOT_FOUND, EXISTS (another cas, or the conditions do not hold), NO_MEMORY. */
void memory_delete(const struct memory_access *a, const struct request *request, struct reply *reply);

/* INCR, DECR: DONE, NOT_FOUND, EXISTS, NOT_A_NUMBER or NO_MEMORY. */
void memory_arith(const struct memory_access *a, const struct request *request, struct reply *reply);

/* --- from one node of a cluster to another; these need a gate --- */

/* A GET whose peer would keep a copy (peer->keeps) and which is a HIT says in reply->copy_ns for how long it may. */

/* GET with give_up: HIT with all that is known of the entry, which is in the table no more, or MISS. */
void memory_give_up(const struct memory_access *a, const struct request *request, struct reply *reply);

/* Puts in what the member `from` of the gate's view has given up, with its cas, flags, life and marks, if the key is still
 * absent here and the keeper takes it. */
void memory_install(const struct memory_access *a, uint16_t from, struct slice key, const struct item *item);

/* A reply that keeps a shard locked holds its value by itself from here on, so that it can wait. Others stay as they are.
 * Without memory for it the result becomes NO_MEMORY. */
void memory_keep_reply(struct reply *reply);

/* Room for a value that is still on its way: in the table's own memory, so that it is written once and counts in the
 * budget, or, for a store group, in the memory of the write that it will be (durable.h). To be handed over as
 * request->placed, or given back to where it came from. */
struct placed_value {
    struct segment *segment; /* in the table; NULL: it is not */
    struct durable *durable;
    char *room; /* of a write; NULL: it is none */
    char *data; /* `size` bytes to fill */
    size_t size;
};

/* Whether a value of this size is worth placing. */
bool memory_places(const struct table *table, struct slice key, uint32_t value_size);

/* False: no room. */
bool memory_place(struct table *table, struct slice key, uint32_t value_size, uint32_t now,
                  struct placed_value *ret_value);

/* Gives back what no memory_store took over; twice is fine. */
void memory_place_cancel(struct placed_value *value);

#endif
