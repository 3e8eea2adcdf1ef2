/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/tls_internal.h"

/* Whether somebody could read the file; else `why` says so, in the system's words. OpenSSL's own are about its parts. */
static bool can_read(const char *path, const char *what, struct buf *why) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char byte;
    ssize_t got = fd < 0 ? -1 : read(fd, &byte, 1); /* a directory opens, but does not read */

    if (got < 0) {
        buf_printf(why, "the %s cannot be read: %s: %s", what, path, strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    return got >= 0;
}

static bool complain(const char *path, const char *what, struct buf *why) {
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    buf_printf(why, "the %s cannot be used: %s: %s", what, path,
               reason != NULL ? reason : "not a PEM file of that kind");
    ERR_clear_error();
    return false;
}

static bool load_authorities(SSL_CTX *ssl, const char *path, struct buf *why) {
    if (path == NULL) {
        return SSL_CTX_set_default_verify_paths(ssl) == 1 || complain("the system's", "authorities", why);
    }
    return can_read(path, "file of authorities", why) &&
           (SSL_CTX_load_verify_file(ssl, path) == 1 || complain(path, "file of authorities", why));
}

static bool load_certificate(SSL_CTX *ssl, const struct tls_files *files, struct buf *why) {
    if (files->certificate == NULL && files->key == NULL) {
        return true;
    }
    if (files->certificate == NULL || files->key == NULL) {
        buf_printf(why, files->key == NULL ? "a certificate needs its key" : "a key needs its certificate");
        return false;
    }
    if (!can_read(files->certificate, "certificate", why) || !can_read(files->key, "key", why)) {
        return false;
    }
    if (SSL_CTX_use_certificate_chain_file(ssl, files->certificate) != 1) {
        return complain(files->certificate, "certificate", why);
    }
    /* Fails also if the key is not that of the certificate. */
    return SSL_CTX_use_PrivateKey_file(ssl, files->key, SSL_FILETYPE_PEM) == 1 || complain(files->key, "key", why);
}

/* A key with a password: nobody is there to type it, and OpenSSL would ask at the terminal. */
static int refuse_password(char *text, int size, int for_writing, void *ctx) {
    (void)text;
    (void)size;
    (void)for_writing;
    (void)ctx;
    return -1;
}

static bool set_rules(SSL_CTX *ssl, const struct tls_files *files, const char *alpn) {
    unsigned char list[TLS_ALPN_MAX];
    size_t size = strlen(alpn);

    list[0] = (unsigned char)size;
    memcpy(list + 1, alpn, size);
    SSL_CTX_set_default_passwd_cb(ssl, refuse_password);
    SSL_CTX_set_verify(ssl, files->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF); /* connections last; each is verified for itself */
    return SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_alpn_protos(ssl, list, (unsigned)size + 1) == 0;
}

static bool copy_name(const char *name, char **ret_copy) {
    *ret_copy = name == NULL ? NULL : strdup(name);
    return name == NULL || *ret_copy != NULL;
}

static bool fill(struct tls_context *context, const struct tls_files *files, const char *alpn, struct buf *why) {
    context->ssl = SSL_CTX_new(TLS_client_method());
    context->wire = tls_wire_method();
    context->insecure = files->insecure;
    strcpy(context->alpn, alpn);
    if (context->ssl == NULL || context->wire == NULL || !copy_name(files->server_name, &context->server_name) ||
        !set_rules(context->ssl, files, alpn)) {
        ERR_clear_error();
        buf_printf(why, "TLS: out of memory");
        return false;
    }
    return load_authorities(context->ssl, files->ca, why) && load_certificate(context->ssl, files, why);
}

struct tls_context *tls_context_new(const struct tls_files *files, const char *alpn, struct buf *why) {
    struct tls_context *context = calloc(1, sizeof(*context));

    assert(alpn[0] != '\0' && strlen(alpn) < TLS_ALPN_MAX);
    if (context == NULL) {
        buf_printf(why, "TLS: out of memory");
        return NULL;
    }
    ERR_clear_error();
    if (!fill(context, files, alpn, why)) {
        tls_context_free(context);
        return NULL;
    }
    return context;
}

void tls_context_free(struct tls_context *context) {
    if (context != NULL) {
        SSL_CTX_free(context->ssl);
        BIO_meth_free(context->wire);
        free(context->server_name);
        free(context);
    }
}
