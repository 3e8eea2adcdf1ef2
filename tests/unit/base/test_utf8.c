/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"

static bool is_valid(const char *text) {
    /* Behind ASCII of every length, so that the steps by words and by bytes both meet it. */
    char shifted[64];
    bool valid = utf8_is_valid(slice_from_string(text));

    for (size_t before = 1; before < 18; before++) {
        memset(shifted, 'a', before);
        strcpy(shifted + before, text);
        strcat(shifted, "z");
        assert_int_equal(utf8_is_valid(slice_from_string(shifted)), valid);
    }
    return valid;
}

static void takes_utf8(void **state) {
    (void)state;
    assert_true(utf8_is_valid(slice_make(NULL, 0)));
    assert_true(is_valid("plain"));
    assert_true(is_valid("\xc2\x80 \xdf\xbf"));
    assert_true(is_valid("\xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf"));
    assert_true(is_valid("\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf"));
    assert_true(utf8_is_valid(SLICE("a\0b")));
}

static void refuses_the_rest(void **state) {
    static const char *const texts[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xc2",
        "\xc2\x7f",
        "\xc2\xc0",
        "\xe0\x9f\xbf",
        "\xe0\xa0",
        "\xe0\xa0\x7f",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf0\x8f\xbf\xbf",
        "\xf0\x90\x80",
        "\xf0\x90\x80\xc0",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80",
        "\xff",
        "\xf8\x88\x80\x80",
        "\xe2\x82",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_false(is_valid(texts[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_utf8),
        cmocka_unit_test(refuses_the_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
