/* SPDX-License-Identifier: Apache-2.0 */
#include "fetch_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/loop.h"
#include "net/timer.h"

const struct fetcher_config generous = {
    .connections = 64,
    .connections_per_host = 32,
    .fetches = 1000,
    .connect_timeout_ns = 30 * CLOCK_NS_PER_S,
    .idle_ns = 60 * CLOCK_NS_PER_S,
    .life_ns = 600 * CLOCK_NS_PER_S,
    .name_ns = 60 * CLOCK_NS_PER_S,
};

static void on_patience(void *ctx) {
    (void)ctx;
    fail_msg("nothing happened for 60 seconds");
}

struct fixture *fixture_new_with(toy_answer_fn *answer, const struct fetcher_config *config) {
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->loop = loop_new();
    f->fetcher = fetcher_new(f->loop, config);
    assert_non_null(f->fetcher);
    f->origin = toy_origin_new(f->loop, "127.0.0.1", 0, answer, f);
    f->patience = timer_new(f->loop, on_patience, NULL);
    return f;
}

struct fixture *fixture_new(toy_answer_fn *answer) {
    return fixture_new_with(answer, &generous);
}

void fixture_free(struct fixture *f) {
    if (f->fetcher != NULL) {
        assert_int_equal(fetcher_figures(f->fetcher)->waiting, 0);
        fetcher_free(f->fetcher);
    }
    toy_origin_free(f->origin);
    timer_free(f->patience);
    loop_free(f->loop);
    free(f);
}

int64_t in_a_minute(void) {
    return clock_monotonic_ns() + 60 * CLOCK_NS_PER_S;
}

struct slice url_of(const struct toy_origin *origin, const char *target, char *ret_url, size_t size) {
    int length = snprintf(ret_url, size, "http://127.0.0.1:%u%s", (unsigned)toy_origin_port(origin), target);

    assert_true(length > 0 && (size_t)length < size);
    return slice_make(ret_url, (size_t)length);
}

/* --- what comes --- */

static void on_head(void *ctx, const struct fetch_head *head) {
    struct got *got = ctx;

    assert_int_equal(got->heads, 0);
    assert_int_equal(got->pieces, 0);
    assert_int_equal(got->dones, 0);
    got->heads++;
    got->status = head->status;
    got->has_length = head->has_length;
    got->length = head->length;
    got->until_end = head->until_end;
    for (size_t i = 0; i < head->field_count; i++) {
        const struct fetch_field *field = &head->fields[i];

        assert_int_equal(buf_printf(&got->fields, "%.*s: %.*s\n", (int)field->name.size, field->name.data,
                                    (int)field->value.size, field->value.data),
                         LARDER_OK);
    }
    if (got->on_head != NULL) {
        got->on_head(got);
    }
}

static enum fetch_flow on_body(void *ctx, struct slice piece) {
    struct got *got = ctx;
    size_t room = GOT_BODY_MAX - got->body.size;

    assert_int_equal(got->heads, 1);
    assert_int_equal(got->dones, 0);
    assert_true(piece.size > 0 && piece.size <= FETCH_PIECE_MAX);
    got->pieces++;
    got->body_size += piece.size;
    assert_int_equal(buf_append(&got->body, piece.data, piece.size < room ? piece.size : room), LARDER_OK);
    return got->on_piece == NULL ? FETCH_GO_ON : got->on_piece(got, piece);
}

static void on_done(void *ctx, enum larder_error error) {
    struct got *got = ctx;
    struct fixture *f = got->fixture;

    assert_int_equal(got->dones, 0);
    got->dones++;
    got->error = error;
    strcpy(got->why, fetch_why(got->fetch));
    f->dones++;
    if (got->on_done != NULL) {
        got->on_done(got);
    }
    if (f->awaited > 0 && f->dones >= f->awaited) {
        loop_stop(f->loop);
    }
}

static const struct fetch_ops ops = {.on_head = on_head, .on_body = on_body, .on_done = on_done};

/* --- what is asked --- */

void begin_request(struct fixture *f, struct got *got, const struct fetch_request *request) {
    got->fixture = f;
    buf_init(&got->fields, 256 << 10);
    buf_init(&got->body, GOT_BODY_MAX);
    assert_int_equal(fetch_start(f->fetcher, request, &ops, got, &got->fetch), LARDER_OK);
    assert_int_equal(got->heads + got->dones, 0);
}

void begin(struct fixture *f, struct got *got, const char *target) {
    char url[512];
    struct fetch_request request = {
        .url = url_of(f->origin, target, url, sizeof(url)),
        .deadline_ns = in_a_minute(),
        .body_max = 64 << 20,
    };

    begin_request(f, got, &request);
}

void got_fini(struct got *got) {
    buf_fini(&got->fields);
    buf_fini(&got->body);
}

/* --- waiting --- */

void await(struct fixture *f, unsigned dones) {
    timer_start(f->patience, 60 * CLOCK_NS_PER_S, 0);
    f->awaited = dones;
    if (f->dones < dones) {
        loop_run(f->loop);
    }
    assert_true(f->dones >= dones);
    f->awaited = 0;
    f->dones -= dones;
    timer_stop(f->patience);
}

struct look {
    struct fixture *fixture;
    bool (*holds)(void *ctx);
    void *ctx;
    unsigned turns; /* that are left, without `holds` */
};

static void look_again(void *ctx) {
    struct look *look = ctx;

    if (look->holds != NULL ? look->holds(look->ctx) : look->turns-- == 0) {
        loop_stop(look->fixture->loop);
    }
}

static void run_looking(struct look *look) {
    struct timer *timer = timer_new(look->fixture->loop, look_again, look);

    timer_start(look->fixture->patience, 60 * CLOCK_NS_PER_S, 0);
    timer_start(timer, 0, 1);
    loop_run(look->fixture->loop);
    timer_free(timer);
    timer_stop(look->fixture->patience);
}

void await_that(struct fixture *f, bool (*holds)(void *ctx), void *ctx) {
    struct look look = {.fixture = f, .holds = holds, .ctx = ctx};

    run_looking(&look);
}

void run_turns(struct fixture *f, unsigned turns) {
    struct look look = {.fixture = f, .turns = turns};

    run_looking(&look);
}

void get(struct fixture *f, struct got *got, const char *target) {
    begin(f, got, target);
    await(f, 1);
}

/* --- nobody accepts --- */

void deaf_open(struct deaf *deaf, const char *host, uint16_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t size = sizeof(address);

    assert_int_equal(inet_pton(AF_INET, host, &address.sin_addr), 1);
    deaf->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(deaf->descriptor, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(deaf->descriptor, 0), 0);
    assert_int_equal(getsockname(deaf->descriptor, (struct sockaddr *)&address, &size), 0);
    deaf->port = ntohs(address.sin_port);
    for (int i = 0; i < DEAF_FILLERS; i++) {
        deaf->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(deaf->fillers[i], (struct sockaddr *)&address, size);
    }
}

void deaf_close(struct deaf *deaf) {
    for (int i = 0; i < DEAF_FILLERS; i++) {
        close(deaf->fillers[i]);
    }
    close(deaf->descriptor);
}
