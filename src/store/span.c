/* SPDX-License-Identifier: Apache-2.0 */
#include "store/span.h"

static const char zero[1] = {0};

struct store_span store_span_of_prefix(struct slice prefix, char *place) {
    size_t size = prefix.size;

    if (size == 0) {
        return (struct store_span){.key = slice_make(zero, 1), .range_end = slice_make(zero, 1)};
    }
    /* The first key behind them: the last byte that can be raised is, and what follows it falls away. */
    while (size > 0 && (unsigned char)prefix.data[size - 1] == 0xff) {
        size--;
    }
    if (size == 0) {
        return (struct store_span){.key = prefix, .range_end = slice_make(zero, 1)};
    }
    memcpy(place, prefix.data, size);
    place[size - 1]++;
    return (struct store_span){.key = prefix, .range_end = slice_make(place, size)};
}

bool store_span_contains(const struct store_span *span, struct slice key) {
    if (store_span_is_single(span)) {
        return slice_equal(span->key, key);
    }
    return slice_compare(key, span->key) >= 0 && (store_span_is_open(span) || slice_compare(key, span->range_end) < 0);
}

bool store_span_within(const struct store_span *inner, const struct store_span *outer) {
    if (store_span_is_single(inner) || store_span_is_single(outer)) {
        return store_span_is_single(inner) && store_span_contains(outer, inner->key);
    }
    if (slice_compare(inner->key, outer->key) < 0) {
        return false;
    }
    return store_span_is_open(outer) ||
           (!store_span_is_open(inner) && slice_compare(inner->range_end, outer->range_end) <= 0);
}
