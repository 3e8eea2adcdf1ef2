/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_HTTP_CHARS_H
#define LARDER_PROTO_HTTP_CHARS_H

#include <stdint.h>

#include "base/slice.h"

/* Which bytes may stand where in HTTP/1.1. */
enum http_chars {
    HTTP_CHARS_TOKEN = 1 << 0, /* tchar: RFC 9110, 5.6.2 */
    HTTP_CHARS_VALUE = 1 << 1, /* of a field: HTAB, SP, VCHAR and the bytes above 0x7f; RFC 9110, 5.5 */
    HTTP_CHARS_TARGET =
        1 << 2, /* of a request: VCHAR but '#', and the bytes above 0x7f, which some clients do not encode */
    HTTP_CHARS_HOST = 1 << 3, /* of a host with its port: RFC 3986, 3.2.2 */
    HTTP_CHARS_ETAG = 1 << 4, /* between the quotes of an entity tag: RFC 9110, 8.8.3 */
};

extern const uint8_t http_char_classes[256];

static inline bool http_char_is(char c, enum http_chars chars) {
    return (http_char_classes[(unsigned char)c] & chars) != 0;
}

/* How many bytes from the start of `s` on are of these. */
static inline size_t http_span(struct slice s, enum http_chars chars) {
    size_t size = 0;

    while (size < s.size && http_char_is(s.data[size], chars)) {
        size++;
    }
    return size;
}

static inline char http_lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Whether two words are the same but for the case of ASCII letters. */
static inline bool http_is_word(struct slice a, struct slice b) {
    if (a.size != b.size) {
        return false;
    }
    for (size_t i = 0; i < a.size; i++) {
        if (http_lower(a.data[i]) != http_lower(b.data[i])) {
            return false;
        }
    }
    return true;
}

/* Takes the next element off a comma-separated list (RFC 9110, 5.6.1), without the white space around it; empty ones
 * are left out. Not for lists whose elements have commas in quotes. False: there is none left. */
bool http_list_next(struct slice *list, struct slice *ret_element);

/* `s` without the spaces and tabs around it. */
struct slice http_trim(struct slice s);

#endif
