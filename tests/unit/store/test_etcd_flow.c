/* SPDX-License-Identifier: Apache-2.0 */
#include "etcd_world.h"
#include "store/etcd/flow.h"

/* One request and its many answers. */

enum { PIECE = 1 << 20 };

struct taker {
    struct etcd_flow *flow;
    size_t bytes;
    unsigned messages;
    unsigned ends;
    enum grpc_status status;
    char text[64];
};

static void on_message(void *ctx, struct slice bytes) {
    struct taker *taker = ctx;

    taker->messages++;
    taker->bytes += bytes.size;
}

static void on_end(void *ctx, enum grpc_status status, struct slice text) {
    struct taker *taker = ctx;

    taker->ends++;
    taker->status = status;
    snprintf(taker->text, sizeof(taker->text), "%.*s", (int)text.size, text.data);
}

static const struct etcd_flow_events events = {.on_message = on_message, .on_end = on_end};

static enum store_status take(struct world *world, struct taker *taker) {
    Etcdserverpb__SnapshotRequest request = ETCDSERVERPB__SNAPSHOT_REQUEST__INIT;
    enum store_status status;

    *taker = (struct taker){0};
    taker->flow = etcd_flow_open(world->client, etcd_method_get(ETCD_METHOD_SNAPSHOT), &request.base, SLICE("mine"), 0,
                                 &events, taker, &status);
    world_run(world, 1);
    return taker->flow != NULL ? STORE_OK : status;
}

static void send_piece(struct world *world, struct grpc_stream *stream) {
    memset(grpc_stream_message(stream, PIECE), 's', PIECE);
    world_run(world, 0);
}

static void begin(struct world *world, size_t members) {
    struct request get;

    world_init(world, members);
    world_start(world);
    request_get(world, &get);
    EXPECT(world, &get, 10, STORE_OK);
    world->hosts[0].holds = true;
}

static void answers_come_one_by_one_and_the_end_word_for_word(void **state) {
    struct world world;
    struct taker taker;

    (void)state;
    begin(&world, 1);
    assert_int_equal(take(&world, &taker), STORE_OK);
    assert_string_equal(world.hosts[0].last_token, "mine");
    assert_int_equal(world.hosts[0].held_count, 1);
    send_piece(&world, world.hosts[0].held[0]);
    send_piece(&world, world.hosts[0].held[0]);
    assert_int_equal(taker.messages, 2);
    assert_int_equal(taker.bytes, 2 * PIECE);
    assert_int_equal(taker.ends, 0);
    grpc_stream_finish(world.hosts[0].held[0], GRPC_UNKNOWN, SLICE("auth: permission denied"));
    world_run(&world, 1);
    assert_int_equal(taker.ends, 1);
    assert_int_equal(taker.status, GRPC_UNKNOWN);
    assert_string_equal(taker.text, "auth: permission denied");
    etcd_flow_hold(taker.flow, true); /* too late */
    etcd_flow_close(taker.flow);
    world_fini(&world);
}

static void a_member_waits_while_it_is_told_to(void **state) {
    struct world world;
    struct taker taker;
    struct request get;
    unsigned held;

    (void)state;
    begin(&world, 1);
    assert_int_equal(take(&world, &taker), STORE_OK);
    etcd_flow_hold(taker.flow, true);
    for (int i = 0; i < 40; i++) {
        send_piece(&world, world.hosts[0].held[0]);
    }
    held = taker.messages;
    assert_in_range(held, 1, 10);
    world.hosts[0].holds = false;
    request_get(&world, &get); /* others do not wait */
    EXPECT(&world, &get, 1, STORE_OK);
    etcd_flow_hold(taker.flow, false);
    world_run(&world, 1);
    assert_int_equal(taker.messages, 40);
    etcd_flow_close(taker.flow);
    world_fini(&world);
}

static void what_is_lost_is_not_begun_again(void **state) {
    struct world world;
    struct taker taker;

    (void)state;
    begin(&world, 2);
    assert_int_equal(take(&world, &taker), STORE_OK);
    send_piece(&world, world.hosts[0].held[0]);
    world_kill(&world, 0);
    world_run(&world, 100);
    assert_int_equal(taker.ends, 1);
    assert_int_equal(taker.status, GRPC_UNAVAILABLE);
    assert_int_equal(world.hosts[1].held_count, 0);
    etcd_flow_close(taker.flow);
    world_fini(&world);
}

static void it_may_be_left_and_outlive_the_client(void **state) {
    struct world world;
    struct taker left;
    struct taker taker;

    (void)state;
    begin(&world, 1);
    assert_int_equal(take(&world, &left), STORE_OK);
    etcd_flow_close(left.flow);
    world_run(&world, 1);
    assert_int_equal(left.ends, 0);
    assert_int_equal(take(&world, &taker), STORE_OK);
    world_fini(&world);
    assert_int_equal(taker.ends, 1);
    etcd_flow_close(taker.flow);
    etcd_flow_close(NULL);
}

static void without_a_member_nobody_is_asked(void **state) {
    struct world world;
    struct taker taker;

    (void)state;
    world_init(&world, 1);
    world.hosts[0].refuses = true;
    world_start(&world);
    world_run(&world, 10);
    assert_int_equal(take(&world, &taker), STORE_UNAVAILABLE);
    world_fini(&world);
}

static void without_a_token_it_is_nobodys(void **state) {
    Etcdserverpb__SnapshotRequest request = ETCDSERVERPB__SNAPSHOT_REQUEST__INIT;
    struct taker taker;
    struct world world;
    enum store_status status;

    (void)state;
    begin(&world, 1);
    assert_int_equal(take(&world, &taker), STORE_OK);
    assert_false(world.hosts[0].last_is_nameless);
    etcd_flow_close(taker.flow);
    taker.flow = etcd_flow_open(world.client, etcd_method_get(ETCD_METHOD_SNAPSHOT), &request.base, SLICE(""), 0,
                                &events, &taker, &status);
    assert_non_null(taker.flow);
    world_run(&world, 1);
    assert_true(world.hosts[0].last_is_nameless);
    etcd_flow_close(taker.flow);
    world_fini(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_come_one_by_one_and_the_end_word_for_word),
        cmocka_unit_test(a_member_waits_while_it_is_told_to),
        cmocka_unit_test(what_is_lost_is_not_begun_again),
        cmocka_unit_test(it_may_be_left_and_outlive_the_client),
        cmocka_unit_test(without_a_member_nobody_is_asked),
        cmocka_unit_test(without_a_token_it_is_nobodys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
