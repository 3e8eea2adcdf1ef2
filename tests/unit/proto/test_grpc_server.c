/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "grpc_raw.h"
#include "proto/grpc/limits.h"

enum { END = NGHTTP2_FLAG_END_STREAM };

#define HEAD_OUT "< HEADERS 1 :status=200 content-type=application/grpc"

static int begin(void **state) {
    struct raw *raw = calloc(1, sizeof(*raw));

    assert_non_null(raw);
    raw_init(raw);
    raw_preface(raw);
    *state = raw;
    return 0;
}

static int end(void **state) {
    raw_fini(*state);
    free(*state);
    return 0;
}

static void a_unary_call_is_answered(void **state) {
    struct raw *raw = *state;

    raw_headers(raw, 1, 0, RAW_HEAD("/echo"));
    raw_message(raw, 1, END, 300);
    assert_true(raw_run(raw));
    assert_string_equal(raw_log(raw), "open 1 /echo\nmessage 1 300\nend 1\nclose 1\n" HEAD_OUT "\n< DATA 1 305\n"
                                      "< HEADERS 1 grpc-status=0 END\n");
    assert_int_equal(grpc_server_calls(raw->server), 0);
    assert_false(grpc_server_is_over(raw->server));
}

/* Two calls that cross, one message in two frames and two in one, however the bytes are cut. */
static void input_may_be_split_anywhere(void **state) {
    const char *begins = "open 1 /echo\nopen 3 /echo\nmessage 3 0\nmessage 1 150\nmessage 1 4\n";

    (void)state;
    for (size_t step = 1; step < 600; step++) {
        const char *log;
        struct raw raw;

        raw_init(&raw);
        raw_preface(&raw);
        raw_headers(&raw, 1, 0, RAW_HEAD("/echo"));
        raw_message_as(&raw, 1, 0, 0, 150, 100);
        raw_headers(&raw, 3, 0, RAW_HEAD("/echo"));
        raw_message(&raw, 3, 0, 0);
        raw_frame(&raw, NGHTTP2_DATA, END, 1,
                  "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm\0\0\0\0\4mmmm\0\0\0\0", 63);
        raw_frame(&raw, NGHTTP2_DATA, END, 3, "", 0);
        assert_true(raw_run_in(&raw, step));
        raw.frames.size = 0; /* they depend on when the answers are written */
        log = raw_log(&raw);
        assert_memory_equal(log, begins, strlen(begins));
        assert_non_null(strstr(log, "end 3\n"));
        assert_null(strstr(log, "end 1\n"));
        assert_int_equal(raw.opened, 2);
        assert_int_equal(raw.closed, 2);
        raw_fini(&raw);
    }
}

static void the_head_is_read(void **state) {
    struct raw *raw = *state;

    raw_headers(raw, 1, END,
                ":method: POST\n:scheme: http\n:path: /x\n:authority: a\ncontent-type: application/grpc+proto;a=b\n"
                "authorization: no\ntoken: abc\ngrpc-timeout: 250m\ntraceparent: 00-aa\nuser-agent: u\n");
    raw_headers(raw, 3, END, RAW_HEAD("/y") "authorization: yes\ngrpc-timeout: 99999999H\n");
    assert_true(raw_run(raw));
    assert_string_equal(raw_log(raw), "open 1 /x token=abc timeout=250000000 traceparent=00-aa\nend 1\n"
                                      "open 3 /y token=yes timeout=9223372036854775807\nend 3\n"
                                      "close 1\nclose 3\n" HEAD_OUT " grpc-status=12 grpc-message=unknown END\n"
                                      "< HEADERS 3 :status=200 content-type=application/grpc"
                                      " grpc-status=12 grpc-message=unknown END\n");
}

static void an_early_end_tells_the_client_to_stop(void **state) {
    struct raw *raw = *state;

    raw_headers(raw, 1, 0, RAW_HEAD("/fail"));
    raw_message(raw, 1, 0, 10);
    assert_true(raw_run(raw));
    assert_string_equal(raw_log(raw),
                        "open 1 /fail\nclose 1\n" HEAD_OUT " grpc-status=5 grpc-message=no such key: 50%25 %C3%A9 END\n"
                        "< RST_STREAM 1 NO_ERROR\n");
    raw_message(raw, 1, END, 10); /* was on its way */
    assert_true(raw_run(raw));
    assert_string_equal(raw_log(raw), "");
}

static void a_stream_goes_on_until_it_is_finished(void **state) {
    struct raw *raw = *state;

    raw_headers(raw, 1, 0, RAW_HEAD("/hold"));
    raw_message(raw, 1, 0, 1);
    assert_true(raw_run(raw));
    assert_string_equal(raw_log(raw), "open 1 /hold\nmessage 1 1\n");
    for (int i = 0; i < 3; i++) {
        memset(grpc_stream_message(raw->held, 7), 'a', 7);
        assert_false(raw_write(raw, SIZE_MAX));
        assert_string_equal(raw_log(raw), i == 0 ? HEAD_OUT "\n< DATA 1 12\n" : "< DATA 1 12\n");
    }
    memset(grpc_stream_message(raw->held, 7), 'a', 7);
    memset(grpc_stream_message(raw->held, 1), 'a', 1);
    grpc_stream_finish(raw->held, GRPC_CANCELLED, SLICE("enough"));
    assert_int_equal(raw->closed, 0);
    assert_false(raw_write(raw, SIZE_MAX));
    assert_string_equal(raw_log(raw), "close 1\n< DATA 1 18\n< HEADERS 1 grpc-status=1 grpc-message=enough END\n"
                                      "< RST_STREAM 1 NO_ERROR\n");
}

/* Trailers need no window, when nothing else waits. */
static void a_call_ends_under_a_closed_window(void **state) {
    struct raw *raw = *state;

    raw_setting(raw, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 12);
    raw_headers(raw, 1, 0, RAW_HEAD("/hold"));
    assert_true(raw_run(raw));
    memset(grpc_stream_message(raw->held, 7), 'a', 7);
    assert_false(raw_write(raw, SIZE_MAX));
    (void)raw_log(raw);
    grpc_stream_finish(raw->held, GRPC_OK, SLICE(""));
    assert_false(raw_write(raw, SIZE_MAX));
    assert_string_equal(raw_log(raw), "close 1\n< HEADERS 1 grpc-status=0 END\n< RST_STREAM 1 NO_ERROR\n");
}

static void a_closed_window_holds_answers_back(void **state) {
    struct raw *raw = *state;

    raw_setting(raw, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0);
    raw_headers(raw, 1, 0, RAW_HEAD("/hold"));
    assert_true(raw_run(raw));
    while (!grpc_stream_is_full(raw->held)) {
        memset(grpc_stream_message(raw->held, 95), 'a', 95);
    }
    assert_true(grpc_server_memory(raw->server) > RAW_FULL_AT);
    assert_false(raw_write(raw, SIZE_MAX));
    assert_string_equal(raw_log(raw), "open 1 /hold\n" HEAD_OUT "\n");
    raw_window(raw, 1, 1900);
    assert_true(raw_run(raw));
    assert_string_equal(raw_log(raw), "< DATA 1 1900\n"); /* more than half waits */
    raw_window(raw, 1, 100);
    assert_true(raw_run(raw));
    assert_string_equal(raw_log(raw), "room 1\n< DATA 1 100\n");
    assert_false(grpc_stream_is_full(raw->held));
    grpc_stream_finish(raw->held, GRPC_OK, SLICE(""));
    raw_window(raw, 1, 1999);
    assert_true(raw_run(raw));
    assert_string_equal(raw_log(raw), "< DATA 1 1999\n");
    raw_window(raw, 1, 1);
    assert_true(raw_run(raw));
    assert_string_equal(raw_log(raw), "close 1\n< DATA 1 1\n< HEADERS 1 grpc-status=0 END\n< RST_STREAM 1 NO_ERROR\n");
}

/* By SETTINGS, which change the windows of all streams at once (RFC 9113, 6.9.2). */
static void settings_open_the_windows(void **state) {
    struct raw *raw = *state;

    raw_setting(raw, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0);
    raw_headers(raw, 1, 0, RAW_HEAD("/hold"));
    assert_true(raw_run(raw));
    while (!grpc_stream_is_full(raw->held)) {
        memset(grpc_stream_message(raw->held, 95), 'a', 95);
    }
    assert_false(raw_write(raw, SIZE_MAX));
    assert_string_equal(raw_log(raw), "open 1 /hold\n" HEAD_OUT "\n");
    raw_setting(raw, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20);
    assert_true(raw_run(raw));
    assert_string_equal(raw_log(raw), "room 1\n< DATA 1 4000\n");
    memset(grpc_stream_message(raw->held, 95), 'a', 95);
    assert_false(raw_write(raw, SIZE_MAX));
    assert_string_equal(raw_log(raw), "< DATA 1 100\n");
}

/* Little by little, and a frame of DATA that waits in the midst of a write. */
static void the_outbox_holds_answers_back(void **state) {
    struct raw *raw = *state;
    int writes = 0;

    raw_headers(raw, 1, END, RAW_HEAD("/hold"));
    assert_true(raw_run(raw));
    memset(grpc_stream_message(raw->held, 60000), 'a', 60000);
    grpc_stream_finish(raw->held, GRPC_OK, SLICE(""));
    while (raw_write(raw, 1)) {
        writes++;
    }
    assert_true(writes >= 5);
    assert_string_equal(raw_log(raw), "open 1 /hold\nend 1\nclose 1\n" HEAD_OUT "\n< DATA 1 16384\n< DATA 1 16384\n"
                                      "< DATA 1 16384\n< DATA 1 10853\n< HEADERS 1 grpc-status=0 END\n");
}

static void a_long_answer_takes_turns(void **state) {
    struct raw *raw = *state;
    const char *log;

    raw_setting(raw, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20);
    raw_window(raw, 0, 1 << 20);
    raw_headers(raw, 1, END, RAW_HEAD("/hold"));
    assert_true(raw_run(raw));
    memset(grpc_stream_message(raw->held, 200000), 'a', 200000);
    grpc_stream_finish(raw->held, GRPC_OK, SLICE(""));
    raw_headers(raw, 3, END, RAW_HEAD("/hold"));
    assert_true(grpc_server_feed(raw->server, buf_slice(&raw->input)));
    memset(grpc_stream_message(raw->held, 100000), 'b', 100000);
    grpc_stream_finish(raw->held, GRPC_OK, SLICE(""));
    (void)raw_write(raw, SIZE_MAX);
    log = raw_log(raw);
    assert_non_null(strstr(log, "< HEADERS 3 grpc-status=0 END\n"));
    assert_true(strstr(log, "< DATA 1 ") < strstr(log, "< DATA 3 "));
    assert_true(strstr(log, "< HEADERS 3 grpc-status=0 END\n") < strstr(log, "< HEADERS 1 grpc-status=0 END\n"));
}

static void a_reset_ends_the_call(void **state) {
    struct raw *raw = *state;

    raw_headers(raw, 1, 0, RAW_HEAD("/hold"));
    raw_message_as(raw, 1, 0, 0, 100, 10);
    raw_reset(raw, 1, NGHTTP2_CANCEL);
    assert_true(raw_run(raw));
    assert_string_equal(raw_log(raw), "open 1 /hold\nclose 1\n");
}

/* In the midst of a frame that waits for room in the outbox. */
static void a_reset_ends_an_answer(void **state) {
    struct raw *raw = *state;

    raw_headers(raw, 1, 0, RAW_HEAD("/hold"));
    assert_true(raw_run(raw));
    memset(grpc_stream_message(raw->held, 40000), 'a', 40000);
    assert_true(raw_write(raw, 1));
    assert_true(raw_write(raw, 1));
    raw_reset(raw, 1, NGHTTP2_CANCEL);
    assert_true(raw_run(raw));
    assert_string_equal(raw_log(raw), "open 1 /hold\nclose 1\n" HEAD_OUT "\n< DATA 1 16384\n");
    raw_headers(raw, 3, END, RAW_HEAD("/echo"));
    assert_true(raw_run(raw));
    assert_non_null(strstr(raw_log(raw), "< HEADERS 3 :status=200"));
}

static void a_drained_server_finishes_what_is_open(void **state) {
    struct raw *raw = *state;

    raw_headers(raw, 1, 0, RAW_HEAD("/hold"));
    assert_true(raw_run(raw));
    grpc_server_drain(raw->server);
    grpc_server_drain(raw->server);
    assert_false(grpc_server_is_over(raw->server));
    raw_headers(raw, 3, END, RAW_HEAD("/echo")); /* the client has not heard of it */
    assert_false(raw_write(raw, SIZE_MAX));
    assert_true(raw_run(raw));
    assert_string_equal(raw_log(raw), "open 1 /hold\n< GOAWAY 1 NO_ERROR\n");
    grpc_stream_finish(raw->held, GRPC_OK, SLICE(""));
    assert_false(raw_write(raw, SIZE_MAX));
    assert_true(grpc_server_is_over(raw->server));
}

/* The GOAWAY names the last call that is served; a call above it that is read before the GOAWAY has gone out is refused, with
 * all that comes for it, because the client takes it for untouched. */
static void a_draining_server_takes_no_call_above_the_one_it_names(void **state) {
    struct raw *raw = *state;

    raw_headers(raw, 1, 0, RAW_HEAD("/hold"));
    assert_true(raw_run(raw));
    grpc_server_drain(raw->server);
    raw_headers(raw, 3, 0, RAW_HEAD("/echo"));
    raw_message(raw, 3, END, 10);
    raw_headers(raw, 5, END, RAW_HEAD("/fail"));
    assert_true(raw_run(raw)); /* reads before it writes */
    assert_false(raw_write(raw, SIZE_MAX));
    assert_int_equal(raw->opened, 1);
    assert_string_equal(raw_log(raw), "open 1 /hold\n< GOAWAY 1 NO_ERROR\n< RST_STREAM 3 REFUSED_STREAM\n"
                                      "< RST_STREAM 5 REFUSED_STREAM\n");
    grpc_stream_finish(raw->held, GRPC_OK, SLICE(""));
    assert_false(raw_write(raw, SIZE_MAX));
    assert_true(grpc_server_is_over(raw->server));
}

static void freeing_ends_the_calls(void **state) {
    struct raw *raw = *state;

    raw_headers(raw, 1, 0, RAW_HEAD("/hold"));
    raw_message_as(raw, 1, 0, 0, 900, 500);
    raw_headers(raw, 3, 0, RAW_HEAD("/echo"));
    raw_message(raw, 3, 0, 900);
    assert_true(grpc_server_feed(raw->server, buf_slice(&raw->input)));
    assert_int_equal(grpc_server_calls(raw->server), 2);
    grpc_server_free(raw->server);
    raw->server = NULL;
    assert_int_equal(raw->closed, 2);
}

static void a_text_is_cut_and_an_answer_has_a_ceiling(void **state) {
    struct raw *raw = *state;
    char *text = malloc(2 * GRPC_TEXT_BYTES);

    memset(text, 'x', 2 * GRPC_TEXT_BYTES);
    raw_headers(raw, 1, END, RAW_HEAD("/hold"));
    assert_true(raw_run(raw));
    assert_null(grpc_stream_message(raw->held, SIZE_MAX));
    assert_null(grpc_stream_message(raw->held, GRPC_STREAM_WAITING_MAX));
    grpc_stream_finish(raw->held, GRPC_UNKNOWN, slice_make(text, 2 * GRPC_TEXT_BYTES));
    assert_false(raw_write(raw, SIZE_MAX));
    assert_true(strlen(raw_log(raw)) < GRPC_TEXT_BYTES + 300);
    free(text);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_unary_call_is_answered),
        cmocka_unit_test(input_may_be_split_anywhere),
        TEST(the_head_is_read),
        TEST(an_early_end_tells_the_client_to_stop),
        TEST(a_stream_goes_on_until_it_is_finished),
        TEST(a_call_ends_under_a_closed_window),
        TEST(a_closed_window_holds_answers_back),
        TEST(settings_open_the_windows),
        TEST(the_outbox_holds_answers_back),
        TEST(a_long_answer_takes_turns),
        TEST(a_reset_ends_the_call),
        TEST(a_reset_ends_an_answer),
        TEST(a_drained_server_finishes_what_is_open),
        TEST(a_draining_server_takes_no_call_above_the_one_it_names),
        TEST(freeing_ends_the_calls),
        TEST(a_text_is_cut_and_an_answer_has_a_ceiling),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
