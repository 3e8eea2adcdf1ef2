/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/grpc/timeout.h"

#include <assert.h>

#include "base/number.h"

enum { MOST_DIGITS = 8 };

static const struct unit {
    char letter;
    int64_t ns;
} units[] = {
    {'n', 1},
    {'u', 1000},
    {'m', 1000000},
    {'S', 1000000000},
    {'M', 60 * INT64_C(1000000000)},
    {'H', 3600 * INT64_C(1000000000)},
};

static int64_t unit_ns(char letter) {
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (units[i].letter == letter) {
            return units[i].ns;
        }
    }
    return 0;
}

bool grpc_timeout_parse(struct slice text, int64_t *ret_ns) {
    int64_t count = 0;
    int64_t ns;

    if (text.size < 2 || text.size > MOST_DIGITS + 1) {
        return false;
    }
    for (size_t i = 0; i + 1 < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        count = count * 10 + (text.data[i] - '0');
    }
    ns = unit_ns(text.data[text.size - 1]);
    if (ns == 0) {
        return false;
    }
    *ret_ns = count == 0 ? 1 : count > INT64_MAX / ns ? INT64_MAX : count * ns;
    return true;
}

size_t grpc_timeout_format(int64_t ns, char ret_text[GRPC_TIMEOUT_MAX]) {
    char digits[NUMBER_MAX_DIGITS];
    size_t unit = 0;
    int64_t count = ns;
    size_t size;

    assert(ns > 0);
    while (count > 99999999) {
        unit++;
        count = ns / units[unit].ns + (ns % units[unit].ns != 0);
    }
    size = number_format_u64((uint64_t)count, digits);
    memcpy(ret_text, digits, size);
    ret_text[size] = units[unit].letter;
    return size + 1;
}
