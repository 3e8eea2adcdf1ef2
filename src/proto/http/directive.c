/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/directive.h"

#include "proto/http/chars.h"

/* Adds a digit to a number of seconds. False: it is none. */
static bool add_digit(int64_t *seconds, char digit) {
    if (digit < '0' || digit > '9') {
        return false;
    }
    *seconds = 10 * *seconds + (digit - '0');
    *seconds = *seconds < HTTP_SECONDS_MAX ? *seconds : HTTP_SECONDS_MAX;
    return true;
}

bool http_seconds_read(struct slice text, int64_t *ret_seconds) {
    int64_t seconds = 0;

    for (size_t i = 0; i < text.size; i++) {
        if (!add_digit(&seconds, text.data[i])) {
            return false;
        }
    }
    if (text.size > 0) {
        *ret_seconds = seconds;
    }
    return text.size > 0;
}

bool http_directive_seconds(const struct http_directive *directive, int64_t *ret_seconds) {
    struct slice text = directive->argument;
    int64_t seconds = 0;

    if (!directive->has_argument || directive->malformed || text.size == 0) {
        return false;
    }
    while (text.size > 0) {
        /* A quoted pair is the character behind its backslash (RFC 9110, 5.6.4). */
        size_t skipped = directive->quoted && text.data[0] == '\\' && text.size > 1;

        if (!add_digit(&seconds, text.data[skipped])) {
            return false;
        }
        text = slice_skip(text, skipped + 1);
    }
    *ret_seconds = seconds;
    return true;
}

/* The bytes before the quote that ends a quoted string; `text` begins behind the one that begins it. False: none does. */
static bool quoted_size(struct slice text, size_t *ret_size) {
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"') {
            *ret_size = i;
            return true;
        }
        i += text.data[i] == '\\';
    }
    return false;
}

static void skip_space(struct slice *list) {
    while (list->size > 0 && (list->data[0] == ' ' || list->data[0] == '\t')) {
        *list = slice_skip(*list, 1);
    }
}

/* Takes what stands behind "=". */
static void take_argument(struct slice *list, struct http_directive *d) {
    size_t size;

    d->has_argument = true;
    if (list->size > 0 && list->data[0] == '"' && quoted_size(slice_skip(*list, 1), &size)) {
        d->quoted = true;
        d->argument = slice_make(list->data + 1, size);
        *list = slice_skip(*list, size + 2);
        return;
    }
    size = http_span(*list, HTTP_CHARS_TOKEN);
    d->argument = slice_make(list->data, size);
    d->malformed = size == 0;
    *list = slice_skip(*list, size);
}

/* To behind the next comma. True: nothing but white space was before it. */
static bool skip_to_comma(struct slice *list) {
    const char *comma;
    bool clean;

    skip_space(list);
    clean = list->size == 0 || list->data[0] == ',';
    comma = list->size == 0 ? NULL : memchr(list->data, ',', list->size);
    *list = slice_skip(*list, comma == NULL ? list->size : (size_t)(comma - list->data) + 1);
    return clean;
}

bool http_directive_next(struct slice *list, struct http_directive *ret_directive) {
    while (list->size > 0) {
        struct http_directive d = {.has_argument = false};

        skip_space(list);
        d.name = slice_make(list->data, http_span(*list, HTTP_CHARS_TOKEN));
        *list = slice_skip(*list, d.name.size);
        if (list->size > 0 && list->data[0] == '=') {
            *list = slice_skip(*list, 1);
            take_argument(list, &d);
        }
        if (!skip_to_comma(list)) {
            d.malformed = true;
        }
        if (d.name.size > 0) {
            *ret_directive = d;
            return true;
        }
    }
    return false;
}
