/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_ETCD_ASK_H
#define LARDER_CLI_BENCH_ETCD_ASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "net/address.h"
#include "proto/grpc/status.h"

enum { ASK_TEXT_MAX = 200, ASK_ANSWER_MAX = 64 << 20 };

struct ask {
    const struct endpoint *endpoint;
    struct slice authority;
    struct slice token;
    struct slice path;
    struct slice request;
    int64_t timeout_ns;
};

/* How it ended. */
struct ask_end {
    enum grpc_status status; /* UNAVAILABLE: also when there is no connection; DEADLINE_EXCEEDED: no answer in time */
    char text[ASK_TEXT_MAX]; /* why, if not OK; printable */
};

/* One call on a connection of its own, waited for: before a load begins. The answer is appended to `answer`. False: the
 * call has not ended with OK. */
bool ask(const struct ask *ask, struct buf *answer, struct ask_end *ret_end);

#endif
