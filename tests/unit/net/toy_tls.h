/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_UNIT_NET_TOY_TLS_H
#define LARDER_TESTS_UNIT_NET_TOY_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/* Authorities, certificates and the server's side of TLS, for tests. All of it fails the test that it cannot work for. */

enum { TOY_PATH_MAX = 128 };

/* Makes a directory below /tmp, or removes it with all that is in it. */
void toy_directory_make(char ret_directory[TOY_PATH_MAX]);
void toy_directory_remove(const char *directory);

/* "DIRECTORY/NAME"; returns ret_path. */
const char *toy_path(const char *directory, const char *name, char ret_path[TOY_PATH_MAX]);

struct toy_identity {
    EVP_PKEY *key;
    X509 *certificate;
};

/* An authority: NAME.pem and NAME.key in the directory. */
void toy_authority(const char *directory, const char *name, struct toy_identity *ret_authority);

/* A certificate by the authority for `names` ("DNS:localhost,IP:127.0.0.1"), good from `from` to `to` seconds from now:
 * NAME.pem and NAME.key in the directory. */
void toy_certificate(const char *directory, const char *name, const struct toy_identity *authority, const char *names,
                     long from, long to);

void toy_identity_free(struct toy_identity *identity);

/* A server's context with NAME.pem and NAME.key. It speaks "h2" (another: see toy_alpn); with `clients`, a file of
 * authorities, it wants the clients' certificates. */
SSL_CTX *toy_server_context(const char *directory, const char *name, const char *clients);

/* What the server's contexts select from now on; NULL: nothing. "h2" at first. */
void toy_alpn(const char *protocol);

/* A server's session between two memories: bytes for it go into SSL_get_rbio, those of it come out of SSL_get_wbio. */
SSL *toy_server(SSL_CTX *context);

#endif
