/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/number.h"

enum { UNTOUCHED = 4711 };

static void unsigned_is(const char *text, bool good, uint64_t expected) {
    uint64_t number = UNTOUCHED;

    assert_int_equal(number_parse_u64(slice_from_string(text), &number), good);
    assert_int_equal(number, good ? expected : UNTOUCHED);
}

static void signed_is(const char *text, bool good, int64_t expected) {
    int64_t number = UNTOUCHED;

    assert_int_equal(number_parse_i64(slice_from_string(text), &number), good);
    assert_int_equal(number, good ? expected : UNTOUCHED);
}

static void size_is(const char *text, bool good, uint64_t expected) {
    uint64_t number = UNTOUCHED;

    assert_int_equal(number_parse_size(slice_from_string(text), &number), good);
    assert_int_equal(number, good ? expected : UNTOUCHED);
}

static void duration_is(const char *text, bool good, int64_t expected) {
    int64_t number = UNTOUCHED;

    assert_int_equal(number_parse_duration(slice_from_string(text), &number), good);
    assert_int_equal(number, good ? expected : UNTOUCHED);
}

static void unsigned_numbers_are_digits_only(void **state) {
    (void)state;
    unsigned_is("0", true, 0);
    unsigned_is("007", true, 7);
    unsigned_is("18446744073709551615", true, UINT64_MAX);
    unsigned_is("18446744073709551616", false, 0);
    unsigned_is("99999999999999999999999", false, 0);
    unsigned_is("", false, 0);
    unsigned_is("-1", false, 0);
    unsigned_is("+1", false, 0);
    unsigned_is(" 1", false, 0);
    unsigned_is("1 ", false, 0);
    unsigned_is("0x1", false, 0);
    assert_false(number_parse_u64((struct slice){NULL, 0}, &(uint64_t){0}));
    assert_false(number_parse_u64(SLICE("1\0"), &(uint64_t){0}));
}

static void signed_numbers_reach_both_ends(void **state) {
    (void)state;
    signed_is("-1", true, -1);
    signed_is("-0", true, 0);
    signed_is("9223372036854775807", true, INT64_MAX);
    signed_is("9223372036854775808", false, 0);
    signed_is("-9223372036854775808", true, INT64_MIN);
    signed_is("-9223372036854775809", false, 0);
    signed_is("-", false, 0);
    signed_is("--1", false, 0);
}

static void sizes_are_powers_of_1024(void **state) {
    (void)state;
    size_is("1", true, 1);
    size_is("1k", true, 1024);
    size_is("2M", true, 2 << 20);
    size_is("3GiB", true, UINT64_C(3) << 30);
    size_is("17179869183g", true, UINT64_C(17179869183) << 30);
    size_is("17179869184g", false, 0);
    size_is("m", false, 0);
    size_is("1.5m", false, 0);
    size_is("1 m", false, 0);
    size_is("-1m", false, 0);
    size_is("1mb", false, 0);
}

static void durations_have_units_and_default_to_seconds(void **state) {
    (void)state;
    duration_is("2", true, INT64_C(2000000000));
    duration_is("5ns", true, 5);
    duration_is("5us", true, 5000);
    duration_is("5ms", true, 5000000);
    duration_is("1m", true, INT64_C(60000000000));
    duration_is("1h", true, INT64_C(3600000000000));
    duration_is("2562047h", true, INT64_C(2562047) * 3600000000000);
    duration_is("2562048h", false, 0);
    duration_is("9223372036854775807ns", true, INT64_MAX);
    duration_is("9223372036854775808ns", false, 0);
    duration_is("1d", false, 0);
    duration_is("", false, 0);
}

static void formatting_is_the_other_way_round(void **state) {
    uint64_t number = 0;

    (void)state;
    /* 0, 9, 10, 99, 100 ... around every power of ten, and the largest. */
    for (uint64_t power = 1;; power *= 10) {
        const uint64_t candidates[] = {power - 1, power, power + 1, UINT64_MAX};

        for (int i = 0; i < 4; i++) {
            char expected[32];
            char text[NUMBER_MAX_DIGITS];
            size_t size = number_format_u64(candidates[i], text);

            snprintf(expected, sizeof(expected), "%" PRIu64, candidates[i]);
            assert_int_equal(size, strlen(expected));
            assert_memory_equal(text, expected, size);
            assert_true(number_parse_u64(slice_make(text, size), &number));
            assert_int_equal(number, candidates[i]);
        }
        if (power > UINT64_MAX / 10) {
            break;
        }
    }
}

static void sizes_and_times_are_written_short(void **state) {
    char text[NUMBER_UNIT_TEXT_MAX];

    (void)state;
    assert_string_equal(number_size_text(0, text), "0");
    assert_string_equal(number_size_text(1023, text), "1023");
    assert_string_equal(number_size_text(1536, text), "1536");
    assert_string_equal(number_size_text(3 << 20, text), "3m");
    assert_string_equal(number_duration_text(0, text), "0");
    assert_string_equal(number_duration_text(1500000000, text), "1500ms");
    assert_string_equal(number_duration_text(UINT64_C(7200000000000), text), "2h");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsigned_numbers_are_digits_only),
        cmocka_unit_test(signed_numbers_reach_both_ends),
        cmocka_unit_test(sizes_are_powers_of_1024),
        cmocka_unit_test(durations_have_units_and_default_to_seconds),
        cmocka_unit_test(formatting_is_the_other_way_round),
        cmocka_unit_test(sizes_and_times_are_written_short),
    };

    return cmocka_run_group_tests_name("base-number", tests, NULL, NULL);
}
