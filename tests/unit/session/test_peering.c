/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "peer_client.h"
#include "session/login.h"

static const struct harness_config config = {
    .memory = TABLE_MEMORY_MIN, .max_item = 64 << 10, .max_line = 8 << 10, .max_output = 64 << 10};

static struct harness node;
static struct client client;

static int set_up(void **state) {
    (void)state;
    harness_init(&node, &config);
    client_init(&client, &node);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    client_fini(&client);
    harness_fini(&node);
    return 0;
}

static void check_heard(const char *expected) {
    assert_int_equal(buf_append(&client.heard, "", 1), LARDER_OK);
    assert_string_equal(client.heard.data, expected);
    client.heard.size = 0;
}

static void talk(const char *said, const char *expected) {
    client_say_text(&client, said);
    check_heard(expected);
}

#define STRANGE "CLIENT_ERROR a node does not ask like this\r\n"

/* What a request of a node does is not this test's: it is understood and answered by one line, and the next one is too. */
static void check_understood(void) {
    struct slice heard = buf_slice(&client.heard);

    assert_true(heard.size > 2 && memchr(heard.data, '\n', heard.size) == heard.data + heard.size - 1);
    assert_false(slice_equal(heard, SLICE(STRANGE)));
    client.heard.size = 0;
    talk("mn\r\n", "MN\r\n");
}

static void understand(const char *said) {
    client_say_text(&client, said);
    check_understood();
}

#define STAMP "P1.0000000000000000"

static void test_a_node_asks(void **state) {
    (void)state;
    assert_false(session_is_peer(&client.session));
    peer_client_greet(&node, &client);
    understand("mg k " STAMP " AG O1\r\n");
    understand("ms k 3 " STAMP " AS O2\r\nabc\r\n");
    understand("md k " STAMP ".100 AX O3\r\n");
    understand("me k " STAMP " AM O4\r\n");
    assert_false(client.session.over);
}

/* A node says nothing that a client says; a value that it announces is swallowed. */
static void test_a_node_is_no_client(void **state) {
    static const char answer[] = STRANGE;

    (void)state;
    peer_client_greet(&node, &client);
    talk("get k\r\n", answer);
    talk("flush_all\r\n", answer);
    talk("set larder-auth 0 0 3\r\na b\r\n", answer);
    talk("mg k v\r\n", answer);
    talk("larder_peer 1 cluster them 00000000000000000000000000000000\r\n", answer);
    talk("ms k 3 " STAMP " AG O2\r\nabc\r\n", answer);
    understand("mg k " STAMP " AG O3\r\n");
    talk("ms k 3 " STAMP " AS O4\r\nabcde", "CLIENT_ERROR bad data chunk\r\n");
    talk("quit\r\n", "");
    assert_true(client.session.over);
}

static void test_a_client_is_no_node(void **state) {
    (void)state;
    node.node.peer_identity = &peer_client_host;
    talk("mg k " STAMP " L O1 v\r\n", "EN O1\r\n");
    talk("mg k " STAMP " AG O1\r\n", "CLIENT_ERROR invalid flag\r\n");
    talk("larder_proof 00\r\n", "ERROR\r\n");
    assert_false(session_is_peer(&client.session));
}

static void test_a_node_without_a_cluster(void **state) {
    (void)state;
    talk("larder_peer 1 cluster them 00000000000000000000000000000000\r\n",
         "CLIENT_ERROR this node is in no cluster\r\n");
    assert_true(client.session.over && !session_is_peer(&client.session));
}

/* A connection may have been a client's before. Whoever that was, a node is nobody. */
static void test_a_client_becomes_a_node(void **state) {
    const struct auth_known somebody = {0};

    (void)state;
    talk("set k 1 0 1\r\na\r\n", "STORED\r\n");
    assert_true(session_who_set(&client.session, &somebody));
    peer_client_greet(&node, &client);
    assert_null(client.session.who);
    assert_null(node.worker.context.who);
    understand("md k " STAMP " AX O1\r\n");
}

static void refuse(const struct greeting_identity *identity) {
    assert_int_equal(peer_client_greet_as(&client, identity), LARDER_ERROR_REFUSED);
    assert_false(session_is_peer(&client.session));
    client_fini(&client);
    client_init(&client, &node);
}

static void test_strangers(void **state) {
    const struct greeting_identity token = {SLICE("cluster"), SLICE("them"), SLICE("tokem")};
    const struct greeting_identity cluster = {SLICE("cluste"), SLICE("them"), SLICE("token")};
    const struct greeting_identity same = {SLICE("cluster"), SLICE("us"), SLICE("token")};

    (void)state;
    node.node.peer_identity = &peer_client_host;
    refuse(&token);
    refuse(&cluster);
    refuse(&same);
}

/* Until the proof has come nothing is done, and what comes instead of it ends the connection. */
static void test_nothing_before_the_proof(void **state) {
    (void)state;
    node.node.peer_identity = &peer_client_host;
    client_say_text(&client, "larder_peer 1 cluster them 00000000000000000000000000000000\r\n");
    assert_true(slice_has_prefix(buf_slice(&client.heard), SLICE("PEER us ")));
    assert_false(session_is_peer(&client.session));
    client.heard.size = 0;
    talk("ms k 1 " STAMP " AS O2\r\na\r\n", "CLIENT_ERROR this is no greeting\r\n");
    assert_true(client.session.over);
    client_fini(&client);
    client_init(&client, &node);
    talk("get k\r\n", "END\r\n");
}

static void test_a_proof_that_is_wrong(void **state) {
    (void)state;
    node.node.peer_identity = &peer_client_host;
    client_say_text(&client, "larder_peer 1 cluster them 00000000000000000000000000000000\r\n");
    client.heard.size = 0;
    talk("larder_proof 0000000000000000000000000000000000000000000000000000000000000000\r\n",
         "CLIENT_ERROR the tokens of the cluster differ\r\n");
    assert_true(client.session.over && !session_is_peer(&client.session));
}

/* A value that is worth it is read straight to its place, and the line it came with is kept. */
static void test_a_large_value(void **state) {
    enum { SIZE = 50000 };
    char *value = malloc(SIZE);
    char line[128];

    (void)state;
    assert_non_null(value);
    memset(value, 'x', SIZE);
    peer_client_greet(&node, &client);
    snprintf(line, sizeof(line), "ms k %d " STAMP ".500 ASv O1\r\n", SIZE);
    client_say_text(&client, line);
    client_say(&client, value, SIZE / 2);
    assert_true(session_takes_body(&client.session));
    client_say(&client, value, SIZE / 2);
    client_say_text(&client, "\r\n");
    check_understood();
    talk("ms k 70000 " STAMP " ASv O3\r\n", "SERVER_ERROR object too large for cache\r\n");
    free(value);
}

static void test_they_are_counted_apart(void **state) {
    struct telemetry_group *group;
    unsigned counted = 0;

    (void)state;
    peer_client_greet(&node, &client);
    understand("mg k " STAMP " AG O1\r\n");
    group = atomic_load(&telemetry_worker(node.telemetry, 0)->groups[GROUP_DEFAULT]);
    assert_non_null(group);
    for (unsigned class = 0; class < RESULT_CLASS_COUNT; class ++) {
        counted += atomic_load(&group->series[PROTOCOL_PEER][COMMAND_GET][class]) != NULL;
        assert_null(atomic_load(&group->series[PROTOCOL_MEMCACHED][COMMAND_GET][class]));
    }
    assert_int_equal(counted, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_node_asks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_node_is_no_client, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_client_is_no_node, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_node_without_a_cluster, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_client_becomes_a_node, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_strangers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_before_the_proof, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_proof_that_is_wrong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_large_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_they_are_counted_apart, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
