/* SPDX-License-Identifier: Apache-2.0 */
/* Origins that lie, hang, break off, and never end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "fetch_fixture.h"
#include "net/loop.h"
#include "net/timer.h"

static const char *script;

static void say_script(struct toy_peer *peer, struct slice request) {
    (void)request;
    toy_say(peer, slice_from_string(script));
}

static void say_and_hang_up(struct toy_peer *peer, struct slice request) {
    say_script(peer, request);
    toy_hang_up(peer);
}

static void say_nothing(struct toy_peer *peer, struct slice request) {
    (void)peer;
    (void)request;
}

static void reset(struct toy_peer *peer, struct slice request) {
    (void)request;
    toy_reset(peer);
}

/* Fetches it, and says how it ended; in pieces of one byte as well. */
static enum larder_error outcome(toy_answer_fn *answer, const char *text, struct got *ret_got) {
    enum larder_error error = LARDER_OK;

    for (size_t piece = 0; piece < 2; piece++) {
        struct fixture *f = fixture_new(answer);
        struct got got = {0};

        script = text;
        f->origin->piece = piece;
        get(f, &got, "/");
        if (piece == 1) {
            assert_int_equal(got.error, error);
        }
        error = got.error;
        assert_int_equal(fetcher_figures(f->fetcher)->ended[error], 1);
        assert_int_equal(fetcher_figures(f->fetcher)->fetches, 0);
        got_fini(&got);
        fixture_free(f);
        if (ret_got != NULL) {
            *ret_got = got;
        }
    }
    return error;
}

struct bad {
    const char *text;
    enum larder_error error;
    unsigned heads; /* on_head was called */
};

/* Whoever says this hangs up behind it. */
static const struct bad ending_early[] = {
    {"", LARDER_ERROR_CLOSED, 0},
    {"HTTP/1.1 200 OK\r\nContent-Le", LARDER_ERROR_TRUNCATED, 0},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", LARDER_ERROR_TRUNCATED, 0},
    {"HTTP/1.1 103 Hints\r\n\r\n", LARDER_ERROR_TRUNCATED, 0},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", LARDER_ERROR_TRUNCATED, 1},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", LARDER_ERROR_TRUNCATED, 1},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", LARDER_ERROR_TRUNCATED, 1},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", LARDER_ERROR_TRUNCATED, 1},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", LARDER_ERROR_TRUNCATED, 1},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", LARDER_ERROR_TRUNCATED, 1},
};

static void an_answer_that_breaks_off_is_no_answer(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(ending_early) / sizeof(ending_early[0]); i++) {
        const struct bad *bad = &ending_early[i];
        struct got got;

        print_message("%.60s...\n", bad->text);
        assert_int_equal(outcome(say_and_hang_up, bad->text, &got), bad->error);
        assert_int_equal(got.heads, bad->heads);
    }
}

static const struct bad contradictions[] = {
    {"hello\r\n\r\n", LARDER_ERROR_PROTOCOL, 0},
    {"<html>hello there</html>\r\n\r\n", LARDER_ERROR_PROTOCOL, 0},
    {"\1\2\3\r\n\r\n", LARDER_ERROR_PROTOCOL, 0},
    {"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", LARDER_ERROR_PROTOCOL, 0},
    {"HTTP/2 200\r\n\r\n", LARDER_ERROR_PROTOCOL, 0},
    {"HTTP/1.2 200 OK\r\n\r\n", LARDER_ERROR_PROTOCOL, 0},
    {"HTTP/1.1 abc\r\n\r\n", LARDER_ERROR_PROTOCOL, 0},
    {"HTTP/1.1 20 OK\r\n\r\n", LARDER_ERROR_PROTOCOL, 0},
    {"HTTP/1.1 2000 OK\r\n\r\n", LARDER_ERROR_PROTOCOL, 0},
    {"HTTP/1.1 099 OK\r\n\r\n", LARDER_ERROR_PROTOCOL, 0},
    {"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n", LARDER_ERROR_PROTOCOL, 0},
    {"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", LARDER_ERROR_PROTOCOL, 0},
    {"HTTP/1.1 200 OK\r\nX : y\r\n\r\n", LARDER_ERROR_PROTOCOL, 0},
    {"HTTP/1.1 200 OK\r\n: y\r\n\r\n", LARDER_ERROR_PROTOCOL, 0},
    {"HTTP/1.1 200 OK\r\nX: y\r\n folded: z\r\n\r\n", LARDER_ERROR_PROTOCOL, 0},
    {"HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n", LARDER_ERROR_PROTOCOL, 0},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", LARDER_ERROR_PROTOCOL, 0},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello", LARDER_ERROR_PROTOCOL, 0},
    {"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", LARDER_ERROR_PROTOCOL, 0},
    {"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello", LARDER_ERROR_PROTOCOL, 0},
    {"HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello", LARDER_ERROR_PROTOCOL, 0},
    {"HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nhello", LARDER_ERROR_PROTOCOL, 0},
    {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello", LARDER_ERROR_PROTOCOL, 0},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", LARDER_ERROR_PROTOCOL, 0},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", LARDER_ERROR_PROTOCOL, 0},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", LARDER_ERROR_PROTOCOL, 0},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     LARDER_ERROR_PROTOCOL, 0},
    {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", LARDER_ERROR_PROTOCOL, 0},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n", LARDER_ERROR_PROTOCOL, 1},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n", LARDER_ERROR_PROTOCOL, 1},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11111111111111111\r\nhello\r\n0\r\n\r\n",
     LARDER_ERROR_PROTOCOL, 1},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n", LARDER_ERROR_PROTOCOL, 1},
};

static void what_contradicts_itself_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(contradictions) / sizeof(contradictions[0]); i++) {
        const struct bad *bad = &contradictions[i];
        struct got got;

        print_message("%.60s...\n", bad->text);
        assert_int_equal(outcome(say_and_hang_up, bad->text, &got), bad->error);
        assert_int_equal(got.heads, bad->heads);
    }
}

static void reset_in_the_middle(struct toy_peer *peer) {
    toy_reset(peer);
}

static void say_and_reset(struct toy_peer *peer, struct slice request) {
    say_script(peer, request);
    peer->more = reset_in_the_middle;
}

static void a_reset_is_an_end_too(void **state) {
    struct got got;

    (void)state;
    assert_int_equal(outcome(reset, "", NULL), LARDER_ERROR_CLOSED);
    assert_int_equal(outcome(say_and_reset, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", &got),
                     LARDER_ERROR_TRUNCATED);
    assert_int_equal(got.heads, 1);
    /* Where the end of the connection is that of the answer, it must be a clean one. */
    assert_int_equal(outcome(say_and_reset, "HTTP/1.1 200 OK\r\n\r\nhello", NULL), LARDER_ERROR_TRUNCATED);
}

static void say_all_and_reset(struct toy_peer *peer, struct slice request) {
    say_script(peer, request);
    toy_reset(peer);
}

static void what_came_before_a_reset_counts(void **state) {
    struct fixture *f = fixture_new(say_all_and_reset);

    (void)state;
    script = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    for (int i = 0; i < 20; i++) {
        struct got got = {0};

        get(f, &got, "/");
        assert_int_equal(got.error, LARDER_OK);
        assert_true(slice_equal(buf_slice(&got.body), SLICE("hello")));
        got_fini(&got);
    }
    fixture_free(f);
}

/* --- a length that is too short --- */

/* What comes behind the answer must not become the answer to the next request. */
static void bytes_behind_an_answer_are_nobodys(void **state) {
    struct fixture *f = fixture_new(say_script);

    (void)state;
    script = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
    for (unsigned i = 1; i <= 5; i++) {
        struct got got = {0};

        get(f, &got, "/");
        assert_int_equal(got.error, LARDER_OK);
        assert_true(slice_equal(buf_slice(&got.body), SLICE("hello")));
        assert_int_equal(f->origin->connections, i);
        got_fini(&got);
    }
    fixture_free(f);
}

static void say_poison(struct toy_peer *peer) {
    peer->more = NULL;
    toy_say(peer, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"));
}

static void say_hello_then_poison(struct toy_peer *peer, struct slice request) {
    (void)request;
    toy_answer_with(peer, SLICE("hello"));
    peer->more = say_poison;
}

static bool all_is_said(void *ctx) {
    const struct fixture *f = ctx;

    return f->origin->peers->more == NULL && f->origin->peers->out.size == 0;
}

static void bytes_that_come_later_are_nobodys_either(void **state) {
    struct fixture *f = fixture_new(say_hello_then_poison);

    (void)state;
    for (unsigned i = 1; i <= 5; i++) {
        struct got got = {0};

        get(f, &got, "/");
        assert_int_equal(got.error, LARDER_OK);
        assert_true(slice_equal(buf_slice(&got.body), SLICE("hello")));
        await_that(f, all_is_said, f);
        got_fini(&got);
    }
    assert_int_equal(f->origin->connections, 5);
    fixture_free(f);
}

/* A body in answer to HEAD, and behind 304 and 204, with the head or later. */
static void bodies_that_must_not_be_are_nobodys(void **state) {
    static const char *const texts[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\npoison",
        "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
    };
    static const unsigned statuses[] = {200, 304, 204};
    struct fixture *f = fixture_new(say_script);

    (void)state;
    for (unsigned i = 0; i < 18; i++) {
        struct got got = {0};
        char url[64];
        struct fetch_request request = {.method = i % 3 == 0 ? FETCH_HEAD : FETCH_GET,
                                        .url = url_of(f->origin, "/", url, sizeof(url)),
                                        .deadline_ns = in_a_minute(),
                                        .body_max = 100};

        script = texts[i % 3];
        f->origin->piece = i < 9 ? 0 : 1;
        begin_request(f, &got, &request);
        await(f, 1);
        assert_int_equal(got.error, LARDER_OK);
        assert_int_equal(got.body_size, 0);
        assert_int_equal(got.status, statuses[i % 3]);
        got_fini(&got);
    }
    fixture_free(f);
}

/* --- ceilings --- */

static void get_with_ceiling(struct fixture *f, struct got *got, uint64_t body_max) {
    char url[64];
    struct fetch_request request = {
        .url = url_of(f->origin, "/", url, sizeof(url)), .deadline_ns = in_a_minute(), .body_max = body_max};

    begin_request(f, got, &request);
    await(f, 1);
}

static void a_body_may_be_as_large_as_allowed_and_no_larger(void **state) {
    static const char *const texts[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nhello",
    };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct fixture *f = fixture_new(i == 2 ? say_and_hang_up : say_script);
        struct got fits = {0}, too_large = {0};

        script = texts[i];
        get_with_ceiling(f, &fits, 5);
        assert_int_equal(fits.error, LARDER_OK);
        assert_int_equal(fits.body_size, 5);
        get_with_ceiling(f, &too_large, 4);
        assert_int_equal(too_large.error, LARDER_ERROR_TOO_LARGE);
        assert_int_equal(too_large.heads, 1);
        assert_true(too_large.body_size <= 4);
        assert_int_equal(too_large.pieces, i == 0 ? 0 : too_large.pieces); /* the length said it all */
        got_fini(&fits);
        got_fini(&too_large);
        fixture_free(f);
    }
}

/* The length of what a HEAD or a 304 speaks of is not that of a body. */
static void a_length_without_a_body_counts_for_nothing(void **state) {
    struct fixture *f = fixture_new(say_script);
    struct got got = {0};

    (void)state;
    script = "HTTP/1.1 304 Not Modified\r\nContent-Length: 5000\r\n\r\n";
    get_with_ceiling(f, &got, 0);
    assert_int_equal(got.error, LARDER_OK);
    got_fini(&got);
    fixture_free(f);
}

static void say_more_and_more(struct toy_peer *peer) {
    static const char chunk[] = "1000\r\n";
    static char rest[4096 + 2];

    memset(rest, 'e', 4096);
    memcpy(rest + 4096, "\r\n", 2);
    toy_say(peer, slice_from_string(chunk));
    toy_say(peer, slice_make(rest, sizeof(rest)));
}

static void say_without_end(struct toy_peer *peer, struct slice request) {
    (void)request;
    toy_say(peer, SLICE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
    peer->more = say_more_and_more;
}

static void a_body_without_end_is_ended(void **state) {
    struct fixture *f = fixture_new(say_without_end);
    struct got got = {0};

    (void)state;
    get_with_ceiling(f, &got, 3 << 20);
    assert_int_equal(got.error, LARDER_ERROR_TOO_LARGE);
    assert_in_range(got.body_size, (3 << 20) - FETCH_PIECE_MAX, 3 << 20);
    assert_int_equal(fetcher_figures(f->fetcher)->connections_open, 0);
    got_fini(&got);
    fixture_free(f);
}

static void say_fields(struct toy_peer *peer, unsigned count, size_t size) {
    char *value = malloc(size);
    char name[16];

    memset(value, 'v', size);
    toy_say(peer, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"));
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "F%05u: ", i);
        toy_say(peer, slice_from_string(name));
        toy_say(peer, slice_make(value, size));
        toy_say(peer, SLICE("\r\n"));
    }
    toy_say(peer, SLICE("\r\n"));
    free(value);
}

static void say_fields_as_asked(struct toy_peer *peer, struct slice request) {
    unsigned count, size;

    assert_int_equal(sscanf(request.data, "GET /%u/%u", &count, &size), 2);
    say_fields(peer, count, size);
}

static void a_head_may_be_as_large_as_allowed_and_no_larger(void **state) {
    static const struct {
        const char *target;
        enum larder_error error;
    } heads[] = {
        {"/127/1", LARDER_OK},
        {"/128/1", LARDER_ERROR_LIMIT},
        {"/1000/1", LARDER_ERROR_LIMIT},
        {"/1/65400", LARDER_OK},
        {"/1/65536", LARDER_ERROR_LIMIT},
        {"/120/535", LARDER_OK},
        {"/120/546", LARDER_ERROR_LIMIT},
        {"/1/1000000", LARDER_ERROR_LIMIT},
        {"/100/100000", LARDER_ERROR_LIMIT},
    };
    struct fixture *f = fixture_new(say_fields_as_asked);

    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct got got = {0};

        print_message("%s\n", heads[i].target);
        get(f, &got, heads[i].target);
        assert_int_equal(got.error, heads[i].error);
        assert_int_equal(got.heads, heads[i].error == LARDER_OK);
        got_fini(&got);
    }
    fixture_free(f);
}

static void say_hints(struct toy_peer *peer) {
    toy_say(peer, SLICE("HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"));
}

static void say_hints_without_end(struct toy_peer *peer, struct slice request) {
    (void)request;
    say_hints(peer);
    peer->more = say_hints;
}

static void interim_answers_without_end_are_ended(void **state) {
    struct fixture *f = fixture_new(say_hints_without_end);
    struct got got = {0};

    (void)state;
    get(f, &got, "/");
    assert_int_equal(got.error, LARDER_ERROR_LIMIT);
    got_fini(&got);
    fixture_free(f);
}

/* --- time --- */

static void begin_within(struct fixture *f, struct got *got, int64_t limit_ns) {
    char url[64];
    struct fetch_request request = {.url = url_of(f->origin, "/", url, sizeof(url)),
                                    .deadline_ns = clock_monotonic_ns() + limit_ns,
                                    .body_max = 1 << 20};

    begin_request(f, got, &request);
}

static void a_deadline_ends_what_hangs(void **state) {
    static const char *const texts[] = {
        "",
        "HTTP/1.1 200 OK\r\nContent-L",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
    };
    struct fixture *f = fixture_new(say_script);

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct got got = {0};

        script = texts[i];
        begin_within(f, &got, 20 * CLOCK_NS_PER_MS);
        await(f, 1);
        assert_int_equal(got.error, LARDER_ERROR_TIMEOUT);
        assert_int_equal(got.heads, i == 2);
        assert_int_equal(fetcher_figures(f->fetcher)->connections_open, 0);
        got_fini(&got);
    }
    fixture_free(f);
}

static void a_deadline_that_is_past_ends_at_once_but_not_within_the_start(void **state) {
    struct fixture *f = fixture_new(say_nothing);
    struct got got = {0};

    (void)state;
    begin_within(f, &got, -CLOCK_NS_PER_S);
    await(f, 1);
    assert_int_equal(got.error, LARDER_ERROR_TIMEOUT);
    got_fini(&got);
    fixture_free(f);
}

static void a_deadline_counts_in_the_line(void **state) {
    struct fetcher_config config = generous;
    struct got first = {0}, second = {0};
    struct fixture *f;

    (void)state;
    config.connections_per_host = 1;
    f = fixture_new_with(say_nothing, &config);
    begin(f, &first, "/");
    begin_within(f, &second, 20 * CLOCK_NS_PER_MS);
    await(f, 1);
    assert_int_equal(first.dones, 0);
    assert_int_equal(second.error, LARDER_ERROR_TIMEOUT);
    assert_int_equal(f->origin->requests, 1);
    fetch_cancel(first.fetch);
    got_fini(&first);
    got_fini(&second);
    fixture_free(f);
}

/* --- kept connections that end --- */

static void close_all(struct fixture *f) {
    for (struct toy_peer *peer = f->origin->peers; peer != NULL; peer = peer->next) {
        if (peer->open) {
            stream_close(&peer->stream);
        }
    }
}

static void say_hello(struct toy_peer *peer, struct slice request) {
    (void)request;
    toy_answer_with(peer, SLICE("hello"));
}

static void a_kept_connection_that_was_closed_is_not_used(void **state) {
    struct fixture *f = fixture_new(say_hello);

    (void)state;
    for (unsigned i = 1; i <= 3; i++) {
        struct got got = {0};

        get(f, &got, "/");
        assert_int_equal(got.error, LARDER_OK);
        assert_int_equal(f->origin->connections, i);
        got_fini(&got);
        close_all(f);
        run_turns(f, 3);
    }
    fixture_free(f);
}

/* It is still open when the request goes out: the request is sent again. */
static void close_at_the_second(struct toy_peer *peer, struct slice request) {
    if (peer->requests == 1) {
        say_hello(peer, request);
    } else {
        toy_hang_up(peer);
    }
}

static void a_kept_connection_that_ends_under_a_request_is_replaced(void **state) {
    struct fixture *f = fixture_new(close_at_the_second);
    struct got first = {0}, second = {0};

    (void)state;
    get(f, &first, "/");
    get(f, &second, "/");
    assert_int_equal(second.error, LARDER_OK);
    assert_true(slice_equal(buf_slice(&second.body), SLICE("hello")));
    assert_int_equal(f->origin->connections, 2);
    assert_int_equal(f->origin->requests, 3);
    assert_int_equal(fetcher_figures(f->fetcher)->connections_made, 2);
    assert_int_equal(fetcher_figures(f->fetcher)->connections_reused, 1);
    got_fini(&first);
    got_fini(&second);
    fixture_free(f);
}

static struct toy_peer *late;

static void hang_up_late(void *ctx) {
    (void)ctx;
    stream_close(&late->stream);
}

/* The new connection has its own time, however long the old one took to end. */
static void close_at_the_second_after_a_while(struct toy_peer *peer, struct slice request) {
    if (peer->requests == 1) {
        say_hello(peer, request);
    } else {
        late = peer;
        timer_start(peer->origin->ctx, 1200 * CLOCK_NS_PER_MS, 0);
    }
}

static void a_replacement_has_its_own_time_to_connect(void **state) {
    struct fetcher_config config = generous;
    struct got first = {0}, second = {0};
    struct timer *timer;
    struct fixture *f;

    (void)state;
    config.connect_timeout_ns = CLOCK_NS_PER_S;
    f = fixture_new_with(close_at_the_second_after_a_while, &config);
    timer = timer_new(f->loop, hang_up_late, f);
    f->origin->ctx = timer;
    get(f, &first, "/");
    get(f, &second, "/");
    assert_int_equal(second.error, LARDER_OK);
    assert_int_equal(f->origin->connections, 2);
    got_fini(&first);
    got_fini(&second);
    timer_free(timer);
    fixture_free(f);
}

/* --- no connection --- */

static void nobody_listens(void **state) {
    struct fixture *f = fixture_new(say_hello);
    struct toy_origin *gone = toy_origin_new(f->loop, "127.0.0.1", 0, say_hello, NULL);
    char url[64];
    struct fetch_request request = {.url = url_of(gone, "/", url, sizeof(url)), .deadline_ns = in_a_minute()};
    struct got got = {0};

    (void)state;
    toy_origin_free(gone);
    begin_request(f, &got, &request);
    await(f, 1);
    assert_int_equal(got.error, LARDER_ERROR_REFUSED);
    assert_int_equal(got.heads, 0);
    assert_true(strlen(got.why) > 0);
    assert_int_equal(fetcher_figures(f->fetcher)->connections_open, 0);
    got_fini(&got);
    fixture_free(f);
}

/* A multicast address has no way for TCP. */
static void no_way_leads_there(void **state) {
    struct fixture *f = fixture_new(say_hello);
    struct fetch_request request = {.url = SLICE("http://224.0.0.1/"), .deadline_ns = in_a_minute()};
    struct got got = {0};

    (void)state;
    begin_request(f, &got, &request);
    await(f, 1);
    assert_int_equal(got.error, LARDER_ERROR_UNREACHABLE);
    got_fini(&got);
    fixture_free(f);
}

static void connecting_has_a_limit(void **state) {
    struct fetcher_config config = generous;
    struct deaf deaf;
    struct got got = {0};
    struct fixture *f;
    char url[64];
    struct fetch_request request = {.deadline_ns = in_a_minute()};

    (void)state;
    config.connect_timeout_ns = 50 * CLOCK_NS_PER_MS;
    f = fixture_new_with(say_hello, &config);
    deaf_open(&deaf, "127.0.0.1", 0);
    request.url = slice_make(url, (size_t)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", (unsigned)deaf.port));
    begin_request(f, &got, &request);
    await(f, 1);
    assert_int_equal(got.error, LARDER_ERROR_UNREACHABLE);
    assert_int_equal(fetcher_figures(f->fetcher)->connections_open, 0);
    got_fini(&got);
    fixture_free(f);
    deaf_close(&deaf);
}

/* The time in the line is not that of connecting. */
static struct toy_peer *held;

static void answer_late(void *ctx) {
    (void)ctx;
    toy_answer_with(held, SLICE("hello"));
    stream_want_write(&held->stream, true);
}

static void hold_the_first(struct toy_peer *peer, struct slice request) {
    if (peer->origin->requests == 1) {
        held = peer;
        timer_start(peer->origin->ctx, 1200 * CLOCK_NS_PER_MS, 0);
    } else {
        say_hello(peer, request);
    }
}

static void the_line_takes_nothing_from_the_time_to_connect(void **state) {
    struct fetcher_config config = generous;
    struct got first = {0}, second = {0};
    struct timer *timer;
    struct fixture *f;

    (void)state;
    config.connect_timeout_ns = CLOCK_NS_PER_S;
    config.connections_per_host = 1;
    config.life_ns = 1; /* so that the second connects anew, if a second has gone by */
    f = fixture_new_with(hold_the_first, &config);
    timer = timer_new(f->loop, answer_late, f);
    f->origin->ctx = timer;
    begin(f, &first, "/");
    begin(f, &second, "/");
    await(f, 2);
    assert_int_equal(first.error, LARDER_OK);
    assert_int_equal(second.error, LARDER_OK);
    got_fini(&first);
    got_fini(&second);
    timer_free(timer);
    fixture_free(f);
}

static void there_are_no_descriptors_left(void **state) {
    struct fixture *f = fixture_new(say_hello);
    struct rlimit limit, none;
    struct got first = {0}, second = {0}, third = {0};

    (void)state;
    get(f, &first, "/"); /* whatever is opened once is open */
    close_all(f);
    run_turns(f, 3);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    begin(f, &second, "/");
    await(f, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(second.error, LARDER_ERROR_LIMIT);
    get(f, &third, "/");
    assert_int_equal(third.error, LARDER_OK);
    got_fini(&first);
    got_fini(&second);
    got_fini(&third);
    fixture_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_that_breaks_off_is_no_answer),
        cmocka_unit_test(what_contradicts_itself_is_refused),
        cmocka_unit_test(a_reset_is_an_end_too),
        cmocka_unit_test(what_came_before_a_reset_counts),
        cmocka_unit_test(bytes_behind_an_answer_are_nobodys),
        cmocka_unit_test(bytes_that_come_later_are_nobodys_either),
        cmocka_unit_test(bodies_that_must_not_be_are_nobodys),
        cmocka_unit_test(a_body_may_be_as_large_as_allowed_and_no_larger),
        cmocka_unit_test(a_length_without_a_body_counts_for_nothing),
        cmocka_unit_test(a_body_without_end_is_ended),
        cmocka_unit_test(a_head_may_be_as_large_as_allowed_and_no_larger),
        cmocka_unit_test(interim_answers_without_end_are_ended),
        cmocka_unit_test(a_deadline_ends_what_hangs),
        cmocka_unit_test(a_deadline_that_is_past_ends_at_once_but_not_within_the_start),
        cmocka_unit_test(a_deadline_counts_in_the_line),
        cmocka_unit_test(a_kept_connection_that_was_closed_is_not_used),
        cmocka_unit_test(a_kept_connection_that_ends_under_a_request_is_replaced),
        cmocka_unit_test(a_replacement_has_its_own_time_to_connect),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(no_way_leads_there),
        cmocka_unit_test(connecting_has_a_limit),
        cmocka_unit_test(the_line_takes_nothing_from_the_time_to_connect),
        cmocka_unit_test(there_are_no_descriptors_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
