/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_NET_FETCH_CONNECTION_H
#define LARDER_NET_FETCH_CONNECTION_H

#include <stdbool.h>
#include <sys/queue.h>

/* The sockets that libcurl opened, by the two ends by which it names them in its callbacks: it does not say there which
 * descriptor a request goes out on, and one that never came to stand it closes without a word. */

struct fetch;
struct fetch_connection;

TAILQ_HEAD(fetch_connections, fetch_connection);

struct fetch_ends {
    const char *server; /* numeric addresses */
    const char *own;
    int server_port;
    int own_port;
};

enum fetch_use {
    FETCH_USE_NEW,
    FETCH_USE_KEPT,
    FETCH_USE_SPOILT, /* kept, and the server has ended it, or said what nobody asked for */
};

/* A socket was opened for this fetch. False: out of memory. */
bool fetch_connection_open(struct fetch_connections *all, struct fetch *fetch, int descriptor);

/* A request of this fetch is about to go out between these ends. */
enum fetch_use fetch_connection_use(struct fetch_connections *all, struct fetch *fetch, const struct fetch_ends *ends);

/* The descriptor is closed now. Whether it was a connection that stood. */
bool fetch_connection_close(struct fetch_connections *all, int descriptor);

/* What was opened for this fetch and never came to stand is closed. */
void fetch_connection_forget(struct fetch_connections *all, const struct fetch *fetch);

#endif
