/* SPDX-License-Identifier: Apache-2.0 */
#include "cohere/spans.h"

#include <stdlib.h>
#include <string.h>

static bool is_before_end(struct slice key, const struct store_span *span) {
    if (store_span_is_single(span)) {
        return slice_compare(key, span->key) <= 0;
    }
    return store_span_is_open(span) || slice_compare(key, span->range_end) < 0;
}

bool spans_meet(const struct store_span *a, const struct store_span *b) {
    return is_before_end(a->key, b) && is_before_end(b->key, a);
}

bool span_holds(const struct store_span *outer, const struct store_span *inner) {
    if (slice_compare(inner->key, outer->key) < 0) {
        return false;
    }
    if (store_span_is_single(inner) || store_span_is_open(outer)) {
        return is_before_end(inner->key, outer);
    }
    return !store_span_is_open(inner) && slice_compare(inner->range_end, outer->range_end) <= 0;
}

bool span_copy(const struct store_span *span, char **ret_place, struct store_span *ret_copy) {
    char *place = malloc(span->key.size + span->range_end.size + 1);

    if (place == NULL) {
        return false;
    }
    if (span->key.size > 0) {
        memcpy(place, span->key.data, span->key.size);
    }
    if (span->range_end.size > 0) {
        memcpy(place + span->key.size, span->range_end.data, span->range_end.size);
    }
    *ret_place = place;
    *ret_copy = (struct store_span){
        .key = slice_make(place, span->key.size),
        .range_end = slice_make(place + span->key.size, span->range_end.size),
    };
    return true;
}
