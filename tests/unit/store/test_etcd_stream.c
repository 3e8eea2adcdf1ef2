/* SPDX-License-Identifier: Apache-2.0 */
#include "etcd_world.h"

struct feed {
    struct etcd_stream *stream;
    struct world *world;
    unsigned opens;
    unsigned messages;
    unsigned losses;
    enum store_status status;
    bool close_at_message;
    bool distrust_at_message;
    bool renew_at_message;
};

static void on_open(void *ctx) {
    Etcdserverpb__WatchRequest request = ETCDSERVERPB__WATCH_REQUEST__INIT;
    struct feed *feed = ctx;

    feed->opens++;
    assert_true(etcd_stream_send(feed->stream, &request.base));
}

static void on_message(void *ctx, struct slice bytes) {
    struct feed *feed = ctx;

    (void)bytes;
    feed->messages++;
    if (feed->close_at_message) {
        etcd_stream_close(feed->stream);
        feed->stream = NULL;
    } else if (feed->distrust_at_message) {
        etcd_stream_distrust(feed->stream, "what it says makes no sense");
    } else if (feed->renew_at_message) {
        etcd_stream_renew(feed->stream, "its token is refused");
    }
}

static void on_lost(void *ctx, enum store_status status, struct slice text) {
    struct feed *feed = ctx;

    (void)text;
    feed->losses++;
    feed->status = status;
}

static const struct etcd_stream_events events = {on_open, on_message, on_lost};

static void feed_open(struct world *world, struct feed *feed) {
    *feed = (struct feed){.world = world};
    feed->stream = etcd_stream_open(world->client, ETCD_METHOD_WATCH, &events, feed);
    assert_non_null(feed->stream);
    assert_int_equal(feed->opens, 0);
}

static void say(struct world *world, size_t host) {
    Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;

    assert_non_null(world->hosts[host].watch);
    world_answer(world->hosts[host].watch, &response.base);
    world_run(world, 0);
}

static void a_stream_has_a_connection_of_its_own(void **state) {
    struct world world;
    struct feed feed;
    struct request get;

    (void)state;
    world_init(&world, 1);
    world_start(&world);
    feed_open(&world, &feed);
    world_run(&world, 1);
    assert_int_equal(feed.opens, 1);
    assert_int_equal(world.hosts[0].connects, 2);
    assert_int_equal(world.hosts[0].watch_messages, 1);
    say(&world, 0);
    say(&world, 0);
    assert_int_equal(feed.messages, 2);
    request_get(&world, &get);
    EXPECT(&world, &get, 1, STORE_OK);
    etcd_stream_close(feed.stream);
    world_run(&world, 1);
    assert_null(world.hosts[0].watch);
    assert_int_equal(feed.losses, 0);
    etcd_stream_close(NULL);
    world_fini(&world);
}

static void a_lost_stream_begins_again_elsewhere(void **state) {
    struct world world;
    struct feed feed;

    (void)state;
    world_init(&world, 3);
    world_start(&world);
    feed_open(&world, &feed);
    world_run(&world, 10);
    say(&world, 0);
    world_kill(&world, 0);
    world_run(&world, 1);
    assert_int_equal(feed.losses, 1);
    assert_int_equal(feed.opens, 2);
    assert_int_equal(world.hosts[1].watch_messages, 1);
    say(&world, 1);
    assert_int_equal(feed.messages, 2);
    assert_int_equal(etcd_client_figures(world.client)->streams_lost, 1);
    etcd_stream_close(feed.stream);
    world_fini(&world);
}

/* A stopped process that nobody asks anything is found by the stream's pings. */
static void a_silent_stream_is_pinged(void **state) {
    struct world world;
    struct feed feed;

    (void)state;
    world_init(&world, 2);
    world_start(&world);
    feed_open(&world, &feed);
    world_run(&world, 60000);
    assert_in_range(world.hosts[0].pings, 10, 13);
    assert_int_equal(feed.losses, 0);
    world.hosts[0].silent = true;
    world_run(&world, 6200);
    assert_int_equal(feed.losses, 1);
    assert_int_equal(feed.opens, 2);
    assert_int_equal(world_in_use(&world), 1);
    etcd_stream_close(feed.stream);
    world_fini(&world);
}

static void end_stream(struct world *world, size_t host, enum etcd_error error) {
    world_fail(world->hosts[host].watch, error);
    world_run(world, 0);
}

/* The member says it has no leader any more. */
static void a_stream_leaves_a_member_without_a_leader(void **state) {
    struct world world;
    struct feed feed;

    (void)state;
    world_init(&world, 2);
    world_start(&world);
    feed_open(&world, &feed);
    world_run(&world, 10);
    world.hosts[0].leaderless = true;
    end_stream(&world, 0, ETCD_ERROR_NO_LEADER);
    world_run(&world, 1);
    assert_int_equal(feed.losses, 1);
    assert_int_equal(feed.opens, 2);
    assert_int_equal(world.hosts[1].watches, 1);
    etcd_stream_close(feed.stream);
    world_fini(&world);
}

/* One that ends in trouble again and again is begun ever more rarely. */
static void trouble_is_not_chased(void **state) {
    struct world world;
    struct feed feed;

    (void)state;
    world_init(&world, 1);
    world_start(&world);
    feed_open(&world, &feed);
    for (unsigned i = 0; i < 10000; i++) {
        world_run(&world, 1);
        if (world.hosts[0].watch != NULL) {
            end_stream(&world, 0, ETCD_ERROR_TOO_MANY_REQUESTS);
        }
    }
    assert_in_range(feed.opens, 6, 12);
    assert_int_equal(feed.status, STORE_TOO_MANY_REQUESTS);
    etcd_stream_close(feed.stream);
    world_fini(&world);
}

static void what_makes_no_sense_is_left(void **state) {
    struct world world;
    struct feed feed;

    (void)state;
    world_init(&world, 2);
    world_start(&world);
    feed_open(&world, &feed);
    world_run(&world, 10);
    feed.distrust_at_message = true;
    say(&world, 0);
    world_run(&world, 100);
    assert_int_equal(feed.losses, 1);
    assert_int_equal(feed.status, STORE_PROTOCOL);
    assert_int_equal(feed.opens, 2);
    assert_non_null(world.hosts[1].watch);
    etcd_stream_close(feed.stream);
    world_fini(&world);
}

static void a_stream_may_be_closed_inside_its_events(void **state) {
    Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;
    struct world world;
    struct feed feed;

    (void)state;
    world_init(&world, 1);
    world_start(&world);
    feed_open(&world, &feed);
    world_run(&world, 10);
    feed.close_at_message = true;
    world_answer(world.hosts[0].watch, &response.base);
    world_answer(world.hosts[0].watch, &response.base);
    world_run(&world, 10);
    assert_int_equal(feed.messages, 1);
    assert_int_equal(feed.losses, 0);
    world_fini(&world);
}

/* With an old token a stream is not begun: what it would meet could not be told from a right that is missing. */
static void a_stream_begins_with_a_young_token(void **state) {
    struct world world;
    struct feed feed;

    (void)state;
    world_init(&world, 1);
    world.hosts[0].token = "token";
    world.hosts[0].password = "secret";
    world.config.user = SLICE("alice");
    world.config.password = SLICE("secret");
    world_start(&world);
    feed_open(&world, &feed);
    world_run(&world, 10);
    assert_int_equal(world.hosts[0].logins, 1);
    world_run(&world, 50000);
    world_cut(&world, 0);
    world_run(&world, 100);
    assert_int_equal(world.hosts[0].logins, 1);
    world_run(&world, 50000);
    world_cut(&world, 0);
    world_run(&world, 100);
    assert_int_equal(world.hosts[0].logins, 2);
    assert_int_equal(feed.opens, 3);
    etcd_stream_close(feed.stream);
    world_fini(&world);
}

/* A token that a message of the stream refuses is replaced at once, and the member stays in use. Refused again and again, it
 * is asked for less and less often. */
static void a_refused_token_is_renewed_at_once(void **state) {
    struct world world;
    struct feed feed;

    (void)state;
    world_init(&world, 2);
    world.hosts[0].token = "token";
    world.hosts[0].password = "secret";
    world.config.user = SLICE("alice");
    world.config.password = SLICE("secret");
    world_start(&world);
    feed_open(&world, &feed);
    world_run(&world, 10);
    world.hosts[0].token = "another";
    feed.renew_at_message = true;
    say(&world, 0);
    world_run(&world, 10);
    assert_int_equal(feed.losses, 1);
    assert_int_equal(feed.opens, 2);
    assert_int_equal(world.hosts[0].logins, 2);
    assert_string_equal(world.hosts[0].last_token, "another");
    assert_int_equal(world_in_use(&world), 0);
    for (unsigned i = 0; i < 10000; i++) {
        if (world.hosts[0].watch != NULL) {
            say(&world, 0);
        }
        world_run(&world, 1);
    }
    assert_in_range(world.hosts[0].logins, 5, 20);
    etcd_stream_close(feed.stream);
    world_fini(&world);
}

/* Without a user there is no token to renew: it is the member that errs. */
static void a_refused_token_without_a_user_is_the_members_fault(void **state) {
    struct world world;
    struct feed feed;

    (void)state;
    world_init(&world, 2);
    world_start(&world);
    feed_open(&world, &feed);
    world_run(&world, 10);
    feed.renew_at_message = true;
    say(&world, 0);
    world_run(&world, 100);
    assert_int_equal(feed.losses, 1);
    assert_int_equal(feed.opens, 2);
    assert_int_equal(world_in_use(&world), 1);
    etcd_stream_close(feed.stream);
    world_fini(&world);
}

static void streams_move_to_a_new_connection_in_time(void **state) {
    struct world world;
    struct feed feed;

    (void)state;
    world_init(&world, 1);
    world.config.max_connection_age_ns = 10 * CLOCK_NS_PER_S;
    world_start(&world);
    feed_open(&world, &feed);
    world_run(&world, 35000);
    assert_in_range(feed.opens, 4, 4);
    assert_int_equal(feed.losses, feed.opens - 1);
    assert_int_equal(etcd_client_figures(world.client)->connections_lost, 0);
    etcd_stream_close(feed.stream);
    world_fini(&world);
}

/* The client is freed with a stream open. */
static void freeing_gives_up_streams(void **state) {
    struct world world;
    struct feed feed;
    struct feed unopened;

    (void)state;
    world_init(&world, 1);
    world_start(&world);
    feed_open(&world, &feed);
    world_run(&world, 10);
    feed_open(&world, &unopened);
    world_fini(&world);
    assert_int_equal(feed.losses, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_has_a_connection_of_its_own),
        cmocka_unit_test(a_lost_stream_begins_again_elsewhere),
        cmocka_unit_test(a_silent_stream_is_pinged),
        cmocka_unit_test(a_stream_leaves_a_member_without_a_leader),
        cmocka_unit_test(trouble_is_not_chased),
        cmocka_unit_test(what_makes_no_sense_is_left),
        cmocka_unit_test(a_stream_may_be_closed_inside_its_events),
        cmocka_unit_test(a_stream_begins_with_a_young_token),
        cmocka_unit_test(a_refused_token_is_renewed_at_once),
        cmocka_unit_test(a_refused_token_without_a_user_is_the_members_fault),
        cmocka_unit_test(streams_move_to_a_new_connection_in_time),
        cmocka_unit_test(freeing_gives_up_streams),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
