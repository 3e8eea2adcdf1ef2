/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_HTTP_CACHING_REQUEST_H
#define LARDER_PROTO_HTTP_CACHING_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "proto/http/directive.h"
#include "proto/http/head.h"

/* What a request asks of a cache: its Cache-Control (RFC 9111, 5.2.1; RFC 5861, 4), and "Pragma: no-cache" if it has none
 * (5.4). They are wishes that a cache may pass over; what is made of them is origin/judge.h. Of a directive that stands more
 * than once the strictest counts. A max-age or min-fresh that is no number counts as no-cache, because somebody wanted
 * something fresh; a max-stale or stale-if-error that is none allows nothing. Others, such as no-transform, are passed over. */

enum http_caching_wish {
    HTTP_WISH_NO_CACHE = 1 << 0,
    HTTP_WISH_NO_STORE = 1 << 1,
    HTTP_WISH_ONLY_IF_CACHED = 1 << 2,
    HTTP_WISH_MAX_AGE = 1 << 3,
    HTTP_WISH_MIN_FRESH = 1 << 4,
    HTTP_WISH_MAX_STALE = 1 << 5,
    HTTP_WISH_IF_ERROR = 1 << 6,
};

/* All zero: nothing is asked. The numbers are seconds, up to HTTP_SECONDS_MAX, each only if its bit is set. */
struct http_caching_request {
    uint32_t words; /* bits of enum http_caching_wish */
    int64_t max_age;
    int64_t min_fresh;
    int64_t max_stale; /* without a number: HTTP_SECONDS_MAX */
    int64_t if_error;
};

/* Takes one value of Cache-Control; several are taken one after the other, on top of each other. */
void http_caching_request_take(struct http_caching_request *c, struct slice value);

/* What a whole head says. */
struct http_caching_request http_caching_request_read(const struct http_head *head);

static inline bool http_caching_request_has(const struct http_caching_request *c, uint32_t words) {
    return (c->words & words) != 0;
}

#endif
