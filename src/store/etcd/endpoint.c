/* SPDX-License-Identifier: Apache-2.0 */
#include "store/etcd/endpoint.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_PORT ":2379"

static const struct {
    struct slice text;
    bool tls;
} schemes[] = {
    {SLICE("etcd"), false},
    {SLICE("etcds"), true},
    {SLICE("http"), false},
    {SLICE("https"), true},
};

static bool complain(struct buf *why, struct slice part, const char *reason) {
    char shown[SLICE_ESCAPED_MAX];

    buf_printf(why, "\"%s\" is no endpoint of etcd: %s", slice_escape(part, shown), reason);
    return false;
}

static bool scheme_find(struct slice text, bool *ret_tls) {
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (text.size == schemes[i].text.size && strncasecmp(text.data, schemes[i].text.data, text.size) == 0) {
            *ret_tls = schemes[i].tls;
            return true;
        }
    }
    return false;
}

static bool has(struct slice s, char c) {
    return s.size > 0 && memchr(s.data, c, s.size) != NULL;
}

/* The part before "://", which is taken off; empty if there is none. */
static struct slice take_scheme(struct slice *s) {
    static const struct slice mark = SLICE("://");
    const char *found = s->size == 0 ? NULL : memmem(s->data, s->size, mark.data, mark.size);
    struct slice scheme = {0};

    if (found != NULL) {
        scheme = slice_make(s->data, (size_t)(found - s->data));
        *s = slice_skip(*s, scheme.size + mark.size);
    }
    return scheme;
}

/* A text for people of what `s`, without its scheme, has too much; NULL: nothing. */
static const char *excess(struct slice s) {
    if (slice_has_prefix(s, SLICE("/")) || slice_has_prefix(s, SLICE("unix:"))) {
        return "etcd is reached by TCP alone, not by a Unix socket";
    }
    if (has(s, '/') || has(s, '?') || has(s, '#')) {
        return "it is to end with the port";
    }
    return NULL;
}

static size_t count_of(struct slice s, char c) {
    size_t count = 0;

    for (size_t i = 0; i < s.size; i++) {
        count += s.data[i] == c;
    }
    return count;
}

/* One spelling of each address, so that two of the same are seen to be. */
static void make_canonical(struct address *address) {
    struct in6_addr ip;

    if (address->kind == ADDRESS_IPV6 && inet_pton(AF_INET6, address->host, &ip) == 1) {
        inet_ntop(AF_INET6, &ip, address->host, sizeof(address->host));
    }
}

static bool parse_address(struct slice part, struct slice s, struct address *ret_address, struct buf *why) {
    char text[ADDRESS_TEXT_MAX + sizeof(DEFAULT_PORT)];
    bool bracketed = slice_has_prefix(s, SLICE("["));
    bool has_port = bracketed ? s.data[s.size - 1] != ']' : has(s, ':');
    const char *reason = NULL;
    size_t size = s.size;

    if (s.size == 0) {
        return complain(why, part, "the host is missing");
    }
    if (s.size > ADDRESS_TEXT_MAX) {
        return complain(why, part, "it is too long");
    }
    if (!bracketed && count_of(s, ':') > 1) {
        return complain(why, part, "an IPv6 address is written in brackets: [::1]" DEFAULT_PORT);
    }
    memcpy(text, s.data, s.size);
    if (!has_port) {
        memcpy(text + s.size, DEFAULT_PORT, sizeof(DEFAULT_PORT));
        size += sizeof(DEFAULT_PORT) - 1;
    }
    if (!address_parse(slice_make(text, size), ret_address, &reason)) {
        return complain(why, part, reason);
    }
    if (ret_address->port == 0) {
        return complain(why, part, "nobody listens at port 0");
    }
    make_canonical(ret_address);
    return true;
}

/* `part` without spaces. `tls` is what the list began with, and is set by its first part. */
static bool parse_part(struct slice part, bool is_first, bool *tls, struct etcd_endpoint *ret_endpoint,
                       struct buf *why) {
    struct slice s = part;
    struct slice scheme = take_scheme(&s);
    bool part_tls = *tls;
    const char *reason;

    if (scheme.data != NULL && !scheme_find(scheme, &part_tls)) {
        return complain(why, part, "it begins with another scheme than etcd://, etcds://, http:// or https://");
    }
    if (s.size > 1 && s.data[s.size - 1] == '/') {
        s.size--; /* as URLs may end */
    }
    reason = excess(s);
    if (reason != NULL) {
        return complain(why, part, reason);
    }
    ret_endpoint->tls = part_tls;
    *tls = is_first ? part_tls : *tls;
    return parse_address(part, s, &ret_endpoint->address, why);
}

static bool is_among(const struct etcd_endpoint *endpoints, size_t count, const struct etcd_endpoint *one) {
    for (size_t i = 0; i < count; i++) {
        if (etcd_endpoint_equal(&endpoints[i], one)) {
            return true;
        }
    }
    return false;
}

/* Up to the next comma, which is taken off with it. */
static struct slice take_part(struct slice *left) {
    const char *comma = memchr(left->data, ',', left->size);
    size_t size = comma == NULL ? left->size : (size_t)(comma - left->data);
    struct slice part = slice_make(left->data, size);

    *left = slice_skip(*left, comma == NULL ? size : size + 1);
    return slice_trim(part);
}

bool etcd_endpoints_parse(struct slice text, struct etcd_endpoint *ret_endpoints, size_t max, size_t *ret_count,
                          struct buf *why) {
    struct slice left = slice_trim(text);
    bool tls = false;
    size_t count = 0;

    if (left.size == 0) {
        buf_printf(why, "there is no endpoint of etcd");
        return false;
    }
    if (has(left, '@')) { /* none of it is shown: it may be a password, with commas in it */
        buf_printf(why, "endpoints of etcd have no user and password in them, where lists of processes show them: the "
                        "option --store-user (larderd) or --user (larder) says them");
        return false;
    }
    for (bool is_first = true; left.size > 0; is_first = false) {
        struct slice part = take_part(&left);
        struct etcd_endpoint one = {.tls = false};

        if (part.size == 0) {
            buf_printf(why, "an endpoint of etcd is missing before a comma");
            return false;
        }
        if (!parse_part(part, is_first, &tls, &one, why)) {
            return false;
        }
        if (is_among(ret_endpoints, count, &one)) {
            continue;
        }
        if (count == max) {
            buf_printf(why, "there are more than %zu endpoints of etcd", max);
            return false;
        }
        ret_endpoints[count++] = one;
    }
    *ret_count = count;
    return true;
}

bool etcd_endpoint_equal(const struct etcd_endpoint *a, const struct etcd_endpoint *b) {
    return a->tls == b->tls && a->address.kind == b->address.kind && a->address.port == b->address.port &&
           strcasecmp(a->address.host, b->address.host) == 0;
}

const char *etcd_endpoint_format(const struct etcd_endpoint *endpoint, char ret_text[ETCD_ENDPOINT_TEXT_MAX]) {
    char address[ADDRESS_TEXT_MAX];

    snprintf(ret_text, ETCD_ENDPOINT_TEXT_MAX, "%s://%s", endpoint->tls ? "https" : "http",
             address_format(&endpoint->address, address));
    return ret_text;
}
