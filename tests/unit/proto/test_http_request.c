/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/http/entry.h"
#include "proto/http/host.h"
#include "proto/http/parameters.h"

static bool is_text(struct slice s, const char *text) {
    return slice_equal(s, slice_from_string(text));
}

static void reads_parameters(void **state) {
    char place[200];
    struct http_parameters p;
    struct http_parameter_problem problem;

    (void)state;
    assert_true(http_parameters_read(SLICE(""), place, &p, &problem));
    assert_int_equal(p.given, 0);
    assert_true(http_parameters_read(SLICE("use_cache=false&max_stale=500ms&min_rev=7&rev=9223372036854775807&ttl=1m"),
                                     place, &p, &problem));
    assert_int_equal(p.given, HTTP_PARAMETER_BIT(USE_CACHE) | HTTP_PARAMETER_BIT(MAX_STALE) |
                                  HTTP_PARAMETER_BIT(MIN_REV) | HTTP_PARAMETER_BIT(REV) | HTTP_PARAMETER_BIT(TTL));
    assert_false(p.use_cache);
    assert_int_equal(p.max_stale_ns, 500000000);
    assert_int_equal(p.min_revision, 7);
    assert_int_equal(p.revision, INT64_MAX);
    assert_int_equal(p.ttl, 60);
    assert_true(http_parameters_read(SLICE("prefix=a%2Fb+%00&after=&limit=10&values&watch=1&use_cache=true&ttl=1001ms"),
                                     place, &p, &problem));
    assert_true(slice_equal(p.prefix, SLICE("a/b \0")));
    assert_true(http_parameters_have(&p, HTTP_PARAMETER_AFTER));
    assert_int_equal(p.after.size, 0);
    assert_int_equal(p.limit, 10);
    assert_true(p.values && p.watch && p.use_cache);
    assert_int_equal(p.ttl, 2);
    assert_true(http_parameters_read(SLICE("max_stale=0&watch=false&values=0"), place, &p, &problem));
    assert_true(http_parameters_have(&p, HTTP_PARAMETER_MAX_STALE));
    assert_int_equal(p.max_stale_ns, 0);
    assert_false(p.watch || p.values);
}

static void tells_what_is_wrong(void **state) {
    static const struct row {
        const char *query;
        const char *name;
        const char *text;
    } rows[] = {
        {"use_cach=true", "use_cach", "is unknown"},
        {"=x", "", "is unknown"},
        {"Rev=1", "Rev", "is unknown"},
        {"rev=1&%72ev=1", "rev", "was given twice"},
        {"use_cache", "use_cache", "is neither true nor false"},
        {"use_cache=maybe", "use_cache", "is neither true nor false"},
        {"watch=", "watch", "is neither true nor false"},
        {"max_stale=", "max_stale", "is not a time like 500ms, 2s or 1m"},
        {"max_stale=-1", "max_stale", "is not a time like 500ms, 2s or 1m"},
        {"ttl=0", "ttl", "is not a time like 60, 60s or 1m, above 0"},
        {"ttl=x", "ttl", "is not a time like 60, 60s or 1m, above 0"},
        {"limit=0", "limit", "is not a number, 1 or more"},
        {"rev=0", "rev", "is not a number, 1 or more"},
        {"rev=9223372036854775808", "rev", "is not a number, 1 or more"},
        {"min_rev", "min_rev", "is not a number, 1 or more"},
        {"rev=%zz", "%", "is not followed by two hexadecimal digits"},
    };
    char place[200];
    struct http_parameters p;
    struct http_parameter_problem problem;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (http_parameters_read(slice_from_string(rows[i].query), place, &p, &problem)) {
            fail_msg("'%s' was taken", rows[i].query);
        }
        assert_true(is_text(problem.name, rows[i].name));
        assert_true(is_text(problem.text, rows[i].text));
    }
}

static void tells_what_is_not_allowed(void **state) {
    const struct http_parameters p = {.given = HTTP_PARAMETER_BIT(REV) | HTTP_PARAMETER_BIT(USE_CACHE)};

    (void)state;
    assert_int_equal(http_parameters_outside(&p, HTTP_PARAMETER_BIT(USE_CACHE)), HTTP_PARAMETER_REV);
    assert_int_equal(http_parameters_outside(&p, HTTP_PARAMETER_BIT(USE_CACHE) | HTTP_PARAMETER_BIT(REV)),
                     HTTP_PARAMETER_COUNT);
    assert_true(is_text(http_parameter_name(HTTP_PARAMETER_MAX_STALE), "max_stale"));
}

static void takes_hosts(void **state) {
    static const char *const good[] = {
        "127.0.0.1",          "10.0.0.1:8080",     "localhost", "LocalHost:1", "[::1]",
        "[2001:db8::1]:8080", "larder.example:80", "A.B",       "127.0.0.1:",
    };
    static const char *const bad[] = {
        "",
        "x",
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "::1",
        "[::1]x",
        "[::1",
        "[127.0.0.1]",
        "127.0.0.1:x",
        "127.0.0",
        "0x7f.0.1",
        "2130706433",
        "example",
        "[fe80::1%25eth0]",
        "localhost.",
        "*",
        ":80",
    };
    const struct slice names = SLICE(" Larder.example , ,a.b");

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (!http_host_is_allowed(slice_from_string(good[i]), names)) {
            fail_msg("'%s' was refused", good[i]);
        }
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (http_host_is_allowed(slice_from_string(bad[i]), names)) {
            fail_msg("'%s' was taken", bad[i]);
        }
        assert_true(http_host_is_allowed(slice_from_string(bad[i]), SLICE("a,*")));
    }
    assert_false(http_host_is_allowed(SLICE("a.b"), SLICE("")));
}

static void shows_entries(void **state) {
    struct kv kv = {.create_revision = 2, .mod_revision = 3, .version = 4};
    const struct slice value = SLICE("\xff");
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    assert_int_equal(http_entry_append(&out, SLICE("g/a\"b"), &kv, NULL), LARDER_OK);
    assert_true(
        is_text(buf_slice(&out), "{\"key\":\"g/a\\\"b\",\"create_revision\":2,\"mod_revision\":3,\"version\":4}"));
    buf_fini(&out);
    kv.lease = INT64_MAX;
    assert_int_equal(http_entry_append(&out, SLICE("g/\xfe"), &kv, &value), LARDER_OK);
    assert_true(is_text(buf_slice(&out), "{\"key\":\"Zy/+\",\"key_encoding\":\"base64\",\"create_revision\":2,"
                                         "\"mod_revision\":3,\"version\":4,\"lease\":\"9223372036854775807\","
                                         "\"value\":\"/w==\",\"value_encoding\":\"base64\"}"));
    buf_fini(&out);
    assert_int_equal(http_entry_append_deleted(&out, SLICE("g/a"), 9), LARDER_OK);
    assert_true(is_text(buf_slice(&out), "{\"key\":\"g/a\",\"mod_revision\":9}"));
    buf_fini(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_parameters),
        cmocka_unit_test(tells_what_is_wrong),
        cmocka_unit_test(tells_what_is_not_allowed),
        cmocka_unit_test(takes_hosts),
        cmocka_unit_test(shows_entries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
