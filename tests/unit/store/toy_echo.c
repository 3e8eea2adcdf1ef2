/* SPDX-License-Identifier: Apache-2.0 */
#include "toy_echo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>

#include "../net/toy_tls.h"
#include "base/buf.h"
#include "net/stream.h"

enum { INPUT = 64 << 10, OUT_MAX = 64 << 20 };

struct echo_connection {
    struct stream stream;
    struct echo_server *server; /* NULL: gone */
    struct echo_connection *next;
    SSL *ssl;
    struct buf out;
    bool ending;
    char input[INPUT];
    char plain[INPUT];
};

static void read_buffer(void *ctx, char **ret_data, size_t *ret_size) {
    struct echo_connection *c = ctx;

    *ret_data = c->input;
    *ret_size = INPUT;
}

static void flush(struct echo_connection *c) {
    struct iovec piece = {c->out.data, c->out.size};
    size_t written;

    if (c->out.size > 0 && stream_write(&c->stream, &piece, 1, &written) == LARDER_OK) {
        buf_consume(&c->out, written);
    }
    if (!stream_closing(&c->stream)) {
        stream_want_write(&c->stream, c->out.size > 0);
    }
    if (c->out.size == 0 && c->ending) {
        stream_close(&c->stream);
    }
}

/* What the server's side of TLS has to say. */
static void collect(struct echo_connection *c) {
    int got;

    do {
        got = BIO_read(SSL_get_wbio(c->ssl), c->plain, INPUT);
        assert_int_equal(buf_append(&c->out, c->plain, got > 0 ? (size_t)got : 0), LARDER_OK);
    } while (got > 0);
}

static void hear_tls(struct echo_connection *c, size_t size) {
    int got;

    ERR_clear_error();
    assert_int_equal(BIO_write(SSL_get_rbio(c->ssl), c->input, (int)size), (int)size);
    do {
        got = SSL_read(c->ssl, c->plain, INPUT);
        if (got > 0) {
            assert_int_equal(SSL_write(c->ssl, c->plain, got), got);
            c->ending = c->server->ends;
        }
    } while (got > 0);
    c->server->goodbyes += SSL_get_error(c->ssl, got) == SSL_ERROR_ZERO_RETURN;
    c->ending = c->ending || SSL_get_error(c->ssl, got) == SSL_ERROR_SSL;
    if (c->ending) {
        SSL_shutdown(c->ssl);
    }
    ERR_clear_error();
    collect(c);
}

static void on_read(void *ctx, size_t size) {
    struct echo_connection *c = ctx;

    if (c->server->is_mute || c->ending) {
        return;
    }
    if (c->ssl != NULL) {
        hear_tls(c, size);
    } else {
        assert_int_equal(buf_append(&c->out, c->input, size), LARDER_OK);
        c->ending = c->server->ends;
    }
    flush(c);
}

static void on_writable(void *ctx) {
    flush(ctx);
}

static void on_close(void *ctx, enum larder_error error) {
    struct echo_connection *c = ctx;
    struct echo_connection **at;

    (void)error;
    if (c->server != NULL) {
        c->server->gone++;
        for (at = &c->server->connections; *at != c; at = &(*at)->next) {
        }
        *at = c->next;
    }
    SSL_free(c->ssl);
    buf_fini(&c->out);
    free(c);
}

static const struct stream_ops stream_ops = {
    .read_buffer = read_buffer,
    .on_read = on_read,
    .on_writable = on_writable,
    .on_close = on_close,
};

static void on_accept(void *ctx, int fd) {
    struct echo_server *server = ctx;
    struct echo_connection *c = calloc(1, sizeof(*c));

    assert_non_null(c);
    c->server = server;
    c->next = server->connections;
    server->connections = c;
    server->accepted++;
    buf_init(&c->out, OUT_MAX);
    c->ssl = server->tls != NULL && !server->is_mute ? toy_server(server->tls) : NULL;
    assert_int_equal(stream_open(&c->stream, server->loop, fd, &stream_ops, c), LARDER_OK);
}

static const struct listener_ops listener_ops = {.on_accept = on_accept};

void echo_server_open(struct echo_server *server, struct loop *loop, const char *host, SSL_CTX *tls) {
    struct address address = {.kind = ADDRESS_IPV4};

    strcpy(address.host, host);
    *server = (struct echo_server){.loop = loop, .tls = tls};
    assert_int_equal(listener_open(loop, &address, &listener_ops, server, &server->listener), LARDER_OK);
}

uint16_t echo_server_port(const struct echo_server *server) {
    return listener_address(server->listener)->port;
}

void echo_server_close(struct echo_server *server) {
    listener_close(server->listener);
    for (struct echo_connection *c = server->connections; c != NULL; c = c->next) {
        c->server = NULL;
        stream_close(&c->stream);
    }
}
