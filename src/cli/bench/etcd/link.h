/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_ETCD_LINK_H
#define LARDER_CLI_BENCH_ETCD_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/outbox.h"
#include "net/stream.h"
#include "proto/grpc/client.h"

/* Who has begun a call is told what comes of it; grpc_call's `owner` points to one of these, which lies at the front of
 * whatever the call belongs to. */
struct link_call {
    const struct link_call_ops *ops;
};

struct link_call_ops {
    void (*on_message)(struct link_call *owner, struct slice message);
    void (*on_end)(struct link_call *owner, const struct grpc_end *end);
};

struct link;

struct link_events {
    void (*on_connect)(void *ctx);
    void (*on_wake)(void *ctx); /* something came; before the calls are told */
    void (*on_lost)(void *ctx, const struct link *link, const char *why); /* once; not after link_close */
};

/* A connection that speaks gRPC. What is begun inside an event goes out at its end, together. */
struct link {
    struct stream stream;
    struct grpc_client *client;
    struct outbox out;
    char *input; /* borrowed; LINK_INPUT_BYTES, shared by the links of a loop */
    const struct link_events *events;
    void *ctx;
    bool opened;
    bool closed; /* by link_close, or lost */
    bool feeding;
};

enum { LINK_INPUT_BYTES = 256 * 1024 };

/* Begins to connect; `authority` is what the server is called. Errors: NO_MEMORY, LIMIT, IO. link_free is due in any
 * case. */
enum larder_error link_open(struct link *link, struct loop *loop, const struct endpoint *endpoint,
                            struct slice authority, char *input, const struct link_events *events, void *ctx);

/* Sends what was begun. Not needed inside the events. */
void link_flush(struct link *link);

/* Begins to close; no event follows. Twice is fine. */
void link_close(struct link *link);

/* After its loop was freed. */
void link_free(struct link *link);

#endif
