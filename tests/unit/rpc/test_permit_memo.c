/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/permit_memo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct store_span key = {.key = {"key", 3}};
static const struct store_span range = {.key = {"key", 3}, .range_end = {"kez", 3}};

static int begin(void **state) {
    *state = permit_memo_new(7);
    return *state == NULL;
}

static int end(void **state) {
    permit_memo_free(*state);
    return 0;
}

static void it_is_of_one_token_and_one_span(void **state) {
    struct permit_memo *memo = *state;

    permit_memo_put(memo, SLICE("token"), &key, 100);
    assert_true(permit_memo_has(memo, SLICE("token"), &key, 100));
    assert_true(permit_memo_has(memo, SLICE("token"), &key, 99));
    assert_false(permit_memo_has(memo, SLICE("token"), &key, 101));
    assert_false(permit_memo_has(memo, SLICE("other"), &key, 0));
    assert_false(permit_memo_has(memo, SLICE("token"), &range, 0));
}

static void what_is_asked_again_is_newer_never_older(void **state) {
    struct permit_memo *memo = *state;

    permit_memo_put(memo, SLICE("token"), &key, 100);
    permit_memo_put(memo, SLICE("token"), &key, 200);
    permit_memo_put(memo, SLICE("token"), &key, 150);
    assert_true(permit_memo_has(memo, SLICE("token"), &key, 200));
    assert_int_equal(permit_memo_count(memo), 1);
}

static void bytes_do_not_run_into_each_other(void **state) {
    struct permit_memo *memo = *state;
    const struct store_span other = {.key = SLICE("nkey")};

    permit_memo_put(memo, SLICE("token"), &key, 100);
    assert_false(permit_memo_has(memo, SLICE("toke"), &other, 0));
}

static void it_forgets_one_a_token_and_all(void **state) {
    struct permit_memo *memo = *state;

    permit_memo_put(memo, SLICE("a"), &key, 1);
    permit_memo_put(memo, SLICE("a"), &range, 1);
    permit_memo_put(memo, SLICE("b"), &key, 1);
    permit_memo_forget(memo, SLICE("a"), &range);
    permit_memo_forget(memo, SLICE("b"), &range);
    assert_int_equal(permit_memo_count(memo), 2);
    permit_memo_drop(memo, SLICE("a"));
    assert_false(permit_memo_has(memo, SLICE("a"), &key, 0));
    assert_true(permit_memo_has(memo, SLICE("b"), &key, 0));
    permit_memo_clear(memo);
    assert_int_equal(permit_memo_count(memo), 0);
}

static struct store_span numbered(char text[16], int number) {
    snprintf(text, 16, "key%d", number);
    return (struct store_span){.key = slice_from_string(text)};
}

static void the_least_recently_used_goes_first(void **state) {
    struct permit_memo *memo = *state;
    struct store_span span;
    char text[16];

    for (int i = 0; i < PERMIT_MEMO_MAX; i++) {
        span = numbered(text, i);
        permit_memo_put(memo, SLICE("token"), &span, 1);
    }
    span = numbered(text, 0);
    assert_true(permit_memo_has(memo, SLICE("token"), &span, 0)); /* used again */
    permit_memo_put(memo, SLICE("token"), &range, 1);
    assert_int_equal(permit_memo_count(memo), PERMIT_MEMO_MAX);
    assert_true(permit_memo_has(memo, SLICE("token"), &span, 0));
    span = numbered(text, 1);
    assert_false(permit_memo_has(memo, SLICE("token"), &span, 0));
}

static void what_is_long_is_not_remembered(void **state) {
    struct permit_memo *memo = *state;
    static const char long_key[PERMIT_MEMO_BYTES_MAX];
    const struct store_span span = {.key = {long_key, sizeof(long_key)}};

    permit_memo_put(memo, SLICE("t"), &span, 1);
    assert_int_equal(permit_memo_count(memo), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(it_is_of_one_token_and_one_span),    TEST(what_is_asked_again_is_newer_never_older),
        TEST(bytes_do_not_run_into_each_other),   TEST(it_forgets_one_a_token_and_all),
        TEST(the_least_recently_used_goes_first), TEST(what_is_long_is_not_remembered),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
