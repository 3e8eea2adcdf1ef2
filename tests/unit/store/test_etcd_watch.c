/* SPDX-License-Identifier: Apache-2.0 */
#include "etcd_listener.h"

/* How a watch is asked for, on which stream, and from where again after a loss. */

/* --- creation --- */

static void what_is_asked_for(void **state) {
    struct fixture *f = *state;
    const struct store_watch want = {
        .span = {SLICE("k"), SLICE("\0")},
        .start_revision = 8,
        .want_previous = true,
        .no_put = true,
        .no_delete = true,
    };
    const Etcdserverpb__WatchCreateRequest *c;
    struct etcd_stream *stream;

    f->a.watch = etcd_watch_open(f->watches, &want, false, &events, &f->a);
    stream = fake_stream(&f->client);
    assert_int_equal(stream->method, ETCD_METHOD_WATCH);
    fake_open(stream);
    c = last_create(stream);
    assert_true(slice_equal(etcd_bytes_slice(c->key), SLICE("k")));
    assert_true(slice_equal(etcd_bytes_slice(c->range_end), SLICE("\0")));
    assert_int_equal(c->start_revision, 8);
    assert_true(c->prev_kv);
    assert_true(c->fragment);
    assert_false(c->progress_notify);
    assert_int_equal(c->n_filters, 2);
    assert_int_equal(c->filters[0], ETCDSERVERPB__WATCH_CREATE_REQUEST__FILTER_TYPE__NOPUT);
    assert_int_equal(c->filters[1], ETCDSERVERPB__WATCH_CREATE_REQUEST__FILTER_TYPE__NODELETE);
}

static void one_after_the_other(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream;

    open_at(f, &f->a, 0);
    open_at(f, &f->b, 5);
    assert_int_equal(f->client.stream_count, 1);
    stream = fake_stream(&f->client);
    fake_open(stream);
    assert_int_equal(stream->sent_count, 1);
    assert_int_equal(last_create(stream)->start_revision, 0);
    say_created(stream, 0, 10);
    assert_int_equal(stream->sent_count, 2);
    assert_int_equal(last_create(stream)->start_revision, 5);
    say_created(stream, 256, 11); /* the same bucket */
    SAY(stream, 256, 6, 7);
    SAY(stream, 0, 12);
    assert_heard(&f->a, "created 10; +a=v@12 to 12; ");
    assert_heard(&f->b, "created 11; +a=v@6 +b=v@7 to 7; ");
    SAY(stream, 3, 13); /* nobody's */
    assert_int_equal(f->client.revision, 1000);
    assert_int_equal(stream->distrusted, 0);
}

static void more_than_a_stream_takes(void **state) {
    struct fixture *f = *state;
    enum { COUNT = 1001 };
    static struct listener many[COUNT];

    for (size_t i = 0; i < COUNT; i++) {
        open_at(f, &many[i], 0);
    }
    assert_int_equal(f->client.stream_count, 2);
    for (size_t i = 0; i < COUNT; i++) {
        etcd_watch_close(many[i].watch);
    }
    assert_true(f->client.streams[0].closed);
    assert_true(f->client.streams[1].closed);
}

static void refused(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream;
    char denied[] = "rpc error: code = PermissionDenied desc = etcdserver: permission denied";
    char empty[] = "mvcc: watcher range is empty";
    char other[] = "go away";
    char want[128];

    open_at(f, &f->a, 0);
    open_at(f, &f->b, 0);
    stream = fake_stream(&f->client);
    fake_open(stream);
    say_cancelled(stream, -1, 0, denied);
    snprintf(want, sizeof(want), "end %d 0 %s; ", STORE_DENIED, denied);
    assert_heard(&f->a, want);
    etcd_watch_resume(f->a.watch); /* it is over */
    etcd_watch_pause(f->a.watch);
    assert_int_equal(stream->sent_count, 2);
    say_cancelled(stream, -1, 0, empty);
    snprintf(want, sizeof(want), "end %d 0 %s; ", STORE_EMPTY_KEY, empty);
    assert_heard(&f->b, want);
    assert_true(stream->closed);

    etcd_watch_close(f->a.watch);
    open_at(f, &f->a, 0);
    stream = fake_stream(&f->client);
    fake_open(stream);
    say_cancelled(stream, -1, 0, other);
    snprintf(want, sizeof(want), "end %d 0 %s; ", STORE_PROTOCOL, other);
    assert_heard(&f->a, want);
}

/* A token that ran out, a member without a leader: the watch can be had again. */
static void refused_for_now(void **state) {
    struct fixture *f = *state;
    char token[] = "rpc error: code = Unauthenticated desc = etcdserver: invalid auth token";
    char leader[] = "rpc error: code = Unavailable desc = etcdserver: no leader";
    struct etcd_stream *stream;

    open_at(f, &f->a, 7);
    stream = fake_stream(&f->client);
    fake_open(stream);
    say_cancelled(stream, -1, 0, token);
    assert_int_equal(stream->renewed, 1); /* the member is not blamed */
    assert_int_equal(stream->distrusted, 0);
    assert_string_equal(stream->why, token);
    fake_lose(stream);
    assert_heard(&f->a, "");
    fake_open(stream);
    assert_int_equal(last_create(stream)->start_revision, 7);
    say_created(stream, 1, 10);
    say_cancelled(stream, 1, 0, leader);
    assert_int_equal(stream->distrusted, 1);
    fake_lose(stream);
    assert_heard(&f->a, "created 10; lost; ");
    fake_open(stream);
    assert_int_equal(last_create(stream)->start_revision, 7);
}

/* --- alone on a stream --- */

static void one_that_is_alone_shares_no_stream(void **state) {
    struct fixture *f = *state;

    open_at(f, &f->b, 0);
    open_alone(f, &f->a, 5);
    assert_int_equal(f->client.stream_count, 2);
    etcd_watch_close(f->b.watch);
    open_at(f, &f->b, 0);
    assert_int_equal(f->client.stream_count, 3); /* nor does anybody join it */
}

/* What it knows already is asked for once more and passed over: the next revision's deletion is lost if that is compacted. */
static void one_that_is_alone_begins_at_what_it_knows(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream;

    open_alone(f, &f->a, 5);
    stream = fake_stream(&f->client);
    fake_open(stream);
    assert_int_equal(last_create(stream)->start_revision, 4);
    say_created(stream, 1, 10);
    SAY(stream, 1, 4);
    SAY(stream, 1, 5);
    assert_heard(&f->a, "created 10; +a=v@5 to 5; ");
    etcd_watch_close(f->a.watch);
    open_alone(f, &f->a, 1);
    stream = fake_stream(&f->client);
    fake_open(stream);
    assert_int_equal(last_create(stream)->start_revision, 1);
}

/* --- going on after a loss --- */

static void resumed_after_events(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 5);

    assert_int_equal(start_again(f, stream, 1), 5);
    SAY(stream, 1, 7, 9);
    assert_heard(&f->a, "+a=v@7 +b=v@9 to 9; ");
    assert_int_equal(start_again(f, stream, 1), 10);
    SAY(stream, 1, 9, 10); /* the server begins too early */
    assert_heard(&f->a, "+b=v@10 to 10; ");
    SAY(stream, 1, 10);
    SAY(stream, 1, 3);
    assert_heard(&f->a, "");
}

/* What happens between creation and loss is not lost, though no event has come. */
static void resumed_without_events(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    assert_int_equal(start_again(f, stream, 1), 11);
    assert_int_equal(start_again(f, stream, 2), 11); /* not 51 */
}

static void lost_before_it_was_created(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream;

    open_at(f, &f->a, 0);
    stream = fake_stream(&f->client);
    fake_lose(stream);
    fake_open(stream);
    fake_lose(stream);
    fake_open(stream);
    assert_int_equal(stream->sent_count, 2);
    assert_int_equal(last_create(stream)->start_revision, 0);
    assert_heard(&f->a, "");
}

static void compacted(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);
    char none[] = "";
    char want[64];

    start_again(f, stream, 4);
    say_cancelled(stream, 4, 40, none);
    snprintf(want, sizeof(want), "end %d 40 ; ", STORE_COMPACTED);
    assert_heard(&f->a, want);
    assert_true(stream->closed);
}

static void cancelled_without_a_reason(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);
    char none[] = "";

    SAY(stream, 1, 11);
    say_cancelled(stream, 1, 0, none);
    assert_int_equal(stream->distrusted, 1);
    SAY(stream, 1, 12); /* not from a call that is given up */
    fake_lose(stream);
    fake_open(stream);
    assert_int_equal(last_create(stream)->start_revision, 12);
    assert_heard(&f->a, "+a=v@11 to 11; lost; ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WATCH_TEST(what_is_asked_for),
        WATCH_TEST(one_after_the_other),
        WATCH_TEST(more_than_a_stream_takes),
        WATCH_TEST(refused),
        WATCH_TEST(refused_for_now),
        WATCH_TEST(resumed_after_events),
        WATCH_TEST(resumed_without_events),
        WATCH_TEST(lost_before_it_was_created),
        WATCH_TEST(compacted),
        WATCH_TEST(cancelled_without_a_reason),
        WATCH_TEST(one_that_is_alone_shares_no_stream),
        WATCH_TEST(one_that_is_alone_begins_at_what_it_knows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
