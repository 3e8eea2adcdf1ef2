/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/etcd/internal.h"
#include "store/etcd/kv.h"

/* Which writes are put together. What lies above and below is the test's own: it takes note of what goes out. */

enum { CALLS_MAX = 64, UNDER_WAY_MAX = 4 /* of etcd_merge.c */ };

static struct {
    struct etcd_store store;
    struct etcd_store_call calls[CALLS_MAX];
    size_t call_count;
    struct etcd_store_call *alone[CALLS_MAX]; /* that were sent, or ended, one by one */
    size_t alone_count;
    struct store_call *batches[CALLS_MAX];
    size_t batch_count;
    struct etcd_store_call *ended[CALLS_MAX];
    size_t ended_count;
} world;

static char thing;

void etcd_call_ask(struct etcd_store_call *c) {
    assert_true(world.alone_count < CALLS_MAX);
    world.alone[world.alone_count++] = c;
}

void etcd_call_end(struct etcd_store_call *c) {
    world.ended[world.ended_count++] = c;
}

void etcd_call_pump(struct etcd_store *s) {
    etcd_merge_settle(s);
}

void etcd_kv_submit(struct etcd_client *client, struct store_call *call) {
    (void)client;
    world.batches[world.batch_count++] = call;
}

struct etcd_client *etcd_driver_client(struct etcd_driver *driver) {
    (void)driver;
    return (struct etcd_client *)(void *)&thing;
}

const struct etcd_store *etcd_store_cluster_of(const struct store *store) {
    return (const struct etcd_store *)(const void *)store;
}

struct timer *timer_new(struct loop *loop, void (*on_due)(void *ctx), void *ctx) {
    (void)loop;
    (void)on_due;
    (void)ctx;
    return (struct timer *)(void *)&thing;
}

bool timer_running(const struct timer *timer) {
    (void)timer;
    return true;
}

void timer_start(struct timer *timer, int64_t delay_ns, int64_t repeat_ns) {
    (void)timer;
    (void)delay_ns;
    (void)repeat_ns;
}

/* So many are under way that what comes waits. */
static int begin(void **state) {
    (void)state;
    memset(&world, 0, sizeof(world));
    assert_true(etcd_merge_init(&world.store));
    world.store.driver = (struct etcd_driver *)(void *)&thing;
    world.store.merge.under_way = UNDER_WAY_MAX;
    return 0;
}

static int end(void **state) {
    (void)state;
    for (size_t i = 0; i < world.call_count; i++) {
        store_call_fini(&world.calls[i].inner);
    }
    return 0;
}

static struct etcd_store_call *put(const char *key) {
    struct etcd_store_call *c = &world.calls[world.call_count++];

    store_call_init(&c->inner, NULL);
    c->store = &world.store;
    c->inner.op = (struct store_op){.kind = STORE_OP_PUT, .put.key = slice_from_string(key)};
    c->inner.deadline_ns = INT64_MAX;
    return c;
}

/* One of those under way ends. */
static void go(void) {
    etcd_merge_ended(&world.store);
    etcd_merge_settle(&world.store);
}

static void end_batch(size_t place, enum store_status status) {
    struct store_call *call = world.batches[place];

    call->status = status;
    call->done(call);
}

static void what_a_token_stands_for_goes_alone(void **state) {
    struct etcd_store_call *c = put("a");

    (void)state;
    c->inner.as_caller = true;
    c->inner.token = SLICE("token");
    assert_false(etcd_merge_add(&world.store, c));
    assert_int_equal(world.store.merge.waiting, 0);
}

static void nobodys_do_not_go_with_the_nodes_own(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        struct etcd_store_call *c = put(i < 2 ? "a" : "b");

        c->inner.as_caller = i % 2 == 0;
        assert_true(etcd_merge_add(&world.store, c));
    }
    go();
    assert_int_equal(world.batch_count, 1);
    assert_true(world.batches[0]->as_caller);
    assert_int_equal(world.batches[0]->token.size, 0);
    assert_int_equal(world.batches[0]->op.txn.success_count, 2);
    go();
    assert_int_equal(world.batch_count, 2);
    assert_false(world.batches[1]->as_caller);
    assert_int_equal(world.batches[1]->op.txn.success_count, 2);
    assert_int_equal(world.store.merge.waiting, 0);
    end_batch(0, STORE_UNKNOWN);
    end_batch(1, STORE_UNKNOWN);
    assert_int_equal(world.ended_count, 4);
}

/* It ends by its deadline when it is asked for alone; in a transaction it would be done. */
static void what_is_overdue_is_not_put_together(void **state) {
    (void)state;
    for (int i = 0; i < 5; i++) {
        struct etcd_store_call *c = put("k");

        c->inner.deadline_ns = i % 2 == 0 ? 1 : INT64_MAX;
        assert_true(etcd_merge_add(&world.store, c));
    }
    go();
    assert_int_equal(world.alone_count, 3);
    assert_ptr_equal(world.alone[0], &world.calls[0]);
    assert_ptr_equal(world.alone[2], &world.calls[4]);
    assert_int_equal(world.batch_count, 1);
    assert_int_equal(world.batches[0]->op.txn.success_count, 2);
    assert_int_equal(world.store.merge.waiting, 0);
    assert_true(etcd_merge_add(&world.store, put("l"))); /* the list has its end where it should */
    assert_ptr_equal(world.store.merge.first, &world.calls[5]);
    go();
    assert_int_equal(world.alone_count, 4);
    end_batch(0, STORE_UNKNOWN);
}

static void nothing_goes_out_if_all_are_overdue(void **state) {
    struct etcd_store_call *c = put("k");

    (void)state;
    c->inner.deadline_ns = 1;
    assert_true(etcd_merge_add(&world.store, c));
    go();
    assert_int_equal(world.alone_count, 1);
    assert_false(c->in_turn);
    assert_int_equal(world.batch_count, 0);
    assert_int_equal(world.store.merge.under_way, UNDER_WAY_MAX - 1);
}

/* The answer of a transaction may say more of a key than the copy has room for. */
static void as_many_are_told_as_there_are(void **state) {
    struct kv kvs[2] = {{.key = SLICE("a"), .value = SLICE("1")}, {.key = SLICE("a"), .value = SLICE("2")}};
    struct store_result results[2] = {{.kind = STORE_OP_PUT, .kvs = kvs, .kv_count = 2}, {.kind = STORE_OP_PUT}};

    (void)state;
    assert_true(etcd_merge_add(&world.store, put("a")));
    assert_true(etcd_merge_add(&world.store, put("b")));
    go();
    assert_int_equal(world.batch_count, 1);
    world.batches[0]->result.results = results;
    end_batch(0, STORE_OK);
    assert_int_equal(world.ended_count, 2);
    assert_int_equal(world.calls[0].inner.result.kv_count, 1);
    assert_true(slice_equal(world.calls[0].inner.result.kvs[0].value, SLICE("1")));
    assert_int_equal(world.calls[1].inner.result.kv_count, 0);
}

/* Four transactions of twelve writes are under way when the first is refused: that all are says the same four times over. */
static void refusals_at_once_count_as_one(void **state) {
    (void)state;
    for (int i = 0; i < UNDER_WAY_MAX; i++) {
        for (int j = 0; j < 12; j++) {
            assert_true(etcd_merge_add(&world.store, put("k")));
        }
        go();
    }
    assert_int_equal(world.batch_count, UNDER_WAY_MAX);
    for (size_t i = 0; i < UNDER_WAY_MAX; i++) {
        end_batch(i, STORE_TOO_MANY_OPS);
    }
    assert_int_equal(world.alone_count, world.call_count);
    assert_int_equal(world.store.merge.ops_max, 6);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_a_token_stands_for_goes_alone),  TEST(nobodys_do_not_go_with_the_nodes_own),
        TEST(what_is_overdue_is_not_put_together), TEST(nothing_goes_out_if_all_are_overdue),
        TEST(as_many_are_told_as_there_are),       TEST(refusals_at_once_count_as_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
