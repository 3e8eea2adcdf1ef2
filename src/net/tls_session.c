/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <assert.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/address.h"
#include "net/tls_internal.h"

enum { ROOM_FIRST = 4096 /* bytes of plain text there shall be room for before they are read */ };

struct tls_session {
    SSL *ssl;
    const struct tls_context *context;
    struct slice input;        /* during tls_feed: what is still to be read */
    struct outbox *wire;       /* during a call: where what is said goes */
    enum larder_error no_room; /* why the outbox did not take it */
    bool open;
    bool ended; /* the other side has said goodbye */
    bool broken;
    char host[ADDRESS_HOST_MAX];
    char trouble[TLS_TROUBLE_MAX];
};

/* --- the bytes --- */

static int wire_read(BIO *bio, char *data, int size) {
    struct tls_session *session = BIO_get_data(bio);
    size_t count = size < 0 ? 0 : (size_t)size;

    BIO_clear_retry_flags(bio);
    if (count > session->input.size) {
        count = session->input.size;
    }
    if (count == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(data, session->input.data, count);
    session->input = slice_skip(session->input, count);
    return (int)count;
}

static int wire_write(BIO *bio, const char *data, int size) {
    struct tls_session *session = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    assert(session->wire != NULL && size >= 0);
    session->no_room = outbox_append(session->wire, slice_make(data, (size_t)size));
    return session->no_room == LARDER_OK ? size : -1;
}

static long wire_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static int wire_create(BIO *bio) {
    BIO_set_init(bio, 1);
    return 1;
}

BIO_METHOD *tls_wire_method(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "larder's bytes");

    if (method != NULL &&
        (BIO_meth_set_create(method, wire_create) != 1 || BIO_meth_set_read(method, wire_read) != 1 ||
         BIO_meth_set_write(method, wire_write) != 1 || BIO_meth_set_ctrl(method, wire_control) != 1)) {
        BIO_meth_free(method);
        return NULL;
    }
    return method;
}

/* --- a session --- */

static bool is_numeric(const char *host) {
    unsigned char address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

/* Who the other side must be. A name is also said to it (SNI, RFC 6066: names alone), without the dot that may end it. */
static bool expect(struct tls_session *session, const char *host) {
    X509_VERIFY_PARAM *rules = SSL_get0_param(session->ssl);
    size_t size = strlen(host);

    if (size == 0 || size >= sizeof(session->host)) {
        return false;
    }
    memcpy(session->host, host, size + 1);
    if (is_numeric(host)) {
        return session->context->insecure || X509_VERIFY_PARAM_set1_ip_asc(rules, host) == 1;
    }
    if (size > 1 && host[size - 1] == '.') {
        session->host[size - 1] = '\0';
    }
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set_tlsext_host_name(session->ssl, session->host) == 1 &&
           (session->context->insecure || X509_VERIFY_PARAM_set1_host(rules, session->host, 0) == 1);
}

struct tls_session *tls_session_new(struct tls_context *context, const char *host) {
    struct tls_session *session = calloc(1, sizeof(*session));
    BIO *bio;

    if (session == NULL) {
        return NULL;
    }
    ERR_clear_error();
    session->context = context;
    session->ssl = SSL_new(context->ssl);
    bio = BIO_new(context->wire);
    if (session->ssl == NULL || bio == NULL ||
        !expect(session, context->server_name != NULL ? context->server_name : host)) {
        BIO_free(bio);
        tls_session_free(session);
        ERR_clear_error();
        return NULL;
    }
    BIO_set_data(bio, session);
    SSL_set_bio(session->ssl, bio, bio); /* takes the one reference */
    SSL_set_connect_state(session->ssl);
    return session;
}

void tls_session_free(struct tls_session *session) {
    if (session != NULL) {
        SSL_free(session->ssl);
        free(session);
    }
}

/* --- what goes wrong --- */

__attribute__((format(printf, 2, 3))) static enum larder_error break_off(struct tls_session *session,
                                                                         const char *format, ...) {
    size_t size = sizeof("TLS: ") - 1;
    va_list arguments;

    session->broken = true;
    memcpy(session->trouble, "TLS: ", size);
    va_start(arguments, format);
    vsnprintf(session->trouble + size, sizeof(session->trouble) - size, format, arguments);
    va_end(arguments);
    return LARDER_ERROR_PROTOCOL;
}

/* The other side's certificate does not do. */
static enum larder_error distrust(struct tls_session *session, long result) {
    if (result == X509_V_ERR_HOSTNAME_MISMATCH || result == X509_V_ERR_IP_ADDRESS_MISMATCH) {
        return break_off(session, "the server's certificate is not for %s", session->host);
    }
    return break_off(session, "the server's certificate is not trusted: %s", X509_verify_cert_error_string(result));
}

/* What the last call of OpenSSL, with `result`, means to a caller. OK: it waits for bytes. */
static enum larder_error judge(struct tls_session *session, int result) {
    int kind = SSL_get_error(session->ssl, result);
    unsigned long code = ERR_peek_error();
    long verified = SSL_get_verify_result(session->ssl);
    const char *reason = ERR_reason_error_string(code);

    ERR_clear_error();
    if (kind == SSL_ERROR_WANT_READ) {
        return LARDER_OK;
    }
    if (kind == SSL_ERROR_ZERO_RETURN) {
        session->ended = true;
        return LARDER_ERROR_CLOSED;
    }
    if (session->no_room != LARDER_OK) {
        (void)break_off(session, "%s", larder_error_text(session->no_room));
        return session->no_room;
    }
    if (ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK) {
        return distrust(session, verified);
    }
    /* Reasons from there on are alerts that the other side sent. */
    return break_off(session, "%s%s", ERR_GET_REASON(code) >= SSL_AD_REASON_OFFSET ? "the server breaks off: " : "",
                     reason != NULL ? reason : "broken");
}

/* --- work --- */

/* RFC 9113, 3.3 wants the protocol agreed upon. */
static enum larder_error check_alpn(struct tls_session *session) {
    const unsigned char *name;
    unsigned size;

    SSL_get0_alpn_selected(session->ssl, &name, &size);
    if (slice_equal(slice_make((const char *)name, size), slice_from_string(session->context->alpn))) {
        return LARDER_OK;
    }
    return break_off(session, "the server does not offer the protocol \"%s\" (ALPN)", session->context->alpn);
}

static enum larder_error shake_hands(struct tls_session *session) {
    int result = SSL_do_handshake(session->ssl);
    enum larder_error error;

    if (result != 1) {
        return judge(session, result);
    }
    error = check_alpn(session);
    session->open = error == LARDER_OK;
    return error;
}

/* At least a byte of room. Errors as buf_reserve. */
static enum larder_error make_room(struct buf *plain) {
    size_t count = plain->size == 0 && plain->limit > ROOM_FIRST ? ROOM_FIRST : 1;

    return plain->capacity > plain->size ? LARDER_OK : buf_reserve(plain, count);
}

/* All there is to read, straight to where it is wanted. */
static enum larder_error read_plain(struct tls_session *session, struct buf *plain) {
    for (;;) {
        enum larder_error error = make_room(plain);
        size_t got;

        if (error != LARDER_OK) {
            (void)break_off(session, "%s", larder_error_text(error));
            return error;
        }
        if (SSL_read_ex(session->ssl, plain->data + plain->size, plain->capacity - plain->size, &got) != 1) {
            return judge(session, 0);
        }
        plain->size += got;
    }
}

enum larder_error tls_begin(struct tls_session *session, struct outbox *wire) {
    return tls_feed(session, (struct slice){0}, NULL, wire);
}

enum larder_error tls_feed(struct tls_session *session, struct slice bytes, struct buf *plain, struct outbox *wire) {
    enum larder_error error = LARDER_OK;

    if (session->broken || session->ended) {
        return session->broken ? LARDER_ERROR_PROTOCOL : LARDER_ERROR_CLOSED;
    }
    ERR_clear_error();
    session->input = bytes;
    session->wire = wire;
    if (!session->open) {
        error = shake_hands(session);
    }
    if (session->open) {
        error = read_plain(session, plain);
    }
    session->input = (struct slice){0};
    session->wire = NULL;
    return error;
}

bool tls_is_open(const struct tls_session *session) {
    return session->open && !session->broken;
}

enum larder_error tls_write(struct tls_session *session, struct slice plain, struct outbox *wire) {
    enum larder_error error = LARDER_OK;
    size_t written;

    assert(session->open);
    if (session->broken) {
        return LARDER_ERROR_PROTOCOL;
    }
    ERR_clear_error();
    session->wire = wire;
    /* Without SSL_MODE_ENABLE_PARTIAL_WRITE it is all of it or an error: the wire takes everything. */
    if (plain.size > 0 && SSL_write_ex(session->ssl, plain.data, plain.size, &written) != 1) {
        error = judge(session, 0);
        if (error == LARDER_OK || error == LARDER_ERROR_CLOSED) {
            error = break_off(session, "the server wants another hand shake");
        }
    }
    session->wire = NULL;
    return error;
}

void tls_end(struct tls_session *session, struct outbox *wire) {
    if (session->open && !session->broken) {
        ERR_clear_error();
        session->wire = wire;
        (void)SSL_shutdown(session->ssl); /* 0: said, not answered; nobody waits for the answer */
        session->wire = NULL;
        ERR_clear_error();
    }
}

const char *tls_trouble(const struct tls_session *session) {
    return session->trouble;
}
