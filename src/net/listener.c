/* SPDX-License-Identifier: Apache-2.0 */
#include "net/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "net/loop_uv.h"
#include "net/system_error.h"
#include "net/timer.h"

struct listener {
    uv_poll_t poll;
    const struct listener_ops *ops;
    void *ctx;
    struct timer *pause_timer;
    struct address address;
    dev_t file_device; /* the Unix socket's file, to remove ours and no other */
    ino_t file_inode;
    int fd;
    bool paused; /* by the owner */
    bool exhausted;
    bool closed;
};

static void on_ready(uv_poll_t *poll, int status, int events);

static void arm(struct listener *listener) {
    if (listener->closed) {
        return;
    }
    if (listener->paused || listener->exhausted) {
        uv_poll_stop(&listener->poll);
    } else {
        uv_poll_start(&listener->poll, UV_READABLE, on_ready);
    }
}

static void on_pause_over(void *ctx) {
    struct listener *listener = ctx;

    listener->exhausted = false;
    arm(listener);
}

/* The connection stays in the backlog and its readiness with it: without a pause the loop would spin. */
static void pause_exhausted(struct listener *listener) {
    listener->exhausted = true;
    arm(listener);
    timer_start(listener->pause_timer, LISTENER_PAUSE_MS * CLOCK_NS_PER_MS, 0);
    if (listener->ops->on_exhausted != NULL) {
        listener->ops->on_exhausted(listener->ctx);
    }
}

/* Errors of one connection that was lost before it was accepted; accept(2) lists them. */
static bool is_transient(int number) {
    switch (number) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case EPERM:
        return true;
    default:
        return false;
    }
}

static void on_ready(uv_poll_t *poll, int status, int events) {
    struct listener *listener = poll->data;

    (void)status;
    (void)events;
    for (int i = 0; i < LISTENER_ACCEPTS_PER_TURN && !listener->closed && !listener->paused; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            listener->ops->on_accept(listener->ctx, fd);
        } else if (errno == EAGAIN) {
            return;
        } else if (!is_transient(errno)) {
            pause_exhausted(listener);
            return;
        }
    }
}

/* Whether somebody accepts connections on the Unix socket; only a plain refusal says nobody does. */
static bool unix_answers(const struct endpoint *endpoint) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool answers = true;

    if (fd >= 0) {
        answers =
            connect(fd, (const struct sockaddr *)&endpoint->storage, endpoint->size) == 0 || errno != ECONNREFUSED;
        close(fd);
    }
    return answers;
}

static void remove_stale_file(const struct address *address, const struct endpoint *endpoint) {
    struct stat file;

    if (lstat(address->host, &file) == 0 && S_ISSOCK(file.st_mode) && !unix_answers(endpoint)) {
        unlink(address->host);
    }
}

static void set_options(int fd, int family) {
    if (family == AF_UNIX) {
        return;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    /* Linux hands it down to the accepted sockets. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    /* A peer that vanished without a word is found out in the end. */
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
    if (family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){1}, sizeof(int));
    }
}

static int bind_and_listen(const struct address *address, const struct endpoint *endpoint) {
    int family = endpoint->storage.ss_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int number;

    if (fd < 0) {
        return -1;
    }
    set_options(fd, family);
    if (family == AF_UNIX) {
        remove_stale_file(address, endpoint);
    }
    if (bind(fd, (const struct sockaddr *)&endpoint->storage, endpoint->size) != 0 ||
        listen(fd, LISTENER_BACKLOG) != 0) {
        number = errno;
        close(fd);
        errno = number;
        return -1;
    }
    return fd;
}

static void note_bound_address(struct listener *listener) {
    struct endpoint bound = {.size = sizeof(bound.storage)};
    struct stat file;

    if (getsockname(listener->fd, (struct sockaddr *)&bound.storage, &bound.size) == 0) {
        endpoint_address(&bound, &listener->address);
    }
    if (listener->address.kind == ADDRESS_UNIX && lstat(listener->address.host, &file) == 0) {
        listener->file_device = file.st_dev;
        listener->file_inode = file.st_ino;
    }
}

static void remove_own_file(const struct listener *listener) {
    struct stat file;

    if (listener->address.kind == ADDRESS_UNIX && lstat(listener->address.host, &file) == 0 &&
        file.st_dev == listener->file_device && file.st_ino == listener->file_inode) {
        unlink(listener->address.host);
    }
}

static enum larder_error start(struct listener *listener, struct loop *loop) {
    int code;

    listener->pause_timer = timer_new(loop, on_pause_over, listener);
    if (listener->pause_timer == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    code = uv_poll_init_socket(loop_uv(loop), &listener->poll, listener->fd);
    if (code != 0) {
        timer_free(listener->pause_timer);
        return system_error(-code);
    }
    listener->poll.data = listener;
    arm(listener);
    return LARDER_OK;
}

enum larder_error listener_open(struct loop *loop, const struct address *address, const struct listener_ops *ops,
                                void *ctx, struct listener **ret_listener) {
    struct listener *listener;
    struct endpoint endpoint;
    enum larder_error error = endpoint_local(address, &endpoint);

    if (error != LARDER_OK) {
        return error;
    }
    listener = calloc(1, sizeof(*listener));
    if (listener == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    listener->ops = ops;
    listener->ctx = ctx;
    listener->address = *address;
    listener->fd = bind_and_listen(address, &endpoint);
    if (listener->fd < 0) {
        error = system_error(errno);
        free(listener);
        return error;
    }
    note_bound_address(listener);
    error = start(listener, loop);
    if (error != LARDER_OK) {
        remove_own_file(listener);
        close(listener->fd);
        free(listener);
        return error;
    }
    *ret_listener = listener;
    return LARDER_OK;
}

const struct address *listener_address(const struct listener *listener) {
    return &listener->address;
}

void listener_pause(struct listener *listener) {
    listener->paused = true;
    arm(listener);
}

void listener_resume(struct listener *listener) {
    listener->paused = false;
    arm(listener);
}

static void on_uv_close(uv_handle_t *handle) {
    free(handle->data);
}

void listener_close(struct listener *listener) {
    if (listener == NULL) {
        return;
    }
    listener->closed = true;
    remove_own_file(listener);
    timer_free(listener->pause_timer);
    uv_close((uv_handle_t *)&listener->poll, on_uv_close);
    close(listener->fd);
}
