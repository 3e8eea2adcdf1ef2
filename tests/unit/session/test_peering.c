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

#define STAMP "P1.0000000000000000"

static void test_a_node_asks(void **state) {
    (void)state;
    assert_false(session_is_peer(&client.session));
    peer_client_greet(&node, &client);
    talk("mg k " STAMP " AG O1\r\n", "EN O1\r\n");
    talk("ms k 3 " STAMP " AS O2\r\nabc\r\n", "HD c1 s3 An O2\r\n");
    talk("mg k " STAMP ".100 AG O3\r\n", "VA 3 c1 O3\r\nabc\r\n");
    talk("mn\r\n", "MN\r\n");
    assert_false(client.session.over);
}

/* A node says nothing that a client says; a value that it announces is swallowed. */
static void test_a_node_is_no_client(void **state) {
    static const char answer[] = "CLIENT_ERROR a node does not ask like this\r\n";

    (void)state;
    peer_client_greet(&node, &client);
    talk("get k\r\n", answer);
    talk("flush_all\r\n", answer);
    talk("set larder-auth 0 0 3\r\na b\r\n", answer);
    talk("mg k v\r\n", answer);
    talk("larder_peer 1 cluster them 00000000000000000000000000000000\r\n", answer);
    talk("ms k 3 " STAMP " AG O2\r\nabc\r\n", answer);
    talk("mg k " STAMP " AG O3\r\n", "EN O3\r\n");
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
    talk("mg k " STAMP " AG O1\r\n", "VA 1 c1 f1 O1\r\na\r\n");
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

/* Values from 8 KiB on are read straight to their place, and sent from there. */
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
    check_heard("HD c1 s50000 An O1\r\n");
    client_say_text(&client, "mg k " STAMP " AG O2\r\n");
    snprintf(line, sizeof(line), "VA %d c1 O2\r\n", SIZE);
    assert_true(slice_has_prefix(buf_slice(&client.heard), slice_from_string(line)));
    assert_memory_equal(client.heard.data + strlen(line), value, SIZE);
    client.heard.size = 0;
    talk("ms k 70000 " STAMP " ASv O3\r\n", "SERVER_ERROR object too large for cache\r\n");
    free(value);
}

static void test_they_are_counted_apart(void **state) {
    struct telemetry_group *group;

    (void)state;
    peer_client_greet(&node, &client);
    talk("mg k " STAMP " AG O1\r\n", "EN O1\r\n");
    group = atomic_load(&telemetry_worker(node.telemetry, 0)->groups[GROUP_DEFAULT]);
    assert_non_null(group);
    assert_non_null(atomic_load(&group->series[PROTOCOL_PEER][COMMAND_GET][RESULT_CLASS_MISS]));
    assert_null(atomic_load(&group->series[PROTOCOL_MEMCACHED][COMMAND_GET][RESULT_CLASS_MISS]));
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
