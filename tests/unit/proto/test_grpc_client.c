/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "grpc_pair.h"

static int begin(void **state) {
    struct pair *pair = calloc(1, sizeof(*pair));

    assert_non_null(pair);
    pair_init(pair);
    *state = pair;
    return 0;
}

static int end(void **state) {
    pair_fini(*state);
    free(*state);
    return 0;
}

static void a_unary_call_goes_there_and_back(void **state) {
    struct pair *pair = *state;
    struct grpc_call_options options = {.token = SLICE("secret"), .timeout_ns = INT64_C(5000000000)};
    struct grpc_call *call = grpc_client_call(pair->client, SLICE("/echo/Echo"), &options);

    pair->calls++;
    assert_non_null(call);
    assert_ptr_equal(call->client, pair->client);
    assert_null(call->owner);
    pair_send(call, 256);
    grpc_call_end_sending(call);
    grpc_call_end_sending(call);
    assert_int_equal(grpc_client_calls(pair->client), 1);
    pair_run(pair);
    assert_string_equal(pair_log(pair), "server: open /echo/Echo by larder:2379 secret 5000000000\n"
                                        "server: message 256\nserver: end\nserver: close\n"
                                        "client: message 1 256\nclient: close 1 0 \n");
    assert_int_equal(pair->sum, 256 * 'c');
    assert_int_equal(grpc_client_calls(pair->client), 0);
    assert_true(grpc_client_is_open(pair->client));
    assert_false(grpc_client_is_over(pair->client));
}

/* With all else that may go along. */
static void a_call_tells_its_trace(void **state) {
    struct grpc_call_options options = {.token = SLICE("secret"),
                                        .timeout_ns = 1000,
                                        .has_leader = true,
                                        .is_nameless = true,
                                        .traceparent = SLICE("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
                                        .tracestate = SLICE("a=1,b=2")};
    struct pair *pair = *state;
    struct grpc_call *call = grpc_client_call(pair->client, SLICE("/echo/Echo"), &options);

    pair->calls++;
    assert_non_null(call);
    grpc_call_end_sending(call);
    pair_run(pair);
    assert_non_null(strstr(pair_log(pair), "server: open /echo/Echo by larder:2379 secret 1000 hasleader nameless "
                                           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n"));
}

/* What etcd refuses at its door while there is no leader; with a token and a timeout, or without. */
static void a_call_may_need_a_leader(void **state) {
    struct grpc_call_options options = {.has_leader = true};
    struct pair *pair = *state;
    struct grpc_call *call = grpc_client_call(pair->client, SLICE("/echo/Echo"), &options);

    pair->calls++;
    grpc_call_end_sending(call);
    pair_run(pair);
    assert_non_null(strstr(pair_log(pair), "server: open /echo/Echo by larder:2379 hasleader\n"));
    options.token = SLICE("secret");
    options.timeout_ns = 1000;
    call = grpc_client_call(pair->client, SLICE("/echo/Echo"), &options);
    pair->calls++;
    grpc_call_end_sending(call);
    pair_run(pair);
    assert_non_null(strstr(pair_log(pair), "server: open /echo/Echo by larder:2379 secret 1000 hasleader\n"));
}

static void a_call_may_be_nobodys(void **state) {
    struct grpc_call_options options = {
        .token = SLICE("secret"), .timeout_ns = 1000, .has_leader = true, .is_nameless = true};
    struct pair *pair = *state;
    const char *log;

    for (int i = 0; i < 2; i++) { /* what was said of one call is not of the next */
        struct grpc_call *call = grpc_client_call(pair->client, SLICE("/echo/Echo"), &options);

        pair->calls++;
        grpc_call_end_sending(call);
        pair_run(pair);
        options = (struct grpc_call_options){0};
    }
    log = pair_log(pair);
    assert_non_null(strstr(log, "server: open /echo/Echo by larder:2379 secret 1000 hasleader nameless\n"));
    assert_non_null(strstr(log, "server: open /echo/Echo by larder:2379\n"));
}

static void pings_are_answered_and_frames_counted(void **state) {
    struct pair *pair = *state;
    struct grpc_call *call;

    pair_run(pair);
    assert_int_equal(grpc_client_heard(pair->client).pongs, 0);
    assert_int_equal(grpc_client_heard(pair->client).frames, 0); /* SETTINGS are none of those that count */
    assert_true(grpc_client_ping(pair->client));
    assert_int_equal(grpc_client_heard(pair->client).pongs, 0);
    pair_run(pair);
    assert_int_equal(grpc_client_heard(pair->client).pongs, 1);
    assert_int_equal(grpc_client_heard(pair->client).frames, 0);
    call = pair_call(pair, "/echo");
    pair_send(call, 10);
    grpc_call_end_sending(call);
    pair_run(pair);
    assert_int_equal(grpc_client_heard(pair->client).frames, 3); /* header, message, trailer */
    assert_int_equal(grpc_client_heard(pair->client).pongs, 1);
    (void)grpc_client_feed(pair->client, SLICE("this is no frame of HTTP/2"));
    pair_run(pair);
    assert_true(grpc_client_is_over(pair->client));
    assert_false(grpc_client_ping(pair->client));
}

/* Many calls of many sizes at a time, more than the server takes at once, whatever pieces the bytes come in. */
static void calls_share_the_connection(void **state) {
    static const size_t steps[] = {1, 2, 3, 7, 64, 1000, 16384, SIZE_MAX};

    (void)state;
    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        uint64_t sum = 0;
        struct pair pair;

        pair_init(&pair);
        pair.step = steps[i];
        pair_run(&pair); /* the client hears how many calls the server takes at a time */
        for (size_t n = 0; n < 3 * PAIR_STREAMS; n++) {
            struct grpc_call *call = pair_call(&pair, "/echo");
            size_t size = n * n * n % 40000;

            pair_send(call, size);
            pair_send(call, n);
            sum += (size + n) * 'c';
            grpc_call_end_sending(call);
        }
        pair_run(&pair);
        assert_int_equal(pair.calls, 0);
        assert_int_equal(pair.sum, sum);
        assert_int_equal(pair.last_status, GRPC_OK);
        assert_int_equal(grpc_client_max_calls(pair.client), PAIR_STREAMS);
        pair_fini(&pair);
    }
}

static void a_status_comes_with_its_text(void **state) {
    struct pair *pair = *state;

    grpc_call_end_sending(pair_call(pair, "/fail"));
    pair_run(pair);
    assert_string_equal(pair_log(pair), "server: open /fail by larder:2379\nserver: close\n"
                                        "client: close 1 5 100% \xc3\xa9\n\n");
}

static void messages_go_both_ways_at_once(void **state) {
    struct pair *pair = *state;
    struct grpc_call *call = pair_call(pair, "/echo");

    for (int i = 0; i < 3; i++) {
        pair_send(call, 10);
        pair_run(pair);
    }
    assert_string_equal(pair_log(pair), "server: open /echo by larder:2379\n"
                                        "server: message 10\nclient: message 1 10\n"
                                        "server: message 10\nclient: message 1 10\n"
                                        "server: message 10\nclient: message 1 10\n");
    grpc_call_end_sending(call);
    pair_run(pair);
    assert_string_equal(pair_log(pair), "server: end\nserver: close\nclient: close 1 0 \n");
}

/* The client is in the midst of sending. */
static void an_early_end_ends_the_call(void **state) {
    struct pair *pair = *state;
    struct grpc_call *call = pair_call(pair, "/abort");

    pair_send(call, 10);
    pair_send(call, 1 << 20);
    pair_run(pair);
    assert_int_equal(pair->calls, 0);
    assert_int_equal(pair->last_status, GRPC_ABORTED);
    assert_int_equal(pair->streams, 0);
    grpc_call_end_sending(pair_call(pair, "/echo"));
    pair_run(pair);
    assert_int_equal(pair->last_status, GRPC_OK);
}

static void a_large_answer_passes_the_windows(void **state) {
    struct pair *pair = *state;

    grpc_call_end_sending(pair_call(pair, "/hold"));
    pair_run(pair);
    for (int i = 0; i < 200; i++) { /* more than both windows of the client */
        memset(grpc_stream_message(pair->held, PAIR_MESSAGE_MAX), 's', PAIR_MESSAGE_MAX);
    }
    assert_true(grpc_stream_is_full(pair->held));
    pair_run(pair);
    assert_false(grpc_stream_is_full(pair->held));
    assert_non_null(strstr(pair_log(pair), "server: room\n"));
    assert_int_equal(pair->sum, UINT64_C(200) * PAIR_MESSAGE_MAX * 's');
    assert_true(grpc_server_memory(pair->server) < 200000);
    assert_true(grpc_client_memory(pair->client) < 200000);
    grpc_stream_finish(pair->held, GRPC_OK, SLICE(""));
    pair_run(pair);
    assert_int_equal(pair->last_status, GRPC_OK);
}

/* What is held comes to a stop within its window, and nobody else does. */
static void a_held_call_waits_alone(void **state) {
    struct pair *pair = *state;
    struct grpc_call *call = pair_call(pair, "/hold");
    const uint64_t all = UINT64_C(100) * PAIR_MESSAGE_MAX * 's';
    uint64_t before;

    grpc_call_end_sending(call);
    pair_run(pair);
    assert_true(grpc_call_hold(call));
    assert_true(grpc_call_hold(call));
    for (int i = 0; i < 100; i++) {
        memset(grpc_stream_message(pair->held, PAIR_MESSAGE_MAX), 's', PAIR_MESSAGE_MAX);
    }
    pair_run(pair);
    assert_true(pair->sum <= UINT64_C(9) * PAIR_MESSAGE_MAX * 's');
    for (before = 0; pair->sum != before;) { /* a window each time */
        before = pair->sum;
        assert_true(grpc_call_go_on(call));
        assert_true(grpc_call_hold(call));
        pair_run(pair);
        assert_true(pair->sum - before <= UINT64_C(17) * PAIR_MESSAGE_MAX * 's');
        grpc_call_end_sending(pair_call(pair, "/echo"));
        pair_run(pair);
        assert_int_equal(pair->last_status, GRPC_OK);
    }
    assert_true(grpc_call_go_on(call));
    pair_run(pair);
    assert_int_equal(pair->sum, all);
    grpc_stream_finish(pair->held, GRPC_ABORTED, SLICE(""));
    pair_run(pair);
    assert_int_equal(pair->last_status, GRPC_ABORTED);
}

static void a_call_that_is_full_hears_of_room(void **state) {
    struct pair *pair = *state;
    struct grpc_call *call = pair_call(pair, "/hold");

    while (!grpc_call_is_full(call)) {
        pair_send(call, 1000);
    }
    assert_true(grpc_client_memory(pair->client) > PAIR_FULL_AT);
    pair_run(pair);
    assert_false(grpc_call_is_full(call));
    assert_non_null(strstr(pair_log(pair), "client: room 1\n"));
}

static void a_cancelled_call_ends_on_both_sides(void **state) {
    struct pair *pair = *state;
    struct grpc_call *call = pair_call(pair, "/hold");

    pair_run(pair);
    memset(grpc_stream_message(pair->held, 10), 's', 10);
    (void)pair_log(pair);
    grpc_call_cancel(call);
    grpc_call_cancel(call);
    assert_int_equal(pair->calls, 1);
    assert_true(pair_carry(pair, false)); /* the message crosses the reset */
    pair_run(pair);
    assert_string_equal(pair_log(pair), "client: close 1 1 given up\nserver: close\n");
}

static void a_call_may_be_cancelled_before_it_is_sent(void **state) {
    struct pair *pair = *state;
    struct grpc_call *call = pair_call(pair, "/hold");

    pair_send(call, 10);
    grpc_call_cancel(call);
    assert_int_equal(pair->calls, 1);
    pair_run(pair);
    assert_int_equal(pair->calls, 0);
    assert_int_equal(pair->last_status, GRPC_CANCELLED);
    assert_int_equal(pair->streams, 0);
}

static void a_message_over_the_limit_ends_the_call(void **state) {
    struct pair *pair = *state;

    grpc_call_end_sending(pair_call(pair, "/hold"));
    pair_run(pair);
    memset(grpc_stream_message(pair->held, PAIR_MESSAGE_MAX + 1), 's', PAIR_MESSAGE_MAX + 1);
    (void)pair_log(pair);
    pair_run(pair);
    assert_string_equal(pair_log(pair),
                        "client: close 1 8 received a message larger than max (1048577 vs. 1048576)\nserver: close\n");
}

static void a_drained_server_takes_no_more(void **state) {
    struct pair *pair = *state;
    struct grpc_call *call = pair_call(pair, "/hold");

    pair_run(pair);
    grpc_server_drain(pair->server);
    assert_true(pair_carry(pair, false)); /* the GOAWAY is on its way as the client calls again */
    assert_false(grpc_client_is_open(pair->client));
    assert_null(pair_call(pair, "/echo"));
    assert_false(grpc_client_is_over(pair->client));
    grpc_stream_finish(pair->held, GRPC_OK, SLICE(""));
    pair_run(pair);
    assert_int_equal(pair->last_status, GRPC_OK);
    assert_true(grpc_client_is_over(pair->client));
    assert_true(grpc_server_is_over(pair->server));
    (void)call;
}

/* The call crosses the GOAWAY. */
static void a_call_that_a_drained_server_did_not_take_is_untouched(void **state) {
    struct pair *pair = *state;
    bool more;

    pair_run(pair);
    grpc_server_drain(pair->server);
    assert_true(grpc_server_write(pair->server, &pair->to_client, SIZE_MAX, &more));
    grpc_call_end_sending(pair_call(pair, "/echo"));
    assert_true(pair_carry(pair, true));
    pair_run(pair);
    assert_int_equal(pair->calls, 0);
    assert_int_equal(pair->last_status, GRPC_UNAVAILABLE);
    assert_true(pair->last_untouched);
    assert_string_equal(pair_log(pair), "client: close 1 14 the server did not take the call (untouched)\n");
}

static void a_broken_connection_ends_all_calls(void **state) {
    struct pair *pair = *state;
    bool more;

    for (int i = 0; i < 2 * PAIR_STREAMS; i++) { /* half of them wait for a stream */
        pair_send(pair_call(pair, "/hold"), 100000);
    }
    assert_true(pair_carry(pair, true));
    assert_true(pair_carry(pair, false));
    (void)pair_log(pair);
    assert_false(grpc_client_feed(pair->client, SLICE("\xff\xff\xff\xff\xff\xff\xff\xff\xff")) &&
                 grpc_client_write(pair->client, &pair->to_server, SIZE_MAX, &more) &&
                 !grpc_client_is_over(pair->client));
    assert_int_equal(pair->calls, 0);
    assert_int_equal(pair->last_status, GRPC_UNAVAILABLE);
    assert_false(pair->last_untouched);
    assert_false(grpc_client_is_open(pair->client));
    assert_false(grpc_client_feed(pair->client, SLICE("more")));
    (void)grpc_client_write(pair->client, &pair->to_server, SIZE_MAX, &more);
    assert_true(grpc_client_is_over(pair->client));
    assert_null(pair_call(pair, "/echo"));
    outbox_clear(&pair->to_server, 0);
}

static void freeing_ends_the_calls(void **state) {
    struct pair *pair = *state;

    for (int i = 0; i < 2 * PAIR_STREAMS; i++) {
        pair_send(pair_call(pair, "/hold"), 100);
    }
    pair_run(pair);
    grpc_client_free(pair->client);
    pair->client = NULL;
    assert_int_equal(pair->calls, 0);
    assert_int_equal(pair->last_status, GRPC_UNAVAILABLE);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_unary_call_goes_there_and_back),
        TEST(a_call_may_need_a_leader),
        TEST(a_call_tells_its_trace),
        TEST(a_call_may_be_nobodys),
        TEST(pings_are_answered_and_frames_counted),
        cmocka_unit_test(calls_share_the_connection),
        TEST(a_status_comes_with_its_text),
        TEST(messages_go_both_ways_at_once),
        TEST(an_early_end_ends_the_call),
        TEST(a_large_answer_passes_the_windows),
        TEST(a_held_call_waits_alone),
        TEST(a_call_that_is_full_hears_of_room),
        TEST(a_cancelled_call_ends_on_both_sides),
        TEST(a_call_may_be_cancelled_before_it_is_sent),
        TEST(a_message_over_the_limit_ends_the_call),
        TEST(a_drained_server_takes_no_more),
        TEST(a_call_that_a_drained_server_did_not_take_is_untouched),
        TEST(a_broken_connection_ends_all_calls),
        TEST(freeing_ends_the_calls),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
