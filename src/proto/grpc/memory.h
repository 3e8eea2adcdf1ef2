/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_GRPC_MEMORY_H
#define LARDER_PROTO_GRPC_MEMORY_H

#include <nghttp2/nghttp2.h>

#include <stddef.h>

/* The memory of one nghttp2 session, counted and with a ceiling: over it, nghttp2 gets none, and the connection ends. */
struct grpc_memory {
    size_t bytes; /* in use, as the allocator counts them */
    size_t limit;
};

/* What nghttp2_session_server_new3 and its sister take. `memory` outlives the session. */
nghttp2_mem grpc_memory_interface(struct grpc_memory *memory);

#endif
