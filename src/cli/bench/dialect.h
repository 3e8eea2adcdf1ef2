/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_DIALECT_H
#define LARDER_CLI_BENCH_DIALECT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct connection;
struct load;
struct pending;

/* What a load asks and how: what connections leave to it. All functions run on the thread of the connection's worker. */
struct dialect {
    /* Bytes of the longest request of the load. */
    size_t (*request_max)(const struct load *load);
    /* Prepares the connection's scanner. */
    void (*open)(struct connection *connection);
    /* Fills in what is asked next. False: there is nothing left. */
    bool (*take)(struct connection *connection, struct pending *pending);
    /* Writes the request at `at`, where request_max bytes have room, and returns the end of what was written. */
    char *(*encode)(struct connection *connection, char *at, struct pending *pending);
    /* Takes bytes that arrived; connection_pop for each request that has its whole answer. Errors: PROTOCOL (what came
     * is no answer to what was asked), CLOSED (the server said that it ends the connection). */
    enum larder_error (*feed)(struct connection *connection, const char *data, size_t size);
};

extern const struct dialect dialect_memcached; /* text and meta */
extern const struct dialect dialect_http;      /* GET and PUT of keys */
extern const struct dialect dialect_service;   /* the routes of a near-cache service */

#endif
