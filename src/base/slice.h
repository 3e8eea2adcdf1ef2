/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BASE_SLICE_H
#define LARDER_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* A borrowed run of bytes. A slice owns nothing: whoever hands it out says how long the bytes stay valid. The bytes may
 * hold anything, NUL included, and are not terminated. `data` may be NULL only when `size` is 0. */
struct slice {
    const char *data;
    size_t size;
};

/* The slice of a string literal, without its NUL. */
#define SLICE(literal) ((struct slice){"" literal, sizeof(literal) - 1})

static inline struct slice slice_make(const char *data, size_t size) {
    return (struct slice){data, size};
}

static inline struct slice slice_from_string(const char *string) {
    return (struct slice){string, strlen(string)};
}

static inline bool slice_equal(struct slice a, struct slice b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Negative, 0 or positive, by the bytes as unsigned numbers; of two where one begins with the other, the shorter is less. */
static inline int slice_compare(struct slice a, struct slice b) {
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size == 0 ? 0 : memcmp(a.data, b.data, size);

    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static inline bool slice_has_prefix(struct slice s, struct slice prefix) {
    return s.size >= prefix.size && (prefix.size == 0 || memcmp(s.data, prefix.data, prefix.size) == 0);
}

/* The slice without its first `count` bytes; `count` is at most its size. */
static inline struct slice slice_skip(struct slice s, size_t count) {
    return (struct slice){s.data + count, s.size - count};
}

/* The slice without blanks and tabs at its ends. */
static inline struct slice slice_trim(struct slice s) {
    while (s.size > 0 && (s.data[0] == ' ' || s.data[0] == '\t')) {
        s = slice_skip(s, 1);
    }
    while (s.size > 0 && (s.data[s.size - 1] == ' ' || s.data[s.size - 1] == '\t')) {
        s.size--;
    }
    return s;
}

/* Longest text slice_escape writes, its NUL included. */
#define SLICE_ESCAPED_MAX 200

/* Writes `s` as printable ASCII into `ret_text` (at most SLICE_ESCAPED_MAX bytes, NUL-terminated): bytes outside
 * 0x21..0x7e, the backslash and the double quote become \xHH; what does not fit is cut and ends in "...". For logs and
 * messages, where a key must never break a line or a terminal. Returns ret_text. */
const char *slice_escape(struct slice s, char ret_text[SLICE_ESCAPED_MAX]);

#endif
