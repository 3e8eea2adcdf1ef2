/* SPDX-License-Identifier: Apache-2.0 */
#include "group/counter.h"

#include "base/number.h"

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool counter_read(struct slice value, uint64_t *ret_number) {
    size_t start = 0;
    size_t end;

    while (start < value.size && is_space(value.data[start])) {
        start++;
    }
    if (start < value.size && value.data[start] == '+') {
        start++;
    }
    end = start;
    while (end < value.size && !is_space(value.data[end]) && value.data[end] != '\0') {
        end++;
    }
    return number_parse_u64(slice_make(value.data + start, end - start), ret_number);
}

uint64_t counter_compute(enum command command, uint64_t delta, uint64_t number) {
    if (command == COMMAND_INCR) {
        return number + delta;
    }
    return number > delta ? number - delta : 0;
}
