/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/trace/listen.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/interrupt.h"
#include "cli/subcommand.h"
#include "cli/trace/intake.h"

enum {
    BACKLOG = 64,
    LOOK_MS = 100,
    PIECE = 64 << 10,
    FD_INTERRUPT = 0,
    FD_LISTENER = 1,
    FDS_FIRST = 2, /* of connections */
};

struct connection {
    int fd; /* -1: free */
    struct intake intake;
};

struct collector {
    const struct listen_config *config;
    struct gather *gather;
    int interrupt, listener;
    struct connection connections[LISTEN_CONNECTIONS_MAX];
    char piece[PIECE];
};

static int complain(const struct listen_config *config, const char *why) {
    char text[ADDRESS_TEXT_MAX];

    fprintf(stderr, "%s: cannot listen at %s: %s\n", config->program, address_format(&config->address, text), why);
    return EXIT_CODE_USAGE;
}

/* Where it listens, told to who waits for that: port 0 has become another. */
static void tell(const struct collector *c) {
    struct endpoint endpoint = {.size = sizeof(endpoint.storage)};
    struct address address;
    char text[ADDRESS_TEXT_MAX];

    if (getsockname(c->listener, (struct sockaddr *)&endpoint.storage, &endpoint.size) == 0) {
        endpoint_address(&endpoint, &address);
        fprintf(stderr, "%s: listening, OTEL_EXPORTER_OTLP_ENDPOINT=http://%s; Ctrl-C ends\n", c->config->program,
                address_format(&address, text));
    }
}

static int open_listener(struct collector *c) {
    struct endpoint endpoint;
    int on = 1;

    if (c->config->address.kind == ADDRESS_UNIX || endpoint_local(&c->config->address, &endpoint) != LARDER_OK) {
        return complain(c->config, "it must be an address of this machine, such as 127.0.0.1:4318");
    }
    c->listener = socket(endpoint.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->listener < 0 || setsockopt(c->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(c->listener, (const struct sockaddr *)&endpoint.storage, endpoint.size) != 0 ||
        listen(c->listener, BACKLOG) != 0) {
        return complain(c->config, strerror(errno));
    }
    c->interrupt = interrupt_catch();
    if (c->interrupt < 0) {
        return complain(c->config, strerror(errno));
    }
    tell(c);
    return EXIT_CODE_OK;
}

static void drop(struct connection *connection) {
    close(connection->fd);
    intake_fini(&connection->intake);
    connection->fd = -1;
}

static void take_connection(struct collector *c) {
    int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0) {
        return;
    }
    for (size_t i = 0; i < LISTEN_CONNECTIONS_MAX; i++) {
        if (c->connections[i].fd < 0) {
            c->connections[i].fd = fd;
            intake_init(&c->connections[i].intake, c->gather);
            return;
        }
    }
    close(fd);
}

static bool send_answers(struct connection *connection) {
    struct buf *output = &connection->intake.output;
    ssize_t sent;

    if (output->size == 0) {
        return true;
    }
    sent = send(connection->fd, output->data, output->size, MSG_NOSIGNAL);
    if (sent < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    buf_consume(output, (size_t)sent);
    return true;
}

static bool serve(struct collector *c, struct connection *connection, short events) {
    ssize_t got;

    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) {
        got = recv(connection->fd, c->piece, sizeof(c->piece), 0);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR) ||
            (got > 0 && !intake_feed(&connection->intake, slice_make(c->piece, (size_t)got), clock_monotonic_ns()))) {
            return false;
        }
    }
    return send_answers(connection) && !(connection->intake.closes && connection->intake.output.size == 0);
}

/* One round. False: somebody has interrupted. */
static bool turn(struct collector *c) {
    struct pollfd fds[FDS_FIRST + LISTEN_CONNECTIONS_MAX] = {
        [FD_INTERRUPT] = {.fd = c->interrupt, .events = POLLIN}, [FD_LISTENER] = {.fd = c->listener, .events = POLLIN}};

    for (size_t i = 0; i < LISTEN_CONNECTIONS_MAX; i++) {
        bool writes = c->connections[i].fd >= 0 && c->connections[i].intake.output.size > 0;

        /* Who does not take answers is not read either. A negative descriptor is passed over. */
        fds[FDS_FIRST + i] = (struct pollfd){.fd = c->connections[i].fd, .events = writes ? POLLOUT : POLLIN};
    }
    (void)poll(fds, FDS_FIRST + LISTEN_CONNECTIONS_MAX, LOOK_MS);
    for (size_t i = 0; i < LISTEN_CONNECTIONS_MAX; i++) {
        if (c->connections[i].fd >= 0 && fds[FDS_FIRST + i].revents != 0 &&
            !serve(c, &c->connections[i], fds[FDS_FIRST + i].revents)) {
            drop(&c->connections[i]);
        }
    }
    if (fds[FD_LISTENER].revents != 0) {
        take_connection(c);
    }
    return fds[FD_INTERRUPT].revents == 0;
}

int listen_run(const struct listen_config *config, struct gather *gather) {
    static struct collector collector; /* too large for the stack */
    struct collector *c = &collector;
    int code;

    c->config = config;
    c->gather = gather;
    c->listener = -1;
    for (size_t i = 0; i < LISTEN_CONNECTIONS_MAX; i++) {
        c->connections[i].fd = -1;
    }
    code = open_listener(c);
    while (code == EXIT_CODE_OK && turn(c)) {
        if (config->looks(config->ctx, gather, clock_monotonic_ns())) {
            break;
        }
    }
    for (size_t i = 0; i < LISTEN_CONNECTIONS_MAX; i++) {
        if (c->connections[i].fd >= 0) {
            (void)send_answers(&c->connections[i]);
            drop(&c->connections[i]);
        }
    }
    if (c->listener >= 0) {
        close(c->listener);
    }
    return code;
}
