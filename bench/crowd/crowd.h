/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_BENCH_CROWD_CROWD_H
#define LARDER_BENCH_CROWD_CROWD_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "net/address.h"

/* Many clients of HTTP/1.1 that all ask for the same at once, on connections that they have already. One thread, which does
 * nothing but wait for them. */
struct crowd;

/* Connects `clients` of them (at least 1), to the endpoints by turns. Errors: NO_MEMORY, IO (errno says more). */
enum larder_error crowd_new(const struct endpoint *endpoints, size_t count, size_t clients, struct crowd **ret_crowd);
void crowd_free(struct crowd *crowd); /* NULL is allowed */

/* Times are from just before the first request was sent. */
struct crowd_round {
    size_t answered; /* with 200 */
    size_t wrong;    /* with anything else, or broken off */
    int64_t sent_ns; /* when the last request had gone out */
    int64_t first_ns;
    int64_t median_ns;
    int64_t slowest_ns;
    uint64_t bytes; /* of all bodies */
};

/* Each client sends `request`, one whole GET, and waits for its answer. The endpoints should name the same service: the
 * request is the same for all. Errors: TIMEOUT (after timeout_ns not all are answered), CLOSED (a connection ended before or
 * while its request was sent), IO. The crowd is of no further use then, nor if anything was wrong. */
enum larder_error crowd_ask(struct crowd *crowd, const char *request, size_t size, int64_t timeout_ns,
                            struct crowd_round *ret_round);

#endif
