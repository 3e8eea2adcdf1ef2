/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/chars.h"

enum {
    TOKEN = HTTP_CHARS_TOKEN,
    VALUE = HTTP_CHARS_VALUE,
    TARGET = HTTP_CHARS_TARGET,
    HOST = HTTP_CHARS_HOST,
    ETAG = HTTP_CHARS_ETAG,
    PRINTED = VALUE | TARGET | ETAG, /* any VCHAR */
};

const uint8_t http_char_classes[256] = {
    ['\t'] = VALUE,
    [' '] = VALUE,
    ['!'] = PRINTED | TOKEN | HOST,
    ['"'] = VALUE | TARGET,
    ['#'] = VALUE | ETAG | TOKEN,
    ['$'] = PRINTED | TOKEN | HOST,
    ['%'] = PRINTED | TOKEN | HOST,
    ['&'] = PRINTED | TOKEN | HOST,
    ['\''] = PRINTED | TOKEN | HOST,
    ['('] = PRINTED | HOST,
    [')'] = PRINTED | HOST,
    ['*'] = PRINTED | TOKEN | HOST,
    ['+'] = PRINTED | TOKEN | HOST,
    [','] = PRINTED,
    ['-'] = PRINTED | TOKEN | HOST,
    ['.'] = PRINTED | TOKEN | HOST,
    ['/'] = PRINTED,
    ['0' ... '9'] = PRINTED | TOKEN | HOST,
    [':'] = PRINTED | HOST,
    [';'] = PRINTED | HOST,
    ['<'] = PRINTED,
    ['='] = PRINTED | HOST,
    ['>'] = PRINTED,
    ['?'] = PRINTED,
    ['@'] = PRINTED,
    ['A' ... 'Z'] = PRINTED | TOKEN | HOST,
    ['['] = PRINTED | HOST,
    ['\\'] = PRINTED,
    [']'] = PRINTED | HOST,
    ['^'] = PRINTED | TOKEN,
    ['_'] = PRINTED | TOKEN | HOST,
    ['`'] = PRINTED | TOKEN,
    ['a' ... 'z'] = PRINTED | TOKEN | HOST,
    ['{'] = PRINTED,
    ['|'] = PRINTED | TOKEN,
    ['}'] = PRINTED,
    ['~'] = PRINTED | TOKEN | HOST,
    [0x80 ... 0xff] = PRINTED,
};

static bool is_space(char c) {
    return c == ' ' || c == '\t';
}

struct slice http_trim(struct slice s) {
    while (s.size > 0 && is_space(s.data[0])) {
        s = slice_skip(s, 1);
    }
    while (s.size > 0 && is_space(s.data[s.size - 1])) {
        s.size--;
    }
    return s;
}

bool http_list_next(struct slice *list, struct slice *ret_element) {
    while (list->size > 0) {
        const char *comma = memchr(list->data, ',', list->size);
        size_t size = comma != NULL ? (size_t)(comma - list->data) : list->size;
        struct slice element = http_trim(slice_make(list->data, size));

        *list = slice_skip(*list, comma != NULL ? size + 1 : size);
        if (element.size > 0) {
            *ret_element = element;
            return true;
        }
    }
    return false;
}
