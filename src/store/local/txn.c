/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "store/local/internal.h"

enum { PATH_MIN = 8 };

static enum store_status path_add(struct txn_path *path, struct arena *arena, bool succeeded) {
    if (path->count == path->capacity) {
        size_t capacity = path->capacity == 0 ? PATH_MIN : path->capacity * 2;
        bool *flags = arena_alloc(arena, capacity * sizeof(*flags));

        if (flags == NULL) {
            return STORE_NO_MEMORY;
        }
        if (path->count > 0) {
            memcpy(flags, path->succeeded, path->count * sizeof(*flags));
        }
        path->succeeded = flags;
        path->capacity = capacity;
    }
    path->succeeded[path->count++] = succeeded;
    return STORE_OK;
}

static const struct store_op *branch_of(const struct store_txn *txn, bool succeeded, size_t *ret_count) {
    *ret_count = succeeded ? txn->success_count : txn->failure_count;
    return succeeded ? txn->success : txn->failure;
}

static enum store_status find_below(const struct view *v, const struct store_txn *txn, struct arena *arena,
                                    struct txn_path *path) {
    const struct store_op *ops;
    size_t count;
    bool succeeded;
    enum store_status status = compare_all(v, txn, &succeeded);

    if (status == STORE_OK) {
        status = path_add(path, arena, succeeded);
    }
    ops = branch_of(txn, succeeded, &count);
    for (size_t i = 0; i < count && status == STORE_OK; i++) {
        if (ops[i].kind == STORE_OP_TXN) {
            status = find_below(v, &ops[i].txn, arena, path);
        }
    }
    return status;
}

enum store_status txn_path_find(const struct view *v, const struct store_txn *txn, struct arena *arena,
                                struct txn_path *ret_path) {
    *ret_path = (struct txn_path){0};
    return find_below(v, txn, arena, ret_path);
}

static enum store_status run_range(const struct view *v, const struct store_range *r, struct arena *arena,
                                   struct store_result *result) {
    struct view then = *v;
    struct selection selection;
    enum store_status status;

    if (r->revision > 0) {
        then.revision = r->revision;
    }
    status = range_collect(&then, r, &selection);
    if (status == STORE_OK) {
        status = range_fetch(&then, &selection, arena, result);
    }
    selection_fini(&selection);
    return status;
}

enum store_status txn_run(struct view *v, const struct store_txn *txn, struct txn_path *path, struct arena *arena,
                          txn_write_fn *write, struct store_result *result) {
    enum store_status status = STORE_OK;
    const struct store_op *ops;
    size_t count;

    result->kind = STORE_OP_TXN;
    result->succeeded = path->succeeded[path->at++];
    ops = branch_of(txn, result->succeeded, &count);
    result->results = arena_calloc(arena, count + 1, sizeof(*result->results));
    if (result->results == NULL) {
        return STORE_NO_MEMORY;
    }
    result->result_count = count;
    for (size_t i = 0; i < count && status == STORE_OK; i++) {
        struct store_result *one = &result->results[i];

        one->kind = ops[i].kind;
        switch (ops[i].kind) {
        case STORE_OP_RANGE:
            status = run_range(v, &ops[i].range, arena, one);
            break;
        case STORE_OP_TXN:
            status = txn_run(v, &ops[i].txn, path, arena, write, one);
            break;
        default:
            status = write(v->store, &ops[i], arena, one);
            break;
        }
    }
    return status;
}
