/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "proto/http/body.h"

enum { LIMIT = 20 };

/* Feeds `text` in pieces of `step` bytes; gathers the data and the bytes taken. */
static enum http_verdict feed(const struct http_head *head, struct slice text, size_t step, struct buf *ret_data,
                              size_t *ret_taken) {
    enum http_verdict verdict;
    struct http_body body;
    size_t at = 0;

    http_body_begin(&body, head, LIMIT);
    verdict = http_body_is_complete(&body) ? HTTP_DONE : HTTP_MORE;
    while (verdict == HTTP_MORE && at < text.size) {
        size_t size = text.size - at < step ? text.size - at : step;
        char *exact = malloc(size);
        struct slice data;
        size_t taken = 0;

        memcpy(exact, text.data + at, size);
        verdict = http_body_next(&body, slice_make(exact, size), &data, &taken);
        assert_int_equal(buf_append_slice(ret_data, data), LARDER_OK);
        at += taken;
        free(exact);
    }
    *ret_taken = at;
    return verdict;
}

/* Feeds it in pieces of every size; all must agree. */
static enum http_verdict read_body(const struct http_head *head, struct slice text, struct buf *ret_data,
                                   size_t *ret_taken) {
    enum http_verdict verdict = feed(head, text, text.size + 1, ret_data, ret_taken);

    for (size_t step = 1; step <= text.size; step++) {
        struct buf data;
        size_t taken;

        buf_init(&data, 1000);
        assert_int_equal(feed(head, text, step, &data, &taken), verdict);
        assert_true(slice_equal(buf_slice(&data), buf_slice(ret_data)));
        assert_int_equal(taken, *ret_taken);
        buf_fini(&data);
    }
    return verdict;
}

static void check(const struct http_head *head, const char *text, const char *behind, const char *wanted) {
    char whole[200];
    struct buf data;
    size_t taken;

    strcpy(whole, text);
    strcat(whole, behind);
    buf_init(&data, 1000);
    if (read_body(head, slice_from_string(whole), &data, &taken) != HTTP_DONE) {
        fail_msg("'%s' was not read to its end", text);
    }
    assert_int_equal(taken, strlen(text));
    assert_true(slice_equal(buf_slice(&data), slice_from_string(wanted)));
    buf_fini(&data);
}

static void reads_by_length(void **state) {
    const struct http_head none = {.body = HTTP_BODY_NONE};
    const struct http_head five = {.body = HTTP_BODY_LENGTH, .content_length = 5};

    (void)state;
    check(&none, "", "GET /", "");
    check(&five, "he\r\n\n", "GET /", "he\r\n\n");
}

static void reads_chunks(void **state) {
    const struct http_head chunked = {.body = HTTP_BODY_CHUNKED};

    (void)state;
    check(&chunked, "0\r\n\r\n", "GET / HTTP/1.1\r\n", "");
    check(&chunked, "3\r\nabc\r\n0\r\n\r\n", "", "abc");
    check(&chunked, "3\r\n\r\n0\r\n00b;x=\"y;\"\r\nhello\r\nwor\n\r\n000\r\n\r\n", "\r\n", "\r\n0hello\r\nwor\n");
    check(&chunked, "A;\r\n0123456789\r\n0000000000000000;a;b=c\r\nTrailer: 1\r\nMore:\r\n\r\n", "0", "0123456789");
}

static void refuses_bad_chunks(void **state) {
    static const char *const texts[] = {
        "\r\n",
        "x\r\n",
        ";x\r\n",
        "-1\r\n",
        "+1\r\n",
        "0x1\r\n",
        "1 \r\na\r\n",
        "1 ;x\r\na\r\n",
        " 1\r\na\r\n",
        "1\na\r\n",
        "1\r\r\na\r\n",
        "1;x\na\r\n",
        "1;x\ra\r\n",
        "1;\x01\r\na\r\n",
        "1\r\nab\r\n",
        "1\r\na\n",
        "1\r\na\rX",
        "1\r\na0\r\n\r\n",
        "0\r\nX: y\n\r\n",
        "0\r\n folded\r\n\r\n",
        "0\r\n\rX",
        "0\r\nno colon\r\n\r\n",
        "0\r\nT : 1\r\n\r\n",
        "0\r\n: 1\r\n\r\n",
        "00000000000000001\r\na\r\n",
    };
    const struct http_head chunked = {.body = HTTP_BODY_CHUNKED};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct buf data;
        size_t taken;

        buf_init(&data, 1000);
        if (read_body(&chunked, slice_from_string(texts[i]), &data, &taken) != HTTP_BAD_CHUNK) {
            fail_msg("'%s' was not refused", texts[i]);
        }
        buf_fini(&data);
    }
}

static void counts_what_is_not_data(void **state) {
    const struct http_head chunked = {.body = HTTP_BODY_CHUNKED};
    enum { SIZE = HTTP_BODY_EXTRA_MAX + 100 };
    char *text = malloc(SIZE);
    struct http_body body;
    struct slice data;
    size_t taken;

    (void)state;
    memset(text, 'x', SIZE);
    memcpy(text, "0;", 2);
    memcpy(text + 2 + HTTP_BODY_EXTRA_MAX, "\r\n\r\n", 4);
    http_body_begin(&body, &chunked, LIMIT);
    assert_int_equal(http_body_next(&body, slice_make(text, SIZE), &data, &taken), HTTP_DONE);
    memcpy(text, "0\r\n", 3);
    memset(text + 3, 'x', SIZE - 3);
    http_body_begin(&body, &chunked, LIMIT);
    assert_int_equal(http_body_next(&body, slice_make(text, SIZE), &data, &taken), HTTP_EXTRA_TOO_LARGE);
    free(text);
}

/* What is over the limit is told before its data is read; under a higher limit it can be read then, to be dropped. */
static void stops_at_the_limit(void **state) {
    const struct http_head chunked = {.body = HTTP_BODY_CHUNKED};
    const struct http_head length = {.body = HTTP_BODY_LENGTH, .content_length = LIMIT + 1};
    struct http_body body;
    struct slice data;
    size_t taken;

    (void)state;
    http_body_begin(&body, &length, LIMIT);
    assert_int_equal(http_body_next(&body, SLICE("abc"), &data, &taken), HTTP_BODY_TOO_LARGE);
    assert_int_equal(taken, 0);
    body.limit++;
    assert_int_equal(http_body_next(&body, SLICE("0123456789012345678901"), &data, &taken), HTTP_DONE);
    assert_int_equal(taken, LIMIT + 1);

    http_body_begin(&body, &chunked, LIMIT);
    assert_int_equal(http_body_next(&body, SLICE("ffffffffffffffff\r\n"), &data, &taken), HTTP_BODY_TOO_LARGE);
    http_body_begin(&body, &chunked, LIMIT);
    assert_int_equal(http_body_next(&body, SLICE("14\r\n01234567890123456789\r\n1"), &data, &taken), HTTP_MORE);
    assert_int_equal(data.size, LIMIT);
    assert_int_equal(http_body_next(&body, SLICE("\r\n1\r\nx"), &data, &taken), HTTP_BODY_TOO_LARGE);
    assert_int_equal(taken, 5);
    body.limit++;
    assert_int_equal(http_body_next(&body, SLICE("x"), &data, &taken), HTTP_MORE);
    assert_int_equal(http_body_next(&body, SLICE("\r\n0\r\n\r\n"), &data, &taken), HTTP_DONE);
}

static void data_may_pass_by(void **state) {
    const struct http_head chunked = {.body = HTTP_BODY_CHUNKED};
    const struct http_head length = {.body = HTTP_BODY_LENGTH, .content_length = 5};
    struct http_body body;
    struct slice data;
    size_t taken;

    (void)state;
    http_body_begin(&body, &length, LIMIT);
    assert_false(http_body_skip(&body, 4));
    assert_int_equal(body.left, 1);
    assert_true(http_body_skip(&body, 1));
    http_body_begin(&body, &chunked, LIMIT);
    assert_int_equal(http_body_next(&body, SLICE("5\r\nab"), &data, &taken), HTTP_MORE);
    assert_int_equal(body.left, 3);
    assert_false(http_body_skip(&body, 3));
    assert_int_equal(http_body_next(&body, SLICE("\r\n0\r\n\r\n"), &data, &taken), HTTP_DONE);
    assert_int_equal(body.taken, 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_by_length),    cmocka_unit_test(reads_chunks),
        cmocka_unit_test(refuses_bad_chunks), cmocka_unit_test(counts_what_is_not_data),
        cmocka_unit_test(stops_at_the_limit), cmocka_unit_test(data_may_pass_by),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
