/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PEER_GREETING_H
#define LARDER_PEER_GREETING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/slice.h"
#include "ring/membership.h"

/* How two nodes of a cluster make sure of each other before one asks the other anything: the connection begins with a line of
 * the memcached kind, and each side shows that it knows the cluster's token without sending it (HMAC-SHA-256 over both
 * nonces, both ids and the cluster's name; RFC 2104). Without I/O; docs/PROTOCOLS.md has the lines:
 *
 *     > larder_peer 1 <cluster> <id> <nonce>
 *     < PEER <id> <nonce> <proof of the one who was greeted>
 *     > larder_proof <proof of the one who greets>
 *     < OK
 *
 * Wrong cluster, wrong token, another version, one's own id: CLIENT_ERROR and the reason, and the connection ends. With an
 * empty token the proofs show nothing but that both have none. Nonces are new for each connection and both are in each proof,
 * so what was heard on one connection is of no use on another; the two proofs are made differently, so that nobody can be
 * answered with his own. */
enum {
    GREETING_VERSION = 1,
    GREETING_NONCE_SIZE = 16,
    GREETING_PROOF_SIZE = 32,
    GREETING_LINE_MAX = 1024,  /* bytes of the longest line, its CRLF included */
    GREETING_TOKEN_MAX = 1024, /* bytes */
};

/* All borrowed. The id has 1..MEMBER_ID_MAX bytes, the cluster's name 1..CLUSTER_NAME_MAX, the token up to
 * GREETING_TOKEN_MAX. */
struct greeting_identity {
    struct slice cluster;
    struct slice id;
    struct slice token;
};

enum greeting_step { GREETING_HELLO, GREETING_PROOF, GREETING_OVER };

/* Who greets. */
struct greeter {
    const struct greeting_identity *self;
    struct slice expected; /* the id of the node that should answer; empty: whoever it is */
    char nonce[GREETING_NONCE_SIZE];
    enum greeting_step step;
};

/* `nonce` is random; `self` and `expected` are borrowed until the greeting is over. The first line, with its CRLF, to `line`,
 * GREETING_LINE_MAX bytes; its size is returned. */
size_t greeter_begin(struct greeter *g, const struct greeting_identity *self, struct slice expected,
                     const char nonce[GREETING_NONCE_SIZE], char *line);

/* A line came, without its CRLF. *ret_size bytes of `line` are to be sent (0: nothing); *ret_done: it is over and well. Errors:
 * PROTOCOL, REFUSED (it does not want us, or does not prove that it is who it should be). */
enum larder_error greeter_hear(struct greeter *g, struct slice heard, char *line, size_t *ret_size, bool *ret_done);

/* Who is greeted. All zero at first. */
struct greeted {
    char nonce[GREETING_NONCE_SIZE];
    char their_nonce[GREETING_NONCE_SIZE];
    char their_id[MEMBER_ID_MAX];
    size_t their_id_size;
    enum greeting_step step;
};

/* Whether a line begins a greeting. */
bool greeting_is(struct slice line);

/* As greeter_hear; `nonce` is random, and is read with the first line only. On an error *ret_size bytes of `line` are what to
 * answer before the connection ends. Errors: PROTOCOL (no greeting), REFUSED (another version, cluster or token, or our own
 * id). */
enum larder_error greeted_hear(struct greeted *g, const struct greeting_identity *self,
                               const char nonce[GREETING_NONCE_SIZE], struct slice heard, char *line, size_t *ret_size,
                               bool *ret_done);

#endif
