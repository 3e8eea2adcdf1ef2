/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_NET_TIMER_H
#define LARDER_NET_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct timer;

typedef void timer_fn(void *ctx);

/* A timer at rest, owned by the caller. NULL: out of memory. */
struct timer *timer_new(struct loop *loop, timer_fn *on_time, void *ctx);

/* Calls on_time after at least `delay_ns` (never early, resolution 1 ms), and then, if repeat_ns is not 0, every
 * `repeat_ns` (at least 1 ms) until it is stopped. A running timer starts anew. Negative delays count as 0. On a loop that has
 * stood still, what waits to be read is read before on_time is called. */
void timer_start(struct timer *timer, int64_t delay_ns, int64_t repeat_ns);

/* on_time is not called after it; a timer at rest stays at rest. */
void timer_stop(struct timer *timer);

/* Whether on_time is still to come. */
bool timer_running(const struct timer *timer);

/* Stops it and gives it up; allowed inside its own on_time. NULL is allowed. */
void timer_free(struct timer *timer);

#endif
