/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_MODEL_FRESHNESS_H
#define LARDER_MODEL_FRESHNESS_H

#include <stdint.h>

/* How old an answer may be, from the least to the most that is asked for. */
enum freshness_kind {
    FRESHNESS_CACHED,       /* what this node holds; never going backwards for one key on one connection */
    FRESHNESS_MAX_STALE,    /* provably at most max_stale_ns behind, or an error */
    FRESHNESS_LINEARIZABLE, /* reflects every write that was acknowledged, anywhere, before the read began */
};

/* All zero is `cached`. */
struct freshness {
    enum freshness_kind kind;
    int64_t max_stale_ns; /* MAX_STALE only, else 0; never negative */
};

#endif
