/* SPDX-License-Identifier: Apache-2.0 */
/* Every number a client or an operator can write: parsed as all four kinds, and escaped as a log would show it. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/number.h"
#include "base/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(struct slice s) {
    char text[NUMBER_MAX_DIGITS];
    uint64_t number;
    uint64_t again;

    if (!number_parse_u64(s, &number)) {
        return;
    }
    assert(number_parse_u64(slice_make(text, number_format_u64(number, text)), &again));
    assert(again == number);
}

static void check_escape(struct slice s) {
    char text[SLICE_ESCAPED_MAX];

    slice_escape(s, text);
    assert(memchr(text, '\0', sizeof text) != NULL);
    for (const char *c = text; *c != '\0'; c++) {
        assert(*c >= 0x21 && *c <= 0x7e && *c != '"');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice s = slice_make((const char *)data, size);
    uint64_t bytes;
    int64_t number;

    check_round_trip(s);
    check_escape(s);
    number_parse_i64(s, &number);
    number_parse_size(s, &bytes);
    if (number_parse_duration(s, &number)) {
        assert(number >= 0);
    }
    return 0;
}
