/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_scan.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "base/utf8.h"

enum { HEX_DIGITS = 4, UNICODE_ESCAPE_SIZE = 2 + HEX_DIGITS };

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static int hex_value(char c) {
    if (is_digit(c)) {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The code unit of the escape \uXXXX at the front of `s`; -1: there is none. */
static int32_t code_unit(struct slice s) {
    int32_t unit = 0;

    if (s.size < UNICODE_ESCAPE_SIZE || s.data[0] != '\\' || s.data[1] != 'u') {
        return -1;
    }
    for (size_t i = 2; i < UNICODE_ESCAPE_SIZE; i++) {
        int digit = hex_value(s.data[i]);

        if (digit < 0) {
            return -1;
        }
        unit = unit << 4 | digit;
    }
    return unit;
}

static bool is_high_surrogate(int32_t unit) {
    return unit >= 0xd800 && unit < 0xdc00;
}

static bool is_low_surrogate(int32_t unit) {
    return unit >= 0xdc00 && unit < 0xe000;
}

/* The character that the escape at the front of `s` stands for, and the escape's bytes; -1: it is no escape. */
static int32_t escaped_character(struct slice s, size_t *ret_size) {
    static const char letters[] = "\"\\/bfnrt";
    static const char characters[] = "\"\\/\b\f\n\r\t";
    const char *letter = s.size >= 2 && s.data[1] != 0 ? strchr(letters, s.data[1]) : NULL;
    int32_t unit, low;

    if (letter != NULL) {
        *ret_size = 2;
        return characters[letter - letters];
    }
    unit = code_unit(s);
    *ret_size = UNICODE_ESCAPE_SIZE;
    if (!is_high_surrogate(unit)) {
        return is_low_surrogate(unit) ? -1 : unit;
    }
    low = code_unit(slice_skip(s, UNICODE_ESCAPE_SIZE));
    *ret_size *= 2;
    return is_low_surrogate(low) ? 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00) : -1;
}

/* A string behind its opening quote. Its end is looked for first: the text may end before. */
static enum json_token scan_string(struct json_scanner *s, struct slice *ret_raw) {
    const char *at = s->at;
    struct slice raw;
    bool escapes = false;

    while (at < s->end && *at != '"') {
        if ((unsigned char)*at < 0x20) {
            return JSON_TOKEN_BAD;
        }
        escapes = escapes || *at == '\\';
        at += *at == '\\' ? 2 : 1;
    }
    if (at >= s->end) {
        return JSON_TOKEN_END;
    }
    raw = slice_make(s->at, (size_t)(at - s->at));
    for (size_t i = 0; escapes && i < raw.size;) {
        size_t size = 1;

        if (raw.data[i] == '\\' && escaped_character(slice_skip(raw, i), &size) < 0) {
            return JSON_TOKEN_BAD;
        }
        i += size;
    }
    if (!utf8_is_valid(raw)) {
        return JSON_TOKEN_BAD;
    }
    s->at = at + 1;
    *ret_raw = raw;
    return JSON_TOKEN_STRING;
}

static bool scan_digits(struct json_scanner *s) {
    const char *from = s->at;

    while (s->at < s->end && is_digit(*s->at)) {
        s->at++;
    }
    return s->at > from;
}

/* Takes the next byte if it is one of `which`. */
static bool take(struct json_scanner *s, const char *which) {
    if (s->at < s->end && *s->at != 0 && strchr(which, *s->at) != NULL) {
        s->at++;
        return true;
    }
    return false;
}

static enum json_token scan_number(struct json_scanner *s, struct slice *ret_raw) {
    const char *from = s->at;
    bool good;

    (void)take(s, "-");
    good = take(s, "0") || scan_digits(s);
    if (good && take(s, ".")) {
        good = scan_digits(s);
    }
    if (good && take(s, "eE")) {
        (void)take(s, "+-");
        good = scan_digits(s);
    }
    *ret_raw = slice_make(from, (size_t)(s->at - from));
    return good ? JSON_TOKEN_NUMBER : s->at == s->end ? JSON_TOKEN_END : JSON_TOKEN_BAD;
}

static enum json_token scan_word(struct json_scanner *s, struct slice word, enum json_token token) {
    struct slice rest = slice_make(s->at, (size_t)(s->end - s->at));

    if (slice_has_prefix(rest, word)) {
        s->at += word.size;
        return token;
    }
    return slice_has_prefix(word, rest) ? JSON_TOKEN_END : JSON_TOKEN_BAD;
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static enum json_token scan_token(struct json_scanner *s, struct slice *ret_raw) {
    static const char marks[] = "{}[],:";
    static const enum json_token tokens[] = {JSON_TOKEN_OBJECT,    JSON_TOKEN_OBJECT_END, JSON_TOKEN_ARRAY,
                                             JSON_TOKEN_ARRAY_END, JSON_TOKEN_COMMA,      JSON_TOKEN_COLON};

    switch (*s->at) {
    case '"':
        s->at++;
        return scan_string(s, ret_raw);
    case 't':
        return scan_word(s, SLICE("true"), JSON_TOKEN_TRUE);
    case 'f':
        return scan_word(s, SLICE("false"), JSON_TOKEN_FALSE);
    case 'n':
        return scan_word(s, SLICE("null"), JSON_TOKEN_NULL);
    default:
        if (*s->at == '-' || is_digit(*s->at)) {
            return scan_number(s, ret_raw);
        }
        return take(s, marks) ? tokens[strchr(marks, s->at[-1]) - marks] : JSON_TOKEN_BAD;
    }
}

enum json_token json_next(struct json_scanner *s, struct slice *ret_raw) {
    enum json_token token;
    const char *from;

    while (s->at < s->end && is_space(*s->at)) {
        s->at++;
    }
    from = s->at;
    token = s->at < s->end ? scan_token(s, ret_raw) : JSON_TOKEN_END;
    if (token == JSON_TOKEN_END || token == JSON_TOKEN_BAD) {
        s->at = from;
    }
    return token;
}

/* What stands in a place where only `expected` is right. */
static enum json_token expect(enum json_token token, enum json_token expected) {
    return token == expected || token == JSON_TOKEN_END ? token : JSON_TOKEN_BAD;
}

enum json_token json_next_member(struct json_scanner *s, bool first, struct slice *ret_raw_name) {
    struct slice raw;
    enum json_token token = json_next(s, ret_raw_name);

    if (token == JSON_TOKEN_OBJECT_END) {
        return token;
    }
    if (!first) {
        if (token != JSON_TOKEN_COMMA) {
            return expect(token, JSON_TOKEN_COMMA);
        }
        token = json_next(s, ret_raw_name);
    }
    if (token != JSON_TOKEN_STRING) {
        return expect(token, JSON_TOKEN_STRING);
    }
    token = expect(json_next(s, &raw), JSON_TOKEN_COLON);
    return token == JSON_TOKEN_COLON ? JSON_TOKEN_STRING : token;
}

enum json_token json_next_element(struct json_scanner *s, bool first, struct slice *ret_raw) {
    enum json_token token = json_next(s, ret_raw);

    if (token == JSON_TOKEN_ARRAY_END || first) {
        return token;
    }
    if (token != JSON_TOKEN_COMMA) {
        return expect(token, JSON_TOKEN_COMMA);
    }
    token = json_next(s, ret_raw);
    return token == JSON_TOKEN_ARRAY_END ? JSON_TOKEN_BAD : token;
}

static bool skip_object(struct json_scanner *s, unsigned depth) {
    enum json_token token;
    struct slice raw;

    for (bool first = true; (token = json_next_member(s, first, &raw)) == JSON_TOKEN_STRING; first = false) {
        if (!json_skip(s, json_next(s, &raw), depth)) {
            return false;
        }
    }
    return token == JSON_TOKEN_OBJECT_END;
}

static bool skip_array(struct json_scanner *s, unsigned depth) {
    enum json_token token;
    struct slice raw;

    for (bool first = true; (token = json_next_element(s, first, &raw)) != JSON_TOKEN_ARRAY_END; first = false) {
        if (!json_skip(s, token, depth)) {
            return false;
        }
    }
    return true;
}

bool json_skip(struct json_scanner *s, enum json_token token, unsigned depth) {
    if (token == JSON_TOKEN_OBJECT) {
        return depth > 0 && skip_object(s, depth - 1);
    }
    if (token == JSON_TOKEN_ARRAY) {
        return depth > 0 && skip_array(s, depth - 1);
    }
    return json_begins_value(token);
}

/* As UTF-8 (RFC 3629); returns its bytes. */
static size_t put_character(int32_t c, char *out) {
    uint32_t bits = (uint32_t)c;
    size_t size = bits < 0x80 ? 1 : bits < 0x800 ? 2 : bits < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = size; i-- > 1; bits >>= 6) {
        out[i] = (char)(0x80 | (bits & 0x3f));
    }
    out[0] = (char)(lead[size] | bits);
    return size;
}

size_t json_unescape(struct slice raw, char *out) {
    size_t written = 0;

    for (size_t i = 0; i < raw.size;) {
        size_t size = 1;

        if (raw.data[i] != '\\') {
            out[written++] = raw.data[i];
        } else {
            int32_t character = escaped_character(slice_skip(raw, i), &size);

            assert(character >= 0);
            written += put_character(character, out + written);
        }
        i += size;
    }
    return written;
}
