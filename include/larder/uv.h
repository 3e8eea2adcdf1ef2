/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_UV_H
#define LARDER_UV_H

#include <larder/async.h>
#include <uv.h>

/* A larder_async in a loop of libuv. All of it is here, so that only programs that use libuv need it.
 *
 *     struct larder_uv handle;
 *     larder_uv_start(loop, &handle, async);
 *     ... larder_async_get(async, ...); uv_run(loop, UV_RUN_DEFAULT);
 *
 * The loop runs on while the handle is started, also if nothing is asked for; larder_uv_unref lets it end then. */

struct larder_uv {
    uv_poll_t poll; /* poll.data is the async; what the program wants to keep goes into `data` */
    void *data;
};

static inline void larder_uv_on_poll(uv_poll_t *poll, int status, int events) {
    (void)status;
    (void)events;
    larder_async_process((struct larder_async *)poll->data);
}

/* The handle stays where it is until it is closed. 0, or an error of libuv. */
static inline int larder_uv_start(uv_loop_t *loop, struct larder_uv *handle, struct larder_async *async) {
    int error = uv_poll_init(loop, &handle->poll, larder_async_fd(async));

    if (error != 0) {
        return error;
    }
    handle->poll.data = async;
    return uv_poll_start(&handle->poll, UV_READABLE, larder_uv_on_poll);
}

/* The handle alone does not keep the loop running. */
static inline void larder_uv_unref(struct larder_uv *handle) {
    uv_unref((uv_handle_t *)&handle->poll);
}

/* Before larder_async_free. The memory of the handle is the program's again when `closed` (may be NULL) is called. */
static inline void larder_uv_stop(struct larder_uv *handle, uv_close_cb closed) {
    (void)uv_poll_stop(&handle->poll);
    uv_close((uv_handle_t *)&handle->poll, closed);
}

#endif
