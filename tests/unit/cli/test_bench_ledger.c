/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cli/bench/ledger.h"

enum { KEYS = 4, NODES = 2, KEY = 3 };

static int set_up(void **state) {
    static struct ledger ledger;

    *state = &ledger;
    return ledger_init(&ledger, KEYS, NODES, 0x1234) == LARDER_OK ? 0 : -1;
}

static int tear_down(void **state) {
    ledger_fini(*state);
    return 0;
}

static void put(struct ledger *l, size_t node) {
    ledger_begin(l, KEY, false);
    ledger_acknowledge(l, KEY, node);
}

static void delete (struct ledger *l, size_t node) {
    ledger_begin(l, KEY, true);
    ledger_acknowledge(l, KEY, node);
}

static enum ledger_verdict judge(const struct ledger *l, uint64_t floor, uint64_t number) {
    char value[LEDGER_VALUE_SIZE];
    uint64_t seen;
    enum ledger_verdict verdict;

    ledger_value(l, KEY, number, value);
    verdict = ledger_judge_value(l, KEY, floor, slice_make(value, sizeof(value)), &seen);
    assert_true(verdict == LEDGER_FOREIGN || seen == number);
    return verdict;
}

static void an_older_value_is_stale(void **state) {
    struct ledger *l = *state;
    uint64_t floor;

    put(l, 0);
    put(l, 0);
    floor = ledger_floor(l, KEY);
    assert_int_equal(judge(l, floor, 1), LEDGER_STALE);
    assert_int_equal(judge(l, floor, 2), LEDGER_FRESH);
    assert_int_equal(judge(l, floor, 3), LEDGER_FOREIGN);
    assert_int_equal(ledger_judge_absent(l, KEY, floor), LEDGER_STALE);
    /* The read began before the third write, and may see it. */
    ledger_begin(l, KEY, false);
    assert_int_equal(judge(l, floor, 2), LEDGER_FRESH);
    assert_int_equal(judge(l, floor, 3), LEDGER_FRESH);
    ledger_acknowledge(l, KEY, 0);
    assert_int_equal(judge(l, floor, 2), LEDGER_FRESH);
    assert_int_equal(judge(l, ledger_floor(l, KEY), 2), LEDGER_STALE);
}

static void a_deleted_value_is_stale(void **state) {
    struct ledger *l = *state;
    uint64_t before;

    put(l, 0);
    assert_true(ledger_is_present(l, KEY));
    before = ledger_floor(l, KEY);
    ledger_begin(l, KEY, true);
    assert_false(ledger_is_free(l, KEY));
    assert_true(ledger_was_present(l, KEY));
    assert_int_equal(ledger_judge_absent(l, KEY, before), LEDGER_FRESH);
    assert_int_equal(judge(l, before, 1), LEDGER_FRESH);
    ledger_acknowledge(l, KEY, 0);
    assert_false(ledger_is_present(l, KEY));
    assert_int_equal(judge(l, ledger_floor(l, KEY), 1), LEDGER_STALE);
    assert_int_equal(ledger_judge_absent(l, KEY, ledger_floor(l, KEY)), LEDGER_FRESH);
    /* Put again, it must be there. */
    put(l, 0);
    assert_int_equal(ledger_judge_absent(l, KEY, ledger_floor(l, KEY)), LEDGER_STALE);
    assert_int_equal(ledger_judge_absent(l, KEY, before), LEDGER_FRESH);
}

static void a_refused_write_has_not_been(void **state) {
    struct ledger *l = *state;

    put(l, 0);
    ledger_begin(l, KEY, true);
    ledger_withdraw(l, KEY);
    assert_true(ledger_is_free(l, KEY));
    assert_true(ledger_is_present(l, KEY));
    assert_int_equal(ledger_floor(l, KEY), 1);
    assert_int_equal(ledger_judge_absent(l, KEY, 1), LEDGER_STALE);
    assert_int_equal(ledger_begin(l, KEY, false), 3);
}

static void a_node_answers_for_its_own_writes(void **state) {
    struct ledger *l = *state;

    put(l, 0);
    put(l, 1);
    delete (l, 0);
    put(l, 1);
    assert_int_equal(ledger_floor(l, KEY), 4);
    assert_int_equal(ledger_floor_by(l, KEY, 0), 3);
    assert_int_equal(ledger_floor_by(l, KEY, 1), 4);
    assert_int_equal(ledger_judge_absent(l, KEY, ledger_floor_by(l, KEY, 0)), LEDGER_FRESH);
    assert_int_equal(judge(l, ledger_floor_by(l, KEY, 0), 2), LEDGER_STALE);
    assert_int_equal(ledger_floor(l, 0), 0);
}

static void other_peoples_values(void **state) {
    struct ledger *l = *state;
    struct ledger other;
    char value[LEDGER_VALUE_SIZE];
    uint64_t seen;

    assert_int_equal(ledger_init(&other, KEYS, 1, 0x99), LARDER_OK);
    ledger_value(&other, KEY, 7, value);
    assert_int_equal(ledger_judge_value(l, KEY, 0, slice_make(value, sizeof(value)), &seen), LEDGER_FRESH);
    assert_int_equal(ledger_judge_value(l, KEY, 0, SLICE("anything"), &seen), LEDGER_FRESH);
    assert_int_equal(ledger_judge_absent(l, KEY, 0), LEDGER_FRESH);
    put(l, 0);
    assert_int_equal(ledger_judge_value(l, KEY, 1, slice_make(value, sizeof(value)), &seen), LEDGER_STALE);
    assert_int_equal(seen, 0);
    assert_int_equal(ledger_judge_value(l, KEY, 1, SLICE("anything"), &seen), LEDGER_FOREIGN);
    ledger_value(l, KEY - 1, 1, value);
    assert_int_equal(ledger_judge_value(l, KEY, 1, slice_make(value, sizeof(value)), &seen), LEDGER_FOREIGN);
    ledger_fini(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_older_value_is_stale, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_deleted_value_is_stale, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refused_write_has_not_been, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_node_answers_for_its_own_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_peoples_values, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
