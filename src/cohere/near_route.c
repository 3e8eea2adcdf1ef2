/* SPDX-License-Identifier: Apache-2.0 */
#include "cohere/near_internal.h"
#include "store/span.h"

/* Which part has which keys. */

static bool is_whole(const struct near_set *set) {
    return set->count == 1 && set->parts[0]->prefix.size == 0;
}

/* The last part that does not begin behind the key; prefixes are apart, so no other can have it. */
static struct near_part *find_before(const struct near_set *set, struct slice key) {
    size_t low = 0;
    size_t high = set->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (slice_compare(set->parts[middle]->prefix, key) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 ? set->parts[low - 1] : NULL;
}

struct near_part *near_find_key(const struct near_set *set, struct slice key) {
    struct near_part *part = find_before(set, key);

    return part != NULL && slice_has_prefix(key, part->prefix) ? part : NULL;
}

struct near_part *near_find_span(const struct near_set *set, const struct store_span *span) {
    struct near_part *part = near_find_key(set, span->key);

    return part != NULL && store_span_within(span, &part->span) ? part : NULL;
}

/* --- operations --- */

/* Goes through all spans of an operation. False: `look` did not want to go on. */
typedef bool look_fn(void *ctx, const struct store_span *span, bool written);

static bool look_at_txn(const struct store_txn *txn, look_fn *look, void *ctx);

static bool look_at_op(const struct store_op *op, look_fn *look, void *ctx) {
    struct store_span span = {0};

    switch (op->kind) {
    case STORE_OP_RANGE:
        return look(ctx, &op->range.span, false);
    case STORE_OP_PUT:
        span.key = op->put.key;
        return look(ctx, &span, true);
    case STORE_OP_DELETE:
        return look(ctx, &op->delete.span, true);
    case STORE_OP_TXN:
        return look_at_txn(&op->txn, look, ctx);
    default:
        return true;
    }
}

static bool look_at_ops(const struct store_op *ops, size_t count, look_fn *look, void *ctx) {
    size_t i = 0;

    while (i < count && look_at_op(&ops[i], look, ctx)) {
        i++;
    }
    return i == count;
}

static bool look_at_txn(const struct store_txn *txn, look_fn *look, void *ctx) {
    for (size_t i = 0; i < txn->compare_count; i++) {
        if (!look(ctx, &txn->compares[i].span, false)) {
            return false;
        }
    }
    return look_at_ops(txn->success, txn->success_count, look, ctx) &&
           look_at_ops(txn->failure, txn->failure_count, look, ctx);
}

struct finding {
    const struct near_set *set;
    struct near_part *part;
};

static bool look_for_one(void *ctx, const struct store_span *span, bool written) {
    struct finding *f = ctx;
    struct near_part *part = near_find_span(f->set, span);

    (void)written;
    if (part == NULL || (f->part != NULL && f->part != part)) {
        f->part = NULL;
        return false;
    }
    f->part = part;
    return true;
}

struct near_part *near_find_op(const struct near_set *set, const struct store_op *op) {
    struct finding f = {.set = set};

    if (is_whole(set)) {
        return set->parts[0];
    }
    (void)look_at_op(op, look_for_one, &f);
    return f.part;
}

/* --- what a write may change --- */

/* Whether all keys of `a` are below those of `b`. */
static bool is_below(const struct store_span *a, const struct store_span *b) {
    if (store_span_is_single(a)) {
        return slice_compare(a->key, b->key) < 0;
    }
    return !store_span_is_open(a) && slice_compare(a->range_end, b->key) <= 0;
}

static bool look_for_touch(void *ctx, const struct store_span *span, bool written) {
    const struct near_part *part = ctx;

    return !written || is_below(span, &part->span) || is_below(&part->span, span);
}

static bool look_for_meeting(void *ctx, const struct store_span *span, bool written) {
    (void)written;
    return look_for_touch(ctx, span, true);
}

bool near_meets(const struct near_part *part, const struct store_op *op) {
    return op->kind == STORE_OP_LEASE_REVOKE || !look_at_op(op, look_for_meeting, (void *)(uintptr_t)part);
}

bool near_touches(const struct near_part *part, const struct store_op *op) {
    /* Which keys a lease takes along is known to the cluster alone. */
    return op->kind == STORE_OP_LEASE_REVOKE || !look_at_op(op, look_for_touch, (void *)(uintptr_t)part);
}
