/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/host.h"

#include <arpa/inet.h>

#include "proto/http/chars.h"

/* Cuts ":port" off. False: what follows the host is no port. */
static bool cut_port(struct slice *host) {
    struct slice rest = *host;
    size_t size = rest.size;

    if (rest.size > 0 && rest.data[0] == '[') {
        const char *end = memchr(rest.data, ']', rest.size);

        if (end == NULL) {
            return false;
        }
        size = (size_t)(end - rest.data) + 1;
    } else if (rest.size > 0) {
        const char *colon = memchr(rest.data, ':', rest.size);

        size = colon != NULL ? (size_t)(colon - rest.data) : rest.size;
    }
    host->size = size;
    rest = slice_skip(rest, size);
    if (rest.size > 0 && rest.data[0] != ':') {
        return false;
    }
    for (size_t i = 1; i < rest.size; i++) {
        if (rest.data[i] < '0' || rest.data[i] > '9') {
            return false;
        }
    }
    return true;
}

static bool is_address(struct slice host) {
    bool bracketed = host.size > 2 && host.data[0] == '[';
    struct slice plain = bracketed ? slice_make(host.data + 1, host.size - 2) : host;
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address; /* large enough for both */

    if (plain.size >= sizeof(text)) {
        return false;
    }
    memcpy(text, plain.data, plain.size);
    text[plain.size] = '\0';
    return inet_pton(bracketed ? AF_INET6 : AF_INET, text, &address) == 1;
}

bool http_host_is_allowed(struct slice host, struct slice names) {
    struct slice name;
    bool good = cut_port(&host) && host.size > 0;

    if (good && (is_address(host) || http_is_word(host, SLICE("localhost")))) {
        return true;
    }
    while (http_list_next(&names, &name)) {
        if (slice_equal(name, SLICE("*")) || (good && http_is_word(host, name))) {
            return true;
        }
    }
    return false;
}
