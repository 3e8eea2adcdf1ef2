/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_NET_LISTENER_H
#define LARDER_NET_LISTENER_H

#include "base/error.h"
#include "net/address.h"

struct loop;
struct listener;

struct listener_ops {
    /* A new connection: non-blocking, close-on-exec, TCP_NODELAY. The callee owns `fd` (stream_open, here or on another
     * loop, or close). */
    void (*on_accept)(void *ctx, int fd);
    /* The process or the system has no descriptor or memory left: accepting pauses for LISTENER_PAUSE_MS and clients
     * wait in the backlog. For logs and metrics; may be NULL. */
    void (*on_exhausted)(void *ctx);
};

enum {
    LISTENER_BACKLOG = 4096,        /* the kernel caps it at net.core.somaxconn */
    LISTENER_ACCEPTS_PER_TURN = 64, /* so that a flood of connections does not starve the loop's other work */
    LISTENER_PAUSE_MS = 100,
};

/* Binds and listens. IPv6 sockets are IPv6 only. A Unix socket's file is replaced if it is a socket that nobody answers
 * on. `ops` must outlive the listener. Errors: IN_USE (somebody listens there), UNSUPPORTED (a name other than
 * localhost), NO_MEMORY, LIMIT (no descriptors), IO (anything else: errno says what, as after IN_USE and LIMIT). */
enum larder_error listener_open(struct loop *loop, const struct address *address, const struct listener_ops *ops,
                                void *ctx, struct listener **ret_listener);

/* Where it listens in truth: port 0 has become the port that the kernel chose. */
const struct address *listener_address(const struct listener *listener);

/* Lets new connections wait in the backlog; twice is fine. */
void listener_pause(struct listener *listener);
void listener_resume(struct listener *listener);

/* Stops listening at once, removes the file of a Unix socket, gives the listener up. Allowed inside on_accept, which is
 * then not called again. NULL is allowed. */
void listener_close(struct listener *listener);

#endif
