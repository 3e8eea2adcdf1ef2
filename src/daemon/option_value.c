/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/option_value.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/number.h"
#include "daemon/suggest.h"

enum { LIST_MAX = 128 /* the words of a choice, with commas */ };

typedef const char *text_fn(uint64_t value, char ret_text[NUMBER_UNIT_TEXT_MAX]);

static const char *count_text(uint64_t value, char ret_text[NUMBER_UNIT_TEXT_MAX]) {
    snprintf(ret_text, NUMBER_UNIT_TEXT_MAX, "%" PRIu64, value);
    return ret_text;
}

static bool in_bounds(const char *name, struct slice text, uint64_t value, uint64_t least, uint64_t most,
                      text_fn *to_text, struct place place, struct diagnostics *d) {
    char escaped[SLICE_ESCAPED_MAX];
    char low[NUMBER_UNIT_TEXT_MAX];
    char high[NUMBER_UNIT_TEXT_MAX];

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
    if (!in_bounds(name, text, bytes, least, most, number_size_text, place, d)) {
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
    if (!in_bounds(name, text, (uint64_t)ns, least, most, number_duration_text, place, d)) {
        return false;
    }
    *ret_ns = (uint64_t)ns;
    return true;
}

void option_none_of(const char *name, struct slice text, const char *const *words, size_t count, struct place place,
                    struct diagnostics *d) {
    const char *meant = suggest(text, words, count);
    char escaped[SLICE_ESCAPED_MAX];
    char list[LIST_MAX] = "";
    size_t size = 0;

    for (size_t i = 0; i < count && size < sizeof(list); i++) {
        size += (size_t)snprintf(list + size, sizeof(list) - size, "%s%s", i > 0 ? ", " : "", words[i]);
    }
    slice_escape(text, escaped);
    if (meant != NULL) {
        diagnostics_mistake(d, place, "%s = \"%s\" is none of %s; did you mean \"%s\"?", name, escaped, list, meant);
    } else {
        diagnostics_mistake(d, place, "%s = \"%s\" is none of %s", name, escaped, list);
    }
}

bool option_read_choice(const char *name, struct slice text, const char *const *words, size_t count, struct place place,
                        struct diagnostics *d, size_t *ret_index) {
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(slice_from_string(words[i]), text)) {
            *ret_index = i;
            return true;
        }
    }
    option_none_of(name, text, words, count, place, d);
    return false;
}

/* -1 when it is none. */
static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Takes one byte, as it is or escaped, off the front of *s. False: a backslash that begins neither escape. */
static bool take_byte(struct slice *s, char *ret_byte) {
    if (s->data[0] != '\\') {
        *ret_byte = s->data[0];
        *s = slice_skip(*s, 1);
        return true;
    }
    if (s->size >= 2 && s->data[1] == '\\') {
        *ret_byte = '\\';
        *s = slice_skip(*s, 2);
        return true;
    }
    if (s->size < 4 || s->data[1] != 'x' || hex_digit(s->data[2]) < 0 || hex_digit(s->data[3]) < 0) {
        return false;
    }
    *ret_byte = (char)(hex_digit(s->data[2]) << 4 | hex_digit(s->data[3]));
    *s = slice_skip(*s, 4);
    return true;
}

bool option_read_bytes(const char *name, struct slice text, size_t most, struct place place, struct diagnostics *d,
                       char *ret_bytes, size_t *ret_size) {
    struct slice rest = text;
    size_t size = 0;

    while (rest.size > 0) {
        if (size == most) {
            diagnostics_mistake(d, place, "%s is longer than %zu bytes", name, most);
            return false;
        }
        if (!take_byte(&rest, &ret_bytes[size])) {
            diagnostics_mistake(d, place, "%s: a backslash begins \\xHH (a byte in two hexadecimal digits) or \\\\",
                                name);
            return false;
        }
        size++;
    }
    *ret_size = size;
    return true;
}
