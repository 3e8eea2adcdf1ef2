/* SPDX-License-Identifier: Apache-2.0 */
#include "net/fetch_connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "net/address.h"

struct fetch_connection {
    TAILQ_ENTRY(fetch_connection) link;
    struct fetch *fetch; /* that it is made for; NULL: it stands */
    int descriptor;
    int server_port;
    int own_port;
    char server[INET6_ADDRSTRLEN];
    char own[INET6_ADDRSTRLEN];
};

static void drop(struct fetch_connections *all, struct fetch_connection *c) {
    TAILQ_REMOVE(all, c, link);
    free(c);
}

bool fetch_connection_close(struct fetch_connections *all, int descriptor) {
    struct fetch_connection *c;
    bool stood = false;

    TAILQ_FOREACH(c, all, link) {
        if (c->descriptor == descriptor) {
            stood = c->fetch == NULL;
            drop(all, c);
            break;
        }
    }
    return stood;
}

bool fetch_connection_open(struct fetch_connections *all, struct fetch *fetch, int descriptor) {
    struct fetch_connection *c = calloc(1, sizeof(*c));

    if (c == NULL) {
        return false;
    }
    (void)fetch_connection_close(all, descriptor); /* one that was closed without a word */
    c->fetch = fetch;
    c->descriptor = descriptor;
    TAILQ_INSERT_TAIL(all, c, link);
    return true;
}

void fetch_connection_forget(struct fetch_connections *all, const struct fetch *fetch) {
    struct fetch_connection *c, *next;

    for (c = TAILQ_FIRST(all); c != NULL; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->fetch == fetch) {
            drop(all, c);
        }
    }
}

typedef int name_fn(int descriptor, struct sockaddr *ret_address, socklen_t *size);

static bool is_end(int descriptor, name_fn *name, const char *host, int port) {
    struct endpoint endpoint = {.size = sizeof(endpoint.storage)};
    struct address address;

    if (name(descriptor, (struct sockaddr *)&endpoint.storage, &endpoint.size) != 0) {
        return false;
    }
    endpoint_address(&endpoint, &address);
    return address.port == port && strcmp(address.host, host) == 0;
}

static int name_of_own(int descriptor, struct sockaddr *ret_address, socklen_t *size) {
    return getsockname(descriptor, ret_address, size);
}

static int name_of_peer(int descriptor, struct sockaddr *ret_address, socklen_t *size) {
    return getpeername(descriptor, ret_address, size);
}

static struct fetch_connection *find_kept(struct fetch_connections *all, const struct fetch_ends *ends) {
    struct fetch_connection *c;

    TAILQ_FOREACH(c, all, link) {
        if (c->fetch == NULL && c->server_port == ends->server_port && c->own_port == ends->own_port &&
            strcmp(c->server, ends->server) == 0 && strcmp(c->own, ends->own) == 0) {
            return c;
        }
    }
    return NULL;
}

/* Others that were opened for it have lost the race, and are closed. */
static void stand(struct fetch_connections *all, struct fetch *fetch, const struct fetch_ends *ends) {
    struct fetch_connection *c;

    TAILQ_FOREACH(c, all, link) {
        if (c->fetch == fetch && is_end(c->descriptor, name_of_own, ends->own, ends->own_port) &&
            is_end(c->descriptor, name_of_peer, ends->server, ends->server_port)) {
            c->fetch = NULL;
            c->server_port = ends->server_port;
            c->own_port = ends->own_port;
            snprintf(c->server, sizeof(c->server), "%s", ends->server);
            snprintf(c->own, sizeof(c->own), "%s", ends->own);
            break;
        }
    }
    fetch_connection_forget(all, fetch);
}

/* Between two exchanges a server has nothing to say. What it says all the same would be taken for the next answer. */
static bool is_silent(int descriptor) {
    char byte;

    return recv(descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EINTR);
}

enum fetch_use fetch_connection_use(struct fetch_connections *all, struct fetch *fetch, const struct fetch_ends *ends) {
    struct fetch_connection *kept = find_kept(all, ends);

    if (kept != NULL) {
        return is_silent(kept->descriptor) ? FETCH_USE_KEPT : FETCH_USE_SPOILT;
    }
    stand(all, fetch, ends);
    return FETCH_USE_NEW;
}
