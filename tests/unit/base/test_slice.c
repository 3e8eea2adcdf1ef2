/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/slice.h"

static void assert_escaped(struct slice s, const char *expected) {
    char text[SLICE_ESCAPED_MAX];

    assert_string_equal(slice_escape(s, text), expected);
}

static void plain_text_stays(void **state) {
    (void)state;
    assert_escaped(SLICE(""), "");
    assert_escaped((struct slice){NULL, 0}, "");
    assert_escaped(SLICE("user:42/~!"), "user:42/~!");
}

static void what_could_break_a_line_is_escaped(void **state) {
    (void)state;
    assert_escaped(SLICE("a b"), "a\\x20b");
    assert_escaped(SLICE("\n\r\t\0\x1b\x7f\xff"), "\\x0a\\x0d\\x09\\x00\\x1b\\x7f\\xff");
    assert_escaped(SLICE("\\\""), "\\x5c\\x22");
}

/* The text never outgrows its room, and never ends inside an escape. */
static void long_text_is_cut(void **state) {
    char bytes[300];
    char text[SLICE_ESCAPED_MAX];

    (void)state;
    memset(bytes, 'k', sizeof(bytes));
    for (size_t size = 0; size <= sizeof(bytes); size++) {
        slice_escape(slice_make(bytes, size), text);
        if (size <= SLICE_ESCAPED_MAX - 4) {
            assert_int_equal(strlen(text), size);
        } else {
            assert_int_equal(strlen(text), SLICE_ESCAPED_MAX - 1);
            assert_string_equal(text + strlen(text) - 4, "k...");
        }
    }
    memset(bytes, 0, sizeof(bytes));
    slice_escape(slice_make(bytes, sizeof(bytes)), text);
    assert_true(strlen(text) < SLICE_ESCAPED_MAX);
    assert_string_equal(text + strlen(text) - 7, "\\x00...");
}

static void slices_compare_by_their_bytes(void **state) {
    (void)state;
    assert_true(slice_equal(SLICE("a\0b"), SLICE("a\0b")));
    assert_false(slice_equal(SLICE("a\0b"), SLICE("a\0c")));
    assert_false(slice_equal(SLICE("a"), SLICE("ab")));
    assert_true(slice_equal((struct slice){NULL, 0}, SLICE("")));
    assert_true(slice_has_prefix(SLICE("abc"), SLICE("ab")));
    assert_true(slice_has_prefix(SLICE("abc"), (struct slice){NULL, 0}));
    assert_false(slice_has_prefix(SLICE("a"), SLICE("ab")));
    assert_true(slice_equal(slice_skip(SLICE("abc"), 3), SLICE("")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_stays),
        cmocka_unit_test(what_could_break_a_line_is_escaped),
        cmocka_unit_test(long_text_is_cut),
        cmocka_unit_test(slices_compare_by_their_bytes),
    };

    return cmocka_run_group_tests_name("base-slice", tests, NULL, NULL);
}
