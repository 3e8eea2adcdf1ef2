/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_HTTP_HEAD_H
#define LARDER_PROTO_HTTP_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "proto/http/field.h"
#include "proto/http/verdict.h"

/* The head of an HTTP/1.1 request (RFC 9112, 2 to 6): the line, the header fields, and what follows from them for the
 * body and the connection. It is strict where senders and receivers have been made to disagree about where a request ends
 * (RFC 9112, 11.2): lines end in CR LF alone, there is no white space before a colon and no folded line, a length is given
 * in one way and once. What is refused is in verdicts.def. */

enum { HTTP_HEAD_MAX = 16 << 10 /* bytes, with its empty line */ };

enum http_verb {
    HTTP_VERB_GET,
    HTTP_VERB_HEAD,
    HTTP_VERB_PUT,
    HTTP_VERB_DELETE,
    HTTP_VERB_POST,
    HTTP_VERB_OPTIONS,
    HTTP_VERB_OTHER,
};

enum http_body_kind { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED };

enum http_expectation {
    HTTP_EXPECTS_NOTHING,
    HTTP_EXPECTS_CONTINUE, /* "100 Continue" before it sends the body */
    HTTP_EXPECTS_UNKNOWN,  /* something to be answered with 417 */
};

/* Slices point into the input. */
struct http_head {
    enum http_verb verb;
    enum http_body_kind body;
    enum http_expectation expectation;
    bool old;                              /* HTTP/1.0: it knows no chunks, and "keep-alive" must be said */
    bool keep_alive;                       /* the client lets the connection stand after the answer */
    uint64_t content_length;               /* HTTP_BODY_LENGTH: bytes of the body */
    struct slice target;                   /* raw */
    struct slice lines;                    /* all field lines */
    struct slice fields[HTTP_FIELD_COUNT]; /* the first value of each, trimmed; data is NULL: it was not given */
};

/* Reads a head from the start of `input`, which is all that has come of it so far; empty lines before it are passed over.
 * DONE: *ret_head is filled in, *ret_size is the head's bytes, empty lines included. A verdict depends on the bytes
 * alone, not on how many there were at a time. Other verdicts leave *ret_head undefined. */
enum http_verdict http_head_decode(struct slice input, struct http_head *ret_head, size_t *ret_size);

/* The values of a field that may stand several times, in order; *cursor begins with 0. False: there are no more. */
bool http_head_next(const struct http_head *head, enum http_field field, size_t *cursor, struct slice *ret_value);

#endif
