/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_HTTP_BODY_H
#define LARDER_PROTO_HTTP_BODY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "proto/http/head.h"
#include "proto/http/verdict.h"

/* The body of a request, as it comes, in pieces of any size (RFC 9112, 6 and 7): by its length or in chunks. It holds no
 * bytes. Extensions of chunks and trailers are read and dropped. */

enum { HTTP_BODY_EXTRA_MAX = 16 << 10 /* bytes of one body's chunk extensions and trailers */ };

enum http_body_state {
    HTTP_BODY_DATA,
    HTTP_BODY_DATA_END, /* CR LF behind a chunk's data */
    HTTP_BODY_SIZE,
    HTTP_BODY_EXTENSION,
    HTTP_BODY_SIZE_END, /* LF */
    HTTP_BODY_TRAILER,  /* at the start of a line */
    HTTP_BODY_TRAILER_NAME,
    HTTP_BODY_TRAILER_LINE,
    HTTP_BODY_TRAILER_LINE_END, /* LF */
    HTTP_BODY_LAST_END,         /* LF of the empty line */
    HTTP_BODY_COMPLETE,
};

struct http_body {
    enum http_body_state state;
    bool chunked;
    unsigned seen;  /* digits of a chunk's size, or bytes of the CR LF, that have come */
    uint64_t left;  /* bytes of data that come next for certain */
    uint64_t taken; /* bytes of data that have come */
    uint64_t limit; /* on both together */
    uint32_t extra;
};

/* Begins with the body that `head` announces, which may have `limit` bytes of data. */
void http_body_begin(struct http_body *b, const struct http_head *head, uint64_t limit);

/* Takes up to one run of data from the start of `input`: *ret_data, which may be empty, points into it; *ret_size is how
 * many bytes were taken. MORE: go on behind them, if there is input left; DONE: that was the end. BODY_TOO_LARGE leaves the
 * body where it stands, with nothing lost: it can go on under a higher limit. Other verdicts end it. */
enum http_verdict http_body_next(struct http_body *b, struct slice input, struct slice *ret_data, size_t *ret_size);

/* Notes that `size` bytes of data, at most b->left, were read to where they belong without coming through here. True: that
 * was the end of the body. */
bool http_body_skip(struct http_body *b, uint64_t size);

static inline bool http_body_is_complete(const struct http_body *b) {
    return b->state == HTTP_BODY_COMPLETE;
}

#endif
