/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../net/toy_tls.h"
#include "base/clock.h"
#include "net/timer.h"
#include "store/etcd/driver.h"
#include "store/etcd/keeper.h"
#include "store/etcd/kv.h"
#include "store/etcd/watch.h"
#include "toy_etcd.h"

/* The operations of the store, watches and kept leases with a real etcd, which is killed now and then. */

enum { TIMEOUT_S = 60, SEEN_MAX = 64 };

struct fixture {
    char directory[TOY_PATH_MAX];
    struct toy_etcd etcd;
    struct loop *loop;
    struct timer *deadline;
    struct etcd_driver *driver;
    struct etcd_watches *watches;
    struct etcd_keeper *keeper;
    struct store_call call;
    bool done;
    /* what the watch has told */
    int64_t seen[SEEN_MAX]; /* revisions of events */
    size_t seen_count;
    size_t awaited; /* the loop stops when there are so many */
    unsigned created;
    unsigned lost;
    enum store_status ended;
    unsigned alive;
    unsigned over;
};

static struct fixture *of_call(struct store_call *call) {
    return (struct fixture *)(void *)((char *)call - offsetof(struct fixture, call));
}

static void on_deadline(void *ctx) {
    (void)ctx;
    fail_msg("nothing happened for %d seconds", TIMEOUT_S);
}

static int64_t now_ns(void *clock) {
    (void)clock;
    return clock_monotonic_ns();
}

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof(*f));
    struct etcd_endpoint endpoint;
    struct etcd_client_config config;
    struct buf why;
    char text[100];
    size_t count;

    *state = f;
    buf_init(&why, 1000);
    toy_directory_make(f->directory);
    toy_etcd_start(&f->etcd, f->directory, false);
    snprintf(text, sizeof(text), "etcd://127.0.0.1:%u", (unsigned)f->etcd.port);
    assert_true(etcd_endpoints_parse(slice_from_string(text), &endpoint, 1, &count, &why));
    etcd_client_config_init(&config);
    config.endpoints = &endpoint;
    config.endpoint_count = 1;
    config.request_timeout_ns = TIMEOUT_S * CLOCK_NS_PER_S;
    f->loop = loop_new();
    f->deadline = timer_new(f->loop, on_deadline, NULL);
    timer_start(f->deadline, TIMEOUT_S * CLOCK_NS_PER_S, 0);
    f->driver = etcd_driver_new(f->loop, &config, NULL, &why);
    assert_non_null(f->driver);
    f->watches = etcd_watches_new(etcd_driver_client(f->driver));
    f->keeper = etcd_keeper_new(etcd_driver_client(f->driver), now_ns, NULL);
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;

    store_call_fini(&f->call);
    etcd_watches_free(f->watches);
    etcd_keeper_free(f->keeper);
    etcd_driver_free(f->driver);
    timer_free(f->deadline);
    loop_free(f->loop);
    toy_etcd_kill(&f->etcd);
    toy_directory_remove(f->directory);
    free(f);
    return 0;
}

/* --- calls --- */

static void on_done(struct store_call *call) {
    of_call(call)->done = true;
    loop_stop(of_call(call)->loop);
}

static const struct store_result *run(struct fixture *f, const struct store_op *op) {
    store_call_fini(&f->call);
    store_call_init(&f->call, on_done);
    f->call.op = *op;
    f->call.retry_unknown = true;
    f->done = false;
    etcd_kv_submit(etcd_driver_client(f->driver), &f->call);
    while (!f->done) {
        loop_run(f->loop);
    }
    return &f->call.result;
}

static const struct store_result *run_ok(struct fixture *f, const struct store_op *op) {
    const struct store_result *result = run(f, op);

    assert_string_equal(store_status_text(f->call.status), "ok");
    return result;
}

static int64_t put(struct fixture *f, const char *key, const char *value) {
    const struct store_op op = {
        .kind = STORE_OP_PUT,
        .put = {.key = slice_from_string(key), .value = slice_from_string(value)},
    };

    run_ok(f, &op);
    return f->call.revision;
}

static void operations(void **state) {
    struct fixture *f = *state;
    const struct store_op range = {.kind = STORE_OP_RANGE, .range = {.span = {SLICE("a"), SLICE("z")}, .limit = 1}};
    const struct store_op del = {.kind = STORE_OP_DELETE, .delete = {.span.key = SLICE("a"), .want_previous = true}};
    struct store_op lease = {.kind = STORE_OP_LEASE_GRANT, .lease.ttl = 100};
    struct store_compare compare = {.span.key = SLICE("b"), .target = STORE_COMPARE_MOD};
    const struct store_op ops[] = {
        {.kind = STORE_OP_PUT, .put = {.key = SLICE("b"), .value = SLICE("3"), .want_previous = true}},
        {.kind = STORE_OP_TXN, .txn = {.success = &range, .success_count = 1}},
    };
    const struct store_op txn = {
        .kind = STORE_OP_TXN,
        .txn = {.compares = &compare, .compare_count = 1, .success = ops, .success_count = 2},
    };
    const struct store_result *result;

    put(f, "a", "1");
    compare.number = put(f, "b", "2");
    result = run_ok(f, &range);
    assert_int_equal(result->count, 2);
    assert_true(result->more);
    assert_true(slice_equal(result->kvs[0].value, SLICE("1")));
    result = run_ok(f, &del);
    assert_int_equal(result->count, 1);
    assert_true(slice_equal(result->kvs[0].value, SLICE("1")));
    result = run_ok(f, &txn);
    assert_true(result->succeeded);
    assert_true(slice_equal(result->results[0].kvs[0].value, SLICE("2")));
    assert_true(slice_equal(result->results[1].results[0].kvs[0].value, SLICE("3")));
    assert_false(run_ok(f, &txn)->succeeded);

    result = run_ok(f, &lease);
    assert_int_equal(result->ttl, 100);
    lease.lease.id = result->lease;
    run(f, &lease);
    assert_int_equal(f->call.status, STORE_LEASE_EXISTS);
    lease.kind = STORE_OP_LEASE_KEEP_ALIVE;
    assert_int_equal(run_ok(f, &lease)->ttl, 100);
    lease.kind = STORE_OP_LEASE_TTL;
    assert_int_equal(run_ok(f, &lease)->granted_ttl, 100);
    lease.kind = STORE_OP_LEASE_LIST;
    assert_int_equal(run_ok(f, &lease)->count, 1);
    lease.kind = STORE_OP_LEASE_REVOKE;
    run_ok(f, &lease);
    lease.kind = STORE_OP_LEASE_KEEP_ALIVE;
    run(f, &lease);
    assert_int_equal(f->call.status, STORE_LEASE_NOT_FOUND);
    lease.kind = STORE_OP_LEASE_TTL;
    assert_int_equal(run_ok(f, &lease)->ttl, -1);
}

/* --- watches --- */

static void on_events(void *ctx, const struct kv_event *events, size_t count, int64_t revision) {
    struct fixture *f = ctx;

    (void)revision;
    for (size_t i = 0; i < count; i++) {
        assert_true(f->seen_count < SEEN_MAX);
        f->seen[f->seen_count++] = events[i].kv.mod_revision;
    }
    if (f->seen_count >= f->awaited) {
        loop_stop(f->loop);
    }
}

static void on_created(void *ctx, int64_t revision) {
    (void)revision;
    ((struct fixture *)ctx)->created++;
    loop_stop(((struct fixture *)ctx)->loop);
}

static void on_lost(void *ctx) {
    ((struct fixture *)ctx)->lost++;
}

static void on_end(void *ctx, enum store_status status, int64_t compact_revision, struct slice text) {
    (void)compact_revision;
    (void)text;
    ((struct fixture *)ctx)->ended = status;
    loop_stop(((struct fixture *)ctx)->loop);
}

static const struct etcd_watch_events watch_events = {
    .on_events = on_events,
    .on_created = on_created,
    .on_lost = on_lost,
    .on_end = on_end,
};

static struct etcd_watch *watch(struct fixture *f, int64_t start_revision) {
    const struct store_watch want = {.span = {SLICE("a"), SLICE("z")}, .start_revision = start_revision};
    struct etcd_watch *w = etcd_watch_open(f->watches, &want, false, &watch_events, f);
    unsigned created = f->created;

    assert_non_null(w);
    while (f->created == created) {
        loop_run(f->loop);
    }
    return w;
}

static void await_events(struct fixture *f, size_t count) {
    f->awaited = count;
    while (f->seen_count < count) {
        loop_run(f->loop);
    }
    f->awaited = SIZE_MAX;
}

static void assert_seen(struct fixture *f, int64_t from, size_t count) {
    assert_int_equal(f->seen_count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(f->seen[i], from + (int64_t)i);
    }
}

/* Nothing is missed and nothing comes twice over two kills and a pause. */
static void a_watch_over_kills(void **state) {
    struct fixture *f = *state;
    int64_t first = put(f, "before", "") + 1;
    struct etcd_watch *w = watch(f, 0);

    put(f, "k", "1");
    await_events(f, 1);
    toy_etcd_kill(&f->etcd);
    toy_etcd_restart(&f->etcd);
    put(f, "k", "2");
    put(f, "k", "3");
    await_events(f, 3);
    etcd_watch_pause(w);
    put(f, "k", "4");
    etcd_watch_resume(w);
    await_events(f, 4);
    toy_etcd_kill(&f->etcd);
    toy_etcd_restart(&f->etcd);
    put(f, "k", "5");
    await_events(f, 5);
    assert_true(f->lost >= 2);
    assert_seen(f, first, 5);
    etcd_watch_close(w);
}

static void a_compacted_watch(void **state) {
    struct fixture *f = *state;
    int64_t first = put(f, "k", "1");
    const struct store_op compact = {.kind = STORE_OP_COMPACT, .compact_revision = first + 2};
    struct etcd_watch *w = watch(f, first);

    await_events(f, 1);
    etcd_watch_pause(w);
    put(f, "k", "2");
    put(f, "k", "3");
    put(f, "k", "4");
    run_ok(f, &compact);
    etcd_watch_resume(w);
    while (f->ended == STORE_OK) {
        loop_run(f->loop);
    }
    assert_int_equal(f->ended, STORE_COMPACTED);
    etcd_watch_close(w);
}

/* A revision of 128 keys with 1.4 MB, larger than a piece with its previous values. */
static void a_revision_in_pieces(void **state) {
    struct fixture *f = *state;
    enum { KEYS = 60, SIZE = 20000 };
    static char value[SIZE];
    static char keys[KEYS][8];
    static struct store_op puts[KEYS];
    const struct store_op txn = {.kind = STORE_OP_TXN, .txn = {.success = puts, .success_count = KEYS}};
    const struct store_watch want = {.span = {SLICE("a"), SLICE("z")}, .want_previous = true};
    struct etcd_watch *w = etcd_watch_open(f->watches, &want, false, &watch_events, f);

    while (f->created == 0) {
        loop_run(f->loop);
    }
    for (size_t i = 0; i < KEYS; i++) {
        snprintf(keys[i], sizeof(keys[i]), "k%zu", i);
        puts[i] = (struct store_op){
            .kind = STORE_OP_PUT,
            .put = {.key = slice_from_string(keys[i]), .value = slice_make(value, SIZE)},
        };
    }
    run_ok(f, &txn);
    await_events(f, KEYS);
    f->seen_count = 0;
    run_ok(f, &txn);
    await_events(f, KEYS);
    assert_int_equal(f->seen_count, KEYS);
    assert_int_equal(f->seen[0], f->call.revision);
    assert_int_equal(f->seen[KEYS - 1], f->call.revision);
    etcd_watch_close(w);
}

/* --- leases --- */

static void on_alive(void *ctx, int64_t asked_ns, int64_t ttl) {
    struct fixture *f = ctx;

    assert_true(asked_ns <= clock_monotonic_ns());
    assert_int_equal(ttl, 100);
    f->alive++;
    loop_stop(f->loop);
}

static void on_over(void *ctx, bool certain) {
    struct fixture *f = ctx;

    assert_true(certain);
    f->over++;
    loop_stop(f->loop);
}

static void a_kept_lease(void **state) {
    struct fixture *f = *state;
    const struct etcd_kept_events events = {.on_alive = on_alive, .on_over = on_over};
    struct store_op lease = {.kind = STORE_OP_LEASE_GRANT, .lease.ttl = 100};
    int64_t granted_ns = clock_monotonic_ns();
    struct etcd_kept *kept;

    lease.lease.id = run_ok(f, &lease)->lease;
    kept = etcd_keeper_keep(f->keeper, lease.lease.id, 100, granted_ns, &events, f);
    while (f->alive < 1) {
        loop_run(f->loop);
    }
    toy_etcd_kill(&f->etcd);
    toy_etcd_restart(&f->etcd);
    while (f->alive < 2) {
        loop_run(f->loop); /* at once when it is back */
    }
    lease.kind = STORE_OP_LEASE_REVOKE;
    run_ok(f, &lease);
    toy_etcd_kill(&f->etcd);
    toy_etcd_restart(&f->etcd);
    while (f->over < 1) {
        loop_run(f->loop);
    }
    assert_int_equal(f->alive, 2);
    etcd_kept_free(kept);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(operations),           TEST(a_watch_over_kills), TEST(a_compacted_watch),
        TEST(a_revision_in_pieces), TEST(a_kept_lease),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
