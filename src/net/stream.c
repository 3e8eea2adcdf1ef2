/* SPDX-License-Identifier: Apache-2.0 */
#include "net/stream.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "net/loop_uv.h"
#include "net/system_error.h"
#include "net/timer.h"

/* What struct stream holds. The poll handle costs two epoll_ctl per change of its events, so changes inside a callback
 * are gathered: `want` is what the owner asked for, `armed` what the loop watches. */
struct state {
    uv_poll_t poll;
    const struct stream_ops *ops;
    void *ctx;
    struct timer *connect_timer; /* not NULL while connecting */
    int fd;
    enum larder_error error; /* for on_close */
    enum larder_error lost;  /* the other side has reset the connection, and what it said before is still to be read */
    uint8_t want;            /* UV_READABLE, UV_WRITABLE */
    uint8_t armed;
    bool in_event;
    bool closing;
} __attribute__((may_alias));

_Static_assert(sizeof(struct state) <= sizeof(struct stream), "struct stream is too small for this libuv");
_Static_assert(_Alignof(struct state) <= _Alignof(struct stream), "struct stream is aligned too loosely");

static struct state *state_of(struct stream *stream) {
    return (struct state *)stream;
}

static const struct state *const_state_of(const struct stream *stream) {
    return (const struct state *)stream;
}

static void on_event(uv_poll_t *poll, int status, int events);

static void arm(struct state *s) {
    if (s->closing || s->in_event || s->want == s->armed) {
        return;
    }
    s->armed = s->want;
    if (s->want == 0) {
        uv_poll_stop(&s->poll);
    } else {
        uv_poll_start(&s->poll, s->want, on_event);
    }
}

static void on_uv_close(uv_handle_t *handle) {
    struct state *s = handle->data;

    s->ops->on_close(s->ctx, s->error);
}

static void begin_close(struct state *s, enum larder_error error) {
    if (s->closing) {
        return;
    }
    s->closing = true;
    s->error = error;
    timer_free(s->connect_timer);
    s->connect_timer = NULL;
    /* libuv forgets the descriptor inside uv_close, so it may be closed, and its number used again, right away. */
    uv_close((uv_handle_t *)&s->poll, on_uv_close);
    close(s->fd);
}

static int pending_error(int fd) {
    int number = 0;
    socklen_t size = sizeof(number);

    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &size) == 0 ? number : errno;
}

/* False: there was nothing, or it is closing. */
static bool read_once(struct state *s) {
    char *data;
    size_t size;
    ssize_t got;

    s->ops->read_buffer(s->ctx, &data, &size);
    if (s->closing) {
        return false;
    }
    assert(size > 0);
    got = recv(s->fd, data, size, 0);
    if (got > 0) {
        s->ops->on_read(s->ctx, (size_t)got);
        return !s->closing;
    }
    if (got == 0 && s->ops->on_end != NULL) {
        s->want &= (uint8_t)~UV_READABLE;
        s->ops->on_end(s->ctx);
    } else if (got == 0) {
        begin_close(s, LARDER_ERROR_CLOSED);
    } else if (errno != EAGAIN && errno != EINTR) {
        begin_close(s, system_error(errno));
    }
    return false;
}

/* The connection is broken: what came before that, if the owner wants it. There is an end to it. */
static void read_rest(struct state *s) {
    while (s->ops->reads_rest && !s->closing && (s->want & UV_READABLE) != 0 && read_once(s)) {
    }
}

static void finish_connect(struct state *s) {
    int number = pending_error(s->fd);

    if (number != 0) {
        begin_close(s, system_error(number));
        return;
    }
    timer_free(s->connect_timer);
    s->connect_timer = NULL;
    s->want = UV_READABLE;
    s->ops->on_connect(s->ctx);
}

/* The loop says that there is an error. */
static void break_off(struct state *s) {
    int number;

    read_rest(s);
    if (!s->closing) {
        number = pending_error(s->fd);
        begin_close(s, number == 0 ? LARDER_ERROR_CLOSED : system_error(number));
    }
}

static void on_event(uv_poll_t *poll, int status, int events) {
    struct state *s = poll->data;

    s->in_event = true;
    if (s->connect_timer != NULL) {
        finish_connect(s);
    } else if (s->lost != LARDER_OK) {
        read_rest(s);
        begin_close(s, s->lost);
    } else if (status < 0) {
        break_off(s);
    } else {
        if ((events & UV_WRITABLE) != 0 && (s->want & UV_WRITABLE) != 0) {
            s->ops->on_writable(s->ctx);
        }
        if (!s->closing && (events & UV_READABLE) != 0 && (s->want & UV_READABLE) != 0) {
            (void)read_once(s);
        }
    }
    s->in_event = false;
    arm(s);
}

static void on_connect_timeout(void *ctx) {
    begin_close(ctx, LARDER_ERROR_TIMEOUT);
}

static enum larder_error take(struct state *s, struct loop *loop, int fd, const struct stream_ops *ops, void *ctx) {
    int code;

    memset(s, 0, sizeof(*s));
    code = uv_poll_init_socket(loop_uv(loop), &s->poll, fd);
    if (code != 0) {
        close(fd);
        return system_error(-code);
    }
    s->poll.data = s;
    s->ops = ops;
    s->ctx = ctx;
    s->fd = fd;
    return LARDER_OK;
}

enum larder_error stream_open(struct stream *stream, struct loop *loop, int fd, const struct stream_ops *ops,
                              void *ctx) {
    struct state *s = state_of(stream);
    enum larder_error error = take(s, loop, fd, ops, ctx);

    if (error == LARDER_OK) {
        s->want = UV_READABLE;
        arm(s);
    }
    return error;
}

static int open_socket(int family) {
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd >= 0 && family != AF_UNIX) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    }
    return fd;
}

enum larder_error stream_connect(struct stream *stream, struct loop *loop, const struct endpoint *endpoint,
                                 int64_t timeout_ns, const struct stream_ops *ops, void *ctx) {
    struct state *s = state_of(stream);
    struct timer *timer = timer_new(loop, on_connect_timeout, s);
    enum larder_error error;
    int fd;

    if (timer == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    fd = open_socket(endpoint->storage.ss_family);
    error = fd < 0 ? system_error(errno) : take(s, loop, fd, ops, ctx);
    if (error != LARDER_OK) {
        timer_free(timer);
        return error;
    }
    s->connect_timer = timer;
    if (connect(fd, (const struct sockaddr *)&endpoint->storage, endpoint->size) != 0 && errno != EINPROGRESS) {
        begin_close(s, system_error(errno));
        return LARDER_OK;
    }
    timer_start(timer, timeout_ns, 0);
    s->want = UV_WRITABLE;
    arm(s);
    return LARDER_OK;
}

static ssize_t send_pieces(int fd, const struct iovec *pieces, int count) {
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)pieces, .msg_iovlen = (size_t)count};

    /* The kernel's way is a little shorter for a single piece. */
    return count == 1 ? send(fd, pieces->iov_base, pieces->iov_len, MSG_NOSIGNAL) : sendmsg(fd, &message, MSG_NOSIGNAL);
}

/* A write has failed. After a reset the loop tells of the socket at once, whatever there is to read. */
static enum larder_error lose(struct state *s, int number) {
    enum larder_error error = system_error(number);

    if (s->ops->reads_rest && (number == EPIPE || number == ECONNRESET) && (s->want & UV_READABLE) != 0) {
        s->lost = error;
        s->want = UV_READABLE;
        arm(s);
    } else {
        begin_close(s, error);
    }
    return error;
}

enum larder_error stream_write(struct stream *stream, const struct iovec *pieces, int count, size_t *ret_written) {
    struct state *s = state_of(stream);
    ssize_t sent;

    *ret_written = 0;
    if (stream_closing(stream)) {
        return LARDER_ERROR_CLOSED;
    }
    assert(s->connect_timer == NULL && count > 0);
    do {
        sent = send_pieces(s->fd, pieces, count);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        if (errno == EAGAIN) {
            return LARDER_OK;
        }
        return lose(s, errno);
    }
    *ret_written = (size_t)sent;
    return LARDER_OK;
}

static void set_want(struct state *s, unsigned event, bool want) {
    if (s->lost == LARDER_OK) {
        s->want = (uint8_t)(want ? s->want | event : s->want & ~event);
        arm(s);
    }
}

void stream_want_write(struct stream *stream, bool want) {
    set_want(state_of(stream), UV_WRITABLE, want);
}

void stream_want_read(struct stream *stream, bool want) {
    set_want(state_of(stream), UV_READABLE, want);
}

void stream_end_writing(struct stream *stream) {
    struct state *s = state_of(stream);

    if (!stream_closing(stream)) {
        (void)shutdown(s->fd, SHUT_WR);
    }
}

void stream_close(struct stream *stream) {
    begin_close(state_of(stream), LARDER_OK);
}

bool stream_closing(const struct stream *stream) {
    const struct state *s = const_state_of(stream);

    return s->closing || s->lost != LARDER_OK;
}

enum larder_error stream_peer(const struct stream *stream, struct address *ret_address) {
    const struct state *s = const_state_of(stream);
    struct endpoint endpoint = {.size = sizeof(endpoint.storage)};

    if (s->closing) {
        return LARDER_ERROR_CLOSED;
    }
    if (getpeername(s->fd, (struct sockaddr *)&endpoint.storage, &endpoint.size) != 0) {
        return LARDER_ERROR_IO;
    }
    endpoint_address(&endpoint, ret_address);
    return LARDER_OK;
}
