/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_DURABLE_H
#define LARDER_GROUP_DURABLE_H

#include "cohere/copies.h"
#include "group/lease_book.h"
#include "group/memory.h"
#include "group/pending.h"

/* What requests mean in a group whose backing is the store: the store is the truth, the table has copies of what was read
 * of late (copies.h). A cas is the key's mod_revision, an exptime becomes a lease. docs/PROTOCOLS.md has the table of
 * commands. What cannot be answered from a copy goes to the store; its reply may come later (pending.h). */
enum {
    DURABLE_ATTEMPTS_MAX = 256,     /* of one request whose key others change all the time */
    DURABLE_MEMORY_MAX = 256 << 20, /* bytes of all requests that are under way, and of values that come in for them */
    DURABLE_CHARGE_MIN = 1024,      /* that a request counts as at least */
};

/* What all workers share. */
struct durable {
    struct store *store;
    struct copies copies;
    struct lease_book leases;
    struct group_set *groups; /* as at the start: which group a store key belongs to never changes */
    int64_t start_ns;         /* of table seconds */
    int64_t (*now_ns)(void);  /* monotonic */
    bool has_copies;          /* the store tells of changes, so the table may have copies of its keys */
    bool is_own;              /* nobody else writes to it: copies always are as it is, whatever the group says */
    atomic_size_t memory;     /* of DURABLE_MEMORY_MAX */
    atomic_bool auditing;     /* one at a time, see audit.h */
};

struct durable_config {
    struct store *store;
    struct table *table;
    const struct group_set *groups; /* is copied */
    int64_t start_ns;               /* when table seconds began */
    int64_t (*now_ns)(void);
};

/* Becomes the observer of the store, which outlives it. If the store does not tell of changes (store_observe), there are no
 * copies, and every request asks it. NULL: no memory. */
struct durable *durable_new(const struct durable_config *config);

/* The store is closed and nothing is pending any more. NULL is allowed. */
void durable_free(struct durable *d);

/* How a worker's request comes here. */
struct durable_access {
    struct durable *durable;
    struct memory_access copies; /* the table, the policy of the key's group, the time */
    struct pending_queue *completions;
    struct worker_telemetry *telemetry;
    int64_t now_ns; /* monotonic: the request had come by then */
};

/* How old, provably, what a read is answered with may be: `wanted` (NULL: the group's own freshness) in nanoseconds. 0 is
 * linearizable. */
int64_t durable_max_age(const struct group_policy *policy, const struct freshness *wanted);

/* Runs a request with a key. The reply is complete or RESULT_PENDING. Beside the results that the command has in a memory
 * group: NOT_IN_STORE (an option without a meaning here), BAD_KEY (one that is Larder's own or empty), NO_SPACE,
 * TOO_MANY_REQUESTS, CONTENDED (others changed the key DURABLE_ATTEMPTS_MAX times in between), STORE_FAILED,
 * STORE_UNAVAILABLE, TOO_OLD (the same of a read), STORE_DENIED, and of a GET at a revision COMPACTED and FUTURE_REVISION. A write that is refused
 * changes nothing; one with STORE_UNKNOWN may have been done or not. */
void durable_run(const struct durable_access *a, const struct request *request, struct reply *reply);

/* Whether a write is one that others like it may follow before it is answered, on the same connection: it is one call to
 * the store, handed in at once and without a condition. */
bool durable_is_ordered(const struct group_policy *policy, const struct request *request);

/* Whether a value of request->body_size may be written to the key. */
bool durable_accepts(const struct group_policy *policy, const struct request *request);

/* Room for a value that is still on its way, to be handed over as request->placed or given back by durable_place_cancel.
 * False: *ret_result says why (NO_MEMORY, TOO_MANY_REQUESTS). */
bool durable_place(struct durable *d, size_t size, struct placed_value *ret_value, enum result *ret_result);

/* Gives back what no durable_run took over; twice is fine. */
void durable_place_cancel(struct placed_value *value);

#endif
