/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/durable.h"

#include <stdio.h>
#include <string.h>

#include "cli/human.h"

void durable_split(const char *word, struct slice *ret_group, struct slice *ret_rest) {
    const char *slash = strchr(word, '/');

    *ret_group = slash == NULL ? slice_from_string(word) : slice_make(word, (size_t)(slash - word));
    *ret_rest = slash == NULL ? slice_make("", 0) : slice_from_string(slash + 1);
}

void durable_target(struct target *target, struct slice group) {
    target_begin(target, group);
    target_append_slash(target);
}

/* Bytes of the first DURABLE_PREVIEW_MAX characters of the first line. */
static size_t preview_size(struct slice value) {
    size_t characters = 0;
    size_t size = 0;

    while (size < value.size && value.data[size] != '\n') {
        characters += ((unsigned char)value.data[size] & 0xc0) != 0x80;
        if (characters > DURABLE_PREVIEW_MAX) {
            break;
        }
        size++;
    }
    return size;
}

void durable_print_value(const struct terminal *t, struct slice value) {
    char text[HUMAN_TEXT_MAX];
    size_t size;

    if (!human_readable(value)) {
        printf("%s(%s that are not text)%s", t->dim, human_bytes(value.size, text), t->plain);
        return;
    }
    size = preview_size(value);
    fwrite(value.data, 1, size, stdout);
    if (size < value.size && !(size + 1 == value.size && value.data[size] == '\n')) {
        printf("%s... (%s)%s", t->dim, human_bytes(value.size, text), t->plain);
    }
}
