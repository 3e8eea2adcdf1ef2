/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_GRPC_MEMORY_H
#define LARDER_PROTO_GRPC_MEMORY_H

#include <nghttp2/nghttp2.h>

#include <stdbool.h>
#include <stddef.h>

/* Sizes of small blocks, in steps of 16 bytes, that are kept for the next call instead of being freed: nghttp2 takes and
 * frees about ten of them for each. */
enum { GRPC_MEMORY_CLASSES = 32 };

/* The memory of one nghttp2 session, counted and with a ceiling: over it, nghttp2 gets none, and the connection ends.
 * All zero but for `limit` is an empty one. */
struct grpc_memory {
    size_t bytes; /* from the allocator, as that counts them; those that are kept included */
    size_t limit;
    size_t kept_bytes;
    struct grpc_memory_block {
        struct grpc_memory_block *next;
    } * kept[GRPC_MEMORY_CLASSES];
};

/* What nghttp2_session_server_new3 and its sister take. `memory` outlives the session. */
nghttp2_mem grpc_memory_interface(struct grpc_memory *memory);

/* Frees what is kept. */
void grpc_memory_fini(struct grpc_memory *memory);

#endif
