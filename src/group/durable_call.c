/* SPDX-License-Identifier: Apache-2.0 */
#include "group/durable_op.h"

/* The calls to the store that the machines are made of. */

static struct store_op *renew(struct durable_op *op, durable_step *next) {
    pending_renew_call(&op->pending);
    op->pending.step = next;
    return &op->pending.call.op;
}

static struct store_op range_op(const struct durable_op *op, bool keys_only) {
    return (struct store_op){.kind = STORE_OP_RANGE, .range = {.span.key = op->store_key, .keys_only = keys_only}};
}

struct store_op durable_put_op(const struct durable_op *op, struct slice value) {
    return (struct store_op){.kind = STORE_OP_PUT, .put = {.key = op->store_key, .value = value, .lease = op->lease}};
}

struct store_op durable_delete_op(const struct durable_op *op) {
    return (struct store_op){.kind = STORE_OP_DELETE, .delete = {.span.key = op->store_key}};
}

enum pending_next durable_call(struct durable_op *op, const struct store_op *call, durable_step *next) {
    *renew(op, next) = *call;
    return PENDING_CALL;
}

enum pending_next durable_call_range(struct durable_op *op, durable_step *next) {
    struct store_op *call = renew(op, next);

    *call = range_op(op, false);
    call->range.revision = (op->request.options & REQUEST_AT_REVISION) != 0 ? op->request.revision : 0;
    call->range.max_age_ns = op->max_age_ns;
    /* In this order: see copies.h. */
    op->era = copies_era(&op->durable->copies);
    op->is_told = store_proven_ns(op->durable->store) != INT64_MIN;
    return PENDING_CALL;
}

enum pending_next durable_call_lease_ttl(struct durable_op *op, int64_t lease, durable_step *next) {
    *renew(op, next) = (struct store_op){.kind = STORE_OP_LEASE_TTL, .lease.id = lease};
    return PENDING_CALL;
}

struct store_compare durable_compare(const struct durable_op *op, enum store_compare_target target,
                                     enum store_compare_result result, int64_t number) {
    return (struct store_compare){.span.key = op->store_key, .target = target, .result = result, .number = number};
}

enum pending_next durable_call_txn(struct durable_op *op, size_t compares, bool keys_only, durable_step *next) {
    struct durable_txn *txn = &op->txn;

    txn->failure = range_op(op, keys_only);
    *renew(op, next) = (struct store_op){
        .kind = STORE_OP_TXN,
        .txn = {.compares = txn->compares,
                .compare_count = compares,
                .success = &txn->success,
                .success_count = 1,
                .failure = &txn->failure,
                .failure_count = 1},
    };
    return PENDING_CALL;
}
