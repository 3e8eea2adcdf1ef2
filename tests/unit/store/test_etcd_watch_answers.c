/* SPDX-License-Identifier: Apache-2.0 */
#include "etcd_listener.h"

/* What a watch makes of what the server says: events in pieces, nonsense, progress. */

/* --- revisions, whole --- */

static void fragments(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    SAY_PIECE(stream, 1, 11, 11);
    assert_heard(&f->a, "");
    SAY_PIECE(stream, 1, 11);
    assert_heard(&f->a, "");
    SAY(stream, 1, 11);
    assert_heard(&f->a, "+a=v@11 +b=v@11 +a=v@11 +a=v@11 to 11; ");

    SAY_PIECE(stream, 1, 12, 13, 14, 14); /* what is whole comes at once */
    assert_heard(&f->a, "+a=v@12 +b=v@13 to 13; ");
    SAY_PIECE(stream, 1, 14, 15);
    assert_heard(&f->a, "+c=v@14 +d=v@14 +a=v@14 to 14; ");
    SAY(stream, 1, 16, 17);
    assert_heard(&f->a, "+b=v@15 to 15; +a=v@16 +b=v@17 to 17; ");
}

static void a_loss_between_fragments(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    SAY_PIECE(stream, 1, 11, 12, 12);
    assert_heard(&f->a, "+a=v@11 to 11; ");
    assert_int_equal(start_again(f, stream, 1), 12);
    SAY(stream, 1, 12, 12, 12);
    assert_heard(&f->a, "+a=v@12 +b=v@12 +c=v@12 to 12; ");
}

static void going_back(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    SAY(stream, 1, 12, 11, 13, 12, 13);
    assert_heard(&f->a, "+a=v@12 +c=v@13 +e=v@13 to 13; ");
    SAY_PIECE(stream, 1, 20);
    SAY_PIECE(stream, 1, 14); /* while a later one is held */
    SAY(stream, 1, 20);
    assert_heard(&f->a, "+a=v@20 +a=v@20 to 20; ");
    SAY(stream, 1, 20);
    assert_heard(&f->a, "");
}

static void a_revision_too_large(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);
    const size_t size = 64 << 20;
    char *value = test_calloc(1, size);
    char want[96];

    for (int i = 0; i < 4; i++) {
        struct said s;

        say_init(&s, 1, 11);
        add_event(&s, '+', "k", 11);
        s.kvs[0].value = etcd_bytes(slice_make(value, size));
        s.r.fragment = true;
        fake_send(stream, &s.r.base);
    }
    test_free(value);
    snprintf(want, sizeof(want), "end %d 0 a revision in pieces is too large; ", STORE_NO_MEMORY);
    assert_heard(&f->a, want);
    assert_true(stream->closed);
}

static void deletes_and_previous_values(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);
    struct said s;

    say_init(&s, 1, 20);
    add_event(&s, '-', "k", 15);
    add_event(&s, '+', "l", 15);
    mvccpb__key_value__init(&s.previous);
    s.previous.value = etcd_bytes(SLICE("old"));
    s.events[0].prev_kv = &s.previous;
    s.r.fragment = true; /* so it is copied */
    fake_send(stream, &s.r.base);
    SAY(stream, 1, 16);
    assert_heard(&f->a, "-k=(old)@15 +l=v@15 to 15; +a=v@16 to 16; ");
}

/* --- nonsense --- */

static void nonsense(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);
    struct said s;

    fake_send_bytes(stream, SLICE("\xff\xff\xff"));
    assert_int_equal(stream->distrusted, 1);
    start_again(f, stream, 1);

    say_init(&s, 1, 20);
    s.r.header = NULL;
    fake_send(stream, &s.r.base);
    assert_int_equal(stream->distrusted, 2);
    start_again(f, stream, 1);

    say_init(&s, 1, 20);
    s.header.cluster_id = 45;
    fake_send(stream, &s.r.base);
    assert_int_equal(stream->distrusted, 3);
    start_again(f, stream, 1);

    say_init(&s, 1, 20);
    add_event(&s, '+', "k", 15);
    s.events[0].kv = NULL;
    fake_send(stream, &s.r.base);
    assert_int_equal(stream->distrusted, 4);
    start_again(f, stream, 1);

    say_created(stream, 2, 20); /* nobody asked */
    assert_int_equal(stream->distrusted, 5);
    start_again(f, stream, 1);

    say_init(&s, 1, -1);
    fake_send(stream, &s.r.base);
    assert_int_equal(stream->distrusted, 6);
    start_again(f, stream, 1);

    say_init(&s, 1, INT64_MAX); /* there is none after it */
    fake_send(stream, &s.r.base);
    assert_int_equal(stream->distrusted, 7);
    start_again(f, stream, 1);

    say_init(&s, 1, 20);
    add_event(&s, '+', "k", INT64_MAX);
    fake_send(stream, &s.r.base);
    assert_int_equal(stream->distrusted, 8);
    start_again(f, stream, 1);

    open_at(f, &f->b, 0);
    say_created(stream, 1, 20); /* a number that is taken */
    assert_int_equal(stream->distrusted, 9);
    fake_lose(stream);
    fake_open(stream);
    say_created(stream, 1, 60);
    say_created(stream, 2, 61);
    assert_int_equal(strstr(f->b.log, "created") != NULL, 1);
}

static void a_stream_that_does_not_send(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream;

    open_at(f, &f->a, 3);
    stream = fake_stream(&f->client);
    stream->refuses = true;
    stream->loses_at_once = true;
    fake_open(stream);
    assert_int_equal(stream->distrusted, 1);
    stream->refuses = false;
    fake_open(stream);
    assert_int_equal(last_create(stream)->start_revision, 3);
    f->client.no_streams = true;
    etcd_watch_pause(f->a.watch);
    assert_null(etcd_watch_open(f->watches, &(struct store_watch){0}, false, &events, &f->b));
    etcd_watch_resume(f->a.watch);
    assert_non_null(strstr(f->a.log, "end"));
}

/* --- progress --- */

static void progress(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    say_progress(stream, 1, 30);
    assert_heard(&f->a, "progress 30; ");
    SAY(stream, 1, 29, 31);
    assert_heard(&f->a, "+b=v@31 to 31; ");
    say_progress(stream, -1, 90); /* asked for by somebody: of no watch */
    SAY_PIECE(stream, 1, 40);
    say_progress(stream, 1, 90); /* in the middle of a revision */
    assert_heard(&f->a, "");
    SAY(stream, 1, 40);
    assert_heard(&f->a, "+a=v@40 +a=v@40 to 40; ");
    say_progress(stream, 1, 80);
    assert_heard(&f->a, "progress 80; ");
    assert_int_equal(start_again(f, stream, 1), 81);
}

static void progress_of_an_old_server(void **state) {
    static const char *const bad[] = {"",  "3.4.30", "3.5.12", "3.3.99", "3.6.0-rc.0", "3.4.31-rc.1",
                                      "x", "3.4",    "2.9.9",  "3.4.3"};
    static const char *const good[] = {"3.4.31", "3.4.42", "3.5.13", "3.6.0", "3.10.0", "4.0.0", "3.4.31+deb"};
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(f->client.members[0].version, ETCD_VERSION_MAX, "%s", bad[i]);
        say_progress(stream, 1, 30);
        assert_heard(&f->a, "");
    }
    assert_int_equal(start_again(f, stream, 1), 11);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        snprintf(f->client.members[0].version, ETCD_VERSION_MAX, "%s", good[i]);
        say_progress(stream, 1, 30);
        assert_heard(&f->a, "progress 30; ");
    }
    f->client.member_count = 2;
    f->client.members[1] = (struct etcd_member){.health = ETCD_HEALTH_GOOD, .version = "3.4.23"};
    say_progress(stream, 1, 30); /* the stream may be with that one */
    assert_heard(&f->a, "");
    f->client.members[1].health = ETCD_HEALTH_FAILING;
    say_progress(stream, 1, 30);
    assert_heard(&f->a, "progress 30; ");
}

/* --- progress that was asked for --- */

static size_t progress_asked(struct etcd_stream *stream) {
    size_t count = 0;

    for (size_t i = 0; i < stream->sent_count; i++) {
        count += sent(stream, i)->request_union_case == ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_PROGRESS_REQUEST;
    }
    return count;
}

static void progress_that_was_asked_for(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream;

    open_alone(f, &f->a, 5);
    stream = fake_stream(&f->client);
    etcd_watch_ask_progress(f->a.watch);
    fake_open(stream);
    etcd_watch_ask_progress(f->a.watch);
    assert_int_equal(progress_asked(stream), 0); /* the cluster does not have it yet */
    say_progress(stream, -1, 9);
    say_created(stream, 1, 10);
    assert_heard(&f->a, "created 10; ");
    etcd_watch_ask_progress(f->a.watch);
    assert_int_equal(progress_asked(stream), 1);
    say_progress(stream, -1, 30);
    assert_heard(&f->a, "progress 30; ");
    SAY_PIECE(stream, 1, 31);
    say_progress(stream, -1, 90); /* in the middle of a revision */
    SAY(stream, -1, 32);          /* that has events is no such answer */
    SAY(stream, 1, 31);
    assert_heard(&f->a, "+a=v@31 +a=v@31 to 31; ");
    say_progress(stream, -1, 40);
    assert_heard(&f->a, "progress 40; ");
    assert_int_equal(start_again(f, stream, 1), 40);
}

static void progress_of_who_would_not_tell_the_truth(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream;

    open_alone(f, &f->a, 5);
    stream = fake_stream(&f->client);
    fake_open(stream);
    say_created(stream, 1, 10);
    assert_heard(&f->a, "created 10; ");
    assert_int_equal(etcd_watches_progress(f->watches), ETCD_PROGRESS_TRUE);
    snprintf(f->client.members[0].version, ETCD_VERSION_MAX, "%s", "3.4.23");
    assert_int_equal(etcd_watches_progress(f->watches), ETCD_PROGRESS_FALSE);
    etcd_watch_ask_progress(f->a.watch);
    assert_int_equal(progress_asked(stream), 0);
    say_progress(stream, -1, 30);
    assert_heard(&f->a, "");
    f->client.members[0].version[0] = '\0';
    assert_int_equal(etcd_watches_progress(f->watches), ETCD_PROGRESS_UNKNOWN);
    f->client.member_count = 0;
    assert_int_equal(etcd_watches_progress(f->watches), ETCD_PROGRESS_UNKNOWN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WATCH_TEST(fragments),
        WATCH_TEST(a_loss_between_fragments),
        WATCH_TEST(going_back),
        WATCH_TEST(a_revision_too_large),
        WATCH_TEST(deletes_and_previous_values),
        WATCH_TEST(nonsense),
        WATCH_TEST(a_stream_that_does_not_send),
        WATCH_TEST(progress),
        WATCH_TEST(progress_of_an_old_server),
        WATCH_TEST(progress_that_was_asked_for),
        WATCH_TEST(progress_of_who_would_not_tell_the_truth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
