/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_NET_TLS_INTERNAL_H
#define LARDER_NET_TLS_INTERNAL_H

#include <openssl/ssl.h>

#include "net/tls.h"

/* What tls_context.c and tls_session.c know of each other. */

enum { TLS_ALPN_MAX = 32, TLS_TROUBLE_MAX = 256 };

struct tls_context {
    SSL_CTX *ssl;
    BIO_METHOD *wire;        /* a session's bytes, see tls_wire_method */
    char *server_name;       /* NULL: as they are addressed */
    char alpn[TLS_ALPN_MAX]; /* NUL-terminated */
    bool insecure;
};

/* Between OpenSSL and the bytes of a session, without a copy in the middle: reads come out of the slice that is being fed,
 * writes go to the outbox that waits for them. The BIO's data is the session. NULL: out of memory. */
BIO_METHOD *tls_wire_method(void);

#endif
