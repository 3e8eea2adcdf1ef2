/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/http/target.h"

static bool is_text(struct slice s, const char *text) {
    return slice_equal(s, slice_from_string(text));
}

static struct http_target split(const char *text) {
    struct http_target t;

    if (!http_target_split(slice_from_string(text), &t)) {
        fail_msg("'%s' was refused", text);
    }
    return t;
}

static void splits_targets(void **state) {
    struct http_target t = split("/a/b?c=d?e");
    struct http_target unused;

    (void)state;
    assert_null(t.authority.data);
    assert_true(is_text(t.path, "/a/b") && is_text(t.query, "c=d?e"));
    t = split("/a%3Fb");
    assert_true(is_text(t.path, "/a%3Fb"));
    assert_null(t.query.data);
    t = split("/?");
    assert_true(is_text(t.path, "/") && t.query.size == 0);
    assert_non_null(t.query.data);
    t = split("HTTP://[::1]:80/a//../b?x");
    assert_true(is_text(t.authority, "[::1]:80") && is_text(t.path, "/a//../b") && is_text(t.query, "x"));
    t = split("http://host?x");
    assert_true(is_text(t.authority, "host") && t.path.size == 0 && is_text(t.query, "x"));
    assert_true(is_text(split("*").path, "*"));
    assert_true(is_text(split("//http://x").path, "//http://x"));
    for (size_t i = 0; i < 9; i++) {
        static const char *const bad[] = {"a",  "http:/a",  "http://", "http:///x",  "https://a/b",
                                          "?x", "host:443", "*?x",     "http://u@h/"};

        assert_false(http_target_split(slice_from_string(bad[i]), &unused));
    }
}

static void decodes_paths(void **state) {
    static const struct row {
        const char *path;
        struct slice bytes;
    } rows[] = {
        {"/a/b", {"a/b", 3}},
        {"/", {"", 0}},
        {"", {"", 0}},
        {"//a//../b/./", {"/a//../b/./", 11}},
        {"/a+b%2B", {"a+b+", 4}},
        {"/%00%fF%25%32%35", {"\0\xff%25", 5}},
        {"/%2fx", {"/x", 2}},
        {"%2fx", {"/x", 2}},
    };
    char place[100];
    struct slice bytes;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(http_target_decode(slice_from_string(rows[i].path), place, &bytes));
        assert_true(slice_equal(bytes, rows[i].bytes));
    }
    assert_false(http_target_decode(SLICE("/%"), place, &bytes));
    assert_false(http_target_decode(SLICE("/a%2"), place, &bytes));
    assert_false(http_target_decode(SLICE("/%2gx"), place, &bytes));
    assert_false(http_target_decode(SLICE("/%%20"), place, &bytes));
    /* What lies behind the path is not looked at. */
    assert_false(http_target_decode(slice_make("/%20", 3), place, &bytes));
}

static void reads_parameters(void **state) {
    const struct slice raw = SLICE("&&use_cache=true&watch&prefix=a+b%2B%00/&=x&%70=&e==f%26");
    char place[100];
    struct http_query q = {.rest = raw, .place = place};
    struct slice name;
    struct slice value;

    (void)state;
    assert_int_equal(http_query_next(&q, &name, &value), HTTP_QUERY_PARAMETER);
    assert_true(is_text(name, "use_cache") && is_text(value, "true"));
    assert_int_equal(http_query_next(&q, &name, &value), HTTP_QUERY_PARAMETER);
    assert_true(is_text(name, "watch") && value.data == NULL);
    assert_int_equal(http_query_next(&q, &name, &value), HTTP_QUERY_PARAMETER);
    assert_true(is_text(name, "prefix") && slice_equal(value, SLICE("a b+\0/")));
    assert_int_equal(http_query_next(&q, &name, &value), HTTP_QUERY_PARAMETER);
    assert_true(name.size == 0 && is_text(value, "x"));
    assert_int_equal(http_query_next(&q, &name, &value), HTTP_QUERY_PARAMETER);
    assert_true(is_text(name, "p") && value.size == 0 && value.data != NULL);
    assert_int_equal(http_query_next(&q, &name, &value), HTTP_QUERY_PARAMETER);
    assert_true(is_text(name, "e") && is_text(value, "=f&"));
    assert_int_equal(http_query_next(&q, &name, &value), HTTP_QUERY_END);
    assert_true(q.place <= place + raw.size);
    q = (struct http_query){.rest = SLICE("a=%zz"), .place = place};
    assert_int_equal(http_query_next(&q, &name, &value), HTTP_QUERY_BAD);
    q = (struct http_query){.rest = SLICE("%2=1"), .place = place};
    assert_int_equal(http_query_next(&q, &name, &value), HTTP_QUERY_BAD);
    q = (struct http_query){.place = place};
    assert_int_equal(http_query_next(&q, &name, &value), HTTP_QUERY_END);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_targets),
        cmocka_unit_test(decodes_paths),
        cmocka_unit_test(reads_parameters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
