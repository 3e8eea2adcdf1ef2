/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness.h"

/* What happens when replies pile up. */
static const struct harness_config tight = {
    .memory = 4 << 20, .max_item = 1 << 20, .max_line = 64 << 10, .max_output = 64};

/* Request number i of a long pipeline, and its reply: one each, all different. */
static void add_request(struct buf *says, struct buf *expected, int i) {
    switch (i % 5) {
    case 0:
        harness_must(buf_printf(says, "set k%d %d 0 4\r\n%04d\r\n", i, i, i % 10000) == LARDER_OK);
        harness_must(buf_printf(expected, "STORED\r\n") == LARDER_OK);
        break;
    case 1:
        harness_must(buf_printf(says, "get k%d\r\n", i - 1) == LARDER_OK);
        harness_must(buf_printf(expected, "VALUE k%d %d 4\r\n%04d\r\nEND\r\n", i - 1, i - 1, (i - 1) % 10000) ==
                     LARDER_OK);
        break;
    case 2:
        harness_must(buf_printf(says, "incr k%d %d\r\n", i - 2, i) == LARDER_OK);
        harness_must(buf_printf(expected, "%d\r\n", (i - 2) % 10000 + i) == LARDER_OK);
        break;
    case 3:
        harness_must(buf_printf(says, "mg k%d O%d\r\n", i - 3, i) == LARDER_OK);
        harness_must(buf_printf(expected, "HD O%d\r\n", i) == LARDER_OK);
        break;
    default:
        harness_must(buf_printf(says, "nonsense%d\r\n", i) == LARDER_OK);
        harness_must(buf_printf(expected, "ERROR\r\n") == LARDER_OK);
    }
}

static void stalled_output_resumes_in_order(void **state) {
    static const size_t takes[] = {0, 1, 7, 63};
    struct buf says;
    struct buf expected;

    (void)state;
    buf_init(&says, 1 << 20);
    buf_init(&expected, 1 << 20);
    for (int i = 0; i < 1500; i++) {
        add_request(&says, &expected, i);
    }
    for (size_t t = 0; t < sizeof(takes) / sizeof(takes[0]); t++) {
        struct harness h;
        struct client c;

        harness_init(&h, &tight);
        client_init(&c, &h);
        c.take = takes[t];
        client_say(&c, says.data, says.size);
        assert_true(slice_equal(buf_slice(&c.heard), buf_slice(&expected)));
        assert_true(c.stalls > 100);
        assert_true(harness_counter(&h, COUNTER_LIMIT_MAX_OUTPUT) > 100);
        client_fini(&c);
        harness_fini(&h);
    }
    buf_fini(&says);
    buf_fini(&expected);
}

static void a_stalled_session_takes_no_input_until_read(void **state) {
    struct harness h;
    struct client c;

    (void)state;
    harness_init(&h, &tight);
    client_init(&c, &h);
    c.deaf = true;
    client_say_text(&c, "mn\r\nversion\r\nmn\r\nmn\r\nmn\r\n"
                        "version\r\nversion\r\nversion\r\nversion\r\nmn\r\nget x\r\n");
    assert_true(c.session.stalled);
    assert_false(session_wants_input(&c.session));
    assert_true(c.session.input.size > 0);
    /* Without room nothing moves. */
    session_resume(&c.session);
    assert_true(c.session.stalled);
    c.deaf = false;
    client_pump(&c);
    assert_false(c.session.stalled);
    assert_true(session_wants_input(&c.session));
    assert_null(c.session.input.data);
    assert_memory_equal(c.heard.data + c.heard.size - 9, "MN\r\nEND\r\n", 9);
    client_fini(&c);
    harness_fini(&h);
}

/* The reader keeps up, but there is always a little left: the outbox never runs empty, and must not fill up by that. */
static void an_outbox_that_never_runs_empty_does_not_grow(void **state) {
    struct harness_config config = tight;
    struct harness h;
    struct client c;
    uint64_t sent = 0;
    char text[2000];

    (void)state;
    config.max_output = 256 << 10;
    harness_init(&h, &config);
    client_init(&c, &h);
    memset(text, 'v', sizeof(text));
    client_say_text(&c, "set k 0 0 1900\r\n");
    client_say(&c, text, 1900);
    client_say_text(&c, "\r\n");
    c.deaf = true;
    while (sent < (uint64_t)SESSION_REPLY_MAX * 2) {
        client_say_text(&c, "get k\r\n");
        assert_false(c.session.over);
        while (outbox_pending(c.session.out) > 500) {
            struct iovec piece[2];
            int count = session_pieces(&c.session, piece, 2);

            assert_in_range(count, 1, 2);
            sent += outbox_pending(c.session.out) - 500;
            session_sent(&c.session, outbox_pending(c.session.out) - 500);
        }
    }
    assert_true(c.session.out->bytes.capacity <= 1 << 20);
    client_fini(&c);
    harness_fini(&h);
}

/* Each reply is more than all the output that may wait. */
static void one_reply_may_exceed_what_may_wait(void **state) {
    struct harness h;
    struct client c;
    char value[4000];
    size_t reply;

    (void)state;
    harness_init(&h, &tight);
    client_init(&c, &h);
    memset(value, 'v', sizeof(value));
    client_say_text(&c, "set k 0 0 4000\r\n");
    client_say(&c, value, sizeof(value));
    client_say_text(&c, "\r\n");
    c.heard.size = 0;
    c.take = 100;
    client_say_text(&c, "get k\r\nget k k\r\nmn\r\nget k\r\n");
    reply = strlen("VALUE k 0 4000\r\n") + sizeof(value) + 2;
    assert_int_equal(c.heard.size, reply + 5 + 2 * reply + 5 + 4 + reply + 5);
    client_fini(&c);
    harness_fini(&h);
}

/* Far more in answer to one line than may wait to be sent: it comes as it is taken, and never lies there whole. */
static void many_values_in_one_answer(void **state) {
    enum { VALUE = 3000, KEYS = 6000 };
    static const size_t takes[] = {0, 1000};
    char value[VALUE];
    struct buf line;

    (void)state;
    memset(value, 'v', sizeof(value));
    buf_init(&line, 1 << 20);
    assert_int_equal(buf_printf(&line, "get"), LARDER_OK);
    for (int i = 0; i < KEYS; i++) {
        assert_int_equal(buf_append_slice(&line, SLICE(" k")), LARDER_OK);
    }
    assert_int_equal(buf_append_slice(&line, SLICE("\r\nmn\r\nget k\r\n")), LARDER_OK);
    for (size_t t = 0; t < sizeof(takes) / sizeof(takes[0]); t++) {
        size_t reply = strlen("VALUE k 0 3000\r\n") + VALUE + 2;
        struct harness h;
        struct client c;

        harness_init(&h, &tight);
        client_init(&c, &h);
        client_say_text(&c, "set k 0 0 3000\r\n");
        client_say(&c, value, sizeof(value));
        client_say_text(&c, "\r\n");
        c.heard.size = 0;
        c.take = takes[t];
        client_say(&c, line.data, line.size);
        assert_false(c.session.over);
        assert_int_equal(c.heard.size, KEYS * reply + 5 + 4 + reply + 5);
        for (size_t i = 0; i < KEYS; i++) {
            assert_memory_equal(c.heard.data + i * reply, "VALUE k 0 3000\r\nv", 17);
        }
        assert_memory_equal(c.heard.data + KEYS * reply, "END\r\nMN\r\nVALUE k ", 17);
        client_fini(&c);
        /* An end in the middle leaves nothing behind. */
        client_init(&c, &h);
        c.deaf = true;
        client_say(&c, line.data, line.size);
        assert_true(outbox_pending(c.session.out) < 1 << 20);
        client_fini(&c);
        harness_fini(&h);
    }
    buf_fini(&line);
}

static void statistics_come_whole(void **state) {
    struct harness h;
    struct client c;
    size_t size;

    (void)state;
    harness_init(&h, &tight);
    client_init(&c, &h);
    c.take = 3;
    client_say_text(&c, "stats\r\nstats settings\r\nstats nonsense\r\nmn\r\n");
    size = c.heard.size;
    assert_true(size > 500);
    assert_memory_equal(c.heard.data, "STAT pid ", 9);
    assert_int_equal(buf_append(&c.heard, "", 1), LARDER_OK);
    assert_non_null(strstr(c.heard.data, "\r\nEND\r\nSTAT maxbytes "));
    assert_memory_equal(c.heard.data + size - 4, "MN\r\n", 4);
    client_fini(&c);
    harness_fini(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stalled_output_resumes_in_order),
        cmocka_unit_test(a_stalled_session_takes_no_input_until_read),
        cmocka_unit_test(an_outbox_that_never_runs_empty_does_not_grow),
        cmocka_unit_test(one_reply_may_exceed_what_may_wait),
        cmocka_unit_test(many_values_in_one_answer),
        cmocka_unit_test(statistics_come_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
