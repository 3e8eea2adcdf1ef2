/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_DURABLE_OP_H
#define LARDER_GROUP_DURABLE_OP_H

#include "group/durable.h"

/* Between the files of the store backing: one request on its way. */

typedef enum pending_next durable_step(struct pending *p);

/* What a transaction is made of. */
struct durable_txn {
    struct store_compare compares[2];
    struct store_op success;
    struct store_op failure;
};

/* A value that was made of the one in the store. */
struct durable_edit {
    char *room;        /* owned: ENVELOPE_SIZE bytes, then the content */
    size_t size;       /* of the content */
    int64_t expected;  /* mod_revision of the value it was made of; 0: there was none */
    int64_t old_lease; /* of that value */
    bool keeps_lease;
    uint32_t flags;
    enum result result; /* if it is written */
};

struct durable_op {
    struct pending pending; /* first */
    struct durable *durable;
    struct worker_telemetry *telemetry;
    struct request request; /* its key and value are the op's own */
    struct slice store_key;
    struct slice store_value; /* what SET and the like write: the value, in its envelope if it needs one */
    char *room;               /* where a placed value lies; owned; NULL: it was none */
    size_t charged;
    int64_t max_age_ns; /* of what a read is answered with */
    bool too_old;       /* the copies here were, when it came */
    uint64_t max_item;
    uint16_t group;
    bool has_copies; /* the table may have a copy of this key */
    uint64_t era;    /* of the copies, before the store was asked */
    bool is_told;    /* the observer was told of changes by then */
    uint32_t now;    /* table seconds, when the request came */
    int64_t ttl;     /* that the key shall have, as group_policy_ttl says */
    int64_t vivify_ttl;
    int64_t life;       /* the one of these that is being given; set by durable_give_life */
    int64_t end;        /* its table second */
    int64_t lease;      /* 0: none */
    durable_step *then; /* after the lease was found */
    unsigned attempts;  /* that came to nothing */
    struct arena kept;  /* of an earlier call, while the reply points into it */
    struct durable_edit edit;
    struct durable_txn txn;
    struct durable_when *when; /* owned; NULL: the request has no conditions */
    char data[];               /* the client's key, the store's key, the value */
};

static inline struct durable_op *durable_op_of(struct pending *p) {
    return (struct durable_op *)(void *)p;
}

/* A new op for the request, owning all it needs; its first step is `step`. NULL: reply->result says why. */
struct durable_op *durable_op_new(const struct durable_access *a, const struct request *request, durable_step *step,
                                  struct reply *reply);

/* Makes an op and starts it. */
void durable_start(const struct durable_access *a, const struct request *request, durable_step *step,
                   struct reply *reply);

/* Whether the store may take up so many more bytes of requests. */
bool durable_charge(struct durable *d, size_t size);
void durable_discharge(struct durable *d, size_t size);

/* Whether the table may have a copy of the key. */
bool durable_has_copies(const struct durable_access *a, struct slice key);

/* --- ends --- */

enum pending_next durable_end(struct durable_op *op, enum result result);

/* What a status of the store, but OK, is as a result. */
enum result durable_result_of(enum store_status status);

/* The same of a read. */
enum result durable_read_result_of(enum store_status status);

/* Where a read that the store has answered got its answer. `too_old` says that the copies here were, for what it asked. */
enum reply_source durable_source_of(const struct store_call *call, int64_t max_age_ns, bool too_old);

/* The call was not done, for this reason. */
enum pending_next durable_fail(struct durable_op *op, enum store_status status);

/* Keeps what the call has answered, for the reply points into it and another call is to follow. Once. */
void durable_keep_answer(struct durable_op *op);

/* --- calls; each takes up the op's call anew, and `next` finds the answer --- */

enum pending_next durable_call(struct durable_op *op, const struct store_op *call, durable_step *next);
enum pending_next durable_call_range(struct durable_op *op, durable_step *next);
enum pending_next durable_call_lease_ttl(struct durable_op *op, int64_t lease, durable_step *next);

/* The call for a transaction that compares the key and, if that holds, does op->txn.success, else reads the key. */
enum pending_next durable_call_txn(struct durable_op *op, size_t compares, bool keys_only, durable_step *next);

/* The next compare of that transaction: the key's `target` against a number. */
struct store_compare durable_compare(const struct durable_op *op, enum store_compare_target target,
                                     enum store_compare_result result, int64_t number);

/* The operations that a transaction can have. */
struct store_op durable_put_op(const struct durable_op *op, struct slice value);
struct store_op durable_delete_op(const struct durable_op *op);

/* --- lives --- */

/* Finds or grants the lease for a life of `ttl` seconds, then takes the step `then`. */
enum pending_next durable_give_life(struct durable_op *op, int64_t ttl, durable_step *then);

/* Whether the answered write failed only because its lease is gone; then *ret_next is how it goes on: with another lease
 * and the step that durable_give_life was told, or not at all after too many attempts. */
bool durable_lease_is_gone(struct durable_op *op, enum pending_next *ret_next);

/* The life of a key that was just given one, as a reply shows it. */
int64_t durable_shown_life(const struct durable_op *op);

/* Counts an attempt that came to nothing. False: that was the last. */
bool durable_may_try_again(struct durable_op *op);

/* --- the machines, by command; their first steps --- */

durable_step durable_put_start; /* SET, ADD, REPLACE, CAS */
durable_step durable_delete_start;
durable_step durable_touch_start; /* TOUCH, GAT */
durable_step durable_edit_start;  /* APPEND, PREPEND, INCR, DECR, a DELETE that keeps the key */

/* GET and DEBUG from a copy. False: there is none that will do. */
bool durable_get_copy(const struct durable_access *a, const struct request *request, struct reply *reply);

/* The same from the store. */
void durable_get(const struct durable_access *a, const struct request *request, struct reply *reply);

/* Whether what is told to the observer is, provably, at most so old for a request that came now; then *ret_age_ns says how
 * old. 0: as the store itself. */
bool durable_is_proven(const struct durable_access *a, int64_t max_age_ns, int64_t *ret_age_ns);

#endif
