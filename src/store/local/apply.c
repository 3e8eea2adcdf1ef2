/* SPDX-License-Identifier: Apache-2.0 */
#include "store/local/change.h"

/* What the batch compacts is compacted for all calls after that. */
static int64_t compacted_now(const struct local *s) {
    int64_t compacted = atomic_load_explicit(&s->compacted, memory_order_relaxed);

    return s->batch.compact > compacted ? s->batch.compact : compacted;
}

static uint64_t bytes_now(const struct local *s) {
    return (uint64_t)((int64_t)atomic_load_explicit(&s->bytes, memory_order_relaxed) + s->batch.bytes);
}

/* What can stand against a put now. */
static enum store_status check_old(struct local *s, const struct store_put *put) {
    const struct key_entry *e;

    if (!put->ignore_value && !put->ignore_lease) {
        return STORE_OK;
    }
    e = key_entry_of(key_tree_find(&s->index, put->key));
    return e == NULL || key_entry_at(e, s->batch.main) == NULL ? STORE_KEY_NOT_FOUND : STORE_OK;
}

static enum store_status check_lease(struct local *s, const struct store_put *put) {
    return put->lease != 0 && lease_find(&s->leases, put->lease) == NULL ? STORE_LEASE_NOT_FOUND : STORE_OK;
}

/* Within a transaction etcd looks for the key first, otherwise for the lease. */
static enum store_status check_put_in_txn(struct local *s, const struct store_put *put) {
    enum store_status status = check_old(s, put);

    return status == STORE_OK ? check_lease(s, put) : status;
}

static enum store_status check_quota(struct local *s, uint64_t more) {
    bool full = bytes_now(s) + more > s->config.quota;

    if (full) {
        atomic_store(&s->full, true);
    }
    return full ? STORE_NO_SPACE : STORE_OK;
}

static uint64_t put_footprint(const struct store_put *put) {
    return record_footprint(RECORD_HEADER_SIZE + put->key.size + put->value.size);
}

/* --- TXN --- */

static enum store_status write_op(struct local *s, const struct store_op *op, struct arena *arena,
                                  struct store_result *result) {
    return op->kind == STORE_OP_PUT ? change_put(s, &op->put, arena, result)
                                    : change_delete(s, &op->delete, arena, result);
}

/* Checks the operations of one kind along the path, in etcd's order: first all puts, then all ranges. */
static enum store_status check_along(struct local *s, const struct store_txn *txn, struct txn_path *path,
                                     enum store_op_kind kind, uint64_t *footprint) {
    bool succeeded = path->succeeded[path->at++];
    const struct store_op *ops = succeeded ? txn->success : txn->failure;
    size_t count = succeeded ? txn->success_count : txn->failure_count;
    enum store_status status = STORE_OK;

    for (size_t i = 0; i < count && status == STORE_OK; i++) {
        if (ops[i].kind == STORE_OP_TXN) {
            status = check_along(s, &ops[i].txn, path, kind, footprint);
        } else if (ops[i].kind == kind && kind == STORE_OP_PUT) {
            *footprint += put_footprint(&ops[i].put);
            status = check_put_in_txn(s, &ops[i].put);
        } else if (ops[i].kind == kind) {
            status = check_revision(ops[i].range.revision, s->batch.revision, compacted_now(s));
        }
    }
    return status;
}

static enum store_status check_txn_now(struct local *s, const struct store_txn *txn, struct txn_path *path) {
    uint64_t footprint = 0;
    enum store_status status = check_along(s, txn, path, STORE_OP_PUT, &footprint);

    path->at = 0;
    if (status == STORE_OK) {
        status = check_along(s, txn, path, STORE_OP_RANGE, &footprint);
    }
    path->at = 0;
    return status == STORE_OK && footprint > 0 ? check_quota(s, footprint) : status;
}

static enum store_status apply_txn(struct local *s, struct store_call *call) {
    struct view view = batch_view(s);
    struct txn_path path;
    enum store_status status = txn_path_find(&view, &call->op.txn, &call->arena, &path);

    if (status != STORE_OK) {
        return status;
    }
    call->status = check_txn_now(s, &call->op.txn, &path);
    if (call->status != STORE_OK) {
        return STORE_OK;
    }
    return txn_run(&view, &call->op.txn, &path, &call->arena, write_op, &call->result);
}

/* --- compaction --- */

static enum store_status compact(struct local *s, struct store_call *call) {
    int64_t revision = call->op.compact_revision;

    if (revision <= compacted_now(s)) {
        call->status = STORE_COMPACTED;
        return STORE_OK;
    }
    if (revision > s->batch.revision) {
        call->status = STORE_FUTURE_REVISION;
        return STORE_OK;
    }
    return batch_compact(&s->batch, revision);
}

/* --- all of them --- */

static enum store_status apply_put(struct local *s, struct store_call *call) {
    const struct store_put *op = &call->op.put;

    call->status = check_lease(s, op);
    if (call->status == STORE_OK) {
        call->status = check_old(s, op);
    }
    if (call->status == STORE_OK) {
        call->status = check_quota(s, put_footprint(op));
    }
    return call->status == STORE_OK ? change_put(s, op, &call->arena, &call->result) : STORE_OK;
}

static enum store_status apply(struct local *s, struct store_call *call) {
    switch (call->op.kind) {
    case STORE_OP_PUT:
        return apply_put(s, call);
    case STORE_OP_DELETE:
        return change_delete(s, &call->op.delete, &call->arena, &call->result);
    case STORE_OP_TXN:
        return apply_txn(s, call);
    case STORE_OP_COMPACT:
        return compact(s, call);
    case STORE_OP_LEASE_GRANT:
        return change_grant(s, call);
    case STORE_OP_NOTE:
        return change_note(s, call);
    default:
        return change_revoke(s, call);
    }
}

enum store_status apply_call(struct local *s, struct store_call *call) {
    struct batch *b = &s->batch;
    enum store_status status;

    b->main = b->revision + 1;
    b->sub = 0;
    call->status = STORE_OK;
    call->result.kind = call->op.kind;
    status = apply(s, call);
    if (b->sub > 0) {
        b->revision = b->main;
    }
    call->revision = b->revision;
    /* What failed before it changed anything fails alone. */
    if (status != STORE_OK && b->sub == 0 && !b->broken) {
        call->status = status;
        return STORE_OK;
    }
    return status;
}
