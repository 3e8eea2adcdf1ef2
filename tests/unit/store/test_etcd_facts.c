/* SPDX-License-Identifier: Apache-2.0 */
#include "etcd_world.h"

/* In whose name the cluster is asked, what of its answers is passed on, and what other threads are told of it. */

static struct etcd_facts facts;

static void begin(struct world *world, size_t members) {
    world_init(world, members);
    atomic_init(&facts.open_ns, INT64_MIN);
    world->config.facts = &facts;
}

static void guard(struct world *world, const char *token) {
    world->hosts[0].token = token;
    world->hosts[0].password = "secret";
}

static void log_in(struct world *world) {
    world->config.user = SLICE("alice");
    world->config.password = SLICE("secret");
}

static void ask_as(struct world *world, struct request *request, bool put, const char *token) {
    request_init(world, request, put);
    request->ask.as_caller = true;
    request->ask.token = slice_from_string(token);
    etcd_client_ask(world->client, &request->ask);
}

static void a_caller_has_its_own_token_and_its_own_refusal(void **state) {
    struct world world;
    struct request request;

    (void)state;
    begin(&world, 1);
    guard(&world, "good");
    log_in(&world);
    world_start(&world);
    world_run(&world, 10);
    ask_as(&world, &request, false, "good");
    EXPECT(&world, &request, 10, STORE_OK);
    ask_as(&world, &request, true, "bad");
    world_run(&world, 10);
    assert_string_equal(world.hosts[0].last_token, "bad");
    assert_int_equal(request.ask.attempts, 1);
    assert_int_equal(request.ask.error, ETCD_ERROR_INVALID_AUTH_TOKEN);
    assert_int_equal(request.ask.grpc, GRPC_UNAUTHENTICATED);
    EXPECT(&world, &request, 0, STORE_DENIED);
    ask_as(&world, &request, false, "");
    world_run(&world, 10);
    assert_string_equal(world.hosts[0].last_token, "");
    EXPECT(&world, &request, 0, STORE_DENIED);
    assert_int_equal(world.hosts[0].logins, 1);
    request_get(&world, &request); /* the client's own user is not concerned */
    EXPECT(&world, &request, 10, STORE_OK);
    assert_string_equal(world.hosts[0].last_token, "good");
    assert_int_equal(world.hosts[0].logins, 1);
    world_fini(&world);
}

static void a_caller_does_not_wait_for_the_login(void **state) {
    struct world world;
    struct request request;

    (void)state;
    begin(&world, 1);
    guard(&world, "good");
    world.config.user = SLICE("alice");
    world.config.password = SLICE("wrong");
    world_start(&world);
    world_run(&world, 10);
    ask_as(&world, &request, false, "good");
    EXPECT(&world, &request, 10, STORE_OK);
    world_fini(&world);
}

static void a_last_word_is_passed_on(void **state) {
    struct world world;
    struct request request;

    (void)state;
    begin(&world, 1);
    world_start(&world);
    world_run(&world, 10);
    world.hosts[0].holds = true;
    request_init(&world, &request, false);
    request.ask.is_verbatim = true;
    etcd_client_ask(world.client, &request.ask);
    world_run(&world, 10);
    assert_int_equal(world.hosts[0].held_count, 1);
    grpc_stream_finish(world.hosts[0].held[0], GRPC_UNKNOWN, SLICE("said by nobody else"));
    world_run(&world, 10);
    assert_int_equal(request.done, 1);
    assert_int_equal(request.ask.attempts, 1);
    assert_int_equal(request.ask.grpc, GRPC_UNKNOWN);
    assert_true(slice_equal(request.ask.text, SLICE("said by nobody else")));
    etcd_ask_fini(&request.ask);
    world_fini(&world);
}

static void what_is_slow_has_its_time(void **state) {
    struct world world;
    struct request request;

    (void)state;
    begin(&world, 2);
    world_start(&world);
    world_run(&world, 10);
    world_prove(&world);
    world.hosts[0].holds = true;
    request_init(&world, &request, true);
    request.ask.is_slow = true;
    request.ask.deadline_ns = world.now_ns + 60 * CLOCK_NS_PER_S;
    etcd_client_ask(world.client, &request.ask);
    world_run(&world, 5000);
    assert_int_equal(request.done, 0);
    assert_int_equal(world_in_use(&world), 0);
    world_answer_request(world_connection(&world, 0), world.hosts[0].held[0]);
    EXPECT(&world, &request, 10, STORE_OK);
    assert_int_equal(request.ask.attempts, 1);
    world_fini(&world);
}

static void headers_are_told_of(void **state) {
    struct world world;
    struct request get;

    (void)state;
    begin(&world, 1);
    world_start(&world);
    request_get(&world, &get);
    EXPECT(&world, &get, 10, STORE_OK);
    assert_int_equal(atomic_load(&facts.cluster_id), WORLD_CLUSTER);
    assert_int_equal(atomic_load(&facts.member_id), 100);
    world_fini(&world);
}

static void what_nobody_may_read_closes_the_cluster(void **state) {
    struct world world;
    struct request get;
    struct request late;
    int64_t open_ns;

    (void)state;
    begin(&world, 1);
    world_start(&world);
    assert_true(atomic_load(&facts.open_ns) == INT64_MIN);
    request_get(&world, &get);
    EXPECT(&world, &get, 10, STORE_OK);
    open_ns = atomic_load(&facts.open_ns);
    assert_true(open_ns != INT64_MIN && open_ns <= world.now_ns);
    world.hosts[0].holds = true;
    request_get(&world, &late);
    world_run(&world, 10);
    world.hosts[0].holds = false;
    world.hosts[0].error = ETCD_ERROR_USER_EMPTY;
    world.hosts[0].error_times = 1;
    ask_as(&world, &get, false, "");
    EXPECT(&world, &get, 10, STORE_DENIED);
    assert_true(atomic_load(&facts.open_ns) == INT64_MIN);
    world_answer_request(world_connection(&world, 0), world.hosts[0].held[0]);
    EXPECT(&world, &late, 10, STORE_OK); /* it went out before */
    assert_true(atomic_load(&facts.open_ns) == INT64_MIN);
    request_get(&world, &get);
    EXPECT(&world, &get, 10, STORE_OK);
    assert_true(atomic_load(&facts.open_ns) > open_ns);
    world_fini(&world);
}

static void what_proves_nothing(void **state) {
    struct world world;
    struct request get;

    (void)state;
    begin(&world, 1);
    guard(&world, "good");
    log_in(&world);
    world_start(&world);
    request_get(&world, &get); /* with a token */
    EXPECT(&world, &get, 10, STORE_OK);
    assert_true(atomic_load(&facts.open_ns) == INT64_MIN);
    world.hosts[0].token = NULL;
    request_init(&world, &get, false);
    get.range.serializable = true;
    get.ask.as_caller = true;
    etcd_client_ask(world.client, &get.ask);
    EXPECT(&world, &get, 10, STORE_OK);
    assert_true(atomic_load(&facts.open_ns) == INT64_MIN);
    world_fini(&world);
}

/* A member may take the name in the node's certificate for a user's. */
static void a_certificate_is_not_the_callers(void **state) {
    struct world world;
    struct request request;

    (void)state;
    begin(&world, 1);
    world.config.has_certificate = true;
    world_start(&world);
    world_run(&world, 10);
    world_prove(&world);
    request_get(&world, &request); /* its own: as whom, the member knows */
    EXPECT(&world, &request, 10, STORE_OK);
    assert_false(world.hosts[0].last_is_nameless);
    assert_true(atomic_load(&facts.open_ns) == INT64_MIN);
    ask_as(&world, &request, true, "token");
    EXPECT(&world, &request, 10, STORE_OK);
    assert_false(world.hosts[0].last_is_nameless);
    ask_as(&world, &request, true, "");
    EXPECT(&world, &request, 10, STORE_OK);
    assert_true(world.hosts[0].last_is_nameless);
    assert_true(atomic_load(&facts.open_ns) == INT64_MIN);
    ask_as(&world, &request, false, "");
    EXPECT(&world, &request, 10, STORE_OK);
    assert_true(world.hosts[0].last_is_nameless);
    assert_true(atomic_load(&facts.open_ns) != INT64_MIN);
    world_fini(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_caller_has_its_own_token_and_its_own_refusal),
        cmocka_unit_test(a_caller_does_not_wait_for_the_login),
        cmocka_unit_test(a_last_word_is_passed_on),
        cmocka_unit_test(what_is_slow_has_its_time),
        cmocka_unit_test(headers_are_told_of),
        cmocka_unit_test(what_nobody_may_read_closes_the_cluster),
        cmocka_unit_test(what_proves_nothing),
        cmocka_unit_test(a_certificate_is_not_the_callers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
