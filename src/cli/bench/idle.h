/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_BENCH_IDLE_H
#define LARDER_CLI_BENCH_IDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/address.h"

/* Connections that say one thing and then wait. */
struct idle {
    int *fds;
    size_t count;
    size_t unserved; /* after idle_check */
    bool measured;   /* whether there was a process to look at */
    uint64_t resident_before;
    uint64_t resident_after; /* every connection was served once by then */
};

/* Opens `count` connections, each of which is answered once. `pid` is 0 or the server's, whose memory is read before
 * and after. False: the trouble was printed to standard error; nothing stays open. */
bool idle_open(struct idle *idle, const struct endpoint *endpoint, size_t count, uint64_t pid);

/* Asks on each connection again. */
void idle_check(struct idle *idle);

void idle_close(struct idle *idle);

#endif
