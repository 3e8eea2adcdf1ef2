/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/human.h"

static char text[HUMAN_TEXT_MAX];

static void counts_have_separators(void **state) {
    (void)state;
    assert_string_equal(human_count(0, text), "0");
    assert_string_equal(human_count(999, text), "999");
    assert_string_equal(human_count(1000, text), "1,000");
    assert_string_equal(human_count(1234567, text), "1,234,567");
    assert_string_equal(human_count(UINT64_MAX, text), "18,446,744,073,709,551,615");
}

static void bytes_have_three_digits(void **state) {
    (void)state;
    assert_string_equal(human_bytes(0, text), "0 B");
    assert_string_equal(human_bytes(1023, text), "1023 B");
    assert_string_equal(human_bytes(1024, text), "1.00 KiB");
    assert_string_equal(human_bytes(10 << 20, text), "10.0 MiB");
    assert_string_equal(human_bytes((1 << 20) - 1, text), "1.00 MiB");
    assert_string_equal(human_bytes(UINT64_C(300) << 30, text), "300 GiB");
    assert_string_equal(human_bytes(UINT64_MAX, text), "16.0 EiB");
}

static void durations_have_two_units(void **state) {
    (void)state;
    assert_string_equal(human_duration(0, text), "0 s");
    assert_string_equal(human_duration(59, text), "59 s");
    assert_string_equal(human_duration(303, text), "5 min 3 s");
    assert_string_equal(human_duration(7200, text), "2 h 0 min");
    assert_string_equal(human_duration(86400 * 12 + 3600 * 7 + 59, text), "12 d 7 h");
}

static void what_a_terminal_would_obey_is_not_readable(void **state) {
    (void)state;
    assert_true(human_readable(SLICE("")));
    assert_true(human_readable(SLICE("two\n\tlines \xc3\xa9")));
    assert_false(human_readable(SLICE("\x1b[2J")));
    assert_false(human_readable(SLICE("a\rb")));
    assert_false(human_readable(SLICE("\xc2\x9b")));
    assert_false(human_readable(SLICE("\x7f")));
    assert_false(human_readable(SLICE("\xff")));
    assert_false(human_readable(SLICE("a\0b")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_have_separators),
        cmocka_unit_test(bytes_have_three_digits),
        cmocka_unit_test(durations_have_two_units),
        cmocka_unit_test(what_a_terminal_would_obey_is_not_readable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
