/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_NET_TICKER_H
#define LARDER_NET_TICKER_H

#include <stdint.h>

struct loop;
struct ticker;

typedef void ticker_fn(void *ctx);

/* A periodic call that is precise to the kernel's high-resolution timers (some 50 us late at most on an idle machine),
 * where struct timer has whole milliseconds. Costs a descriptor and a read per tick; ticks that were missed come as one
 * call. Begins at once, every `interval_ns` (at least 1). NULL: out of memory or descriptors. */
struct ticker *ticker_new(struct loop *loop, int64_t interval_ns, ticker_fn *on_tick, void *ctx);

/* on_tick is not called after it; allowed inside its own on_tick. NULL is allowed. */
void ticker_free(struct ticker *ticker);

#endif
