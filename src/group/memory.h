/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_MEMORY_H
#define LARDER_GROUP_MEMORY_H

#include "cache/table.h"
#include "group/policy.h"
#include "model/reply.h"
#include "model/request.h"

/* What requests mean in a group whose backing is memory: the table is the truth, each request is atomic under its shard's
 * lock. */
struct memory_access {
    struct table *table;
    const struct group_policy *policy;
    uint32_t now;      /* table seconds */
    bool *ret_expired; /* set when a look-up met an entry that was over */
    bool *ret_cut;     /* set when max_ttl shortened a life */
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
