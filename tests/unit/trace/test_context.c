/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#include "trace/context.h"

#define IDS "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"

static void test_parent_there_and_back(void **state) {
    static const struct {
        const char *text;
        const char *again; /* NULL: the same */
    } cases[] = {
        {"00-" IDS "-01", NULL},
        {"00-" IDS "-00", NULL},
        {"00-" IDS "-03", "00-" IDS "-01"}, /* a flag that version 00 does not know */
        {"00-" IDS "-fe", "00-" IDS "-00"},
        {"cc-" IDS "-01", "00-" IDS "-01"},            /* a newer version */
        {"01-" IDS "-01-what-comes", "00-" IDS "-01"}, /* that says more */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct trace_context context;
        char text[TRACE_PARENT_TEXT_MAX];

        assert_true(trace_parent_parse(slice_from_string(cases[i].text), &context));
        assert_true(trace_context_is_valid(&context));
        assert_string_equal(trace_parent_write(&context, text),
                            cases[i].again != NULL ? cases[i].again : cases[i].text);
    }
}

static void test_no_parents(void **state) {
    static const char *const cases[] = {
        "",
        "00",
        "00-" IDS "-0",
        "00-" IDS "-01-",
        "00-" IDS "-01 ",
        "01-" IDS "-01x",
        "ff-" IDS "-01",
        "0g-" IDS "-01",
        "00_" IDS "-01",
        "00-" IDS "_01",
        "00-" IDS "-0G",
        "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct trace_context context = {.flags = 77};

        assert_false(trace_parent_parse(slice_from_string(cases[i]), &context));
        assert_int_equal(context.flags, 77);
    }
}

static void check_state(const char *text, const char *expected) {
    struct slice accepted = trace_state_accept(slice_from_string(text));

    assert_int_equal(accepted.size, strlen(expected));
    assert_memory_equal(accepted.data, expected, accepted.size);
}

static void test_states(void **state) {
    (void)state;
    check_state("", "");
    check_state("rojo=00f067aa0ba902b7", "rojo=00f067aa0ba902b7");
    check_state(" rojo=1 ,, congo=t61 \t", "rojo=1 ,, congo=t61");
    check_state("a=1, ", "a=1");
    check_state(",a=1,,", ",a=1");
    check_state("0tenant@sys*tem=a b", "0tenant@sys*tem=a b");
    check_state("a=1,a=2", "");
    check_state("a=", "");
    check_state("=1", "");
    check_state("A=1", "");
    check_state("1a=1", "");
    check_state("a=1=2", "");
    check_state("a b=1", "");
    check_state("a=\x01", "");
    check_state("t@=1", "");
    check_state("t@s@s=1", "");
    check_state("t@abcdefghijklmno=1", "");
    check_state("a", "");
}

/* The first members that fit are passed on, and there may be 32. */
static void test_long_states(void **state) {
    char text[1024], whole[512];
    int size = 0;

    (void)state;
    memset(whole, 'v', sizeof(whole));
    snprintf(text, sizeof(text), "a=%.250s,b=%.250s,c=%.250s", whole, whole, whole);
    assert_int_equal(trace_state_accept(slice_from_string(text)).size, 2 * 252 + 1);
    for (int i = 0; i < TRACE_STATE_MEMBERS_MAX; i++) {
        size += snprintf(text + size, sizeof(text) - (size_t)size, "%sk%d=1", i > 0 ? "," : "", i);
    }
    assert_int_equal(trace_state_accept(slice_from_string(text)).size, size);
    snprintf(text + size, sizeof(text) - (size_t)size, ",one=more");
    assert_int_equal(trace_state_accept(slice_from_string(text)).size, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parent_there_and_back),
        cmocka_unit_test(test_no_parents),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_long_states),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
