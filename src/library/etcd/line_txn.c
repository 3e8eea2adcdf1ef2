/* SPDX-License-Identifier: Apache-2.0 */
#include "library/etcd/line_txn.h"

#include "store/span.h"

static struct store_compare compare_create(const struct place *place, int64_t revision) {
    return (struct store_compare){
        .span = {.key = place_key(place)}, .result = STORE_EQUAL, .target = STORE_COMPARE_CREATE, .number = revision};
}

static struct store_compare compare_own(const struct place *place) {
    struct store_compare compare = compare_create(place, place->revision);

    if (place->revision == 0) {
        compare.target = STORE_COMPARE_LEASE;
        compare.number = place->lease->id;
    }
    return compare;
}

static struct store_op put_op(const struct place *place, struct slice value) {
    return (struct store_op){.kind = STORE_OP_PUT,
                             .put = {.key = place_key(place), .value = value, .lease = place->lease->id}};
}

static void fill(struct line_txn *t, struct store_compare compare, size_t success_count, size_t failure_count) {
    t->compare = compare;
    t->op = (struct store_op){.kind = STORE_OP_TXN,
                              .txn = {.compares = &t->compare,
                                      .compare_count = 1,
                                      .success = t->success,
                                      .success_count = success_count,
                                      .failure = t->failure,
                                      .failure_count = failure_count}};
}

void line_first_op(struct slice prefix, char *end, struct store_op *ret_op) {
    *ret_op = (struct store_op){
        .kind = STORE_OP_RANGE,
        .range = {.span = store_span_of_prefix(prefix, end),
                  .limit = 1,
                  .order = STORE_SORT_ASCEND,
                  .target = STORE_SORT_CREATE},
    };
}

void line_txn_join(struct line_txn *t, const struct place *place, struct slice value, char *end) {
    t->success[0] = put_op(place, value);
    line_first_op(place_prefix(place), end, &t->success[1]);
    t->failure[0] = (struct store_op){.kind = STORE_OP_RANGE, .range = {.span = {.key = place_key(place)}}};
    t->failure[1] = t->success[1];
    fill(t, compare_create(place, 0), 2, 2);
}

void line_txn_look(struct line_txn *t, const struct place *place, char *end) {
    t->success[0] = (struct store_op){
        .kind = STORE_OP_RANGE,
        .range = {.span = store_span_of_prefix(place_prefix(place), end),
                  .limit = 1,
                  .order = STORE_SORT_DESCEND,
                  .target = STORE_SORT_CREATE,
                  .keys_only = true,
                  .max_create_revision = place->revision - 1},
    };
    fill(t, compare_create(place, place->revision), 1, 0);
}

void line_txn_rewrite(struct line_txn *t, const struct place *place, struct slice value) {
    t->success[0] = put_op(place, value);
    fill(t, compare_own(place), 1, 0);
}

void line_txn_leave(struct line_txn *t, const struct place *place) {
    t->success[0] = (struct store_op){.kind = STORE_OP_DELETE, .delete = {.span = {.key = place_key(place)}}};
    fill(t, compare_own(place), 1, 0);
}
