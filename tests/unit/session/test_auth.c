/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that say who speaks. */
#include "../auth/node_helper.h"
#include "store_harness.h"

#include "session/login.h"

static const struct harness_config config = {
    .memory = 8 << 20, .max_item = 1 << 20, .max_line = 64 << 10, .max_output = 256 << 10};

struct rig {
    struct store_harness s;
    struct client c;
    sem_t woken; /* the worker's queue has something */
};

static char hash[AUTH_HASH_MAX + 1];

static void wake(void *ctx) {
    sem_post(ctx);
}

static struct auth_state *users(void) {
    struct auth_state *state = state_with_root(hash);

    add_user(&state, "ann", hash);
    add_role(&state, "ann");
    permit(&state, "ann", AUTH_READWRITE, SLICE("d/a"), SLICE("d/b"));
    grant(&state, "ann", "ann");
    return state;
}

static int setup(void **state) {
    struct rig *r = calloc(1, sizeof(*r));

    store_harness_init(&r->s, &config);
    r->s.h.rpc.auth = auth_of(users());
    r->s.h.node.auth = r->s.h.rpc.auth;
    r->s.h.rpc.background = background_new();
    assert_non_null(r->s.h.rpc.background);
    sem_init(&r->woken, 0, 0);
    r->s.h.worker.completions.wake = wake;
    r->s.h.worker.completions.ctx = &r->woken;
    client_init(&r->c, &r->s.h);
    *state = r;
    return 0;
}

/* In the order of a node that ends: what is still in the background comes to a worker that nobody runs any more. */
static int teardown(void **state) {
    struct rig *r = *state;
    struct auth *auth = r->s.h.rpc.auth;

    client_fini(&r->c);
    background_free(r->s.h.rpc.background);
    store_harness_fini(&r->s);
    auth_free(auth);
    sem_destroy(&r->woken);
    free(r);
    return 0;
}

static int setup_all(void **state) {
    (void)state;
    return auth_password_hash(SLICE("pass word"), hash) == ETCD_OK ? 0 : -1;
}

/* Lets the background's answer come. */
static void complete(struct rig *r) {
    while (sem_wait(&r->woken) != 0) {
    }
    session_worker_complete(&r->s.h.worker);
    client_pump(&r->c);
}

static void heard(struct rig *r, const char *expected) {
    if (!slice_equal(buf_slice(&r->c.heard), slice_from_string(expected))) {
        fail_msg("heard \"%.*s\", expected \"%s\"", (int)r->c.heard.size, r->c.heard.data, expected);
    }
    r->c.heard.size = 0;
}

static void says(struct rig *r, const char *text, const char *expected) {
    client_say_text(&r->c, text);
    heard(r, expected);
}

/* The statuses of the answers, such as "200 401 ". */
static void heard_statuses(struct rig *r, const char *expected) {
    char found[256] = "";

    buf_append(&r->c.heard, "", 1);
    for (const char *at = strstr(r->c.heard.data, "HTTP/1.1 "); at != NULL; at = strstr(at + 1, "HTTP/1.1 ")) {
        strncat(found, at + strlen("HTTP/1.1 "), 4);
    }
    assert_string_equal(found, expected);
    r->c.heard.size = 0;
}

/* base64 of "ann:pass word" and of "ann:wrong" */
#define ANN "Authorization: Basic YW5uOnBhc3Mgd29yZA==\r\n"
#define WRONG "Authorization: basic  YW5uOndyb25n\r\n"
#define GET(path, lines) "GET " path " HTTP/1.1\r\nHost: localhost\r\n" lines "\r\n"

static void memcached_says_it_once(void **state) {
    struct rig *r = *state;

    says(r, "get d/a\r\nset d/a 0 0 1\r\nx\r\n", "CLIENT_ERROR unauthenticated\r\nCLIENT_ERROR unauthenticated\r\n");
    says(r, "set larder-auth 0 0 13\r\nann pass word\r\nset d/a 0 0 1\r\nx\r\nget d/b\r\nmn\r\n", "");
    assert_true(session_is_waiting(&r->c.session));
    complete(r);
    heard(r, "STORED\r\nSTORED\r\nCLIENT_ERROR permission denied\r\nMN\r\n");
    says(r, "get d/a larder-auth\r\n", "VALUE d/a 0 1\r\nx\r\nEND\r\n");
}

/* A value that may not be written takes no memory: it is refused at its line, and read away. */
static void a_large_value_is_refused_at_its_line(void **state) {
    struct rig *r = *state;
    char value[1000];

    says(r, "set d/a 0 0 500000\r\n", "CLIENT_ERROR unauthenticated\r\n");
    assert_null(r->c.session.body);
    memset(value, 'x', sizeof(value));
    for (int i = 0; i < 500; i++) {
        client_say(&r->c, value, sizeof(value));
    }
    says(r, "\r\nmn\r\n", "MN\r\n");
}

static void what_was_right_once_is_known(void **state) {
    struct rig *r = *state;
    struct client other;

    client_say_text(&r->c, "ms larder-auth 13\r\nann pass word\r\n");
    complete(r);
    heard(r, "HD\r\n");
    client_init(&other, &r->s.h);
    client_say_text(&other, GET("/d/a", ANN));
    assert_true(buf_slice(&other.heard).size > 0);
    assert_memory_equal(other.heard.data, "HTTP/1.1 404 ", 13);
    client_fini(&other);
}

static void wrong_words_make_a_nobody(void **state) {
    struct rig *r = *state;

    client_say_text(&r->c, "set larder-auth 0 0 13\r\nann pass word\r\n");
    complete(r);
    heard(r, "STORED\r\n");
    client_say_text(&r->c, "set larder-auth 0 0 9\r\nann wrong\r\nget d/a\r\n");
    complete(r);
    heard(r, "CLIENT_ERROR authentication failure\r\nCLIENT_ERROR unauthenticated\r\n");
    assert_int_equal(harness_counter(&r->s.h, COUNTER_AUTH_LOGINS_GOOD), 1);
    assert_int_equal(harness_counter(&r->s.h, COUNTER_AUTH_LOGINS_WRONG), 1);
    says(r, "set larder-auth 0 0 3\r\nann\r\n", "CLIENT_ERROR authentication failure\r\n");
    says(r, "set larder-auth 0 0 3 noreply\r\nann\r\nset larder-auth 0 0 1\r\nxyz\r\n",
         "CLIENT_ERROR bad data chunk\r\nERROR\r\n");
}

static void http_says_it_with_each_request(void **state) {
    struct rig *r = *state;

    client_say_text(&r->c, GET("/d/a", ANN) GET("/d/a", WRONG) GET("/d/a", "") GET("/d/b", ANN) GET("/free", WRONG));
    heard(r, "");
    complete(r);
    heard_statuses(r, "404 ");
    complete(r);
    heard_statuses(r, "401 401 403 ");
    complete(r);
    heard_statuses(r, "404 ");
    client_say_text(&r->c,
                    GET("/d/a", ANN) GET("/d/a", "") GET("/d/a", "Authorization: Bearer x\r\n") GET("/d/a", ANN));
    heard_statuses(r, "404 401 401 404 ");
    assert_false(r->c.session.over);
}

static void a_session_may_end_during_its_login(void **state) {
    struct rig *r = *state;
    struct client other;

    client_init(&other, &r->s.h);
    client_say_text(&other, "set larder-auth 0 0 13\r\nann pass word\r\n");
    client_fini(&other);
    client_say_text(&r->c, GET("/d/a", ANN));
    client_fini(&r->c);
    client_init(&r->c, &r->s.h);
    /* The worker runs the rest when it ends, or here. */
    complete(r);
}

static void too_many_logins_are_refused(void **state) {
    struct rig *r = *state;
    struct auth_login logins[AUTH_LOGINS_MAX];
    struct auth_known known;

    for (size_t i = 0; i < AUTH_LOGINS_MAX; i++) {
        assert_int_equal(auth_login_begin(r->s.h.node.auth, SLICE("ann"), &logins[i]), ETCD_OK);
    }
    says(r, "set larder-auth 0 0 9\r\nann wrong\r\n", "SERVER_ERROR too many authentications are under way\r\n");
    client_fini(&r->c);
    client_init(&r->c, &r->s.h);
    client_say_text(&r->c, GET("/d/a", WRONG));
    heard_statuses(r, "503 ");
    for (size_t i = 0; i < AUTH_LOGINS_MAX; i++) {
        auth_login_know(r->s.h.node.auth, &logins[i], &known);
    }
}

static void users_that_change_during_a_login_begin_it_again(void **state) {
    struct rig *r = *state;

    client_say_text(&r->c, "set larder-auth 0 0 13\r\nann pass word\r\nset d/a 0 0 1\r\nx\r\n");
    adopt(r->s.h.node.auth, (struct auth_request){.kind = AUTH_USER_ADD, .user = SLICE("aaa"), .hash = SLICE("x")});
    complete(r);
    heard(r, "");
    complete(r);
    heard(r, "STORED\r\nSTORED\r\n");
}

static void while_it_is_disabled_nothing_is_asked_and_nothing_kept(void **state) {
    struct rig *r = *state;

    adopt(r->s.h.node.auth, (struct auth_request){.kind = AUTH_DISABLE});
    says(r, "set larder-auth 0 0 13\r\nann pass word\r\nget larder-auth\r\nset d/x 0 0 1\r\nx\r\n",
         "STORED\r\nEND\r\nSTORED\r\n");
}

/* A body that comes bit by bit is its sender's to the end, and not that of who may write it. */
static void a_body_is_whose_head_it_was(void **state) {
    struct rig *r = *state;

    client_say_text(&r->c, "PUT /d/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n" ANN "\r\n");
    complete(r);
    client_say_text(&r->c, "3\r\nabc\r\n");
    adopt(r->s.h.node.auth, (struct auth_request){.kind = AUTH_USER_ADD, .user = SLICE("aaa"), .hash = SLICE("x")});
    client_say_text(&r->c, "0\r\n\r\n");
    heard_statuses(r, "201 ");
    client_say_text(&r->c,
                    "PUT /d/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n" ANN "\r\n3\r\nabc\r\n");
    adopt(r->s.h.node.auth, (struct auth_request){.kind = AUTH_USER_DELETE, .user = SLICE("ann")});
    client_say_text(&r->c, "0\r\n\r\n");
    heard_statuses(r, "401 ");
}

static void a_watch_ends_with_its_permission(void **state) {
    struct rig *r = *state;

    client_say_text(&r->c, GET("/d/a?watch=true", ANN));
    complete(r);
    assert_non_null(r->c.session.watch);
    adopt(r->s.h.node.auth,
          (struct auth_request){.kind = AUTH_REVOKE_ROLE, .user = SLICE("ann"), .role = SLICE("ann")});
    r->c.heard.size = 0;
    session_worker_tick(&r->s.h.worker);
    client_pump(&r->c);
    assert_null(r->c.session.watch);
    assert_true(session_is_over(&r->c.session));
    buf_append(&r->c.heard, "", 1);
    assert_non_null(strstr(r->c.heard.data, "event: failed\ndata: {\"code\":403,"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(memcached_says_it_once),
        TEST(a_large_value_is_refused_at_its_line),
        TEST(what_was_right_once_is_known),
        TEST(wrong_words_make_a_nobody),
        TEST(http_says_it_with_each_request),
        TEST(a_session_may_end_during_its_login),
        TEST(too_many_logins_are_refused),
        TEST(users_that_change_during_a_login_begin_it_again),
        TEST(while_it_is_disabled_nothing_is_asked_and_nothing_kept),
        TEST(a_body_is_whose_head_it_was),
        TEST(a_watch_ends_with_its_permission),
    };

    return cmocka_run_group_tests_name("session-auth", tests, setup_all, NULL);
}
