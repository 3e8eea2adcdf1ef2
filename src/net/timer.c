/* SPDX-License-Identifier: Apache-2.0 */
#include "net/timer.h"

#include <stdlib.h>
#include <uv.h>

#include "base/clock.h"
#include "net/loop_uv.h"

/* A timer that comes later than this shows that the loop stood still: a callback took long, the processor was not to be had, or
 * the process was stopped. */
enum { STOOD_STILL_MS = 50 };

struct timer {
    uv_timer_t uv;
    struct loop *loop;
    timer_fn *on_time;
    void *ctx;
    uint64_t due_ms;    /* of libuv's clock */
    uint64_t late_turn; /* in which it came late and was put off; 0: it was not */
};

static uint64_t to_ms(int64_t ns) {
    return ns <= 0 ? 0 : (uint64_t)(ns / CLOCK_NS_PER_MS + (ns % CLOCK_NS_PER_MS != 0 ? 1 : 0));
}

static void on_uv_time(uv_timer_t *uv);

/* Most timers end the patience with somebody else. libuv before 1.45 calls them ahead of the sockets, where his answer may have
 * been waiting since before the loop stood still: it is read first. */
static bool put_off(struct timer *timer) {
    uint64_t turn = loop_turn(timer->loop);

    if (timer->late_turn == 0 && uv_now(timer->uv.loop) - timer->due_ms > STOOD_STILL_MS) {
        timer->late_turn = turn;
    }
    if (timer->late_turn != turn) {
        timer->late_turn = 0;
        return false;
    }
    uv_timer_start(&timer->uv, on_uv_time, 1, uv_timer_get_repeat(&timer->uv));
    return true;
}

static void on_uv_time(uv_timer_t *uv) {
    struct timer *timer = uv->data;

    if (put_off(timer)) {
        return;
    }
    timer->due_ms = uv_now(uv->loop) + uv_timer_get_repeat(uv);
    timer->on_time(timer->ctx);
}

static void on_uv_close(uv_handle_t *uv) {
    free(uv->data);
}

struct timer *timer_new(struct loop *loop, timer_fn *on_time, void *ctx) {
    struct timer *timer = malloc(sizeof(*timer));

    if (timer == NULL) {
        return NULL;
    }
    uv_timer_init(loop_uv(loop), &timer->uv);
    timer->uv.data = timer;
    timer->loop = loop;
    timer->late_turn = 0;
    timer->on_time = on_time;
    timer->ctx = ctx;
    return timer;
}

void timer_start(struct timer *timer, int64_t delay_ns, int64_t repeat_ns) {
    uint64_t delay_ms = to_ms(delay_ns);

    /* libuv counts from the whole millisecond in which the turn began: without a fresh reading, and one millisecond for
     * the part already gone, the timer would come early. */
    uv_update_time(timer->uv.loop);
    delay_ms += delay_ms != 0;
    timer->due_ms = uv_now(timer->uv.loop) + delay_ms;
    timer->late_turn = 0;
    uv_timer_start(&timer->uv, on_uv_time, delay_ms, to_ms(repeat_ns));
}

void timer_stop(struct timer *timer) {
    uv_timer_stop(&timer->uv);
}

bool timer_running(const struct timer *timer) {
    return uv_is_active((const uv_handle_t *)&timer->uv) != 0;
}

void timer_free(struct timer *timer) {
    if (timer != NULL) {
        uv_close((uv_handle_t *)&timer->uv, on_uv_close);
    }
}
