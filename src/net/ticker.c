/* SPDX-License-Identifier: Apache-2.0 */
#include "net/ticker.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "net/loop_uv.h"

struct ticker {
    uv_poll_t poll;
    ticker_fn *on_tick;
    void *ctx;
    int fd;
};

static void on_ready(uv_poll_t *poll, int status, int events) {
    struct ticker *ticker = poll->data;
    uint64_t missed;

    (void)status;
    (void)events;
    if (read(ticker->fd, &missed, sizeof(missed)) == (ssize_t)sizeof(missed)) {
        ticker->on_tick(ticker->ctx);
    }
}

static void on_uv_close(uv_handle_t *handle) {
    free(handle->data);
}

static int open_timer(int64_t interval_ns) {
    struct timespec interval = {.tv_sec = interval_ns / CLOCK_NS_PER_S, .tv_nsec = interval_ns % CLOCK_NS_PER_S};
    struct itimerspec spec = {.it_interval = interval, .it_value = interval};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

    if (fd >= 0 && timerfd_settime(fd, 0, &spec, NULL) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

struct ticker *ticker_new(struct loop *loop, int64_t interval_ns, ticker_fn *on_tick, void *ctx) {
    struct ticker *ticker = malloc(sizeof(*ticker));

    assert(interval_ns > 0);
    if (ticker == NULL) {
        return NULL;
    }
    ticker->on_tick = on_tick;
    ticker->ctx = ctx;
    ticker->fd = open_timer(interval_ns);
    if (ticker->fd < 0) {
        free(ticker);
        return NULL;
    }
    if (uv_poll_init(loop_uv(loop), &ticker->poll, ticker->fd) != 0) {
        close(ticker->fd);
        free(ticker);
        return NULL;
    }
    ticker->poll.data = ticker;
    uv_poll_start(&ticker->poll, UV_READABLE, on_ready);
    return ticker;
}

void ticker_free(struct ticker *ticker) {
    if (ticker != NULL) {
        uv_close((uv_handle_t *)&ticker->poll, on_uv_close);
        close(ticker->fd);
    }
}
