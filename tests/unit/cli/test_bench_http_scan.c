/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/bench/http_scan.h"

/* What was seen, as text: status, size of the body, its beginning. */
struct seen {
    char text[1024];
    enum larder_error answer;
};

static enum larder_error note(void *ctx, const struct http_answer *answer) {
    struct seen *seen = ctx;
    size_t size = strlen(seen->text);

    snprintf(seen->text + size, sizeof(seen->text) - size, "%u:%d:%.*s%s ", answer->status, (int)answer->body_size,
             (int)(answer->body.size < 6 ? answer->body.size : 6), answer->body.data, answer->closes ? "!" : "");
    return seen->answer;
}

static const char stream[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nETag: \"7\"\r\n\r\nabc"
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\ncontent-length:0\r\n\r\n"
    "HTTP/1.1 204 No Content\r\n\r\n"
    "HTTP/1.1 200\r\nTransfer-Encoding: CHUNKED\r\n\r\n3\r\nxyz\r\n0a;ext=1\r\n0123\r\n6789\r\n0\r\nTrailer: a\r\n\r\n"
    "HTTP/1.1 404 Not Found\r\nContent-Length:\t 2 \r\nConnection: close\r\n\r\n{}"
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 55\r\n\r\n";

static const char expected[] = "200:3:abc 201:0: 204:0: 200:13:xyz012 404:2:{}! 304:0: ";

static void reads_a_stream_cut_anywhere(void **state) {
    size_t size = sizeof(stream) - 1;

    (void)state;
    for (size_t first = 0; first <= size; first++) {
        for (size_t second = first; second <= size; second++) {
            struct seen seen = {.text = ""};
            struct http_scanner s;

            http_scan_init(&s);
            assert_int_equal(http_scan_feed(&s, stream, first, note, &seen), LARDER_OK);
            assert_int_equal(http_scan_feed(&s, stream + first, second - first, note, &seen), LARDER_OK);
            assert_int_equal(http_scan_feed(&s, stream + second, size - second, note, &seen), LARDER_OK);
            assert_string_equal(seen.text, expected);
        }
    }
}

static void reads_a_stream_byte_by_byte(void **state) {
    struct seen seen = {.text = ""};
    struct http_scanner s;

    (void)state;
    http_scan_init(&s);
    for (size_t i = 0; i + 1 < sizeof(stream); i++) {
        assert_int_equal(http_scan_feed(&s, stream + i, 1, note, &seen), LARDER_OK);
    }
    assert_string_equal(seen.text, expected);
}

static void keeps_the_beginning_of_a_long_body(void **state) {
    static char text[100 + 5000];
    struct seen seen = {.text = ""};
    struct http_scanner s;
    int head = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n");

    (void)state;
    memset(text + head, 'b', 5000);
    http_scan_init(&s);
    assert_int_equal(http_scan_feed(&s, text, (size_t)head + 4999, note, &seen), LARDER_OK);
    assert_string_equal(seen.text, "");
    assert_int_equal(s.answer.body.size, HTTP_SCAN_BODY_KEPT);
    assert_int_equal(http_scan_feed(&s, text + head, 1, note, &seen), LARDER_OK);
    assert_string_equal(seen.text, "200:5000:bbbbbb ");
}

static enum larder_error feed(const char *text, size_t size) {
    struct seen seen = {.text = ""};
    struct http_scanner s;

    http_scan_init(&s);
    return http_scan_feed(&s, text, size, note, &seen);
}

static void refuses_what_is_not_http(void **state) {
    static const char *const texts[] = {
        "VALUE a 0 3\r\n",
        "HTTP/1.1 20 OK\r\n",
        "HTTP/1.1 2000 OK\r\n",
        "HTTP/1.1 020 OK\r\n",
        "HTTP/2 200 OK\r\n",
        "HTTP/1.1 200 OK\n",
        "HTTP/1.1 200 OK\r\n\r\n", /* only the end of the connection would end it */
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1x\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11111111111111111\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (feed(texts[i], strlen(texts[i])) != LARDER_ERROR_PROTOCOL) {
            fail_msg("taken: %s", texts[i]);
        }
    }
}

static void a_head_has_a_limit(void **state) {
    static char text[HTTP_SCAN_HEAD_MAX * 2];
    size_t size = (size_t)snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n");

    (void)state;
    memset(text + size, 'h', HTTP_SCAN_LINE_MAX + 1);
    assert_int_equal(feed(text, size + HTTP_SCAN_LINE_MAX + 1), LARDER_ERROR_PROTOCOL);
    while (size < HTTP_SCAN_HEAD_MAX + 3000) {
        size += (size_t)snprintf(text + size, sizeof(text) - size, "Filler: %0900d\r\n", 0);
    }
    assert_int_equal(feed(text, size), LARDER_ERROR_PROTOCOL);
}

static void the_receivers_error_ends_it(void **state) {
    struct seen seen = {.text = "", .answer = LARDER_ERROR_LIMIT};
    struct http_scanner s;

    (void)state;
    http_scan_init(&s);
    assert_int_equal(http_scan_feed(&s, stream, sizeof(stream) - 1, note, &seen), LARDER_ERROR_LIMIT);
    assert_string_equal(seen.text, "200:3:abc ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_stream_cut_anywhere),
        cmocka_unit_test(reads_a_stream_byte_by_byte),
        cmocka_unit_test(keeps_the_beginning_of_a_long_body),
        cmocka_unit_test(refuses_what_is_not_http),
        cmocka_unit_test(a_head_has_a_limit),
        cmocka_unit_test(the_receivers_error_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
