/* SPDX-License-Identifier: Apache-2.0 */
#include "net/fetch_url.h"

#include <strings.h>

#include "net/fetch_head.h"

static bool begins(struct slice s, struct slice word) {
    return s.size >= word.size && strncasecmp(s.data, word.data, word.size) == 0;
}

/* What could end a line of the request, or a word of it. Bytes above 0x7f go out as they are. */
static bool is_visible(struct slice s) {
    for (size_t i = 0; i < s.size; i++) {
        unsigned char c = (unsigned char)s.data[i];

        if (c <= ' ' || c == 0x7f) {
            return false;
        }
    }
    return true;
}

bool fetch_url_split(struct slice url, struct slice *ret_origin, struct slice *ret_target) {
    size_t start = begins(url, SLICE("http://")) ? SLICE("http://").size
                                                 : (begins(url, SLICE("https://")) ? SLICE("https://").size : 0);
    size_t end = start;

    while (end < url.size && url.data[end] != '/' && url.data[end] != '?' && url.data[end] != '#') {
        if (url.data[end] == '@') {
            return false;
        }
        end++;
    }
    if (start == 0 || end == start || !is_visible(url)) {
        return false;
    }
    *ret_origin = slice_make(url.data, end);
    *ret_target = slice_skip(url, end);
    return true;
}

bool fetch_field_is_allowed(const struct fetch_field *field) {
    static const struct slice ours[] = {
        SLICE("Host"),       SLICE("Connection"),       SLICE("Content-Length"), SLICE("Transfer-Encoding"),
        SLICE("TE"),         SLICE("Trailer"),          SLICE("Upgrade"),        SLICE("Expect"),
        SLICE("Keep-Alive"), SLICE("Proxy-Connection"),
    };

    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        if (field->name.size == ours[i].size && begins(field->name, ours[i])) {
            return false;
        }
    }
    return fetch_is_name(field->name) && fetch_is_value(field->value);
}
