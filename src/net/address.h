/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_NET_ADDRESS_H
#define LARDER_NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/slice.h"

enum address_kind { ADDRESS_IPV4, ADDRESS_IPV6, ADDRESS_NAME, ADDRESS_UNIX };

enum {
    ADDRESS_HOST_MAX = 254, /* a DNS name (253) with its NUL; a Unix path is at most 107 bytes */
    ADDRESS_TEXT_MAX = 264, /* the longest formatted address with its NUL */
};

/* Where to listen or to connect, as a person writes it. `host` is a numeric IP address, a host name, or the path of a
 * Unix socket, NUL-terminated. */
struct address {
    enum address_kind kind;
    uint16_t port; /* 0 for a Unix socket */
    char host[ADDRESS_HOST_MAX];
};

/* What the kernel takes. */
struct endpoint {
    struct sockaddr_storage storage;
    socklen_t size;
};

/* Reads `1.2.3.4:PORT`, `[v6]:PORT`, `name:PORT`, `unix:PATH` or an absolute path. On failure returns false, leaves
 * ret_address alone and sets ret_reason to a static text for people ("the port is missing", ...). */
bool address_parse(struct slice text, struct address *ret_address, const char **ret_reason);

/* The text address_parse reads back; returns ret_text. A Unix socket is written `unix:PATH`. */
const char *address_format(const struct address *address, char ret_text[ADDRESS_TEXT_MAX]);

/* An endpoint for a listener, without asking anybody: numeric addresses, Unix paths, and `localhost` (127.0.0.1).
 * Errors: UNSUPPORTED (any other name). */
enum larder_error endpoint_local(const struct address *address, struct endpoint *ret_endpoint);

/* Up to `max` endpoints to connect to, in the order in which they should be tried. A name is looked up with
 * getaddrinfo, which BLOCKS: only for threads without a loop, or before it runs. Errors: NOT_FOUND (no such name),
 * TIMEOUT (the resolver does not answer), NO_MEMORY, IO. */
enum larder_error endpoint_resolve(const struct address *address, struct endpoint *ret_endpoints, size_t max,
                                   size_t *ret_count);

/* The other way round: what getsockname, getpeername or accept reported. An unnamed Unix socket has an empty path. */
void endpoint_address(const struct endpoint *endpoint, struct address *ret_address);

#endif
