/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_DAEMON_LISTENERS_H
#define LARDER_DAEMON_LISTENERS_H

#include "daemon/options.h"
#include "net/listener.h"

struct node;

struct listeners {
    struct listener *items[OPTIONS_LISTENS_MAX];
    size_t count;
    bool exhausted;        /* said that no descriptor is left */
    const char *port_file; /* to be removed at the end; NULL: none */
};

/* Opens what the options name and writes the port file. A default address that is busy is skipped with a warning as long
 * as one remains. False: said in the log, and nothing is open. */
bool listeners_open(struct listeners *listeners, struct node *node);

/* Stops listening and removes the port file; twice is fine. */
void listeners_close(struct listeners *listeners);

#endif
