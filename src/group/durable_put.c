/* SPDX-License-Identifier: Apache-2.0 */
#include "group/durable_when.h"
#include "group/memory_internal.h"

/* SET, ADD, REPLACE, CAS. A life that is over already stores nothing: the key is deleted, and the writer is told what it
 * would have been told. */

static enum pending_next stored(struct durable_op *op) {
    op->pending.reply.item.cas = (uint64_t)op->pending.call.revision;
    op->pending.reply.item.value.size = op->request.value.size;
    return durable_end(op, RESULT_STORED);
}

/* What the answer means when the condition did not hold. */
static enum result refusal(const struct durable_op *op) {
    if (op->request.command != COMMAND_ADD && has_option(&op->request, REQUEST_COMPARE)) {
        return op->pending.call.result.results[0].count > 0 ? RESULT_EXISTS : RESULT_NOT_FOUND;
    }
    return RESULT_NOT_STORED;
}

static enum pending_next on_written(struct pending *p) {
    struct durable_op *op = durable_op_of(p);
    enum pending_next next;

    if (durable_lease_is_gone(op, &next)) {
        return next;
    }
    if (p->call.status != STORE_OK) {
        return durable_fail(op, p->call.status);
    }
    if (p->call.op.kind == STORE_OP_TXN && !p->call.result.succeeded) {
        return durable_end(op, refusal(op));
    }
    return stored(op);
}

/* --- under the conditions of a request --- */

static enum pending_next on_written_when(struct pending *p) {
    struct durable_op *op = durable_op_of(p);
    enum pending_next next;
    enum result result;

    if (durable_lease_is_gone(op, &next)) {
        return next;
    }
    if (p->call.status != STORE_OK) {
        return durable_fail(op, p->call.status);
    }
    result = durable_when_outcome(op, &p->reply.item.created);
    return result == RESULT_STORED ? stored(op) : durable_end(op, result);
}

static enum pending_next write_when(struct pending *p) {
    struct durable_op *op = durable_op_of(p);

    op->txn.success = op->ttl < 0 ? durable_delete_op(op) : durable_put_op(op, op->store_value);
    return durable_when_call(op, on_written_when);
}

/* --- without --- */

/* The condition of the write; returns how many compares it takes. */
static size_t set_condition(struct durable_op *op) {
    const struct request *request = &op->request;
    struct store_compare *compares = op->txn.compares;

    if (request->command == COMMAND_ADD) {
        compares[0] = durable_compare(op, STORE_COMPARE_VERSION, STORE_EQUAL, 0);
        return 1;
    }
    if (has_option(request, REQUEST_COMPARE)) {
        compares[0] = durable_compare(op, STORE_COMPARE_MOD, STORE_EQUAL, (int64_t)request->compare);
        compares[1] = durable_compare(op, STORE_COMPARE_VERSION, STORE_GREATER, 0);
        return 2;
    }
    if (request->command == COMMAND_REPLACE) {
        compares[0] = durable_compare(op, STORE_COMPARE_VERSION, STORE_GREATER, 0);
        return 1;
    }
    return 0;
}

static enum pending_next write_value(struct pending *p) {
    struct durable_op *op = durable_op_of(p);
    size_t compares = set_condition(op);

    op->txn.success = op->ttl < 0 ? durable_delete_op(op) : durable_put_op(op, op->store_value);
    return compares > 0 ? durable_call_txn(op, compares, true, on_written)
                        : durable_call(op, &op->txn.success, on_written);
}

enum pending_next durable_put_start(struct pending *p) {
    struct durable_op *op = durable_op_of(p);

    return durable_give_life(op, op->ttl, op->when != NULL ? write_when : write_value);
}

/* --- DELETE --- */

static enum pending_next on_deleted(struct pending *p) {
    struct durable_op *op = durable_op_of(p);
    const struct store_result *result = &p->call.result;

    if (p->call.status != STORE_OK) {
        return durable_fail(op, p->call.status);
    }
    if (p->call.op.kind == STORE_OP_TXN && !result->succeeded) {
        return durable_end(op, result->results[0].count > 0 ? RESULT_EXISTS : RESULT_NOT_FOUND);
    }
    if (p->call.op.kind == STORE_OP_DELETE && result->count == 0) {
        return durable_end(op, RESULT_NOT_FOUND);
    }
    return durable_end(op, RESULT_DELETED);
}

enum pending_next durable_delete_start(struct pending *p) {
    struct durable_op *op = durable_op_of(p);

    op->txn.success = durable_delete_op(op);
    if (op->when != NULL) {
        return durable_when_call(op, on_written_when);
    }
    if (!has_option(&op->request, REQUEST_COMPARE)) {
        return durable_call(op, &op->txn.success, on_deleted);
    }
    return durable_call_txn(op, set_condition(op), true, on_deleted);
}
