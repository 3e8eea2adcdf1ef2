/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "proto/grpc/limits.h"
#include "proto/grpc/server_state.h"

static size_t most_partial(const struct grpc_server *server) {
    size_t twice = 2 * server->limits.max_message;

    return twice > GRPC_PARTIAL_BYTES ? twice : GRPC_PARTIAL_BYTES;
}

static void refuse_message(struct server_call *call, enum grpc_read why) {
    char text[128];

    switch (why) {
    case GRPC_READ_TOO_LARGE:
        (void)snprintf(text, sizeof(text), "grpc: received message larger than max (%zu vs. %zu)",
                       (size_t)call->in.size, call->stream.server->limits.max_message);
        server_call_refuse(call, GRPC_RESOURCE_EXHAUSTED, slice_from_string(text));
        break;
    case GRPC_READ_COMPRESSED:
        server_call_refuse(call, GRPC_UNIMPLEMENTED, SLICE("compressed messages are not taken; send them as they are"));
        break;
    default:
        server_call_refuse(call, GRPC_RESOURCE_EXHAUSTED, SLICE("no memory for the message"));
        break;
    }
}

void server_call_feed(struct server_call *call, struct slice input) {
    struct grpc_server *server = call->stream.server;

    while (!call->is_finished) {
        size_t before = call->in.partial.capacity;
        size_t others = server->partial_bytes - before;
        size_t most = most_partial(server);
        struct slice message;
        enum grpc_read read = grpc_reader_next(&call->in, &input, server->limits.max_message,
                                               most > others ? most - others : 0, &message);

        server->partial_bytes = others + call->in.partial.capacity;
        if (read == GRPC_READ_MORE) {
            return;
        }
        if (read != GRPC_READ_MESSAGE) {
            refuse_message(call, read);
            return;
        }
        server->events->on_message(server->ctx, &call->stream, message);
    }
}

void server_call_end_input(struct server_call *call) {
    struct grpc_server *server = call->stream.server;

    if (call->is_finished) {
        return;
    }
    if (grpc_reader_is_inside(&call->in)) {
        server_call_refuse(call, GRPC_INTERNAL, SLICE("the last message was cut off"));
        return;
    }
    server->events->on_end(server->ctx, &call->stream);
}
