/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_ORIGIN_POLICY_H
#define LARDER_ORIGIN_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* What a group decides about the answers of its origin. Times are in milliseconds, 0 or more, up to ORIGIN_SPAN_MAX of
 * entry.h. What a response says itself (Cache-Control, Expires) comes before the first three and the two about staleness. */
struct origin_policy {
    int64_t ttl_ms;        /* an answer is fresh for so long. 0: not at all */
    int64_t absent_ttl_ms; /* a 404 or 410 */
    /* Other 4xx and 5xx, and a failure to get an answer. If there is an entry that an error leaves alone, the origin is not
     * asked again for so long either, ORIGIN_HOLD_MAX of entry.h at most. 0: errors are not kept. */
    int64_t error_ttl_ms;
    /* Once an answer was not to be stored, requests for its key go to the origin for so long without waiting for each other.
     * 0: no such marker. */
    int64_t marker_ttl_ms;
    int64_t while_revalidate_ms; /* an answer that is stale for less is served, and refreshed in the background */
    int64_t if_error_ms;         /* an answer that is stale for less is served when the origin fails */
    int64_t keep_ms;             /* a stale answer that can be revalidated stays for so long, for a 304 to renew it */
    /* The ceilings of what a response may say. */
    int64_t max_ttl_ms;
    int64_t max_stale_ms; /* of stale-while-revalidate and stale-if-error */
    uint64_t max_body;    /* bytes; a longer body is passed on and not stored */
    /* The names of further header fields to store, in any case; borrowed. */
    const struct slice *declared;
    size_t declared_count;
};

enum { ORIGIN_MAX_BODY = 8 << 20 /* bytes, by default */ };

/* Nothing stale is served unless a response or the group allows it (RFC 9111, 4.2.4). An error lives for a second: long
 * enough that a failing origin is asked once a second for a key, short enough that nobody sees an error for long. */
static inline struct origin_policy origin_policy_default(void) {
    return (struct origin_policy){
        .ttl_ms = INT64_C(60) * 1000,
        .absent_ttl_ms = INT64_C(10) * 1000,
        .error_ttl_ms = INT64_C(1) * 1000,
        .marker_ttl_ms = INT64_C(60) * 1000,
        .keep_ms = INT64_C(3600) * 1000,
        .max_ttl_ms = INT64_C(365) * 24 * 3600 * 1000,
        .max_stale_ms = INT64_C(24) * 3600 * 1000,
        .max_body = ORIGIN_MAX_BODY,
    };
}

#endif
