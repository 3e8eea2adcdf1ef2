/* SPDX-License-Identifier: Apache-2.0 */
#include "crowd.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/bench/http_scan.h"

enum { EVENTS_MAX = 256, READ_SIZE = 256 << 10, HTTP_OK = 200 };

struct client {
    struct crowd *crowd;
    struct http_scanner scanner;
    int fd;
    bool done;
};

struct crowd {
    int epoll;
    size_t count;
    size_t done;
    int64_t began_ns;
    struct crowd_round round;
    int64_t *took_ns; /* of those answered */
    char *buffer;
    struct client clients[];
};

static enum larder_error connect_client(struct crowd *crowd, struct client *c, const struct endpoint *endpoint) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    int yes = 1;

    c->crowd = crowd;
    c->fd = socket(endpoint->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)&endpoint->storage, endpoint->size) != 0 ||
        epoll_ctl(crowd->epoll, EPOLL_CTL_ADD, c->fd, &event) != 0) {
        return LARDER_ERROR_IO;
    }
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)); /* not of a Unix socket */
    http_scan_init(&c->scanner);
    return LARDER_OK;
}

enum larder_error crowd_new(const struct endpoint *endpoints, size_t count, size_t clients, struct crowd **ret_crowd) {
    struct crowd *crowd = calloc(1, sizeof(*crowd) + clients * sizeof(crowd->clients[0]));
    enum larder_error error = LARDER_ERROR_NO_MEMORY;

    if (crowd == NULL) {
        return error;
    }
    crowd->epoll = epoll_create1(EPOLL_CLOEXEC);
    crowd->took_ns = calloc(clients, sizeof(crowd->took_ns[0]));
    crowd->buffer = malloc(READ_SIZE);
    if (crowd->took_ns != NULL && crowd->buffer != NULL) {
        error = crowd->epoll < 0 ? LARDER_ERROR_IO : LARDER_OK;
    }
    while (error == LARDER_OK && crowd->count < clients) {
        size_t i = crowd->count++;

        error = connect_client(crowd, &crowd->clients[i], &endpoints[i % count]);
    }
    if (error != LARDER_OK) {
        crowd_free(crowd);
        return error;
    }
    *ret_crowd = crowd;
    return LARDER_OK;
}

void crowd_free(struct crowd *crowd) {
    int kept = errno; /* of what went wrong in crowd_new */

    if (crowd == NULL) {
        return;
    }
    for (size_t i = 0; i < crowd->count; i++) {
        if (crowd->clients[i].fd >= 0) {
            close(crowd->clients[i].fd);
        }
    }
    if (crowd->epoll >= 0) {
        close(crowd->epoll);
    }
    free(crowd->took_ns);
    free(crowd->buffer);
    free(crowd);
    errno = kept;
}

static void finish(struct client *c, bool good) {
    struct crowd *crowd = c->crowd;

    if (c->done) { /* the server says more than it was asked, or leaves */
        crowd->round.wrong++;
        return;
    }
    c->done = true;
    crowd->done++;
    if (good) {
        crowd->took_ns[crowd->round.answered++] = clock_monotonic_ns() - crowd->began_ns;
    } else {
        crowd->round.wrong++;
    }
}

static enum larder_error on_answer(void *ctx, const struct http_answer *answer) {
    struct client *c = ctx;

    c->crowd->round.bytes += answer->body_size;
    finish(c, answer->status == HTTP_OK && !answer->closes);
    return LARDER_OK;
}

static void take(struct client *c) {
    ssize_t size = recv(c->fd, c->crowd->buffer, READ_SIZE, MSG_DONTWAIT);

    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (size <= 0 || http_scan_feed(&c->scanner, c->crowd->buffer, (size_t)size, on_answer, c) != LARDER_OK) {
        finish(c, false);
        epoll_ctl(c->crowd->epoll, EPOLL_CTL_DEL, c->fd, NULL); /* or it would be readable for ever */
    }
}

/* A request is short and the connection idle, so that the kernel takes all of it at once. */
static enum larder_error send_all(struct crowd *crowd, const char *request, size_t size) {
    for (size_t i = 0; i < crowd->count; i++) {
        ssize_t sent = send(crowd->clients[i].fd, request, size, MSG_NOSIGNAL);

        if (sent != (ssize_t)size) {
            return sent < 0 && errno != EPIPE && errno != ECONNRESET ? LARDER_ERROR_IO : LARDER_ERROR_CLOSED;
        }
    }
    return LARDER_OK;
}

static enum larder_error await_all(struct crowd *crowd, int64_t timeout_ns) {
    struct epoll_event events[EVENTS_MAX];

    while (crowd->done < crowd->count) {
        int64_t left = crowd->began_ns + timeout_ns - clock_monotonic_ns();
        int count;

        if (left <= 0) {
            return LARDER_ERROR_TIMEOUT;
        }
        count = epoll_wait(crowd->epoll, events, EVENTS_MAX, (int)(left / CLOCK_NS_PER_MS) + 1);
        if (count < 0 && errno != EINTR) {
            return LARDER_ERROR_IO;
        }
        for (int i = 0; i < count; i++) {
            take(events[i].data.ptr);
        }
    }
    return LARDER_OK;
}

static int compare(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

    return (a > b) - (a < b);
}

enum larder_error crowd_ask(struct crowd *crowd, const char *request, size_t size, int64_t timeout_ns,
                            struct crowd_round *ret_round) {
    struct crowd_round *round = &crowd->round;
    enum larder_error error;

    *round = (struct crowd_round){0};
    crowd->done = 0;
    for (size_t i = 0; i < crowd->count; i++) {
        crowd->clients[i].done = false;
    }
    crowd->began_ns = clock_monotonic_ns();
    error = send_all(crowd, request, size);
    if (error != LARDER_OK) {
        return error;
    }
    round->sent_ns = clock_monotonic_ns() - crowd->began_ns;
    error = await_all(crowd, timeout_ns);
    if (error != LARDER_OK) {
        return error;
    }
    if (round->answered > 0) {
        qsort(crowd->took_ns, round->answered, sizeof(crowd->took_ns[0]), compare);
        round->first_ns = crowd->took_ns[0];
        round->median_ns = crowd->took_ns[round->answered / 2];
        round->slowest_ns = crowd->took_ns[round->answered - 1];
    }
    *ret_round = *round;
    return LARDER_OK;
}
