/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_GRPC_LIMITS_H
#define LARDER_PROTO_GRPC_LIMITS_H

/* The ceilings of a gRPC connection that no option sets. What one connection to a server takes is at most
 *
 *     HTTP/2's own state       GRPC_SESSION_BYTES + max_streams * GRPC_SESSION_STREAM_BYTES
 *     messages half come       GRPC_PARTIAL_BYTES, or twice max_message if that is more
 *     answers that wait        GRPC_WAITING_BYTES
 *     calls                    max_streams + GRPC_SPARE_CALLS of less than 1 KiB each
 *
 * and what its outbox holds, for which grpc_server_write has an argument. */

#define GRPC_PARTIAL_BYTES ((size_t)64 << 20)
#define GRPC_WAITING_BYTES ((size_t)1 << 30)
/* Small blocks of nghttp2's that a connection keeps for its next calls. */
#define GRPC_KEPT_BYTES ((size_t)16 << 10)

#define GRPC_SESSION_BYTES ((size_t)1 << 20)

/* HTTP/2's own state of a client, whose calls its owner counts. */
#define GRPC_CLIENT_SESSION_BYTES ((size_t)1 << 30)

enum {
    GRPC_SESSION_STREAM_BYTES = 4096,

    /* RFC 9113, 6.5.2: the header list as SETTINGS_MAX_HEADER_LIST_SIZE counts it. Over the first the call is answered
     * with RESOURCE_EXHAUSTED, over the second its stream is reset. */
    GRPC_HEADER_LIST_BYTES = 16 << 10,
    GRPC_HEADER_LIST_BREAK = 64 << 10,
    GRPC_CONTINUATIONS = 6, /* CONTINUATION frames of one header block (CVE-2024-28182); nghttp2 itself may stop at 8 */

    /* RST_STREAM frames that a connection may cause, in either direction (CVE-2023-44487, CVE-2025-8671): so many at once,
     * and so many a second. Below what nghttp2 allows, so that it is us who say ENHANCE_YOUR_CALM. */
    GRPC_RESETS_AT_ONCE = 800,
    GRPC_RESETS_PER_S = 30,

    GRPC_ACKS = 512,        /* answers to PING and SETTINGS that may wait to be sent */
    GRPC_SETTINGS = 32,     /* entries of one SETTINGS frame */
    GRPC_IDLE_FRAMES = 512, /* DATA without bytes and PRIORITY frames between two that are of use */

    /* Flow control of what comes in. Messages are taken out at once, so that windows only bound what is on its way. */
    GRPC_STREAM_WINDOW = 1 << 20,
    GRPC_CONNECTION_WINDOW = 16 << 20,

    GRPC_CLIENT_STREAM_WINDOW = 8 << 20,
    GRPC_CLIENT_CONNECTION_WINDOW = 64 << 20,

    GRPC_SPARE_CALLS = 8,   /* structs of calls that are kept for the next ones */
    GRPC_TEXT_BYTES = 1024, /* of a status's text, as it is before it is encoded; the rest is cut off */

    /* An answer longer than this takes turns with the others of its connection, instead of being sent in one go. */
    GRPC_TURNS_FROM = 32 << 10,
};

#endif
