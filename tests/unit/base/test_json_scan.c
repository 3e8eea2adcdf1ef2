/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json_scan.h"

enum { DEPTH = 10 };

/* Scans a copy that ends where the text ends. BAD, END, or the first token of the value that the text is. */
static enum json_token scan(struct slice text) {
    char *copy = malloc(text.size + 1);
    struct json_scanner s;
    enum json_token token;
    struct slice raw;

    assert_non_null(copy);
    memcpy(copy, text.data, text.size);
    s = json_scan(slice_make(copy, text.size));
    token = json_next(&s, &raw);
    if (token != JSON_TOKEN_END && !json_skip(&s, token, DEPTH)) {
        token = JSON_TOKEN_BAD;
    } else if (token != JSON_TOKEN_END && json_next(&s, &raw) != JSON_TOKEN_END) {
        token = JSON_TOKEN_BAD;
    }
    free(copy);
    return token;
}

static void whole_values(void **state) {
    static const struct {
        const char *text;
        enum json_token token;
    } values[] = {
        {"{}", JSON_TOKEN_OBJECT},
        {" { \"a\" : 1 , \"b\" : [ ] } ", JSON_TOKEN_OBJECT},
        {"[[1,2],{\"x\":null},true,false,\"\"]", JSON_TOKEN_ARRAY},
        {"\"\\u00e9\\ud83d\\ude00\\n\\/\"", JSON_TOKEN_STRING},
        {"\"\x7f\xc3\xa9\"", JSON_TOKEN_STRING},
        {"0", JSON_TOKEN_NUMBER},
        {"-0.5e+10", JSON_TOKEN_NUMBER},
        {"18446744073709551615", JSON_TOKEN_NUMBER},
        {"true", JSON_TOKEN_TRUE},
        {"\t\r\nnull\n", JSON_TOKEN_NULL},
        {"[[[[[[[[[[]]]]]]]]]]", JSON_TOKEN_ARRAY},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        assert_int_equal(scan(slice_from_string(values[i].text)), values[i].token);
    }
}

static void what_is_not_json(void **state) {
    static const char *const wrong[] = {
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1}",
        "{\"a\":1]",
        "tru e",
        "nul",
        "True",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"a\nb\"",
        "\"\\ud83d\"",
        "\"\\ude00\"",
        "\"\\ud83dx\"",
        "\"\\ud83d\\u0020\"",
        "\"\xc3\x28\"",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "0x1",
        "1 1",
        "{} {}",
        "]",
        "}",
        ":",
        ",",
        "'a'",
        "\"\\u123",
        "[[[[[[[[[[[]]]]]]]]]]]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        enum json_token token = scan(slice_from_string(wrong[i]));

        assert_true(token == JSON_TOKEN_BAD || token == JSON_TOKEN_END);
    }
    assert_int_equal(scan(SLICE("\"\\\0\"")), JSON_TOKEN_BAD);
    assert_int_equal(scan(SLICE("[\0]")), JSON_TOKEN_BAD);
}

/* Each beginning of a text ends too early, and is not called wrong. */
static void a_text_that_ends_too_early(void **state) {
    static const char text[] = "{\"a\\u00e9\":[-1.5e3,true,null,{}]}";

    (void)state;
    for (size_t size = 0; size < sizeof(text) - 1; size++) {
        struct json_scanner s = json_scan(slice_make(text, size));
        enum json_token token = JSON_TOKEN_NULL;
        struct slice raw;

        while (token != JSON_TOKEN_END) {
            token = json_next(&s, &raw);
            assert_int_not_equal(token, JSON_TOKEN_BAD);
        }
    }
}

static void strings_are_unescaped(void **state) {
    struct slice raw = SLICE("a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\\ud83d\\ude00\\u0000z");
    char out[128];

    (void)state;
    assert_true(slice_equal(slice_make(out, json_unescape(raw, out)),
                            SLICE("a\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\0z")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_values),
        cmocka_unit_test(what_is_not_json),
        cmocka_unit_test(a_text_that_ends_too_early),
        cmocka_unit_test(strings_are_unescaped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
