/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_HTTP_CACHING_H
#define LARDER_PROTO_HTTP_CACHING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "proto/http/directive.h"

/* What the header fields of a response say about keeping it: RFC 9111, RFC 5861, RFC 8246. It only reads them; what a cache
 * makes of it is origin/judge.h.
 *
 * Where a field or a directive stands more than once, the first one counts (RFC 9111, 4.2.1 and 5.1), but for those whose
 * mere presence counts. Something malformed counts as what keeps less: a number of seconds that is none is 0, an Expires that
 * is no date is in the past (4.2.1, 5.3), and an Age or a Date that is none was not given. */

enum { HTTP_VALIDATOR_MAX = 1024 /* bytes of an entity tag or a Last-Modified that is taken as one */ };

/* What was there. */
enum http_caching_word {
#define FLAG(name, text) HTTP_CACHING_INDEX_##name,
#define SECONDS(name, text, member) HTTP_CACHING_INDEX_##name,
#include "proto/http/caching.def"
#undef FLAG
#undef SECONDS
    HTTP_CACHING_INDEX_CACHE_CONTROL, /* the field, whatever it said */
    HTTP_CACHING_INDEX_EXPIRES,
    HTTP_CACHING_INDEX_EXPIRES_IS_BAD, /* it is there and no date; struct http_caching's expires means nothing */
    HTTP_CACHING_INDEX_DATE,
    HTTP_CACHING_INDEX_AGE,
    HTTP_CACHING_INDEX_AGE_SEEN,      /* also a malformed one, behind which no other counts */
    HTTP_CACHING_INDEX_DATE_SEEN,     /* likewise */
    HTTP_CACHING_INDEX_VARY,          /* on something else than Accept-Encoding */
    HTTP_CACHING_INDEX_VARY_ENCODING, /* on Accept-Encoding */
    HTTP_CACHING_INDEX_ENCODED,       /* a Content-Encoding other than "identity" */
    HTTP_CACHING_INDEX_SET_COOKIE,
};

#define HTTP_CACHING_BIT(name) (UINT32_C(1) << HTTP_CACHING_INDEX_##name)

struct http_caching {
    uint32_t words;             /* bits */
    int64_t now;                /* of http_caching_begin */
    int64_t max_age;            /* seconds, up to HTTP_SECONDS_MAX; each only if its bit is set, else 0 */
    int64_t s_maxage;           /* likewise */
    int64_t while_revalidate;   /* likewise */
    int64_t if_error;           /* likewise */
    int64_t age;                /* likewise */
    int64_t expires;            /* seconds since 1970-01-01 UTC */
    int64_t date;               /* likewise */
    struct slice etag;          /* whole, with its quotes and its W/; empty: none that is one */
    struct slice last_modified; /* a date as it was sent; empty: none that is one */
};

/* Nothing was said yet. `now` is in seconds since 1970-01-01 UTC: it tells the century of a year that has two digits. */
void http_caching_begin(struct http_caching *c, int64_t now);

/* Takes the next header field, in the order in which they came; `value` is without white space around it. Fields that say
 * nothing about caching are passed over. `etag` and `last_modified` are borrowed from the values. */
void http_caching_take(struct http_caching *c, struct slice name, struct slice value);

static inline bool http_caching_has(const struct http_caching *c, uint32_t bits) {
    return (c->words & bits) != 0;
}

/* How long the response is fresh by its own words, in seconds, 0 or more, counted from when its age was 0 (RFC 9111, 4.2.1,
 * for a shared cache: s-maxage, then max-age, then Expires less Date). `answered`, in seconds since 1970-01-01 UTC, takes the
 * place of a Date that is missing. False, with *ret_seconds untouched: it has no word about it. */
bool http_caching_lifetime(const struct http_caching *c, int64_t answered, int64_t *ret_seconds);

/* Whether `text` is an entity tag, whole: RFC 9110, 8.8.3. */
bool http_is_etag(struct slice text);

#endif
