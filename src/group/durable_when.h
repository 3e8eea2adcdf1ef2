/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_GROUP_DURABLE_WHEN_H
#define LARDER_GROUP_DURABLE_WHEN_H

#include "group/durable_op.h"

/* SET and DELETE under the conditions of a request, and a SET that tells whether the key was there (REQUEST_WANT_CREATED):
 * each is one transaction, so that nothing can come in between. */

/* Its parts, which stay in place until the call is done. */
struct durable_when {
    struct conditions conditions;
    struct store_compare compares[CONDITION_NUMBERS_MAX + 1];
    /* For each number that will do: the next stands in the failure of the one before. */
    struct store_op steps[CONDITION_NUMBERS_MAX];
    struct store_op write[2]; /* what is done if the conditions hold: a look whether the key is there, then the write */
    size_t write_count;
    struct store_compare absent;
};

/* Whether the request needs it. */
static inline bool durable_when_is_needed(const struct request *request) {
    return request->conditions != NULL ||
           (request->command == COMMAND_SET && (request->options & REQUEST_WANT_CREATED) != 0);
}

/* The parts for a request, owned by the caller, to be freed with free. NULL: no memory. */
struct durable_when *durable_when_new(const struct request *request);

/* The call for op->when, around op->txn.success, which is the write. The step `next` finds the answer. */
enum pending_next durable_when_call(struct durable_op *op, durable_step *next);

/* What the answered call, which is OK, means: STORED, DELETED, NOT_FOUND or EXISTS; whether the key came to be. */
enum result durable_when_outcome(const struct durable_op *op, bool *ret_created);

#endif
