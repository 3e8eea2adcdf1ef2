/* SPDX-License-Identifier: Apache-2.0 */
#include "model/freshness.h"

#include <stdio.h>

#include "base/number.h"

const struct slice freshness_max_stale_prefix = SLICE("max_stale=");

static const char cached[] = "cached";
static const char linearizable[] = "linearizable";

bool freshness_parse(struct slice text, struct freshness *ret_freshness) {
    struct freshness read = {.kind = FRESHNESS_CACHED};

    if (slice_equal(text, slice_from_string(linearizable))) {
        read.kind = FRESHNESS_LINEARIZABLE;
    } else if (slice_has_prefix(text, freshness_max_stale_prefix)) {
        read.kind = FRESHNESS_MAX_STALE;
        if (!number_parse_duration(slice_skip(text, freshness_max_stale_prefix.size), &read.max_stale_ns)) {
            return false;
        }
    } else if (!slice_equal(text, slice_from_string(cached))) {
        return false;
    }
    *ret_freshness = read;
    return true;
}

const char *freshness_text(const struct freshness *freshness, char ret_text[FRESHNESS_TEXT_MAX]) {
    char time[NUMBER_UNIT_TEXT_MAX];

    switch (freshness->kind) {
    case FRESHNESS_CACHED:
        return strcpy(ret_text, cached);
    case FRESHNESS_LINEARIZABLE:
        return strcpy(ret_text, linearizable);
    case FRESHNESS_MAX_STALE:
        break;
    }
    snprintf(ret_text, FRESHNESS_TEXT_MAX, "%s%s", freshness_max_stale_prefix.data,
             number_duration_text((uint64_t)freshness->max_stale_ns, time));
    return ret_text;
}
