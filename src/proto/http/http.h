/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_HTTP_HTTP_H
#define LARDER_PROTO_HTTP_HTTP_H

#include <stdbool.h>

#include "base/outbox.h"
#include "base/slice.h"

/* HTTP/1.1 (RFC 9112), as far as the administrative routes need it: requests whose head fits HTTP_HEAD_MAX, bodies read
 * and dropped up to HTTP_BODY_MAX. Bytes to requests and replies to bytes; no I/O. */

enum { HTTP_HEAD_MAX = 16 << 10, HTTP_BODY_MAX = 64 << 10 };

enum http_verb { HTTP_VERB_GET, HTTP_VERB_HEAD, HTTP_VERB_OTHER };

/* Slices point into the input. */
struct http_message {
    enum http_verb verb;
    struct slice path; /* of the target, up to the first raw '?' */
    bool keep_alive;
};

enum http_decode_status {
    HTTP_DECODE_MORE, /* not all there yet */
    HTTP_DECODE_DONE,
    HTTP_DECODE_BAD,       /* not HTTP; the connection must close */
    HTTP_DECODE_TOO_LARGE, /* head or body over its limit; the connection must close */
};

/* Reads one request from the start of `input`, which is the whole of it as far as it has come. *ret_consumed is set when
 * it is DONE. */
enum http_decode_status http_decode(struct slice input, struct http_message *ret_message, size_t *ret_consumed);

/* A whole reply; with HEAD the body is counted but not sent. `extra` are header lines with their CRLF, or empty. */
struct http_answer {
    unsigned status;
    struct slice content_type;
    struct slice extra;
    struct slice body;
    bool head_only;
    bool keep_alive;
};

/* Errors: LIMIT, NO_MEMORY. */
enum larder_error http_encode(struct outbox *out, const struct http_answer *answer);

#endif
