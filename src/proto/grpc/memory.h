/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_GRPC_MEMORY_H
#define LARDER_PROTO_GRPC_MEMORY_H

#include <nghttp2/nghttp2.h>

#include <stdbool.h>
#include <stddef.h>

/* The memory of one nghttp2 session: counted, with a ceiling over which nghttp2 gets none, and freed as a whole instead of
 * with nghttp2_session_del.
 *
 * Small blocks are kept for the next call, for nghttp2 takes and frees about ten of them for each. And once an allocation
 * has failed, nothing is freed before the end: nghttp2 1.52 forgets to take back what it did before a failure (a stream
 * then points to a frame that is freed), which must not reach further than its own connection. */
enum { GRPC_MEMORY_STEP = 16, GRPC_MEMORY_CLASSES = 33 /* of sizes that are kept, in steps */ };

struct grpc_memory_block; /* what stands before the bytes that nghttp2 gets */

/* All zero but for `limit` is an empty one. */
struct grpc_memory {
    size_t bytes; /* from the allocator, those that are kept included */
    size_t limit;
    size_t kept_bytes;
    bool has_failed;
    struct grpc_memory_block *blocks; /* all of them */
    struct grpc_memory_block *kept[GRPC_MEMORY_CLASSES];
};

/* What nghttp2_session_server_new3 and its sister take. `memory` outlives the session. */
nghttp2_mem grpc_memory_interface(struct grpc_memory *memory);

/* Frees everything, and with it the session. */
void grpc_memory_fini(struct grpc_memory *memory);

#endif
