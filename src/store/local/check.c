/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/internal.h"

/* --- what each operation must have --- */

static enum store_status check_put(const struct store_put *put) {
    if (put->key.size == 0) {
        return STORE_EMPTY_KEY;
    }
    if (put->ignore_value && put->value.size > 0) {
        return STORE_VALUE_PROVIDED;
    }
    return put->ignore_lease && put->lease != 0 ? STORE_LEASE_PROVIDED : STORE_OK;
}

static enum store_status check_note(const struct store_note *note) {
    if (note->name.size == 0) {
        return STORE_EMPTY_KEY;
    }
    return note->name.size > STORE_NOTE_NAME_MAX || note->value.size > STORE_REQUEST_MAX ? STORE_TOO_LARGE : STORE_OK;
}

static enum store_status check_span(const struct store_span *span) {
    return span->key.size == 0 ? STORE_EMPTY_KEY : STORE_OK;
}

/* Operations of a transaction so far, those within it included, and their bytes. */
struct tally {
    size_t ops;
    size_t bytes;
};

static enum store_status check_txn(const struct store_txn *txn, size_t most, struct tally *tally);

static enum store_status check_in_txn(const struct store_op *op, size_t most, struct tally *tally) {
    switch (op->kind) {
    case STORE_OP_PUT:
        tally->bytes += op->put.key.size + op->put.value.size;
        return check_put(&op->put);
    case STORE_OP_DELETE:
        tally->bytes += op->delete.span.key.size + op->delete.span.range_end.size;
        return check_span(&op->delete.span);
    case STORE_OP_RANGE:
        return check_span(&op->range.span);
    case STORE_OP_TXN:
        return check_txn(&op->txn, most, tally);
    default:
        return STORE_KEY_NOT_FOUND; /* etcd's word for an operation that is none */
    }
}

static enum store_status check_branch(const struct store_op *ops, size_t count, size_t most, struct tally *tally) {
    enum store_status status = STORE_OK;

    for (size_t i = 0; i < count && status == STORE_OK; i++) {
        status = check_in_txn(&ops[i], most, tally);
    }
    return status;
}

static size_t most_of(const struct store_txn *txn) {
    size_t most = txn->compare_count > txn->success_count ? txn->compare_count : txn->success_count;

    return most > txn->failure_count ? most : txn->failure_count;
}

/* `most` is how many operations a list may have here: each level of nesting leaves less to those within, as in etcd. */
static enum store_status check_txn(const struct store_txn *txn, size_t most, struct tally *tally) {
    size_t widest = most_of(txn);
    enum store_status status;

    tally->ops += txn->success_count + txn->failure_count + 1;
    if (widest > most || tally->ops > STORE_TXN_TOTAL_MAX) {
        return STORE_TOO_MANY_OPS;
    }
    for (size_t i = 0; i < txn->compare_count; i++) {
        tally->bytes += txn->compares[i].span.key.size + txn->compares[i].value.size;
        if (txn->compares[i].span.key.size == 0) {
            return STORE_EMPTY_KEY;
        }
    }
    status = check_branch(txn->success, txn->success_count, most - widest, tally);
    return status != STORE_OK ? status : check_branch(txn->failure, txn->failure_count, most - widest, tally);
}

/* --- no key twice --- */

/* What a list of operations may change. */
struct changes {
    const struct store_put **puts;
    size_t put_count;
    const struct store_span **deletes;
    size_t delete_count;
};

/* Both lists have room for every operation of the transaction, one behind the other; see check_overlap. */
static bool is_put(const struct changes *c, size_t from, size_t to, const struct store_put *put) {
    for (size_t i = from; i < to; i++) {
        if (slice_equal(c->puts[i]->key, put->key)) {
            return true;
        }
    }
    return false;
}

/* etcd knows no open end here: a range_end of one zero byte is a key like any other. But a put that keeps something of
 * what is deleted before it has no meaning; etcd 3.4.23 crashes. */
static bool deletes_key(const struct store_span *span, const struct store_put *put) {
    if (store_span_is_single(span)) {
        return slice_equal(span->key, put->key);
    }
    if (slice_compare(put->key, span->key) < 0) {
        return false;
    }
    return slice_compare(put->key, span->range_end) < 0 ||
           (store_span_is_open(span) && (put->ignore_value || put->ignore_lease));
}

static bool is_deleted(const struct changes *c, size_t from, size_t to, const struct store_put *put) {
    for (size_t i = from; i < to; i++) {
        if (deletes_key(c->deletes[i], put)) {
            return true;
        }
    }
    return false;
}

static enum store_status collect_changes(const struct store_op *ops, size_t count, struct changes *c);

/* The puts that a nested transaction added, from `from` on, must not meet those of its elder siblings, from `first` on, nor
 * the deletes of this level, [deletes_first, deletes_end). */
static enum store_status check_nested(const struct changes *c, size_t first, size_t from, size_t deletes_first,
                                      size_t deletes_end) {
    for (size_t i = from; i < c->put_count; i++) {
        if (is_put(c, first, from, c->puts[i]) || is_deleted(c, deletes_first, deletes_end, c->puts[i])) {
            return STORE_DUPLICATE_KEY;
        }
    }
    return STORE_OK;
}

/* The two branches of a nested transaction may change the same keys: only one of them is run. */
static enum store_status collect_nested(const struct store_txn *txn, struct changes *c, size_t puts_first,
                                        size_t deletes_first, size_t *deletes_end) {
    size_t puts_from = c->put_count;
    size_t deletes_from = c->delete_count;
    enum store_status status = collect_changes(txn->success, txn->success_count, c);

    if (status == STORE_OK) {
        status = check_nested(c, puts_first, puts_from, deletes_first, *deletes_end);
    }
    if (status == STORE_OK) {
        size_t then_end = c->put_count;

        status = collect_changes(txn->failure, txn->failure_count, c);
        for (size_t i = then_end; i < c->put_count && status == STORE_OK; i++) {
            if (is_put(c, puts_first, puts_from, c->puts[i]) ||
                is_deleted(c, deletes_first, deletes_from, c->puts[i])) {
                status = STORE_DUPLICATE_KEY;
            }
        }
    }
    *deletes_end = c->delete_count;
    return status;
}

static enum store_status collect_changes(const struct store_op *ops, size_t count, struct changes *c) {
    size_t puts_first = c->put_count;
    size_t deletes_first = c->delete_count;
    size_t deletes_end;

    for (size_t i = 0; i < count; i++) {
        if (ops[i].kind == STORE_OP_DELETE) {
            c->deletes[c->delete_count++] = &ops[i].delete.span;
        }
    }
    deletes_end = c->delete_count;
    for (size_t i = 0; i < count; i++) {
        if (ops[i].kind == STORE_OP_TXN) {
            enum store_status status = collect_nested(&ops[i].txn, c, puts_first, deletes_first, &deletes_end);

            if (status != STORE_OK) {
                return status;
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (ops[i].kind == STORE_OP_PUT) {
            const struct store_put *put = &ops[i].put;

            if (is_put(c, puts_first, c->put_count, put) || is_deleted(c, deletes_first, deletes_end, put)) {
                return STORE_DUPLICATE_KEY;
            }
            c->puts[c->put_count++] = put;
        }
    }
    return STORE_OK;
}

static enum store_status check_branch_overlap(const struct store_op *ops, size_t count) {
    const struct store_put *puts[STORE_TXN_TOTAL_MAX];
    const struct store_span *deletes[STORE_TXN_TOTAL_MAX];
    struct changes changes = {.puts = puts, .deletes = deletes};

    return collect_changes(ops, count, &changes);
}

static enum store_status check_whole_txn(const struct store_txn *txn) {
    struct tally tally = {0};
    enum store_status status = check_txn(txn, STORE_TXN_OPS_MAX, &tally);

    if (status == STORE_OK) {
        status = check_branch_overlap(txn->success, txn->success_count);
    }
    if (status == STORE_OK) {
        status = check_branch_overlap(txn->failure, txn->failure_count);
    }
    return status == STORE_OK && tally.bytes > STORE_REQUEST_MAX ? STORE_TOO_LARGE : status;
}

enum store_status check_op(const struct store_op *op) {
    enum store_status status;

    switch (op->kind) {
    case STORE_OP_RANGE:
        return check_span(&op->range.span);
    case STORE_OP_PUT:
        status = check_put(&op->put);
        return status == STORE_OK && op->put.key.size + op->put.value.size > STORE_REQUEST_MAX ? STORE_TOO_LARGE
                                                                                               : status;
    case STORE_OP_DELETE:
        return check_span(&op->delete.span);
    case STORE_OP_TXN:
        return check_whole_txn(&op->txn);
    case STORE_OP_LEASE_GRANT:
        return op->lease.ttl > STORE_LEASE_TTL_MAX ? STORE_LEASE_TTL_TOO_LARGE : STORE_OK;
    case STORE_OP_NOTE:
        return check_note(&op->note);
    default:
        return STORE_OK;
    }
}

static bool branch_writes(const struct store_op *ops, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (op_writes(&ops[i])) {
            return true;
        }
    }
    return false;
}

bool op_writes(const struct store_op *op) {
    switch (op->kind) {
    case STORE_OP_RANGE:
    case STORE_OP_LEASE_KEEP_ALIVE:
    case STORE_OP_LEASE_TTL:
    case STORE_OP_LEASE_LIST:
    case STORE_OP_AUDIT:
        return false;
    case STORE_OP_TXN:
        return branch_writes(op->txn.success, op->txn.success_count) ||
               branch_writes(op->txn.failure, op->txn.failure_count);
    default:
        return true;
    }
}
