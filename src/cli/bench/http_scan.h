/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_HTTP_SCAN_H
#define LARDER_CLI_BENCH_HTTP_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

enum {
    HTTP_SCAN_LINE_MAX = 1024, /* bytes of a line of an answer's head */
    HTTP_SCAN_HEAD_MAX = 16 << 10,
    HTTP_SCAN_BODY_KEPT = 128, /* what is kept of a body: enough for a short value, or for an error's beginning */
};

/* One answer of HTTP/1.1 (RFC 9112), as much of it as a load generator needs. */
struct http_answer {
    unsigned status;
    bool closes;        /* the server said that it ends the connection */
    uint64_t body_size; /* without the framing of chunks */
    struct slice body;  /* its first HTTP_SCAN_BODY_KEPT bytes, or all; valid during the call */
};

/* Walks over the answers to GET, PUT and DELETE as they arrive in pieces. Bodies are skipped but for their beginning.
 * Interim answers (1xx) are passed over. */
struct http_scanner {
    int state;
    bool chunked;
    bool sized;      /* there was a Content-Length */
    uint64_t length; /* Content-Length */
    uint64_t left;   /* of the body, or of the chunk */
    size_t head_size;
    size_t line_size;
    struct http_answer answer;
    char line[HTTP_SCAN_LINE_MAX]; /* the beginning of a line that came in pieces */
    char body[HTTP_SCAN_BODY_KEPT];
};

/* Called for each answer once all its bytes have arrived. Anything but OK ends http_scan_feed with that error. */
typedef enum larder_error http_scan_fn(void *ctx, const struct http_answer *answer);

void http_scan_init(struct http_scanner *s);

/* Errors: PROTOCOL (also for a body that only the end of the connection would end), and whatever on_answer returns. The
 * scanner is of no use after an error. */
enum larder_error http_scan_feed(struct http_scanner *s, const char *data, size_t size, http_scan_fn *on_answer,
                                 void *ctx);

#endif
