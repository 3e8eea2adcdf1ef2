/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_SESSION_PEER_CLIENT_H
#define LARDER_TESTS_SESSION_PEER_CLIENT_H

#include "harness.h"
#include "peer/hello.h"

/* Another node at the harness's, on a client's connection. */

static const struct greeting_identity peer_client_identity = {{"cluster", 7}, {"them", 4}, {"token", 5}};
static const struct greeting_identity peer_client_host = {{"cluster", 7}, {"us", 2}, {"token", 5}};

/* What was heard goes to the greeting. Its state. */
static inline enum larder_error peer_client_hear(struct client *c, struct hello *h, bool *ret_done) {
    char *place;
    size_t room;

    hello_input(h, &place, &room);
    harness_must(c->heard.size > 0 && c->heard.size <= room);
    memcpy(place, c->heard.data, c->heard.size);
    room = c->heard.size;
    c->heard.size = 0;
    return hello_received(h, room, ret_done);
}

/* Greets as `identity`. Returns how it ended. */
static inline enum larder_error peer_client_greet_as(struct client *c, const struct greeting_identity *identity) {
    enum larder_error error = LARDER_OK;
    bool done = false;
    struct hello h;

    hello_begin(&h, identity, slice_make(NULL, 0));
    while (error == LARDER_OK && !done) {
        struct slice output = hello_output(&h);

        client_say(c, output.data, output.size);
        hello_sent(&h, output.size);
        error = peer_client_hear(c, &h, &done);
    }
    return error;
}

/* The harness is in the cluster, and the client is another node of it. */
static inline void peer_client_greet(struct harness *h, struct client *c) {
    h->node.peer_identity = &peer_client_host;
    harness_must(peer_client_greet_as(c, &peer_client_identity) == LARDER_OK);
    harness_must(session_is_peer(&c->session));
}

#endif
