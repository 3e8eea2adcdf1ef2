/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loop.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <uv.h>

#include "base/clock.h"
#include "net/loop_uv.h"

struct loop {
    uv_loop_t uv;
    uv_async_t wake;   /* loop_stop reaches a sleeping loop through it */
    uv_prepare_t turn; /* runs before each poll, behind all callbacks: what was read of the clock is old then */
    atomic_bool stopping;
    int64_t now_ns;      /* 0: not read in this turn */
    uint64_t turn_count; /* with the one that is under way */
    void (*before_rest)(void *ctx);
    void *rest_ctx;
};

struct uv_loop_s *loop_uv(struct loop *loop) {
    return &loop->uv;
}

uint64_t loop_turn(const struct loop *loop) {
    return loop->turn_count;
}

static void on_wake(uv_async_t *wake) {
    struct loop *loop = wake->data;

    if (atomic_exchange(&loop->stopping, false)) {
        uv_stop(&loop->uv);
    }
}

static void on_turn(uv_prepare_t *turn) {
    struct loop *loop = turn->data;

    if (loop->before_rest != NULL) {
        loop->before_rest(loop->rest_ctx);
    }
    loop->now_ns = 0;
    loop->turn_count++;
}

struct loop *loop_new(void) {
    struct loop *loop = calloc(1, sizeof(*loop));

    if (loop == NULL) {
        return NULL;
    }
    if (uv_loop_init(&loop->uv) != 0) {
        free(loop);
        return NULL;
    }
    atomic_init(&loop->stopping, false);
    loop->turn_count = 1;
    if (uv_async_init(&loop->uv, &loop->wake, on_wake) != 0) {
        uv_loop_close(&loop->uv);
        free(loop);
        return NULL;
    }
    loop->wake.data = loop;
    uv_prepare_init(&loop->uv, &loop->turn);
    loop->turn.data = loop;
    uv_prepare_start(&loop->turn, on_turn);
    return loop;
}

void loop_set_rest(struct loop *loop, void (*before_rest)(void *ctx), void *ctx) {
    loop->before_rest = before_rest;
    loop->rest_ctx = ctx;
}

void loop_run(struct loop *loop) {
    loop->now_ns = 0;
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop) {
    atomic_store(&loop->stopping, true);
    uv_async_send(&loop->wake);
}

static void note_if_closing(uv_handle_t *handle, void *ctx) {
    bool *any = ctx;

    *any = *any || uv_is_closing(handle);
}

void loop_free(struct loop *loop) {
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->turn, NULL);
    while (uv_loop_close(&loop->uv) == UV_EBUSY) {
        bool closing = false;

        uv_walk(&loop->uv, note_if_closing, &closing);
        assert(closing && "something on the loop was left open");
        uv_run(&loop->uv, UV_RUN_NOWAIT);
    }
    free(loop);
}

int64_t loop_now_ns(struct loop *loop) {
    if (loop->now_ns == 0) {
        loop->now_ns = clock_monotonic_ns();
    }
    return loop->now_ns;
}
