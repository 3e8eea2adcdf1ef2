/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/target.h"

#include "proto/http/chars.h"

bool http_target_split(struct slice target, struct http_target *ret_target) {
    static const struct slice scheme = {"http://", sizeof("http://") - 1};
    const char *question = target.size > 0 ? memchr(target.data, '?', target.size) : NULL;
    struct http_target t = {.path = target};

    if (question != NULL) {
        t.path.size = (size_t)(question - target.data);
        t.query = slice_skip(target, t.path.size + 1);
    }
    if (t.path.size > scheme.size && http_is_word(slice_make(t.path.data, scheme.size), scheme)) {
        struct slice rest = slice_skip(t.path, scheme.size);
        size_t authority = http_span(rest, HTTP_CHARS_HOST);

        t.authority = slice_make(rest.data, authority);
        t.path = slice_skip(rest, authority);
        if (authority == 0 || (t.path.size > 0 && t.path.data[0] != '/')) {
            return false;
        }
    } else if ((t.path.size == 0 || t.path.data[0] != '/') && !slice_equal(target, SLICE("*"))) {
        return false;
    }
    *ret_target = t;
    return true;
}

static int digit_of(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool http_percent_decode(struct slice s, char plus, char *place, struct slice *ret_bytes) {
    size_t size = 0;

    for (size_t i = 0; i < s.size; i++) {
        char c = s.data[i] == '+' ? plus : s.data[i];

        if (c == '%') {
            int high = i + 2 < s.size ? digit_of(s.data[i + 1]) : -1;
            int low = i + 2 < s.size ? digit_of(s.data[i + 2]) : -1;

            if (high < 0 || low < 0) {
                return false;
            }
            c = (char)(high << 4 | low);
            i += 2;
        }
        place[size++] = c;
    }
    *ret_bytes = slice_make(place, size);
    return true;
}

bool http_target_decode(struct slice path, char *place, struct slice *ret_bytes) {
    struct slice rest = path.size > 0 && path.data[0] == '/' ? slice_skip(path, 1) : path;

    if (rest.size == 0 || memchr(rest.data, '%', rest.size) == NULL) {
        *ret_bytes = rest;
        return true;
    }
    return http_percent_decode(rest, '+', place, ret_bytes);
}

/* Takes the text before the next '&'. */
static struct slice take_parameter(struct slice *rest) {
    const char *end = memchr(rest->data, '&', rest->size);
    size_t size = end != NULL ? (size_t)(end - rest->data) : rest->size;
    struct slice parameter = slice_make(rest->data, size);

    *rest = slice_skip(*rest, end != NULL ? size + 1 : size);
    return parameter;
}

enum http_query_step http_query_next(struct http_query *query, struct slice *ret_name, struct slice *ret_value) {
    struct slice raw = {NULL, 0};
    struct slice value = {NULL, 0};
    const char *equals;

    while (raw.size == 0) {
        if (query->rest.size == 0) {
            return HTTP_QUERY_END;
        }
        raw = take_parameter(&query->rest);
    }
    equals = memchr(raw.data, '=', raw.size);
    if (equals != NULL) {
        value = slice_skip(raw, (size_t)(equals - raw.data) + 1);
        raw.size = (size_t)(equals - raw.data);
        if (!http_percent_decode(value, ' ', query->place, &value)) {
            return HTTP_QUERY_BAD;
        }
        query->place += value.size;
    }
    if (!http_percent_decode(raw, ' ', query->place, ret_name)) {
        return HTTP_QUERY_BAD;
    }
    query->place += ret_name->size;
    *ret_value = value;
    return HTTP_QUERY_PARAMETER;
}
