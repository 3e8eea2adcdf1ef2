/* SPDX-License-Identifier: Apache-2.0 */
#include "cohere/coherence_internal.h"

/* What is known of the keyspace from the answer of a call whose events have not come: that memory is too old for the keys that it
 * has changed or shown. What they are now is told only to those who have copies; in the keyspace a key is its whole kv, with numbers
 * that an answer to a write does not have. */

static void blind(struct coherence *c, const struct store_span *span, int64_t revision) {
    floors_add(&c->floors, span, revision, true);
}

static void put(struct coherence *c, const struct store_put *put, int64_t revision) {
    const struct store_span span = {.key = put->key};
    const struct kv kv = {
        .key = put->key,
        .value = put->value,
        .mod_revision = revision,
        .lease = put->lease,
    };

    if (put->ignore_value || put->ignore_lease) {
        blind(c, &span, revision);
    } else {
        pass_show_key(c, put->key, &kv, revision);
    }
}

static void take_in(struct coherence *c, const struct store_op *op, const struct store_result *result,
                    int64_t revision);

static void take_in_txn(struct coherence *c, const struct store_txn *txn, const struct store_result *result,
                        int64_t revision) {
    const struct store_op *ops = result->succeeded ? txn->success : txn->failure;
    size_t op_count = result->succeeded ? txn->success_count : txn->failure_count;

    if (result->result_count < op_count) {
        blind(c, NULL, revision); /* an answer that says too little */
        return;
    }
    for (size_t i = 0; i < op_count; i++) {
        take_in(c, &ops[i], &result->results[i], revision);
    }
    for (size_t i = 0; i < txn->compare_count; i++) {
        blind(c, &txn->compares[i].span, revision); /* whether it held says something of these keys */
    }
}

static void take_in(struct coherence *c, const struct store_op *op, const struct store_result *result,
                    int64_t revision) {
    switch (op->kind) {
    case STORE_OP_PUT:
        put(c, &op->put, revision);
        break;
    case STORE_OP_DELETE:
        if (store_span_is_single(&op->delete.span)) {
            pass_show_key(c, op->delete.span.key, NULL, revision);
        } else {
            blind(c, &op->delete.span, revision);
        }
        break;
    case STORE_OP_RANGE:
        blind(c, &op->range.span, revision);
        break;
    case STORE_OP_TXN:
        take_in_txn(c, &op->txn, result, revision);
        break;
    case STORE_OP_LEASE_REVOKE:
        blind(c, NULL, revision); /* which keys had the lease is not said */
        break;
    default:
        break;
    }
}

void early_take_in(struct coherence *c, const struct store_call *call) {
    take_in(c, &call->op, &call->result, call->revision);
}

static bool txn_changes(const struct store_txn *txn, const struct store_result *result) {
    const struct store_op *ops = result->succeeded ? txn->success : txn->failure;
    size_t op_count = result->succeeded ? txn->success_count : txn->failure_count;

    for (size_t i = 0; i < op_count && i < result->result_count; i++) {
        if (early_changes(&ops[i], &result->results[i])) {
            return true;
        }
    }
    return false;
}

bool early_changes(const struct store_op *op, const struct store_result *result) {
    switch (op->kind) {
    case STORE_OP_PUT:
        return true;
    case STORE_OP_DELETE:
        return result->count > 0;
    case STORE_OP_TXN:
        return txn_changes(&op->txn, result);
    default:
        return false;
    }
}

static bool branch_may_change(const struct store_op *ops, size_t op_count) {
    for (size_t i = 0; i < op_count; i++) {
        if (early_may_change(&ops[i])) {
            return true;
        }
    }
    return false;
}

bool early_may_change(const struct store_op *op) {
    if (op->kind == STORE_OP_TXN) {
        return branch_may_change(op->txn.success, op->txn.success_count) ||
               branch_may_change(op->txn.failure, op->txn.failure_count);
    }
    return op->kind == STORE_OP_PUT || op->kind == STORE_OP_DELETE;
}
