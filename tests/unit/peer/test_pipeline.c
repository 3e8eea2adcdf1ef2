/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "peer/pipeline.h"

/* What `done` was told, in order: one letter a call, and the values. */
struct transcript {
    char calls[64];
    char values[256];
    struct pipeline *resubmit; /* submits a get of it from inside the call */
};

static struct pipeline pipeline;
static struct transcript transcript;

static const struct pipeline_limits limits = {.pending = 4, .output = 4096, .value = 100000};

static char letter_of(enum larder_error error, const struct answer *answer) {
    switch (error) {
    case LARDER_OK:
        return answer->more                          ? 's'
               : answer->reply.result == RESULT_HIT  ? 'h'
               : answer->reply.result == RESULT_MISS ? 'm'
                                                     : 'd';
    case LARDER_ERROR_TIMEOUT:
        return 'T';
    case LARDER_ERROR_CLOSED:
        return 'C';
    default:
        return '?';
    }
}

static enum larder_error submit(enum command command, int64_t deadline_ns);

static void on_done(void *ctx, enum larder_error error, const struct answer *answer) {
    struct transcript *t = ctx;
    size_t at = strlen(t->calls);

    t->calls[at] = letter_of(error, answer);
    if (error == LARDER_OK) {
        snprintf(t->values + strlen(t->values), sizeof(t->values) - strlen(t->values), "%.*s;",
                 (int)answer->reply.item.value.size, answer->reply.item.value.data);
    }
    if (t->resubmit != NULL) {
        t->resubmit = NULL;
        assert_int_equal(submit(COMMAND_GET, INT64_MAX), LARDER_OK);
    }
}

static enum larder_error submit(enum command command, int64_t deadline_ns) {
    struct request request = {.command = command, .deadline_ns = deadline_ns};

    if (command == COMMAND_GET) {
        request.key = SLICE("k");
    }
    return pipeline_submit(&pipeline, &request, &(struct pipeline_now){.unix_s = 0}, on_done, &transcript);
}

static void get(int64_t deadline_ns) {
    assert_int_equal(submit(COMMAND_GET, deadline_ns), LARDER_OK);
}

static enum larder_error receive(const char *bytes, size_t size) {
    while (size > 0) {
        enum larder_error error;
        size_t room;
        char *data;

        assert_int_equal(pipeline_input(&pipeline, &data, &room), LARDER_OK);
        room = room < size ? room : size;
        memcpy(data, bytes, room);
        error = pipeline_received(&pipeline, room);
        if (error != LARDER_OK) {
            return error;
        }
        bytes += room;
        size -= room;
    }
    return LARDER_OK;
}

static void hear(const char *bytes) {
    assert_int_equal(receive(bytes, strlen(bytes)), LARDER_OK);
}

static int set_up(void **state) {
    (void)state;
    transcript = (struct transcript){.resubmit = NULL};
    return pipeline_init(&pipeline, &limits) == LARDER_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    pipeline_fail(&pipeline, LARDER_ERROR_CLOSED, LARDER_ERROR_CLOSED);
    pipeline_fini(&pipeline);
    return 0;
}

static void test_answers_in_order(void **state) {
    struct slice output;

    (void)state;
    get(INT64_MAX);
    get(INT64_MAX);
    output = pipeline_output(&pipeline);
    assert_true(slice_equal(output, SLICE("mg k c f t v O0\r\nmg k c f t v O1\r\n")));
    pipeline_sent(&pipeline, output.size - 3);
    assert_true(slice_equal(pipeline_output(&pipeline), SLICE("1\r\n")));
    hear("VA 1 O0\r\na\r\nEN O1\r\n");
    assert_string_equal(transcript.calls, "hm");
    assert_string_equal(transcript.values, "a;;");
}

static void test_input_split_at_every_byte(void **state) {
    static const char bytes[] = "VA 3 c1 f0 t-1 O0\r\nabc\r\nSTAT a 1\r\nSTAT b 2\r\nEND\r\nEN O2\r\n";

    (void)state;
    get(INT64_MAX);
    assert_int_equal(submit(COMMAND_STATS, INT64_MAX), LARDER_OK);
    get(INT64_MAX);
    for (size_t i = 0; i + 1 < sizeof(bytes); i++) {
        assert_int_equal(receive(bytes + i, 1), LARDER_OK);
    }
    assert_string_equal(transcript.calls, "hssdm");
    assert_string_equal(transcript.values, "abc;;;;;");
}

static void test_large_value(void **state) {
    char *bytes = malloc(limits.value + 64);
    int head;

    (void)state;
    assert_non_null(bytes);
    head = snprintf(bytes, 64, "VA %zu O0\r\n", limits.value);
    assert_true(head > 0);
    memset(bytes + head, 'x', limits.value);
    memcpy(bytes + head + limits.value, "\r\n", 2);
    get(INT64_MAX);
    assert_int_equal(receive(bytes, (size_t)head + limits.value + 2), LARDER_OK);
    assert_string_equal(transcript.calls, "h");
    free(bytes);
}

static void test_value_over_the_ceiling(void **state) {
    static const char bytes[] = "VA 100001 O0\r\nx";

    (void)state;
    get(INT64_MAX);
    assert_int_equal(receive(bytes, sizeof(bytes) - 1), LARDER_ERROR_LIMIT);
}

static void test_broken_protocol(void **state) {
    (void)state;
    get(INT64_MAX);
    assert_int_equal(receive("EN O1\r\n", 7), LARDER_ERROR_PROTOCOL);
    assert_string_equal(transcript.calls, "");
    pipeline_fail(&pipeline, LARDER_ERROR_CLOSED, LARDER_ERROR_CLOSED);
    assert_string_equal(transcript.calls, "C");
    assert_int_equal(receive("OK\r\n", 4), LARDER_ERROR_PROTOCOL);
    pipeline_fail(&pipeline, LARDER_ERROR_CLOSED, LARDER_ERROR_CLOSED);
    assert_int_equal(receive("ERROR Too many open connections\r\n", 33), LARDER_ERROR_REFUSED);
}

static void test_late_response_is_dropped(void **state) {
    (void)state;
    get(100);
    get(300);
    get(200);
    assert_int_equal(pipeline_deadline(&pipeline), 100);
    assert_false(pipeline_expire(&pipeline, 99));
    assert_string_equal(transcript.calls, "");
    assert_false(pipeline_expire(&pipeline, 100));
    assert_string_equal(transcript.calls, "T");
    assert_int_equal(pipeline_deadline(&pipeline), 200);
    hear("VA 4 O0\r\nlate\r\nVA 4 O1\r\ngood\r\nEN O2\r\n");
    assert_string_equal(transcript.calls, "Thm");
    assert_string_equal(transcript.values, "good;;");
    assert_int_equal(pipeline_deadline(&pipeline), INT64_MAX);
}

static void test_dead_only_if_nothing_was_heard(void **state) {
    (void)state;
    get(100);
    get(200);
    assert_false(pipeline_expire(&pipeline, 150));
    assert_true(pipeline_expire(&pipeline, 200));
    pipeline_fail(&pipeline, LARDER_ERROR_TIMEOUT, LARDER_ERROR_TIMEOUT);
    assert_string_equal(transcript.calls, "TT");
    get(300);
    get(300);
    hear("EN O2\r\n");
    assert_false(pipeline_expire(&pipeline, 300));
    assert_string_equal(transcript.calls, "TTmT");
}

static void test_the_queue_is_bounded(void **state) {
    (void)state;
    for (size_t i = 0; i < limits.pending; i++) {
        get(100);
    }
    assert_int_equal(submit(COMMAND_GET, 100), LARDER_ERROR_LIMIT);
    pipeline_expire(&pipeline, 100);
    assert_int_equal(submit(COMMAND_GET, 200), LARDER_ERROR_LIMIT);
    hear("EN O0\r\n");
    get(200);
    hear("EN O1\r\nEN O2\r\nEN O3\r\nEN O4\r\n");
    assert_string_equal(transcript.calls, "TTTTm");
}

static void ask_out_of_turn(int64_t deadline_ns) {
    const struct peer_stamp stamp = {.revision = 1};
    const struct request request = {.command = COMMAND_GET,
                                    .options = REQUEST_OUT_OF_TURN,
                                    .key = SLICE("k"),
                                    .deadline_ns = deadline_ns,
                                    .peer = &stamp};

    assert_int_equal(pipeline_submit(&pipeline, &request, &(struct pipeline_now){.unix_s = 0}, on_done, &transcript),
                     LARDER_OK);
}

/* Requests 0, 1 and 2; 1 may be answered out of turn. */
static void test_answers_out_of_turn(void **state) {
    (void)state;
    get(INT64_MAX);
    ask_out_of_turn(INT64_MAX);
    get(INT64_MAX);
    hear("VA 1 c1 H1.8.200 O1\r\nb\r\n");
    assert_string_equal(transcript.values, "b;");
    hear("VA 1 f0 c1 t-1 O0\r\na\r\n");
    hear("VA 1 f0 c1 t-1 O2\r\nc\r\n");
    assert_true(strncmp(transcript.values, "b;a;", 4) == 0 && strstr(transcript.values, "c;") != NULL);
    assert_int_equal(pipeline_deadline(&pipeline), INT64_MAX);
}

/* What is asked in turn does not wait for what stands before it and is not. */
static void test_what_is_asked_in_turn_is_answered_past_it(void **state) {
    (void)state;
    ask_out_of_turn(INT64_MAX);
    get(INT64_MAX);
    ask_out_of_turn(100);
    hear("VA 1 f0 c1 t-1 O1\r\na\r\n");
    assert_true(strncmp(transcript.values, "a;", 2) == 0);
    pipeline_expire(&pipeline, 100);
    assert_int_equal(pipeline_timeouts(&pipeline), 0); /* an origin may be slow: nothing is said of the node */
    hear("EN O2\r\n");                                 /* late, and nobody's */
    hear("VA 1 H1.8.200 O0\r\nz\r\n");
    assert_non_null(strstr(transcript.values, "z;"));
    assert_int_equal(receive("EN O0\r\n", 7), LARDER_ERROR_PROTOCOL); /* it was answered */
}

static void test_submit_from_inside(void **state) {
    (void)state;
    get(INT64_MAX);
    transcript.resubmit = &pipeline;
    hear("EN O0\r\n");
    hear("EN O1\r\n");
    assert_string_equal(transcript.calls, "mm");
    get(INT64_MAX);
    transcript.resubmit = &pipeline;
    pipeline_fail(&pipeline, LARDER_ERROR_CLOSED, LARDER_ERROR_CLOSED);
    assert_string_equal(transcript.calls, "mmC");
    assert_true(slice_equal(pipeline_output(&pipeline), SLICE("mg k c f t v O3\r\n")));
    hear("EN O3\r\n");
    assert_string_equal(transcript.calls, "mmCm");
}

static void test_expired_request_submits_anew(void **state) {
    (void)state;
    get(100);
    transcript.resubmit = &pipeline;
    assert_false(pipeline_expire(&pipeline, 100));
    hear("EN O0\r\nEN O1\r\n");
    assert_string_equal(transcript.calls, "Tm");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_input_split_at_every_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_large_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_value_over_the_ceiling, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_broken_protocol, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_late_response_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dead_only_if_nothing_was_heard, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_queue_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_answers_out_of_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_asked_in_turn_is_answered_past_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_submit_from_inside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_expired_request_submits_anew, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
