/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness.h"

static const struct harness_config small_node = {
    .memory = 4 << 20, .max_item = 1 << 20, .max_line = 64 << 10, .max_output = 256 << 10};

static int setup(void **state) {
    struct harness *h = malloc(sizeof(*h));

    harness_init(h, &small_node);
    *state = h;
    return 0;
}

static int teardown(void **state) {
    harness_fini(*state);
    free(*state);
    return 0;
}

static void heard(struct client *c, const char *expected) {
    size_t size = strlen(expected);

    if (!slice_equal(buf_slice(&c->heard), slice_make(expected, size))) {
        fail_msg("heard \"%.*s\", expected \"%s\"", (int)c->heard.size, c->heard.data, expected);
    }
    c->heard.size = 0;
}

/* What a client says in one breath, on a fresh connection, and hears. */
static void talk(struct harness *h, const char *says, const char *expected) {
    struct client c;

    client_init(&c, h);
    client_say_text(&c, says);
    heard(&c, expected);
    client_fini(&c);
}

/* Everything in one conversation: every form of request and reply, good and bad, in text and meta. */
static const char transcript[] = "set a 1 0 3\r\nabc\r\n"
                                 "get a\r\n"
                                 "gets a nothing a\r\n"
                                 "add a 0 0 1\r\nx\r\n"
                                 "add b 0 0 1\r\nx\r\n"
                                 "replace b 0 0 2\r\nyz\r\n"
                                 "append b 0 0 2\r\n\r\n\r\n"
                                 "prepend b 0 0 0\r\n\r\n"
                                 "get b\r\n"
                                 "cas a 0 0 1 999999\r\nx\r\n"
                                 "set n 0 0 1 noreply\r\n5\r\n"
                                 "incr n 10\r\n"
                                 "decr n 100\r\n"
                                 "incr a 1\r\n"
                                 "incr nothing 1\r\n"
                                 "incr n x\r\n"
                                 "touch a 100\r\n"
                                 "gat 100 a\r\n"
                                 "gats x a\r\n"
                                 "delete nothing\r\n"
                                 "delete b\r\n"
                                 "set c 0 0 2\r\nabcdef\r\n"
                                 "get c\r\n"
                                 "set d 0 0 x\r\n"
                                 "set d x 0 3\r\nget\r\n"
                                 "set e 0 0 2000000\r\n"; /* the value follows in the test */
static const char transcript_rest[] = "mn\r\n"
                                      "get e\r\n"
                                      "bogus\r\n"
                                      "\r\n"
                                      "mg a s v f k Oop\r\n"
                                      "mg nothing v q\r\n"
                                      "mg nothing v\r\n"
                                      "ms m 3 T0 F9\r\nxyz\r\n"
                                      "ms m 3 q\r\nuvw\r\n"
                                      "mg m f v\r\n"
                                      "ms m 2 MA\r\nab\r\n"
                                      "mg bQ== b k v\r\n"
                                      "ma n N0 J7 D2 v\r\n"
                                      "md m q\r\n"
                                      "md m k\r\n"
                                      "ms m S3\r\n"
                                      "mg a zz\r\n"
                                      "me nothing\r\n"
                                      "verbosity 1\r\n"
                                      "flush_all noreply\r\n"
                                      "get a\r\n"
                                      "mn\r\n"
                                      "quit\r\n"
                                      "get a\r\n";

enum { REFUSED_SIZE = 2000000 };

static struct buf whole_transcript(void) {
    struct buf b;

    buf_init(&b, 8 << 20);
    harness_must(buf_append(&b, transcript, sizeof(transcript) - 1) == LARDER_OK);
    harness_must(buf_reserve(&b, REFUSED_SIZE) == LARDER_OK);
    memset(b.data + b.size, '\n', REFUSED_SIZE);
    b.size += REFUSED_SIZE;
    harness_must(buf_append_slice(&b, SLICE("\r\n")) == LARDER_OK);
    harness_must(buf_append(&b, transcript_rest, sizeof(transcript_rest) - 1) == LARDER_OK);
    return b;
}

/* Says it all to a fresh node, cut at `first` and `second`; what was heard. */
static struct buf run_split(struct slice says, size_t first, size_t second) {
    struct harness h;
    struct client c;
    struct buf out;

    harness_init(&h, &small_node);
    client_init(&c, &h);
    client_say(&c, says.data, first);
    client_say(&c, says.data + first, second - first);
    client_say(&c, says.data + second, says.size - second);
    assert_true(session_is_over(&c.session));
    out = c.heard;
    buf_init(&c.heard, 1);
    client_fini(&c);
    harness_fini(&h);
    return out;
}

static void the_whole_conversation(void **state) {
    struct buf says = whole_transcript();
    struct buf out = run_split(buf_slice(&says), says.size, says.size);
    static const char expected[] = "STORED\r\n"
                                   "VALUE a 1 3\r\nabc\r\nEND\r\n"
                                   "VALUE a 1 3 1\r\nabc\r\nVALUE a 1 3 1\r\nabc\r\nEND\r\n"
                                   "NOT_STORED\r\n"
                                   "STORED\r\n"
                                   "STORED\r\n"
                                   "STORED\r\n"
                                   "STORED\r\n"
                                   "VALUE b 0 4\r\nyz\r\n\r\nEND\r\n"
                                   "EXISTS\r\n"
                                   "15\r\n"
                                   "0\r\n"
                                   "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"
                                   "NOT_FOUND\r\n"
                                   "CLIENT_ERROR invalid numeric delta argument\r\n"
                                   "TOUCHED\r\n"
                                   "VALUE a 1 3\r\nabc\r\nEND\r\n"
                                   "CLIENT_ERROR invalid exptime argument\r\n"
                                   "NOT_FOUND\r\n"
                                   "DELETED\r\n"
                                   "CLIENT_ERROR bad data chunk\r\n";

    (void)state;
    /* What stands behind a bad chunk depends on how much of it is skipped; the start is certain, and so is the end. */
    assert_true(out.size > sizeof(expected));
    if (memcmp(out.data, expected, sizeof(expected) - 1) != 0) {
        fail_msg("heard \"%.*s\"", (int)out.size, out.data);
    }
    assert_true(buf_append(&out, "", 1) == LARDER_OK);
    assert_non_null(strstr(out.data, "SERVER_ERROR object too large for cache\r\nMN\r\nEND\r\nERROR\r\nERROR\r\n"));
    assert_non_null(strstr(out.data, "VA 3 s3 f1 ka Oop\r\nabc\r\nEN\r\nHD\r\nVA 3 f0\r\nuvw\r\nHD\r\n"));
    assert_non_null(strstr(out.data, "OK\r\nEND\r\nMN\r\n"));
    assert_int_equal(out.data[out.size - 2], '\n');
    assert_null(strstr(strstr(out.data, "OK\r\nEND\r\nMN\r\n") + 4 + 5, "END"));
    buf_fini(&out);
    buf_fini(&says);
}

static void a_split_anywhere_changes_nothing(void **state) {
    struct buf says = whole_transcript();
    struct buf expected = run_split(buf_slice(&says), says.size, says.size);

    (void)state;
    for (size_t at = 1; at < says.size; at++) {
        struct buf out;

        if (at == sizeof(transcript) + 20) {
            at += REFUSED_SIZE - 40; /* every place inside the refused value is as good as the next */
        }
        out = run_split(buf_slice(&says), at, at + 1);
        if (!slice_equal(buf_slice(&out), buf_slice(&expected))) {
            fail_msg("split at %zu: heard \"%.*s\"", at, (int)out.size, out.data);
        }
        buf_fini(&out);
    }
    buf_fini(&expected);
    buf_fini(&says);
}

static void byte_by_byte_changes_nothing(void **state) {
    struct harness *h = *state;
    struct buf says = whole_transcript();
    struct buf expected = run_split(buf_slice(&says), says.size, says.size);
    struct client c;

    client_init(&c, h);
    for (size_t i = 0; i < says.size; i++) {
        client_say(&c, says.data + i, 1);
    }
    assert_true(session_is_over(&c.session));
    assert_true(slice_equal(buf_slice(&c.heard), buf_slice(&expected)));
    client_fini(&c);
    buf_fini(&expected);
    buf_fini(&says);
}

static void quit_ends_the_session_at_once(void **state) {
    struct client c;

    client_init(&c, *state);
    client_say_text(&c, "mn\r\nquit\r\nmn\r\n");
    heard(&c, "MN\r\n");
    assert_true(session_is_over(&c.session));
    assert_false(session_wants_input(&c.session));
    client_fini(&c);
}

static void what_is_said_before_the_end_is_still_sent(void **state) {
    struct client c;

    client_init(&c, *state);
    c.deaf = true;
    client_say_text(&c, "mn\r\nquit\r\n");
    assert_false(session_is_over(&c.session));
    c.deaf = false;
    client_pump(&c);
    heard(&c, "MN\r\n");
    assert_true(session_is_over(&c.session));
    client_fini(&c);
}

static void a_refused_value_is_swallowed_whole(void **state) {
    static char value[REFUSED_SIZE];
    struct client c;

    memset(value, 'v', sizeof(value));
    client_init(&c, *state);
    client_say_text(&c, "set big 0 0 1\r\nx\r\nset big 0 0 2000000\r\n");
    heard(&c, "STORED\r\nSERVER_ERROR object too large for cache\r\n");
    client_say(&c, value, sizeof(value));
    client_say_text(&c, "\r\n");
    assert_int_equal(c.heard.size, 0);
    client_say_text(&c, "get big\r\n");
    heard(&c, "END\r\n"); /* the old value is gone with it */
    assert_int_equal(harness_counter(*state, COUNTER_LIMIT_MAX_ITEM), 1);
    client_fini(&c);
}

static void a_refused_add_leaves_the_old_value(void **state) {
    struct client c;

    client_init(&c, *state);
    client_say_text(&c, "set k 0 0 1\r\nx\r\nreplace k 0 0 2000000\r\n");
    for (int i = 0; i < REFUSED_SIZE / 100; i++) {
        client_say_text(&c, "mn\r\nmn\r\nmn\r\nmn\r\n"
                            "mn\r\nmn\r\nmn\r\nmn\r\nmn\r\nmn\r\nmn\r\nmn\r\nmn\r\nmn\r\nmn\r\nmn\r\n"
                            "mn\r\nmn\r\nmn\r\nmn\r\nmn\r\nmn\r\nmn\r\nmn\r\nmn\r\n");
    }
    client_say_text(&c, "\r\nget k\r\n");
    heard(&c, "STORED\r\nSERVER_ERROR object too large for cache\r\nVALUE k 0 1\r\nx\r\nEND\r\n");
    client_fini(&c);
}

static void hidden_errors_are_counted(void **state) {
    struct harness *h = *state;
    static char value[REFUSED_SIZE];
    struct client c;

    client_init(&c, h);
    client_say_text(&c, "set k 0 0 1\r\nx\r\nset k 0 0 2000000 noreply\r\n");
    client_say(&c, value, sizeof(value));
    client_say_text(&c, "\r\nget k\r\n");
    assert_int_equal(harness_counter(h, COUNTER_NOREPLY_ERRORS), 1);
    client_say_text(&c, "set k 0 0 1 noreply\r\nx\r\nincr k 1 noreply\r\nadd k 0 0 1 noreply\r\ny\r\n");
    /* Not a number is an error; that the key was there already is an answer. */
    assert_int_equal(harness_counter(h, COUNTER_NOREPLY_ERRORS), 2);
    client_fini(&c);
}

static void long_lines_of_keys_are_taken(void **state) {
    struct harness *h = *state;
    struct client c;
    struct buf line;

    buf_init(&line, 1 << 20);
    assert_int_equal(buf_printf(&line, "get"), LARDER_OK);
    for (int i = 0; i < 5000; i++) {
        assert_int_equal(buf_printf(&line, " key%d", i), LARDER_OK);
    }
    assert_true(line.size > 2048 && line.size < small_node.max_line);
    assert_int_equal(buf_printf(&line, "\r\n"), LARDER_OK);
    client_init(&c, h);
    client_say_text(&c, "set key4999 0 0 2\r\nok\r\n");
    c.heard.size = 0;
    for (size_t at = 0; at < line.size; at += 999) {
        client_say(&c, line.data + at, line.size - at < 999 ? line.size - at : 999);
    }
    heard(&c, "VALUE key4999 0 2\r\nok\r\nEND\r\n");
    assert_false(c.session.over);
    client_fini(&c);
    buf_fini(&line);
}

static void too_long_a_line_ends_the_session(void **state) {
    static const char *const starts[] = {"set ", "mg k ", "get", "x"};
    struct harness *h = *state;
    char spaces[1000];

    memset(spaces, 'k', sizeof(spaces));
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        struct client c;

        client_init(&c, h);
        client_say_text(&c, starts[i]);
        client_say(&c, spaces, sizeof(spaces));
        client_say(&c, spaces, sizeof(spaces));
        assert_false(c.session.over);
        client_say(&c, spaces, sizeof(spaces));
        heard(&c, "");
        assert_true(session_is_over(&c.session));
        client_fini(&c);
    }
    assert_int_equal(harness_counter(h, COUNTER_LIMIT_MAX_LINE), 4);
}

static void a_line_of_keys_has_an_end_too(void **state) {
    struct harness *h = *state;
    struct client c;
    char keys[1024];

    memset(keys, 'k', sizeof(keys));
    keys[500] = ' ';
    keys[0] = ' ';
    client_init(&c, h);
    client_say_text(&c, "get");
    for (int i = 0; i < 100 && !c.session.over; i++) {
        client_say(&c, keys, sizeof(keys));
    }
    assert_true(session_is_over(&c.session));
    heard(&c, "");
    client_fini(&c);
}

static void an_idle_session_holds_nothing(void **state) {
    static char value[100000];
    struct client c;

    client_init(&c, *state);
    client_say_text(&c, "set k 0 0 1\r");
    assert_non_null(c.session.input.data);
    client_say_text(&c, "\nx\r\n");
    assert_null(c.session.input.data);
    assert_null(c.session.out);
    assert_null(c.session.body);
    client_say_text(&c, "set big 0 0 100000\r\n");
    assert_non_null(c.session.body);
    client_say(&c, value, sizeof(value));
    client_say_text(&c, "\r\nget big\r\n");
    assert_null(c.session.input.data);
    assert_null(c.session.out);
    assert_null(c.session.body);
    client_fini(&c);
}

static void other_protocols_are_told_apart(void **state) {
    struct harness *h = *state;
    struct client c;

    client_init(&c, h);
    client_say_text(&c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_false(session_is_over(&c.session));
    assert_true(c.heard.size > 9 && c.heard.data[3] == 4); /* a SETTINGS frame first */
    client_fini(&c);
    client_init(&c, h);
    client_say(&c, "\x80\x0b\0\0\0\0\0\0\0\0\0\0ABCD\0\0\0\0\0\0\0\0", 24);
    assert_true(session_is_over(&c.session));
    assert_int_equal((unsigned char)c.heard.data[0], 0x81);
    assert_memory_equal(c.heard.data + 12, "ABCD", 4);
    client_fini(&c);
    assert_int_equal(harness_counter(h, COUNTER_REJECTED_PROTOCOL), 1);
    talk(h, "GETS a\r\nget a\r\n", "ERROR\r\nEND\r\n");
    client_init(&c, h);
    client_say_text(&c, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nHEAD /readyz HTTP/1.1\r\nHost: x\r\n\r\n"
                        "GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_true(session_is_over(&c.session));
    assert_int_equal(buf_append(&c.heard, "", 1), LARDER_OK);
    assert_non_null(strstr(c.heard.data, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(c.heard.data, "\r\n\r\nok\n"));
    assert_null(strstr(c.heard.data, "\r\n\r\nready\n"));
    assert_non_null(strstr(c.heard.data, "HTTP/1.1 404 Not Found\r\n"));
    client_fini(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_conversation),
        cmocka_unit_test(a_split_anywhere_changes_nothing),
        cmocka_unit_test_setup_teardown(byte_by_byte_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(quit_ends_the_session_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_said_before_the_end_is_still_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refused_value_is_swallowed_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refused_add_leaves_the_old_value, setup, teardown),
        cmocka_unit_test_setup_teardown(hidden_errors_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(long_lines_of_keys_are_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(too_long_a_line_ends_the_session, setup, teardown),
        cmocka_unit_test_setup_teardown(a_line_of_keys_has_an_end_too, setup, teardown),
        cmocka_unit_test_setup_teardown(an_idle_session_holds_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(other_protocols_are_told_apart, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
