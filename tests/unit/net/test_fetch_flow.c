/* SPDX-License-Identifier: Apache-2.0 */
/* What an owner may do while a fetch is under way: hold it back, give it up, begin others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "fetch_fixture.h"
#include "net/loop.h"

enum { MIB = 1 << 20, LARGE = 20 * MIB };

static void say_hello(struct toy_peer *peer, struct slice request) {
    (void)request;
    toy_answer_with(peer, SLICE("hello"));
}

static void say_nothing(struct toy_peer *peer, struct slice request) {
    (void)peer;
    (void)request;
}

static unsigned char byte_at(uint64_t at) {
    return (unsigned char)(at * 2654435761U >> 13);
}

static void say_more_of_a_large_body(struct toy_peer *peer) {
    uint64_t *said = &((uint64_t *)peer->origin->ctx)[peer->number % 8];
    char piece[65536];
    size_t size = 0;

    while (size < sizeof(piece) && *said < LARGE) {
        piece[size++] = (char)byte_at((*said)++);
    }
    toy_say(peer, slice_make(piece, size));
    peer->more = *said < LARGE ? say_more_of_a_large_body : NULL;
}

static void say_a_large_body(struct toy_peer *peer, struct slice request) {
    char head[64];
    int size = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", LARGE);

    (void)request;
    ((uint64_t *)peer->origin->ctx)[peer->number % 8] = 0;
    toy_say(peer, slice_make(head, (size_t)size));
    peer->more = say_more_of_a_large_body;
}

/* --- pauses --- */

struct reader {
    uint64_t read;
    uint64_t pause_at;
    unsigned pauses;
    bool paused;
    const uint64_t *said; /* by the origin */
    uint64_t said_last;
    unsigned still; /* turns in which it said nothing */
};

static enum fetch_flow check_and_pause(struct got *got, struct slice piece) {
    struct reader *reader = got->ctx;

    for (size_t i = 0; i < piece.size; i++) {
        assert_int_equal((unsigned char)piece.data[i], byte_at(reader->read + i));
    }
    reader->read += piece.size;
    if (reader->read < reader->pause_at) {
        return FETCH_GO_ON;
    }
    reader->pause_at = reader->read + 3 * MIB;
    reader->pauses++;
    reader->paused = true;
    return FETCH_PAUSE;
}

/* In a pause, and the kernel takes no more from the origin. */
static bool is_held_back(void *ctx) {
    struct got *got = ctx;
    struct reader *reader = got->ctx;

    reader->still = reader->paused && *reader->said == reader->said_last ? reader->still + 1 : 0;
    reader->said_last = *reader->said;
    return got->dones > 0 || reader->still == 50;
}

static void a_pause_holds_the_origin_back(void **state) {
    struct fixture *f = fixture_new(say_a_large_body);
    uint64_t said[8] = {0};
    struct reader reader = {.pause_at = 1, .said = &said[1]};
    struct got got = {.on_piece = check_and_pause, .ctx = &reader};

    (void)state;
    f->origin->ctx = said;
    f->origin->buffer = 64 << 10;
    begin(f, &got, "/");
    await_that(f, is_held_back, &got);
    while (got.dones == 0) {
        assert_true(said[1] < reader.read + 8 * MIB || said[1] == LARGE); /* what the kernel's buffers hold */
        reader.paused = false;
        fetch_resume(got.fetch);
        assert_false(reader.paused); /* not from inside */
        await_that(f, is_held_back, &got);
    }
    assert_int_equal(got.error, LARDER_OK);
    assert_int_equal(reader.read, LARGE);
    assert_true(reader.pauses >= 5);
    got_fini(&got);
    fixture_free(f);
}

/* What was said before the reset is in the kernel's buffer, more of it than is read at a time. */
static void a_reset_in_a_pause_loses_nothing_that_had_come(void **state) {
    struct fixture *f = fixture_new(say_a_large_body);
    uint64_t said[8] = {0};
    struct reader reader = {.pause_at = 10 * MIB, .said = &said[1]};
    struct got got = {.on_piece = check_and_pause, .ctx = &reader};
    uint64_t read;

    (void)state;
    f->origin->ctx = said;
    begin(f, &got, "/");
    await_that(f, is_held_back, &got);
    assert_int_equal(got.dones, 0);
    read = reader.read;
    toy_reset(f->origin->peers);
    run_turns(f, 3);
    reader.pause_at = LARGE;
    fetch_resume(got.fetch);
    await(f, 1);
    assert_int_equal(got.error, LARDER_ERROR_TRUNCATED);
    assert_true(reader.read > read + 3 * FETCH_PIECE_MAX);
    got_fini(&got);
    fixture_free(f);
}

static enum fetch_flow check_and_resume_at_once(struct got *got, struct slice piece) {
    struct reader *reader = got->ctx;

    reader->pause_at = reader->read;
    (void)check_and_pause(got, piece);
    fetch_resume(got->fetch);
    return FETCH_PAUSE;
}

static void a_pause_may_be_ended_where_it_begins(void **state) {
    struct fixture *f = fixture_new(say_a_large_body);
    struct reader reader = {0};
    struct got got = {.on_piece = check_and_resume_at_once, .ctx = &reader};
    uint64_t said[8] = {0};

    (void)state;
    f->origin->ctx = said;
    get(f, &got, "/");
    assert_int_equal(got.error, LARDER_OK);
    assert_int_equal(reader.read, LARGE);
    got_fini(&got);
    fixture_free(f);
}

static void a_deadline_counts_in_a_pause(void **state) {
    struct fixture *f = fixture_new(say_a_large_body);
    struct reader reader = {.pause_at = 1};
    struct got got = {.on_piece = check_and_pause, .ctx = &reader};
    uint64_t said[8] = {0};
    char url[64];
    struct fetch_request request = {.url = url_of(f->origin, "/", url, sizeof(url)),
                                    .deadline_ns = clock_monotonic_ns() + 100 * CLOCK_NS_PER_MS,
                                    .body_max = LARGE};

    (void)state;
    f->origin->ctx = said;
    begin_request(f, &got, &request);
    await(f, 1);
    assert_int_equal(got.error, LARDER_ERROR_TIMEOUT);
    assert_int_equal(reader.pauses, 1);
    got_fini(&got);
    fixture_free(f);
}

static void a_deadline_can_be_renewed(void **state) {
    struct fixture *f = fixture_new(say_hello);
    struct got got = {0};
    char url[64];
    struct fetch_request request = {
        .url = url_of(f->origin, "/", url, sizeof(url)), .deadline_ns = clock_monotonic_ns(), .body_max = 100};

    (void)state;
    begin_request(f, &got, &request);
    fetch_renew(got.fetch, clock_monotonic_ns() + CLOCK_NS_PER_S * 60); /* before a turn has seen that it is past */
    await(f, 1);
    assert_int_equal(got.error, LARDER_OK);
    got_fini(&got);
    got = (struct got){0};
    request.deadline_ns = INT64_MAX;
    begin_request(f, &got, &request);
    fetch_renew(got.fetch, clock_monotonic_ns());
    await(f, 1);
    assert_int_equal(got.error, LARDER_ERROR_TIMEOUT);
    got_fini(&got);
    fixture_free(f);
}

static enum fetch_flow always_pause(struct got *got, struct slice piece) {
    (void)got;
    (void)piece;
    return FETCH_PAUSE;
}

static void the_end_may_come_in_a_pause(void **state) {
    struct fixture *f = fixture_new(say_hello);
    struct got got = {.on_piece = always_pause};

    (void)state;
    get(f, &got, "/");
    assert_int_equal(got.error, LARDER_OK);
    assert_int_equal(got.body_size, 5);
    got_fini(&got);
    fixture_free(f);
}

/* A body with a pause behind each piece, byte by byte: in chunks with a trailer, and up to the end of the connection. */
static void say_chunks(struct toy_peer *peer, struct slice request) {
    (void)request;
    toy_say(peer, SLICE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
    toy_say(peer, SLICE("1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\nT: u\r\n\r\n"));
}

static void say_up_to_the_end(struct toy_peer *peer, struct slice request) {
    (void)request;
    toy_say(peer, SLICE("HTTP/1.1 200 OK\r\n\r\nabcdef"));
    toy_hang_up(peer);
}

static enum fetch_flow note_pause(struct got *got, struct slice piece) {
    (void)piece;
    ++*(unsigned *)got->ctx;
    return FETCH_PAUSE;
}

static bool is_paused(void *ctx) {
    struct got *got = ctx;

    return got->dones > 0 || *(unsigned *)got->ctx > 0;
}

static void small_pieces_wait_as_well(void **state) {
    (void)state;
    for (size_t piece = 0; piece < 18; piece++) {
        struct fixture *f = fixture_new(piece % 2 == 0 ? say_chunks : say_up_to_the_end);
        unsigned paused = 0;
        struct got got = {.on_piece = note_pause, .ctx = &paused};

        f->origin->piece = piece / 2;
        begin(f, &got, "/");
        while (got.dones == 0) {
            await_that(f, is_paused, &got);
            run_turns(f, 40);
            paused = 0;
            if (got.dones == 0) {
                fetch_resume(got.fetch);
            }
        }
        assert_int_equal(got.error, LARDER_OK);
        assert_true(slice_equal(buf_slice(&got.body), SLICE("abcdef")));
        got_fini(&got);
        fixture_free(f);
    }
}

/* --- giving up --- */

static void cancel_on_head(struct got *got) {
    fetch_cancel(got->fetch);
}

static enum fetch_flow cancel_on_piece(struct got *got, struct slice piece) {
    (void)piece;
    fetch_cancel(got->fetch);
    fetch_cancel(got->fetch);
    fetch_resume(got->fetch);
    return FETCH_PAUSE;
}

static void assert_cancelled(struct fixture *f, const struct got *got, unsigned pieces) {
    run_turns(f, 20);
    assert_int_equal(got->dones, 0);
    assert_int_equal(got->pieces, pieces);
    assert_int_equal(fetcher_figures(f->fetcher)->fetches, 0);
    assert_int_equal(fetcher_figures(f->fetcher)->cancelled, 1);
    assert_int_equal(fetcher_figures(f->fetcher)->connections_open, 0);
}

static bool has_head(void *ctx) {
    return ((struct got *)ctx)->heads > 0;
}

static bool has_piece(void *ctx) {
    return ((struct got *)ctx)->pieces > 0;
}

static void a_fetch_can_be_given_up_in_each_callback(void **state) {
    struct got got[2] = {{.on_head = cancel_on_head}, {.on_piece = cancel_on_piece}};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fixture *f = fixture_new(say_a_large_body);
        uint64_t said[8] = {0};

        f->origin->ctx = said;
        begin(f, &got[i], "/");
        await_that(f, i == 0 ? has_head : has_piece, &got[i]);
        assert_cancelled(f, &got[i], (unsigned)i);
        got_fini(&got[i]);
        fixture_free(f);
    }
}

static void cancel_on_done(struct got *got) {
    fetch_cancel(got->fetch);
    fetch_resume(got->fetch);
}

static void giving_up_what_has_ended_is_nothing(void **state) {
    struct fixture *f = fixture_new(say_hello);
    struct got got = {.on_done = cancel_on_done};

    (void)state;
    get(f, &got, "/");
    run_turns(f, 5);
    assert_int_equal(got.dones, 1);
    assert_int_equal(fetcher_figures(f->fetcher)->cancelled, 0);
    got_fini(&got);
    fixture_free(f);
}

/* The other is under way, waits, or has ended at the same moment. */
static void cancel_the_other(struct got *got) {
    struct got *other = got->ctx;

    if (other->dones == 0) {
        fetch_cancel(other->fetch);
        other->ctx = other; /* marked */
    }
}

static enum fetch_flow cancel_the_other_on_piece(struct got *got, struct slice piece) {
    (void)piece;
    cancel_the_other(got);
    got->on_piece = NULL;
    return FETCH_GO_ON;
}

static void others_can_be_given_up_in_each_callback(void **state) {
    (void)state;
    for (unsigned connections = 1; connections <= 2; connections++) {
        for (int i = 0; i < 3; i++) {
            struct fetcher_config config = generous;
            struct fixture *f;
            struct got first = {0}, second = {0};

            config.connections_per_host = connections;
            f = fixture_new_with(say_hello, &config);
            first.ctx = &second;
            if (i == 0) {
                first.on_head = cancel_the_other;
            } else if (i == 1) {
                first.on_piece = cancel_the_other_on_piece;
            } else {
                first.on_done = cancel_the_other;
            }
            begin(f, &first, "/1");
            begin(f, &second, "/2");
            await(f, 1);
            run_turns(f, 20);
            assert_int_equal(first.error, LARDER_OK);
            assert_int_equal(second.dones, second.ctx == NULL);
            assert_int_equal(fetcher_figures(f->fetcher)->fetches, 0);
            got_fini(&first);
            got_fini(&second);
            fixture_free(f);
        }
    }
}

static void one_without_an_answer_can_be_given_up(void **state) {
    (void)state;
    for (unsigned turns = 0; turns < 10; turns++) {
        struct fixture *f = fixture_new(say_nothing);
        struct got got = {0};

        begin(f, &got, "/");
        run_turns(f, turns);
        fetch_cancel(got.fetch);
        assert_int_equal(fetcher_figures(f->fetcher)->fetches, 0);
        assert_cancelled(f, &got, 0);
        got_fini(&got);
        fixture_free(f);
    }
}

/* Whoever waited has its turn. */
static void the_next_in_line_takes_the_place(void **state) {
    struct fetcher_config config = generous;
    struct got first = {0}, second = {0};
    struct fixture *f;

    (void)state;
    config.connections_per_host = 1;
    f = fixture_new_with(say_nothing, &config);
    begin(f, &first, "/1");
    begin(f, &second, "/2");
    run_turns(f, 5);
    assert_int_equal(fetcher_figures(f->fetcher)->waiting, 1);
    f->origin->answer = say_hello;
    fetch_cancel(first.fetch);
    await(f, 1);
    assert_int_equal(second.error, LARDER_OK);
    got_fini(&first);
    got_fini(&second);
    fixture_free(f);
}

/* --- one after the other --- */

enum { CHAIN = 50 };

static void begin_the_next(struct got *got) {
    struct got *next = got + 1;

    if (got->ctx != NULL) {
        next->ctx = got->ctx == (void *)next ? NULL : got->ctx;
        next->on_done = begin_the_next;
        begin(got->fixture, next, "/");
    }
}

static void the_end_of_one_may_begin_the_next(void **state) {
    struct fetcher_config config = generous;
    struct fixture *f;
    static struct got got[CHAIN];

    (void)state;
    config.fetches = 1;
    f = fixture_new_with(say_hello, &config);
    memset(got, 0, sizeof(got));
    got[0].ctx = &got[CHAIN - 1];
    got[0].on_done = begin_the_next;
    begin(f, &got[0], "/");
    await(f, CHAIN);
    for (int i = 0; i < CHAIN; i++) {
        assert_int_equal(got[i].error, LARDER_OK);
        got_fini(&got[i]);
    }
    assert_int_equal(f->origin->connections, 1);
    fixture_free(f);
}

static void begin_another(struct got *got) {
    struct got *other = got->ctx;

    if (other->fetch == NULL) {
        begin(got->fixture, other, "/");
    }
}

static enum fetch_flow begin_another_on_piece(struct got *got, struct slice piece) {
    (void)piece;
    begin_another(got);
    return FETCH_GO_ON;
}

static void each_callback_may_begin_another(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct fixture *f = fixture_new(say_hello);
        struct got second = {0};
        struct got first = {.ctx = &second};

        if (i == 0) {
            first.on_head = begin_another;
        } else {
            first.on_piece = begin_another_on_piece;
        }
        begin(f, &first, "/");
        await(f, 2);
        assert_int_equal(first.error, LARDER_OK);
        assert_int_equal(second.error, LARDER_OK);
        got_fini(&first);
        got_fini(&second);
        fixture_free(f);
    }
}

/* --- the end of the fetcher --- */

static void try_to_begin_another(struct got *got) {
    static const struct fetch_ops none;
    struct fetch_request request = {.url = SLICE("http://127.0.0.1:1/"), .deadline_ns = INT64_MAX};
    struct fetch *fetch;

    assert_int_equal(fetch_start(got->fixture->fetcher, &request, &none, NULL, &fetch), LARDER_ERROR_CLOSED);
}

static void the_end_of_the_fetcher_ends_all(void **state) {
    (void)state;
    for (unsigned turns = 0; turns < 10; turns++) {
        struct fetcher_config config = generous;
        struct fixture *f;
        struct got got[4] = {{0}};

        config.connections_per_host = 2;
        f = fixture_new_with(say_nothing, &config);
        for (int i = 0; i < 4; i++) {
            got[i].on_done = try_to_begin_another;
            begin(f, &got[i], "/");
        }
        run_turns(f, turns);
        fetcher_free(f->fetcher);
        f->fetcher = NULL;
        for (int i = 0; i < 4; i++) {
            assert_int_equal(got[i].dones, 1);
            assert_int_equal(got[i].error, LARDER_ERROR_CLOSED);
            got_fini(&got[i]);
        }
        run_turns(f, 5);
        fixture_free(f);
    }
}

static void cancel_the_other_at_the_end(struct got *got) {
    struct got *other = got->ctx;

    if (other->dones == 0 && got->error == LARDER_ERROR_CLOSED) {
        fetch_cancel(other->fetch);
    }
}

static void the_end_of_one_may_give_up_another_then(void **state) {
    struct fixture *f = fixture_new(say_nothing);
    struct got got[2] = {{0}};

    (void)state;
    for (int i = 0; i < 2; i++) {
        got[i].ctx = &got[1 - i];
        got[i].on_done = cancel_the_other_at_the_end;
        begin(f, &got[i], "/");
    }
    run_turns(f, 5);
    fetcher_free(f->fetcher);
    f->fetcher = NULL;
    assert_int_equal(got[0].dones + got[1].dones, 1);
    got_fini(&got[0]);
    got_fini(&got[1]);
    fixture_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pause_holds_the_origin_back),
        cmocka_unit_test(a_reset_in_a_pause_loses_nothing_that_had_come),
        cmocka_unit_test(a_pause_may_be_ended_where_it_begins),
        cmocka_unit_test(a_deadline_counts_in_a_pause),
        cmocka_unit_test(a_deadline_can_be_renewed),
        cmocka_unit_test(the_end_may_come_in_a_pause),
        cmocka_unit_test(small_pieces_wait_as_well),
        cmocka_unit_test(a_fetch_can_be_given_up_in_each_callback),
        cmocka_unit_test(giving_up_what_has_ended_is_nothing),
        cmocka_unit_test(others_can_be_given_up_in_each_callback),
        cmocka_unit_test(one_without_an_answer_can_be_given_up),
        cmocka_unit_test(the_next_in_line_takes_the_place),
        cmocka_unit_test(the_end_of_one_may_begin_the_next),
        cmocka_unit_test(each_callback_may_begin_another),
        cmocka_unit_test(the_end_of_the_fetcher_ends_all),
        cmocka_unit_test(the_end_of_one_may_give_up_another_then),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
