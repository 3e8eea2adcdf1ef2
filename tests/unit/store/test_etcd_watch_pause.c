/* SPDX-License-Identifier: Apache-2.0 */
#include "etcd_listener.h"

/* A watch that is paused, goes on or is closed, also from inside of what it tells. */

/* --- pause and close --- */

static void paused(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    open_at(f, &f->b, 0);
    say_created(stream, 2, 20);
    SAY(stream, 1, 21);
    etcd_watch_pause(f->a.watch);
    assert_int_equal(last_cancel(stream), 1);
    etcd_watch_pause(f->a.watch);
    SAY(stream, 1, 22); /* under way */
    say_cancelled(stream, 1, 0, (char[]){""});
    assert_heard(&f->a, "+a=v@21 to 21; ");
    etcd_watch_resume(f->a.watch);
    assert_int_equal(last_create(stream)->start_revision, 22);
    etcd_watch_resume(f->a.watch);
    say_created(stream, 3, 30);
    SAY(stream, 3, 22);
    SAY(stream, 2, 22);
    assert_heard(&f->a, "created 30; +a=v@22 to 22; ");
    assert_heard(&f->b, "created 20; +a=v@22 to 22; ");
    assert_int_equal(stream->distrusted, 0);
}

/* The last of a stream: the stream goes with it. */
static void paused_alone(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    etcd_watch_pause(f->a.watch);
    assert_true(stream->closed);
    etcd_watch_resume(f->a.watch);
    stream = fake_stream(&f->client);
    fake_open(stream);
    assert_int_equal(last_create(stream)->start_revision, 11);
}

/* It leaves while its creation is under way. */
static void left_while_it_is_created(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    open_at(f, &f->b, 6);
    etcd_watch_close(f->b.watch);
    open_at(f, &f->b, 7);
    assert_int_equal(stream->sent_count, 2);
    say_created(stream, 2, 20); /* of the one that has left */
    assert_int_equal(stream->sent_count, 4);
    assert_int_equal(sent(stream, 2)->cancel_request->watch_id, 2);
    assert_int_equal(last_create(stream)->start_revision, 7);
    assert_heard(&f->b, "");
    say_created(stream, 3, 21);
    assert_heard(&f->b, "created 21; ");
    etcd_watch_pause(f->b.watch);
    etcd_watch_resume(f->b.watch);
    etcd_watch_pause(f->b.watch);
    say_cancelled(stream, -1, 0, (char[]){"no"}); /* refused, and nobody wants it any more */
    assert_heard(&f->b, "");
    SAY(stream, 1, 40);
    assert_heard(&f->a, "+a=v@40 to 40; ");
}

static void closed_inside_events(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    f->a.on_events = DO_CLOSE;
    SAY_PIECE(stream, 1, 11, 12); /* with more to come */
    assert_heard(&f->a, "+a=v@11 to 11; ");
    assert_true(stream->closed);
}

static void closed_inside_held_events(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    SAY_PIECE(stream, 1, 11);
    f->a.on_events = DO_CLOSE;
    SAY(stream, 1, 11, 12, 13);
    assert_heard(&f->a, "+a=v@11 +a=v@11 to 11; ");
    assert_true(stream->closed);
}

static void paused_inside_events(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    f->a.on_events = DO_PAUSE_AND_RESUME;
    SAY_PIECE(stream, 1, 11);
    SAY(stream, 1, 12, 13);
    assert_heard(&f->a, "+a=v@11 to 11; ");
    stream = fake_stream(&f->client);
    fake_open(stream);
    assert_int_equal(last_create(stream)->start_revision, 12);
    f->a.on_events = DO_PAUSE;
    say_created(stream, 1, 20);
    SAY(stream, 1, 12, 13);
    assert_heard(&f->a, "created 20; +a=v@12 +b=v@13 to 13; ");
    assert_true(stream->closed);
}

/* The piece that came with it is nothing that the next call may go on with. */
static void paused_before_a_piece(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    f->a.on_events = DO_PAUSE;
    SAY_PIECE(stream, 1, 11, 12);
    assert_heard(&f->a, "+a=v@11 to 11; ");
    f->a.on_events = DO_NOTHING;
    etcd_watch_resume(f->a.watch);
    stream = fake_stream(&f->client);
    fake_open(stream);
    say_created(stream, 1, 20);
    SAY(stream, 1, 12);
    assert_heard(&f->a, "created 20; +a=v@12 to 12; ");
}

static void closed_when_it_is_created(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream;

    open_at(f, &f->a, 0);
    open_at(f, &f->b, 0);
    stream = fake_stream(&f->client);
    fake_open(stream);
    f->a.on_created = DO_CLOSE;
    f->b.on_created = DO_CLOSE;
    say_created(stream, 1, 10);
    say_created(stream, 2, 10);
    assert_null(f->a.watch);
    assert_null(f->b.watch);
    assert_true(stream->closed);
}

static void closed_inside_a_loss(void **state) {
    struct fixture *f = *state;
    struct etcd_stream *stream = start(f, 0);

    open_at(f, &f->b, 0);
    say_created(stream, 2, 20);
    f->a.on_lost = DO_CLOSE_OTHER;
    fake_lose(stream);
    assert_heard(&f->a, "lost; ");
    assert_heard(&f->b, "created 20; ");
    fake_open(stream);
    assert_int_equal(stream->sent_count, 3); /* nothing is cancelled: the call was lost */
    say_created(stream, 1, 30);
    f->a.on_lost = DO_CLOSE;
    fake_lose(stream);
    assert_heard(&f->a, "created 30; lost; ");
    assert_true(stream->closed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WATCH_TEST(paused),
        WATCH_TEST(paused_alone),
        WATCH_TEST(left_while_it_is_created),
        WATCH_TEST(closed_inside_events),
        WATCH_TEST(closed_inside_held_events),
        WATCH_TEST(paused_inside_events),
        WATCH_TEST(paused_before_a_piece),
        WATCH_TEST(closed_when_it_is_created),
        WATCH_TEST(closed_inside_a_loss),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
