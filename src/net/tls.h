/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_NET_TLS_H
#define LARDER_NET_TLS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/outbox.h"
#include "base/slice.h"

/* TLS (1.2 and up, RFC 5246 and RFC 8446) of a client, by OpenSSL, between a stream's bytes and its owner's: without I/O.
 * Contexts and sessions are used by one thread at a time. */

/* What an operator says; NUL-terminated paths of PEM files, NULL: not given. */
struct tls_files {
    const char *ca;          /* authorities to believe; NULL: the system's */
    const char *certificate; /* our own, with those between it and the authority; needs `key` */
    const char *key;
    const char *server_name; /* what servers must be called; NULL: as they are addressed */
    bool insecure;           /* believe everybody: for tests */
};

struct tls_context;
struct tls_session;

/* Reads the files. NULL: `why` has a sentence that says which one cannot be read and why. `alpn` is what is spoken inside,
 * "h2", at most 31 bytes; a server must agree to it (RFC 7301). */
struct tls_context *tls_context_new(const struct tls_files *files, const char *alpn, struct buf *why);

/* NULL is allowed. */
void tls_context_free(struct tls_context *context);

/* A connection to `host` (a name, which its certificate must have, or an address), unless the files have a server_name. NULL:
 * out of memory, or a name that is empty or longer than any. The context outlives it. */
struct tls_session *tls_session_new(struct tls_context *context, const char *host);

/* NULL is allowed. */
void tls_session_free(struct tls_session *session);

/* Begins: the first bytes are appended to `wire`, which is to be sent. Errors as of tls_feed. */
enum larder_error tls_begin(struct tls_session *session, struct outbox *wire);

/* Takes bytes that came. What they carry is appended to `plain`, also in front of an error; what is to be said in answer to
 * `wire`. Errors: PROTOCOL (tls_trouble says why: certificate, name, version), NO_MEMORY, LIMIT (`plain` or `wire` is full);
 * what is in `wire` is still to be sent, and it fails from then on. CLOSED: the other side has said goodbye. */
enum larder_error tls_feed(struct tls_session *session, struct slice bytes, struct buf *plain, struct outbox *wire);

/* Whether both sides know each other, so that tls_write may be used. With TLS 1.3 a server may still refuse our certificate
 * after that; then tls_feed fails. */
bool tls_is_open(const struct tls_session *session);

/* Encrypts all of `plain` to the end of `wire`, in records of up to 16 KiB. Errors: NO_MEMORY, LIMIT, PROTOCOL; it fails from
 * then on. */
enum larder_error tls_write(struct tls_session *session, struct slice plain, struct outbox *wire);

/* Says goodbye, if `wire` has room for it; nothing may be written after it. */
void tls_end(struct tls_session *session, struct outbox *wire);

/* Why it failed, for people, NUL-terminated; empty if it did not. Valid until the session is freed. */
const char *tls_trouble(const struct tls_session *session);

#endif
