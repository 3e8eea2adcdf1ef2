/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <stdint.h>

enum { WORD = sizeof(uint64_t) };

/* Skips plain ASCII, a word at a time. */
static size_t skip_ascii(struct slice s, size_t at) {
    uint64_t word;

    while (s.size - at >= WORD) {
        memcpy(&word, s.data + at, WORD);
        if ((word & UINT64_C(0x8080808080808080)) != 0) {
            break;
        }
        at += WORD;
    }
    while (at < s.size && (unsigned char)s.data[at] < 0x80) {
        at++;
    }
    return at;
}

static bool is_within(unsigned char c, unsigned low, unsigned high) {
    return c >= low && c <= high;
}

/* Bytes of the character that begins at `c`, of which `left` are there; 0: it is none. RFC 3629, section 4: only the
 * second byte's range depends on the first. */
static size_t character_size(const unsigned char *c, size_t left) {
    unsigned low = c[0] == 0xe0 ? 0xa0 : c[0] == 0xf0 ? 0x90 : 0x80;
    unsigned high = c[0] == 0xed ? 0x9f : c[0] == 0xf4 ? 0x8f : 0xbf;
    size_t size = is_within(c[0], 0xc2, 0xdf)   ? 2
                  : is_within(c[0], 0xe0, 0xef) ? 3
                  : is_within(c[0], 0xf0, 0xf4) ? 4
                                                : 0;

    if (size == 0 || size > left || !is_within(c[1], low, high)) {
        return 0;
    }
    for (size_t i = 2; i < size; i++) {
        if (!is_within(c[i], 0x80, 0xbf)) {
            return 0;
        }
    }
    return size;
}

bool utf8_is_valid(struct slice s) {
    size_t at = skip_ascii(s, 0);

    while (at < s.size) {
        size_t size = character_size((const unsigned char *)s.data + at, s.size - at);

        if (size == 0) {
            return false;
        }
        at = skip_ascii(s, at + size);
    }
    return true;
}
