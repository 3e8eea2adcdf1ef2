/* SPDX-License-Identifier: Apache-2.0 */
#include "etcd_world.h"

static struct etcd_member member_at(const struct world *world, size_t place) {
    struct etcd_member member;

    etcd_client_member(world->client, place, &member);
    return member;
}

static void members_are_known_and_kept_at_hand(void **state) {
    struct world world;
    struct etcd_member member;

    (void)state;
    world_init(&world, 3);
    world_start(&world);
    etcd_client_start(world.client);
    world_run(&world, 100);
    assert_int_equal(etcd_client_member_count(world.client), 3);
    for (size_t i = 0; i < 3; i++) {
        member = member_at(&world, i);
        assert_int_equal(member.health, ETCD_HEALTH_GOOD);
        assert_int_equal(member.id, 100 + i);
        assert_int_equal(member.in_use, i == 0);
        assert_int_equal(member.leader, i == 1);
        assert_int_equal(member.db_bytes, 1234);
        assert_int_equal(member.revision, 41 + i);
        assert_string_equal(member.version, "3.4.99");
        assert_string_equal(member.name, i == 0 ? "m0" : i == 1 ? "m1" : "m2");
        assert_int_equal(world.hosts[i].connects, 1);
    }
    assert_int_equal(etcd_client_revision(world.client), 43);
    etcd_client_note_revision(world.client, 50);
    assert_int_equal(etcd_client_revision(world.client), 50);
    world_run(&world, 60000);
    assert_in_range(world.hosts[2].statuses, 3, 4);
    assert_int_equal(world.hosts[2].connects, 1);
    world_fini(&world);
}

/* What the cluster says of its members is followed: where they are, and which are gone. */
static void the_list_of_members_is_followed(void **state) {
    struct world world;
    struct request get;

    (void)state;
    world_init(&world, 1);
    world.config.follow_members = true;
    world_start(&world);
    request_get(&world, &get);
    EXPECT(&world, &get, 100, STORE_OK);
    assert_int_equal(etcd_client_member_count(world.client), WORLD_HOSTS);
    world.hosts[0].urls[0] = "http://10.0.0.1:2379";
    world.hosts[0].urls[1] = "http://0.0.0.0:2379"; /* everywhere is nowhere */
    world.hosts[0].urls[2] = "nonsense://";
    world_run(&world, 31000);
    /* The fourth is gone; the second and the third are reached as they were, by what the cluster said before. */
    assert_int_equal(etcd_client_member_count(world.client), 3);
    assert_int_equal(world_in_use(&world), 0);
    world_fini(&world);
}

static void an_empty_list_changes_nothing(void **state) {
    struct world world;
    struct request get;

    (void)state;
    world_init(&world, 2);
    world.config.follow_members = true;
    world.hosts[0].urls[0] = "";
    world_start(&world);
    request_get(&world, &get);
    EXPECT(&world, &get, 100, STORE_OK);
    world.hosts[0].urls[0] = "unix:///tmp/x";
    world_run(&world, 31000);
    request_get(&world, &get);
    EXPECT(&world, &get, 1, STORE_OK);
    assert_in_range(etcd_client_member_count(world.client), 1, 2);
    world_fini(&world);
}

/* The member in use is gone from the list: what was sent there is answered there, the rest elsewhere. */
static void a_member_that_is_gone_ends_what_it_has(void **state) {
    struct world world;
    struct request put;
    struct request get;
    struct request pinned;

    (void)state;
    world_init(&world, 2);
    world.config.follow_members = true;
    world.hosts[0].urls[0] = "http://10.0.0.1:2379";
    world.hosts[0].urls[1] = "http://10.0.0.2:2379";
    world_start(&world);
    request_get(&world, &get);
    EXPECT(&world, &get, 29990, STORE_OK);
    world.hosts[0].urls[0] = "http://10.0.0.3:2379";
    world.hosts[0].holds = true;
    request_put(&world, &put);
    request_init(&world, &pinned, false);
    pinned.ask.member = 0;
    etcd_client_ask(world.client, &pinned.ask);
    world.hosts[0].statuses = 0;
    world_run(&world, 1);
    world_kill(&world, 2);
    /* Its number works, so it is kept under the name it has: only when it fails it is sought elsewhere. */
    world_run(&world, 1000);
    assert_int_equal(world_in_use(&world), 0);
    world_kill(&world, 0);
    EXPECT(&world, &put, 10, STORE_UNKNOWN);
    world.hosts[1].urls[0] = "http://10.0.0.3:2379";
    world.hosts[1].urls[1] = "http://10.0.0.2:2379";
    EXPECT(&world, &pinned, 4000, STORE_TIMEOUT);
    world_run(&world, 30000);
    assert_int_equal(etcd_client_member_count(world.client), 2);
    assert_int_equal(world_in_use(&world), 1);
    world_fini(&world);
}

/* All that was learnt has failed: what is configured is tried too. */
static void what_is_configured_is_not_forgotten(void **state) {
    struct world world;
    struct request get;

    (void)state;
    world_init(&world, 1);
    world.config.follow_members = true;
    world.config.backoff_max_ns = 100 * CLOCK_NS_PER_MS;
    world.hosts[1].urls[0] = "http://10.0.0.2:2379";
    world.hosts[0].urls[0] = "http://10.0.0.1:2379";
    world.hosts[0].urls[1] = "http://10.0.0.2:2379";
    world_start(&world);
    request_get(&world, &get);
    EXPECT(&world, &get, 100, STORE_OK);
    world_kill(&world, 0);
    world_run(&world, 61000); /* the second one's list has no first: it is dropped */
    assert_int_equal(etcd_client_member_count(world.client), 1);
    assert_int_equal(world_in_use(&world), 1);
    world_kill(&world, 1);
    world.hosts[0].refuses = false;
    request_get(&world, &get);
    EXPECT(&world, &get, 1000, STORE_OK);
    assert_int_equal(world_in_use(&world), 0);
    world_fini(&world);
}

static void another_cluster_is_not_used(void **state) {
    struct world world;
    struct request get;

    (void)state;
    world_init(&world, 2);
    world.hosts[1].cluster_id = WORLD_CLUSTER + 1;
    world_start(&world);
    request_get(&world, &get);
    EXPECT(&world, &get, 100, STORE_OK);
    assert_int_equal(member_at(&world, 1).health, ETCD_HEALTH_FAILING);
    assert_non_null(strstr(member_at(&world, 1).trouble, "another cluster"));
    world_kill(&world, 0);
    request_put(&world, &get);
    EXPECT(&world, &get, 5001, STORE_UNAVAILABLE);
    assert_int_equal(world.hosts[1].puts, 0);
    assert_non_null(strstr(etcd_client_trouble(world.client), "another cluster"));
    assert_int_equal(etcd_client_cluster_id(world.client), WORLD_CLUSTER);
    world_fini(&world);
}

/* It was ours when it was met, and is another's now. */
static void an_answer_of_another_cluster_is_not_taken(void **state) {
    struct world world;
    struct request get;
    struct request put;

    (void)state;
    world_init(&world, 2);
    world_start(&world);
    request_get(&world, &get);
    EXPECT(&world, &get, 100, STORE_OK);
    world.hosts[0].cluster_id = WORLD_CLUSTER + 1;
    request_get(&world, &get);
    request_put(&world, &put);
    EXPECT(&world, &get, 100, STORE_OK);
    EXPECT(&world, &put, 0, STORE_UNKNOWN);
    assert_int_equal(world_in_use(&world), 1);
    world_fini(&world);
}

static void a_learner_is_not_used(void **state) {
    struct world world;
    struct request get;

    (void)state;
    world_init(&world, 2);
    world.hosts[0].learner = true;
    world_start(&world);
    request_get(&world, &get);
    EXPECT(&world, &get, 500, STORE_OK);
    assert_int_equal(world_in_use(&world), 1);
    assert_int_equal(world.hosts[0].requests, 0);
    assert_true(member_at(&world, 0).learner);
    world_fini(&world);
}

/* When nobody else can be used, it is asked again what it is: it may be promoted. The connection may be lost meanwhile. */
static void a_learner_is_used_once_it_is_promoted(void **state) {
    struct world world;
    struct request get;

    (void)state;
    world_init(&world, 2);
    world.hosts[0].learner = true;
    world.hosts[1].refuses = true;
    world_start(&world);
    etcd_client_start(world.client);
    world_run(&world, 20000);
    assert_false(etcd_client_is_ready(world.client));
    assert_in_range(world.hosts[0].statuses, 3, 100);
    world_cut(&world, 0);
    world_run(&world, 20000);
    assert_in_range(world.hosts[0].connects, 2, 3);
    world.hosts[0].learner = false;
    world_run(&world, 20000);
    assert_true(etcd_client_is_ready(world.client));
    request_get(&world, &get);
    EXPECT(&world, &get, 1, STORE_OK);
    world_fini(&world);
}

/* A member that cannot be reached is tried more and more rarely, up to backoff_max, with jitter. */
static void a_dead_member_is_tried_ever_more_rarely(void **state) {
    struct world world;
    unsigned connects;

    (void)state;
    world_init(&world, 2);
    world.hosts[1].refuses = true;
    world_start(&world);
    etcd_client_start(world.client);
    world_run(&world, 5000);
    connects = world.hosts[1].connects;
    assert_in_range(connects, 6, 11); /* after 25, 50, 100, ... ms */
    assert_int_equal(member_at(&world, 1).failures, connects);
    assert_string_equal(member_at(&world, 1).trouble, "connection refused");
    world_run(&world, 100000);
    assert_in_range(world.hosts[1].connects - connects, 13, 40); /* every 5 s, half to one and a half */
    world.hosts[1].refuses = false;
    world_run(&world, 7600);
    assert_int_equal(member_at(&world, 1).health, ETCD_HEALTH_GOOD);
    assert_string_equal(member_at(&world, 1).trouble, "");
    assert_int_equal(world_in_use(&world), 0);
    world_fini(&world);
}

/* The whole cluster is away for a minute: the first answer comes soon after it is back. */
static void a_cluster_that_comes_back_is_found_soon(void **state) {
    struct world world;
    struct request get;
    int64_t back_ns;

    (void)state;
    world_init(&world, 3);
    world_start(&world);
    request_get(&world, &get);
    EXPECT(&world, &get, 1, STORE_OK);
    for (size_t i = 0; i < 3; i++) {
        world_kill(&world, i);
    }
    world_run(&world, 60000);
    assert_true(world.connection_count < 100); /* nobody waits, so there is no hurry */
    assert_false(etcd_client_is_ready(world.client));
    assert_non_null(strstr(etcd_client_trouble(world.client), "http://10.0.0.3:2379: connection refused"));
    request_get(&world, &get);
    world_run(&world, 1000);
    world.hosts[1].refuses = false;
    back_ns = world.now_ns;
    EXPECT(&world, &get, 1000, STORE_OK);
    assert_true(get.done_ns - back_ns <= 700 * CLOCK_NS_PER_MS);
    world_fini(&world);
}

/* A member that is tried again and again because there is nothing better has not answered: the cluster is not ready. */
static void a_cluster_without_a_leader_is_not_ready(void **state) {
    struct world world;
    struct request get;

    (void)state;
    world_init(&world, 3);
    world_start(&world);
    request_get(&world, &get);
    EXPECT(&world, &get, 1, STORE_OK);
    assert_true(etcd_client_is_ready(world.client));
    for (size_t i = 0; i < 3; i++) {
        world.hosts[i].leaderless = true;
    }
    request_get(&world, &get);
    world_run(&world, 200);
    for (unsigned i = 0; i < 1000; i++) {
        world_run(&world, 7);
        assert_false(etcd_client_is_ready(world.client));
        assert_non_null(strstr(etcd_client_trouble(world.client), "no member can be used"));
    }
    assert_true(get.done);
    etcd_ask_fini(&get.ask);
    for (size_t i = 0; i < 3; i++) {
        world.hosts[i].leaderless = false;
    }
    request_get(&world, &get);
    EXPECT(&world, &get, 1000, STORE_OK);
    assert_true(etcd_client_is_ready(world.client));
    world_fini(&world);
}

/* Nobody asks for anything while the leader is away and after: that the cluster can be used again is found out all the
 * same, long before its members are asked for. */
static void a_leader_that_comes_back_is_noticed_by_itself(void **state) {
    struct world world;
    struct request get;

    (void)state;
    world_init(&world, 3);
    world_start(&world);
    request_get(&world, &get);
    EXPECT(&world, &get, 1, STORE_OK);
    for (size_t i = 0; i < 3; i++) {
        world.hosts[i].leaderless = true;
    }
    request_get(&world, &get);
    world_run(&world, 8000);
    assert_true(get.done);
    etcd_ask_fini(&get.ask);
    assert_false(etcd_client_is_ready(world.client));
    for (size_t i = 0; i < 3; i++) {
        world.hosts[i].leaderless = false;
    }
    world_run(&world, 3000);
    assert_true(etcd_client_is_ready(world.client));
    world_fini(&world);
}

/* A connection that takes long gets a rival. */
static void a_slow_connection_is_overtaken(void **state) {
    struct world world;
    struct request get;
    int64_t begun_ns;

    (void)state;
    world_init(&world, 3);
    world.hosts[0].silent = true;
    world_start(&world);
    begun_ns = world.now_ns;
    request_get(&world, &get);
    EXPECT(&world, &get, 1000, STORE_OK);
    assert_int_equal(get.done_ns - begun_ns, 100 * CLOCK_NS_PER_MS);
    world_fini(&world);
}

/* Connects, but does not say who it is. */
static void a_member_must_say_who_it_is(void **state) {
    struct world world;
    struct request get;

    (void)state;
    world_init(&world, 1);
    world.hosts[0].no_status = true;
    world_start(&world);
    request_get(&world, &get);
    EXPECT(&world, &get, 5000, STORE_UNAVAILABLE);
    assert_int_equal(world.hosts[0].requests, 0);
    assert_non_null(strstr(etcd_client_trouble(world.client), "it does not say its status in time"));
    world_fini(&world);
}

static void any_member_may_be_the_first(void **state) {
    unsigned firsts = 0;

    (void)state;
    for (unsigned seed = 0; seed < 40; seed++) {
        struct world world;
        struct request get;

        world_init(&world, 3);
        world.config.seed = seed;
        world.config.shuffle = true;
        world_start(&world);
        request_get(&world, &get);
        EXPECT(&world, &get, 1, STORE_OK);
        firsts |= 1U << world_in_use(&world);
        assert_true(etcd_client_draw_lease(world.client) > 0);
        world_fini(&world);
    }
    assert_int_equal(firsts, 7);
}

static void there_may_be_no_endpoint(void **state) {
    struct world world;
    struct request get;

    (void)state;
    world_init(&world, 0);
    world_start(&world);
    request_get(&world, &get);
    EXPECT(&world, &get, 5001, STORE_UNAVAILABLE);
    assert_string_equal(etcd_client_trouble(world.client), "no endpoint of the cluster is known");
    world_fini(&world);
}

static void a_name_does_nothing_to_a_terminal(void **state) {
    struct etcd_member member;
    struct world world;

    (void)state;
    world_init(&world, 1);
    world.hosts[0].name = "a\x1b[31m\nb\x7f\xc3\xa4";
    world_start(&world);
    etcd_client_start(world.client);
    world_run(&world, 100);
    etcd_client_member(world.client, 0, &member);
    assert_string_equal(member.name, "a?[31m?b?\xc3\xa4");
    world_fini(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_known_and_kept_at_hand),
        cmocka_unit_test(a_name_does_nothing_to_a_terminal),
        cmocka_unit_test(the_list_of_members_is_followed),
        cmocka_unit_test(an_empty_list_changes_nothing),
        cmocka_unit_test(a_member_that_is_gone_ends_what_it_has),
        cmocka_unit_test(what_is_configured_is_not_forgotten),
        cmocka_unit_test(another_cluster_is_not_used),
        cmocka_unit_test(an_answer_of_another_cluster_is_not_taken),
        cmocka_unit_test(a_learner_is_not_used),
        cmocka_unit_test(a_learner_is_used_once_it_is_promoted),
        cmocka_unit_test(a_dead_member_is_tried_ever_more_rarely),
        cmocka_unit_test(a_cluster_that_comes_back_is_found_soon),
        cmocka_unit_test(a_cluster_without_a_leader_is_not_ready),
        cmocka_unit_test(a_leader_that_comes_back_is_noticed_by_itself),
        cmocka_unit_test(a_slow_connection_is_overtaken),
        cmocka_unit_test(a_member_must_say_who_it_is),
        cmocka_unit_test(any_member_may_be_the_first),
        cmocka_unit_test(there_may_be_no_endpoint),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
