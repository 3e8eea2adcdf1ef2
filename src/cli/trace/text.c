/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/trace/text.h"

#include <string.h>

#include "cli/human.h"

static bool begins_character(char c) {
    return ((unsigned char)c & 0xc0) != 0x80;
}

size_t text_columns(const char *text) {
    size_t columns = 0;

    for (; *text != '\0'; text++) {
        columns += begins_character(*text);
    }
    return columns;
}

/* Bytes of so many characters, that fit `room` too. */
static size_t fitting(const char *text, size_t columns, size_t room) {
    size_t size = 0, seen = 0;

    for (size_t i = 0; text[i] != '\0'; i++) {
        if (begins_character(text[i])) {
            size = i;
            if (++seen > columns || i >= room) {
                return size;
            }
        }
    }
    size = strlen(text);
    return size <= room ? size : 0;
}

const char *text_shown(const char *text, size_t columns, char ret_text[TEXT_SHOWN_MAX]) {
    char escaped[SLICE_ESCAPED_MAX];
    size_t size;

    if (strpbrk(text, "\n\t") != NULL || !human_readable(slice_from_string(text))) {
        text = slice_escape(slice_from_string(text), escaped);
    }
    size = fitting(text, columns, TEXT_SHOWN_MAX - 1);
    memcpy(ret_text, text, size);
    ret_text[size] = '\0';
    return ret_text;
}
