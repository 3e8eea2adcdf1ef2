/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_UNIT_NET_TOY_ORIGIN_H
#define LARDER_TESTS_UNIT_NET_TOY_ORIGIN_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "net/address.h"
#include "net/stream.h"

struct loop;
struct timer;

/* A server of HTTP on a loop, whose every byte a test decides. It fails the test that it cannot work for. */
struct toy_origin;

/* One connection to it. */
struct toy_peer {
    struct stream stream;
    struct toy_origin *origin;
    struct toy_peer *next;
    int fd;
    SSL *ssl; /* NULL: plain */
    struct buf in;
    struct buf plain; /* of TLS: what `in` said */
    struct buf out;
    unsigned number;   /* of the connection, from 1 */
    unsigned requests; /* on it */
    bool open;
    bool ends; /* when all is out */
    /* Called when all is out; adds more. NULL: nothing more comes. */
    void (*more)(struct toy_peer *peer);
    uint64_t sent;
};

/* A request has come, the head with its empty line. */
typedef void toy_answer_fn(struct toy_peer *peer, struct slice request);

struct toy_origin {
    struct loop *loop;
    struct listener *listener;
    struct timer *drip;
    struct toy_peer *peers;
    toy_answer_fn *answer;
    void *ctx;             /* the test's */
    SSL_CTX *tls;          /* NULL: plain */
    size_t piece;          /* bytes that are sent in each turn of the loop; 0: all at once */
    int buffer;            /* of the kernel, for what is sent; 0: its own choice */
    struct slice greeting; /* said to everybody, before anything is asked */
    unsigned connections;
    unsigned open;
    unsigned open_max;
    unsigned requests;
    struct buf last; /* the last request */
};

/* Listens on a port of the kernel's choice of `host`, or on `port`. */
struct toy_origin *toy_origin_new(struct loop *loop, const char *host, uint16_t port, toy_answer_fn *answer, void *ctx);
void toy_origin_free(struct toy_origin *origin);
uint16_t toy_origin_port(const struct toy_origin *origin);

void toy_say(struct toy_peer *peer, struct slice bytes);

/* Ends the connection when all that was said is out, or by a reset behind what the kernel takes of it now. */
void toy_hang_up(struct toy_peer *peer);
void toy_reset(struct toy_peer *peer);

/* Answers with 200, a Content-Length and this body. */
void toy_answer_with(struct toy_peer *peer, struct slice body);

#endif
