/* SPDX-License-Identifier: Apache-2.0 */
#include "group/durable_when.h"

#include <stdlib.h>

struct durable_when *durable_when_new(const struct request *request) {
    struct durable_when *when = calloc(1, sizeof(*when));

    if (when != NULL && request->conditions != NULL) {
        when->conditions = *request->conditions;
    }
    return when;
}

/* A transaction with the write, if the compares hold, and `failure`, or NULL, if not. */
static struct store_op step_of(const struct durable_when *when, const struct store_compare *compares, size_t count,
                               const struct store_op *failure) {
    return (struct store_op){
        .kind = STORE_OP_TXN,
        .txn = {.compares = compares,
                .compare_count = count,
                .success = when->write,
                .success_count = when->write_count,
                .failure = failure,
                .failure_count = failure != NULL ? 1 : 0},
    };
}

/* Whether only a look can tell if the key was there. */
static bool tells_created(const struct durable_op *op) {
    const struct conditions *c = &op->when->conditions;

    return op->txn.success.kind == STORE_OP_PUT && c->match.kind == CONDITION_NONE &&
           c->none_match.kind != CONDITION_ANY;
}

/* What is done if the conditions hold. The look compares what was there before the transaction, and does nothing. */
static void make_write(struct durable_op *op) {
    struct durable_when *when = op->when;

    when->write_count = 0;
    if (tells_created(op)) {
        when->absent = durable_compare(op, STORE_COMPARE_VERSION, STORE_EQUAL, 0);
        when->write[when->write_count++] =
            (struct store_op){.kind = STORE_OP_TXN, .txn = {.compares = &when->absent, .compare_count = 1}};
    }
    when->write[when->write_count++] = op->txn.success;
}

/* One of several revisions: each is compared in turn. Returns how many there are; a revision that the other condition
 * excludes is none. */
static size_t make_steps(struct durable_op *op) {
    struct durable_when *when = op->when;
    const struct condition *match = &when->conditions.match;
    const struct condition *none_match = &when->conditions.none_match;
    size_t count = 0;

    for (unsigned i = 0; i < match->count; i++) {
        uint64_t number = match->numbers[i];

        if (number <= INT64_MAX && (none_match->kind == CONDITION_NONE || !condition_names(none_match, true, number))) {
            when->compares[count++] = durable_compare(op, STORE_COMPARE_MOD, STORE_EQUAL, (int64_t)number);
        }
    }
    for (size_t i = 0; i < count; i++) {
        when->steps[i] = step_of(when, &when->compares[i], 1, i + 1 < count ? &when->steps[i + 1] : NULL);
    }
    return count;
}

/* All that must hold together, where there is no list of revisions to choose from. */
static size_t make_compares(struct durable_op *op) {
    struct durable_when *when = op->when;
    const struct condition *none_match = &when->conditions.none_match;
    size_t count = 0;

    if (when->conditions.match.kind == CONDITION_ANY) {
        when->compares[count++] = durable_compare(op, STORE_COMPARE_VERSION, STORE_GREATER, 0);
    }
    if (none_match->kind == CONDITION_ANY) {
        when->compares[count++] = durable_compare(op, STORE_COMPARE_VERSION, STORE_EQUAL, 0);
        return count;
    }
    for (unsigned i = 0; i < none_match->count; i++) {
        if (none_match->numbers[i] <= INT64_MAX) {
            when->compares[count++] =
                durable_compare(op, STORE_COMPARE_MOD, STORE_NOT_EQUAL, (int64_t)none_match->numbers[i]);
        }
    }
    return count;
}

enum pending_next durable_when_call(struct durable_op *op, durable_step *next) {
    struct durable_when *when = op->when;
    struct store_op call;

    make_write(op);
    if (when->conditions.match.kind == CONDITION_LIST) {
        if (make_steps(op) == 0) {
            return durable_end(op, RESULT_EXISTS); /* no value is among none */
        }
        call = when->steps[0];
    } else {
        call = step_of(when, when->compares, make_compares(op), NULL);
    }
    return durable_call(op, &call, next);
}

enum result durable_when_outcome(const struct durable_op *op, bool *ret_created) {
    const struct store_result *result = &op->pending.call.result;

    while (!result->succeeded && result->result_count > 0) {
        result = &result->results[0];
    }
    if (!result->succeeded) {
        return RESULT_EXISTS;
    }
    result = &result->results[0];
    if (op->txn.success.kind == STORE_OP_DELETE && op->request.command == COMMAND_DELETE) {
        return result->count > 0 ? RESULT_DELETED : RESULT_NOT_FOUND;
    }
    *ret_created = tells_created(op) ? result->succeeded : op->when->conditions.none_match.kind == CONDITION_ANY;
    return RESULT_STORED;
}
