/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/http/http.h"

/* Decodes the text and every beginning of it: those must ask for more. */
static struct http_message decode(const char *text, const char *behind) {
    static char kept[1024];
    size_t size = strlen(text);
    struct http_message m;
    size_t consumed = 0;

    for (size_t part = 1; part < size; part++) {
        assert_int_equal(http_decode(slice_make(text, part), &m, &consumed), HTTP_DECODE_MORE);
    }
    memcpy(kept, text, size);
    strcpy(kept + size, behind);
    assert_int_equal(http_decode(slice_from_string(kept), &m, &consumed), HTTP_DECODE_DONE);
    assert_int_equal(consumed, size);
    return m;
}

static bool is_text(struct slice s, const char *text) {
    return slice_equal(s, slice_from_string(text));
}

static void reads_requests(void **state) {
    struct http_message m = decode("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "");

    (void)state;
    assert_int_equal(m.verb, HTTP_VERB_GET);
    assert_true(is_text(m.path, "/metrics"));
    assert_true(m.keep_alive);
    m = decode("HEAD /a%20b?x=/c?d HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\n\r\n");
    assert_int_equal(m.verb, HTTP_VERB_HEAD);
    assert_true(is_text(m.path, "/a%20b"));
    assert_false(m.keep_alive);
    m = decode("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "x");
    assert_false(m.keep_alive);
    m = decode("PUT /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", "GET");
    assert_int_equal(m.verb, HTTP_VERB_OTHER);
    m = decode("POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "GET");
    assert_true(m.keep_alive);
    m = decode("POST /x HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: x\r\nContent-Length: 2\r\n\r\nab", "");
    assert_true(is_text(m.path, "/x"));
}

static void refuses_what_is_no_request(void **state) {
    static const char *const texts[] = {
        "GET /\r\n\r\n\r\n",
        "NONSENSE / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nbad header\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "GET / JUNK/1.1\r\n\r\n",
    };
    struct http_message m;
    size_t consumed;

    (void)state;
    for (size_t i = 1; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (http_decode(slice_from_string(texts[i]), &m, &consumed) != HTTP_DECODE_BAD) {
            fail_msg("'%s' was not refused", texts[i]);
        }
    }
}

/* Whether the rest is there already or not, what is too large is too large. */
static void limits_hold(void **state) {
    enum { HUGE = 200 << 10 };
    char *text = malloc(HUGE);
    struct http_message m;
    size_t consumed;

    (void)state;
    memset(text, 'x', HUGE);
    memcpy(text, "GET / HTTP/1.1\r\nA: ", 19);
    assert_int_equal(http_decode(slice_make(text, HTTP_HEAD_MAX), &m, &consumed), HTTP_DECODE_MORE);
    assert_int_equal(http_decode(slice_make(text, HTTP_HEAD_MAX + 1), &m, &consumed), HTTP_DECODE_TOO_LARGE);
    memcpy(text + HTTP_HEAD_MAX, "\r\n\r\n", 4);
    assert_int_equal(http_decode(slice_make(text, HTTP_HEAD_MAX + 4), &m, &consumed), HTTP_DECODE_TOO_LARGE);
    memcpy(text + HTTP_HEAD_MAX - 4, "\r\n\r\n", 4);
    assert_int_equal(http_decode(slice_make(text, HTTP_HEAD_MAX), &m, &consumed), HTTP_DECODE_DONE);
    memset(text, 'x', HUGE);
    memcpy(text, "PUT / HTTP/1.1\r\nContent-Length: 65536\r\n\r\n", 41);
    assert_int_equal(http_decode(slice_make(text, 41 + 65535), &m, &consumed), HTTP_DECODE_MORE);
    assert_int_equal(http_decode(slice_make(text, HUGE), &m, &consumed), HTTP_DECODE_DONE);
    assert_int_equal(consumed, 41 + 65536);
    text[36] = '7';
    assert_int_equal(http_decode(slice_make(text, 41), &m, &consumed), HTTP_DECODE_TOO_LARGE);
    assert_int_equal(http_decode(slice_make(text, HUGE), &m, &consumed), HTTP_DECODE_TOO_LARGE);
    memcpy(text, "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n", 53);
    assert_int_equal(http_decode(slice_make(text, HUGE), &m, &consumed), HTTP_DECODE_TOO_LARGE);
    free(text);
}

static void writes_answers(void **state) {
    struct http_answer a = {.status = 200,
                            .content_type = SLICE("text/plain"),
                            .extra = SLICE("X: y\r\n"),
                            .body = SLICE("body"),
                            .keep_alive = true};
    struct outbox out;

    (void)state;
    outbox_init(&out, 1000);
    assert_int_equal(http_encode(&out, &a), LARDER_OK);
    assert_true(is_text(buf_slice(&out.bytes),
                        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\nX: y\r\n\r\nbody"));
    outbox_clear(&out, 0);
    a.head_only = true;
    a.keep_alive = false;
    a.status = 404;
    a.extra = SLICE("");
    assert_int_equal(http_encode(&out, &a), LARDER_OK);
    assert_true(is_text(buf_slice(&out.bytes), "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n"
                                               "Content-Length: 4\r\nConnection: close\r\n\r\n"));
    outbox_fini(&out);
    outbox_init(&out, 10);
    assert_int_equal(http_encode(&out, &a), LARDER_ERROR_LIMIT);
    outbox_fini(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_requests),
        cmocka_unit_test(refuses_what_is_no_request),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(writes_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
