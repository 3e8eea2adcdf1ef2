/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/timer.h"

/* One loop with a listener; accepted connections echo. Each test ends the loop itself; a deadline makes a test that
 * hangs fail. */
struct fixture {
    struct loop *loop;
    struct listener *listener;
    struct timer *deadline;
    char directory[32];
    struct address unix_address;
    int accepted;
    int closed; /* echo streams */
    int exhausted;
    int no_delay;
    int held_echoes;
    int send_buffer; /* of accepted sockets; 0: the system's choice */
};

struct echo {
    struct stream stream;
    struct fixture *fixture;
    char buffer[4096];
    size_t pending; /* bytes of `buffer` that the kernel did not take yet */
    size_t sent;
};

static void on_deadline(void *ctx) {
    (void)ctx;
    fail_msg("nothing happened for 10 seconds");
}

static void echo_buffer(void *ctx, char **ret_data, size_t *ret_size) {
    struct echo *echo = ctx;

    *ret_data = echo->buffer;
    *ret_size = sizeof(echo->buffer);
}

static void echo_flush(struct echo *echo) {
    struct iovec piece = {echo->buffer + echo->sent, echo->pending - echo->sent};
    size_t written;

    if (stream_write(&echo->stream, &piece, 1, &written) != LARDER_OK) {
        return;
    }
    echo->sent += written;
    echo->fixture->held_echoes += echo->sent < echo->pending;
    stream_want_write(&echo->stream, echo->sent < echo->pending);
    stream_want_read(&echo->stream, echo->sent == echo->pending);
}

static void echo_read(void *ctx, size_t size) {
    struct echo *echo = ctx;

    echo->pending = size;
    echo->sent = 0;
    echo_flush(echo);
}

static void echo_writable(void *ctx) {
    echo_flush(ctx);
}

static void echo_close(void *ctx, enum larder_error error) {
    struct echo *echo = ctx;

    (void)error;
    echo->fixture->closed++;
    free(echo);
}

static const struct stream_ops echo_ops = {
    .read_buffer = echo_buffer,
    .on_read = echo_read,
    .on_writable = echo_writable,
    .on_close = echo_close,
};

static void accept_echo(void *ctx, int fd) {
    struct fixture *f = ctx;
    struct echo *echo = malloc(sizeof(*echo));
    socklen_t size = sizeof(f->no_delay);

    f->accepted++;
    if (f->send_buffer > 0) {
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &f->send_buffer, sizeof(f->send_buffer)), 0);
    }
    getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &f->no_delay, &size);
    echo->fixture = f;
    assert_int_equal(stream_open(&echo->stream, f->loop, fd, &echo_ops, echo), LARDER_OK);
}

static void on_exhausted(void *ctx) {
    struct fixture *f = ctx;

    f->exhausted++;
}

static const struct listener_ops listener_ops = {.on_accept = accept_echo, .on_exhausted = on_exhausted};

static const struct address any_port = {.kind = ADDRESS_IPV4, .host = "127.0.0.1"};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof(*f));

    f->loop = loop_new();
    f->deadline = timer_new(f->loop, on_deadline, NULL);
    timer_start(f->deadline, 10 * CLOCK_NS_PER_S, 0);
    strcpy(f->directory, "/tmp/larder-net-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    f->unix_address.kind = ADDRESS_UNIX;
    strcpy(f->unix_address.host, f->directory);
    strcat(f->unix_address.host, "/socket");
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;

    listener_close(f->listener);
    timer_free(f->deadline);
    loop_free(f->loop);
    assert_int_equal(rmdir(f->directory), 0); /* so the socket's file is gone */
    free(f);
    return 0;
}

static void listen_on(struct fixture *f, const struct address *address) {
    assert_int_equal(listener_open(f->loop, address, &listener_ops, f, &f->listener), LARDER_OK);
}

/* A client that says something, wants it echoed, and then closes. */
struct client {
    struct stream stream;
    struct fixture *fixture;
    const char *says;
    char heard[64];
    size_t heard_size;
    int connects;
    int reads;
    int closes;
    enum larder_error error;
    bool close_on_connect;
};

static void client_buffer(void *ctx, char **ret_data, size_t *ret_size) {
    struct client *c = ctx;

    *ret_data = c->heard + c->heard_size;
    *ret_size = 3; /* several reads for one answer */
}

static void client_read(void *ctx, size_t size) {
    struct client *c = ctx;

    c->reads++;
    c->heard_size += size;
    if (c->heard_size == strlen(c->says)) {
        stream_close(&c->stream);
        stream_close(&c->stream);
        assert_true(stream_closing(&c->stream));
        assert_int_equal(c->closes, 0);
    }
}

static void client_writable(void *ctx) {
    (void)ctx;
    fail();
}

static void client_close(void *ctx, enum larder_error error) {
    struct client *c = ctx;

    c->closes++;
    c->error = error;
    loop_stop(c->fixture->loop);
}

static void client_connect(void *ctx) {
    struct client *c = ctx;
    size_t half = strlen(c->says) / 2;
    struct iovec pieces[] = {{(void *)(uintptr_t)c->says, half},
                             {(void *)(uintptr_t)(c->says + half), strlen(c->says) - half}};
    size_t written;

    c->connects++;
    if (c->close_on_connect) {
        stream_close(&c->stream);
        assert_int_equal(stream_write(&c->stream, pieces, 2, &written), LARDER_ERROR_CLOSED);
        return;
    }
    assert_int_equal(stream_write(&c->stream, pieces, 2, &written), LARDER_OK);
    assert_int_equal(written, strlen(c->says));
}

static const struct stream_ops client_ops = {
    .read_buffer = client_buffer,
    .on_read = client_read,
    .on_writable = client_writable,
    .on_close = client_close,
    .on_connect = client_connect,
};

static void connect_to(struct client *c, struct fixture *f, const struct address *address) {
    struct endpoint endpoint;

    c->fixture = f;
    assert_int_equal(endpoint_local(address, &endpoint), LARDER_OK);
    assert_int_equal(stream_connect(&c->stream, f->loop, &endpoint, 5 * CLOCK_NS_PER_S, &client_ops, c), LARDER_OK);
}

static void echoes(struct fixture *f) {
    struct client client = {.says = "hello, larder"};

    connect_to(&client, f, listener_address(f->listener));
    loop_run(f->loop);
    assert_int_equal(client.connects, 1);
    assert_int_equal(client.closes, 1);
    assert_int_equal(client.error, LARDER_OK);
    assert_int_equal(client.heard_size, strlen(client.says));
    assert_memory_equal(client.heard, client.says, client.heard_size);
    assert_true(client.reads >= 5); /* 13 bytes by 3 */
}

static void echoes_over_tcp(void **state) {
    struct fixture *f = *state;

    listen_on(f, &any_port);
    assert_int_not_equal(listener_address(f->listener)->port, 0);
    echoes(f);
    assert_int_equal(f->no_delay, 1);
}

static void echoes_over_unix(void **state) {
    struct fixture *f = *state;

    listen_on(f, &f->unix_address);
    echoes(f);
}

static void a_busy_port_is_told(void **state) {
    struct fixture *f = *state;
    struct listener *second = NULL;

    listen_on(f, &any_port);
    assert_int_equal(listener_open(f->loop, listener_address(f->listener), &listener_ops, f, &second),
                     LARDER_ERROR_IN_USE);
    assert_null(second);
}

static void only_a_stale_unix_socket_is_replaced(void **state) {
    struct fixture *f = *state;
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct listener *second = NULL;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    FILE *file;

    strcpy(un.sun_path, f->unix_address.host);
    assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    close(fd); /* the file stays, nobody answers */
    listen_on(f, &f->unix_address);
    assert_int_equal(listener_open(f->loop, &f->unix_address, &listener_ops, f, &second), LARDER_ERROR_IN_USE);
    echoes(f);
    listener_close(f->listener);
    f->listener = NULL;
    file = fopen(f->unix_address.host, "w"); /* not a socket: not ours to remove */
    fclose(file);
    assert_int_equal(listener_open(f->loop, &f->unix_address, &listener_ops, f, &second), LARDER_ERROR_IN_USE);
    assert_int_equal(unlink(f->unix_address.host), 0);
}

static void connecting_to_nobody_is_refused(void **state) {
    struct fixture *f = *state;
    struct client client = {.says = "hello"};
    struct address address;

    listen_on(f, &any_port);
    address = *listener_address(f->listener);
    listener_close(f->listener);
    f->listener = NULL;
    connect_to(&client, f, &address);
    assert_int_equal(client.closes, 0);
    loop_run(f->loop);
    assert_int_equal(client.error, LARDER_ERROR_REFUSED);
    connect_to(&client, f, &f->unix_address);
    assert_int_equal(client.closes, 1);
    loop_run(f->loop);
    assert_int_equal(client.error, LARDER_ERROR_NOT_FOUND);
    assert_int_equal(client.closes, 2);
    assert_int_equal(client.connects, 0);
}

static void closing_in_on_connect_works(void **state) {
    struct fixture *f = *state;
    struct client client = {.says = "hello", .close_on_connect = true};

    listen_on(f, &any_port);
    connect_to(&client, f, listener_address(f->listener));
    loop_run(f->loop);
    assert_int_equal(client.closes, 1);
    assert_int_equal(client.error, LARDER_OK);
    assert_int_equal(client.reads, 0);
}

/* A client that sends much before it reads anything, so that writes on both sides are taken in part. */
enum { FLOOD_BYTES = 8 << 20 };

struct flood {
    struct stream stream;
    struct fixture *fixture;
    struct timer *slow;
    size_t written;
    size_t read;
    int partial_writes;
    int wrong_bytes;
    char buffer[65536];
};

static char flood_byte(size_t at) {
    return (char)(at * 31 + at / 4096);
}

static void flood_buffer(void *ctx, char **ret_data, size_t *ret_size) {
    struct flood *flood = ctx;

    *ret_data = flood->buffer;
    *ret_size = sizeof(flood->buffer);
}

static void flood_read(void *ctx, size_t size) {
    struct flood *flood = ctx;

    for (size_t i = 0; i < size; i++) {
        flood->wrong_bytes += flood->buffer[i] != flood_byte(flood->read + i);
    }
    flood->read += size;
    if (flood->read == FLOOD_BYTES) {
        stream_close(&flood->stream);
    }
}

/* Once the echo is stuck in its write, as we are, read. It will be: the buffers between us hold less than the flood. */
static void flood_wake(void *ctx) {
    struct flood *flood = ctx;

    if (flood->fixture->held_echoes > 0) {
        timer_stop(flood->slow);
        stream_want_read(&flood->stream, true);
    }
}

static bool flood_write_some(struct flood *flood) {
    char out[65536];
    size_t size = FLOOD_BYTES - flood->written;
    struct iovec piece = {out, size < sizeof(out) ? size : sizeof(out)};
    size_t written;

    for (size_t i = 0; i < piece.iov_len; i++) {
        out[i] = flood_byte(flood->written + i);
    }
    assert_int_equal(stream_write(&flood->stream, &piece, 1, &written), LARDER_OK);
    flood->written += written;
    flood->partial_writes += written < piece.iov_len;
    return written == piece.iov_len && flood->written < FLOOD_BYTES;
}

static void flood_write(void *ctx) {
    struct flood *flood = ctx;

    while (flood_write_some(flood)) {
    }
    stream_want_write(&flood->stream, flood->written < FLOOD_BYTES);
}

static void flood_connect(void *ctx) {
    struct flood *flood = ctx;

    stream_want_read(&flood->stream, false);
    stream_want_write(&flood->stream, true);
    timer_start(flood->slow, CLOCK_NS_PER_MS, CLOCK_NS_PER_MS);
}

static void flood_close(void *ctx, enum larder_error error) {
    struct flood *flood = ctx;

    assert_int_equal(error, LARDER_OK);
    timer_free(flood->slow);
    loop_stop(flood->fixture->loop);
}

static const struct stream_ops flood_ops = {
    .read_buffer = flood_buffer,
    .on_read = flood_read,
    .on_writable = flood_write,
    .on_close = flood_close,
    .on_connect = flood_connect,
};

static void a_slow_reader_gets_everything(void **state) {
    struct fixture *f = *state;
    struct flood *flood = calloc(1, sizeof(*flood));
    struct endpoint endpoint;

    f->send_buffer = 64 << 10;
    listen_on(f, &any_port);
    flood->fixture = f;
    flood->slow = timer_new(f->loop, flood_wake, flood);
    assert_int_equal(endpoint_local(listener_address(f->listener), &endpoint), LARDER_OK);
    assert_int_equal(stream_connect(&flood->stream, f->loop, &endpoint, CLOCK_NS_PER_S, &flood_ops, flood), LARDER_OK);
    loop_run(f->loop);
    assert_int_equal(flood->read, FLOOD_BYTES);
    assert_int_equal(flood->wrong_bytes, 0);
    assert_true(flood->partial_writes > 0);
    assert_true(f->held_echoes > 0);
    free(flood);
}

/* An accepted stream that the other side resets, while it is not even reading. */
struct victim {
    struct stream stream;
    struct fixture *fixture;
    enum larder_error error;
    int closes;
};

static void victim_close(void *ctx, enum larder_error error) {
    struct victim *victim = ctx;

    victim->error = error;
    victim->closes++;
    loop_stop(victim->fixture->loop);
}

static void victim_never(void *ctx, size_t size) {
    (void)ctx;
    (void)size;
    fail();
}

static void the_end_of_the_other_side_closes_once(void **state) {
    static const struct stream_ops ops = {
        .read_buffer = echo_buffer, .on_read = victim_never, .on_close = victim_close};
    struct fixture *f = *state;
    struct victim victim = {.fixture = f};
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(stream_open(&victim.stream, f->loop, pair[0], &ops, &victim), LARDER_OK);
    close(pair[1]);
    loop_run(f->loop);
    assert_int_equal(victim.error, LARDER_ERROR_CLOSED);
    stream_close(&victim.stream);
    assert_int_equal(victim.closes, 1);
}

static void a_write_to_a_gone_peer_fails_and_closes(void **state) {
    static const struct stream_ops ops = {
        .read_buffer = echo_buffer, .on_read = victim_never, .on_close = victim_close};
    struct fixture *f = *state;
    struct victim victim = {.fixture = f};
    struct iovec piece = {"x", 1};
    size_t written = 7;
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(stream_open(&victim.stream, f->loop, pair[0], &ops, &victim), LARDER_OK);
    close(pair[1]);
    assert_int_equal(stream_write(&victim.stream, &piece, 1, &written), LARDER_ERROR_CLOSED);
    assert_int_equal(written, 0);
    assert_int_equal(victim.closes, 0);
    loop_run(f->loop);
    assert_int_equal(victim.closes, 1);
    assert_int_equal(victim.error, LARDER_ERROR_CLOSED);
}

struct waiting {
    struct fixture *fixture;
    struct timer *timer;
    bool (*holds)(struct fixture *f);
};

static void poll_condition(void *ctx) {
    struct waiting *waiting = ctx;

    if (waiting->holds(waiting->fixture)) {
        loop_stop(waiting->fixture->loop);
    }
}

static void run_until(struct fixture *f, bool (*holds)(struct fixture *f)) {
    struct waiting waiting = {.fixture = f, .holds = holds};

    waiting.timer = timer_new(f->loop, poll_condition, &waiting);
    timer_start(waiting.timer, 0, CLOCK_NS_PER_MS);
    loop_run(f->loop);
    timer_free(waiting.timer);
}

static bool is_exhausted(struct fixture *f) {
    return f->exhausted > 0;
}

static bool has_accepted_one(struct fixture *f) {
    return f->accepted == 1 && f->closed == 1;
}

static int connect_plainly(struct fixture *f) {
    struct endpoint endpoint;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(endpoint_local(listener_address(f->listener), &endpoint), LARDER_OK);
    assert_int_equal(connect(fd, (struct sockaddr *)&endpoint.storage, endpoint.size), 0);
    return fd;
}

static void without_descriptors_it_waits_and_recovers(void **state) {
    struct fixture *f = *state;
    struct rlimit old, none;
    int fd;

    listen_on(f, &any_port);
    fd = connect_plainly(f);
    getrlimit(RLIMIT_NOFILE, &old);
    none = old;
    none.rlim_cur = (rlim_t)fd + 1; /* every number up to it is taken */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    run_until(f, is_exhausted);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(f->accepted, 0);
    assert_int_equal(f->exhausted, 1);
    close(fd);
    run_until(f, has_accepted_one);
}

static bool has_turned(struct fixture *f) {
    (void)f;
    return true;
}

static void a_paused_listener_accepts_later(void **state) {
    struct fixture *f = *state;
    int fd;

    listen_on(f, &any_port);
    listener_pause(f->listener);
    listener_pause(f->listener);
    fd = connect_plainly(f);
    run_until(f, has_turned);
    run_until(f, has_turned);
    assert_int_equal(f->accepted, 0);
    listener_resume(f->listener);
    close(fd);
    run_until(f, has_accepted_one);
}

static void accept_and_close_listener(void *ctx, int fd) {
    struct fixture *f = ctx;

    f->accepted++;
    close(fd);
    listener_close(f->listener);
    f->listener = NULL;
    loop_stop(f->loop);
}

static void a_listener_may_close_in_on_accept(void **state) {
    static const struct listener_ops ops = {.on_accept = accept_and_close_listener, .on_exhausted = on_exhausted};
    struct fixture *f = *state;
    int first, second;

    assert_int_equal(listener_open(f->loop, &any_port, &ops, f, &f->listener), LARDER_OK);
    first = connect_plainly(f);
    second = connect_plainly(f);
    loop_run(f->loop);
    assert_int_equal(f->accepted, 1);
    assert_int_equal(f->exhausted, 0);
    close(first);
    close(second);
}

static void the_peer_is_known(void **state) {
    struct fixture *f = *state;
    struct client client = {.says = "x"};
    struct address peer;

    listen_on(f, &any_port);
    connect_to(&client, f, listener_address(f->listener));
    loop_run(f->loop);
    assert_int_equal(stream_peer(&client.stream, &peer), LARDER_ERROR_CLOSED);
    connect_to(&client, f, listener_address(f->listener));
    assert_int_equal(stream_peer(&client.stream, &peer), LARDER_OK);
    assert_string_equal(peer.host, "127.0.0.1");
    assert_int_equal(peer.port, listener_address(f->listener)->port);
    stream_close(&client.stream);
    loop_run(f->loop);
    assert_int_equal(client.closes, 2);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(echoes_over_tcp),
        TEST(echoes_over_unix),
        TEST(a_busy_port_is_told),
        TEST(only_a_stale_unix_socket_is_replaced),
        TEST(connecting_to_nobody_is_refused),
        TEST(closing_in_on_connect_works),
        TEST(a_slow_reader_gets_everything),
        TEST(the_end_of_the_other_side_closes_once),
        TEST(a_write_to_a_gone_peer_fails_and_closes),
        TEST(without_descriptors_it_waits_and_recovers),
        TEST(a_paused_listener_accepts_later),
        TEST(a_listener_may_close_in_on_accept),
        TEST(the_peer_is_known),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
