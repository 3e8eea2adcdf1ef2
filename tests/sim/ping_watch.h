/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SIM_PING_WATCH_H
#define LARDER_TESTS_SIM_PING_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* What etcd's server of gRPC bears of a client's PINGs: one every 5 s, and more often only if it has itself sent something
 * in between (package keepalive of google.golang.org/grpc: MinTime, PermitWithoutStream, and more than 2 strikes). It reads
 * the frames' heads of what a client sends (RFC 9113, 4.1). */
struct ping_watch {
    size_t preface; /* bytes of it that have come */
    unsigned char head[9];
    size_t head_size;
    size_t left; /* of the frame's payload */
    bool is_ping;
    bool was_ping; /* one has come, at last_ns */
    int64_t last_ns;
    unsigned strikes;
};

/* `has_calls`: streams are open. False: that was too many. */
bool ping_watch_feed(struct ping_watch *watch, struct slice input, int64_t now_ns, bool has_calls);

/* The server sends headers or data. */
void ping_watch_sent(struct ping_watch *watch);

#endif
