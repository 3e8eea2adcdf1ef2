/* SPDX-License-Identifier: Apache-2.0 */
#include "net/address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/number.h"
#include "net/system_error.h"

enum { UNIX_PATH_MAX_BYTES = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1 };

static bool fail(const char *reason, const char **ret_reason) {
    *ret_reason = reason;
    return false;
}

static bool parse_unix(struct slice path, struct address *a, const char **ret_reason) {
    if (path.size == 0) {
        return fail("the path of the Unix socket is missing", ret_reason);
    }
    if (path.size > UNIX_PATH_MAX_BYTES) {
        return fail("the path of the Unix socket is longer than 107 bytes", ret_reason);
    }
    if (memchr(path.data, '\0', path.size) != NULL) {
        return fail("the path of the Unix socket holds a NUL byte", ret_reason);
    }
    a->kind = ADDRESS_UNIX;
    memcpy(a->host, path.data, path.size);
    return true;
}

static bool name_is_valid(struct slice name) {
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!letter && c != '-' && c != '.' && c != '_') {
            return false;
        }
    }
    return true;
}

/* Digits and dots alone are a misspelt IPv4 address, never a name: 1.2.3.400 must not go to a resolver. */
static bool looks_numeric(struct slice name) {
    for (size_t i = 0; i < name.size; i++) {
        if ((name.data[i] < '0' || name.data[i] > '9') && name.data[i] != '.') {
            return false;
        }
    }
    return true;
}

static bool parse_host(struct slice host, bool bracketed, struct address *a, const char **ret_reason) {
    struct in6_addr ip;

    if (host.size == 0) {
        return fail("the host is missing", ret_reason);
    }
    if (host.size >= ADDRESS_HOST_MAX) {
        return fail("the host is too long", ret_reason);
    }
    memcpy(a->host, host.data, host.size);
    if (bracketed) {
        a->kind = ADDRESS_IPV6;
        return inet_pton(AF_INET6, a->host, &ip) == 1 || fail("not an IPv6 address between the brackets", ret_reason);
    }
    if (inet_pton(AF_INET, a->host, &ip) == 1) {
        a->kind = ADDRESS_IPV4;
        return true;
    }
    if (memchr(host.data, ':', host.size) != NULL) {
        return fail("an IPv6 address is written in brackets: [::1]:11211", ret_reason);
    }
    if (looks_numeric(host)) {
        return fail("not an IPv4 address", ret_reason);
    }
    a->kind = ADDRESS_NAME;
    return name_is_valid(host) || fail("a host name has letters, digits, '-', '_' and '.'", ret_reason);
}

static bool parse_port(struct slice text, struct address *a, const char **ret_reason) {
    uint64_t port;

    if (text.size == 0) {
        return fail("the port is missing", ret_reason);
    }
    if (!number_parse_u64(text, &port) || port > UINT16_MAX) {
        return fail("the port is not a number from 0 to 65535", ret_reason);
    }
    a->port = (uint16_t)port;
    return true;
}

/* The position behind the last `c`, or 0. */
static size_t behind_last(struct slice text, char c) {
    size_t at = text.size;

    while (at > 0 && text.data[at - 1] != c) {
        at--;
    }
    return at;
}

static bool parse_bracketed(struct slice text, struct address *a, const char **ret_reason) {
    size_t end = behind_last(text, ']');

    if (end == 0) {
        return fail("the closing bracket is missing", ret_reason);
    }
    if (end == text.size || text.data[end] != ':') {
        return fail("the port is missing", ret_reason);
    }
    return parse_host(slice_make(text.data + 1, end - 2), true, a, ret_reason) &&
           parse_port(slice_skip(text, end + 1), a, ret_reason);
}

static bool parse_inet(struct slice text, struct address *a, const char **ret_reason) {
    size_t port = behind_last(text, ':');

    if (text.data[0] == '[') {
        return parse_bracketed(text, a, ret_reason);
    }
    if (port == 0) {
        return fail("the port is missing", ret_reason);
    }
    return parse_host(slice_make(text.data, port - 1), false, a, ret_reason) &&
           parse_port(slice_skip(text, port), a, ret_reason);
}

bool address_parse(struct slice text, struct address *ret_address, const char **ret_reason) {
    struct address address = {.port = 0};
    bool parsed;

    if (text.size == 0) {
        return fail("the address is empty", ret_reason);
    }
    if (slice_has_prefix(text, SLICE("unix:"))) {
        parsed = parse_unix(slice_skip(text, sizeof("unix:") - 1), &address, ret_reason);
    } else if (text.data[0] == '/') {
        parsed = parse_unix(text, &address, ret_reason);
    } else {
        parsed = parse_inet(text, &address, ret_reason);
    }
    if (parsed) {
        *ret_address = address;
    }
    return parsed;
}

const char *address_format(const struct address *address, char ret_text[ADDRESS_TEXT_MAX]) {
    switch (address->kind) {
    case ADDRESS_UNIX:
        snprintf(ret_text, ADDRESS_TEXT_MAX, "unix:%s", address->host);
        break;
    case ADDRESS_IPV6:
        snprintf(ret_text, ADDRESS_TEXT_MAX, "[%s]:%u", address->host, (unsigned)address->port);
        break;
    case ADDRESS_IPV4:
    case ADDRESS_NAME:
        snprintf(ret_text, ADDRESS_TEXT_MAX, "%s:%u", address->host, (unsigned)address->port);
        break;
    }
    return ret_text;
}

static void make_ipv4(const char *host, uint16_t port, struct endpoint *e) {
    struct sockaddr_in *in = (struct sockaddr_in *)&e->storage;
    int read;

    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    read = inet_pton(AF_INET, host, &in->sin_addr);
    assert(read == 1);
    (void)read;
    e->size = sizeof(*in);
}

static void make_ipv6(const char *host, uint16_t port, struct endpoint *e) {
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&e->storage;
    int read;

    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(port);
    read = inet_pton(AF_INET6, host, &in6->sin6_addr);
    assert(read == 1);
    (void)read;
    e->size = sizeof(*in6);
}

static void make_unix(const char *path, struct endpoint *e) {
    struct sockaddr_un *un = (struct sockaddr_un *)&e->storage;
    size_t size = strlen(path);

    assert(size <= UNIX_PATH_MAX_BYTES);
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, size + 1);
    e->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + 1);
}

enum larder_error endpoint_local(const struct address *address, struct endpoint *ret_endpoint) {
    if (address->kind == ADDRESS_NAME && strcmp(address->host, "localhost") != 0) {
        return LARDER_ERROR_UNSUPPORTED;
    }
    memset(ret_endpoint, 0, sizeof(*ret_endpoint));
    switch (address->kind) {
    case ADDRESS_IPV4:
        make_ipv4(address->host, address->port, ret_endpoint);
        break;
    case ADDRESS_IPV6:
        make_ipv6(address->host, address->port, ret_endpoint);
        break;
    case ADDRESS_NAME:
        make_ipv4("127.0.0.1", address->port, ret_endpoint);
        break;
    case ADDRESS_UNIX:
        make_unix(address->host, ret_endpoint);
        break;
    }
    return LARDER_OK;
}

static enum larder_error resolver_error(int code, int number) {
    switch (code) {
    case EAI_NONAME:
    case EAI_NODATA:
        return LARDER_ERROR_NOT_FOUND;
    case EAI_AGAIN:
        return LARDER_ERROR_TIMEOUT;
    case EAI_MEMORY:
        return LARDER_ERROR_NO_MEMORY;
    case EAI_SYSTEM:
        return system_error(number);
    default:
        return LARDER_ERROR_IO;
    }
}

enum larder_error endpoint_resolve(const struct address *address, struct endpoint *ret_endpoints, size_t max,
                                   size_t *ret_count) {
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    char port[8];
    size_t count = 0;
    int code;

    assert(max > 0);
    if (address->kind != ADDRESS_NAME) {
        *ret_count = 1;
        return endpoint_local(address, ret_endpoints);
    }
    snprintf(port, sizeof(port), "%u", (unsigned)address->port);
    code = getaddrinfo(address->host, port, &hints, &found);
    if (code == EAI_NONAME || code == EAI_NODATA) {
        /* On a host with loopback alone AI_ADDRCONFIG hides even localhost. */
        code = getaddrinfo(address->host, port, &(struct addrinfo){.ai_socktype = SOCK_STREAM}, &found);
    }
    if (code != 0) {
        return resolver_error(code, errno);
    }
    for (struct addrinfo *a = found; a != NULL && count < max; a = a->ai_next) {
        memset(&ret_endpoints[count], 0, sizeof(ret_endpoints[count]));
        memcpy(&ret_endpoints[count].storage, a->ai_addr, a->ai_addrlen);
        ret_endpoints[count++].size = a->ai_addrlen;
    }
    freeaddrinfo(found);
    *ret_count = count;
    return LARDER_OK;
}

static void describe_unix(const struct endpoint *endpoint, struct address *address) {
    const struct sockaddr_un *un = (const struct sockaddr_un *)&endpoint->storage;
    size_t header = offsetof(struct sockaddr_un, sun_path);
    size_t room = endpoint->size > header ? endpoint->size - header : 0;

    address->kind = ADDRESS_UNIX;
    memcpy(address->host, un->sun_path, strnlen(un->sun_path, room));
}

void endpoint_address(const struct endpoint *endpoint, struct address *ret_address) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)&endpoint->storage;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&endpoint->storage;

    memset(ret_address, 0, sizeof(*ret_address));
    switch (endpoint->storage.ss_family) {
    case AF_INET:
        ret_address->kind = ADDRESS_IPV4;
        ret_address->port = ntohs(in->sin_port);
        inet_ntop(AF_INET, &in->sin_addr, ret_address->host, sizeof(ret_address->host));
        break;
    case AF_INET6:
        ret_address->kind = ADDRESS_IPV6;
        ret_address->port = ntohs(in6->sin6_port);
        inet_ntop(AF_INET6, &in6->sin6_addr, ret_address->host, sizeof(ret_address->host));
        break;
    default:
        describe_unix(endpoint, ret_address);
        break;
    }
}
