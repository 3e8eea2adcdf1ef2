/* SPDX-License-Identifier: Apache-2.0 */
/* Everything at once: origins that answer in all the ways there are, owners that pause, give up and begin anew wherever they
 * may, few connections. Whatever happens, each fetch ends once, whole answers are the right ones, and nothing is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/random.h"
#include "fetch_fixture.h"
#include "net/loop.h"
#include "net/timer.h"

enum { FETCHES = 3000, AT_ONCE = 40, ORIGINS = 3, BODY_MAX = 200000 };

static struct random chance;

static bool one_in(uint64_t many) {
    return random_below(&chance, many) == 0;
}

/* The body of target N: N bytes that its number decides. */
static char byte_of(size_t size, size_t at) {
    return (char)('a' + (size + at) % 26);
}

static void say_body(struct toy_peer *peer, size_t size, size_t said) {
    char *body = malloc(size + 1);

    for (size_t i = 0; i < said; i++) {
        body[i] = byte_of(size, i);
    }
    if (said > 0) {
        toy_say(peer, slice_make(body, said));
    }
    free(body);
}

static void say_with_length(struct toy_peer *peer, size_t size, size_t said) {
    char head[64];
    int length = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size);

    toy_say(peer, slice_make(head, (size_t)length));
    say_body(peer, size, said);
}

static void say_in_chunks(struct toy_peer *peer, size_t size) {
    char line[16];

    toy_say(peer, SLICE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
    for (size_t at = 0; at < size;) {
        size_t piece = 1 + random_below(&chance, size - at);
        char *chunk = malloc(piece);

        for (size_t i = 0; i < piece; i++) {
            chunk[i] = byte_of(size, at + i);
        }
        toy_say(peer, slice_make(line, (size_t)snprintf(line, sizeof(line), "%zx\r\n", piece)));
        toy_say(peer, slice_make(chunk, piece));
        toy_say(peer, SLICE("\r\n"));
        at += piece;
        free(chunk);
    }
    toy_say(peer, SLICE("0\r\nTrailer: x\r\n\r\n"));
}

static void answer_somehow(struct toy_peer *peer, struct slice request) {
    char *mark;
    size_t size = strtoul(request.data + strlen("GET /"), &mark, 10);
    bool is_patient = *mark == '?';

    peer->origin->piece = one_in(5) ? 1 + random_below(&chance, 5000) : 0;
    switch (random_below(&chance, is_patient ? 11 : 12)) {
    case 11:
        break; /* nothing */
    case 1:
        toy_reset(peer);
        break;
    case 2:
        toy_hang_up(peer);
        break;
    case 3:
        say_with_length(peer, size, size / 2);
        toy_hang_up(peer);
        break;
    case 4:
        say_with_length(peer, size, size / 2);
        toy_reset(peer);
        break;
    case 5:
        say_with_length(peer, size, size);
        toy_reset(peer);
        break;
    case 6:
        say_with_length(peer, size, size);
        toy_say(peer, SLICE("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"));
        break;
    case 7:
        toy_say(peer, SLICE("what?\r\n"));
        break;
    case 8:
    case 9:
        say_in_chunks(peer, size);
        break;
    default: /* 0 and 10 */
        say_with_length(peer, size, size);
        break;
    }
}

struct storm {
    struct fixture *fixture;
    struct toy_origin *origins[ORIGINS];
    unsigned begun, under_way, given_up, ended;
};

struct drop {
    struct storm *storm;
    struct fetch *fetch;
    struct timer *timer; /* gives it up, or ends its pause */
    size_t size;
    size_t read;
    unsigned heads;
    bool over; /* for its owner */
};

static void begin_one(struct storm *storm);

static void end_one(struct drop *drop) {
    struct storm *storm = drop->storm;

    assert_false(drop->over);
    drop->over = true;
    storm->under_way--;
    timer_free(drop->timer);
    free(drop);
    while (storm->begun < FETCHES && storm->under_way < AT_ONCE) {
        begin_one(storm);
    }
    if (storm->begun == FETCHES && storm->under_way == 0) {
        loop_stop(storm->fixture->loop);
    }
}

static void give_up(struct drop *drop) {
    drop->storm->given_up++;
    fetch_cancel(drop->fetch);
    end_one(drop);
}

static void on_time(void *ctx) {
    struct drop *drop = ctx;

    if (one_in(4)) {
        give_up(drop);
    } else {
        fetch_resume(drop->fetch);
    }
}

static void on_head(void *ctx, const struct fetch_head *head) {
    struct drop *drop = ctx;

    assert_int_equal(drop->heads++, 0);
    assert_int_equal(head->status, 200);
    if (one_in(30)) {
        give_up(drop);
    }
}

static enum fetch_flow on_body(void *ctx, struct slice piece) {
    struct drop *drop = ctx;

    for (size_t i = 0; i < piece.size; i++) {
        assert_int_equal(piece.data[i], byte_of(drop->size, drop->read + i));
    }
    drop->read += piece.size;
    if (one_in(30)) {
        give_up(drop);
        return FETCH_PAUSE;
    }
    if (one_in(5)) {
        timer_start(drop->timer, (int64_t)random_below(&chance, 5) * CLOCK_NS_PER_MS, 0);
        return FETCH_PAUSE;
    }
    return FETCH_GO_ON;
}

static void on_done(void *ctx, enum larder_error error) {
    struct drop *drop = ctx;

    drop->storm->ended++;
    if (error == LARDER_OK) {
        assert_int_equal(drop->read, drop->size);
    }
    end_one(drop);
}

static const struct fetch_ops ops = {.on_head = on_head, .on_body = on_body, .on_done = on_done};

static void begin_one(struct storm *storm) {
    struct drop *drop = calloc(1, sizeof(*drop));
    struct toy_origin *origin = storm->origins[random_below(&chance, ORIGINS)];
    bool is_patient = one_in(2);
    int64_t patience_ms = is_patient ? 50000 : (int64_t)random_below(&chance, 100);
    char target[32], url[64];
    struct fetch_request request = {.body_max = BODY_MAX};

    drop->storm = storm;
    drop->size = 1 + random_below(&chance, one_in(10) ? BODY_MAX : 2000);
    drop->timer = timer_new(storm->fixture->loop, on_time, drop);
    snprintf(target, sizeof(target), "/%zu%s", drop->size, is_patient ? "?" : "");
    request.url = url_of(origin, target, url, sizeof(url));
    request.deadline_ns = clock_monotonic_ns() + patience_ms * CLOCK_NS_PER_MS;
    storm->begun++;
    storm->under_way++;
    assert_int_equal(fetch_start(storm->fixture->fetcher, &request, &ops, drop, &drop->fetch), LARDER_OK);
}

static void weather(uint64_t seed) {
    struct fetcher_config config = generous;
    struct storm storm = {0};
    const struct fetcher_figures *figures;
    uint64_t ended = 0;

    random_init(&chance, seed);
    config.connections = 6;
    config.connections_per_host = 3;
    config.fetches = 2 * AT_ONCE;
    storm.fixture = fixture_new_with(answer_somehow, &config);
    figures = fetcher_figures(storm.fixture->fetcher);
    storm.origins[0] = storm.fixture->origin;
    for (int i = 1; i < ORIGINS; i++) {
        storm.origins[i] = toy_origin_new(storm.fixture->loop, "127.0.0.1", 0, answer_somehow, NULL);
    }
    begin_one(&storm);
    while (storm.under_way < AT_ONCE) {
        begin_one(&storm);
    }
    timer_start(storm.fixture->patience, 100 * CLOCK_NS_PER_S, 0);
    loop_run(storm.fixture->loop);
    run_turns(storm.fixture, 3);
    for (int i = 0; i < LARDER_ERRORS; i++) {
        ended += figures->ended[i];
    }
    assert_int_equal(ended, storm.ended);
    assert_int_equal(figures->cancelled, storm.given_up);
    assert_int_equal(storm.ended + storm.given_up, FETCHES);
    assert_int_equal(figures->fetches, 0);
    assert_int_equal(figures->waiting, 0);
    assert_true(figures->connections_open <= config.connections);
    assert_true(figures->ended[LARDER_OK] > FETCHES / 10);
    assert_true(figures->ended[LARDER_ERROR_TIMEOUT] > 0 && figures->ended[LARDER_ERROR_TRUNCATED] > 0 &&
                figures->ended[LARDER_ERROR_PROTOCOL] > 0);
    for (int i = 1; i < ORIGINS; i++) {
        toy_origin_free(storm.origins[i]);
    }
    fixture_free(storm.fixture);
}

static void everything_at_once(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        weather(seed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(everything_at_once)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
