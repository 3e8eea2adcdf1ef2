/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_UNIT_STORE_TOY_ECHO_H
#define LARDER_TESTS_UNIT_STORE_TOY_ECHO_H

#include <openssl/ssl.h>

#include "net/listener.h"
#include "net/loop.h"

/* A server on a loop that sends back what it hears, with TLS or without. */
struct echo_server {
    struct loop *loop;
    struct listener *listener;
    SSL_CTX *tls; /* NULL: plain */
    bool is_mute; /* reads, and says nothing, not even TLS */
    bool ends;    /* ends a connection after the first bytes it sent back; with TLS it says goodbye */
    struct echo_connection *connections;
    int accepted;
    int gone; /* connections that have ended */
    int goodbyes;
};

void echo_server_open(struct echo_server *server, struct loop *loop, const char *host, SSL_CTX *tls);
uint16_t echo_server_port(const struct echo_server *server);

/* Closes the listener and all connections; loop_free runs what is left. */
void echo_server_close(struct echo_server *server);

#endif
