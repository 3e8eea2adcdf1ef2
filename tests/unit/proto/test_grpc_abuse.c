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

#define HEAD_BUT_TYPE ":method: POST\n:scheme: http\n:path: /echo\n:authority: larder\n"

static int begin(void **state) {
    struct raw *raw = calloc(1, sizeof(*raw));

    assert_non_null(raw);
    raw_init(raw);
    raw_preface(raw);
    assert_true(raw_run(raw));
    (void)raw_log(raw);
    *state = raw;
    return 0;
}

static int end(void **state) {
    raw_fini(*state);
    free(*state);
    return 0;
}

static void assert_says(struct raw *raw, const char *part) {
    const char *log = raw_log(raw);

    if (strstr(log, part) == NULL) {
        fail_msg("'%s' is not in:\n%.2000s", part, log);
    }
}

/* The connection is still of use. */
static void assert_goes_on(struct raw *raw, uint32_t id) {
    char expected[60];

    raw_headers(raw, id, 0, RAW_HEAD("/echo"));
    raw_message(raw, id, END, 3);
    assert_true(raw_run(raw));
    snprintf(expected, sizeof(expected), "< HEADERS %u grpc-status=0 END\n", id);
    assert_says(raw, expected);
}

/* The connection ends with this GOAWAY, and every call with it. */
static void assert_ends(struct raw *raw, const char *code) {
    char expected[60];

    assert_false(raw_run(raw));
    snprintf(expected, sizeof(expected), " %s\n", code);
    assert_says(raw, expected);
    assert_true(grpc_server_is_over(raw->server));
    assert_int_equal(raw->open, 0);
    assert_int_equal(raw->opened, raw->closed);
    raw_headers(raw, 1001, END, RAW_HEAD("/echo"));
    assert_false(raw_run(raw));
    assert_string_equal(raw_log(raw), "");
}

/* --- one call is refused, the connection goes on --- */

static void other_content_types_are_refused(void **state) {
    static const char *const good[] = {"application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8",
                                       "application/grpc+proto; a=b"};
    static const char *const bad[] = {"application/json", "application/grpc+json", "application/grpcweb",
                                      "application/grp", "application/grpc+protobuf"};
    struct raw *raw = *state;
    uint32_t id = 1;
    char lines[300];

    for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++, id += 2) {
        snprintf(lines, sizeof(lines), HEAD_BUT_TYPE "content-type: %s\n", good[i]);
        raw_headers(raw, id, END, lines);
        assert_true(raw_run(raw));
        assert_says(raw, "grpc-status=0 END");
    }
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++, id += 2) {
        snprintf(lines, sizeof(lines), HEAD_BUT_TYPE "content-type: %s\n", bad[i]);
        raw_headers(raw, id, END, lines);
        assert_true(raw_run(raw));
        assert_says(raw, ":status=415");
    }
    raw_headers(raw, id, END, HEAD_BUT_TYPE);
    assert_true(raw_run(raw));
    assert_says(raw, ":status=415");
    assert_int_equal(raw->opened, sizeof(good) / sizeof(good[0]));
    assert_goes_on(raw, id + 2);
}

static void other_methods_are_refused(void **state) {
    struct raw *raw = *state;

    raw_headers(raw, 1, 0,
                ":method: GET\n:scheme: http\n:path: /echo\n:authority: a\ncontent-type: application/grpc\n");
    assert_true(raw_run(raw));
    assert_string_equal(raw_log(raw), "< HEADERS 1 :status=405 content-type=application/grpc grpc-status=13 "
                                      "grpc-message=gRPC wants the method POST END\n< RST_STREAM 1 NO_ERROR\n");
    raw_message(raw, 1, END, 5);
    assert_goes_on(raw, 3);
}

static void a_broken_timeout_is_refused(void **state) {
    static const char *const bad[] = {"1", "S", "123456789S", "1x", "-1S", "1.5S", ""};
    struct raw *raw = *state;
    char lines[300];

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(lines, sizeof(lines), RAW_HEAD("/echo") "grpc-timeout: %s\n", bad[i]);
        raw_headers(raw, 1 + 2 * i, END, lines);
        assert_true(raw_run(raw));
        assert_says(raw, "grpc-status=13 grpc-message=the grpc-timeout");
    }
    assert_int_equal(raw->opened, 0);
    assert_goes_on(raw, 101);
}

/* A head with a field of `size` bytes, in as many frames as it takes. */
static void large_head(struct raw *raw, uint32_t id, size_t size) {
    enum { FRAME = 16384 };
    char *value = malloc(size + 1);
    struct buf block;
    size_t at = 0;

    memset(value, 'v', size);
    buf_init(&block, 1 << 20);
    raw_fields(&block, RAW_HEAD("/echo"));
    raw_field(&block, SLICE("x-large"), slice_make(value, size));
    while (at < block.size) {
        size_t part = block.size - at < FRAME ? block.size - at : FRAME;

        raw_frame(raw, at == 0 ? NGHTTP2_HEADERS : NGHTTP2_CONTINUATION,
                  (at == 0 ? END : 0u) | (at + part == block.size ? NGHTTP2_FLAG_END_HEADERS : 0u), id, block.data + at,
                  part);
        at += part;
    }
    buf_fini(&block);
    free(value);
}

static void a_large_head_is_refused(void **state) {
    struct raw *raw = *state;

    large_head(raw, 1, 15000);
    assert_true(raw_run(raw));
    assert_says(raw, "< HEADERS 1 :status=200 content-type=application/grpc grpc-status=0 END");
    large_head(raw, 3, 17000);
    assert_true(raw_run(raw));
    assert_says(raw, "< HEADERS 3 :status=200 content-type=application/grpc grpc-status=8 "
                     "grpc-message=more than 16384 bytes of headers END");
    assert_goes_on(raw, 5);
}

/* Few bytes on the wire that stand for many: a field of 4000 bytes in the table, named again and again. */
static void a_header_bomb_is_refused(void **state) {
    struct raw *raw = *state;
    static char value[4000];
    struct buf block;

    memset(value, 'b', sizeof(value));
    buf_init(&block, 1 << 20);
    raw_fields(&block, RAW_HEAD("/echo"));
    assert_int_equal(buf_append(&block, "\x40", 1), LARDER_OK); /* with indexing; the field's name is new */
    raw_length(&block, 1);
    assert_int_equal(buf_append(&block, "b", 1), LARDER_OK);
    raw_length(&block, sizeof(value));
    assert_int_equal(buf_append(&block, value, sizeof(value)), LARDER_OK);
    while (block.size < 16000) {
        assert_int_equal(buf_append(&block, "\xbe", 1), LARDER_OK); /* the newest entry */
    }
    raw_frame(raw, NGHTTP2_HEADERS, END | NGHTTP2_FLAG_END_HEADERS, 1, block.data, block.size);
    buf_fini(&block);
    assert_true(raw_run(raw));
    assert_string_equal(raw_log(raw), "< RST_STREAM 1 INTERNAL_ERROR\n");
    assert_goes_on(raw, 3);
}

static void compressed_messages_are_refused(void **state) {
    struct raw *raw = *state;

    raw_headers(raw, 1, 0, RAW_HEAD("/echo") "grpc-encoding: gzip\n");
    raw_message(raw, 1, 0, 10);
    raw_message_as(raw, 1, END, 1, 10, 10);
    assert_true(raw_run(raw));
    assert_says(raw, "open 1 /echo\nmessage 1 10\nclose 1\n");
    raw_headers(raw, 3, 0, RAW_HEAD("/hold"));
    raw_message_as(raw, 3, END, 1, 10, 10);
    assert_true(raw_run(raw));
    assert_says(raw, "grpc-status=12 grpc-message=compressed messages are not taken; send them as they are "
                     "grpc-accept-encoding=identity END");
    assert_goes_on(raw, 5);
}

static void large_messages_are_refused(void **state) {
    struct raw *raw = *state;

    raw_headers(raw, 1, 0, RAW_HEAD("/echo"));
    raw_message(raw, 1, END, RAW_MESSAGE_MAX);
    assert_true(raw_run(raw));
    assert_says(raw, "< HEADERS 1 grpc-status=0 END");
    raw_headers(raw, 3, 0, RAW_HEAD("/hold"));
    raw_message_as(raw, 3, 0, 0, RAW_MESSAGE_MAX + 1, 10); /* refused by what its prefix says */
    assert_true(raw_run(raw));
    assert_says(raw, "grpc-status=8 grpc-message=grpc: received message larger than max (1001 vs. 1000) END\n"
                     "< RST_STREAM 3 NO_ERROR");
    raw_headers(raw, 5, 0, RAW_HEAD("/hold"));
    raw_message_as(raw, 5, 0, 0, UINT32_MAX, 10);
    assert_true(raw_run(raw));
    assert_says(raw, "larger than max (4294967295 vs. 1000)");
    assert_goes_on(raw, 7);
}

static void an_owner_may_answer_a_refused_call(void **state) {
    struct raw *raw = *state;

    raw_headers(raw, 1, 0, RAW_HEAD("/hold"));
    raw_message_as(raw, 1, END, 1, 10, 10);
    assert_true(grpc_server_feed(raw->server, buf_slice(&raw->input)));
    raw->input.size = 0;
    assert_null(grpc_stream_message(raw->held, 10));
    grpc_stream_finish(raw->held, GRPC_OK, SLICE(""));
    (void)raw_write(raw, SIZE_MAX);
    assert_says(raw, "close 1\n< HEADERS 1 :status=200 content-type=application/grpc grpc-status=12");
}

static void a_message_that_is_cut_off_is_refused(void **state) {
    struct raw *raw = *state;

    raw_headers(raw, 1, 0, RAW_HEAD("/hold"));
    raw_message_as(raw, 1, END, 0, 10, 9);
    raw_headers(raw, 3, 0, RAW_HEAD("/hold"));
    raw_frame(raw, NGHTTP2_DATA, END, 3, "\0\0", 2);
    assert_true(raw_run(raw));
    assert_string_equal(raw_log(raw), "open 1 /hold\nopen 3 /hold\nclose 1\nclose 3\n"
                                      "< HEADERS 1 :status=200 content-type=application/grpc grpc-status=13 "
                                      "grpc-message=the last message was cut off END\n"
                                      "< HEADERS 3 :status=200 content-type=application/grpc grpc-status=13 "
                                      "grpc-message=the last message was cut off END\n");
    assert_goes_on(raw, 5);
}

static void a_head_that_is_not_http_is_reset(void **state) {
    static const char *const bad[] = {
        ":method: POST\n:scheme: http\n:authority: a\ncontent-type: application/grpc\n", /* no path */
        RAW_HEAD("/echo") "Upper: case\n",
        RAW_HEAD("/echo") ":path: /again\n",
        RAW_HEAD("/echo") "connection: close\n",
    };
    struct raw *raw = *state;

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        raw_headers(raw, 1 + 2 * i, END, bad[i]);
        assert_true(raw_run(raw));
        assert_says(raw, "PROTOCOL_ERROR");
    }
    assert_int_equal(raw->opened, 0);
    assert_goes_on(raw, 101);
}

static void too_many_calls_are_refused(void **state) {
    struct raw *raw = *state;

    for (uint32_t i = 0; i < RAW_STREAMS + 5; i++) {
        raw_headers(raw, 1 + 2 * i, END, RAW_HEAD("/hold"));
    }
    assert_true(raw_run(raw)); /* the client has not confirmed our SETTINGS */
    assert_says(raw, "< RST_STREAM 201 REFUSED_STREAM\n< RST_STREAM 203 REFUSED_STREAM\n");
    assert_int_equal(raw->open, RAW_STREAMS);
    raw_frame(raw, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, "", 0);
    raw_headers(raw, 501, END, RAW_HEAD("/hold"));
    assert_ends(raw, "PROTOCOL_ERROR");
}

/* --- the connection ends --- */

static void settings_floods_end(void **state) {
    struct raw *raw = *state;

    for (int i = 0; i <= GRPC_ACKS; i++) {
        raw_frame(raw, NGHTTP2_SETTINGS, 0, 0, "", 0);
    }
    assert_ends(raw, "ENHANCE_YOUR_CALM");
}

static void ping_floods_end(void **state) {
    struct raw *raw = *state;

    for (int round = 0; round < 3; round++) { /* as long as we get rid of the answers, it is none */
        for (int i = 0; i < GRPC_ACKS; i++) {
            raw_frame(raw, NGHTTP2_PING, 0, 0, "12345678", 8);
        }
        assert_true(raw_run(raw));
        assert_says(raw, "< PING\n");
    }
    for (int i = 0; i <= GRPC_ACKS; i++) {
        raw_frame(raw, NGHTTP2_PING, 0, 0, "12345678", 8);
    }
    assert_ends(raw, "ENHANCE_YOUR_CALM");
}

static void large_settings_end(void **state) {
    struct raw *raw = *state;
    char entries[6 * (GRPC_SETTINGS + 1)] = {0};

    raw_frame(raw, NGHTTP2_SETTINGS, 0, 0, entries, sizeof(entries));
    assert_ends(raw, "ENHANCE_YOUR_CALM");
}

static void continuation_floods_end(void **state) {
    struct raw *raw = *state;
    struct buf block;

    buf_init(&block, 1000);
    raw_fields(&block, RAW_HEAD("/echo"));
    raw_frame(raw, NGHTTP2_HEADERS, 0, 1, block.data, block.size);
    buf_fini(&block);
    for (int i = 0; i <= GRPC_CONTINUATIONS; i++) {
        raw_frame(raw, NGHTTP2_CONTINUATION, 0, 1, "", 0);
    }
    assert_ends(raw, "ENHANCE_YOUR_CALM");
}

static void rapid_resets_end(void **state) {
    struct raw *raw = *state;
    uint32_t id = 1;

    for (int i = 0; i < GRPC_RESETS_AT_ONCE; i++, id += 2) {
        raw_headers(raw, id, 0, RAW_HEAD("/hold"));
        raw_reset(raw, id, NGHTTP2_CANCEL);
    }
    assert_true(raw_run(raw));
    assert_int_equal(raw->closed, GRPC_RESETS_AT_ONCE);
    (void)raw_log(raw);
    raw_headers(raw, id, 0, RAW_HEAD("/hold"));
    for (int i = 0; i < GRPC_RESETS_AT_ONCE; i++, id += 2) { /* more than come back in the meantime */
        raw_reset(raw, id, NGHTTP2_CANCEL);
        raw_headers(raw, id + 2, 0, RAW_HEAD("/hold"));
    }
    assert_ends(raw, "ENHANCE_YOUR_CALM");
    assert_true(grpc_server_memory(raw->server) < 100000);
}

/* The client makes us send the resets: a window that overflows is a fault of the stream (RFC 9113, 6.9.1). */
static void resets_that_we_send_count_too(void **state) {
    struct raw *raw = *state;
    uint32_t id = 1;
    int count = 0;

    do {
        raw_headers(raw, id, 0, RAW_HEAD("/hold"));
        raw_window(raw, id, INT32_MAX);
        id += 2;
        count++;
    } while (raw_run(raw) && count < 3 * GRPC_RESETS_AT_ONCE);
    assert_in_range(count, GRPC_RESETS_AT_ONCE, 2 * GRPC_RESETS_AT_ONCE);
    assert_says(raw, "ENHANCE_YOUR_CALM");
    assert_true(grpc_server_is_over(raw->server));
}

static void frames_without_use_end(void **state) {
    struct raw *raw = *state;

    raw_headers(raw, 1, 0, RAW_HEAD("/hold"));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < GRPC_IDLE_FRAMES; i++) {
            raw_frame(raw, NGHTTP2_DATA, 0, 1, "", 0);
        }
        raw_message(raw, 1, 0, 10);
    }
    assert_true(raw_run(raw));
    assert_says(raw, "message 1 10\n");
    for (int i = 0; i <= GRPC_IDLE_FRAMES / 2; i++) {
        raw_frame(raw, NGHTTP2_DATA, 0, 1, "", 0);
        raw_frame(raw, NGHTTP2_PRIORITY, 0, 1, "\0\0\0\0\7", 5);
        raw_frame(raw, 0x42, 0, 0, "what", 4); /* unknown: passed over */
    }
    assert_ends(raw, "ENHANCE_YOUR_CALM");
}

static void large_frames_end(void **state) {
    struct raw *raw = *state;
    static char data[16385];

    raw_headers(raw, 1, 0, RAW_HEAD("/hold"));
    raw_frame(raw, NGHTTP2_DATA, 0, 1, data, sizeof(data));
    assert_ends(raw, "FRAME_SIZE_ERROR");
}

static void broken_header_blocks_end(void **state) {
    struct raw *raw = *state;

    raw_headers(raw, 1, 0, RAW_HEAD("/hold"));
    raw_frame(raw, NGHTTP2_HEADERS, END | NGHTTP2_FLAG_END_HEADERS, 3, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
    assert_ends(raw, "COMPRESSION_ERROR");
}

static void windows_that_overflow_end(void **state) {
    struct raw *raw = *state;

    raw_window(raw, 0, INT32_MAX);
    assert_ends(raw, "FLOW_CONTROL_ERROR");
}

static void another_preface_ends(void **state) {
    struct raw raw;

    (void)state;
    raw_init(&raw);
    raw_bytes(&raw, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27);
    assert_ends(&raw, "PROTOCOL_ERROR");
    raw_fini(&raw);
}

/* --- memory --- */

/* Every stream holds half a message, and sends no more. */
static void half_messages_are_counted(void **state) {
    struct raw *raw = *state;
    size_t before = grpc_server_memory(raw->server);
    size_t during;

    for (uint32_t i = 0; i < RAW_STREAMS; i++) {
        raw_headers(raw, 1 + 2 * i, 0, RAW_HEAD("/hold"));
        raw_message_as(raw, 1 + 2 * i, 0, 0, 1000, 700);
    }
    assert_true(raw_run(raw));
    during = grpc_server_memory(raw->server);
    assert_true(during - before >= 700 * RAW_STREAMS);
    assert_true(during - before < (1000 + GRPC_SESSION_STREAM_BYTES + 1024) * RAW_STREAMS);
    for (uint32_t i = 0; i < RAW_STREAMS; i++) {
        raw_reset(raw, 1 + 2 * i, NGHTTP2_CANCEL);
    }
    assert_true(raw_run(raw));
    assert_true(grpc_server_memory(raw->server) < before + 30000);
}

/* A client that reads nothing makes nothing grow without end: what HTTP/2 itself keeps has a ceiling. */
static void a_client_that_does_not_read_is_bounded(void **state) {
    struct raw *raw = *state;
    size_t most = GRPC_SESSION_BYTES + RAW_STREAMS * GRPC_SESSION_STREAM_BYTES + 2000 * RAW_STREAMS;
    bool good = true;

    for (uint32_t i = 0; i < 100000 && good; i++) {
        raw_headers(raw, 1 + 2 * i, END, i % 2 == 0 ? RAW_HEAD("/fail") : HEAD_BUT_TYPE);
        good = grpc_server_feed(raw->server, buf_slice(&raw->input));
        raw->input.size = 0;
        raw->events.size = 0;
        assert_true(grpc_server_memory(raw->server) < most);
    }
    assert_false(good);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(other_content_types_are_refused),
        TEST(other_methods_are_refused),
        TEST(a_broken_timeout_is_refused),
        TEST(a_large_head_is_refused),
        TEST(a_header_bomb_is_refused),
        TEST(compressed_messages_are_refused),
        TEST(large_messages_are_refused),
        TEST(an_owner_may_answer_a_refused_call),
        TEST(a_message_that_is_cut_off_is_refused),
        TEST(a_head_that_is_not_http_is_reset),
        TEST(too_many_calls_are_refused),
        TEST(settings_floods_end),
        TEST(ping_floods_end),
        TEST(large_settings_end),
        TEST(continuation_floods_end),
        TEST(rapid_resets_end),
        TEST(resets_that_we_send_count_too),
        TEST(frames_without_use_end),
        TEST(large_frames_end),
        TEST(broken_header_blocks_end),
        TEST(windows_that_overflow_end),
        cmocka_unit_test(another_preface_ends),
        TEST(half_messages_are_counted),
        TEST(a_client_that_does_not_read_is_bounded),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
