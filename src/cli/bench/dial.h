/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_DIAL_H
#define LARDER_CLI_BENCH_DIAL_H

#include <stdbool.h>

#include "net/address.h"

/* Plain blocking conversations with a server, outside of any loop: to see that it is there, and for connections that
 * only wait. */

/* A connected socket that gives up waiting after some seconds; the caller closes it. -1: errno says why. */
int dial(const struct endpoint *endpoint);

/* Asks for the version and takes the answer. False: no answer, or not one of memcached's. */
bool dial_is_served(int fd);

/* The first endpoint of the address that answers, in memcached's words or in HTTP's. False: the trouble was printed to
 * standard error. */
bool dial_choose(const struct address *address, bool http, struct endpoint *ret_endpoint);

#endif
