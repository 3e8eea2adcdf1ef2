/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_LIBRARY_OBSERVE_METHOD_H
#define LARDER_LIBRARY_OBSERVE_METHOD_H

#include "library/tracer.h"
#include "proto/memcached/text_encode.h"

/* What spans and metrics call the library's calls, and what they say of how a call has ended. */

/* The first are the verbs, under their numbers. */
enum observe_method {
    OBSERVE_GET_MANY = MC_TEXT_VERSION + 1,
    OBSERVE_BATCH,
    /* Of etcd, as its API calls them; and a read by the near cache. */
    OBSERVE_RANGE,
    OBSERVE_PUT,
    OBSERVE_DELETE_RANGE,
    OBSERVE_TXN,
    OBSERVE_COMPACT,
    OBSERVE_LEASE_GRANT,
    OBSERVE_LEASE_REVOKE,
    OBSERVE_LEASE_KEEP_ALIVE,
    OBSERVE_LEASE_TIME_TO_LIVE,
    OBSERVE_LEASE_LEASES,
    OBSERVE_NEAR_GET,
    OBSERVE_METHODS,
};

/* What calls_count counts by. */
extern const struct calls_names observe_names;

/* One call more that has come to this. */
void observe_count(struct larder_tracer *tracer, size_t method, enum larder_status status, int64_t duration_ns);

/* What has come of what the span is about: an event of a hit or a miss, or the error. */
void observe_describe(struct span *span, enum larder_status status, int64_t now_ns);

#endif
