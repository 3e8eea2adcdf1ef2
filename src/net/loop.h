/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_NET_LOOP_H
#define LARDER_NET_LOOP_H

#include <stdint.h>

/* One event loop, driven by one thread. Everything of this room belongs to the loop it was opened on and is touched
 * only by that loop's thread (before loop_run: by the thread that makes it), except loop_stop and mailbox_post.
 * Callbacks run on the loop's thread, one after the other. */
struct loop;

/* NULL: out of memory or descriptors. The caller owns it. */
struct loop *loop_new(void);

/* Runs callbacks until loop_stop; then returns after the turn it is in. May be called again. Afterwards the loop holds
 * whatever its owners left open. */
void loop_run(struct loop *loop);

/* Has `before_rest` called in each turn when its callbacks have run, before the loop waits for what comes next: for what is
 * better done once for all of them. NULL: nothing is called. On the loop's thread, or before it runs. */
void loop_set_rest(struct loop *loop, void (*before_rest)(void *ctx), void *ctx);

/* Makes loop_run return soon; one call ends one run, also a run that has not begun yet. Safe from any thread and from
 * callbacks; the loop must not have been freed. */
void loop_stop(struct loop *loop);

/* Runs what is still closing (their on_close callbacks come now) and frees the loop. Every stream, listener, timer,
 * mailbox and signal watch on it must have been closed or freed before; it is an assertion if not. Not from a
 * callback. */
void loop_free(struct loop *loop);

/* The monotonic clock (clock_monotonic_ns), read once per turn at the first call in it: cheap and the same for all that
 * happens in one turn, but up to a turn old. */
int64_t loop_now_ns(struct loop *loop);

#endif
