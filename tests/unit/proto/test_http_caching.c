/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/http/caching.h"

#define BIT(name) HTTP_CACHING_BIT(name)
#define DATE "date: Sun, 06 Nov 1994 08:49:37 GMT\n"

enum { NONE = -1 };

static const int64_t date_s = 784111777;

/* Takes lines "name: value", each with a newline behind it. */
static struct http_caching read_lines(const char *lines) {
    struct http_caching c;

    http_caching_begin(&c, date_s + 2);
    while (*lines != '\0') {
        const char *colon = strchr(lines, ':');
        const char *end = strchr(lines, '\n');

        http_caching_take(&c, slice_make(lines, (size_t)(colon - lines)),
                          slice_make(colon + 2, (size_t)(end - colon - 2)));
        lines = end + 1;
    }
    return c;
}

/* --- Cache-Control: which directives are there --- */

static void finds_directives(void **state) {
    static const struct {
        const char *section;
        const char *value;
        uint32_t words;
    } rows[] = {
        {"9111, 5.2: none", "", 0},
        {"9111, 5.2.2.5", "no-store", BIT(NO_STORE)},
        {"9111, 5.2.2.4", "no-cache", BIT(NO_CACHE)},
        {"9111, 5.2.2.7", "private", BIT(PRIVATE)},
        {"9111, 5.2.2.9", "public", BIT(PUBLIC)},
        {"9111, 5.2.2.2", "must-revalidate", BIT(MUST_REVALIDATE)},
        {"9111, 5.2.2.8", "proxy-revalidate", BIT(PROXY_REVALIDATE)},
        {"9111, 5.2.2.3", "must-understand", BIT(MUST_UNDERSTAND)},
        {"8246, 2", "immutable", BIT(IMMUTABLE)},
        {"9111, 5.2.2.1", "max-age=1", BIT(MAX_AGE)},
        {"9111, 5.2.2.10", "s-maxage=1", BIT(S_MAXAGE)},
        {"5861, 3", "stale-while-revalidate=1", BIT(WHILE_REVALIDATE)},
        {"5861, 4", "stale-if-error=1", BIT(IF_ERROR)},
        {"9111, 5.2: names in any case", "No-Store, MAX-AGE=1", BIT(NO_STORE) | BIT(MAX_AGE)},
        {"9111, 5.2.2.6: of no use here", "no-transform", 0},
        {"9111, 5.2.3: unknown ones are passed over", "community=\"UCI\", x, y=1", 0},
        {"9110, 5.6.1: empty elements", " , ,public,, ", BIT(PUBLIC)},
        {"9111, 5.2.2.4: with fields as without", "no-cache=\"set-cookie, x\"", BIT(NO_CACHE)},
        {"9111, 5.2.2.7: with fields as without", "private=\"x\", public", BIT(PRIVATE) | BIT(PUBLIC)},
        {"9111, 5.2.2.5: an argument changes nothing", "no-store=0", BIT(NO_STORE)},
        {"9110, 5.6.4: what is in quotes is no directive", "x=\"no-store, private\"", 0},
        {"9110, 5.6.4: a quote behind a backslash ends nothing", "x=\"a\\\", no-store\", public", BIT(PUBLIC)},
        {"quotes that do not end hide nothing", "x=\"a, no-store", BIT(NO_STORE)},
        {"the same with a backslash at the end", "x=\"a, no-store, y=\\", BIT(NO_STORE)},
        {"a name with more behind it is another", "no-stores, xno-store, no-store2", 0},
        {"what follows a name is its own", "no-store private", BIT(NO_STORE)},
        {"a directive that begins with no name", "=1, ;, \"no-store\", private", BIT(PRIVATE)},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char line[200];

        snprintf(line, sizeof(line), "Cache-Control: %s\n", rows[i].value);
        if (read_lines(line).words != (rows[i].words | BIT(CACHE_CONTROL))) {
            fail_msg("%s: '%s' has %x", rows[i].section, rows[i].value, (unsigned)read_lines(line).words);
        }
    }
    assert_int_equal(read_lines("").words, 0);
    assert_int_equal(read_lines("cache-control: public\nCACHE-CONTROL: no-cache\n").words,
                     BIT(CACHE_CONTROL) | BIT(PUBLIC) | BIT(NO_CACHE));
}

/* --- how long it is fresh by its own words --- */

static void reads_lifetimes(void **state) {
    static const struct {
        const char *section;
        const char *lines;
        int64_t seconds;
    } rows[] = {
        {"9111, 4.2.1: no word", DATE, NONE},
        {"9111, 4.2.1: no word about it", "cache-control: public\n", NONE},
        {"9111, 4.2.1: max-age", "cache-control: max-age=60\n", 60},
        {"9111, 4.2.1: s-maxage before max-age", "cache-control: max-age=60, s-maxage=10\n", 10},
        {"9111, 5.3: max-age before Expires", "cache-control: max-age=5\nexpires: Sun, 06 Nov 1994 09:49:37 GMT\n", 5},
        {"9111, 4.2.1: Expires less Date", DATE "expires: Sun, 06 Nov 1994 08:50:07 GMT\n", 30},
        {"9111, 4.2.1: whichever is first", "expires: Sun, 06 Nov 1994 08:50:07 GMT\n" DATE, 30},
        {"9110, 6.6.1: no Date, so when it came", "expires: Sun, 06 Nov 1994 08:50:07 GMT\n", 28},
        {"a Date that is none was not given", "date: yesterday\nexpires: Sun, 06 Nov 1994 08:50:07 GMT\n", 28},
        {"9111, 5.3: in the past", DATE "expires: Sun, 06 Nov 1994 08:49:36 GMT\n", 0},
        {"9111, 5.3: 0 is in the past", DATE "expires: 0\n", 0},
        {"9111, 5.3: no date is in the past", DATE "expires: tomorrow\n", 0},
        {"9111, 5.3: nor is an empty one", DATE "expires: \n", 0},
        {"9111, 4.2.1: the first Expires", DATE "expires: 0\nexpires: Sun, 06 Nov 1994 08:50:07 GMT\n", 0},
        {"9111, 1.2.2: too far away", DATE "expires: Fri, 31 Dec 9999 23:59:59 GMT\n", HTTP_SECONDS_MAX},
        {"9111, 4.2.1: the first of two", "cache-control: max-age=7, max-age=9\n", 7},
        {"9111, 4.2.1: also over two lines", "cache-control: max-age=7\ncache-control: max-age=9\n", 7},
        {"9111, 4.2.1: the first, though it is no number", "cache-control: max-age=x, max-age=9\n", 0},
        {"9111, 5.2.2.1: zero", "cache-control: max-age=0\n", 0},
        {"9111, 5.2.2: quoted", "cache-control: max-age=\"60\"\n", 60},
        {"9110, 5.6.4: quoted pairs", "cache-control: max-age=\"\\6\\0\"\n", 60},
        {"9111, 1.2.2: leading zeros", "cache-control: max-age=0060\n", 60},
        {"9111, 1.2.2: the largest", "cache-control: max-age=2147483647\n", 2147483647},
        {"9111, 1.2.2: over-large", "cache-control: max-age=2147483649\n", HTTP_SECONDS_MAX},
        {"9111, 1.2.2: beyond 64 bits", "cache-control: max-age=99999999999999999999999\n", HTTP_SECONDS_MAX},
        {"9111, 4.2.1: invalid is stale", "cache-control: max-age\n", 0},
        {"9111, 4.2.1: empty", "cache-control: max-age=\n", 0},
        {"9111, 4.2.1: empty in quotes", "cache-control: max-age=\"\"\n", 0},
        {"9111, 4.2.1: negative", "cache-control: max-age=-1\n", 0},
        {"9111, 4.2.1: with a sign", "cache-control: max-age=+1\n", 0},
        {"9111, 4.2.1: with a fraction", "cache-control: max-age=1.5\n", 0},
        {"9111, 4.2.1: hexadecimal", "cache-control: max-age=0x10\n", 0},
        {"9111, 4.2.1: a space before =", "cache-control: max-age =60\n", 0},
        {"9111, 4.2.1: a space behind =", "cache-control: max-age= 60\n", 0},
        {"9111, 4.2.1: more behind it", "cache-control: max-age=60 61\n", 0},
        {"9111, 4.2.1: more behind the quotes", "cache-control: max-age=\"60\"1\n", 0},
        {"9111, 4.2.1: other quotes", "cache-control: max-age='60'\n", 0},
        {"9111, 4.2.1: a semicolon parts nothing", "cache-control: max-age=60; s-maxage=5\n", 0},
        {"9111, 4.2.1: an s-maxage that is none", "cache-control: max-age=60, s-maxage=x\n", 0},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct http_caching c = read_lines(rows[i].lines);
        int64_t seconds = NONE;
        bool said = http_caching_lifetime(&c, date_s + 2, &seconds);

        if (said != (rows[i].seconds != NONE) || seconds != rows[i].seconds) {
            fail_msg("%s: %lld", rows[i].section, (long long)seconds);
        }
    }
}

static void reads_how_stale_it_may_be(void **state) {
    struct http_caching c = read_lines("cache-control: max-age=1, stale-while-revalidate=30, stale-if-error=\"600\"\n");

    (void)state;
    assert_int_equal(c.while_revalidate, 30);
    assert_int_equal(c.if_error, 600);
    c = read_lines("cache-control: stale-while-revalidate=x, stale-if-error\n");
    assert_true(http_caching_has(&c, BIT(WHILE_REVALIDATE)) && http_caching_has(&c, BIT(IF_ERROR)));
    assert_int_equal(c.while_revalidate, 0);
    assert_int_equal(c.if_error, 0);
}

/* --- other fields --- */

static void reads_ages(void **state) {
    static const struct {
        const char *section;
        const char *lines;
        int64_t age;
    } rows[] = {
        {"9111, 5.1", "age: 24\n", 24},
        {"9111, 5.1: of a list the first", "age: 24, 10\n", 24},
        {"9111, 5.1: of two lines the first", "age: 24\nage: 10\n", 24},
        {"9111, 5.1: one that is none is passed over", "age: -1\n", NONE},
        {"9111, 5.1: with what stands behind it", "age: x\nage: 10\n", NONE},
        {"9111, 5.1: a fraction", "age: 1.0\n", NONE},
        {"9111, 5.1: empty", "age: \n", NONE},
        {"9111, 1.2.2: over-large", "age: 7777777777777777777777\n", HTTP_SECONDS_MAX},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct http_caching c = read_lines(rows[i].lines);
        int64_t age = http_caching_has(&c, BIT(AGE)) ? c.age : NONE;

        if (age != rows[i].age || (age == NONE && c.age != 0)) {
            fail_msg("%s: %lld", rows[i].section, (long long)age);
        }
    }
}

static void finds_what_stands_against_storing(void **state) {
    static const struct {
        const char *section;
        const char *lines;
        uint32_t words;
    } rows[] = {
        {"9111, 4.1", "vary: Accept-Language\n", BIT(VARY)},
        {"9111, 4.1: a star", "vary: *\n", BIT(VARY)},
        {"9111, 4.1: one that our requests never name", "vary: ACCEPT-encoding\n", BIT(VARY_ENCODING)},
        {"9111, 4.1: and another", "vary: accept-encoding, origin\n", BIT(VARY) | BIT(VARY_ENCODING)},
        {"9110, 5.3: over two lines", "vary: accept-encoding\nvary: cookie\n", BIT(VARY) | BIT(VARY_ENCODING)},
        {"9110, 12.5.5: empty", "vary: \n", 0},
        {"9110, 8.4", "content-encoding: gzip\n", BIT(ENCODED)},
        {"9110, 8.4.1", "content-encoding: identity\n", 0},
        {"9111, 7.3", "Set-Cookie: a=b\n", BIT(SET_COOKIE)},
        {"others are passed over", "pragma: no-cache\nx-cache-control: no-store\ncookie: a\n", 0},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (read_lines(rows[i].lines).words != rows[i].words) {
            fail_msg("%s: %x", rows[i].section, (unsigned)read_lines(rows[i].lines).words);
        }
    }
}

static void takes_validators(void **state) {
    static const char *const good[] = {"\"\"", "\"a\"", "W/\"a\"", "\"a,b\"", "\"\xe4\""};
    static const char *const bad[] = {"",    "a",  "\"",       "\"a",     "a\"",   "w/\"a\"",
                                      "W/a", "W/", "\"a\"b\"", "\"a b\"", "\"a\" "};
    char line[HTTP_VALIDATOR_MAX + 20];

    (void)state;
    for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        snprintf(line, sizeof(line), "etag: %s\netag: \"second\"\n", good[i]);
        assert_true(slice_equal(read_lines(line).etag, slice_from_string(good[i])));
    }
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(line, sizeof(line), "etag: %s\n", bad[i]);
        assert_int_equal(read_lines(line).etag.size, 0);
    }
    snprintf(line, sizeof(line), "etag: \"%0*d\"\n", HTTP_VALIDATOR_MAX - 2, 0);
    assert_int_equal(read_lines(line).etag.size, HTTP_VALIDATOR_MAX);
    snprintf(line, sizeof(line), "etag: \"%0*d\"\n", HTTP_VALIDATOR_MAX - 1, 0);
    assert_int_equal(read_lines(line).etag.size, 0);
    assert_true(slice_equal(read_lines("last-modified: Sun Nov  6 08:49:37 1994\n").last_modified,
                            SLICE("Sun Nov  6 08:49:37 1994")));
    assert_int_equal(read_lines("last-modified: 6.11.1994\n").last_modified.size, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_directives),
        cmocka_unit_test(reads_lifetimes),
        cmocka_unit_test(reads_how_stale_it_may_be),
        cmocka_unit_test(reads_ages),
        cmocka_unit_test(finds_what_stands_against_storing),
        cmocka_unit_test(takes_validators),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
