/* SPDX-License-Identifier: Apache-2.0 */
#include "session/peering.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/random.h"
#include "group/shared.h"
#include "session/internal.h"
#include "session/login.h"

bool session_is_peer(const struct session *s) {
    return s->peer != NULL && !s->peer->greeting;
}

int64_t session_peer_incarnation(const struct session *s) {
    const struct shared_worker *w = s->worker->context.shared_worker;
    const struct greeted *g = &s->peer->greeted;
    const struct member *member = NULL;

    if (w != NULL && w->view != NULL) {
        member = membership_find(w->view->members, slice_make(g->their_id, g->their_id_size));
    }
    return member != NULL ? member->incarnation : 0;
}

/* With the connection orders to drop copies may be lost. */
static void drop_copies(struct session *s) {
    const struct shared_worker *w = s->worker->context.shared_worker;

    if (session_is_peer(s) && w != NULL && w->shared->hot != NULL) {
        hot_node_drop(w->shared->hot, session_peer_incarnation(s));
    }
}

void session_peer_free(struct session *s) {
    drop_copies(s);
    free(s->peer);
    s->peer = NULL;
}

static void say(struct session *s, struct slice line) {
    struct outbox *out = session_outbox(s);

    if (out != NULL) {
        session_check(s, outbox_append(out, line));
    }
}

/* The connection ends: what comes next is not known to be anything. */
static void refuse(struct session *s, enum larder_error why, struct slice line) {
    const struct greeted *g = &s->peer->greeted;

    log_info("refused the greeting of a node", log_slice("node", slice_make(g->their_id, g->their_id_size)),
             log_string("reason", larder_error_text(why)));
    say(s, line);
    s->over = true;
}

static void accept_peer(struct session *s) {
    const struct greeted *g = &s->peer->greeted;

    log_debug("a node has greeted", log_slice("node", slice_make(g->their_id, g->their_id_size)));
    s->peer->greeting = false;
    session_who_free(s);
    session_who_show(s);
}

static void hear(struct session *s, struct slice heard) {
    const uint64_t random[] = {random_os_seed(), random_os_seed()};
    char nonce[GREETING_NONCE_SIZE];
    char line[GREETING_LINE_MAX];
    enum larder_error error;
    size_t size;
    bool done;

    memcpy(nonce, random, sizeof(nonce));
    error = greeted_hear(&s->peer->greeted, s->worker->context.node->peer_identity, nonce, heard, line, &size, &done);
    if (error != LARDER_OK) {
        refuse(s, error, slice_make(line, size));
        return;
    }
    say(s, slice_make(line, size));
    if (done) {
        accept_peer(s);
    }
}

void session_greet(struct session *s, struct slice line) {
    if (s->worker->context.node->peer_identity == NULL) {
        say(s, SLICE("CLIENT_ERROR this node is in no cluster\r\n"));
        s->over = true;
        return;
    }
    if (s->peer == NULL) {
        s->peer = calloc(1, sizeof(*s->peer));
        if (s->peer == NULL) {
            session_fail(s);
            return;
        }
        s->peer->greeting = true;
    }
    hear(s, line);
}
