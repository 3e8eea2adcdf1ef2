/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_SESSION_PEERING_H
#define LARDER_SESSION_PEERING_H

#include "peer/greeting.h"
#include "proto/memcached/command.h"
#include "session/session.h"

/* Another node of the cluster on a connection that began as memcached's: it greets, and then asks as nodes do. It is nobody to
 * the store: its requests are for memory groups, whose keys it is sent for by the node that has them, or that has had them. */

struct session_peer {
    struct greeted greeted;
    bool greeting; /* not over yet: each line belongs to it */
};

/* Whether the next line belongs to a greeting that has begun. */
static inline bool session_is_greeting(const struct session *s) {
    return s->peer != NULL && s->peer->greeting;
}

/* Takes a line that begins a greeting (greeting_is), or that belongs to one, and answers it. */
void session_greet(struct session *s, struct slice line);

/* The incarnation of the node that has greeted here, as this worker's view has it; 0: it does not know the node. What is told by
 * a view in which that node is another one already is nothing that this one acts by. */
int64_t session_peer_incarnation(const struct session *s);

/* Decodes a line as whoever speaks here means it. */
static inline void session_decode(const struct session *s, struct slice line, struct mc_command *ret_command) {
    if (__builtin_expect(session_is_peer(s), 0)) {
        mc_decode_greeted(line, s->worker->context.now_ns, ret_command);
        if (ret_command->request.peer != NULL && ret_command->stamp.keeps) {
            ret_command->stamp.asker = session_peer_incarnation(s);
        }
    } else {
        mc_decode(line, ret_command);
    }
}

void session_peer_free(struct session *s);

#endif
