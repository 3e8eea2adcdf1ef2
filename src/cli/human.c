/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/human.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

const char *human_count(uint64_t count, char ret_text[HUMAN_TEXT_MAX]) {
    char digits[32];
    int size = snprintf(digits, sizeof(digits), "%" PRIu64, count);
    char *to = ret_text;

    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0) {
            *to++ = ',';
        }
        *to++ = digits[i];
    }
    *to = '\0';
    return ret_text;
}

const char *human_bytes(uint64_t bytes, char ret_text[HUMAN_TEXT_MAX]) {
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double amount = (double)bytes / 1024;
    size_t unit = 0;

    if (bytes < 1024) {
        snprintf(ret_text, HUMAN_TEXT_MAX, "%" PRIu64 " B", bytes);
        return ret_text;
    }
    while (amount >= 1023.5) {
        amount /= 1024;
        unit++;
    }
    snprintf(ret_text, HUMAN_TEXT_MAX, "%.*f %s", amount < 9.995 ? 2 : amount < 99.95 ? 1 : 0, amount, units[unit]);
    return ret_text;
}

const char *human_duration(uint64_t seconds, char ret_text[HUMAN_TEXT_MAX]) {
    static const struct {
        uint64_t seconds;
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    size_t unit = 0;

    while (unit < 3 && seconds < units[unit].seconds) {
        unit++;
    }
    if (unit == 3) {
        snprintf(ret_text, HUMAN_TEXT_MAX, "%" PRIu64 " s", seconds);
    } else {
        uint64_t whole = seconds / units[unit].seconds;
        uint64_t part = seconds % units[unit].seconds / units[unit + 1].seconds;

        snprintf(ret_text, HUMAN_TEXT_MAX, "%" PRIu64 " %s %" PRIu64 " %s", whole, units[unit].name, part,
                 units[unit + 1].name);
    }
    return ret_text;
}

static bool has_control(struct slice s) {
    for (size_t i = 0; i < s.size; i++) {
        unsigned char c = (unsigned char)s.data[i];
        unsigned char next = i + 1 < s.size ? (unsigned char)s.data[i + 1] : 0;

        /* U+0080..U+009F are control characters too; some terminals obey them. */
        if ((c < ' ' && c != '\t' && c != '\n') || c == 0x7f || (c == 0xc2 && next < 0xa0)) {
            return true;
        }
    }
    return false;
}

bool human_readable(struct slice s) {
    json_t *string = json_stringn(s.size == 0 ? "" : s.data, s.size);
    bool is_utf8 = string != NULL;

    json_decref(string);
    return is_utf8 && !has_control(s);
}
