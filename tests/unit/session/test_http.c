/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP on a session: requests cut anywhere, answers of the store that come when they like, bodies, watches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "store_harness.h"

enum { MAX_ITEM = 256 << 10, DEADLINE_S = 20 };

static const struct harness_config node = {
    .memory = 8 << 20, .max_item = MAX_ITEM, .max_line = 64 << 10, .max_output = 8 << 10};

static struct store_harness harness;
static sem_t woken; /* the worker's queue has something in it */

static void wake(void *ctx) {
    (void)ctx;
    sem_post(&woken);
}

static int setup(void **state) {
    store_harness_init(&harness, &node);
    sem_init(&woken, 0, 0);
    harness.h.worker.completions.wake = wake;
    *state = &harness;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    session_worker_end_watches(&harness.h.worker);
    session_worker_complete(&harness.h.worker);
    store_harness_fini(&harness);
    sem_destroy(&woken);
    return 0;
}

/* What was heard, with everything blanked that is different each time: dates, tags, revisions. */
static const char *heard(struct client *c) {
    static const char *const fields[] = {"\r\nDate: ", "\r\nETag: ", "\r\nX-Larder-Revision: "};

    harness_must(buf_append(&c->heard, "", 1) == LARDER_OK);
    c->heard.size--;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        for (char *at = c->heard.data; (at = strstr(at, fields[i])) != NULL;) {
            char *end = strchr(at + 2, '\r');
            char *value = at + strlen(fields[i]);

            memmove(value, end, strlen(end) + 1);
            at = value;
        }
    }
    c->heard.size = strlen(c->heard.data);
    return c->heard.data;
}

static void forget(struct client *c) {
    c->heard.size = 0;
}

#define HOST "Host: localhost\r\n"

static const char conversation[] =
    "PUT /m/k HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello"
    "GET /m/k HTTP/1.1\r\n" HOST "\r\n"
    "\r\n"
    "PUT /d/k?ttl=100 HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhe\r\n\n"
    "PUT /d/k HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n3;a=\"b\"\r\nabc\r\n002\r\nde\r\n0\r\nT: x\r\n\r\n"
    "GET /d/k HTTP/1.1\r\n" HOST "\r\n"
    "HEAD /d/k HTTP/1.1\r\n" HOST "\r\n"
    "GET /d/%6b HTTP/1.1\r\n" HOST "If-None-Match: *\r\n\r\n"
    "PUT /d/k HTTP/1.1\r\n" HOST "If-None-Match: *\r\nContent-Length: 1\r\n\r\nx"
    "GET /d?prefix=k&values HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"
    "GET /d/none?x=y HTTP/1.1\r\n" HOST "\r\n"
    "POST /d/k HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
    "GET /healthz HTTP/1.1\r\n" HOST "\r\n"
    "GET /d/k HTTP/1.1\r\nHost: evil\r\n\r\n"
    "DELETE /d/k HTTP/1.1\r\n" HOST "\r\n"
    "DELETE /m/k HTTP/1.1\r\n" HOST "\r\n"
    "DELETE /m/k HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    "GET /d/k HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"
    "GET /never HTTP/1.1\r\n" HOST "\r\n";

/* Blanks what a listing says of revisions. */
static void blank_revisions(char *text) {
    for (char *at = text; (at = strstr(at, "revision\":")) != NULL; at += 10) {
        size_t digits = strspn(at + 10, "0123456789");

        memset(at + 10, '#', digits);
    }
}

static char *hold_conversation(struct store_harness *s, size_t first, size_t step) {
    struct client c;
    char *copy;

    client_init(&c, &s->h);
    client_say(&c, conversation, first);
    for (size_t at = first; at < sizeof(conversation) - 1;) {
        size_t size = sizeof(conversation) - 1 - at < step ? sizeof(conversation) - 1 - at : step;

        client_say(&c, conversation + at, size);
        at += size;
    }
    assert_true(session_is_over(&c.session));
    copy = strdup(heard(&c));
    blank_revisions(copy);
    client_fini(&c);
    return copy;
}

/* Drops the lines that tell the length of a listing, whose revisions grow longer. */
static void drop_lengths(char *text) {
    for (char *at = text; (at = strstr(at, "\r\nContent-Length: ")) != NULL;) {
        memmove(at, strchr(at + 2, '\r'), strlen(strchr(at + 2, '\r')) + 1);
    }
    for (char *at = text; (at = strstr(at, "##")) != NULL;) {
        memmove(at, at + 1, strlen(at + 1) + 1);
    }
}

static void a_cut_anywhere_changes_nothing(void **state) {
    struct store_harness *s = *state;
    char *whole = hold_conversation(s, sizeof(conversation) - 1, 1);

    assert_non_null(strstr(whole, "HTTP/1.1 201 Created\r\n"));
    assert_non_null(strstr(whole, "\r\n\r\nabcde"));
    assert_non_null(strstr(whole, "\"value\":\"abcde\"}]}\n"));
    assert_null(strstr(whole, "never"));
    drop_lengths(whole);
    for (size_t first = 0; first < sizeof(conversation) - 1; first++) {
        char *cut = hold_conversation(s, first, first % 7 == 0 ? 1 : sizeof(conversation));

        drop_lengths(cut);
        assert_string_equal(cut, whole);
        free(cut);
    }
    free(whole);
}

static void count_statuses(const char *text, const char *wanted) {
    char found[200] = "";
    size_t size = 0;

    for (const char *at = text; (at = strstr(at, "HTTP/1.1 ")) != NULL; at += 9) {
        memcpy(found + size, at + 9, 3);
        found[size + 3] = ' ';
        size += 4;
        found[size] = '\0';
    }
    assert_string_equal(found, wanted);
}

static void late_answers_keep_their_order(void **state) {
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    s->store.hold_writes = true;
    client_say_text(&c, "PUT /d/a HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n1"
                        "PUT /d/a HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n2"
                        "DELETE /d/a HTTP/1.1\r\n" HOST "\r\n"
                        "DELETE /d/a HTTP/1.1\r\n" HOST "\r\n"
                        "GET /d/a HTTP/1.1\r\n" HOST "\r\n"
                        "GET /healthz HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(s->store.held_count, 4); /* writes may follow writes; the reads wait */
    assert_int_equal(c.heard.size, 0);
    store_harness_release(s, 3);
    store_harness_release(s, 1);
    assert_int_equal(c.heard.size, 0);
    store_harness_release(s, 0);
    count_statuses(heard(&c), "201 204 ");
    store_harness_release(s, 0);
    count_statuses(heard(&c), "201 204 204 404 404 200 ");
    client_fini(&c);
}

/* A condition must see what the writes before it did; so must a request that is refused for what it says. */
static void others_wait_for_late_answers(void **state) {
    static const char *const followers[] = {
        "PUT /d/b HTTP/1.1\r\n" HOST "If-Match: *\r\nContent-Length: 1\r\n\r\nx",
        "PUT /d/b?x=1 HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx",
        "PUT /m/b HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx",
        "PUT /d/b HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        "PUT /d/b HTTP/1.1\r\n" HOST "Expect: tea\r\nContent-Length: 1\r\n\r\nx",
        "PUT /d/b HTTP/1.1\r\nHost: evil\r\nContent-Length: 1\r\n\r\nx",
        "OPTIONS /d/b HTTP/1.1\r\n" HOST "\r\n",
        "GET /d/b?watch HTTP/1.1\r\n" HOST "\r\n",
        "NONSENSE\r\n\r\n",
    };
    struct store_harness *s = *state;

    s->store.hold_writes = true;
    for (size_t i = 0; i < sizeof(followers) / sizeof(followers[0]); i++) {
        struct client c;

        client_init(&c, &s->h);
        client_say_text(&c, "PUT /d/b HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n1");
        client_say_text(&c, followers[i]);
        assert_int_equal(s->store.held_count, 1);
        assert_int_equal(c.heard.size, 0);
        store_harness_release_all(s);
        assert_true(c.heard.size > 0);
        client_fini(&c);
        session_worker_complete(&s->h.worker);
    }
}

static void the_last_request_closes_behind_its_late_answer(void **state) {
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    s->store.hold_writes = true;
    client_say_text(&c, "PUT /d/a HTTP/1.1\r\n" HOST "Connection: close\r\nContent-Length: 1\r\n\r\n1"
                        "PUT /d/never HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n2");
    assert_int_equal(s->store.held_count, 1);
    assert_false(session_is_over(&c.session));
    store_harness_release(s, 0);
    count_statuses(heard(&c), "201 ");
    assert_true(session_is_over(&c.session));
    client_fini(&c);
}

static void a_client_may_leave_before_its_answer(void **state) {
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    s->store.hold_writes = true;
    client_say_text(&c, "PUT /d/left HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n1");
    client_fini(&c);
    store_harness_release_all(s);
    s->store.hold_writes = false;
    client_init(&c, &s->h);
    client_say_text(&c, "GET /d/left HTTP/1.1\r\n" HOST "\r\n");
    count_statuses(heard(&c), "200 ");
    client_fini(&c);
}

static void failures_of_the_store_have_a_status(void **state) {
    static const struct row {
        enum store_status status;
        const char *wanted;
    } rows[] = {
        {STORE_NO_SPACE, "507 "},    {STORE_TOO_MANY_REQUESTS, "503 "}, {STORE_IO, "500 "},
        {STORE_UNAVAILABLE, "503 "}, {STORE_TIMEOUT, "503 "},           {STORE_DENIED, "502 "},
        {STORE_UNKNOWN, "504 "},     {STORE_DAMAGED, "500 "},           {STORE_TOO_LARGE, "413 "},
        {STORE_NO_MEMORY, "507 "},
    };
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        forget(&c);
        s->store.fail = rows[i].status;
        client_say_text(&c, "PUT /d/f HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n1");
        count_statuses(heard(&c), rows[i].wanted);
        assert_non_null(strstr(c.heard.data, "\"key\":\"d/f\"}\n"));
    }
    client_fini(&c);
}

/* A large value is read straight to its place, and what was heard of it so far is copied there. */
static void large_values_go_to_their_place(void **state) {
    static const char *const groups[] = {"d", "m"};
    enum { SIZE = 200000 };
    struct store_harness *s = *state;
    char *value = malloc(SIZE + 1);
    char head[200];

    for (size_t i = 0; i < SIZE; i++) {
        value[i] = (char)('a' + i % 23);
    }
    value[SIZE] = '\0';
    for (size_t i = 0; i < 2; i++) {
        struct client c;
        char *place;
        size_t room;
        int size = snprintf(head, sizeof(head), "PUT /%s/large HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n",
                            groups[i], (int)SIZE);

        client_init(&c, &s->h);
        client_say(&c, head, (size_t)size - 1);
        client_say(&c, head + size - 1, 1);
        assert_true(session_takes_body(&c.session));
        client_say(&c, value, 1000);
        session_read_place(&c.session, &place, &room);
        assert_true(place != s->h.worker.scratch && room == SIZE - 1000);
        client_say(&c, value + 1000, SIZE - 1000);
        assert_false(session_takes_body(&c.session));
        snprintf(head, sizeof(head), "GET /%s/large HTTP/1.1\r\n" HOST "\r\n", groups[i]);
        client_say_text(&c, head);
        count_statuses(heard(&c), "201 200 ");
        assert_string_equal(strstr(c.heard.data, "\r\n\r\nabc") + 4, value);
        client_fini(&c);
    }
    free(value);
}

/* Takes in what the store has told of, once it has. */
static void await_events(struct store_harness *s) {
    struct timespec deadline;

    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += DEADLINE_S;
    assert_int_equal(sem_timedwait(&woken, &deadline), 0);
    session_worker_complete(&s->h.worker);
}

static void say_put(struct store_harness *s, const char *key, const char *value) {
    struct client c;
    char text[300];

    client_init(&c, &s->h);
    snprintf(text, sizeof(text), "PUT /%s HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n%s", key, strlen(value),
             value);
    client_say_text(&c, text);
    assert_true(c.heard.size > 0);
    client_fini(&c);
}

static void a_watch_tells_changes_and_that_it_lives(void **state) {
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    s->h.worker.context.now_ns = s->now_ns;
    client_say_text(&c, "GET /d/w?watch HTTP/1.1\r\n" HOST "\r\n");
    assert_non_null(strstr(heard(&c), "\r\nretry: 1000\nid: "));
    assert_non_null(strstr(c.heard.data, "\r\nContent-Type: text/event-stream\r\n"));
    forget(&c);
    say_put(s, "d/w", "1");
    await_events(s);
    assert_non_null(strstr(heard(&c), "event: put\ndata: {\"key\":\"d/w\","));
    forget(&c);
    s->h.worker.context.now_ns += 14 * CLOCK_NS_PER_S;
    session_worker_tick(&s->h.worker);
    assert_int_equal(c.heard.size, 0);
    s->h.worker.context.now_ns += CLOCK_NS_PER_S;
    session_worker_tick(&s->h.worker);
    assert_string_equal(heard(&c), "00000009\r\n: alive\n\n\r\n");
    forget(&c);
    say_put(s, "d/other", "1");
    s->h.worker.context.now_ns += 15 * CLOCK_NS_PER_S;
    session_worker_tick(&s->h.worker);
    assert_non_null(strstr(heard(&c), "event: progress\n")); /* others' changes move it on */
    client_fini(&c);
}

/* Whoever was woken runs the queue, and is not woken again before: nothing else may run it. */
static void a_tick_leaves_the_queue_alone(void **state) {
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    client_say_text(&c, "GET /d/w?watch HTTP/1.1\r\n" HOST "\r\n");
    say_put(s, "d/w", "1");
    assert_int_equal(sem_wait(&woken), 0);
    session_worker_tick(&s->h.worker);
    assert_false(pending_queue_is_empty(&s->h.worker.completions));
    client_fini(&c);
}

/* Nothing is read from the store for a client that does not read itself; when it does, nothing is missing. */
static void a_slow_watch_holds_no_more_than_its_outbox(void **state) {
    enum { CHANGES = 400 };
    struct store_harness *s = *state;
    char value[200];
    struct client c;
    const char *at;

    client_init(&c, &s->h);
    client_say_text(&c, "GET /d?watch&prefix=s/ HTTP/1.1\r\n" HOST "\r\n");
    c.deaf = true;
    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    for (int i = 0; i < CHANGES; i++) {
        snprintf(value, 10, "value%03d", i);
        value[8] = 'x';
        say_put(s, "d/s/k", value);
        session_worker_complete(&s->h.worker);
        assert_true(c.session.out == NULL || outbox_pending(c.session.out) < node.max_output + (300 << 10));
    }
    await_events(s);
    c.deaf = false;
    client_pump(&c);
    session_worker_complete(&s->h.worker);
    client_pump(&c);
    at = heard(&c);
    for (int i = 0; i < CHANGES; i++) {
        snprintf(value, sizeof(value), "\"value\":\"value%03dx", i);
        at = strstr(at, value);
        assert_non_null(at);
    }
    client_fini(&c);
}

static void watches_end_with_the_node(void **state) {
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    client_say_text(&c, "GET /d/w?watch HTTP/1.1\r\n" HOST "\r\n");
    say_put(s, "d/w", "1");
    session_worker_end_watches(&s->h.worker);
    client_pump(&c);
    assert_true(session_is_over(&c.session));
    assert_non_null(strstr(heard(&c), "\r\n0\r\n\r\n"));
    client_fini(&c);
}

static void an_idle_session_holds_nothing(void **state) {
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    client_say_text(&c, "PUT /m/i HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhe");
    assert_non_null(c.session.upload);
    assert_true(s->h.worker.chunked > 0);
    client_say_text(&c, "llo\r\n0\r\n\r\nGET /m/i HTTP/1.1\r\n" HOST "\r\n");
    count_statuses(heard(&c), "201 200 ");
    assert_null(c.session.upload);
    assert_null(c.session.input.data);
    assert_null(c.session.out);
    assert_int_equal(s->h.worker.chunked, 0);
    client_say_text(&c, "PUT /m/i HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhe");
    client_fini(&c);
    assert_int_equal(s->h.worker.chunked, 0);
}

static void other_hosts_are_refused(void **state) {
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    client_say_text(&c, "GET /m/x HTTP/1.1\r\nHost: evil\r\n\r\nGET /m/x HTTP/1.1\r\nHost: good\r\n\r\n");
    count_statuses(heard(&c), "421 421 ");
    assert_int_equal(harness_counter(&s->h, COUNTER_HTTP_REFUSED_HOSTS), 2);
    forget(&c);
    s->h.worker.hosts = SLICE("good");
    client_say_text(&c, "GET /m/x HTTP/1.1\r\nHost: evil\r\n\r\nGET /m/x HTTP/1.1\r\nHost: good:80\r\n\r\n"
                        "GET /m/x HTTP/1.1\r\nHost: evil\r\n\r\nGET /m/x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    count_statuses(heard(&c), "421 404 421 404 ");
    client_fini(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_cut_anywhere_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(late_answers_keep_their_order, setup, teardown),
        cmocka_unit_test_setup_teardown(others_wait_for_late_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(the_last_request_closes_behind_its_late_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(a_client_may_leave_before_its_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(failures_of_the_store_have_a_status, setup, teardown),
        cmocka_unit_test_setup_teardown(large_values_go_to_their_place, setup, teardown),
        cmocka_unit_test_setup_teardown(a_watch_tells_changes_and_that_it_lives, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tick_leaves_the_queue_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_slow_watch_holds_no_more_than_its_outbox, setup, teardown),
        cmocka_unit_test_setup_teardown(watches_end_with_the_node, setup, teardown),
        cmocka_unit_test_setup_teardown(an_idle_session_holds_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(other_hosts_are_refused, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
