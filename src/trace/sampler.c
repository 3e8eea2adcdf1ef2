/* SPDX-License-Identifier: Apache-2.0 */
#include "trace/sampler.h"

#include <stdlib.h>
#include <string.h>

#include "trace/context.h"

enum { RATIO_TEXT_MAX = 32 };

/* Digits with one point at most, and perhaps an exponent; strtod alone would take "nan", "inf" and hexadecimal too. */
static bool read_ratio(struct slice text, double *ret_ratio) {
    char copy[RATIO_TEXT_MAX];
    char *end;

    if (text.size == 0) {
        *ret_ratio = 1;
        return true;
    }
    if (text.size >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    if (strspn(copy, "0123456789.eE+-") != text.size) {
        return false;
    }
    *ret_ratio = strtod(copy, &end);
    return end == copy + text.size && *ret_ratio >= 0 && *ret_ratio <= 1;
}

bool sampler_parse(struct slice name, struct slice argument, struct sampler *ret_sampler) {
    static const struct slice prefix = {"parentbased_", sizeof("parentbased_") - 1};
    struct sampler sampler = {.by_parent = slice_has_prefix(name, prefix)};
    struct slice base = sampler.by_parent ? slice_skip(name, prefix.size) : name;
    double ratio;

    if (slice_equal(base, SLICE("always_on"))) {
        sampler.bound = SAMPLER_ALL;
    } else if (slice_equal(base, SLICE("traceidratio")) && read_ratio(argument, &ratio)) {
        sampler.bound = (uint64_t)(ratio * (double)SAMPLER_ALL);
    } else if (!slice_equal(base, SLICE("always_off"))) {
        return false;
    }
    *ret_sampler = sampler;
    return true;
}

bool sampler_decide(const struct sampler *sampler, const struct trace_context *parent,
                    const uint8_t trace_id[TRACE_ID_SIZE]) {
    uint64_t number = 0;

    if (sampler->by_parent && parent != NULL) {
        return trace_context_is_sampled(parent);
    }
    for (size_t i = TRACE_ID_SIZE - sizeof(number); i < TRACE_ID_SIZE; i++) {
        number = number << 8 | trace_id[i];
    }
    return number >> 1 < sampler->bound;
}
