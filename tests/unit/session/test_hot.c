/* SPDX-License-Identifier: Apache-2.0 */
/* Which keys are asked for most: what is counted and what is not, and what /admin/hot and /metrics say of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "peer_client.h"
#include "ring/heat_board.h"

enum { HOT_PER_S = 10, HALF_LIFE_S = HEAT_STEPS /* so a step takes a second, and no time passes: rates are counts */ };

static const struct harness_config config = {
    .memory = TABLE_MEMORY_MIN, .max_item = 64 << 10, .max_line = 8 << 10, .max_output = 4 << 20};

static struct harness node;
static struct client client;
static struct heat *heat;

static int set_up(void **state) {
    const struct heat_config every = {
        .sample = 1, .half_life_ns = HALF_LIFE_S * INT64_C(1000000000), .hot_per_s = HOT_PER_S, .seed = 3};

    (void)state;
    harness_init(&node, &config);
    client_init(&client, &node);
    assert_int_equal(heat_new(&every, 0, &heat), LARDER_OK);
    assert_int_equal(heat_board_new(1, HOT_PER_S, &node.node.heat_board), LARDER_OK);
    node.worker.context.heat = heat;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    client_fini(&client);
    heat_board_free(node.node.heat_board);
    heat_free(heat);
    harness_fini(&node);
    return 0;
}

static void say(const char *text, unsigned times) {
    for (unsigned i = 0; i < times; i++) {
        client_say_text(&client, text);
    }
}

/* As a worker does it now and then. */
static void put_up(void) {
    struct heat_list *list;

    assert_int_equal(heat_list(heat, 0, &list), LARDER_OK);
    heat_board_put(node.node.heat_board, 0, list);
}

/* The answer to a GET, on a connection of its own. */
static void fetch(const char *target, char *ret_text, size_t size) {
    struct client c;
    char request[200];

    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target);
    client_init(&c, &node);
    client_say_text(&c, request);
    snprintf(ret_text, size, "%.*s", (int)c.heard.size, c.heard.data);
    client_fini(&c);
}

static void check_body(const char *target, const char *expected) {
    char text[4096];
    const char *body;

    fetch(target, text, sizeof(text));
    assert_memory_equal(text, "HTTP/1.1 200 ", 13);
    assert_non_null(strstr(text, "\r\nContent-Type: application/json\r\n"));
    body = strstr(text, "\r\n\r\n");
    assert_non_null(body);
    assert_string_equal(body + 4, expected);
}

static void test_reads_and_writes_count(void **state) {
    (void)state;
    say("get a\r\n", 20);
    say("set b 0 0 1\r\nx\r\n", 5);
    say("delete b\r\n", 2);
    say("mg b v\r\n", 2);
    say("gets b c b\r\n", 1);
    say("version\r\n", 50);
    say("me a\r\n", 50);
    put_up();
    check_body("/admin/hot", "{\"hot_rate\":10,\"rate\":32.0,\"keys\":["
                             "{\"key\":\"a\",\"group\":\"default\",\"rate\":20.0,\"hot\":true},"
                             "{\"key\":\"b\",\"group\":\"default\",\"rate\":11.0,\"hot\":true}]}\n");
    check_body("/admin/hot?max=1", "{\"hot_rate\":10,\"rate\":32.0,\"keys\":["
                                   "{\"key\":\"a\",\"group\":\"default\",\"rate\":20.0,\"hot\":true}]}\n");
}

static void test_keys_of_any_bytes(void **state) {
    (void)state;
    say("mg /w== b v\r\n", 9);
    put_up();
    check_body("/admin/hot", "{\"hot_rate\":10,\"rate\":9.0,\"keys\":["
                             "{\"key\":\"/w==\",\"key_encoding\":\"base64\",\"group\":\"default\",\"rate\":9.0,"
                             "\"hot\":false}]}\n");
}

/* The node that the client asked has counted it. */
static void test_what_nodes_ask_is_not_counted(void **state) {
    (void)state;
    peer_client_greet(&node, &client);
    say("mg a P1.0000000000000000 AG O1\r\n", 30);
    assert_true(client.heard.size > 0);
    put_up();
    check_body("/admin/hot", "{\"hot_rate\":10,\"rate\":0.0,\"keys\":[]}\n");
}

static void test_odd_questions(void **state) {
    static const char *const targets[] = {
        "/admin/hot?max=0",   "/admin/hot?max=1001", "/admin/hot?max=",  "/admin/hot?max",
        "/admin/hot?max=1&a", "/admin/hot?min=1",    "/admin/hot?max=x", "/admin/hot?max=%"};

    (void)state;
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        char text[4096];

        fetch(targets[i], text, sizeof(text));
        if (strncmp(text, "HTTP/1.1 400 ", 13) != 0) {
            fail_msg("taken: %s", targets[i]);
        }
    }
}

static double metric(const char *name) {
    static char text[1 << 20];
    char line[100];
    const char *at;

    fetch("/metrics", text, sizeof(text));
    snprintf(line, sizeof(line), "\n%s ", name);
    at = strstr(text, line);
    return at == NULL ? -1 : strtod(at + strlen(line), NULL);
}

static void test_metrics(void **state) {
    (void)state;
    assert_true(metric("larder_hot_keys") == 0 && metric("larder_hottest_key_requests_per_second") == 0);
    say("get a\r\n", 20);
    say("get b\r\n", 10);
    say("get c\r\n", 9);
    put_up();
    assert_true(metric("larder_hot_keys") == 2);
    assert_true(metric("larder_hottest_key_requests_per_second") == 20);
}

static void test_nobody_counts(void **state) {
    (void)state;
    heat_board_free(node.node.heat_board);
    node.node.heat_board = NULL;
    node.worker.context.heat = NULL;
    say("get a\r\n", 20);
    check_body("/admin/hot", "{\"hot_rate\":0,\"rate\":0.0,\"keys\":[]}\n");
    assert_true(metric("larder_hot_keys") == -1 && metric("larder_hottest_key_requests_per_second") == -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reads_and_writes_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_keys_of_any_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_nodes_ask_is_not_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_odd_questions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_metrics, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_counts, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("session hot", tests, NULL, NULL);
}
