/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_MODEL_FRESHNESS_H
#define LARDER_MODEL_FRESHNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

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

enum { FRESHNESS_TEXT_MAX = 64 /* bytes that freshness_text writes, its NUL included */ };

/* What "max_stale=" begins, as people write it. */
extern const struct slice freshness_max_stale_prefix;

/* Reads "cached", "linearizable" or "max_stale=TIME", TIME as number_parse_duration takes it. False, with *ret_freshness
 * untouched, for anything else. */
bool freshness_parse(struct slice text, struct freshness *ret_freshness);

/* The same as text, which freshness_parse reads back. Returns ret_text, NUL-terminated. */
const char *freshness_text(const struct freshness *freshness, char ret_text[FRESHNESS_TEXT_MAX]);

#endif
