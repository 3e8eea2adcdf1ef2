/* SPDX-License-Identifier: Apache-2.0 */
/* Replies that come later: their order, what may run meanwhile, and what becomes of them when the session ends. */
#include "store_harness.h"

#include "session/slots.h"

static const struct harness_config node = {
    .memory = 8 << 20, .max_item = 1 << 20, .max_line = 64 << 10, .max_output = 256 << 10};

static int setup(void **state) {
    struct store_harness *s = malloc(sizeof(*s));

    store_harness_init(s, &node);
    *state = s;
    return 0;
}

static int teardown(void **state) {
    store_harness_fini(*state);
    free(*state);
    return 0;
}

static void heard(struct client *c, const char *expected) {
    if (!slice_equal(buf_slice(&c->heard), slice_from_string(expected))) {
        fail_msg("heard \"%.*s\", expected \"%s\"", (int)c->heard.size, c->heard.data, expected);
    }
    c->heard.size = 0;
}

static void says(struct client *c, const char *text, const char *expected) {
    client_say_text(c, text);
    heard(c, expected);
}

static void what_is_answered_at_once_needs_no_slot(void **state) {
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    says(&c, "set d/a 7 0 3\r\nabc\r\n", "STORED\r\n");
    assert_null(c.session.slots);
    says(&c, "get d/a\r\ngets d/a\r\n", "VALUE d/a 7 3\r\nabc\r\nEND\r\nVALUE d/a 7 3 2\r\nabc\r\nEND\r\n");
    says(&c, "delete d/a\r\nget d/a\r\n", "DELETED\r\nEND\r\n");
    client_fini(&c);
}

static void a_read_waits_for_the_write_before_it(void **state) {
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    s->store.hold_writes = true;
    client_say_text(&c, "set d/a 0 0 1\r\nx\r\nget d/a\r\nmn\r\n");
    heard(&c, "");
    assert_true(session_is_waiting(&c.session));
    assert_false(session_wants_input(&c.session));
    assert_false(c.session.stalled);
    assert_true(c.session.input.size > 0);
    session_resume(&c.session); /* is of no use */
    heard(&c, "");
    store_harness_release(s, 0);
    heard(&c, "STORED\r\nVALUE d/a 0 1\r\nx\r\nEND\r\nMN\r\n");
    assert_false(session_is_waiting(&c.session));
    assert_true(session_wants_input(&c.session));
    assert_null(c.session.slots);
    assert_null(c.session.input.data);
    assert_null(c.session.out);
    client_fini(&c);
}

static void plain_writes_run_ahead_and_are_answered_in_order(void **state) {
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    s->store.hold_writes = true;
    client_say_text(
        &c, "set d/a 0 0 1\r\nx\r\nms d/b 1 Oone c\r\ny\r\ndelete d/none\r\nmd d/b Otwo\r\nset d/c 0 -1 1\r\nz\r\n");
    assert_int_equal(s->store.held_count, 5);
    assert_true(session_wants_input(&c.session));
    store_harness_release(s, 3);
    store_harness_release(s, 1);
    store_harness_release(s, 1);
    heard(&c, "");
    store_harness_release(s, 0);
    heard(&c, "STORED\r\nHD Oone c3\r\nNOT_FOUND\r\nHD Otwo\r\n");
    store_harness_release(s, 0);
    heard(&c, "STORED\r\n");
    client_fini(&c);
}

/* One command of each kind that must not run while a write is pending. */
static void everything_else_waits(void **state) {
    static const char *const commands[][2] = {
        {"get d/a\r\n", "VALUE d/a 0 1\r\nx\r\nEND\r\n"},
        {"get memory\r\n", "END\r\n"},
        {"set memory 0 0 1\r\nm\r\n", "STORED\r\n"},
        {"set d/a 0 100 1\r\nl\r\n", "STORED\r\n"},
        {"set t/a 0 0 1\r\nl\r\n", "STORED\r\n"},
        {"add d/a 0 0 1\r\ny\r\n", "NOT_STORED\r\n"},
        {"cas d/a 0 0 1 999\r\ny\r\n", "EXISTS\r\n"},
        {"md d/a C999\r\n", "EX\r\n"},
        {"incr d/none 1\r\n", "NOT_FOUND\r\n"},
        {"touch d/none 0\r\n", "NOT_FOUND\r\n"},
        {"version\r\n", NULL},
        {"flush_all\r\n", "OK\r\n"},
        {"nonsense\r\n", "ERROR\r\n"},
        {"set d/a 0 0 x\r\n", "CLIENT_ERROR bad command line format\r\n"},
    };
    struct store_harness *s = *state;

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        struct client c;

        client_init(&c, &s->h);
        s->store.hold_writes = true;
        client_say_text(&c, "set d/a 0 0 1\r\nx\r\n");
        client_say_text(&c, commands[i][0]);
        assert_int_equal(s->store.held_count, 1);
        assert_true(c.session.waiting);
        heard(&c, "");
        store_harness_release_all(s);
        assert_true(slice_has_prefix(buf_slice(&c.heard), SLICE("STORED\r\n")));
        c.heard.size -= strlen("STORED\r\n");
        memmove(c.heard.data, c.heard.data + strlen("STORED\r\n"), c.heard.size);
        if (commands[i][1] != NULL) {
            heard(&c, commands[i][1]);
        } else {
            assert_true(c.heard.size > 0);
        }
        s->store.hold_writes = false;
        client_fini(&c);
    }
}

/* It marks a place in the answers and looks at nothing. */
static void a_noop_keeps_its_place(void **state) {
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    s->store.hold_writes = true;
    client_say_text(&c, "set d/a 0 0 1\r\nx\r\nmn\r\nset d/b 0 0 1\r\ny\r\nmn\r\n");
    assert_int_equal(s->store.held_count, 2);
    store_harness_release(s, 1);
    heard(&c, "");
    store_harness_release(s, 0);
    heard(&c, "STORED\r\nMN\r\nSTORED\r\nMN\r\n");
    client_fini(&c);
}

static void a_write_without_an_answer_keeps_its_place(void **state) {
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    s->store.hold_writes = true;
    client_say_text(&c, "set d/a 0 0 1 noreply\r\nx\r\nms d/b 1 q\r\ny\r\nget d/a d/b\r\n");
    assert_int_equal(s->store.held_count, 2);
    store_harness_release(s, 1);
    heard(&c, "");
    store_harness_release(s, 0);
    heard(&c, "VALUE d/a 0 1\r\nx\r\nVALUE d/b 0 1\r\ny\r\nEND\r\n");
    client_fini(&c);
}

static void refusals_stand_in_line(void **state) {
    struct store_harness *s = *state;
    struct client c;
    char *big = calloc(1, 3 << 20);

    client_init(&c, &s->h);
    says(&c, "set d/big 0 0 3\r\nold\r\n", "STORED\r\n");
    s->store.hold_writes = true;
    client_say_text(&c, "set d/a 0 0 1\r\nx\r\nset d/big 0 0 3000000\r\n");
    client_say(&c, big, 3000000);
    client_say_text(&c, "\r\nset d/a 0 0 1\r\nxyzset d/a 0 0 1\r\ny\r\n");
    s->store.fail = STORE_NO_SPACE;
    s->store.hold_writes = false;
    client_say_text(&c, "set d/a 0 0 1\r\nz\r\n");
    s->store.fail = STORE_OK;
    heard(&c, "");
    store_harness_release(s, 1);
    heard(&c, "");
    store_harness_release(s, 0);
    heard(&c, "STORED\r\n"
              "SERVER_ERROR object too large for cache\r\n"
              "CLIENT_ERROR bad data chunk\r\n"
              "STORED\r\n"
              "SERVER_ERROR the store is full\r\n");
    client_fini(&c);
    free(big);
}

static void a_refused_write_changes_nothing(void **state) {
    struct store_harness *s = *state;
    struct client c;
    char *big = calloc(1, 3 << 20);

    client_init(&c, &s->h);
    says(&c, "set d/a 0 0 3\r\nold\r\n", "STORED\r\n");
    client_say_text(&c, "set d/a 0 0 3000000\r\n");
    client_say(&c, big, 3000000);
    says(&c, "\r\nget d/a\r\n", "SERVER_ERROR object too large for cache\r\nVALUE d/a 0 3\r\nold\r\nEND\r\n");
    s->store.fail = STORE_NO_SPACE;
    says(&c, "set d/a 0 0 3\r\nnew\r\n", "SERVER_ERROR the store is full\r\n");
    s->store.fail = STORE_TOO_MANY_REQUESTS;
    says(&c, "incr d/a 1\r\nms d/a 1\r\nx\r\n",
         "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"
         "SERVER_ERROR too many requests wait for the store\r\n");
    s->store.fail = STORE_IO;
    says(&c, "delete d/a\r\nset d/a 0 0 1 noreply\r\nx\r\n", "SERVER_ERROR the store cannot be read or written\r\n");
    s->store.fail = STORE_OK;
    says(&c, "get d/a\r\n", "VALUE d/a 0 3\r\nold\r\nEND\r\n");
    assert_int_equal(harness_counter(&s->h, COUNTER_LIMIT_STORE_QUOTA), 1);
    assert_int_equal(harness_counter(&s->h, COUNTER_LIMIT_MAX_PENDING_WRITES), 1);
    assert_int_equal(harness_counter(&s->h, COUNTER_NOREPLY_ERRORS), 1);
    client_fini(&c);
    free(big);
}

static void many_keys_stop_at_the_one_that_is_pending(void **state) {
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    says(&c, "set m 0 0 1\r\nm\r\nset d/a 0 0 1\r\na\r\nset d/b 0 0 1\r\nb\r\n", "STORED\r\nSTORED\r\nSTORED\r\n");
    s->store.hold_reads = true;
    client_say_text(&c, "get m d/none d/a m d/b d/none\r\nmn\r\n");
    heard(&c, "VALUE m 0 1\r\nm\r\n");
    assert_int_equal(s->store.held_count, 1);
    store_harness_release(s, 0);
    heard(&c, "");
    store_harness_release(s, 0);
    heard(&c, "VALUE d/a 0 1\r\na\r\nVALUE m 0 1\r\nm\r\n");
    store_harness_release(s, 0);
    heard(&c, "VALUE d/b 0 1\r\nb\r\n");
    store_harness_release(s, 0);
    heard(&c, "END\r\nMN\r\n");
    /* The last key pending, and alone. */
    client_say_text(&c, "get d/none\r\nmn\r\n");
    heard(&c, "");
    store_harness_release(s, 0);
    heard(&c, "END\r\nMN\r\n");
    client_fini(&c);
}

static void an_error_ends_the_answer_to_many_keys(void **state) {
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    says(&c, "set m 0 0 1\r\nm\r\n", "STORED\r\n");
    s->store.fail = STORE_IO;
    says(&c, "gat 0 m d/a m\r\nmn\r\n",
         "VALUE m 0 1\r\nm\r\nSERVER_ERROR the store cannot be read or written\r\nMN\r\n");
    s->store.hold_writes = true;
    client_say_text(&c, "gat 0 m d/a m\r\nmn\r\n");
    heard(&c, "VALUE m 0 1\r\nm\r\n");
    store_harness_release(s, 0);
    heard(&c, "SERVER_ERROR the store cannot be read or written\r\nMN\r\n");
    client_fini(&c);
}

static void quit_is_said_behind_the_answers(void **state) {
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    s->store.hold_writes = true;
    client_say_text(&c, "set d/a 0 0 1\r\nx\r\nset d/b 0 0 1\r\ny\r\nquit\r\n");
    assert_false(session_is_over(&c.session));
    store_harness_release(s, 1);
    assert_false(session_is_over(&c.session));
    store_harness_release(s, 0);
    heard(&c, "STORED\r\nSTORED\r\n");
    assert_true(session_is_over(&c.session));
    client_fini(&c);
}

static void what_was_pending_is_answered_before_a_bad_line_ends_the_session(void **state) {
    struct store_harness *s = *state;
    struct client c;
    char line[3000];

    memset(line, 'x', sizeof(line));
    client_init(&c, &s->h);
    s->store.hold_writes = true;
    client_say_text(&c, "set d/a 0 0 1\r\nx\r\n");
    client_say(&c, line, sizeof(line));
    assert_true(c.session.over);
    assert_false(session_is_over(&c.session));
    store_harness_release(s, 0);
    heard(&c, "STORED\r\n");
    assert_true(session_is_over(&c.session));
    client_fini(&c);
}

static void a_session_that_ends_is_not_touched(void **state) {
    struct store_harness *s = *state;
    struct client *c = malloc(sizeof(*c));
    struct client other;

    client_init(c, &s->h);
    s->store.hold_writes = s->store.hold_reads = true;
    client_say_text(c, "set d/a 0 0 1\r\nx\r\nset d/b 0 0 1\r\ny\r\n");
    store_harness_release(s, 1); /* complete, and behind another */
    client_fini(c);
    client_init(c, &s->h);
    client_say_text(c, "get d/a d/b\r\n");
    client_fini(c);
    memset(c, 0xee, sizeof(*c));
    free(c);
    store_harness_release_all(s);
    assert_int_equal(atomic_load(&s->h.node.durable->memory), 0);
    s->store.hold_writes = s->store.hold_reads = false;
    /* The writes were done. */
    client_init(&other, &s->h);
    says(&other, "get d/a d/b\r\n", "VALUE d/a 0 1\r\nx\r\nVALUE d/b 0 1\r\ny\r\nEND\r\n");
    client_fini(&other);
}

/* A session can also end between the arrival of its reply and its being told. */
static void a_session_may_end_when_it_is_told(void **state) {
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    s->store.hold_writes = true;
    client_say_text(&c, "set d/a 0 0 1\r\nx\r\n");
    s->h.worker.on_ready = session_fini;
    store_harness_release(s, 0);
    s->h.worker.on_ready = store_harness_ready;
    buf_fini(&c.heard);
}

static void slots_have_a_ceiling(void **state) {
    struct store_harness *s = *state;
    struct client c;
    struct buf all;

    buf_init(&all, 1 << 20);
    client_init(&c, &s->h);
    for (int i = 0; i < SESSION_SLOTS_MAX + 100; i++) {
        assert_int_equal(buf_printf(&all, "set d/k%d 0 0 1\r\nx\r\n", i), LARDER_OK);
    }
    s->store.hold_writes = true;
    client_say(&c, all.data, all.size);
    assert_int_equal(s->store.held_count, SESSION_SLOTS_MAX);
    assert_true(c.session.waiting);
    assert_true(harness_counter(&s->h, COUNTER_LIMIT_PENDING_REPLIES) > 0);
    for (int i = 0; i < SESSION_SLOTS_MAX / 2 - 1; i++) {
        store_harness_release(s, 0);
    }
    assert_true(c.session.waiting);
    store_harness_release(s, 0);
    /* Half of them are answered, and so the others are on their way now. */
    assert_false(c.session.waiting);
    assert_int_equal(s->store.held_count, SESSION_SLOTS_MAX / 2 + 100);
    store_harness_release_all(s);
    assert_int_equal(c.heard.size, (SESSION_SLOTS_MAX + 100) * strlen("STORED\r\n"));
    client_fini(&c);
    buf_fini(&all);
}

static void slots_have_a_ceiling_of_bytes(void **state) {
    enum { VALUE = 300 << 10, FIT = SESSION_SLOTS_BYTES_MAX / VALUE + 1 };
    struct store_harness *s = *state;
    struct client c;
    char *value = malloc(VALUE);

    memset(value, 'v', VALUE);
    client_init(&c, &s->h);
    s->store.hold_writes = true;
    for (int i = 0; i < FIT; i++) {
        char line[64];

        assert_false(c.session.waiting);
        snprintf(line, sizeof(line), "set d/k%d 0 0 %d\r\n", i, VALUE);
        client_say_text(&c, line);
        assert_non_null(c.session.body);
        client_say(&c, value, VALUE);
        client_say_text(&c, "\r\n");
    }
    assert_int_equal(s->store.held_count, FIT);
    client_say_text(&c, "set d/one 0 0 1\r\nx\r\n");
    assert_true(c.session.waiting);
    assert_int_equal(s->store.held_count, FIT);
    store_harness_release_all(s);
    assert_int_equal(c.heard.size, (FIT + 1) * strlen("STORED\r\n"));
    assert_int_equal(atomic_load(&s->h.node.durable->memory), 0);
    client_fini(&c);
    free(value);
}

static void large_values_are_read_to_where_they_stay(void **state) {
    enum { VALUE = 600 << 10 };
    struct store_harness *s = *state;
    struct client c;
    char *value = malloc(VALUE);
    char line[64];

    for (size_t i = 0; i < VALUE; i++) {
        value[i] = (char)('a' + i % 23);
    }
    client_init(&c, &s->h);
    for (int flags = 0; flags < 2; flags++) {
        snprintf(line, sizeof(line), "set d/big %d 0 %d\r\n", flags, VALUE);
        client_say_text(&c, line);
        client_say(&c, value, VALUE);
        says(&c, "\r\n", "STORED\r\n");
        for (int i = 0; i < 3; i++) { /* from the store, then from the copy */
            client_say_text(&c, "get d/big\r\n");
            assert_int_equal(c.heard.size, strlen("VALUE d/big 0 614400\r\n") + VALUE + strlen("\r\nEND\r\n"));
            assert_memory_equal(c.heard.data + strlen("VALUE d/big 0 614400\r\n"), value, VALUE);
            assert_int_equal(c.heard.data[strlen("VALUE d/big ")], '0' + flags);
            c.heard.size = 0;
        }
    }
    /* One that is given up in the middle, and one that ends badly. */
    client_say_text(&c, line);
    client_say(&c, value, VALUE);
    says(&c, "xx", "CLIENT_ERROR bad data chunk\r\n");
    client_say_text(&c, line);
    client_say(&c, value, VALUE / 2);
    assert_non_null(c.session.body);
    client_fini(&c);
    assert_int_equal(atomic_load(&s->h.node.durable->memory), 0);
    free(value);
}

static void requests_under_way_have_a_ceiling_of_memory(void **state) {
    struct store_harness *s = *state;
    struct client c;
    char *value = calloc(1, 100000);

    client_init(&c, &s->h);
    says(&c, "set d/a 0 0 1\r\nx\r\n", "STORED\r\n");
    atomic_store(&s->h.node.durable->memory, DURABLE_MEMORY_MAX - 10);
    says(&c, "set d/a 0 0 1\r\ny\r\n", "SERVER_ERROR too many requests wait for the store\r\n");
    says(&c, "set d/a 0 0 100000\r\n", "SERVER_ERROR too many requests wait for the store\r\n");
    client_say(&c, value, 100000);
    client_say_text(&c, "\r\n");
    atomic_store(&s->h.node.durable->memory, 0);
    says(&c, "get d/a\r\n", "VALUE d/a 0 1\r\nx\r\nEND\r\n");
    assert_int_equal(harness_counter(&s->h, COUNTER_LIMIT_STORE_MEMORY), 2);
    client_fini(&c);
    free(value);
}

/* An idle connection costs nothing more than it did. */
static void a_session_at_rest_has_no_slots(void **state) {
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    s->store.hold_writes = true;
    client_say_text(&c, "set d/a 0 0 1\r\nx\r\n");
    assert_non_null(c.session.slots);
    store_harness_release(s, 0);
    assert_null(c.session.slots);
    assert_null(c.session.out);
    assert_null(c.session.input.data);
    client_fini(&c);
}

static void each_reply_is_booked_with_its_own_time(void **state) {
    struct store_harness *s = *state;
    struct telemetry_snapshot snapshot;
    struct client c;

    client_init(&c, &s->h);
    s->store.hold_writes = true;
    s->h.worker.context.now_ns = 1000000000;
    client_say_text(&c, "set d/a 0 0 1\r\nx\r\n");
    s->h.worker.context.now_ns = 1200000000;
    client_say_text(&c, "set d/a 0 0 1\r\ny\r\n");
    s->h.worker.context.now_ns = 1500000000;
    store_harness_release(s, 0);
    store_harness_release(s, 0);
    assert_int_equal(telemetry_snapshot(s->h.telemetry, &snapshot), LARDER_OK);
    assert_int_equal(snapshot.total_count, 1);
    assert_int_equal(snapshot.totals[0].count, 2);
    assert_int_equal(snapshot.totals[0].sum_ns, 800000000);
    telemetry_snapshot_fini(&snapshot);
    client_fini(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_answered_at_once_needs_no_slot, setup, teardown),
        cmocka_unit_test_setup_teardown(a_read_waits_for_the_write_before_it, setup, teardown),
        cmocka_unit_test_setup_teardown(plain_writes_run_ahead_and_are_answered_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(everything_else_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(a_noop_keeps_its_place, setup, teardown),
        cmocka_unit_test_setup_teardown(a_write_without_an_answer_keeps_its_place, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals_stand_in_line, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refused_write_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(many_keys_stop_at_the_one_that_is_pending, setup, teardown),
        cmocka_unit_test_setup_teardown(an_error_ends_the_answer_to_many_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(quit_is_said_behind_the_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_pending_is_answered_before_a_bad_line_ends_the_session, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_session_that_ends_is_not_touched, setup, teardown),
        cmocka_unit_test_setup_teardown(a_session_may_end_when_it_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(slots_have_a_ceiling, setup, teardown),
        cmocka_unit_test_setup_teardown(slots_have_a_ceiling_of_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(large_values_are_read_to_where_they_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(requests_under_way_have_a_ceiling_of_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(a_session_at_rest_has_no_slots, setup, teardown),
        cmocka_unit_test_setup_teardown(each_reply_is_booked_with_its_own_time, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
