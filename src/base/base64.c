/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

enum { NO_DIGIT = 64 };

static unsigned digit_of(char c) {
    if (c >= 'A' && c <= 'Z') {
        return (unsigned)(c - 'A');
    }
    if (c >= 'a' && c <= 'z') {
        return (unsigned)(c - 'a') + 26;
    }
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0') + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : NO_DIGIT;
}

bool base64_decode(struct slice text, char *out, size_t *ret_size) {
    size_t padding = 0;
    size_t size = 0;

    if (text.size == 0 || text.size % 4 != 0) {
        return false;
    }
    while (padding < 2 && text.data[text.size - 1 - padding] == '=') {
        padding++;
    }
    for (size_t group = 0; group < text.size; group += 4) {
        bool last = group + 4 == text.size;
        size_t bytes = last ? 3 - padding : 3;
        uint32_t bits = 0;

        for (size_t i = 0; i < 4; i++) {
            unsigned digit = digit_of(text.data[group + i]);

            if (digit == NO_DIGIT) {
                if (!last || i < 4 - padding) {
                    return false;
                }
                digit = 0;
            }
            bits = bits << 6 | digit;
        }
        for (size_t i = 0; i < bytes; i++) {
            out[size++] = (char)(bits >> (16 - 8 * i));
        }
    }
    *ret_size = size;
    return true;
}

static unsigned digit_of_any(char c) {
    return c == '-' ? 62 : c == '_' ? 63 : digit_of(c);
}

bool base64_decode_any(struct slice text, char *out, size_t *ret_size) {
    size_t digits = 0;
    size_t padding = 0;
    size_t size = 0;
    uint32_t bits = 0;

    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = digit_of_any(text.data[i]);

        if (text.data[i] == '\r' || text.data[i] == '\n') {
            continue;
        }
        if (text.data[i] == '=') {
            padding++;
            continue;
        }
        if (digit == NO_DIGIT || padding > 0) {
            return false;
        }
        bits = bits << 6 | digit;
        digits++;
        if (digits % 4 != 1) { /* each digit of a group but the first completes a byte */
            out[size++] = (char)(bits >> (6 - 2 * ((digits - 1) % 4)));
        }
    }
    if (digits % 4 == 1 || (padding > 0 && (padding > 2 || (digits + padding) % 4 != 0))) {
        return false;
    }
    *ret_size = size;
    return true;
}

void base64_encode(struct slice s, char *out) {
    for (size_t at = 0; at < s.size; at += 3) {
        size_t bytes = s.size - at < 3 ? s.size - at : 3;
        uint32_t bits = 0;

        for (size_t i = 0; i < 3; i++) {
            bits = bits << 8 | (i < bytes ? (unsigned char)s.data[at + i] : 0);
        }
        for (size_t i = 0; i < 4; i++) {
            *out++ = i <= bytes ? alphabet[bits >> (18 - 6 * i) & 63] : '=';
        }
    }
}
