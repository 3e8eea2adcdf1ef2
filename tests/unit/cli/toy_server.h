/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_CLI_TOY_SERVER_H
#define LARDER_TESTS_CLI_TOY_SERVER_H

#include <stdint.h>

#include "net/address.h"

/* A server of numbered keys on its own thread, just enough of memcached for a load generator: get, set, mg, ms,
 * version; and of HTTP (toy_http.h). It can misbehave. */
enum toy_fault {
    TOY_FAULTLESS,
    TOY_WRONG_SIZE, /* values are one byte longer than what was stored */
    TOY_GARBAGE,    /* answers nonsense to everything but version */
    TOY_HANGS_UP,   /* closes instead of answering gets */
    TOY_REFUSES,    /* SERVER_ERROR to every set, 413 to every PUT */
    /* In HTTP alone, now and then: */
    TOY_HTTP_STALE,         /* a GET shows what the key held before */
    TOY_HTTP_FORGETS,       /* a GET finds nothing */
    TOY_HTTP_FOREIGN,       /* a GET shows what nobody wrote */
    TOY_HTTP_FAILS,         /* a GET is answered with 503 */
    TOY_HTTP_LOSES,         /* a DELETE always says that it found nothing */
    TOY_HTTP_KEEPS_DELETED, /* a DELETE says that it is done, and is not */
    TOY_HTTP_CHUNKS,        /* no fault: the answer to a PUT comes in chunks */
};

struct toy_server;

struct toy_server *toy_server_new(enum toy_fault fault);
void toy_server_free(struct toy_server *server);
const struct address *toy_server_address(const struct toy_server *server);

/* Counted since the start, GETs and PUTs included; read when no request is under way. */
uint64_t toy_server_gets(const struct toy_server *server);
uint64_t toy_server_sets(const struct toy_server *server);

#endif
