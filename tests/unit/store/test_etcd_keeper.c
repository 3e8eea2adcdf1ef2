/* SPDX-License-Identifier: Apache-2.0 */
#include "etcd_fake.h"

#include <stdio.h>

#include "base/clock.h"
#include "store/etcd/keeper.h"

/* Leases that are kept alive by a clock that the test turns. */

enum { LOG_MAX = 1024 };

struct tenant {
    struct etcd_kept *kept;
    char log[LOG_MAX];
    size_t size;
    struct tenant *frees; /* inside its events */
};

struct fixture {
    struct etcd_client client;
    struct etcd_keeper *keeper;
    struct tenant a;
    struct tenant b;
};

static void free_the_other(struct tenant *t) {
    if (t->frees != NULL) {
        etcd_kept_free(t->frees->kept);
        t->frees->kept = NULL;
    }
}

static void on_alive(void *ctx, int64_t asked_ns, int64_t ttl) {
    struct tenant *t = ctx;

    t->size += (size_t)snprintf(t->log + t->size, LOG_MAX - t->size, "alive %d for %d; ",
                                (int)(asked_ns / CLOCK_NS_PER_S), (int)ttl);
    free_the_other(t);
}

static void on_over(void *ctx, bool certain) {
    struct tenant *t = ctx;

    t->size += (size_t)snprintf(t->log + t->size, LOG_MAX - t->size, "over%s; ", certain ? " for certain" : "");
    free_the_other(t);
}

static const struct etcd_kept_events events = {.on_alive = on_alive, .on_over = on_over};

static void assert_told(struct tenant *t, const char *want) {
    assert_string_equal(t->log, want);
    t->size = 0;
    t->log[0] = '\0';
}

static int setup(void **state) {
    struct fixture *f = test_calloc(1, sizeof(*f));

    fake_init(&f->client);
    f->client.cluster_id = 44;
    f->keeper = etcd_keeper_new(&f->client, fake_now_ns, &f->client);
    assert_non_null(f->keeper);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;

    etcd_kept_free(f->a.kept);
    etcd_kept_free(f->b.kept);
    assert_int_equal(etcd_keeper_run(f->keeper), INT64_MAX);
    etcd_keeper_free(f->keeper);
    fake_fini(&f->client);
    test_free(f);
    return 0;
}

static void keep(struct fixture *f, struct tenant *t, int64_t lease, int64_t ttl) {
    t->kept = etcd_keeper_keep(f->keeper, lease, ttl, f->client.now_ns, &events, t);
    assert_non_null(t->kept);
}

/* At that second; when it wants to run again, in milliseconds. */
static int64_t run_at(struct fixture *f, int64_t second) {
    f->client.now_ns = second * CLOCK_NS_PER_S;
    return etcd_keeper_run(f->keeper) / CLOCK_NS_PER_MS;
}

static int64_t last_asked(struct etcd_stream *stream) {
    assert_true(stream->sent_count > 0);
    return ((const Etcdserverpb__LeaseKeepAliveRequest *)stream->sent[stream->sent_count - 1])->id;
}

static void answer(struct etcd_stream *stream, int64_t lease, int64_t ttl) {
    Etcdserverpb__LeaseKeepAliveResponse r = ETCDSERVERPB__LEASE_KEEP_ALIVE_RESPONSE__INIT;
    Etcdserverpb__ResponseHeader header = ETCDSERVERPB__RESPONSE_HEADER__INIT;

    header.revision = 5;
    header.cluster_id = 44;
    r.header = &header;
    r.id = lease;
    r.ttl = ttl;
    fake_send(stream, &r.base);
}

/* One of 30 seconds whose stream stands at second 0. */
static struct etcd_stream *start(struct fixture *f) {
    struct etcd_stream *stream;

    keep(f, &f->a, 7, 30);
    stream = fake_stream(&f->client);
    assert_int_equal(stream->method, ETCD_METHOD_LEASE_KEEP_ALIVE);
    fake_open(stream);
    assert_int_equal(stream->sent_count, 1);
    assert_int_equal(last_asked(stream), 7);
    answer(stream, 7, 30);
    assert_told(&f->a, "alive 0 for 30; ");
    return stream;
}

static void renewed_at_a_third(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f);

    assert_int_equal(run_at(f, 1), 10000);
    assert_int_equal(run_at(f, 9), 10000);
    assert_int_equal(stream->sent_count, 1);
    assert_int_equal(run_at(f, 10), 20000);
    assert_int_equal(stream->sent_count, 2);
    run_at(f, 12); /* it is under way */
    assert_int_equal(stream->sent_count, 2);
    f->client.now_ns = 13 * CLOCK_NS_PER_S;
    answer(stream, 7, 60);
    assert_told(&f->a, "alive 10 for 60; "); /* from when it was asked for */
    assert_int_equal(run_at(f, 13), 30000);
    assert_int_equal(f->client.revision, 5);
}

static void at_once_after_a_loss(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f);

    keep(f, &f->b, 8, 300);
    run_at(f, 10);
    fake_lose(stream);
    run_at(f, 11);
    assert_int_equal(stream->sent_count, 2);
    f->client.now_ns = 12 * CLOCK_NS_PER_S;
    fake_open(stream);
    assert_int_equal(stream->sent_count, 4); /* both, however young */
    answer(stream, 7, 30);
    answer(stream, 8, 300);
    assert_told(&f->a, "alive 12 for 30; "); /* not 10: that answer was lost */
    assert_told(&f->b, "alive 12 for 300; ");
}

static void over_for_certain(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f);

    keep(f, &f->b, 8, 30);
    run_at(f, 10);
    answer(stream, 7, 0);
    assert_told(&f->a, "over for certain; ");
    assert_false(stream->closed);
    answer(stream, 7, 30); /* nobody asked */
    answer(stream, 8, 30);
    assert_told(&f->a, "");
    assert_told(&f->b, "alive 10 for 30; ");
    run_at(f, 20);
    assert_int_equal(last_asked(stream), 8);
    assert_int_equal(stream->sent_count, 4);
    answer(stream, 8, -1);
    assert_told(&f->b, "over for certain; ");
    assert_true(stream->closed);
}

static void over_by_the_clock(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f);

    fake_lose(stream);
    assert_int_equal(run_at(f, 29), 30000);
    assert_told(&f->a, "");
    run_at(f, 30);
    assert_told(&f->a, "over; ");
    run_at(f, 31);
    run_at(f, 70);
    assert_told(&f->a, ""); /* once */
    f->client.now_ns = 80 * CLOCK_NS_PER_S;
    fake_open(stream);
    answer(stream, 7, 30);
    assert_told(&f->a, "alive 80 for 30; ");
    run_at(f, 109);
    assert_told(&f->a, "");
    run_at(f, 110);
    assert_told(&f->a, "over; ");
}

/* An answer that comes when the time it gives is over already. */
static void a_late_answer(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f);

    run_at(f, 10);
    f->client.now_ns = 41 * CLOCK_NS_PER_S;
    answer(stream, 7, 30);
    assert_told(&f->a, "");
    run_at(f, 41);
    assert_told(&f->a, "over; ");
    assert_int_equal(stream->sent_count, 3);
    answer(stream, 7, 30);
    assert_told(&f->a, "alive 41 for 30; ");
}

static void nothing_comes(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f);

    keep(f, &f->b, 8, 300);
    run_at(f, 10);
    assert_int_equal(run_at(f, 19), 20000);
    assert_int_equal(stream->distrusted, 0);
    run_at(f, 20);
    assert_int_equal(stream->distrusted, 1);
    fake_lose(stream);
    f->client.now_ns = 21 * CLOCK_NS_PER_S;
    fake_open(stream);
    f->client.now_ns = 30 * CLOCK_NS_PER_S;
    answer(stream, 8, 300); /* something comes: the other is waited for */
    run_at(f, 32);
    assert_int_equal(stream->distrusted, 1);
    run_at(f, 40);
    assert_int_equal(stream->distrusted, 2);
}

static void nonsense(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f);
    Etcdserverpb__LeaseKeepAliveResponse r = ETCDSERVERPB__LEASE_KEEP_ALIVE_RESPONSE__INIT;
    Etcdserverpb__ResponseHeader header = ETCDSERVERPB__RESPONSE_HEADER__INIT;

    fake_send(stream, &r.base); /* no header */
    assert_int_equal(stream->distrusted, 1);
    answer(stream, 7, 0); /* not from a call that is given up */
    assert_told(&f->a, "");
    fake_lose(stream);
    fake_open(stream);
    fake_send_bytes(stream, SLICE("\xff"));
    assert_int_equal(stream->distrusted, 2);
    fake_lose(stream);
    fake_open(stream);
    header.cluster_id = 45;
    r.header = &header;
    r.id = 7;
    fake_send(stream, &r.base); /* another cluster does not know the lease */
    assert_int_equal(stream->distrusted, 3);
    assert_told(&f->a, "");
    fake_lose(stream);
    stream->refuses = true;
    fake_open(stream);
    assert_int_equal(stream->distrusted, 4);
}

/* The same lease twice: each has its own answers, in order. */
static void kept_twice(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f);

    run_at(f, 4);
    keep(f, &f->b, 7, 30);
    run_at(f, 10);
    run_at(f, 14);
    assert_int_equal(stream->sent_count, 3);
    answer(stream, 7, 30);
    assert_told(&f->a, "alive 10 for 30; ");
    answer(stream, 7, 30);
    assert_told(&f->b, "alive 14 for 30; ");
}

static void freed_inside_events(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f);

    keep(f, &f->b, 8, 30);
    run_at(f, 10);
    f->b.frees = &f->a;
    answer(stream, 8, 30);
    assert_null(f->a.kept);
    answer(stream, 7, 30);
    assert_told(&f->a, "");
    f->b.frees = &f->b;
    run_at(f, 100); /* over by the clock */
    assert_told(&f->b, "alive 10 for 30; over; ");
    assert_true(stream->closed);

    keep(f, &f->a, 9, 30);
    keep(f, &f->b, 10, 30);
    f->a.frees = &f->b;
    f->b.frees = &f->a;
    run_at(f, 140); /* the first that is told frees the other, which is next */
    assert_true((f->a.kept == NULL) != (f->b.kept == NULL));
    f->a.frees = &f->a;
    f->b.frees = &f->b;
    stream = fake_stream(&f->client);
    fake_open(stream);
    answer(stream, last_asked(stream), 0); /* over for certain */
    assert_true(stream->closed);
    assert_true(f->a.kept == NULL && f->b.kept == NULL);
}

static void no_stream(void **state) {
    struct fixture *f = *state;

    f->client.no_streams = true;
    assert_null(etcd_keeper_keep(f->keeper, 7, 30, 0, &events, &f->a));
    f->client.no_streams = false;
    keep(f, &f->a, 7, INT64_C(9000000000)); /* the longest there is */
    assert_true(run_at(f, 1) > 1000);
    assert_told(&f->a, "");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(renewed_at_a_third), TEST(at_once_after_a_loss), TEST(over_for_certain),
        TEST(over_by_the_clock),  TEST(a_late_answer),        TEST(nothing_comes),
        TEST(nonsense),           TEST(kept_twice),           TEST(freed_inside_events),
        TEST(no_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
