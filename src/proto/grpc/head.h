/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_GRPC_HEAD_H
#define LARDER_PROTO_GRPC_HEAD_H

#include <nghttp2/nghttp2.h>

#include <stdbool.h>

#include "proto/grpc/server.h"

/* The head of a call as its fields come in. The values that are kept are nghttp2's own, held by reference. */
struct grpc_head_reader {
    nghttp2_rcbuf *path;
    nghttp2_rcbuf *authority;
    nghttp2_rcbuf *token;
    nghttp2_rcbuf *authorization;
    nghttp2_rcbuf *traceparent;
    nghttp2_rcbuf *tracestate;
    size_t list_size; /* of the header list so far (RFC 9113, 6.5.2) */
    int64_t timeout_ns;
    bool is_post;
    bool is_grpc; /* its content type */
    bool is_timeout_bad;
    bool needs_leader;
    bool is_nameless;
};

/* Makes the reader ready for the next header block; at first it is all zero. */
void grpc_head_reader_clear(struct grpc_head_reader *reader);

void grpc_head_reader_add(struct grpc_head_reader *reader, nghttp2_rcbuf *name, nghttp2_rcbuf *value);

/* What was read, valid until the reader is cleared. */
struct grpc_head grpc_head_reader_head(const struct grpc_head_reader *reader);

#endif
