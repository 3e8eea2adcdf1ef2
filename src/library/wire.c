/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "library/channel.h"

enum { RECEIVE_MIN = 16 * 1024 };

/* A socket that connects, or -1 and errno. */
static int begin(const struct channel *ch, const struct server *server, const struct endpoint *e) {
    int fd = socket(e->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, error;
    int64_t ns = ch->setup->receive_timeout_ns;
    struct timeval timeout = {.tv_sec = ns / CLOCK_NS_PER_S, .tv_usec = ns % CLOCK_NS_PER_S / 1000};

    if (fd < 0) {
        return -1;
    }
    if (!server->is_unix) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) == 0 &&
        (connect(fd, (const struct sockaddr *)&e->storage, e->size) == 0 || errno == EINPROGRESS)) {
        return fd;
    }
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* The next address that does not refuse at once. */
static void try_endpoints(struct channel *ch, struct wire *w) {
    for (; w->endpoint < w->server->endpoint_count; w->endpoint++) {
        w->fd = begin(ch, w->server, &w->server->endpoints[w->endpoint]);
        if (w->fd >= 0) {
            w->state = WIRE_CONNECTING;
            w->opened++;
            return;
        }
    }
    w->failed = LARDER_ERR_UNREACHABLE;
}

void wire_open(struct channel *ch, struct wire *w) {
    w->endpoint = 0;
    w->since_ns = ch->now_ns;
    try_endpoints(ch, w);
}

void wire_connected(struct channel *ch, struct wire *w) {
    int error = 0;
    socklen_t size = sizeof(error);

    if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
        close(w->fd);
        w->fd = -1;
        w->endpoint++;
        try_endpoints(ch, w);
        return;
    }
    /* From now on each call says for itself whether it waits. */
    if (fcntl(w->fd, F_SETFL, 0) != 0) {
        w->failed = LARDER_ERR_SYSTEM;
        return;
    }
    w->state = WIRE_OPEN;
    w->since_ns = ch->now_ns;
}

void wire_send(struct channel *ch, struct wire *w) {
    ssize_t n = send(w->fd, w->out.data + w->out.start, bytes_size(&w->out), MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            wire_drop(ch, w, LARDER_ERR_CLOSED, true);
        }
        return;
    }
    w->out.start += (size_t)n;
    w->sent += (uint64_t)n;
    w->since_ns = ch->now_ns;
    if (bytes_size(&w->out) == 0) {
        bytes_clear(&w->out, &ch->setup->allocator);
    }
}

void wire_receive(struct channel *ch, struct wire *w, bool wait) {
    ssize_t n;

    if (bytes_reserve(&w->in, &ch->setup->allocator, RECEIVE_MIN) != LARDER_DONE) {
        wire_drop(ch, w, LARDER_ERR_NO_MEMORY, false);
        return;
    }
    n = recv(w->fd, w->in.data + w->in.end, w->in.capacity - w->in.end, wait ? 0 : MSG_DONTWAIT);
    if (n > 0) {
        w->in.end += (size_t)n;
        wire_answers(ch, w);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        wire_drop(ch, w, LARDER_ERR_CLOSED, w->head != NULL); /* an idle one may be closed */
    } else if (wait && errno == EAGAIN) {
        channel_begin(ch);
        wire_drop(ch, w, LARDER_ERR_TIMEOUT, true);
    }
}
