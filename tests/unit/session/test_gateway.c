/* SPDX-License-Identifier: Apache-2.0 */
/* etcd's JSON gateway on a session: requests cut anywhere, answers that come late, streams and their backpressure, what is
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "session/gateway.h"
#include "store_harness.h"

enum { DEADLINE_S = 20 };

static const struct harness_config node = {
    .memory = 8 << 20, .max_item = 256 << 10, .max_line = 64 << 10, .max_output = 8 << 10};

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
    harness.h.worker.context.now_ns = harness.now_ns;
    *state = &harness;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    store_harness_release_all(&harness);
    session_worker_end_watches(&harness.h.worker);
    session_worker_complete(&harness.h.worker);
    store_harness_fini(&harness);
    sem_destroy(&woken);
    return 0;
}

/* --- what is said and heard --- */

#define HOST "Host: localhost\r\n"

static void post(struct client *c, const char *path, const char *body) {
    char head[256];

    snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n", path, strlen(body));
    client_say_text(c, head);
    if (body[0] != '\0') {
        client_say_text(c, body);
    }
}

/* Takes out what stands behind each `mark`, up to `end`. */
static void blank(char *text, const char *mark, char end) {
    for (char *at = text; (at = strstr(at, mark)) != NULL;) {
        at += strlen(mark);
        memmove(at, strchr(at, end), strlen(strchr(at, end)) + 1);
    }
}

/* All that was heard since the last time, without what differs from one run to the next. */
static const char *heard(struct client *c) {
    static char *text;

    harness_must(buf_append(&c->heard, "", 1) == LARDER_OK);
    free(text);
    text = strdup(c->heard.data);
    c->heard.size = 0;
    blank(text, "\r\nDate: ", '\r');
    blank(text, "\r\nContent-Length: ", '\r');
    blank(text, "revision\":\"", '"');
    blank(text, "\"version\":\"", '"');
    return text;
}

#define HEADER "\"header\":{\"cluster_id\":\"1\",\"member_id\":\"2\",\"revision\":\"\",\"raft_term\":\"1\"}"
#define LINES "Date: \r\nContent-Type: application/json\r\nGrpc-Metadata-Content-Type: application/grpc\r\n"
#define GOOD "HTTP/1.1 200 OK\r\n" LINES "Content-Length: \r\n\r\n"
#define STREAM "HTTP/1.1 200 OK\r\n" LINES "Transfer-Encoding: chunked\r\n\r\n"
#define PUT_ANSWER GOOD "{" HEADER "}"
#define PUT_BODY "{\"key\":\"Zm9v\",\"value\":\"YmFy\"}"
#define STATUS_LINES(status)                                                                                           \
    "HTTP/1.1 " status "\r\nDate: \r\nContent-Type: application/json\r\nContent-Length: \r\n\r\n"
#define BAD(status, text, code)                                                                                        \
    STATUS_LINES(status) "{\"error\":\"" text "\",\"message\":\"" text "\",\"code\":" code "}"

static void assert_has(const char *text, const char *part) {
    if (text == NULL || strstr(text, part) == NULL) {
        fail_msg("no \"%s\" in \"%s\"", part, text != NULL ? text : "");
    }
}

static void put_directly(struct store_harness *s, const char *key, const char *value) {
    struct store_call call;

    store_call_init(&call, held_store_note);
    call.op = (struct store_op){.kind = STORE_OP_PUT,
                                .put = {.key = slice_from_string(key), .value = slice_from_string(value)}};
    held_store_do(&s->store, &call);
    assert_int_equal(call.status, STORE_OK);
    store_call_fini(&call);
}

/* Waits until the queue was woken, and runs it. */
static void await_events(struct store_harness *s) {
    struct timespec deadline;

    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += DEADLINE_S;
    assert_int_equal(sem_timedwait(&woken, &deadline), 0);
    session_worker_complete(&s->h.worker);
}

/* --- requests --- */

static const char conversation[] =
    "POST /v3/kv/put HTTP/1.1\r\n" HOST "Content-Length: 30\r\n\r\n" PUT_BODY " "
    "POST /v3beta/kv/range HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
    "8;x=y\r\n{\"key\":\"\r\n6\r\nZm9v\"}\r\n0\r\nT: x\r\n\r\n"
    "POST /v3alpha/kv/range?x=y HTTP/1.1\r\n" HOST "Content-Length: 20\r\n\r\n{\"key\":\"Zm9v\"} trash"
    "POST /v3/kv/range HTTP/1.1\r\n" HOST "\r\n"
    "GET /v3/kv/range HTTP/1.1\r\n" HOST "\r\n"
    "POST /v3/kv/none HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}"
    "POST /v3/kv/put HTTP/1.1\r\n" HOST "Content-Length: 8\r\n\r\n{\"key\":"
    "\n"
    "POST /v3/kv/lease/leases HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n"
    "POST /v3/lease/keepalive HTTP/1.1\r\n" HOST "Content-Length: 19\r\n\r\n{\"ID\":\"7\"} {\"ID\":8}"
    "POST /v3/watch HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n"
    "POST /v3/kv/deleterange HTTP/1.1\r\n" HOST "Connection: close\r\nContent-Length: 14\r\n\r\n{\"key\":\"Zm9v\"}"
    "POST /v3/kv/put HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}";

#define PLAIN(status, lines, text)                                                                                     \
    "HTTP/1.1 " status "\r\nDate: \r\nContent-Type: text/plain; charset=utf-8\r\n" lines "Content-Length: "            \
    "\r\n\r\n" text

static const char replies[] = PUT_ANSWER GOOD
    "{" HEADER ",\"kvs\":[{\"key\":\"Zm9v\",\"create_revision\":\"\",\"mod_revision\":\"\",\"version\":\"\","
    "\"value\":\"YmFy\"}],\"count\":\"1\"}" GOOD "{" HEADER
    ",\"kvs\":[{\"key\":\"Zm9v\",\"create_revision\":\"\",\"mod_revision\":\"\",\"version\":\"\","
    "\"value\":\"YmFy\"}],\"count\":\"1\"}" BAD("400 Bad Request", "etcdserver: key is not provided", "3")
        PLAIN("405 Method Not Allowed", "Allow: POST\r\n", "Method Not Allowed\n")
            PLAIN("404 Not Found", "", "Not Found\n") BAD("400 Bad Request", "the JSON text ends too early", "3") GOOD
    "{" HEADER "}" STREAM "0000006e\r\n{\"result\":{" HEADER ",\"ID\":\"7\"}}\n\r\n0000006e\r\n{\"result\":{" HEADER
    ",\"ID\":\"8\"}}\n\r\n"
    "0\r\n\r\n" BAD("400 Bad Request", "the body has no request",
                    "3") "HTTP/1.1 200 OK\r\n" LINES "Content-Length: \r\nConnection: close\r\n\r\n{" HEADER
                         ",\"deleted\":\"1\"}";

/* The sizes of chunks tell how many digits a revision has. */
static void blank_chunk_sizes(char *text) {
    for (char *at = text; (at = strstr(at, "\r\n000000")) != NULL; at += 8) {
        memcpy(at + 8, "6e", 2);
    }
}

static void hold_conversation(struct store_harness *s, size_t first, size_t step) {
    struct client c;
    char *text;

    client_init(&c, &s->h);
    client_say(&c, conversation, first);
    for (size_t at = first; at < sizeof(conversation) - 1 && !c.session.over;) {
        size_t size = sizeof(conversation) - 1 - at < step ? sizeof(conversation) - 1 - at : step;

        client_say(&c, conversation + at, size);
        at += size;
    }
    assert_true(session_is_over(&c.session));
    text = strdup(heard(&c));
    blank_chunk_sizes(text);
    assert_string_equal(text, replies);
    free(text);
    client_fini(&c);
}

static void a_cut_anywhere_changes_nothing(void **state) {
    for (size_t first = 0; first < sizeof(conversation) - 1; first++) {
        hold_conversation(*state, first, first % 7 == 0 ? 1 : sizeof(conversation));
    }
}

static void what_comes_behind_a_late_answer_waits(void **state) {
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    s->store.hold_writes = true;
    post(&c, "/v3/kv/put", PUT_BODY);
    assert_true(session_is_waiting(&c.session));
    assert_int_equal(session_calls(&c.session), 1);
    post(&c, "/v3/kv/range", "{\"key\":\"Zm9v\",\"count_only\":true}");
    client_say_text(&c, "PUT /d/k HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx");
    assert_int_equal(c.heard.size, 0);
    assert_int_equal(s->store.held_count, 1);
    store_harness_release(s, 0);
    assert_string_equal(heard(&c), PUT_ANSWER GOOD "{" HEADER ",\"count\":\"1\"}");
    assert_int_equal(s->store.held_count, 1); /* the PUT of the key */
    store_harness_release_all(s);
    assert_has(heard(&c), "HTTP/1.1 201 Created\r\n");
    assert_int_equal(session_calls(&c.session), 0);
    assert_false(session_is_waiting(&c.session));
    client_fini(&c);
}

static void what_was_begun_is_done_when_the_client_leaves(void **state) {
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    s->store.hold_writes = true;
    post(&c, "/v3/kv/put", PUT_BODY);
    post(&c, "/v3/kv/put", PUT_BODY);
    client_fini(&c);
    store_harness_release_all(s);
    s->store.hold_writes = false;
    assert_int_equal(s->store.calls, 1);
    client_init(&c, &s->h);
    post(&c, "/v3/kv/range", "{\"key\":\"Zm9v\",\"count_only\":true}");
    assert_string_equal(heard(&c), GOOD "{" HEADER ",\"count\":\"1\"}");
    client_fini(&c);
}

static void a_closing_request_is_answered_first(void **state) {
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    s->store.hold_writes = true;
    client_say_text(&c, "POST /v3/kv/put HTTP/1.0\r\nContent-Length: 29\r\n\r\n" PUT_BODY);
    assert_false(session_is_over(&c.session));
    store_harness_release_all(s);
    assert_string_equal(heard(&c),
                        "HTTP/1.1 200 OK\r\n" LINES "Content-Length: \r\nConnection: close\r\n\r\n{" HEADER "}");
    assert_true(session_is_over(&c.session));
    client_fini(&c);
}

/* --- streams --- */

#define CREATED(id) "{\"result\":{" HEADER id ",\"created\":true}}\n"
#define EVENT(id) "{\"result\":{" HEADER id ",\"events\":[{\"kv\":{\"key\":\"Zm9v\","

static void a_watch_is_a_stream(void **state) {
    struct store_harness *s = *state;
    struct client c;
    const char *text;

    client_init(&c, &s->h);
    post(&c, "/v3/watch",
         "{\"create_request\":{\"key\":\"Zm9v\"}}\n{\"create_request\":{\"key\":\"Zm9v\",\"watch_id\":\"7\"}}\n");
    text = heard(&c);
    assert_has(text, STREAM);
    assert_has(text, CREATED(""));
    assert_has(text, CREATED(",\"watch_id\":\"7\""));
    assert_true(session_is_watching(&c.session));
    assert_false(session_is_waiting(&c.session));
    assert_true(session_wants_input(&c.session)); /* the client's end must be noticed */
    put_directly(s, "foo", "1");
    await_events(s);
    text = heard(&c);
    assert_has(text, EVENT(""));
    assert_has(text, EVENT(",\"watch_id\":\"7\""));
    put_directly(s, "other", "1");
    client_fini(&c);
    assert_null(s->h.worker.rpc.streams);
}

static void streams_end_with_the_node(void **state) {
    struct store_harness *s = *state;
    struct client c;
    const char *text;

    client_init(&c, &s->h);
    post(&c, "/v3/watch", "{\"create_request\":{\"key\":\"Zm9v\"}}");
    post(&c, "/v3/kv/put", PUT_BODY);
    assert_has(heard(&c), CREATED(""));
    session_worker_drain(&s->h.worker);
    text = heard(&c);
    assert_has(text, "{\"error\":{\"grpc_code\":14,\"http_code\":503,\"message\":\"etcdserver: server stopped\","
                     "\"http_status\":\"Service Unavailable\"}}\r\n0\r\n\r\n" PUT_ANSWER);
    assert_int_equal(session_calls(&c.session), 0);
    client_fini(&c);
}

static void a_stream_of_http_1_0_ends_with_the_connection(void **state) {
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    client_say_text(
        &c, "POST /v3/lease/keepalive HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 8\r\n\r\n{\"ID\":7}");
    assert_string_equal(heard(&c), "HTTP/1.1 200 OK\r\n" LINES "Connection: close\r\n\r\n{\"result\":{" HEADER
                                   ",\"ID\":\"7\"}}\n");
    assert_true(session_is_over(&c.session));
    client_fini(&c);
}

/* Nothing is read from the store for a client that does not read itself; when it does, nothing is missing. */
static void a_slow_watch_holds_no_more_than_its_outbox(void **state) {
    enum { CHANGES = 600, VALUE = 1 << 10 };
    struct store_harness *s = *state;
    char value[VALUE];
    struct client c;
    const char *at;

    client_init(&c, &s->h);
    post(&c, "/v3/watch", "{\"create_request\":{\"key\":\"Zm9v\"}}");
    (void)heard(&c);
    c.deaf = true;
    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    for (int i = 0; i < CHANGES; i++) {
        put_directly(s, "foo", value);
        session_worker_complete(&s->h.worker);
        assert_true(c.session.out == NULL || outbox_pending(c.session.out) < node.max_output + (400 << 10));
    }
    await_events(s);
    c.deaf = false;
    client_pump(&c);
    session_worker_complete(&s->h.worker);
    client_pump(&c);
    assert_true(c.stalls > 0);
    at = heard(&c);
    for (int i = 0; i < CHANGES; i++) {
        at = strstr(at, "{\"key\":\"Zm9v\",");
        assert_non_null(at);
        at++;
    }
    assert_null(strstr(at, "{\"key\":\"Zm9v\","));
    client_fini(&c);
}

static void ids_are_answered_before_the_stream_ends(void **state) {
    struct store_harness *s = *state;
    struct client c;
    const char *text;

    client_init(&c, &s->h);
    post(&c, "/v3/lease/grant", "{\"ID\":\"7\",\"TTL\":\"100\"}");
    assert_string_equal(heard(&c), GOOD "{" HEADER ",\"ID\":\"7\",\"TTL\":\"100\"}");
    s->store.hold_writes = true;
    post(&c, "/v3/lease/keepalive", "{\"ID\":\"7\"}{\"ID\":\"8\"}{\"ID\":");
    assert_has(heard(&c), "\"message\":\"the JSON text ends too early\"");
    assert_int_equal(s->store.held_count, 0);
    post(&c, "/v3/lease/keepalive", "{\"ID\":\"7\"}{\"ID\":\"8\"}");
    assert_int_equal(c.heard.size, 0);
    store_harness_release_all(s);
    text = heard(&c);
    assert_has(text, "{\"result\":{" HEADER ",\"ID\":\"7\",\"TTL\":\"100\"}}\n");
    assert_has(text, "{\"result\":{" HEADER ",\"ID\":\"8\"}}\n\r\n0\r\n\r\n");
    client_fini(&c);
}

/* A client may say more behind an open watch, but not for ever. */
static void input_behind_a_watch_is_bounded(void **state) {
    struct store_harness *s = *state;
    char junk[1 << 10];
    struct client c;
    size_t said = 0;

    client_init(&c, &s->h);
    post(&c, "/v3/watch", "{\"create_request\":{\"key\":\"Zm9v\"}}");
    memset(junk, ' ', sizeof(junk));
    while (session_wants_input(&c.session) && said < 4 * GATEWAY_BEHIND_MAX) {
        client_say(&c, junk, sizeof(junk));
        said += sizeof(junk);
    }
    assert_true(said >= GATEWAY_BEHIND_MAX && said < 2 * GATEWAY_BEHIND_MAX);
    assert_false(c.session.over);
    session_worker_drain(&s->h.worker);
    assert_has(heard(&c), "HTTP/1.1 400 Bad Request\r\n");
    client_fini(&c);
}

/* --- what is refused --- */

static void say_large(struct client *c, size_t size, bool chunked) {
    char *text = malloc(size + 128);
    size_t start;

    if (chunked) {
        client_say_text(c, "POST /v3/kv/put HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
        start = (size_t)sprintf(text, "%zx\r\n", size);
    } else {
        start = (size_t)sprintf(text, "POST /v3/kv/put HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n", size);
    }
    memset(text + start, ' ', size);
    client_say(c, text, start + size);
    if (chunked && !c->session.over) {
        client_say_text(c, "\r\n0\r\n\r\n");
    }
    free(text);
}

static void a_body_has_a_ceiling(void **state) {
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    say_large(&c, GATEWAY_BODY_MAX, false);
    assert_string_equal(heard(&c), BAD("400 Bad Request", "etcdserver: key is not provided", "3"));
    say_large(&c, GATEWAY_BODY_MAX, true);
    assert_string_equal(heard(&c), BAD("400 Bad Request", "etcdserver: key is not provided", "3"));
    assert_int_equal(s->h.worker.chunked, 0);
    say_large(&c, GATEWAY_BODY_MAX + 1, true);
    assert_string_equal(heard(&c), BAD("413 Content Too Large", "the body is larger than a request may be", "8"));
    client_fini(&c);
    client_init(&c, &s->h);
    say_large(&c, GATEWAY_BODY_MAX + 1, false);
    assert_has(heard(&c), "HTTP/1.1 413 Content Too Large\r\n");
    assert_true(session_is_over(&c.session));
    client_fini(&c);
}

static void statuses_are_those_of_etcd(void **state) {
    static const unsigned expected[] = {200, 408, 500, 400, 504, 404, 409, 403, 429,
                                        412, 409, 400, 501, 500, 503, 500, 401};

    (void)state;
    for (unsigned i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_int_equal(gateway_http_status((enum grpc_status)i), expected[i]);
        assert_true(http_status_reason(expected[i]).size > 0);
    }
}

static void errors_have_their_status(void **state) {
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    post(&c, "/v3/lease/revoke", "{\"ID\":\"77\"}");
    assert_string_equal(heard(&c), BAD("404 Not Found", "etcdserver: requested lease not found", "5"));
    post(&c, "/v3/kv/range", "{\"key\":\"Zm9v\",\"revision\":\"1000\"}");
    assert_has(heard(&c), "HTTP/1.1 400 Bad Request\r\n");
    post(&c, "/v3/kv/range", "{\"key\":\"Zm9v\",\"unknown\":[{\"x\":1}]}");
    assert_has(heard(&c), "HTTP/1.1 200 OK\r\n");
    post(&c, "/v3/kv/range", "{\"key\":\"!\"}");
    assert_has(heard(&c), "HTTP/1.1 400 Bad Request\r\n");
    post(&c, "/v3/kv/range", "{\"sort_order\":\"\xff\xfe\"}"); /* is not quoted as it is */
    assert_has(heard(&c), "HTTP/1.1 400 Bad Request\r\n");
    s->store.fail = STORE_NO_SPACE;
    post(&c, "/v3/kv/put", PUT_BODY);
    assert_string_equal(heard(&c), BAD("429 Too Many Requests", "etcdserver: mvcc: database space exceeded", "8"));
    s->h.rpc.store = NULL;
    post(&c, "/v3/kv/put", PUT_BODY);
    assert_has(heard(&c), "HTTP/1.1 503 Service Unavailable\r\n");
    client_fini(&c);
}

static void a_deadline_ends_a_call(void **state) {
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    s->store.hold_writes = true;
    client_say_text(&c, "POST /v3/kv/put HTTP/1.1\r\n" HOST "Grpc-Timeout: 2S\r\nContent-Length: 29\r\n\r\n" PUT_BODY);
    assert_int_equal(session_worker_deadline(&s->h.worker), s->h.worker.context.now_ns + 2 * CLOCK_NS_PER_S);
    s->h.worker.context.now_ns += 2 * CLOCK_NS_PER_S;
    session_worker_expire(&s->h.worker);
    assert_has(heard(&c), "HTTP/1.1 504 Gateway Timeout\r\n");
    store_harness_release_all(s);
    assert_int_equal(c.heard.size, 0);
    client_say_text(&c, "POST /v3/kv/put HTTP/1.1\r\n" HOST "Grpc-Timeout: x\r\nContent-Length: 29\r\n\r\n" PUT_BODY);
    assert_has(heard(&c), "HTTP/1.1 400 Bad Request\r\n");
    client_fini(&c);
}

static void pages_of_others_may_not_call(void **state) {
    static const struct {
        const char *lines;
        const char *status;
    } cases[] = {
        {"Host: evil.example\r\n", "HTTP/1.1 421 "},
        {HOST "Origin: http://evil.example\r\n", "HTTP/1.1 403 "},
        {HOST "Origin: http://localhost:1\r\n", "HTTP/1.1 403 "},
        {HOST "Origin: null\r\n", "HTTP/1.1 403 "},
        {HOST "Origin: http://localhost\r\n", "HTTP/1.1 200 "},
        {HOST "Origin: https://localhost\r\n", "HTTP/1.1 200 "},
    };
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256];

        snprintf(text, sizeof(text), "POST /v3/kv/put HTTP/1.1\r\n%sContent-Length: 29\r\n\r\n" PUT_BODY,
                 cases[i].lines);
        client_say_text(&c, text);
        assert_has(heard(&c), cases[i].status);
    }
    assert_int_equal(s->store.calls, 2);
    client_fini(&c);
}

/* --- routes of etcd's --- */

static void get(struct client *c, const char *path) {
    char text[128];

    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" HOST "\r\n", path);
    client_say_text(c, text);
}

static void health_is_that_of_the_api(void **state) {
    struct store_harness *s = *state;
    struct client c;

    client_init(&c, &s->h);
    get(&c, "/health");
    assert_has(heard(&c), "{\"health\":\"true\"}");
    atomic_store(&s->h.rpc.alarms, 1);
    get(&c, "/health");
    assert_has(heard(&c), "HTTP/1.1 503 ");
    atomic_store(&s->h.rpc.alarms, 0);
    atomic_store(&s->h.node.draining, true);
    get(&c, "/health");
    assert_has(heard(&c), "{\"health\":\"false\"}");
    atomic_store(&s->h.node.draining, false);
    s->h.rpc.store = NULL;
    get(&c, "/health");
    assert_has(heard(&c), "{\"health\":\"false\"}");
    get(&c, "/version");
    assert_has(heard(&c), "{\"etcdserver\":\"3.4.");
    client_fini(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_cut_anywhere_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(what_comes_behind_a_late_answer_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_begun_is_done_when_the_client_leaves, setup, teardown),
        cmocka_unit_test_setup_teardown(a_closing_request_is_answered_first, setup, teardown),
        cmocka_unit_test_setup_teardown(a_watch_is_a_stream, setup, teardown),
        cmocka_unit_test_setup_teardown(streams_end_with_the_node, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stream_of_http_1_0_ends_with_the_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(a_slow_watch_holds_no_more_than_its_outbox, setup, teardown),
        cmocka_unit_test_setup_teardown(ids_are_answered_before_the_stream_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(input_behind_a_watch_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(a_body_has_a_ceiling, setup, teardown),
        cmocka_unit_test_setup_teardown(statuses_are_those_of_etcd, setup, teardown),
        cmocka_unit_test_setup_teardown(errors_have_their_status, setup, teardown),
        cmocka_unit_test_setup_teardown(a_deadline_ends_a_call, setup, teardown),
        cmocka_unit_test_setup_teardown(pages_of_others_may_not_call, setup, teardown),
        cmocka_unit_test_setup_teardown(health_is_that_of_the_api, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
