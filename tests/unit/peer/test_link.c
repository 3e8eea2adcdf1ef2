/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/loop.h"
#include "peer/link.h"

/* The server is a plain socket that the test itself plays; the link's loop is turned by hand. */
struct fixture {
    struct loop *loop;
    struct peer_link *link;
    struct endpoint endpoint;
    int listener;
    int calls;
    enum larder_error error; /* of the last call */
    enum result result;
};

static const struct peer_options options = {.pause_min_ns = CLOCK_NS_PER_MS, .pause_max_ns = 4 * CLOCK_NS_PER_MS};

static void listen_again(struct fixture *f) {
    f->listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(f->listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    assert_int_equal(bind(f->listener, (struct sockaddr *)&f->endpoint.storage, f->endpoint.size), 0);
    assert_int_equal(listen(f->listener, 8), 0);
}

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof(*f));
    struct address any_port = {.kind = ADDRESS_IPV4, .host = "127.0.0.1"};

    f->loop = loop_new();
    assert_int_equal(endpoint_local(&any_port, &f->endpoint), LARDER_OK);
    listen_again(f);
    assert_int_equal(getsockname(f->listener, (struct sockaddr *)&f->endpoint.storage, &f->endpoint.size), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;

    peer_link_free(f->link);
    loop_free(f->loop);
    close(f->listener);
    free(f);
    return 0;
}

static void open_link(struct fixture *f) {
    assert_int_equal(peer_link_new(f->loop, &f->endpoint, 1, &options, &f->link), LARDER_OK);
}

static void turn(struct fixture *f) {
    loop_stop(f->loop);
    loop_run(f->loop);
}

static bool readable(int fd) {
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    return poll(&poll_fd, 1, 1) == 1;
}

/* Turns the loop until `fd` has something to read. */
static void await(struct fixture *f, int fd) {
    int64_t end_ns = clock_monotonic_ns() + 10 * CLOCK_NS_PER_S;

    while (!readable(fd)) {
        assert_true(clock_monotonic_ns() < end_ns);
        turn(f);
    }
}

static void await_calls(struct fixture *f, int calls) {
    int64_t end_ns = clock_monotonic_ns() + 10 * CLOCK_NS_PER_S;

    while (f->calls < calls) {
        assert_true(clock_monotonic_ns() < end_ns);
        turn(f);
    }
    assert_int_equal(f->calls, calls);
}

static int accept_one(struct fixture *f) {
    await(f, f->listener);
    return accept(f->listener, NULL, NULL);
}

static void expect(struct fixture *f, int fd, const char *text) {
    char got[256];
    size_t size = 0;

    while (size < strlen(text)) {
        ssize_t more;

        await(f, fd);
        more = read(fd, got + size, sizeof(got) - 1 - size);
        assert_true(more > 0);
        size += (size_t)more;
    }
    got[size] = '\0';
    assert_string_equal(got, text);
}

static void say(int fd, const char *text) {
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void on_done(void *ctx, enum larder_error error, const struct answer *answer) {
    struct fixture *f = ctx;

    f->calls++;
    f->error = error;
    f->result = answer == NULL ? RESULT_COUNT : answer->reply.result;
}

static enum larder_error submit(struct fixture *f, int64_t timeout_ns) {
    const struct request request = {
        .command = COMMAND_GET, .key = SLICE("k"), .deadline_ns = clock_monotonic_ns() + timeout_ns};
    enum larder_error error = peer_link_submit(f->link, &request, on_done, f);

    peer_link_flush(f->link);
    return error;
}

static void test_request_and_answer(void **state) {
    struct fixture *f = *state;
    int fd;

    open_link(f);
    assert_int_equal(submit(f, CLOCK_NS_PER_S * 10), LARDER_OK);
    fd = accept_one(f);
    expect(f, fd, "mg k c f t v O0\r\n");
    say(fd, "EN O0\r\n");
    await_calls(f, 1);
    assert_int_equal(f->error, LARDER_OK);
    assert_int_equal(f->result, RESULT_MISS);
    close(fd);
}

static void test_a_lost_connection_is_made_anew(void **state) {
    struct fixture *f = *state;
    int fd;

    open_link(f);
    assert_int_equal(submit(f, CLOCK_NS_PER_S * 10), LARDER_OK);
    assert_int_equal(submit(f, CLOCK_NS_PER_S * 10), LARDER_OK);
    fd = accept_one(f);
    expect(f, fd, "mg k c f t v O0\r\nmg k c f t v O1\r\n");
    say(fd, "EN O0\r\n");
    await_calls(f, 1);
    close(fd);
    await_calls(f, 2);
    assert_int_equal(f->error, LARDER_ERROR_CLOSED);
    /* It had answered, so there is no pause, and a request is taken at once. */
    assert_int_equal(submit(f, CLOCK_NS_PER_S * 10), LARDER_OK);
    fd = accept_one(f);
    expect(f, fd, "mg k c f t v O2\r\n");
    say(fd, "EN O2\r\n");
    await_calls(f, 3);
    assert_int_equal(f->error, LARDER_OK);
    close(fd);
}

static void test_nobody_listens(void **state) {
    struct fixture *f = *state;
    enum larder_error error;
    int fd;

    close(f->listener);
    open_link(f);
    assert_int_equal(submit(f, CLOCK_NS_PER_S * 10), LARDER_OK);
    await_calls(f, 1);
    assert_int_equal(f->error, LARDER_ERROR_REFUSED);
    assert_int_equal(submit(f, CLOCK_NS_PER_S * 10), LARDER_ERROR_REFUSED);
    listen_again(f);
    fd = accept_one(f);
    do {
        turn(f);
        error = submit(f, CLOCK_NS_PER_S * 10);
    } while (error == LARDER_ERROR_REFUSED);
    assert_int_equal(error, LARDER_OK);
    expect(f, fd, "mg k c f t v O1\r\n");
    say(fd, "EN O1\r\n");
    await_calls(f, 2);
    assert_int_equal(f->error, LARDER_OK);
    close(fd);
}

static void test_a_silent_server_is_left(void **state) {
    struct fixture *f = *state;
    char byte;
    int fd;

    open_link(f);
    assert_int_equal(submit(f, 20 * CLOCK_NS_PER_MS), LARDER_OK);
    fd = accept_one(f);
    expect(f, fd, "mg k c f t v O0\r\n");
    await_calls(f, 1);
    assert_int_equal(f->error, LARDER_ERROR_TIMEOUT);
    await(f, fd);
    assert_int_equal(read(fd, &byte, 1), 0);
    close(fd);
}

static void test_what_timed_out_unsent_is_never_sent(void **state) {
    struct fixture *f = *state;
    int fd;

    open_link(f);
    assert_int_equal(submit(f, -1), LARDER_OK);
    /* The timer of an overdue request comes before the connection does. */
    await_calls(f, 1);
    assert_int_equal(f->error, LARDER_ERROR_TIMEOUT);
    assert_int_equal(submit(f, CLOCK_NS_PER_S * 10), LARDER_OK);
    fd = accept_one(f);
    expect(f, fd, "mg k c f t v O1\r\n");
    close(fd);
}

static void test_nonsense_ends_the_connection(void **state) {
    struct fixture *f = *state;
    int fd;

    open_link(f);
    assert_int_equal(submit(f, CLOCK_NS_PER_S * 10), LARDER_OK);
    fd = accept_one(f);
    expect(f, fd, "mg k c f t v O0\r\n");
    say(fd, "HTTP/1.1 400 Bad Request\r\n");
    await_calls(f, 1);
    assert_int_equal(f->error, LARDER_ERROR_PROTOCOL);
    close(fd);
}

static void test_free_ends_requests(void **state) {
    struct fixture *f = *state;

    open_link(f);
    assert_int_equal(submit(f, CLOCK_NS_PER_S * 10), LARDER_OK);
    peer_link_free(f->link);
    f->link = NULL;
    assert_int_equal(f->calls, 1);
    assert_int_equal(f->error, LARDER_ERROR_CLOSED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_request_and_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_lost_connection_is_made_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_listens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_silent_server_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_timed_out_unsent_is_never_sent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nonsense_ends_the_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_free_ends_requests, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
