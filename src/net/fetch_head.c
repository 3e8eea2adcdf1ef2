/* SPDX-License-Identifier: Apache-2.0 */
#include "net/fetch_head.h"

#include <strings.h>

#include "base/number.h"

enum { STATUS_SWITCHING = 101, STATUS_FINAL_MIN = 200 };

void fetch_lines_init(struct fetch_lines *lines) {
    *lines = (struct fetch_lines){.count = 0};
    buf_init(&lines->text, FETCH_ANSWER_HEAD_MAX);
}

void fetch_lines_fini(struct fetch_lines *lines) {
    buf_fini(&lines->text);
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_token(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool fetch_is_name(struct slice name) {
    for (size_t i = 0; i < name.size; i++) {
        if (!is_token(name.data[i])) {
            return false;
        }
    }
    return name.size > 0;
}

bool fetch_is_value(struct slice value) {
    for (size_t i = 0; i < value.size; i++) {
        unsigned char c = (unsigned char)value.data[i];

        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool is_space(char c) {
    return c == ' ' || c == '\t';
}

static struct slice trim(struct slice s) {
    while (s.size > 0 && is_space(s.data[0])) {
        s = slice_skip(s, 1);
    }
    while (s.size > 0 && is_space(s.data[s.size - 1])) {
        s.size--;
    }
    return s;
}

static bool is(struct slice a, struct slice word) {
    return a.size == word.size && strncasecmp(a.data, word.data, word.size) == 0;
}

/* A new head: the first, or the next behind an interim one. */
static enum larder_error begin(struct fetch_lines *lines, struct slice line) {
    static const struct slice version = SLICE("HTTP/1.");
    struct slice rest;

    if (!slice_has_prefix(line, version) || line.size < version.size + 5 || !fetch_is_value(line)) {
        return LARDER_ERROR_PROTOCOL;
    }
    rest = slice_skip(line, version.size); /* "1 200 OK"; what comes behind the number is for people */
    if ((rest.data[0] != '0' && rest.data[0] != '1') || rest.data[1] != ' ' || !is_digit(rest.data[2]) ||
        rest.data[2] == '0' || !is_digit(rest.data[3]) || !is_digit(rest.data[4]) ||
        (rest.size > 5 && rest.data[5] != ' ')) {
        return LARDER_ERROR_PROTOCOL;
    }
    lines->old = rest.data[0] == '0';
    lines->status =
        (unsigned)(rest.data[2] - '0') * 100 + (unsigned)(rest.data[3] - '0') * 10 + (unsigned)(rest.data[4] - '0');
    lines->begun = true;
    lines->chunked = false;
    lines->has_length = false;
    lines->length = 0;
    lines->count = 0;
    lines->text.size = 0;
    return LARDER_OK;
}

/* Whether the field leaves the end of the answer as clear as it was. Larger lengths than INT64_MAX are none to libcurl. */
static bool is_clear(struct fetch_lines *lines, struct slice name, struct slice value) {
    uint64_t length;

    if (is(name, SLICE("Content-Length"))) {
        if (!number_parse_u64(value, &length) || length > INT64_MAX || (lines->has_length && length != lines->length)) {
            return false;
        }
        lines->has_length = true;
        lines->length = length;
    } else if (is(name, SLICE("Transfer-Encoding"))) {
        if (!is(value, SLICE("chunked")) || lines->chunked || lines->old) {
            return false;
        }
        lines->chunked = true;
    }
    return !lines->chunked || !lines->has_length;
}

static enum larder_error add_field(struct fetch_lines *lines, struct slice line) {
    const char *colon = line.size == 0 ? NULL : memchr(line.data, ':', line.size);
    enum larder_error error;
    struct slice name, value;

    if (colon == NULL) {
        return LARDER_ERROR_PROTOCOL;
    }
    name = slice_make(line.data, (size_t)(colon - line.data));
    value = trim(slice_skip(line, name.size + 1));
    if (!fetch_is_name(name) || !fetch_is_value(value) || !is_clear(lines, name, value)) {
        return LARDER_ERROR_PROTOCOL;
    }
    if (lines->count == FETCH_ANSWER_FIELDS_MAX) {
        return LARDER_ERROR_LIMIT;
    }
    lines->spans[lines->count].name_at = (uint32_t)lines->text.size;
    lines->spans[lines->count].value_at = (uint32_t)(lines->text.size + name.size);
    lines->spans[lines->count].end = (uint32_t)(lines->text.size + name.size + value.size);
    error = buf_append_slice(&lines->text, name);
    if (error == LARDER_OK) {
        error = buf_append_slice(&lines->text, value);
    }
    lines->count += error == LARDER_OK;
    return error;
}

/* 101 answers a wish to speak something else, which nobody had. */
static enum larder_error end(struct fetch_lines *lines, bool *ret_whole) {
    if (lines->status == STATUS_SWITCHING) {
        return LARDER_ERROR_PROTOCOL;
    }
    *ret_whole = lines->status >= STATUS_FINAL_MIN;
    lines->begun = *ret_whole;
    return LARDER_OK;
}

static struct slice without_end(struct slice line) {
    if (line.size > 0 && line.data[line.size - 1] == '\n') {
        line.size--;
        line.size -= line.size > 0 && line.data[line.size - 1] == '\r';
    }
    return line;
}

enum larder_error fetch_lines_add(struct fetch_lines *lines, struct slice line, bool *ret_whole) {
    *ret_whole = false;
    if (line.size > FETCH_ANSWER_HEAD_MAX - lines->taken) {
        return LARDER_ERROR_LIMIT;
    }
    lines->taken += line.size;
    line = without_end(line);
    if (!lines->begun) {
        return begin(lines, line);
    }
    return line.size == 0 ? end(lines, ret_whole) : add_field(lines, line);
}

void fetch_lines_head(const struct fetch_lines *lines, struct fetch_field *fields, struct fetch_head *ret_head) {
    for (size_t i = 0; i < lines->count; i++) {
        const char *text = lines->text.data;
        uint32_t value_at = lines->spans[i].value_at;

        fields[i].name = slice_make(text + lines->spans[i].name_at, value_at - lines->spans[i].name_at);
        fields[i].value = slice_make(text + value_at, lines->spans[i].end - value_at);
    }
    *ret_head = (struct fetch_head){
        .status = lines->status,
        .fields = fields,
        .field_count = lines->count,
        .has_length = lines->has_length,
        .length = lines->length,
        .until_end = !lines->has_length && !lines->chunked,
    };
}
