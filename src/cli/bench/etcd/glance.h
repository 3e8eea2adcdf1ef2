/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_ETCD_GLANCE_H
#define LARDER_CLI_BENCH_ETCD_GLANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* What a load has to know of the answers of etcd's API, read off the wire. All false: it is no such message. */

/* Of a RangeResponse. */
struct glance_range {
    uint64_t keys;        /* that came along */
    int64_t count;        /* that there are */
    uint64_t first_value; /* bytes of the first key's value */
};

bool glance_range(struct slice message, struct glance_range *ret_glance);

/* Of a WatchResponse. */
struct glance_watch {
    bool created;
    bool canceled;
    struct slice cancel_reason; /* a part of the message */
    uint64_t events;
};

/* `on_event` is called with the value of each event's key; it may be NULL. */
bool glance_watch(struct slice message, struct glance_watch *ret_glance,
                  void (*on_event)(void *ctx, struct slice value), void *ctx);

/* The ID of a LeaseGrantResponse. */
bool glance_lease(struct slice message, int64_t *ret_id);

/* The TTL of a LeaseKeepAliveResponse; 0: there is no such lease any more. */
bool glance_keepalive(struct slice message, int64_t *ret_ttl);

/* Whether it is a TxnResponse of a transaction that was done. */
bool glance_txn_succeeded(struct slice message);

/* Whether it is a message that begins with a header, as all answers do. */
bool glance_is_answer(struct slice message);

#endif
