/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/http/head.h"

/* Decodes the text and every beginning of it: those must ask for more, and the verdict must be found at some point and
 * stay the same from there on. */
static enum http_verdict decode(const char *text, struct http_head *ret_head, size_t *ret_size) {
    static char kept[HTTP_HEAD_MAX + 64];
    size_t size = strlen(text);
    enum http_verdict verdict = HTTP_MORE;

    for (size_t part = 0; part < size; part++) {
        char *exact = malloc(part + 1);
        enum http_verdict early;

        memcpy(exact, text, part);
        early = http_head_decode(slice_make(exact, part), ret_head, ret_size);
        free(exact);
        assert_true(verdict == HTTP_MORE || early == verdict);
        verdict = early;
    }
    memcpy(kept, text, size);
    *ret_size = SIZE_MAX;
    assert_true(verdict == HTTP_MORE || http_head_decode(slice_make(kept, size), ret_head, ret_size) == verdict);
    return http_head_decode(slice_make(kept, size), ret_head, ret_size);
}

static struct http_head decode_good(const char *text) {
    struct http_head head;
    size_t size;

    if (decode(text, &head, &size) != HTTP_DONE) {
        fail_msg("'%s' was refused", text);
    }
    assert_int_equal(size, strlen(text));
    return head;
}

static bool is_text(struct slice s, const char *text) {
    return slice_equal(s, slice_from_string(text));
}

static void reads_the_request_line(void **state) {
    static const char *const methods[] = {"GET", "HEAD", "PUT", "DELETE", "POST", "OPTIONS", "PATCH", "M-SEARCH"};
    struct http_head head;
    char text[100];

    (void)state;
    for (unsigned i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        snprintf(text, sizeof(text), "%s /metrics HTTP/1.1\r\nHost: a\r\n\r\n", methods[i]);
        head = decode_good(text);
        assert_int_equal(head.verb, i < HTTP_VERB_OTHER ? i : HTTP_VERB_OTHER);
    }
    assert_true(is_text(head.target, "/metrics"));
    assert_false(head.old);
    head = decode_good("\r\n\r\nGET /a%20b?x=/c?d HTTP/1.0\r\n\r\n");
    assert_true(is_text(head.target, "/a%20b?x=/c?d"));
    assert_true(head.old);
    head = decode_good("get http://a:80/\xc3\xa4\"<>\\^`{|} HTTP/1.7\r\nHost:\r\n\r\n");
    assert_int_equal(head.verb, HTTP_VERB_OTHER);
    assert_true(is_text(head.target, "http://a:80/\xc3\xa4\"<>\\^`{|}"));
    assert_false(head.old);
}

static void reads_fields(void **state) {
    struct http_head head = decode_good("PUT / HTTP/1.1\r\nhOsT:a.b:1\r\nX-Other: y\r\nIf-Match:\t \"1\" , \"2\"\t \r\n"
                                        "if-match: \"3\"\r\nLarder-Freshness: max_stale=5s\r\nTraceparent: 00-ab\r\n"
                                        "Accept:\r\nContent-Length: 0012\r\nLast-Event-ID: \xe2\x82\xac 7\r\n\r\n");
    struct slice value;
    size_t cursor = 0;

    (void)state;
    assert_true(is_text(head.fields[HTTP_FIELD_HOST], "a.b:1"));
    assert_true(is_text(head.fields[HTTP_FIELD_IF_MATCH], "\"1\" , \"2\""));
    assert_true(is_text(head.fields[HTTP_FIELD_LARDER_FRESHNESS], "max_stale=5s"));
    assert_true(is_text(head.fields[HTTP_FIELD_TRACEPARENT], "00-ab"));
    assert_true(is_text(head.fields[HTTP_FIELD_LAST_EVENT_ID], "\xe2\x82\xac 7"));
    assert_true(is_text(head.fields[HTTP_FIELD_ACCEPT], ""));
    assert_non_null(head.fields[HTTP_FIELD_ACCEPT].data);
    assert_null(head.fields[HTTP_FIELD_CONTENT_TYPE].data);
    assert_int_equal(head.body, HTTP_BODY_LENGTH);
    assert_int_equal(head.content_length, 12);
    assert_true(http_head_next(&head, HTTP_FIELD_IF_MATCH, &cursor, &value));
    assert_true(is_text(value, "\"1\" , \"2\""));
    assert_true(http_head_next(&head, HTTP_FIELD_IF_MATCH, &cursor, &value));
    assert_true(is_text(value, "\"3\""));
    assert_false(http_head_next(&head, HTTP_FIELD_IF_MATCH, &cursor, &value));
    cursor = 0;
    assert_false(http_head_next(&head, HTTP_FIELD_IF_NONE_MATCH, &cursor, &value));
}

static void every_field_is_found(void **state) {
    static const char *const names[HTTP_FIELD_COUNT] = {
#define FIELD(name, text, rule) [HTTP_FIELD_##name] = text,
#include "proto/http/fields.def"
#undef FIELD
    };

    (void)state;
    for (unsigned i = 0; i < HTTP_FIELD_COUNT; i++) {
        assert_int_equal(http_field_find(slice_from_string(names[i])), i);
        assert_int_equal(http_field_find(slice_make(names[i], strlen(names[i]) - 1)), HTTP_FIELD_COUNT);
    }
    assert_int_equal(http_field_find(SLICE("x-a-name-of-more-than-thirty-two-bytes")), HTTP_FIELD_COUNT);
}

static void tells_whether_the_connection_stays(void **state) {
    (void)state;
    assert_true(decode_good("GET / HTTP/1.1\r\nHost: a\r\n\r\n").keep_alive);
    assert_false(decode_good("GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n").keep_alive);
    assert_false(decode_good("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, ,\tclose\r\n\r\n").keep_alive);
    assert_false(
        decode_good("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n").keep_alive);
    assert_true(decode_good("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n").keep_alive);
    assert_false(decode_good("GET / HTTP/1.0\r\n\r\n").keep_alive);
    assert_true(decode_good("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keep_alive);
    assert_false(decode_good("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n").keep_alive);
}

static void tells_what_body_comes(void **state) {
    (void)state;
    assert_int_equal(decode_good("PUT / HTTP/1.1\r\nHost: a\r\n\r\n").body, HTTP_BODY_NONE);
    assert_int_equal(decode_good("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").body, HTTP_BODY_NONE);
    assert_int_equal(decode_good("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n").body,
                     HTTP_BODY_CHUNKED);
    assert_int_equal(
        decode_good("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n").content_length,
        UINT64_MAX);
}

static void tells_what_is_expected(void **state) {
    (void)state;
    assert_int_equal(
        decode_good("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n").expectation,
        HTTP_EXPECTS_CONTINUE);
    assert_int_equal(
        decode_good("PUT / HTTP/1.1\r\nHost: a\r\nExpect: tea, 100-continue\r\nContent-Length: 1\r\n\r\n").expectation,
        HTTP_EXPECTS_UNKNOWN);
    assert_int_equal(decode_good("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nExpect: tea\r\n"
                                 "Transfer-Encoding: chunked\r\n\r\n")
                         .expectation,
                     HTTP_EXPECTS_UNKNOWN);
    assert_int_equal(decode_good("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n").expectation,
                     HTTP_EXPECTS_NOTHING);
    assert_int_equal(decode_good("PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n").expectation,
                     HTTP_EXPECTS_NOTHING);
}

#define OF_1_1(fields) "PUT / HTTP/1.1\r\nHost: a\r\n" fields "\r\n\r\n"

static const struct refused {
    const char *text;
    enum http_verdict verdict;
} refused[] = {
    {"GET /\r\n\r\n", HTTP_BAD_REQUEST_LINE},
    {"GET  / HTTP/1.1\r\n\r\n", HTTP_BAD_REQUEST_LINE},
    {"GET /  HTTP/1.1\r\n\r\n", HTTP_BAD_REQUEST_LINE},
    {"GET\t/ HTTP/1.1\r\n\r\n", HTTP_BAD_REQUEST_LINE},
    {" GET / HTTP/1.1\r\n\r\n", HTTP_BAD_REQUEST_LINE},
    {"G@T / HTTP/1.1\r\n\r\n", HTTP_BAD_REQUEST_LINE},
    {"GET /\x01 HTTP/1.1\r\n\r\n", HTTP_BAD_REQUEST_LINE},
    {"GET /\x7f HTTP/1.1\r\n\r\n", HTTP_BAD_REQUEST_LINE},
    {"GET /a#b HTTP/1.1\r\n\r\n", HTTP_BAD_REQUEST_LINE},
    {"GET / JUNK/1.1\r\n\r\n", HTTP_BAD_REQUEST_LINE},
    {"GET / http/1.1\r\n\r\n", HTTP_BAD_REQUEST_LINE},
    {"GET / HTTP/11\r\n\r\n", HTTP_BAD_REQUEST_LINE},
    {"GET / X\r\n", HTTP_BAD_REQUEST_LINE},
    {"GET / HTTP/2.0\r\n\r\n", HTTP_UNKNOWN_VERSION},
    {"GET / HTTP/0.9\r\n\r\n", HTTP_UNKNOWN_VERSION},
    {"GET / HTTP/1.1 \r\n\r\n", HTTP_BAD_LINE_END},
    {"GET / HTTP/1.1\nHost: a\n\n", HTTP_BAD_LINE_END},
    {"\r\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_BAD_LINE_END},
    {"GET / HTTP/1.1\r\nHost: a\n\r\n", HTTP_BAD_LINE_END},
    {"GET / HTTP/1.1\r\nHost: a\r\n\n", HTTP_BAD_FIELD},
    {"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", HTTP_BAD_LINE_END},
    {"GET / HTTP/1.1\r\nHost: a\r\n\rX", HTTP_BAD_LINE_END},
    {OF_1_1("A : b"), HTTP_BAD_FIELD},
    {OF_1_1("A: b\r\n c"), HTTP_BAD_FIELD},
    {OF_1_1("A: b\r\n\tc: d"), HTTP_BAD_FIELD},
    {OF_1_1(": b"), HTTP_BAD_FIELD},
    {OF_1_1("bad field"), HTTP_BAD_FIELD},
    {OF_1_1("A\x80: b"), HTTP_BAD_FIELD},
    {OF_1_1("A: b\x01"), HTTP_BAD_FIELD},
    {OF_1_1("A: b\x7f"), HTTP_BAD_FIELD},
    {"GET / HTTP/1.1\r\n\r\n", HTTP_BAD_HOST},
    {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", HTTP_BAD_HOST},
    {"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", HTTP_BAD_HOST},
    {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", HTTP_BAD_HOST},
    {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", HTTP_BAD_HOST},
    {"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", HTTP_BAD_HOST},
    {"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n", HTTP_BAD_HOST},
    {OF_1_1("Content-Length: x"), HTTP_BAD_LENGTH},
    {OF_1_1("Content-Length:"), HTTP_BAD_LENGTH},
    {OF_1_1("Content-Length: +1"), HTTP_BAD_LENGTH},
    {OF_1_1("Content-Length: -1"), HTTP_BAD_LENGTH},
    {OF_1_1("Content-Length: 0x1"), HTTP_BAD_LENGTH},
    {OF_1_1("Content-Length: 1 2"), HTTP_BAD_LENGTH},
    {OF_1_1("Content-Length: 5, 5"), HTTP_BAD_LENGTH},
    {OF_1_1("Content-Length: 18446744073709551616"), HTTP_BAD_LENGTH},
    {OF_1_1("Content-Length: 1\r\nContent-Length: 2"), HTTP_AMBIGUOUS_LENGTH},
    {OF_1_1("Content-Length: 1\r\nContent-Length: 1"), HTTP_AMBIGUOUS_LENGTH},
    {OF_1_1("Content-Length: 1\r\nTransfer-Encoding: chunked"), HTTP_AMBIGUOUS_LENGTH},
    {OF_1_1("Transfer-Encoding: chunked\r\nContent-Length: 0"), HTTP_AMBIGUOUS_LENGTH},
    {OF_1_1("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), HTTP_AMBIGUOUS_LENGTH},
    {OF_1_1("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"), HTTP_AMBIGUOUS_LENGTH},
    {OF_1_1("Transfer-Encoding: gzip, chunked"), HTTP_UNKNOWN_ENCODING},
    {OF_1_1("Transfer-Encoding: identity"), HTTP_UNKNOWN_ENCODING},
    {OF_1_1("Transfer-Encoding: chunked, chunked"), HTTP_UNKNOWN_ENCODING},
    {OF_1_1("Transfer-Encoding: xchunked"), HTTP_UNKNOWN_ENCODING},
    {OF_1_1("Transfer-Encoding: \"chunked\""), HTTP_UNKNOWN_ENCODING},
    {OF_1_1("Transfer-Encoding:"), HTTP_UNKNOWN_ENCODING},
    {"PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_OLD_ENCODING},
    {OF_1_1("Content-Type: a/b\r\nContent-Type: a/b"), HTTP_REPEATED_FIELD},
    {OF_1_1("Larder-Freshness: cached\r\nlarder-freshness: linearizable"), HTTP_REPEATED_FIELD},
};

static void refuses_what_is_unclear(void **state) {
    struct http_head head;
    size_t size;

    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        enum http_verdict verdict = decode(refused[i].text, &head, &size);

        if (verdict != refused[i].verdict) {
            fail_msg("'%s': %d and not %d", refused[i].text, (int)verdict, (int)refused[i].verdict);
        }
        assert_true(http_verdict_status(verdict) >= 400 && http_verdict_text(verdict).size > 0);
    }
    assert_int_equal(http_head_decode(slice_make("GET / HTTP/1.1\r\nA: \0\r\n\r\n", 25), &head, &size), HTTP_BAD_FIELD);
}

/* Whether the rest is there already or not, what is too large is too large. */
static void limits_hold(void **state) {
    enum { HUGE = 64 << 10 };
    char *text = malloc(HUGE);
    struct http_head head;
    size_t size;

    (void)state;
    memset(text, 'x', HUGE);
    memcpy(text, "GET / HTTP/1.0\r\nA: ", 19);
    assert_int_equal(http_head_decode(slice_make(text, HTTP_HEAD_MAX - 1), &head, &size), HTTP_MORE);
    assert_int_equal(http_head_decode(slice_make(text, HTTP_HEAD_MAX), &head, &size), HTTP_HEAD_TOO_LARGE);
    memcpy(text + HTTP_HEAD_MAX - 3, "\r\n\r\n", 4);
    assert_int_equal(http_head_decode(slice_make(text, HUGE), &head, &size), HTTP_HEAD_TOO_LARGE);
    memcpy(text + HTTP_HEAD_MAX - 4, "\r\n\r\n", 4);
    assert_int_equal(http_head_decode(slice_make(text, HUGE), &head, &size), HTTP_DONE);
    assert_int_equal(size, HTTP_HEAD_MAX);
    memset(text + 5, 'x', HUGE - 5);
    assert_int_equal(http_head_decode(slice_make(text, HUGE), &head, &size), HTTP_TARGET_TOO_LARGE);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_request_line),  cmocka_unit_test(reads_fields),
        cmocka_unit_test(every_field_is_found),    cmocka_unit_test(tells_whether_the_connection_stays),
        cmocka_unit_test(tells_what_body_comes),   cmocka_unit_test(tells_what_is_expected),
        cmocka_unit_test(refuses_what_is_unclear), cmocka_unit_test(limits_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
