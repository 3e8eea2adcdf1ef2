/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "store/etcd/order.h"

/* In which order an engine that asks a cluster sends writes. */

enum { WRITES = 8 };

struct rig {
    struct etcd_order *order;
    struct store_op ops[WRITES];
    struct etcd_turn turns[WRITES];
};

static int setup(void **state) {
    struct rig *rig = calloc(1, sizeof(*rig));

    assert_non_null(rig);
    rig->order = etcd_order_new(1);
    assert_non_null(rig->order);
    *state = rig;
    return 0;
}

static int teardown(void **state) {
    struct rig *rig = *state;

    etcd_order_free(rig->order);
    free(rig);
    return 0;
}

static void add(struct rig *rig, size_t i, struct store_op op) {
    rig->ops[i] = op;
    rig->turns[i] = (struct etcd_turn){.op = &rig->ops[i]};
    assert_true(etcd_order_add(rig->order, &rig->turns[i]));
}

static struct store_op put(const char *key) {
    return (struct store_op){.kind = STORE_OP_PUT, .put.key = slice_from_string(key)};
}

static struct store_op delete_range(const char *key, const char *end) {
    return (struct store_op){
        .kind = STORE_OP_DELETE,
        .delete.span = {.key = slice_from_string(key), .range_end = slice_from_string(end)},
    };
}

static void assert_next(struct rig *rig, size_t i) {
    assert_ptr_equal(etcd_order_take(rig->order), &rig->turns[i]);
}

static void assert_none(struct rig *rig) {
    assert_null(etcd_order_take(rig->order));
}

static void end(struct rig *rig, size_t i) {
    etcd_order_end(rig->order, &rig->turns[i]);
}

static void writes_of_other_keys_do_not_wait(void **state) {
    struct rig *rig = *state;

    add(rig, 0, put("a"));
    add(rig, 1, put("b"));
    add(rig, 2, put("c"));
    assert_next(rig, 0);
    assert_next(rig, 1);
    assert_next(rig, 2);
    assert_none(rig);
    end(rig, 2);
    end(rig, 0);
    end(rig, 1);
}

static void writes_of_one_key_go_one_by_one(void **state) {
    struct rig *rig = *state;

    add(rig, 0, put("a"));
    add(rig, 1, put("a"));
    add(rig, 2, put("a"));
    assert_next(rig, 0);
    assert_none(rig);
    end(rig, 0);
    assert_next(rig, 1);
    assert_none(rig);
    end(rig, 1);
    assert_next(rig, 2);
    end(rig, 2);
    add(rig, 3, put("a"));
    assert_next(rig, 3);
    end(rig, 3);
}

/* It compares one key, changes another and reads a third; two of them are under way already. */
static void a_transaction_waits_for_all_its_keys(void **state) {
    struct rig *rig = *state;
    const struct store_compare compare = {.span.key = SLICE("a")};
    const struct store_op success = put("b");
    const struct store_op failure = {.kind = STORE_OP_RANGE, .range.span.key = SLICE("c")};
    const struct store_op txn = {
        .kind = STORE_OP_TXN,
        .txn = {.compares = &compare,
                .compare_count = 1,
                .success = &success,
                .success_count = 1,
                .failure = &failure,
                .failure_count = 1},
    };

    add(rig, 0, put("a"));
    add(rig, 1, put("c"));
    add(rig, 2, txn);
    add(rig, 3, put("b"));
    add(rig, 4, put("d"));
    assert_next(rig, 0);
    assert_next(rig, 1);
    assert_next(rig, 4);
    assert_none(rig);
    end(rig, 1);
    assert_none(rig);
    end(rig, 0);
    assert_next(rig, 2);
    assert_none(rig);
    end(rig, 2);
    assert_next(rig, 3);
    end(rig, 3);
    end(rig, 4);
}

/* The same key in a compare and in both branches. */
static void a_transaction_does_not_wait_for_itself(void **state) {
    struct rig *rig = *state;
    const struct store_compare compare = {.span.key = SLICE("a")};
    const struct store_op ops[2] = {put("a"), put("b")};
    const struct store_op txn = {
        .kind = STORE_OP_TXN,
        .txn = {.compares = &compare,
                .compare_count = 1,
                .success = ops,
                .success_count = 2,
                .failure = ops,
                .failure_count = 2},
    };

    add(rig, 0, txn);
    add(rig, 1, put("b"));
    assert_next(rig, 0);
    assert_none(rig);
    end(rig, 0);
    assert_next(rig, 1);
    end(rig, 1);
}

static void a_range_waits_for_all_and_all_wait_for_it(void **state) {
    struct rig *rig = *state;

    add(rig, 0, put("a"));
    add(rig, 1, put("x"));
    add(rig, 2, delete_range("a", "b"));
    add(rig, 3, put("y"));
    add(rig, 4, delete_range("c", "d"));
    add(rig, 5, put("z"));
    assert_next(rig, 0);
    assert_next(rig, 1);
    assert_none(rig);
    end(rig, 0);
    assert_none(rig);
    end(rig, 1);
    assert_next(rig, 2);
    assert_none(rig);
    end(rig, 2);
    assert_next(rig, 3);
    assert_none(rig);
    end(rig, 3);
    assert_next(rig, 4);
    end(rig, 4);
    assert_next(rig, 5);
    end(rig, 5);
}

static void reads_and_leases_are_in_no_order(void **state) {
    const struct store_op range = {.kind = STORE_OP_RANGE, .range.span.key = SLICE("a")};
    const struct store_op grant = {.kind = STORE_OP_LEASE_GRANT, .lease.ttl = 10};
    const struct store_op reads = {.kind = STORE_OP_TXN, .txn = {.success = &range, .success_count = 1}};
    const struct store_op written = put("a");
    const struct store_op inner = {.kind = STORE_OP_TXN, .txn = {.failure = &written, .failure_count = 1}};
    const struct store_op nested = {.kind = STORE_OP_TXN, .txn = {.success = &inner, .success_count = 1}};

    (void)state;
    assert_false(etcd_order_counts(&range));
    assert_false(etcd_order_counts(&grant));
    assert_false(etcd_order_counts(&reads));
    assert_true(etcd_order_counts(&written));
    assert_true(etcd_order_counts(&nested));
}

/* Many writes of few keys, ended in any order: of each key they are taken in the order they were added, one at a time. */
static void nothing_overtakes(void **state) {
    enum { MANY = 20000, KEYS = 5 };
    static const char *const keys[KEYS] = {"a", "b", "c", "d", "e"};
    struct rig *rig = *state;
    struct store_op *ops = calloc(MANY, sizeof(*ops));
    struct etcd_turn *turns = calloc(MANY, sizeof(*turns));
    struct etcd_turn *under_way[MANY];
    size_t count = 0;
    size_t added = 0;
    size_t ended = 0;
    size_t last[KEYS] = {0};
    bool busy[KEYS] = {false};
    struct random random;

    random_init(&random, 5);
    while (ended < MANY) {
        struct etcd_turn *turn;

        if (added < MANY && random_next(&random) % 2 == 0) {
            size_t key = random_next(&random) % KEYS;

            ops[added] = random_next(&random) % 50 == 0 ? delete_range("a", "z") : put(keys[key]);
            turns[added].op = &ops[added];
            assert_true(etcd_order_add(rig->order, &turns[added]));
            added++;
        }
        while ((turn = etcd_order_take(rig->order)) != NULL) {
            size_t place = (size_t)(turn - turns);

            for (size_t key = 0; key < KEYS; key++) {
                bool names = turn->op->kind == STORE_OP_DELETE || turn->op->put.key.data[0] == keys[key][0];

                if (names) {
                    assert_false(busy[key]);
                    assert_true(last[key] == 0 || last[key] <= place);
                    busy[key] = true;
                    last[key] = place;
                }
            }
            under_way[count++] = turn;
        }
        if (count > 0 && random_next(&random) % 2 == 0) {
            size_t which = random_next(&random) % count;

            turn = under_way[which];
            under_way[which] = under_way[--count];
            for (size_t key = 0; key < KEYS; key++) {
                if (turn->op->kind == STORE_OP_DELETE || turn->op->put.key.data[0] == keys[key][0]) {
                    busy[key] = false;
                }
            }
            etcd_order_end(rig->order, turn);
            ended++;
        }
    }
    free(turns);
    free(ops);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(writes_of_other_keys_do_not_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(writes_of_one_key_go_one_by_one, setup, teardown),
        cmocka_unit_test_setup_teardown(a_transaction_waits_for_all_its_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(a_transaction_does_not_wait_for_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(a_range_waits_for_all_and_all_wait_for_it, setup, teardown),
        cmocka_unit_test_setup_teardown(reads_and_leases_are_in_no_order, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_overtakes, setup, teardown),
    };

    return cmocka_run_group_tests_name("store-etcd-order", tests, NULL, NULL);
}
