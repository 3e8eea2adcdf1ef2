/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BASE_JSON_SCAN_H
#define LARDER_BASE_JSON_SCAN_H

#include <stdbool.h>

#include "base/slice.h"

/* JSON text (RFC 8259), token by token, without memory: for readers that know what they look for, and need every digit of
 * a 64 bit number. */

enum json_token {
    JSON_TOKEN_BAD, /* no JSON */
    JSON_TOKEN_END, /* the text ends here, or in the middle of a token */
    JSON_TOKEN_OBJECT,
    JSON_TOKEN_OBJECT_END,
    JSON_TOKEN_ARRAY,
    JSON_TOKEN_ARRAY_END,
    JSON_TOKEN_COMMA,
    JSON_TOKEN_COLON,
    JSON_TOKEN_STRING,
    JSON_TOKEN_NUMBER,
    JSON_TOKEN_TRUE,
    JSON_TOKEN_FALSE,
    JSON_TOKEN_NULL,
};

/* Where the scanner stands: `at` moves behind each token, and to the front of what is none or not all there. Borrows the
 * text. */
struct json_scanner {
    const char *at;
    const char *end;
};

static inline struct json_scanner json_scan(struct slice text) {
    return (struct json_scanner){.at = text.data, .end = text.data + text.size};
}

/* The next token. `ret_raw`, a part of the text, is a number's digits, or what stands between a string's quotes, escapes
 * and all: it is valid UTF-8 and its escapes are valid, no half of a surrogate pair among them. Untouched for others. */
enum json_token json_next(struct json_scanner *s, struct slice *ret_raw);

/* Goes on in an object whose opening was read: STRING and the raw name, with the scanner before the member's value;
 * OBJECT_END; BAD; END. `first`: no member was read yet. */
enum json_token json_next_member(struct json_scanner *s, bool first, struct slice *ret_raw_name);

/* Goes on in an array whose opening was read: the first token of the next element, as json_next; ARRAY_END; BAD; END. */
enum json_token json_next_element(struct json_scanner *s, bool first, struct slice *ret_raw);

static inline bool json_begins_value(enum json_token token) {
    return token >= JSON_TOKEN_STRING || token == JSON_TOKEN_OBJECT || token == JSON_TOKEN_ARRAY;
}

/* Goes behind the value whose first token, `token`, was read. False: it is no JSON, ends too early, or is nested deeper
 * than `depth`. */
bool json_skip(struct json_scanner *s, enum json_token token, unsigned depth);

/* Writes the characters of a string's raw text to `out`, which has room for raw.size bytes; returns the bytes written. */
size_t json_unescape(struct slice raw, char *out);

#endif
