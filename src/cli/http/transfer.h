/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_HTTP_TRANSFER_H
#define LARDER_CLI_HTTP_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "net/address.h"

/* Requests of HTTP/1.1 to one server, one at a time, on a connection that is kept: for tools, which may wait. The only
 * place that knows libcurl. */
struct transfer;

enum { TRANSFER_BODY_MAX = 256 << 20 /* bytes of an answer that is kept whole */ };

/* The server is looked up at each request. `timeout_ns` is for a whole exchange, connecting included; of a stream, for its
 * beginning. `user` is "NAME:PASSWORD", which goes with each request (RFC 7617), or NULL. Errors: NO_MEMORY. */
enum larder_error transfer_open(const struct address *server, const char *user, int64_t timeout_ns,
                                struct transfer **ret_transfer);

/* NULL is allowed. */
void transfer_close(struct transfer *transfer);

enum { TRANSFER_FIELDS_MAX = 4, TRANSFER_FIELD_MAX = 64 };

/* All is borrowed for the call. */
struct transfer_request {
    const char *method;
    struct slice target;                                  /* "/group/key?limit=5", percent-encoded (target.h) */
    char fields[TRANSFER_FIELDS_MAX][TRANSFER_FIELD_MAX]; /* "If-Match: \"5\""; the first empty one ends them */
    bool has_body;
    struct slice body;
    int64_t silence_ns;       /* of a stream: it is given up when nothing came for so long; 0: never */
    void (*waits)(void *ctx); /* called about once a second while the answer is to come; NULL: nobody is interested */
    void *waits_ctx;
};

struct transfer_answer {
    unsigned status;
    bool has_revision;
    uint64_t revision; /* X-Larder-Revision: the revision that the answer is known for */
    bool has_tag;
    uint64_t tag;      /* ETag, if it is a revision */
    struct slice body; /* valid until the next request; of a stream that began, empty */
};

/* Asks, and takes the whole answer. Errors: NOT_FOUND (no such host), REFUSED, TIMEOUT, CLOSED, PROTOCOL (what answers
 * does not speak HTTP), LIMIT (the body is larger than TRANSFER_BODY_MAX), NO_MEMORY, IO. */
enum larder_error transfer_ask(struct transfer *transfer, const struct transfer_request *request,
                               struct transfer_answer *ret_answer);

/* Takes a piece of a stream's body. False ends the stream. */
typedef bool transfer_piece_fn(void *ctx, struct slice piece);

/* Asks for a body that comes bit by bit, and hands it on; an answer with another status than 200 is taken whole. Ends
 * when the server ends it, on_piece returns false, or the descriptor `stop_fd` (-1: none) has something to read; all that
 * is LARDER_OK. Errors as above, also after pieces. */
enum larder_error transfer_stream(struct transfer *transfer, const struct transfer_request *request, int stop_fd,
                                  transfer_piece_fn *on_piece, void *ctx, struct transfer_answer *ret_answer);

#endif
