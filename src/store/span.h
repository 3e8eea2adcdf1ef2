/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_SPAN_H
#define LARDER_STORE_SPAN_H

#include "store/store.h"

/* All keys that begin with `prefix`, which is borrowed; the empty one begins all keys. `place` has room for prefix.size
 * bytes, and at least for one. */
struct store_span store_span_of_prefix(struct slice prefix, char *place);

static inline bool store_span_is_single(const struct store_span *span) {
    return span->range_end.size == 0;
}

/* Whether it goes to the end of all keys. */
static inline bool store_span_is_open(const struct store_span *span) {
    return span->range_end.size == 1 && span->range_end.data[0] == '\0';
}

bool store_span_contains(const struct store_span *span, struct slice key);

/* Whether every key of `inner` is one of `outer`. */
bool store_span_within(const struct store_span *inner, const struct store_span *outer);

#endif
