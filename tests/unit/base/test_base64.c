/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"

static void check(struct slice plain, const char *expected) {
    char bytes[64];
    size_t size;

    assert_int_equal(base64_encoded_size(plain.size), strlen(expected));
    base64_encode(plain, bytes);
    assert_memory_equal(bytes, expected, strlen(expected));
    assert_true(base64_decode(slice_from_string(expected), bytes, &size));
    assert_true(slice_equal(slice_make(bytes, size), plain));
}

/* The vectors of RFC 4648, section 10. */
static void test_vectors(void **state) {
    (void)state;
    check(SLICE("f"), "Zg==");
    check(SLICE("fo"), "Zm8=");
    check(SLICE("foo"), "Zm9v");
    check(SLICE("foob"), "Zm9vYg==");
    check(SLICE("fooba"), "Zm9vYmE=");
    check(SLICE("foobar"), "Zm9vYmFy");
}

static void test_all_bits(void **state) {
    (void)state;
    check(SLICE("\xff\xfe\xfd\x00\x10\x83"), "//79ABCD");
    check(SLICE("\xfb\xef\xbe"), "++++");
}

static void test_what_is_not_base64(void **state) {
    static const char *const wrong[] = {"", "Zg=", "Zg", "Z===", "====", "Zg==Zg==", "Zm9v!", "Zm 9", "Zm-_", "=Zm9"};
    char bytes[16];
    size_t size;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(base64_decode(slice_from_string(wrong[i]), bytes, &size));
    }
}

static void check_any(const char *text, const char *plain) {
    char bytes[64];
    size_t size;

    assert_true(base64_decode_any(slice_from_string(text), bytes, &size));
    assert_true(slice_equal(slice_make(bytes, size), slice_from_string(plain)));
}

static void test_lenient_spellings(void **state) {
    (void)state;
    check_any("", "");
    check_any("Zm9vYg==", "foob");
    check_any("Zm9vYg", "foob");
    check_any("Zm9vYmE", "fooba");
    check_any("Zm9v\r\nYmE=\n", "fooba");
    check_any("++++", "\xfb\xef\xbe");
    check_any("----", "\xfb\xef\xbe");
    check_any("//79", "\xff\xfe\xfd");
    check_any("__79", "\xff\xfe\xfd");
}

static void test_what_is_wrong_in_any_spelling(void **state) {
    static const char *const wrong[] = {
        "Z", "Zg=", "Z===", "=", "==", "====", "Zm9v====", "Zg==Zg==", "Zm9v!", "Zm 9", "=Zm9", "Zm9v="};
    char bytes[16];
    size_t size;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(base64_decode_any(slice_from_string(wrong[i]), bytes, &size));
    }
    assert_false(base64_decode_any(SLICE("Zg\0="), bytes, &size));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors), cmocka_unit_test(test_all_bits), cmocka_unit_test(test_what_is_not_base64),
        cmocka_unit_test(test_lenient_spellings), cmocka_unit_test(test_what_is_wrong_in_any_spelling)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
