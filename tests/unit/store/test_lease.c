/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>

#include "harness.h"

/* A clock that stands until it is told to go on. */
static _Atomic int64_t now = 1000000000;

static int64_t test_now_ns(void) {
    return atomic_load(&now);
}

static void start(struct place *p) {
    place_init(p);
    p->config.now_ns = test_now_ns;
    place_open(p);
}

static struct store_op lease_op(enum store_op_kind kind, int64_t id, int64_t ttl) {
    return (struct store_op){.kind = kind, .lease = {.id = id, .ttl = ttl, .want_keys = true}};
}

static enum store_status grant(struct place *p, int64_t id, int64_t ttl) {
    struct awaited a;
    enum store_status status = run(p, &a, lease_op(STORE_OP_LEASE_GRANT, id, ttl));

    awaited_end(&a);
    return status;
}

static enum store_status put_leased(struct place *p, const char *key, int64_t lease) {
    struct store_op op = op_put(key, "v");
    struct awaited a;
    enum store_status status;

    op.put.lease = lease;
    status = run(p, &a, op);
    awaited_end(&a);
    return status;
}

/* Goes on with the clock; the call that follows has the writer look at it. */
static void advance(struct place *p, int64_t seconds) {
    atomic_fetch_add(&now, seconds * INT64_C(1000000000));
    put(p, "tick", "x");
}

static void expect_ttl(struct place *p, int64_t id, int64_t ttl, int64_t keys) {
    struct awaited a;

    assert_int_equal(run(p, &a, lease_op(STORE_OP_LEASE_TTL, id, 0)), STORE_OK);
    assert_int_equal(a.call.result.ttl, ttl);
    assert_int_equal(a.call.result.count, keys);
    awaited_end(&a);
}

static void keys_end_with_their_lease(void **state) {
    struct place p;
    int64_t revision;

    (void)state;
    start(&p);
    assert_int_equal(put_leased(&p, "a", 7), STORE_LEASE_NOT_FOUND);
    assert_int_equal(grant(&p, 7, 10), STORE_OK);
    assert_int_equal(grant(&p, 7, 10), STORE_LEASE_EXISTS);
    assert_int_equal(store_revision(p.store), 1);
    assert_int_equal(put_leased(&p, "a", 7), STORE_OK);
    assert_int_equal(put_leased(&p, "b", 7), STORE_OK);
    assert_int_equal(put_leased(&p, "c", 7), STORE_OK);
    put(&p, "c", "freed");
    expect_ttl(&p, 7, 10, 2);
    advance(&p, 9);
    expect_ttl(&p, 7, 1, 2);
    revision = store_revision(p.store);
    advance(&p, 1);
    /* The tick, and one revision for both keys. */
    assert_int_equal(store_revision(p.store), revision + 2);
    expect(&p, "a", 0, NULL);
    expect(&p, "b", 0, NULL);
    expect(&p, "c", 0, "freed");
    expect_ttl(&p, 7, -1, 0);
    place_end(&p);
}

static void a_lease_that_is_kept_alive_goes_on(void **state) {
    struct awaited a;
    struct place p;

    (void)state;
    start(&p);
    assert_int_equal(grant(&p, 7, 1), STORE_OK);
    expect_ttl(&p, 7, STORE_LEASE_TTL_MIN, 0);
    assert_int_equal(put_leased(&p, "a", 7), STORE_OK);
    for (int i = 0; i < 5; i++) {
        advance(&p, 1);
        assert_int_equal(run(&p, &a, lease_op(STORE_OP_LEASE_KEEP_ALIVE, 7, 0)), STORE_OK);
        assert_int_equal(a.call.result.ttl, STORE_LEASE_TTL_MIN);
        awaited_end(&a);
    }
    expect(&p, "a", 0, "v");
    advance(&p, 2);
    expect(&p, "a", 0, NULL);
    assert_int_equal(run(&p, &a, lease_op(STORE_OP_LEASE_KEEP_ALIVE, 7, 0)), STORE_LEASE_NOT_FOUND);
    awaited_end(&a);
    place_end(&p);
}

static void a_restart_begins_the_time_anew(void **state) {
    struct awaited a;
    struct place p;

    (void)state;
    start(&p);
    assert_int_equal(grant(&p, 7, 10), STORE_OK);
    assert_int_equal(grant(&p, 8, 20), STORE_OK);
    assert_int_equal(put_leased(&p, "a", 7), STORE_OK);
    advance(&p, 6);
    place_reopen(&p);
    expect_ttl(&p, 7, 10, 1);
    assert_int_equal(run(&p, &a, lease_op(STORE_OP_LEASE_LIST, 0, 0)), STORE_OK);
    assert_int_equal(a.call.result.count, 2);
    awaited_end(&a);
    assert_int_equal(run(&p, &a, lease_op(STORE_OP_LEASE_REVOKE, 7, 0)), STORE_OK);
    awaited_end(&a);
    expect(&p, "a", 0, NULL);
    place_reopen(&p);
    expect_ttl(&p, 7, -1, 0);
    expect_ttl(&p, 8, 20, 0);
    place_end(&p);
}

static void the_store_chooses_an_id(void **state) {
    struct awaited a;
    struct place p;

    (void)state;
    start(&p);
    assert_int_equal(run(&p, &a, lease_op(STORE_OP_LEASE_GRANT, 0, 5)), STORE_OK);
    assert_true(a.call.result.lease > 0);
    assert_int_equal(a.call.result.ttl, 5);
    expect_ttl(&p, a.call.result.lease, 5, 0);
    awaited_end(&a);
    assert_int_equal(grant(&p, 9, STORE_LEASE_TTL_MAX + 1), STORE_LEASE_TTL_TOO_LARGE);
    place_end(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_end_with_their_lease),
        cmocka_unit_test(a_lease_that_is_kept_alive_goes_on),
        cmocka_unit_test(a_restart_begins_the_time_anew),
        cmocka_unit_test(the_store_chooses_an_id),
    };

    return cmocka_run_group_tests_name("store-lease", tests, NULL, NULL);
}
