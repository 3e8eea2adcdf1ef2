/* SPDX-License-Identifier: Apache-2.0 */
#include "etcd_world.h"

/* Nothing comes of a stopped process, not even to a ping: it is left after keepalive_time + keepalive_timeout. */
static void a_silent_member_is_pinged_and_left(void **state) {
    struct world world;
    struct request get;
    struct request put;
    int64_t begun_ns;

    (void)state;
    world_init(&world, 2);
    world_start(&world);
    etcd_client_start(world.client);
    world_prove(&world);
    world_run(&world, 10000);
    assert_int_equal(world.hosts[0].pings, 0); /* nothing was asked */
    world.hosts[0].silent = true;
    begun_ns = world.now_ns;
    request_get(&world, &get);
    request_put(&world, &put);
    world_run(&world, 499);
    assert_int_equal(world.hosts[0].pings, 0);
    world_run(&world, 2);
    assert_int_equal(world.hosts[0].pings, 1);
    EXPECT(&world, &get, 1000, STORE_OK);
    EXPECT(&world, &put, 0, STORE_UNKNOWN);
    assert_int_equal(get.done_ns - begun_ns, 1500 * CLOCK_NS_PER_MS);
    assert_int_equal(world.hosts[0].pings, 1);
    assert_int_equal(world_in_use(&world), 1);
    assert_int_equal(etcd_client_figures(world.client)->failovers, 1);
    assert_int_equal(etcd_client_figures(world.client)->failover_ns, 1500 * CLOCK_NS_PER_MS);
    world_fini(&world);
}

/* While a call is open and answers nothing, pings go out, but no more often than etcd's server bears. */
static void pings_are_rare(void **state) {
    struct world world;
    struct request get;

    (void)state;
    world_init(&world, 1);
    world.config.request_timeout_ns = 100 * CLOCK_NS_PER_S;
    world.config.attempt_timeout_ns = 90 * CLOCK_NS_PER_S;
    world.hosts[0].holds = true;
    world_start(&world);
    request_get(&world, &get);
    world_run(&world, 60000);
    assert_in_range(world.hosts[0].pings, 11, 12); /* the first is free, then one in five seconds */
    assert_int_equal(get.done, 0);
    world_fini(&world);
    etcd_ask_fini(&get.ask);
}

/* Once the server has sent DATA, the next ping is free again. */
static void an_answer_makes_the_next_ping_free(void **state) {
    struct world world;
    struct request first;
    struct request second;

    (void)state;
    world_init(&world, 1);
    world.hosts[0].holds = true;
    world_start(&world);
    request_get(&world, &first);
    world_run(&world, 600);
    assert_int_equal(world.hosts[0].pings, 1);
    world_answer_request(world.connections[0], world.hosts[0].held[0]);
    EXPECT(&world, &first, 1, STORE_OK);
    request_get(&world, &second);
    world_run(&world, 600);
    assert_int_equal(world.hosts[0].pings, 2);
    world_fini(&world);
    etcd_ask_fini(&second.ask);
}

/* An old connection is replaced by one that stands already. */
static void age_costs_no_request(void **state) {
    struct world world;
    struct request get;
    struct request held;

    (void)state;
    world_init(&world, 1);
    world.config.max_connection_age_ns = 10 * CLOCK_NS_PER_S;
    world.config.refresh_ns = 1000 * CLOCK_NS_PER_S;
    world_start(&world);
    for (unsigned i = 0; i < 1000; i++) {
        if (i == 80) { /* sent by the first connection, answered when it has long been replaced */
            world.hosts[0].holds = true;
            request_put(&world, &held);
            world_run(&world, 1);
            world.hosts[0].holds = false;
        }
        if (i == 110) {
            assert_int_equal(world.hosts[0].connects, 2);
            world_answer_request(world.connections[0], world.hosts[0].held[0]);
            EXPECT(&world, &held, 1, STORE_OK);
            assert_null(world.connections[0]->link);
        }
        request_put(&world, &get);
        EXPECT(&world, &get, 0, STORE_OK);
        assert_int_equal(get.ask.attempts, 1);
        world_run(&world, 100);
    }
    assert_in_range(world.hosts[0].connects, 10, 12);
    assert_int_equal(etcd_client_figures(world.client)->connections_lost, 0);
    world_fini(&world);
}

/* While the successor cannot be had, the old one goes on. */
static void an_old_connection_stays_until_another_stands(void **state) {
    struct world world;
    struct request get;

    (void)state;
    world_init(&world, 1);
    world.config.max_connection_age_ns = 1 * CLOCK_NS_PER_S;
    world_start(&world);
    request_get(&world, &get);
    EXPECT(&world, &get, 1, STORE_OK);
    world.hosts[0].refuses = true;
    world_run(&world, 5000);
    request_get(&world, &get);
    EXPECT(&world, &get, 0, STORE_OK);
    assert_true(etcd_client_is_ready(world.client));
    assert_in_range(world.hosts[0].connects, 4, 7);
    world_fini(&world);
}

/* Bytes that are no HTTP/2. */
static void a_stranger_is_left(void **state) {
    struct world world;
    struct request get;

    (void)state;
    world_init(&world, 2);
    world_start(&world);
    request_get(&world, &get);
    EXPECT(&world, &get, 1, STORE_OK);
    etcd_link_input(world.connections[0]->link, SLICE("HTTP/1.1 400 Bad Request\r\n\r\n"));
    world.hosts[0].refuses = true;
    request_get(&world, &get);
    EXPECT(&world, &get, 1, STORE_OK);
    assert_int_equal(world_in_use(&world), 1);
    world_fini(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silent_member_is_pinged_and_left),           cmocka_unit_test(pings_are_rare),
        cmocka_unit_test(an_answer_makes_the_next_ping_free),           cmocka_unit_test(age_costs_no_request),
        cmocka_unit_test(an_old_connection_stays_until_another_stands), cmocka_unit_test(a_stranger_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
