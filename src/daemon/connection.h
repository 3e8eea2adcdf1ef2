/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_DAEMON_CONNECTION_H
#define LARDER_DAEMON_CONNECTION_H

#include "net/stream.h"
#include "session/session.h"

struct worker;

/* A socket and the session that it feeds; a link of its worker's list. Lives on the worker's thread. */
struct connection {
    struct stream stream;
    struct session session;
    struct worker *worker;
    struct connection *previous;
    struct connection *next;
    int64_t active_ns; /* when bytes last arrived */
    bool reading;      /* as the stream was last told */
    bool writing;
    bool lingering; /* everything is said; what still comes is read away until the client ends too */
    bool ended;     /* the client sends no more; what it asked is still answered */
};

/* Takes over the accepted socket. Errors: as stream_open; the socket is then closed. */
enum larder_error connection_open(struct worker *worker, int fd);

/* For session_worker's on_ready: replies have come, sends them and goes on. */
void connection_ready(struct session *session);

/* Closes it if nothing is under way; else it closes when its replies are sent. */
void connection_drain(struct connection *connection);

/* Closes it whatever is under way. */
void connection_abort(struct connection *connection);

#endif
