/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/http/caching_request.h"

#define ANY HTTP_SECONDS_MAX

/* What a request with these field lines asks. */
static struct http_caching_request read_lines(const char *lines) {
    static char text[2000];
    struct http_head head;
    size_t size;

    snprintf(text, sizeof(text), "GET / HTTP/1.0\r\n%s\r\n", lines);
    assert_int_equal(http_head_decode(slice_from_string(text), &head, &size), HTTP_DONE);
    return http_caching_request_read(&head);
}

static const struct row {
    const char *section;
    const char *lines;
    struct http_caching_request asked;
} rows[] = {
    {"nothing", "", {.words = 0}},
    {"9111, 5.2.1.4", "Cache-Control: no-cache\r\n", {.words = HTTP_WISH_NO_CACHE}},
    {"9111, 5.2.1.5", "Cache-Control: no-store\r\n", {.words = HTTP_WISH_NO_STORE}},
    {"9111, 5.2.1.7", "Cache-Control: only-if-cached\r\n", {.words = HTTP_WISH_ONLY_IF_CACHED}},
    {"9111, 5.2.1.1", "Cache-Control: max-age=5\r\n", {.words = HTTP_WISH_MAX_AGE, .max_age = 5}},
    {"9111, 5.2.1.3", "Cache-Control: min-fresh=5\r\n", {.words = HTTP_WISH_MIN_FRESH, .min_fresh = 5}},
    {"9111, 5.2.1.2", "Cache-Control: max-stale=5\r\n", {.words = HTTP_WISH_MAX_STALE, .max_stale = 5}},
    {"9111, 5.2.1.2: any", "Cache-Control: max-stale\r\n", {.words = HTTP_WISH_MAX_STALE, .max_stale = ANY}},
    {"5861, 4", "Cache-Control: stale-if-error=5\r\n", {.words = HTTP_WISH_IF_ERROR, .if_error = 5}},
    {"9111, 5.2.1: in any case, quoted",
     "cache-control: MAX-Age=\"5\"\r\n",
     {.words = HTTP_WISH_MAX_AGE, .max_age = 5}},
    {"9111, 5.2.3: unknown", "Cache-Control: no-transform, x=\"no-cache\"\r\n", {.words = 0}},
    {"9111, 1.2.2", "Cache-Control: max-age=99999999999999999999\r\n", {.words = HTTP_WISH_MAX_AGE, .max_age = ANY}},
    {"over two lines",
     "Cache-Control: no-store\r\nCache-Control: max-age=0\r\n",
     {.words = HTTP_WISH_NO_STORE | HTTP_WISH_MAX_AGE}},
    {"the strictest of several",
     "Cache-Control: max-age=9, max-age=5, max-age=7, min-fresh=1, min-fresh=3, min-fresh=2\r\n",
     {.words = HTTP_WISH_MAX_AGE | HTTP_WISH_MIN_FRESH, .max_age = 5, .min_fresh = 3}},
    {"the strictest max-stale",
     "Cache-Control: max-stale, max-stale=5, stale-if-error=9, stale-if-error=8\r\n",
     {.words = HTTP_WISH_MAX_STALE | HTTP_WISH_IF_ERROR, .max_stale = 5, .if_error = 8}},
    {"a max-age that is none", "Cache-Control: max-age=x\r\n", {.words = HTTP_WISH_NO_CACHE}},
    {"one without a number", "Cache-Control: max-age\r\n", {.words = HTTP_WISH_NO_CACHE}},
    {"a min-fresh that is none", "Cache-Control: min-fresh=-1\r\n", {.words = HTTP_WISH_NO_CACHE}},
    {"a max-stale that is none", "Cache-Control: max-stale=x\r\n", {.words = HTTP_WISH_MAX_STALE}},
    {"one that is empty", "Cache-Control: max-stale=\r\n", {.words = HTTP_WISH_MAX_STALE}},
    {"one with more behind it", "Cache-Control: max-stale 5\r\n", {.words = HTTP_WISH_MAX_STALE}},
    {"a stale-if-error that is none", "Cache-Control: stale-if-error\r\n", {.words = HTTP_WISH_IF_ERROR}},
    {"9111, 5.4", "Pragma: no-cache\r\n", {.words = HTTP_WISH_NO_CACHE}},
    {"9111, 5.4: among others", "Pragma: x=y, No-Cache\r\n", {.words = HTTP_WISH_NO_CACHE}},
    {"9111, 5.4: others", "Pragma: no-store\r\n", {.words = 0}},
    {"9111, 5.4: only without Cache-Control",
     "Pragma: no-cache\r\nCache-Control: max-age=5\r\n",
     {.words = HTTP_WISH_MAX_AGE, .max_age = 5}},
    {"9111, 5.4: though it is empty", "Pragma: no-cache\r\nCache-Control:\r\n", {.words = 0}},
};

static void reads_wishes(void **state) {
    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct http_caching_request asked = read_lines(rows[i].lines);
        const struct http_caching_request *wanted = &rows[i].asked;

        if (asked.words != wanted->words || asked.max_age != wanted->max_age || asked.min_fresh != wanted->min_fresh ||
            asked.max_stale != wanted->max_stale || asked.if_error != wanted->if_error) {
            fail_msg("%s: %x, %lld, %lld, %lld, %lld", rows[i].section, (unsigned)asked.words, (long long)asked.max_age,
                     (long long)asked.min_fresh, (long long)asked.max_stale, (long long)asked.if_error);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_wishes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
