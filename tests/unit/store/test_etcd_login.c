/* SPDX-License-Identifier: Apache-2.0 */
#include "etcd_world.h"

static void guard(struct world *world, const char *token) {
    for (size_t i = 0; i < WORLD_HOSTS; i++) {
        world->hosts[i].token = token;
        world->hosts[i].password = "secret";
    }
}

static void log_in_as(struct world *world, const char *password) {
    world->config.user = SLICE("alice");
    world->config.password = slice_from_string(password);
}

static unsigned logins(const struct world *world) {
    return world->hosts[0].logins + world->hosts[1].logins + world->hosts[2].logins;
}

static void requests_carry_the_token(void **state) {
    struct world world;
    struct request put;

    (void)state;
    world_init(&world, 3);
    guard(&world, "first");
    log_in_as(&world, "secret");
    world_start(&world);
    request_put(&world, &put);
    EXPECT(&world, &put, 10, STORE_OK);
    assert_string_equal(world.hosts[0].last_token, "first");
    assert_int_equal(logins(&world), 1);
    world_kill(&world, 0); /* the token is good for the others, too */
    request_put(&world, &put);
    EXPECT(&world, &put, 10, STORE_OK);
    assert_int_equal(logins(&world), 1);
    assert_int_equal(etcd_client_figures(world.client)->logins, 1);
    world_fini(&world);
}

static void a_token_that_ran_out_is_renewed(void **state) {
    struct world world;
    struct request many[10];

    (void)state;
    world_init(&world, 1);
    guard(&world, "first");
    log_in_as(&world, "secret");
    world_start(&world);
    request_put(&world, &many[0]);
    EXPECT(&world, &many[0], 10, STORE_OK);
    guard(&world, "second");
    for (size_t i = 0; i < 10; i++) {
        request_put(&world, &many[i]);
    }
    for (size_t i = 0; i < 10; i++) {
        EXPECT(&world, &many[i], i == 0 ? 10 : 0, STORE_OK);
        assert_int_equal(many[i].ask.attempts, 2);
        assert_false(many[i].ask.repeated);
    }
    assert_int_equal(logins(&world), 2); /* one for all of them */
    world_fini(&world);
}

/* A token that is refused as soon as it is made does not keep the client busy for ever. */
static void renewal_has_an_end(void **state) {
    struct world world;
    struct request put;

    (void)state;
    world_init(&world, 1);
    guard(&world, "first");
    log_in_as(&world, "secret");
    world.hosts[0].error = ETCD_ERROR_AUTH_OLD_REVISION;
    world.hosts[0].error_times = 1000;
    world_start(&world);
    request_put(&world, &put);
    EXPECT(&world, &put, 2000, STORE_DENIED);
    assert_int_equal(put.ask.error, ETCD_ERROR_AUTH_OLD_REVISION);
    assert_in_range(logins(&world), 2, 5);
    world_fini(&world);
}

static void a_wrong_password_is_said(void **state) {
    struct world world;
    struct request put;
    struct request pinned;
    unsigned before;

    (void)state;
    world_init(&world, 1);
    guard(&world, "first");
    log_in_as(&world, "wrong");
    world_start(&world);
    request_init(&world, &pinned, false);
    pinned.ask.member = 0;
    etcd_client_ask(world.client, &pinned.ask);
    request_put(&world, &put);
    EXPECT(&world, &put, 10, STORE_DENIED);
    EXPECT(&world, &pinned, 0, STORE_DENIED);
    assert_int_equal(put.ask.attempts, 0);
    assert_non_null(strstr(etcd_client_trouble(world.client), "refuses the user \"alice\""));
    assert_false(etcd_client_is_ready(world.client));
    before = logins(&world);
    world_run(&world, 20000);
    assert_in_range(logins(&world) - before, 4, 12); /* ever more rarely */
    world.hosts[0].password = "wrong";
    request_put(&world, &put);
    world_run(&world, 7500);
    assert_int_equal(put.done, 1);
    etcd_ask_fini(&put.ask);
    assert_true(etcd_client_is_ready(world.client));
    request_put(&world, &put);
    EXPECT(&world, &put, 1, STORE_OK);
    world_fini(&world);
}

static void a_cluster_without_users_needs_no_token(void **state) {
    struct world world;
    struct request put;

    (void)state;
    world_init(&world, 1);
    log_in_as(&world, "secret");
    world_start(&world);
    request_put(&world, &put);
    EXPECT(&world, &put, 10, STORE_OK);
    assert_string_equal(world.hosts[0].last_token, "");
    guard(&world, "first"); /* now it has users */
    request_put(&world, &put);
    EXPECT(&world, &put, 10, STORE_OK);
    assert_int_equal(put.ask.attempts, 2);
    world_fini(&world);
}

static void without_a_user_it_is_denied(void **state) {
    struct world world;
    struct request put;

    (void)state;
    world_init(&world, 1);
    guard(&world, "first");
    world_start(&world);
    request_put(&world, &put);
    EXPECT(&world, &put, 10, STORE_DENIED);
    assert_int_equal(logins(&world), 0);
    world_fini(&world);
}

/* The member dies while it is asked for a token. */
static void a_login_goes_elsewhere_too(void **state) {
    struct world world;
    struct request put;

    (void)state;
    world_init(&world, 2);
    guard(&world, "first");
    log_in_as(&world, "secret");
    world_start(&world);
    request_put(&world, &put);
    world.hosts[0].refuses = true;
    EXPECT(&world, &put, 10, STORE_OK);
    assert_int_equal(world.hosts[1].logins, 1);
    world_fini(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_carry_the_token),
        cmocka_unit_test(a_token_that_ran_out_is_renewed),
        cmocka_unit_test(renewal_has_an_end),
        cmocka_unit_test(a_wrong_password_is_said),
        cmocka_unit_test(a_cluster_without_users_needs_no_token),
        cmocka_unit_test(without_a_user_it_is_denied),
        cmocka_unit_test(a_login_goes_elsewhere_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
