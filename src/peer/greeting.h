/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PEER_GREETING_H
#define LARDER_PEER_GREETING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/slice.h"

/* How two nodes of a cluster make sure of each other before one asks the other anything: the connection begins with a line of
 * the memcached kind, and each side shows that it knows the cluster's token without sending it (HMAC-SHA-256 over both
 * nonces, both ids and the cluster's name; RFC 2104). Without I/O; docs/PROTOCOLS.md has the lines:
 *
 *     > larder_peer 1 <cluster> <id> <nonce>
 *     < PEER <id> <nonce> <proof of the one who was greeted>
 *     > larder_proof <proof of the one who greets>
 *     < OK
 *
 * Wrong cluster, wrong token, another version: CLIENT_ERROR and the reason, and the connection ends. With an empty token the
 * proofs show nothing but that both have none. */
enum {
    GREETING_VERSION = 1,
    GREETING_NONCE_SIZE = 16,
    GREETING_PROOF_SIZE = 32,
    GREETING_LINE_MAX = 512,
};

struct greeting_identity {
    struct slice cluster;
    struct slice id;
    struct slice token;
};

/* Who greets. */
struct greeter {
    const struct greeting_identity *self;
    struct slice expected; /* the id of the node that should answer; empty: whoever it is */
    char nonce[GREETING_NONCE_SIZE];
    int step;
};

/* `nonce` is random. The first line, with its CRLF, to `line`, GREETING_LINE_MAX bytes; its size is returned. */
size_t greeter_begin(struct greeter *g, const struct greeting_identity *self, struct slice expected,
                     const char nonce[GREETING_NONCE_SIZE], char *line);

/* A line came, without its CRLF. *ret_size bytes of `line` are to be sent (0: nothing); *ret_done: it is over and well. Errors:
 * PROTOCOL, REFUSED (it does not want us, or does not prove that it is who it should be). */
enum larder_error greeter_hear(struct greeter *g, struct slice heard, char *line, size_t *ret_size, bool *ret_done);

/* Who is greeted. */
struct greeted {
    const struct greeting_identity *self;
    char nonce[GREETING_NONCE_SIZE];
    char their_nonce[GREETING_NONCE_SIZE];
    char their_id[128];
    size_t their_id_size;
    int step;
};

/* Whether a line begins a greeting. */
bool greeting_is(struct slice line);

/* As greeter_hear; on an error `line` has what to answer before the connection ends. */
enum larder_error greeted_hear(struct greeted *g, const struct greeting_identity *self,
                               const char nonce[GREETING_NONCE_SIZE], struct slice heard, char *line, size_t *ret_size,
                               bool *ret_done);

#endif
