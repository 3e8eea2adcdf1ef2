/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_UNIT_NET_TOY_COLLECTOR_H
#define LARDER_TESTS_UNIT_NET_TOY_COLLECTOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

/* A server of HTTP on threads of its own, for who posts and waits: it keeps the first 256 POSTs, and says to each what a test
 * decides. Its functions are for the test's thread, which they fail after a minute without what they wait for. */
struct toy_collector;

enum toy_then {
    TOY_LISTENS, /* the connection is kept */
    TOY_CLOSES,
    TOY_HANGS,   /* nothing more comes */
    TOY_REPEATS, /* the bytes come again, for as long as somebody reads */
};

struct toy_answer {
    struct slice bytes; /* the head too */
    enum toy_then then;
};

/* One that a literal says. */
#define TOY_ANSWER(text, then)                                                                                         \
    { {"" text, sizeof(text) - 1}, then }

struct toy_post {
    struct buf head; /* with its empty line */
    struct buf body;
};

/* The first POST gets the first answer, whatever its connection; the last one is given again and again. They are borrowed. */
struct toy_collector *toy_collector_new(const struct toy_answer *answers, size_t count);
void toy_collector_free(struct toy_collector *c);

/* "http://127.0.0.1:PORT"; nobody else gets the port, also while nobody listens. */
const char *toy_collector_url(const struct toy_collector *c);

/* Closes all connections; who connects is refused. Then listens again. */
void toy_collector_shut(struct toy_collector *c);
void toy_collector_open(struct toy_collector *c);

/* From now on a POST is kept, and its answer comes when it is released. */
void toy_collector_hold(struct toy_collector *c);
void toy_collector_release(struct toy_collector *c);

/* Waits until so many POSTs have come. */
void toy_collector_await(struct toy_collector *c, size_t posts);

/* How many have come. */
size_t toy_collector_count(struct toy_collector *c);
size_t toy_collector_connections(struct toy_collector *c);

/* One that has come; valid until the collector is freed. */
const struct toy_post *toy_collector_post(struct toy_collector *c, size_t at);

#endif
