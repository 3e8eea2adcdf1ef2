/* SPDX-License-Identifier: Apache-2.0 */
#include "library/etcd/translate.h"

#include "store/span.h"

struct translation {
    struct arena *arena;
    const char **ret_why;
    size_t ops; /* so far, of all transactions */
    size_t depth;
};

static enum larder_status refuse(const char **ret_why, enum larder_status status, const char *why) {
    *ret_why = why;
    return status;
}

static enum larder_status out_of_memory(const char **ret_why) {
    return refuse(ret_why, LARDER_ERR_NO_MEMORY, "out of memory");
}

static enum larder_status translate_prefix(struct slice prefix, struct arena *arena, struct store_span *ret_span,
                                           const char **ret_why) {
    char *place = arena_alloc(arena, prefix.size + 1);

    if (place == NULL) {
        return out_of_memory(ret_why);
    }
    *ret_span = store_span_of_prefix(prefix, place);
    return LARDER_DONE;
}

enum larder_status translate_span(const struct larder_etcd_span *span, struct arena *arena, struct store_span *ret_span,
                                  const char **ret_why) {
    struct slice key = bytes_given(span->key, span->key_size), end = SLICE("");

    if (key.size == 0 && (span->which == LARDER_ETCD_ONE || span->which == LARDER_ETCD_UNTIL)) {
        return refuse(ret_why, LARDER_ERR_KEY, "a key is empty");
    }
    switch (span->which) {
    case LARDER_ETCD_ONE:
        break;
    case LARDER_ETCD_PREFIX:
        return translate_prefix(key, arena, ret_span, ret_why);
    case LARDER_ETCD_FROM:
        end = slice_make("\0", 1);
        key = key.size > 0 ? key : end;
        break;
    case LARDER_ETCD_UNTIL:
        end = bytes_given(span->end, span->end_size);
        if (end.size == 0) {
            return refuse(ret_why, LARDER_ERR_INVALID, "a span up to an end has none");
        }
        break;
    default:
        return refuse(ret_why, LARDER_ERR_INVALID, "a span of a kind that is unknown");
    }
    *ret_span = (struct store_span){.key = key, .range_end = end};
    return LARDER_DONE;
}

static enum larder_status translate_range(struct translation *t, const struct larder_etcd_range *range,
                                          struct store_range *ret_range) {
    static const enum store_sort_target targets[] = {
        [LARDER_ETCD_BY_KEY] = STORE_SORT_KEY,
        [LARDER_ETCD_BY_VERSION] = STORE_SORT_VERSION,
        [LARDER_ETCD_BY_CREATE_REVISION] = STORE_SORT_CREATE,
        [LARDER_ETCD_BY_MOD_REVISION] = STORE_SORT_MOD,
        [LARDER_ETCD_BY_VALUE] = STORE_SORT_VALUE,
    };
    static const enum store_sort_order orders[] = {
        [LARDER_ETCD_UNORDERED] = STORE_SORT_NONE,
        [LARDER_ETCD_ASCENDING] = STORE_SORT_ASCEND,
        [LARDER_ETCD_DESCENDING] = STORE_SORT_DESCEND,
    };

    if ((unsigned)range->by > LARDER_ETCD_BY_VALUE || (unsigned)range->order > LARDER_ETCD_DESCENDING) {
        return refuse(t->ret_why, LARDER_ERR_INVALID, "a range cannot be sorted by that");
    }
    *ret_range = (struct store_range){
        .revision = range->revision,
        .limit = range->limit,
        .order = orders[range->order],
        .target = targets[range->by],
        .serializable = range->serializable,
        .keys_only = range->keys_only,
        .count_only = range->count_only,
        .min_mod_revision = range->min_mod_revision,
        .max_mod_revision = range->max_mod_revision,
        .min_create_revision = range->min_create_revision,
        .max_create_revision = range->max_create_revision,
    };
    return translate_span(&range->span, t->arena, &ret_range->span, t->ret_why);
}

static enum larder_status translate_put(struct translation *t, const struct larder_etcd_put *put,
                                        struct store_put *ret_put) {
    if (put->key_size == 0) {
        return refuse(t->ret_why, LARDER_ERR_KEY, "a key is empty");
    }
    *ret_put = (struct store_put){
        .key = bytes_given(put->key, put->key_size),
        .value = bytes_given(put->value, put->value_size),
        .lease = put->lease,
        .want_previous = put->want_previous,
        .ignore_value = put->ignore_value,
        .ignore_lease = put->ignore_lease,
    };
    return LARDER_DONE;
}

static enum larder_status translate_compare(struct translation *t, const struct larder_etcd_compare *compare,
                                            struct store_compare *ret_compare) {
    static const enum store_compare_target targets[] = {
        [LARDER_ETCD_BY_VERSION] = STORE_COMPARE_VERSION,  [LARDER_ETCD_BY_CREATE_REVISION] = STORE_COMPARE_CREATE,
        [LARDER_ETCD_BY_MOD_REVISION] = STORE_COMPARE_MOD, [LARDER_ETCD_BY_VALUE] = STORE_COMPARE_VALUE,
        [LARDER_ETCD_BY_LEASE] = STORE_COMPARE_LEASE,
    };
    static const enum store_compare_result relations[] = {
        [LARDER_ETCD_EQUAL] = STORE_EQUAL,
        [LARDER_ETCD_GREATER] = STORE_GREATER,
        [LARDER_ETCD_LESS] = STORE_LESS,
        [LARDER_ETCD_NOT_EQUAL] = STORE_NOT_EQUAL,
    };

    if (compare->field == LARDER_ETCD_BY_KEY || (unsigned)compare->field > LARDER_ETCD_BY_LEASE ||
        (unsigned)compare->relation > LARDER_ETCD_NOT_EQUAL) {
        return refuse(t->ret_why, LARDER_ERR_INVALID, "that cannot be compared");
    }
    *ret_compare = (struct store_compare){
        .result = relations[compare->relation],
        .target = targets[compare->field],
        .number = compare->number,
        .value = bytes_given(compare->value, compare->value_size),
    };
    return translate_span(&compare->span, t->arena, &ret_compare->span, t->ret_why);
}

static enum larder_status translate_one(struct translation *t, const struct larder_etcd_op *op,
                                        struct store_op *ret_op);

static enum larder_status translate_ops(struct translation *t, const struct larder_etcd_op *ops, size_t count,
                                        const struct store_op **ret_ops) {
    struct store_op *made = arena_calloc(t->arena, count + 1, sizeof(*made));
    enum larder_status status = LARDER_DONE;

    if (made == NULL) {
        return out_of_memory(t->ret_why);
    }
    for (size_t i = 0; i < count && status == LARDER_DONE; i++) {
        if (ops[i].kind == LARDER_ETCD_COMPACT) {
            return refuse(t->ret_why, LARDER_ERR_INVALID, "a transaction cannot compact");
        }
        status = translate_one(t, &ops[i], &made[i]);
    }
    *ret_ops = made;
    return status;
}

static enum larder_status translate_compares(struct translation *t, const struct larder_etcd_txn *txn,
                                             const struct store_compare **ret_compares) {
    struct store_compare *made = arena_calloc(t->arena, txn->compare_count + 1, sizeof(*made));
    enum larder_status status = LARDER_DONE;

    if (made == NULL) {
        return out_of_memory(t->ret_why);
    }
    for (size_t i = 0; i < txn->compare_count && status == LARDER_DONE; i++) {
        status = translate_compare(t, &txn->compares[i], &made[i]);
    }
    *ret_compares = made;
    return status;
}

/* Adds with a ceiling, so that no count is too large to add. */
static bool add_ops(struct translation *t, size_t count) {
    t->ops = count > LARDER_ETCD_OPS_MAX ? SIZE_MAX / 2 : t->ops + count;
    return t->ops <= LARDER_ETCD_OPS_MAX;
}

static enum larder_status translate_txn(struct translation *t, const struct larder_etcd_txn *txn,
                                        struct store_txn *ret_txn) {
    enum larder_status status;

    if (t->depth >= LARDER_ETCD_TXN_DEPTH_MAX || !add_ops(t, txn->compare_count) || !add_ops(t, txn->success_count) ||
        !add_ops(t, txn->failure_count)) {
        return refuse(t->ret_why, LARDER_ERR_TOO_LARGE, "the transaction has too many operations");
    }
    *ret_txn = (struct store_txn){
        .compare_count = txn->compare_count,
        .success_count = txn->success_count,
        .failure_count = txn->failure_count,
    };
    t->depth++;
    status = translate_compares(t, txn, &ret_txn->compares);
    if (status == LARDER_DONE) {
        status = translate_ops(t, txn->success, txn->success_count, &ret_txn->success);
    }
    if (status == LARDER_DONE) {
        status = translate_ops(t, txn->failure, txn->failure_count, &ret_txn->failure);
    }
    t->depth--;
    return status;
}

static enum larder_status translate_one(struct translation *t, const struct larder_etcd_op *op,
                                        struct store_op *ret_op) {
    switch (op->kind) {
    case LARDER_ETCD_RANGE:
        ret_op->kind = STORE_OP_RANGE;
        return translate_range(t, &op->range, &ret_op->range);
    case LARDER_ETCD_PUT:
        ret_op->kind = STORE_OP_PUT;
        return translate_put(t, &op->put, &ret_op->put);
    case LARDER_ETCD_DELETE:
        ret_op->kind = STORE_OP_DELETE;
        ret_op->delete = (struct store_delete){.want_previous = op->remove.want_previous};
        return translate_span(&op->remove.span, t->arena, &ret_op->delete.span, t->ret_why);
    case LARDER_ETCD_TXN:
        ret_op->kind = STORE_OP_TXN;
        return translate_txn(t, &op->txn, &ret_op->txn);
    case LARDER_ETCD_COMPACT:
        ret_op->kind = STORE_OP_COMPACT;
        ret_op->compact_revision = op->compact.revision;
        ret_op->compact_physical = op->compact.physical;
        return LARDER_DONE;
    default:
        return refuse(t->ret_why, LARDER_ERR_INVALID, "an operation of a kind that is unknown");
    }
}

enum larder_status translate_op(const struct larder_etcd_op *op, struct arena *arena, struct store_op *ret_op,
                                const char **ret_why) {
    struct translation t = {.arena = arena, .ret_why = ret_why};

    return translate_one(&t, op, ret_op);
}
