/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_HTTP_STREAM_H
#define LARDER_PROTO_HTTP_STREAM_H

#include "base/buf.h"
#include "base/outbox.h"
#include "proto/http/answer.h"

/* Bodies that come bit by bit, behind http_answer_stream. */

/* Opens a piece: what is appended to out->bytes until http_stream_close belongs to it. *ret_mark is for that call.
 * Errors: LIMIT, NO_MEMORY. */
enum larder_error http_stream_open(struct outbox *out, const struct http_form *form, size_t *ret_mark);

/* Closes it; an empty piece is taken back, for in chunks it would be the end of the body. Errors: LIMIT, NO_MEMORY; the
 * whole piece is then taken back. */
enum larder_error http_stream_close(struct outbox *out, const struct http_form *form, size_t mark);

/* Takes back the piece that is open. */
void http_stream_cancel(struct outbox *out, size_t mark);

/* A piece, not empty, that lies in `blob`, by reference. Errors as above; the session is of no use after one. */
enum larder_error http_stream_blob(struct outbox *out, const struct http_form *form, struct slice piece,
                                   struct blob *blob);

/* The end of the body. Errors as above. */
enum larder_error http_stream_end(struct outbox *out, const struct http_form *form);

/* An event of a server-sent stream (WHATWG HTML, 9.2.5). */
struct http_event {
    struct slice name; /* without CR and LF; empty: "message" */
    struct slice
        data;    /* at each of its line ends (CR LF, LF, CR) a data line ends; the receiver puts LF between them */
    uint64_t id; /* what a client that comes back says in Last-Event-ID */
    bool has_id;
};

/* Errors: LIMIT, NO_MEMORY; the text may then end in the middle, and the caller drops it. */
enum larder_error http_event_append(struct buf *out, const struct http_event *event);

/* A line that keeps the connection alive and means nothing. `text` has no CR or LF. Errors as above. */
enum larder_error http_event_comment(struct buf *out, struct slice text);

#endif
