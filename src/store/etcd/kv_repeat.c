/* SPDX-License-Identifier: Apache-2.0 */
#include "store/etcd/kv_repeat.h"

#include "store/etcd/kv.h"

static bool txn_changes(const struct store_txn *txn);

static bool op_changes(const struct store_op *op) {
    switch (op->kind) {
    case STORE_OP_PUT:
    case STORE_OP_DELETE:
        return true;
    case STORE_OP_TXN:
        return txn_changes(&op->txn);
    default:
        return false;
    }
}

static bool branch_changes(const struct store_op *ops, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (op_changes(&ops[i])) {
            return true;
        }
    }
    return false;
}

static bool txn_changes(const struct store_txn *txn) {
    return branch_changes(txn->success, txn->success_count) || branch_changes(txn->failure, txn->failure_count);
}

bool etcd_kv_is_write(const struct store_op *op) {
    switch (op->kind) {
    case STORE_OP_COMPACT:
    case STORE_OP_LEASE_GRANT:
    case STORE_OP_LEASE_REVOKE:
        return true;
    default:
        return op_changes(op);
    }
}

/* --- guarded transactions --- */

static bool span_has(const struct store_span *span, struct slice key) {
    if (span->range_end.size == 0) {
        return slice_equal(span->key, key);
    }
    return slice_compare(span->key, key) <= 0 &&
           (slice_equal(span->range_end, SLICE("\0")) || slice_compare(key, span->range_end) < 0);
}

/* Whether the compare can never hold again once `op` was done while it held. A revision comes once. So a key changed since
 * has another mod_revision, and a key deleted since has another create_revision even if it is there again; a put leaves
 * create_revision as it is. But a version, or that a key is absent, may come again by the hands of others. */
static bool guards(const struct store_compare *compare, const struct store_op *op) {
    if (compare->result != STORE_EQUAL || compare->number <= 0 || compare->span.range_end.size > 0) {
        return false;
    }
    switch (op->kind) {
    case STORE_OP_PUT:
        return compare->target == STORE_COMPARE_MOD && slice_equal(op->put.key, compare->span.key);
    case STORE_OP_DELETE:
        return (compare->target == STORE_COMPARE_MOD || compare->target == STORE_COMPARE_CREATE) &&
               span_has(&op->delete.span, compare->span.key);
    default:
        return false;
    }
}

bool etcd_kv_is_guarded(const struct store_txn *txn) {
    if (branch_changes(txn->failure, txn->failure_count)) {
        return false;
    }
    for (size_t i = 0; i < txn->compare_count; i++) {
        for (size_t k = 0; k < txn->success_count; k++) {
            if (guards(&txn->compares[i], &txn->success[k])) {
                return true;
            }
        }
    }
    return false;
}

enum etcd_repeat etcd_kv_repeat(const struct store_call *call) {
    const struct store_op *op = &call->op;

    if (call->retry_unknown || !op_changes(op) || (op->kind == STORE_OP_TXN && etcd_kv_is_guarded(&op->txn))) {
        return ETCD_REPEAT; /* COMPACT and the operations of leases among them */
    }
    return ETCD_REPEAT_NOT;
}

/* --- how it ends --- */

/* A repeat that is refused because the attempt before has done the work. Of a lease with a number of the caller's choice,
 * one that was there before cannot be told apart. */
static bool was_done(const struct store_call *call, bool drawn) {
    switch (call->op.kind) {
    case STORE_OP_COMPACT:
        return call->status == STORE_COMPACTED;
    case STORE_OP_LEASE_REVOKE:
        return call->status == STORE_LEASE_NOT_FOUND;
    case STORE_OP_LEASE_GRANT:
        return call->status == STORE_LEASE_EXISTS && (drawn || call->retry_unknown);
    default:
        return false;
    }
}

/* A request sent that the deadline cut short, or the end of the client, may be under way still; one whose answer cannot be
 * read was done. */
static bool is_in_doubt(const struct store_call *call, const struct etcd_ask *ask) {
    return ask->repeated || (ask->status == STORE_OK && call->status != STORE_OK) ||
           (ask->attempts > 0 && (ask->status == STORE_TIMEOUT || ask->status == STORE_CLOSED));
}

/* The compares do not hold, and the attempt that was in doubt may be why. */
static bool may_be_our_own(const struct store_call *call) {
    return call->op.kind == STORE_OP_TXN && !call->result.succeeded && !call->retry_unknown;
}

void etcd_kv_settle(struct store_call *call, const struct etcd_ask *ask, const struct store_op *asked, bool drawn,
                    int64_t revision) {
    call->repeated = ask->repeated;
    if (!etcd_kv_is_write(&call->op) || !is_in_doubt(call, ask)) {
        return;
    }
    if (was_done(call, drawn)) {
        call->status = STORE_OK;
        call->revision = revision;
        call->result.lease = asked->kind == STORE_OP_LEASE_GRANT ? asked->lease.id : 0;
        call->result.ttl = asked->kind == STORE_OP_LEASE_GRANT ? asked->lease.ttl : 0;
        call->result.granted_ttl = call->result.ttl;
    } else if (call->status != STORE_OK || may_be_our_own(call)) {
        call->status = STORE_UNKNOWN;
        call->result = (struct store_result){.kind = call->op.kind};
    }
}
