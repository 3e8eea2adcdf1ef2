/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/ini.h"

#include <string.h>

void ini_init(struct ini *ini, struct slice text) {
    static const struct slice byte_order_mark = SLICE("\xef\xbb\xbf");

    *ini = (struct ini){.rest = text};
    if (slice_has_prefix(text, byte_order_mark)) {
        ini->rest = slice_skip(text, byte_order_mark.size);
    }
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

static bool is_comment(char c) {
    return c == '#' || c == ';';
}

static struct slice trim_left(struct slice s) {
    while (s.size > 0 && is_blank(s.data[0])) {
        s = slice_skip(s, 1);
    }
    return s;
}

static struct slice trim(struct slice s) {
    s = trim_left(s);
    while (s.size > 0 && is_blank(s.data[s.size - 1])) {
        s.size--;
    }
    return s;
}

/* Up to `end`, or all of it. */
static struct slice until(struct slice s, char end) {
    const char *found = s.size > 0 ? memchr(s.data, end, s.size) : NULL;

    return found == NULL ? s : slice_make(s.data, (size_t)(found - s.data));
}

/* Without a comment that begins the text or follows a blank. */
static struct slice cut_comment(struct slice s) {
    for (size_t i = 0; i < s.size; i++) {
        if (is_comment(s.data[i]) && (i == 0 || is_blank(s.data[i - 1]))) {
            return slice_make(s.data, i);
        }
    }
    return s;
}

static struct ini_line bad(unsigned number, const char *problem) {
    return (struct ini_line){.kind = INI_BAD, .number = number, .problem = problem};
}

/* Takes a quoted text off the front of *s; false when its second quote is missing. */
static bool take_quoted(struct slice *s, struct slice *ret_text) {
    struct slice inside = slice_skip(*s, 1);
    struct slice text = until(inside, '"');

    if (text.size == inside.size) {
        return false;
    }
    *ret_text = text;
    *s = slice_skip(inside, text.size + 1);
    return true;
}

static bool nothing_left(struct slice s) {
    return trim(cut_comment(s)).size == 0;
}

static struct ini_line read_section(struct slice s, unsigned number) {
    struct ini_line line = {.kind = INI_SECTION, .number = number};
    size_t size = 0;

    s = trim_left(slice_skip(s, 1));
    while (size < s.size && !is_blank(s.data[size]) && s.data[size] != ']' && s.data[size] != '"') {
        size++;
    }
    line.name = slice_make(s.data, size);
    s = trim_left(slice_skip(s, size));
    if (s.size > 0 && s.data[0] == '"') {
        line.has_argument = true;
        if (!take_quoted(&s, &line.value)) {
            return bad(number, "the section's closing quote is missing");
        }
        s = trim_left(s);
    }
    if (s.size == 0 || s.data[0] != ']') {
        return bad(number, "a section is written [name] or [name \"argument\"]");
    }
    if (!nothing_left(slice_skip(s, 1))) {
        return bad(number, "there is something behind the section's ']'");
    }
    return line;
}

static struct ini_line read_pair(struct slice s, unsigned number) {
    struct ini_line line = {.kind = INI_PAIR, .number = number};
    struct slice name = until(s, '=');

    if (name.size == s.size) {
        return bad(number, "expected `name = value` or a section in brackets");
    }
    line.name = trim(name);
    s = trim_left(slice_skip(s, name.size + 1));
    if (line.name.size == 0) {
        return bad(number, "the name before '=' is missing");
    }
    if (s.size == 0 || s.data[0] != '"') {
        line.value = trim(cut_comment(s));
        return line;
    }
    line.quoted = true;
    if (!take_quoted(&s, &line.value)) {
        return bad(number, "the value's closing quote is missing");
    }
    if (!nothing_left(s)) {
        return bad(number, "there is something behind the value's closing quote");
    }
    return line;
}

struct ini_line ini_next(struct ini *ini) {
    while (ini->rest.size > 0) {
        struct slice whole = until(ini->rest, '\n');
        struct slice s = trim(whole);

        ini->rest = slice_skip(ini->rest, whole.size < ini->rest.size ? whole.size + 1 : whole.size);
        ini->number++;
        if (s.size == 0 || is_comment(s.data[0])) {
            continue;
        }
        if (memchr(s.data, '\0', s.size) != NULL) {
            return bad(ini->number, "the line holds a NUL byte");
        }
        return s.data[0] == '[' ? read_section(s, ini->number) : read_pair(s, ini->number);
    }
    return (struct ini_line){.kind = INI_END, .number = ini->number};
}
