/* SPDX-License-Identifier: Apache-2.0 */
#include "base/number.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"

static const char digit_pairs[] = "00010203040506070809"
                                  "10111213141516171819"
                                  "20212223242526272829"
                                  "30313233343536373839"
                                  "40414243444546474849"
                                  "50515253545556575859"
                                  "60616263646566676869"
                                  "70717273747576777879"
                                  "80818283848586878889"
                                  "90919293949596979899";

enum { SURE_DIGITS = 19 /* so many cannot overflow */ };

bool number_parse_u64(struct slice s, uint64_t *ret_number) {
    uint64_t number = 0;

    if (s.size == 0) {
        return false;
    }
    for (size_t i = 0; i < s.size; i++) {
        unsigned digit = (unsigned)(unsigned char)s.data[i] - '0';

        if (digit > 9 || (i >= SURE_DIGITS && number > (UINT64_MAX - digit) / 10)) {
            return false;
        }
        number = number * 10 + digit;
    }
    *ret_number = number;
    return true;
}

bool number_parse_i64(struct slice s, int64_t *ret_number) {
    bool negative = s.size > 0 && s.data[0] == '-';
    uint64_t magnitude;

    if (!number_parse_u64(negative ? slice_skip(s, 1) : s, &magnitude)) {
        return false;
    }
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
        return false;
    }
    *ret_number = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

/* Splits "12ms" into 12 and "ms". */
static bool split_unit(struct slice s, uint64_t *ret_number, struct slice *ret_unit) {
    size_t digits = 0;

    while (digits < s.size && s.data[digits] >= '0' && s.data[digits] <= '9') {
        digits++;
    }
    *ret_unit = slice_skip(s, digits);
    return number_parse_u64(slice_make(s.data, digits), ret_number);
}

struct unit {
    const char *name;
    uint64_t factor;
};

static bool apply_unit(const struct unit *units, struct slice name, uint64_t limit, uint64_t *number) {
    for (const struct unit *u = units; u->name != NULL; u++) {
        if (slice_equal(slice_from_string(u->name), name)) {
            if (*number > limit / u->factor) {
                return false;
            }
            *number *= u->factor;
            return true;
        }
    }
    return false;
}

bool number_parse_size(struct slice s, uint64_t *ret_bytes) {
    static const struct unit units[] = {
        {"", 1},          {"b", 1},         {"B", 1},       {"k", 1 << 10},   {"K", 1 << 10},
        {"KiB", 1 << 10}, {"m", 1 << 20},   {"M", 1 << 20}, {"MiB", 1 << 20}, {"g", 1 << 30},
        {"G", 1 << 30},   {"GiB", 1 << 30}, {NULL, 0},
    };
    struct slice unit;
    uint64_t number;

    if (!split_unit(s, &number, &unit) || !apply_unit(units, unit, UINT64_MAX, &number)) {
        return false;
    }
    *ret_bytes = number;
    return true;
}

bool number_parse_duration(struct slice s, int64_t *ret_ns) {
    static const struct unit units[] = {
        {"", CLOCK_NS_PER_S},
        {"ns", 1},
        {"us", 1000},
        {"ms", CLOCK_NS_PER_MS},
        {"s", CLOCK_NS_PER_S},
        {"m", 60 * CLOCK_NS_PER_S},
        {"h", 3600 * CLOCK_NS_PER_S},
        {NULL, 0},
    };
    struct slice unit;
    uint64_t number;

    if (!split_unit(s, &number, &unit) || !apply_unit(units, unit, INT64_MAX, &number)) {
        return false;
    }
    *ret_ns = (int64_t)number;
    return true;
}

/* `units` begins with the largest and ends with a factor of 1. */
static const char *unit_text(const struct unit *units, uint64_t value, char ret_text[NUMBER_UNIT_TEXT_MAX]) {
    while (units->factor > 1 && (value == 0 || value % units->factor != 0)) {
        units++;
    }
    snprintf(ret_text, NUMBER_UNIT_TEXT_MAX, "%" PRIu64 "%s", value / units->factor, value == 0 ? "" : units->name);
    return ret_text;
}

const char *number_size_text(uint64_t bytes, char ret_text[NUMBER_UNIT_TEXT_MAX]) {
    static const struct unit units[] = {{"g", 1 << 30}, {"m", 1 << 20}, {"k", 1 << 10}, {"", 1}};

    return unit_text(units, bytes, ret_text);
}

const char *number_duration_text(uint64_t ns, char ret_text[NUMBER_UNIT_TEXT_MAX]) {
    static const struct unit units[] = {{"h", UINT64_C(3600) * CLOCK_NS_PER_S},
                                        {"m", UINT64_C(60) * CLOCK_NS_PER_S},
                                        {"s", CLOCK_NS_PER_S},
                                        {"ms", CLOCK_NS_PER_MS},
                                        {"us", 1000},
                                        {"ns", 1}};

    return unit_text(units, ns, ret_text);
}

static size_t count_digits(uint64_t number) {
    size_t count = 1;

    while (number >= 10000) {
        number /= 10000;
        count += 4;
    }
    return count + (number >= 10) + (number >= 100) + (number >= 1000);
}

size_t number_format_u64(uint64_t number, char *ret_text) {
    size_t count = count_digits(number);
    size_t at = count;

    while (number >= 100) {
        at -= 2;
        memcpy(ret_text + at, digit_pairs + 2 * (number % 100), 2);
        number /= 100;
    }
    if (number >= 10) {
        memcpy(ret_text, digit_pairs + 2 * number, 2);
    } else {
        ret_text[0] = (char)('0' + number);
    }
    return count;
}
