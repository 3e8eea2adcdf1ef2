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
#include "peer/peers.h"

/* The other nodes are sockets that the test itself plays; the loop of the one that asks is turned by hand. */

enum { NODES = 2, LINE_MAX = 512 };

#define SOON (50 * CLOCK_NS_PER_MS)
#define IN_A_WHILE (500 * CLOCK_NS_PER_MS)
#define LATER (20 * CLOCK_NS_PER_S)

static const struct greeting_identity self = {{"herd", 4}, {"self", 4}, {"secret", 6}};

struct node {
    struct greeting_identity identity;
    int listener;
    char address[32];
};

struct fixture {
    struct loop *loop;
    struct peers *peers;
    struct peers_roll roll; /* of one test */
    struct node nodes[NODES];
    struct membership *members;
    int calls;
    enum larder_error error; /* of the last call */
    enum result result;
    bool follows; /* the next `done` changes the membership */
};

static void open_node(struct node *n, const char *id) {
    struct address any_port = {.kind = ADDRESS_IPV4, .host = "127.0.0.1"};
    struct endpoint endpoint;
    struct address address;

    n->identity = (struct greeting_identity){self.cluster, slice_from_string(id), self.token};
    n->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(endpoint_local(&any_port, &endpoint), LARDER_OK);
    assert_int_equal(bind(n->listener, (struct sockaddr *)&endpoint.storage, endpoint.size), 0);
    assert_int_equal(listen(n->listener, 8), 0);
    assert_int_equal(getsockname(n->listener, (struct sockaddr *)&endpoint.storage, &endpoint.size), 0);
    endpoint_address(&endpoint, &address);
    snprintf(n->address, sizeof(n->address), "127.0.0.1:%u", address.port);
}

/* Nodes "a" and "b", and as the last one ourselves, from `from` on. */
static struct membership *members_new(struct fixture *f, size_t from, int64_t incarnation) {
    size_t count = NODES - from + 1;
    struct membership *m = calloc(1, sizeof(*m) + count * sizeof(struct member));

    assert_non_null(m);
    m->count = count;
    for (size_t i = 0; i < count; i++) {
        m->members[i].incarnation = incarnation;
        m->members[i].id = i + 1 < count ? f->nodes[from + i].identity.id : self.id;
        m->members[i].address = slice_from_string(i + 1 < count ? f->nodes[from + i].address : "127.0.0.1:1");
    }
    return m;
}

static void follow(struct fixture *f, size_t from, int64_t incarnation) {
    free(f->members);
    f->members = members_new(f, from, incarnation);
    assert_int_equal(peers_follow(f->peers, f->members), LARDER_OK);
}

static const struct peers_config config = {
    .identity = &self,
    .pending = 16,
    .value = 1000,
    .connect_timeout_ns = LATER,
    .pause_min_ns = CLOCK_NS_PER_MS,
    .pause_max_ns = 4 * CLOCK_NS_PER_MS,
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof(*f));

    f->loop = loop_new();
    open_node(&f->nodes[0], "a");
    open_node(&f->nodes[1], "b");
    assert_int_equal(peers_new(f->loop, &config, &f->peers), LARDER_OK);
    follow(f, 0, 1);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;

    peers_free(f->peers);
    loop_free(f->loop);
    for (int i = 0; i < NODES; i++) {
        close(f->nodes[i].listener);
    }
    free(f->members);
    free(f);
    return 0;
}

/* --- waiting --- */

static void turn(struct fixture *f) {
    loop_stop(f->loop);
    loop_run(f->loop);
}

static bool readable(int fd) {
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    return poll(&poll_fd, 1, 1) == 1;
}

static void await(struct fixture *f, int fd) {
    int64_t end_ns = clock_monotonic_ns() + LATER;

    while (!readable(fd)) {
        assert_true(clock_monotonic_ns() < end_ns);
        turn(f);
    }
}

static void await_calls(struct fixture *f, int calls) {
    int64_t end_ns = clock_monotonic_ns() + LATER;

    while (f->calls < calls) {
        assert_true(clock_monotonic_ns() < end_ns);
        turn(f);
    }
    assert_int_equal(f->calls, calls);
}

static struct peer_figures figures_of(struct fixture *f, int node) {
    struct peer_figures figures;

    assert_true(peers_get_figures(f->peers, f->nodes[node].identity.id, &figures));
    return figures;
}

static void await_state(struct fixture *f, int node, enum peer_state state) {
    int64_t end_ns = clock_monotonic_ns() + LATER;

    while (figures_of(f, node).state != state) {
        assert_true(clock_monotonic_ns() < end_ns);
        turn(f);
    }
}

/* --- the other node --- */

static int take(struct fixture *f, int node) {
    await(f, f->nodes[node].listener);
    return accept(f->nodes[node].listener, NULL, NULL);
}

/* Reads a line, without its CRLF. */
static struct slice hear(struct fixture *f, int fd, char line[LINE_MAX]) {
    size_t size = 0;

    do {
        assert_true(size < LINE_MAX);
        await(f, fd);
        assert_int_equal(read(fd, line + size, 1), 1);
    } while (line[size++] != '\n');
    return slice_make(line, size - 2);
}

/* The end of the connection. */
static void expect_end(struct fixture *f, int fd) {
    char byte;

    await(f, fd);
    assert_int_equal(read(fd, &byte, 1), 0);
    close(fd);
}

static void say_bytes(int fd, const char *bytes, size_t size) {
    assert_int_equal(write(fd, bytes, size), size);
}

static void say(int fd, const char *text) {
    say_bytes(fd, text, strlen(text));
}

/* Answers the greeting on a connection as `identity` would. */
static bool greet_as(struct fixture *f, int fd, const struct greeting_identity *identity) {
    struct greeted g = {.step = GREETING_HELLO};
    bool done = false;

    while (!done) {
        char heard[LINE_MAX];
        char line[GREETING_LINE_MAX];
        size_t size;
        enum larder_error error =
            greeted_hear(&g, identity, "0123456789abcdef", hear(f, fd, heard), line, &size, &done);

        say_bytes(fd, line, size);
        if (error != LARDER_OK) {
            return false;
        }
    }
    return true;
}

/* A connection whose greeting was answered. */
static int take_greeted(struct fixture *f, int node) {
    int fd = take(f, node);

    assert_true(greet_as(f, fd, &f->nodes[node].identity));
    return fd;
}

/* --- who asks --- */

static void on_done(void *ctx, enum larder_error error, const struct answer *answer) {
    struct fixture *f = ctx;

    f->calls++;
    f->error = error;
    f->result = answer == NULL ? RESULT_COUNT : answer->reply.result;
    if (f->follows) {
        f->follows = false;
        follow(f, 1, 1);
    }
}

static enum larder_error submit(struct fixture *f, uint16_t member, int64_t timeout_ns) {
    const struct peer_stamp stamp = {.revision = 1};
    const struct request request = {
        .command = COMMAND_GET, .key = SLICE("k"), .deadline_ns = clock_monotonic_ns() + timeout_ns, .peer = &stamp};

    return peers_submit(f->peers, member, &request, on_done, f);
}

static void ask(struct fixture *f, uint16_t member, int64_t timeout_ns) {
    assert_int_equal(submit(f, member, timeout_ns), LARDER_OK);
    peers_flush(f->peers);
}

/* The request with this opaque has come; it is answered with a miss. */
static void answer(struct fixture *f, int fd, unsigned opaque) {
    char line[LINE_MAX];
    char said[32];
    struct slice heard = hear(f, fd, line);
    int size = snprintf(said, sizeof(said), " O%u", opaque);

    assert_true(slice_has_prefix(heard, SLICE("mg k P1.0000000000000000.")));
    assert_true(slice_equal(slice_skip(heard, heard.size - (size_t)size), slice_from_string(said)));
    size = snprintf(said, sizeof(said), "EN O%u\r\n", opaque);
    say_bytes(fd, said, (size_t)size);
}

static void check_miss(struct fixture *f, int calls) {
    await_calls(f, calls);
    assert_int_equal(f->error, LARDER_OK);
    assert_int_equal(f->result, RESULT_MISS);
}

static void test_a_node_is_greeted_and_asked(void **state) {
    struct fixture *f = *state;
    int fd;

    assert_int_equal(figures_of(f, 0).state, PEER_IDLE);
    ask(f, 0, LATER);
    assert_int_equal(figures_of(f, 0).state, PEER_CONNECTING);
    fd = take_greeted(f, 0);
    answer(f, fd, 0);
    check_miss(f, 1);
    ask(f, 0, LATER);
    answer(f, fd, 1);
    check_miss(f, 2);
    assert_int_equal(figures_of(f, 0).state, PEER_UP);
    assert_int_equal(figures_of(f, 0).requests, 2);
    assert_int_equal(figures_of(f, 0).pending, 0);
    assert_int_equal(figures_of(f, 0).failures, 0);
    assert_int_equal(figures_of(f, 1).state, PEER_IDLE);
    close(fd);
}

static void test_wrong_epoch(void **state) {
    struct fixture *f = *state;
    char line[LINE_MAX];
    int fd;

    ask(f, 0, LATER);
    fd = take_greeted(f, 0);
    hear(f, fd, line);
    say(fd, "SERVER_ERROR wrong-epoch 7\r\n");
    await_calls(f, 1);
    assert_int_equal(f->error, LARDER_OK);
    assert_int_equal(f->result, RESULT_WRONG_EPOCH);
    close(fd);
}

/* Nothing was sent to it, and it is tried again until it is right. */
static void test_a_node_with_another_token(void **state) {
    struct fixture *f = *state;
    const struct greeting_identity other = {self.cluster, SLICE("a"), SLICE("other")};
    int fd;

    ask(f, 0, LATER);
    fd = take(f, 0);
    assert_int_equal(f->calls, 0);
    {
        struct greeted g = {.step = GREETING_HELLO};
        char heard[LINE_MAX];
        char line[GREETING_LINE_MAX];
        size_t size;
        bool done;

        assert_int_equal(greeted_hear(&g, &other, "0123456789abcdef", hear(f, fd, heard), line, &size, &done),
                         LARDER_OK);
        say_bytes(fd, line, size);
    }
    expect_end(f, fd);
    await_calls(f, 1);
    assert_int_equal(f->error, LARDER_ERROR_REFUSED);
    assert_int_equal(submit(f, 0, LATER), LARDER_ERROR_REFUSED);
    fd = take_greeted(f, 0);
    await_state(f, 0, PEER_UP);
    ask(f, 0, LATER);
    answer(f, fd, 1);
    check_miss(f, 2);
    close(fd);
}

static void test_another_node_at_the_address(void **state) {
    struct fixture *f = *state;
    struct greeting_identity carl = {self.cluster, SLICE("carl"), self.token};
    struct greeted g = {.step = GREETING_HELLO};
    char heard[LINE_MAX];
    char line[GREETING_LINE_MAX];
    size_t size;
    bool done;
    int fd;

    ask(f, 0, LATER);
    fd = take(f, 0);
    assert_int_equal(greeted_hear(&g, &carl, "0123456789abcdef", hear(f, fd, heard), line, &size, &done), LARDER_OK);
    say_bytes(fd, line, size);
    expect_end(f, fd);
    await_calls(f, 1);
    assert_int_equal(f->error, LARDER_ERROR_REFUSED);
}

/* The kernel takes connections for a process that hangs; only an answered greeting counts. */
static void test_a_paused_node(void **state) {
    struct fixture *f = *state;
    struct peers_config impatient = config;
    int fd;

    impatient.connect_timeout_ns = IN_A_WHILE;
    peers_free(f->peers);
    assert_int_equal(peers_new(f->loop, &impatient, &f->peers), LARDER_OK);
    follow(f, 0, 1);
    ask(f, 0, LATER);
    await_calls(f, 1);
    assert_int_equal(f->error, LARDER_ERROR_REFUSED);
    for (int i = 0; i < 2; i++) {
        char line[LINE_MAX];

        assert_int_equal(submit(f, 0, LATER), LARDER_ERROR_REFUSED);
        fd = take(f, 0);
        hear(f, fd, line);
        expect_end(f, fd);
        assert_int_equal(figures_of(f, 0).state, PEER_EJECTED);
    }
    fd = take_greeted(f, 0);
    await_state(f, 0, PEER_UP);
    ask(f, 0, LATER);
    answer(f, fd, 1);
    check_miss(f, 2);
    assert_int_equal(figures_of(f, 0).ejections, 1);
    close(fd);
}

/* A node that has answered and then hangs: it is out after so many timeouts, at once and for all that waits. */
static void test_ejection(void **state) {
    struct fixture *f = *state;
    int fd;

    ask(f, 0, LATER);
    fd = take_greeted(f, 0);
    answer(f, fd, 0);
    check_miss(f, 1);
    for (int i = 0; i < PEERS_FAILURES - 1; i++) {
        ask(f, 0, SOON);
        await_calls(f, 2 + i);
        assert_int_equal(f->error, LARDER_ERROR_TIMEOUT);
        assert_int_equal(figures_of(f, 0).state, PEER_UP);
    }
    ask(f, 0, LATER);
    ask(f, 0, SOON);
    /* With the last one goes that which has still had time. */
    await_calls(f, 3 + PEERS_FAILURES - 1);
    assert_int_equal(f->error, LARDER_ERROR_TIMEOUT);
    assert_int_equal(figures_of(f, 0).state, PEER_EJECTED);
    assert_int_equal(figures_of(f, 0).ejections, 1);
    assert_int_equal(figures_of(f, 0).failures, PEERS_FAILURES + 1);
    assert_int_equal(submit(f, 0, LATER), LARDER_ERROR_REFUSED);
    close(fd);
    fd = take_greeted(f, 0);
    await_state(f, 0, PEER_UP);
    f->calls = 0;
    ask(f, 0, LATER);
    answer(f, fd, PEERS_FAILURES + 2);
    check_miss(f, 1);
    close(fd);
}

/* In a row: whoever answers late is slow, not dead. */
static void test_a_slow_node_stays(void **state) {
    struct fixture *f = *state;
    int fd;

    ask(f, 0, LATER);
    fd = take_greeted(f, 0);
    answer(f, fd, 0);
    check_miss(f, 1);
    for (unsigned i = 0; i < 3 * PEERS_FAILURES; i++) {
        ask(f, 0, SOON);
        await_calls(f, 2 + (int)(2 * i));
        assert_int_equal(f->error, LARDER_ERROR_TIMEOUT);
        ask(f, 0, LATER);
        answer(f, fd, 1 + 2 * i);
        answer(f, fd, 2 + 2 * i);
        check_miss(f, 3 + (int)(2 * i));
    }
    assert_int_equal(figures_of(f, 0).state, PEER_UP);
    assert_int_equal(figures_of(f, 0).ejections, 0);
    close(fd);
}

/* What has left may have been done; what has not, has not. */
static void test_a_lost_connection(void **state) {
    struct fixture *f = *state;
    char line[LINE_MAX];
    int fd;

    ask(f, 0, LATER);
    fd = take_greeted(f, 0);
    answer(f, fd, 0);
    check_miss(f, 1);
    ask(f, 0, LATER);
    hear(f, fd, line);
    close(fd);
    await_calls(f, 2);
    assert_int_equal(f->error, LARDER_ERROR_CLOSED);
    /* It was of use, so a new one is made at once, and requests wait for it. */
    ask(f, 0, LATER);
    fd = take(f, 0);
    close(fd);
    await_calls(f, 3);
    assert_int_equal(f->error, LARDER_ERROR_REFUSED);
    assert_int_equal(figures_of(f, 0).ejections, 1);
    fd = take_greeted(f, 0);
    await_state(f, 0, PEER_UP);
    ask(f, 0, LATER);
    answer(f, fd, 3);
    check_miss(f, 4);
    close(fd);
}

static void test_a_node_that_is_gone(void **state) {
    struct fixture *f = *state;
    struct peer_figures figures;
    int fd;

    ask(f, 0, LATER);
    fd = take_greeted(f, 0);
    answer(f, fd, 0);
    check_miss(f, 1);
    ask(f, 0, LATER);
    follow(f, 1, 1);
    assert_false(peers_get_figures(f->peers, SLICE("a"), &figures));
    await_calls(f, 2);
    assert_int_equal(f->error, LARDER_ERROR_CLOSED);
    assert_int_equal(submit(f, 2, LATER), LARDER_ERROR_REFUSED);
    close(fd);
    /* The other one has another index now. */
    ask(f, 0, LATER);
    fd = take_greeted(f, 1);
    answer(f, fd, 0);
    check_miss(f, 3);
    close(fd);
}

static void test_links_of_those_who_stay_stay(void **state) {
    struct fixture *f = *state;
    int fd;

    ask(f, 1, LATER);
    fd = take_greeted(f, 1);
    answer(f, fd, 0);
    check_miss(f, 1);
    follow(f, 1, 1);
    ask(f, 0, LATER);
    answer(f, fd, 1);
    check_miss(f, 2);
    follow(f, 0, 1);
    ask(f, 1, LATER);
    answer(f, fd, 2);
    check_miss(f, 3);
    /* Under the same name, but another one. */
    follow(f, 0, 2);
    expect_end(f, fd);
    ask(f, 1, LATER);
    fd = take_greeted(f, 1);
    answer(f, fd, 0);
    check_miss(f, 4);
    close(fd);
}

/* What is counted of all links stays counted, whichever of them end. */
static void test_the_sum_never_goes_back(void **state) {
    struct fixture *f = *state;
    struct peers_config on_roll = config;
    struct peer_totals totals;
    int fd;

    peers_free(f->peers);
    peers_roll_init(&f->roll);
    on_roll.roll = &f->roll;
    assert_int_equal(peers_new(f->loop, &on_roll, &f->peers), LARDER_OK);
    follow(f, 0, 1);
    ask(f, 0, LATER);
    fd = take_greeted(f, 0);
    answer(f, fd, 0);
    check_miss(f, 1);
    close(f->nodes[0].listener);
    close(fd);
    await_state(f, 0, PEER_EJECTED);
    peers_roll_get(&f->roll, &totals);
    assert_int_equal(totals.requests, 1);
    assert_int_equal(totals.ejections, 1);
    assert_int_equal(totals.ejected, 1);
    follow(f, 1, 1); /* it is no member any more */
    peers_roll_get(&f->roll, &totals);
    assert_int_equal(totals.requests, 1);
    assert_int_equal(totals.ejections, 1);
    assert_int_equal(totals.ejected, 0);
    ask(f, 0, LATER);
    fd = take_greeted(f, 1);
    answer(f, fd, 0);
    check_miss(f, 2);
    close(fd);
    peers_free(f->peers);
    f->peers = NULL;
    peers_roll_get(&f->roll, &totals);
    assert_int_equal(totals.requests, 2);
    assert_int_equal(totals.failures, 0);
    peers_roll_fini(&f->roll);
    f->nodes[0].listener = dup(f->nodes[1].listener); /* for tear_down */
}

/* An answer may be what makes a worker see the newest membership. */
static void test_following_from_inside(void **state) {
    struct fixture *f = *state;
    int fd;

    ask(f, 0, LATER);
    ask(f, 0, LATER);
    fd = take_greeted(f, 0);
    f->follows = true;
    answer(f, fd, 0);
    answer(f, fd, 1);
    await_calls(f, 2);
    expect_end(f, fd);
}

static void test_odd_addresses(void **state) {
    struct fixture *f = *state;
    char name[32];
    int fd;

    f->members->members[0].address = SLICE("no address");
    f->members->members[1].address = SLICE("");
    assert_int_equal(peers_follow(f->peers, f->members), LARDER_OK);
    assert_int_equal(submit(f, 0, LATER), LARDER_ERROR_REFUSED);
    assert_int_equal(submit(f, 1, LATER), LARDER_ERROR_REFUSED);
    /* A name that has to be looked up. */
    snprintf(name, sizeof(name), "LocalHost%s", strchr(f->nodes[0].address, ':'));
    f->members->members[0].address = slice_from_string(name);
    assert_int_equal(peers_follow(f->peers, f->members), LARDER_OK);
    ask(f, 0, LATER);
    fd = take_greeted(f, 0);
    answer(f, fd, 0);
    check_miss(f, 1);
    close(fd);
}

static void test_the_queue_is_bounded(void **state) {
    struct fixture *f = *state;

    for (size_t i = 0; i < config.pending; i++) {
        assert_int_equal(submit(f, 0, LATER), LARDER_OK);
    }
    assert_int_equal(submit(f, 0, LATER), LARDER_ERROR_LIMIT);
    assert_int_equal(figures_of(f, 0).pending, config.pending);
    peers_free(f->peers);
    f->peers = NULL;
    assert_int_equal(f->calls, config.pending);
    assert_int_equal(f->error, LARDER_ERROR_REFUSED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_node_is_greeted_and_asked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_epoch, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_node_with_another_token, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_node_at_the_address, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_paused_node, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ejection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_slow_node_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_lost_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_node_that_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_links_of_those_who_stay_stay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_sum_never_goes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_following_from_inside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_odd_addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_queue_is_bounded, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
