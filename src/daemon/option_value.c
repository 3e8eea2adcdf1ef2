/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/option_value.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/number.h"

struct unit {
    const char *name;
    uint64_t factor;
};

/* In the largest unit that leaves no rest; `units` begins with the largest. */
static const char *unit_text(const struct unit *units, uint64_t value, char ret_text[OPTION_TEXT_MAX]) {
    while (units->factor > 1 && (value == 0 || value % units->factor != 0)) {
        units++;
    }
    snprintf(ret_text, OPTION_TEXT_MAX, "%" PRIu64 "%s", value / units->factor, value == 0 ? "" : units->name);
    return ret_text;
}

const char *option_size_text(uint64_t bytes, char ret_text[OPTION_TEXT_MAX]) {
    static const struct unit units[] = {{"g", 1 << 30}, {"m", 1 << 20}, {"k", 1 << 10}, {"", 1}};

    return unit_text(units, bytes, ret_text);
}

const char *option_duration_text(uint64_t ns, char ret_text[OPTION_TEXT_MAX]) {
    static const struct unit units[] = {{"h", UINT64_C(3600) * CLOCK_NS_PER_S},
                                        {"m", UINT64_C(60) * CLOCK_NS_PER_S},
                                        {"s", CLOCK_NS_PER_S},
                                        {"ms", CLOCK_NS_PER_MS},
                                        {"us", 1000},
                                        {"ns", 1}};

    return unit_text(units, ns, ret_text);
}

typedef const char *text_fn(uint64_t value, char ret_text[OPTION_TEXT_MAX]);

static const char *count_text(uint64_t value, char ret_text[OPTION_TEXT_MAX]) {
    snprintf(ret_text, OPTION_TEXT_MAX, "%" PRIu64, value);
    return ret_text;
}

static bool in_bounds(const char *name, struct slice text, uint64_t value, uint64_t least, uint64_t most,
                      text_fn *to_text, struct place place, struct diagnostics *d) {
    char escaped[SLICE_ESCAPED_MAX];
    char low[OPTION_TEXT_MAX];
    char high[OPTION_TEXT_MAX];

    if (value >= least && value <= most) {
        return true;
    }
    diagnostics_mistake(d, place, "%s = %s is too %s: it may be %s to %s", name, slice_escape(text, escaped),
                        value < least ? "small" : "large", to_text(least, low), to_text(most, high));
    return false;
}

static bool not_a(const char *name, struct slice text, const char *what, struct place place, struct diagnostics *d) {
    char escaped[SLICE_ESCAPED_MAX];

    diagnostics_mistake(d, place, "%s = \"%s\" is not %s", name, slice_escape(text, escaped), what);
    return false;
}

bool option_read_count(const char *name, struct slice text, uint64_t least, uint64_t most, struct place place,
                       struct diagnostics *d, uint64_t *ret_value) {
    uint64_t value;

    if (!number_parse_u64(text, &value)) {
        return not_a(name, text, "a number, like 4", place, d);
    }
    if (!in_bounds(name, text, value, least, most, count_text, place, d)) {
        return false;
    }
    *ret_value = value;
    return true;
}

bool option_read_size(const char *name, struct slice text, uint64_t least, uint64_t most, struct place place,
                      struct diagnostics *d, uint64_t *ret_bytes) {
    uint64_t bytes;

    if (!number_parse_size(text, &bytes)) {
        return not_a(name, text, "a size: bytes, or a number with k, m or g, like 256m", place, d);
    }
    if (!in_bounds(name, text, bytes, least, most, option_size_text, place, d)) {
        return false;
    }
    *ret_bytes = bytes;
    return true;
}

bool option_read_duration(const char *name, struct slice text, uint64_t least, uint64_t most, struct place place,
                          struct diagnostics *d, uint64_t *ret_ns) {
    int64_t ns;

    if (!number_parse_duration(text, &ns)) {
        return not_a(name, text, "a time: seconds, or a number with ms, s, m or h, like 30s", place, d);
    }
    if (!in_bounds(name, text, (uint64_t)ns, least, most, option_duration_text, place, d)) {
        return false;
    }
    *ret_ns = (uint64_t)ns;
    return true;
}
