/* SPDX-License-Identifier: Apache-2.0 */
#include <strings.h>

#include "ring/groupcache_pool.h"

static bool is_printable(struct slice s) {
    for (size_t i = 0; i < s.size; i++) {
        if (s.data[i] <= ' ' || s.data[i] > '~') {
            return false;
        }
    }
    return true;
}

static size_t scheme_size(struct slice url) {
    static const struct slice schemes[] = {SLICE("http://"), SLICE("https://")};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (url.size >= schemes[i].size && strncasecmp(url.data, schemes[i].data, schemes[i].size) == 0) {
            return schemes[i].size;
        }
    }
    return 0;
}

static bool has(struct slice s, char c) {
    return s.size > 0 && memchr(s.data, c, s.size) != NULL;
}

static const char *rest_problem(struct slice rest) {
    const char *slash = rest.size > 0 ? memchr(rest.data, '/', rest.size) : NULL;
    struct slice host = slash != NULL ? slice_make(rest.data, (size_t)(slash - rest.data)) : rest;

    if (has(rest, '?') || has(rest, '#')) {
        return "has a '?' or a '#', behind which no path can stand";
    }
    if (has(host, '@')) {
        return "has a user in front of its host";
    }
    if (host.size == 0 || host.data[0] == ':') {
        return "has no host";
    }
    return rest.data[rest.size - 1] == '/' ? "ends in '/', below which no peer answers" : NULL;
}

const char *groupcache_peer_problem(struct slice url) {
    size_t scheme;

    if (url.size == 0) {
        return "is empty";
    }
    if (url.size > GROUPCACHE_PEER_URL_MAX) {
        return "is longer than 512 bytes";
    }
    if (!is_printable(url)) {
        return "has a byte that is not printable ASCII, or a space";
    }
    scheme = scheme_size(url);
    return scheme == 0 ? "does not begin with http:// or https://" : rest_problem(slice_skip(url, scheme));
}
