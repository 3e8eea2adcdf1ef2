/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_SESSION_GRPC_H
#define LARDER_SESSION_GRPC_H

#include "session/internal.h"

/* A connection that speaks gRPC: its calls are those of rpc/. Unlike the other protocols' requests, calls are answered in
 * any order, so they need no slots: an answer goes to its stream, and the streams' bytes to the outbox whenever the session
 * settles. */

struct grpc_session;

/* Takes in all of `input`. */
size_t session_grpc(struct session *s, struct slice input);

/* Moves what the streams have to say to the outbox, as far as there is room. */
void session_grpc_settle(struct session *s);

/* Calls that are open; 0 also if it does not speak gRPC. */
size_t session_grpc_calls(const struct session *s);

/* No new calls are taken, and those end that would not by themselves. */
void session_grpc_drain(struct session *s);

void session_grpc_free(struct session *s);

enum {
    SESSION_GRPC_STREAMS_MAX = 4096,                            /* calls at a time on one connection */
    SESSION_GRPC_MESSAGE_MAX = STORE_REQUEST_MAX + (512 << 10), /* bytes, as in etcd */
    SESSION_GRPC_FULL_AT = 256 << 10,                           /* bytes of answers that wait in one call */
};

#endif
