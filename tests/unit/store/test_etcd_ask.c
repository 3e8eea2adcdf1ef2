/* SPDX-License-Identifier: Apache-2.0 */
#include "etcd_world.h"

static void a_request_is_answered(void **state) {
    struct world world;
    struct request get;
    struct request put;

    (void)state;
    world_init(&world, 3);
    world_start(&world);
    world_run(&world, 1000);
    assert_int_equal(world.connection_count, 0); /* nobody has asked anything */
    request_get(&world, &get);
    request_put(&world, &put);
    assert_int_equal(get.done, 0);
    EXPECT(&world, &get, 1, STORE_OK);
    EXPECT(&world, &put, 0, STORE_OK);
    assert_int_equal(get.ask.attempts, 1);
    assert_false(get.ask.repeated);
    assert_int_equal(world_in_use(&world), 0);
    assert_true(world.hosts[0].last_needs_leader);
    assert_in_range(world.hosts[0].last_timeout_ns, 4999 * CLOCK_NS_PER_MS, 5000 * CLOCK_NS_PER_MS);
    assert_int_equal(etcd_client_cluster_id(world.client), WORLD_CLUSTER);
    assert_true(etcd_client_is_ready(world.client));
    assert_string_equal(etcd_client_trouble(world.client), "");
    assert_int_equal(etcd_client_figures(world.client)->requests[ETCD_METHOD_KV_PUT][ETCD_RESULT_OK].count, 1);
    assert_int_equal(etcd_client_figures(world.client)->waiting, 0);
    world_fini(&world);
}

/* Requests one after the other: one write each, and no timer is set for them. */
static void a_request_costs_one_write(void **state) {
    struct world world;
    struct request get;
    unsigned wakes;

    (void)state;
    world_init(&world, 1);
    world_start(&world);
    request_get(&world, &get);
    EXPECT(&world, &get, 0, STORE_OK);
    wakes = world.wakes;
    world.writes = 0;
    for (unsigned i = 0; i < 100; i++) {
        request_get(&world, &get);
        EXPECT(&world, &get, 0, STORE_OK);
    }
    assert_in_range(world.writes, 100, 110); /* and some updates of windows */
    assert_in_range(world.wakes, wakes, wakes + 1);
    world_fini(&world);
}

/* The one in use is killed: the next answers at once. */
static void a_read_goes_elsewhere_when_its_member_dies(void **state) {
    struct world world;
    struct request get;

    (void)state;
    world_init(&world, 3);
    world.hosts[0].holds = true;
    world_start(&world);
    request_get(&world, &get);
    world_run(&world, 10);
    assert_int_equal(get.done, 0);
    assert_int_equal(world.hosts[0].held_count, 1);
    world_kill(&world, 0);
    EXPECT(&world, &get, 1, STORE_OK);
    assert_int_equal(get.ask.attempts, 2);
    assert_true(get.ask.repeated);
    assert_int_equal(world_in_use(&world), 1);
    assert_int_equal(etcd_client_figures(world.client)->failovers, 1);
    assert_int_equal(etcd_client_figures(world.client)->retries, 1);
    assert_int_equal(etcd_client_figures(world.client)->connections_lost, 1);
    world_fini(&world);
}

static void a_write_in_doubt_is_not_sent_again(void **state) {
    struct world world;
    struct request put;
    struct request next;

    (void)state;
    world_init(&world, 3);
    world.hosts[0].drops_at_put = true;
    world_start(&world);
    world_prove(&world);
    request_put(&world, &put);
    EXPECT(&world, &put, 1, STORE_UNKNOWN);
    assert_int_equal(put.ask.attempts, 1);
    request_put(&world, &next);
    EXPECT(&world, &next, 1, STORE_OK);
    assert_int_equal(world.hosts[0].puts + world.hosts[1].puts + world.hosts[2].puts, 2);
    assert_int_equal(etcd_client_figures(world.client)->unknown, 1);
    world_fini(&world);
}

/* Of what no byte has left, nothing can have been done. */
static void a_write_that_never_left_is_sent_again(void **state) {
    struct world world;
    struct request put;
    struct request get;

    (void)state;
    world_init(&world, 2);
    world_start(&world);
    request_get(&world, &get);
    EXPECT(&world, &get, 1, STORE_OK);
    world.hosts[0].breaks = true;
    world.hosts[0].refuses = true;
    request_put(&world, &put);
    EXPECT(&world, &put, 1, STORE_OK);
    assert_int_equal(world.hosts[0].puts, 0);
    assert_int_equal(world.hosts[1].puts, 1);
    assert_false(put.ask.repeated);
    world_fini(&world);
}

/* Of what may have left, although the write failed, nobody knows. */
static void a_write_that_may_have_left_is_not_sent_again(void **state) {
    struct world world;
    struct request put;

    (void)state;
    world_init(&world, 2);
    world_start(&world);
    world_prove(&world);
    world.hosts[0].tears = true;
    world.hosts[0].refuses = true;
    request_put(&world, &put);
    EXPECT(&world, &put, 1, STORE_UNKNOWN);
    assert_int_equal(world.hosts[1].puts, 0);
    world_fini(&world);
}

static void drain_all(struct world *world, size_t host) {
    for (size_t i = 0; i < world->connection_count; i++) {
        if (world->connections[i]->host == &world->hosts[host] && world->connections[i]->link != NULL) {
            bool more;

            grpc_server_drain(world->connections[i]->server);
            assert_true(grpc_server_write(world->connections[i]->server, &world->connections[i]->out, 1 << 20, &more));
        }
    }
}

/* GOAWAY: what the server has taken is answered there, what it has not is sent again, a write too. */
static void goaway_loses_nothing(void **state) {
    struct world world;
    struct request taken;
    struct request late;

    (void)state;
    world_init(&world, 1);
    world_start(&world);
    world_prove(&world);
    world.hosts[0].holds = true;
    request_put(&world, &taken);
    world_run(&world, 1);
    drain_all(&world, 0);
    world.hosts[0].holds = false;
    request_put(&world, &late); /* crosses the GOAWAY */
    EXPECT(&world, &late, 1, STORE_OK);
    assert_int_equal(world.hosts[0].connects, 2);
    assert_int_equal(taken.done, 0);
    world_answer_request(world.connections[0], world.hosts[0].held[0]);
    EXPECT(&world, &taken, 1, STORE_OK);
    assert_int_equal(taken.ask.attempts, 1);
    assert_int_equal(world.hosts[0].puts, 2);
    assert_int_equal(etcd_client_figures(world.client)->connections_lost, 0);
    world_fini(&world);
}

/* A member that answers pings but no requests, as one that is cut off from its leader. */
static void a_member_that_does_not_answer_is_left(void **state) {
    struct world world;
    struct request get;
    struct request put;
    struct request after;
    int64_t begun_ns;

    (void)state;
    world_init(&world, 3);
    world_start(&world);
    world_prove(&world);
    world.hosts[0].holds = true;
    begun_ns = world.now_ns;
    request_get(&world, &get);
    request_put(&world, &put);
    world_run(&world, 1900);
    assert_int_equal(get.done, 0);
    EXPECT(&world, &get, 200, STORE_OK);
    assert_int_equal(get.done_ns - begun_ns, 2000 * CLOCK_NS_PER_MS);
    assert_int_equal(world_in_use(&world), 1);
    assert_int_equal(put.done, 0); /* its answer may still come */
    request_put(&world, &after);
    EXPECT(&world, &after, 1, STORE_OK);
    EXPECT(&world, &put, 3000, STORE_UNKNOWN);
    assert_int_equal(put.done_ns - begun_ns, 5000 * CLOCK_NS_PER_MS);
    assert_int_equal(put.ask.attempts, 1);
    world_fini(&world);
}

static void a_late_answer_of_a_write_counts(void **state) {
    struct world world;
    struct request put;

    (void)state;
    world_init(&world, 2);
    world_start(&world);
    world_prove(&world);
    world.hosts[0].holds = true;
    request_put(&world, &put);
    world_run(&world, 3000);
    assert_int_equal(world.hosts[0].held_count, 2); /* the write, and a read that asks whether it serves again */
    world.hosts[0].holds = false;
    while (world.hosts[0].held_count > 0) {
        world_answer_request(world.connections[0], world.hosts[0].held[0]);
        world_run(&world, 1);
    }
    EXPECT(&world, &put, 1, STORE_OK);
    world_fini(&world);
}

/* A request that takes long, of a member that answers others meanwhile, is no reason to leave it. */
static void a_slow_request_is_not_a_slow_member(void **state) {
    struct world world;
    struct request slow;
    struct request quick;

    (void)state;
    world_init(&world, 2);
    world.hosts[0].holds = true;
    world_start(&world);
    request_get(&world, &slow);
    world_run(&world, 1000);
    world.hosts[0].holds = false;
    request_get(&world, &quick);
    EXPECT(&world, &quick, 1, STORE_OK);
    world_run(&world, 3000);
    assert_int_equal(world_in_use(&world), 0);
    assert_int_equal(slow.done, 0);
    world_answer_request(world.connections[0], world.hosts[0].held[0]);
    EXPECT(&world, &slow, 1, STORE_OK);
    assert_int_equal(slow.ask.attempts, 1);
    world_fini(&world);
}

/* What was not looked at says nothing of the member: it is asked again on the next connection. */
static void goaway_over_a_probe_is_no_failure(void **state) {
    struct world world;
    struct request put;

    (void)state;
    world_init(&world, 1);
    world_start(&world);
    etcd_client_start(world.client);
    world_run(&world, 100);
    drain_all(&world, 0);
    request_put(&world, &put);
    EXPECT(&world, &put, 1, STORE_OK);
    assert_int_equal(world.hosts[0].connects, 2);
    assert_int_equal(world.hosts[0].puts, 1);
    assert_int_equal(etcd_client_figures(world.client)->failovers, 0);
    world_fini(&world);
}

static void refuse_held(struct world *world, enum grpc_status status, const char *text) {
    assert_int_equal(world->hosts[0].held_count, 1);
    grpc_stream_finish(world->hosts[0].held[0], status, slice_from_string(text));
}

/* No other member has a smaller one. What a write has done nobody can say. */
static void an_answer_that_is_too_large_is_not_asked_for_again(void **state) {
    static const char text[] = "trying to send message larger than max (3 vs. 2)";
    struct world world;
    struct request get;
    struct request put;

    (void)state;
    world_init(&world, 2);
    world_start(&world);
    world_prove(&world);
    world.hosts[0].holds = true;
    request_get(&world, &get);
    world_run(&world, 10);
    refuse_held(&world, GRPC_RESOURCE_EXHAUSTED, text);
    EXPECT(&world, &get, 10, STORE_TOO_LARGE);
    assert_int_equal(get.ask.attempts, 1);
    request_put(&world, &put);
    world_run(&world, 10);
    refuse_held(&world, GRPC_RESOURCE_EXHAUSTED, text);
    EXPECT(&world, &put, 10, STORE_UNKNOWN);
    assert_int_equal(put.ask.attempts, 1);
    world_fini(&world);
}

/* An election of a second: nothing is lost, and the first answer comes soon after it. */
static void without_a_leader_requests_wait(void **state) {
    struct world world;
    struct request put;
    struct request many[100];
    int64_t end_ns;
    unsigned asked;

    (void)state;
    world_init(&world, 3);
    world_start(&world);
    request_put(&world, &put);
    EXPECT(&world, &put, 1, STORE_OK);
    for (size_t i = 0; i < 3; i++) {
        world.hosts[i].leaderless = true;
        world.hosts[i].requests = 0;
    }
    for (size_t i = 0; i < 100; i++) {
        (i % 2 == 0 ? request_get : request_put)(&world, &many[i]);
    }
    world_run(&world, 1000);
    asked = world.hosts[0].requests + world.hosts[1].requests + world.hosts[2].requests;
    for (size_t i = 0; i < 3; i++) {
        world.hosts[i].leaderless = false;
    }
    end_ns = world.now_ns;
    assert_in_range(asked, 50, 16 * 150); /* often enough, but not all each time */
    for (size_t i = 0; i < 100; i++) {
        EXPECT(&world, &many[i], i == 0 ? 200 : 0, STORE_OK);
        assert_true(many[i].done_ns - end_ns <= 100 * CLOCK_NS_PER_MS);
    }
    world_fini(&world);
}

/* A member that has not answered yet, and one that may still believe in a leader that is gone, gets a read first. */
static void a_write_is_not_risked_on_a_doubtful_member(void **state) {
    struct world world;
    struct request put;

    (void)state;
    world_init(&world, 3);
    world.hosts[0].holds = true;
    world_start(&world);
    request_put(&world, &put);
    world_run(&world, 1999);
    assert_int_equal(world.hosts[0].requests, 1);
    assert_int_equal(world.hosts[0].puts, 0);
    EXPECT(&world, &put, 2, STORE_OK); /* by another */
    world.hosts[0].holds = false;
    world_prove(&world);
    assert_int_equal(world_in_use(&world), 1);
    world_run(&world, 2000);
    request_put(&world, &put);
    EXPECT(&world, &put, 1, STORE_OK);
    etcd_client_free(world.client);
    world.client = etcd_client_new(&world.config, &world_io, &world);
    world_prove(&world);
    world_run(&world, 100);
    assert_int_equal(world_in_use(&world), 0);
    world.hosts[0].requests = 0;
    world.hosts[0].holds = true;
    world_kill(&world, 1); /* the leader, which is not in use */
    world_run(&world, 1);
    request_put(&world, &put);
    world_run(&world, 1000);
    assert_int_equal(world.hosts[0].requests, 1);
    assert_int_equal(world.hosts[0].held_count, 1);
    world.hosts[0].holds = false;
    world_answer_request(world_connection(&world, 0), world.hosts[0].held[0]);
    EXPECT(&world, &put, 1, STORE_OK);
    assert_int_equal(put.ask.attempts, 1);
    world_fini(&world);
}

/* Sent there, it would be lost, and the member's whole time with it. */
static void nor_one_that_may_be_repeated(void **state) {
    struct world world;
    struct request put;

    (void)state;
    world_init(&world, 1);
    world.hosts[0].holds = true;
    world_start(&world);
    request_init(&world, &put, true);
    put.ask.repeat = ETCD_REPEAT;
    etcd_client_ask(world.client, &put.ask);
    world_run(&world, 10);
    assert_int_equal(world.hosts[0].requests, 1); /* the probe */
    assert_int_equal(world.hosts[0].puts, 0);
    world.hosts[0].holds = false;
    world_answer_request(world.connections[0], world.hosts[0].held[0]);
    EXPECT(&world, &put, 1, STORE_OK);
    assert_int_equal(put.ask.attempts, 1);
    world_fini(&world);
}

static void errors_before_a_proposal_are_borne(void **state) {
    struct world world;
    struct request put;

    (void)state;
    world_init(&world, 1);
    world_start(&world);
    world_prove(&world);
    world.hosts[0].error = ETCD_ERROR_TOO_MANY_REQUESTS;
    world.hosts[0].error_times = 3;
    request_put(&world, &put);
    EXPECT(&world, &put, 1000, STORE_OK);
    assert_int_equal(put.ask.attempts, 4);
    assert_false(put.ask.repeated);
    world.hosts[0].error_times = 1000000;
    request_put(&world, &put);
    EXPECT(&world, &put, 5000, STORE_TOO_MANY_REQUESTS);
    assert_int_equal(put.ask.error, ETCD_ERROR_TOO_MANY_REQUESTS);
    world.hosts[0].error = ETCD_ERROR_NO_SPACE;
    request_put(&world, &put);
    EXPECT(&world, &put, 1, STORE_NO_SPACE);
    assert_int_equal(put.ask.attempts, 1);
    world.hosts[0].error = ETCD_ERROR_TIMEOUT;
    world.hosts[0].error_times = 1;
    request_put(&world, &put);
    EXPECT(&world, &put, 1, STORE_UNKNOWN);
    world_fini(&world);
}

static void deadlines_are_kept(void **state) {
    struct world world;
    struct request get;
    struct request put;
    struct request unsent;

    (void)state;
    world_init(&world, 1);
    world_start(&world);
    world_prove(&world);
    world.hosts[0].holds = true;
    request_init(&world, &get, false);
    get.ask.deadline_ns = world.now_ns + 700 * CLOCK_NS_PER_MS;
    etcd_client_ask(world.client, &get.ask);
    request_init(&world, &put, true);
    put.ask.deadline_ns = world.now_ns + 700 * CLOCK_NS_PER_MS;
    etcd_client_ask(world.client, &put.ask);
    EXPECT(&world, &get, 700, STORE_TIMEOUT);
    EXPECT(&world, &put, 0, STORE_UNKNOWN);
    assert_int_equal(world.hosts[0].held_count, 0); /* the member was told */
    world_kill(&world, 0);
    world_run(&world, 1);
    request_put(&world, &unsent);
    world_run(&world, 4990);
    assert_int_equal(unsent.done, 0);
    world_run(&world, 20);
    assert_int_equal(unsent.ask.status, STORE_UNAVAILABLE);
    assert_int_equal(unsent.ask.attempts, 0);
    assert_non_null(memmem(unsent.ask.text.data, unsent.ask.text.size, "10.0.0.1:2379: connection refused", 33));
    etcd_ask_fini(&unsent.ask);
    world_fini(&world);
}

/* No member but that one, with or without a leader where that does not matter. */
static void a_member_can_be_asked_by_itself(void **state) {
    struct world world;
    struct request get;

    (void)state;
    world_init(&world, 2);
    world_start(&world);
    etcd_client_start(world.client);
    world_run(&world, 100);
    world.hosts[1].leaderless = true;
    request_init(&world, &get, false);
    get.range.serializable = true;
    get.ask.member = 1;
    etcd_client_ask(world.client, &get.ask);
    EXPECT(&world, &get, 1, STORE_OK);
    assert_int_equal(world.hosts[1].requests, 1);
    assert_false(world.hosts[1].last_needs_leader);
    request_init(&world, &get, false);
    get.ask.member = 1;
    etcd_client_ask(world.client, &get.ask);
    EXPECT(&world, &get, 5000, STORE_UNAVAILABLE);
    assert_int_equal(get.ask.error, ETCD_ERROR_NO_LEADER);
    assert_int_equal(world.hosts[0].requests, 0);
    request_init(&world, &get, false);
    get.ask.member = 7;
    etcd_client_ask(world.client, &get.ask);
    assert_int_equal(get.done, 0);
    EXPECT(&world, &get, 1, STORE_UNAVAILABLE);
    world_fini(&world);
}

/* In the order they came, no more than may be under way. */
static void requests_wait_their_turn(void **state) {
    static struct request many[ETCD_IN_FLIGHT_MAX];
    struct world world;

    (void)state;
    world_init(&world, 1);
    world.hosts[0].holds = true;
    world_start(&world);
    for (size_t i = 0; i < 40; i++) {
        request_get(&world, &many[i]);
    }
    world_run(&world, 1);
    assert_int_equal(world.hosts[0].held_count, 16); /* it is not known yet whether it answers at all */
    world_answer_request(world.connections[0], world.hosts[0].held[0]);
    world_run(&world, 1);
    assert_int_equal(world.hosts[0].held_count, 39);
    assert_int_equal(many[0].done, 1);
    world.hosts[0].holds = false;
    while (world.hosts[0].held_count > 0) {
        world_answer_request(world.connections[0], world.hosts[0].held[0]);
        world_run(&world, 0);
    }
    for (size_t i = 0; i < 40; i++) {
        EXPECT(&world, &many[i], 0, STORE_OK);
    }
    world_fini(&world);
}

static void more_than_the_queue_holds_is_refused(void **state) {
    struct request *many = calloc(ETCD_QUEUE_MAX + 1, sizeof(*many));
    struct world world;

    (void)state;
    assert_non_null(many);
    world_init(&world, 1);
    world.hosts[0].silent = true;
    world_start(&world);
    for (size_t i = 0; i <= ETCD_QUEUE_MAX; i++) {
        request_put(&world, &many[i]);
    }
    assert_int_equal(many[ETCD_QUEUE_MAX].done, 0);
    world_run(&world, 1);
    assert_int_equal(many[ETCD_QUEUE_MAX].done, 1);
    assert_int_equal(many[ETCD_QUEUE_MAX].ask.status, STORE_TOO_MANY_REQUESTS);
    assert_int_equal(many[0].done, 0);
    assert_int_equal(etcd_client_figures(world.client)->waiting, ETCD_QUEUE_MAX);
    world_run(&world, 6000);
    for (size_t i = 0; i < ETCD_QUEUE_MAX; i++) {
        assert_int_equal(many[i].ask.status, STORE_UNAVAILABLE);
        etcd_ask_fini(&many[i].ask);
    }
    world_fini(&world);
    free(many);
}

static void a_request_can_be_forgotten(void **state) {
    struct request requests[4];
    struct world world;

    (void)state;
    world_init(&world, 1);
    world_start(&world);
    world_prove(&world);
    world.hosts[0].holds = true;
    request_put(&world, &requests[0]);
    request_put(&world, &requests[1]);
    world_run(&world, 1);
    etcd_client_forget(world.client, &requests[0].ask); /* on its way */
    request_init(&world, &requests[2], false);
    requests[2].ask.member = 9;
    etcd_client_ask(world.client, &requests[2].ask);
    etcd_client_forget(world.client, &requests[2].ask); /* refused, not told */
    world_kill(&world, 0);
    world_run(&world, 1);
    request_put(&world, &requests[3]);
    etcd_client_forget(world.client, &requests[3].ask); /* waits */
    etcd_client_forget(world.client, &requests[3].ask);
    world_run(&world, 6000);
    assert_int_equal(requests[0].done + requests[2].done + requests[3].done, 0);
    assert_int_equal(requests[1].done, 1);
    assert_int_equal(etcd_client_figures(world.client)->waiting, 0);
    for (size_t i = 0; i < 4; i++) {
        etcd_ask_fini(&requests[i].ask);
    }
    world_fini(&world);
}

static void freeing_ends_everything(void **state) {
    struct request sent;
    struct request read;
    struct request waiting;
    struct world world;

    (void)state;
    world_init(&world, 2);
    world_start(&world);
    world.hosts[1].silent = true;
    world_prove(&world);
    world.hosts[0].holds = true;
    request_put(&world, &sent);
    request_get(&world, &read);
    request_init(&world, &waiting, true);
    waiting.ask.member = 1; /* which cannot be reached */
    etcd_client_ask(world.client, &waiting.ask);
    world_run(&world, 1);
    world_fini(&world);
    assert_int_equal(sent.ask.status, STORE_UNKNOWN);
    assert_int_equal(read.ask.status, STORE_CLOSED);
    assert_int_equal(waiting.ask.status, STORE_CLOSED);
    etcd_ask_fini(&sent.ask);
    etcd_ask_fini(&read.ask);
    assert_int_equal(waiting.done, 1);
    etcd_ask_fini(&waiting.ask);
    etcd_client_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_answered),
        cmocka_unit_test(a_request_costs_one_write),
        cmocka_unit_test(a_write_that_may_have_left_is_not_sent_again),
        cmocka_unit_test(a_read_goes_elsewhere_when_its_member_dies),
        cmocka_unit_test(a_write_in_doubt_is_not_sent_again),
        cmocka_unit_test(a_write_that_never_left_is_sent_again),
        cmocka_unit_test(goaway_loses_nothing),
        cmocka_unit_test(goaway_over_a_probe_is_no_failure),
        cmocka_unit_test(a_member_that_does_not_answer_is_left),
        cmocka_unit_test(a_late_answer_of_a_write_counts),
        cmocka_unit_test(a_slow_request_is_not_a_slow_member),
        cmocka_unit_test(an_answer_that_is_too_large_is_not_asked_for_again),
        cmocka_unit_test(without_a_leader_requests_wait),
        cmocka_unit_test(a_write_is_not_risked_on_a_doubtful_member),
        cmocka_unit_test(nor_one_that_may_be_repeated),
        cmocka_unit_test(errors_before_a_proposal_are_borne),
        cmocka_unit_test(deadlines_are_kept),
        cmocka_unit_test(a_member_can_be_asked_by_itself),
        cmocka_unit_test(requests_wait_their_turn),
        cmocka_unit_test(more_than_the_queue_holds_is_refused),
        cmocka_unit_test(a_request_can_be_forgotten),
        cmocka_unit_test(freeing_ends_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
