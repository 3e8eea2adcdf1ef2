/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/groupcache/path.h"

#include "proto/http/target.h"

bool groupcache_path_read(struct slice path, char *place, struct slice *ret_group, struct slice *ret_key) {
    static const struct slice base = {GROUPCACHE_BASE_PATH, sizeof(GROUPCACHE_BASE_PATH) - 1};
    struct slice rest, group, key;
    const char *slash;

    if (!slice_has_prefix(path, base)) {
        return false;
    }
    rest = slice_skip(path, base.size);
    slash = rest.size > 0 ? memchr(rest.data, '/', rest.size) : NULL;
    if (slash == NULL) {
        return false;
    }
    group = slice_make(rest.data, (size_t)(slash - rest.data));
    key = slice_skip(rest, group.size + 1);
    if (!http_percent_decode(group, ' ', place, &group) || !http_percent_decode(key, ' ', place + group.size, &key)) {
        return false;
    }
    *ret_group = group;
    *ret_key = key;
    return true;
}

/* What RFC 3986, 2.3 calls unreserved: it never needs an escape, anywhere. */
static bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == '~';
}

static size_t escaped_size(struct slice s) {
    size_t size = s.size;

    for (size_t i = 0; i < s.size; i++) {
        size += is_unreserved(s.data[i]) ? 0 : 2;
    }
    return size;
}

/* There is room. */
static void append_escaped(struct slice s, struct buf *out) {
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < s.size; i++) {
        unsigned char byte = (unsigned char)s.data[i];

        if (is_unreserved(s.data[i])) {
            out->data[out->size++] = s.data[i];
        } else {
            out->data[out->size++] = '%';
            out->data[out->size++] = digits[byte >> 4];
            out->data[out->size++] = digits[byte & 0xf];
        }
    }
}

enum larder_error groupcache_path_write(struct slice group, struct slice key, struct buf *out) {
    enum larder_error error;

    if (group.size == 0 || memchr(group.data, '/', group.size) != NULL) {
        return LARDER_ERROR_INVALID;
    }
    error = buf_reserve(out, sizeof(GROUPCACHE_BASE_PATH) - 1 + escaped_size(group) + 1 + escaped_size(key));
    if (error != LARDER_OK) {
        return error;
    }
    buf_append_slice(out, SLICE(GROUPCACHE_BASE_PATH));
    append_escaped(group, out);
    buf_append_slice(out, SLICE("/"));
    append_escaped(key, out);
    return LARDER_OK;
}
