/* SPDX-License-Identifier: Apache-2.0 */
#include "base/slice.h"

static bool is_plain(unsigned char c) {
    return c >= 0x21 && c <= 0x7e && c != '\\' && c != '"';
}

const char *slice_escape(struct slice s, char ret_text[SLICE_ESCAPED_MAX]) {
    static const char digits[] = "0123456789abcdef";
    static const char ellipsis[] = "...";
    const size_t room = SLICE_ESCAPED_MAX - sizeof(ellipsis);
    size_t out = 0;

    for (size_t i = 0; i < s.size; i++) {
        unsigned char c = (unsigned char)s.data[i];
        size_t need = is_plain(c) ? 1 : 4;

        if (out + need > room) {
            memcpy(ret_text + out, ellipsis, sizeof(ellipsis));
            return ret_text;
        }
        if (need == 1) {
            ret_text[out++] = (char)c;
        } else {
            ret_text[out++] = '\\';
            ret_text[out++] = 'x';
            ret_text[out++] = digits[c >> 4];
            ret_text[out++] = digits[c & 15];
        }
    }
    ret_text[out] = '\0';
    return ret_text;
}
