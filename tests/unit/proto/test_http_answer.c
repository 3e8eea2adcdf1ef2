/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/http/answer.h"
#include "proto/http/date.h"
#include "proto/http/stream.h"

static const struct http_form plain = {.keep_alive = true};

static void assert_out(struct outbox *out, const char *text) {
    if (!slice_equal(buf_slice(&out->bytes), slice_from_string(text))) {
        fail_msg("'%.*s' and not '%s'", (int)out->bytes.size, out->bytes.data, text);
    }
    outbox_clear(out, 4096);
}

static void writes_answers(void **state) {
    struct http_answer a;
    struct outbox out;

    (void)state;
    outbox_init(&out, 1000);
    http_answer_begin(&a, &out, &plain, 200);
    http_answer_line(&a, SLICE("X: y\r\n"));
    http_answer_field(&a, SLICE("Age"), SLICE("0"));
    http_answer_number(&a, SLICE("N"), UINT64_MAX);
    http_answer_tag(&a, 12, SLICE("-x"));
    assert_int_equal(http_answer_body(&a, SLICE("body")), LARDER_OK);
    assert_out(&out, "HTTP/1.1 200 OK\r\nX: y\r\nAge: 0\r\nN: 18446744073709551615\r\nETag: \"12-x\"\r\n"
                     "Content-Length: 4\r\n\r\nbody");
    http_answer_begin(&a, &out, &(struct http_form){.head_only = true}, 404);
    assert_int_equal(http_answer_body(&a, SLICE("body")), LARDER_OK);
    assert_out(&out, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\nConnection: close\r\n\r\n");
    http_answer_begin(&a, &out, &(struct http_form){.keep_alive = true, .old = true}, 304);
    assert_int_equal(http_answer_empty(&a), LARDER_OK);
    assert_out(&out, "HTTP/1.1 304 Not Modified\r\nConnection: keep-alive\r\n\r\n");
    assert_int_equal(http_answer_continue(&out), LARDER_OK);
    assert_out(&out, "HTTP/1.1 100 Continue\r\n\r\n");
    outbox_fini(&out);
}

static bool released;

static void release(struct blob *blob) {
    (void)blob;
    released = true;
}

static void refers_to_large_bodies(void **state) {
    struct http_answer a;
    struct outbox out;
    struct blob blob;

    (void)state;
    released = false;
    blob_init(&blob, release);
    outbox_init(&out, 1000);
    http_answer_begin(&a, &out, &plain, 200);
    assert_int_equal(http_answer_blob(&a, SLICE("large"), &blob), LARDER_OK);
    assert_int_equal(out.ref_bytes, 5);
    http_answer_begin(&a, &out, &(struct http_form){.keep_alive = true, .head_only = true}, 200);
    assert_int_equal(http_answer_blob(&a, SLICE("large"), &blob), LARDER_OK);
    assert_int_equal(out.ref_bytes, 5);
    blob_unref(&blob);
    assert_false(released);
    outbox_fini(&out);
    assert_true(released);
}

/* An answer is there whole or not at all. */
static void limits_hold(void **state) {
    const struct slice key = SLICE("key");

    (void)state;
    for (size_t limit = 0; limit < 200; limit++) {
        struct http_answer a;
        struct outbox out;
        enum larder_error error;

        outbox_init(&out, limit);
        error = outbox_append(&out, SLICE("before"));
        http_answer_begin(&a, &out, &plain, 200);
        http_answer_tag(&a, 12, SLICE(""));
        if (http_answer_body(&a, SLICE("body")) != LARDER_OK) {
            assert_int_equal(out.bytes.size, error == LARDER_OK ? 6 : 0);
        }
        outbox_clear(&out, 0);
        if (http_answer_error(&out, &plain, 404, SLICE(""), SLICE(""), SLICE("no"), &key) != LARDER_OK) {
            assert_int_equal(out.bytes.size, 0);
        }
        outbox_fini(&out);
    }
}

static void writes_errors(void **state) {
    const struct slice binary = SLICE("\xff\0");
    const struct slice quoted = SLICE("a\"\\\n\t\x01\xc3\xa4/");
    struct outbox out;

    (void)state;
    outbox_init(&out, 1000);
    assert_int_equal(http_answer_error(&out, &plain, 404, SLICE(""), SLICE(""), SLICE("no \"value\""), NULL),
                     LARDER_OK);
    assert_out(&out, "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 38\r\n\r\n"
                     "{\"code\":404,\"message\":\"no \\\"value\\\"\"}\n");
    assert_int_equal(http_answer_error(&out, &plain, 405, SLICE(""), SLICE("Allow: GET\r\n"), SLICE("m"), &quoted),
                     LARDER_OK);
    assert_out(&out, "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: application/json\r\nAllow: GET\r\n"
                     "Content-Length: 54\r\n\r\n"
                     "{\"code\":405,\"message\":\"m\",\"key\":\"a\\\"\\\\\\n\\t\\u0001\xc3\xa4/\"}\n");
    assert_int_equal(http_answer_error(&out, &plain, 400, SLICE(""), SLICE(""), SLICE(""), &binary), LARDER_OK);
    assert_out(&out, "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 63\r\n\r\n"
                     "{\"code\":400,\"message\":\"\",\"key\":\"/wA=\",\"key_encoding\":\"base64\"}\n");
    outbox_fini(&out);
}

static void streams(void **state) {
    const struct http_form old = {.old = true};
    struct http_answer a;
    struct outbox out;
    size_t mark;

    (void)state;
    outbox_init(&out, 1000);
    http_answer_begin(&a, &out, &plain, 200);
    assert_int_equal(http_answer_stream(&a), LARDER_OK);
    assert_int_equal(http_stream_open(&out, &plain, &mark), LARDER_OK);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(outbox_append(&out, SLICE("ab")), LARDER_OK);
    }
    assert_int_equal(http_stream_close(&out, &plain, mark), LARDER_OK);
    assert_int_equal(http_stream_open(&out, &plain, &mark), LARDER_OK);
    assert_int_equal(http_stream_close(&out, &plain, mark), LARDER_OK);
    assert_int_equal(http_stream_end(&out, &plain), LARDER_OK);
    assert_out(&out,
               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n00000014\r\nabababababababababab\r\n0\r\n\r\n");
    http_answer_begin(&a, &out, &old, 200);
    assert_int_equal(http_answer_stream(&a), LARDER_OK);
    assert_int_equal(http_stream_open(&out, &old, &mark), LARDER_OK);
    assert_int_equal(outbox_append(&out, SLICE("ab")), LARDER_OK);
    assert_int_equal(http_stream_close(&out, &old, mark), LARDER_OK);
    assert_int_equal(http_stream_end(&out, &old), LARDER_OK);
    assert_out(&out, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nab");
    outbox_fini(&out);
    outbox_init(&out, 13);
    assert_int_equal(http_stream_open(&out, &plain, &mark), LARDER_OK);
    assert_int_equal(outbox_append(&out, SLICE("ab")), LARDER_OK);
    assert_int_equal(http_stream_close(&out, &plain, mark), LARDER_ERROR_LIMIT);
    assert_int_equal(out.bytes.size, 0);
    outbox_fini(&out);
}

static void writes_events(void **state) {
    struct http_event e = {.name = SLICE("put"), .data = SLICE("{}"), .id = 7, .has_id = true};
    struct outbox out;

    (void)state;
    outbox_init(&out, 1000);
    assert_int_equal(http_event_append(&out.bytes, &e), LARDER_OK);
    assert_out(&out, "id: 7\nevent: put\ndata: {}\n\n");
    e = (struct http_event){.data = SLICE("a\nb\r\nc\rd\n\n")};
    assert_int_equal(http_event_append(&out.bytes, &e), LARDER_OK);
    assert_out(&out, "data: a\ndata: b\ndata: c\ndata: d\ndata: \ndata: \n\n");
    e = (struct http_event){.data = SLICE("")};
    assert_int_equal(http_event_append(&out.bytes, &e), LARDER_OK);
    assert_out(&out, "data: \n\n");
    assert_int_equal(http_event_comment(&out.bytes, SLICE("alive")), LARDER_OK);
    assert_out(&out, ": alive\n\n");
    outbox_fini(&out);
}

static void tells_the_date(void **state) {
    struct http_date date = {0};

    (void)state;
    assert_true(slice_equal(http_date_line(&date, 784111777), SLICE("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n")));
    assert_true(slice_equal(http_date_line(&date, 784111777), SLICE("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n")));
    assert_true(slice_equal(http_date_line(&date, 1709210096), SLICE("Date: Thu, 29 Feb 2024 12:34:56 GMT\r\n")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_answers), cmocka_unit_test(refers_to_large_bodies),
        cmocka_unit_test(limits_hold),    cmocka_unit_test(writes_errors),
        cmocka_unit_test(streams),        cmocka_unit_test(writes_events),
        cmocka_unit_test(tells_the_date),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
