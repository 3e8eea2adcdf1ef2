/* SPDX-License-Identifier: Apache-2.0 */
/* tracestate: section 3.3 of W3C Trace Context. */
#include "trace/context.h"

enum { KEY_MAX = 256, TENANT_MAX = 241, SYSTEM_MAX = 14, VALUE_MAX = 256 };

static bool is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_key_char(char c) {
    return is_lower(c) || is_digit(c) || c == '_' || c == '-' || c == '*' || c == '/';
}

static bool is_key_part(struct slice part, size_t max, bool digit_may_begin) {
    if (part.size == 0 || part.size > max ||
        (!is_lower(part.data[0]) && !(digit_may_begin && is_digit(part.data[0])))) {
        return false;
    }
    for (size_t i = 1; i < part.size; i++) {
        if (!is_key_char(part.data[i])) {
            return false;
        }
    }
    return true;
}

/* "vendor", or "tenant@vendor". */
static bool is_key(struct slice key) {
    const char *at = key.size == 0 ? NULL : memchr(key.data, '@', key.size);
    size_t tenant;

    if (at == NULL) {
        return is_key_part(key, KEY_MAX, false);
    }
    tenant = (size_t)(at - key.data);
    return is_key_part(slice_make(key.data, tenant), TENANT_MAX, true) &&
           is_key_part(slice_skip(key, tenant + 1), SYSTEM_MAX, false);
}

static bool is_value(struct slice value) {
    if (value.size == 0 || value.size > VALUE_MAX || value.data[value.size - 1] == ' ') {
        return false;
    }
    for (size_t i = 0; i < value.size; i++) {
        char c = value.data[i];

        if (c < 0x20 || c > 0x7e || c == ',' || c == '=') {
            return false;
        }
    }
    return true;
}

/* The key of "key=value", or false. */
static bool read_member(struct slice member, struct slice *ret_key) {
    const char *equals = memchr(member.data, '=', member.size);
    size_t size = equals == NULL ? 0 : (size_t)(equals - member.data);
    struct slice key = slice_make(member.data, size);

    if (equals == NULL || !is_key(key) || !is_value(slice_skip(member, size + 1))) {
        return false;
    }
    *ret_key = key;
    return true;
}

static bool is_among(struct slice key, const struct slice *keys, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(key, keys[i])) {
            return true;
        }
    }
    return false;
}

struct slice trace_state_accept(struct slice text) {
    struct slice keys[TRACE_STATE_MEMBERS_MAX], rest = text;
    size_t count = 0, fits = 0;

    while (rest.size > 0) {
        const char *comma = memchr(rest.data, ',', rest.size);
        size_t size = comma == NULL ? rest.size : (size_t)(comma - rest.data);
        struct slice member = slice_trim(slice_make(rest.data, size));

        /* Empty members are allowed, and mean nothing. */
        if (member.size > 0) {
            if (count == TRACE_STATE_MEMBERS_MAX || !read_member(member, &keys[count]) ||
                is_among(keys[count], keys, count)) {
                return SLICE("");
            }
            count++;
            if ((size_t)(rest.data + size - text.data) <= TRACE_STATE_MAX) {
                fits = (size_t)(rest.data + size - text.data);
            }
        }
        rest = slice_skip(rest, comma == NULL ? size : size + 1);
    }
    return slice_trim(slice_make(text.data, fits));
}
