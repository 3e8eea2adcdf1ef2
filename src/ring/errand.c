/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/errand.h"

static enum errand_action end(struct errand *e, enum errand_end how) {
    e->end = how;
    return ERRAND_END;
}

/* A wait, if there is time and patience for it. */
static enum errand_action wait_for(struct errand *e, enum errand_action action, int64_t revision, int64_t now_ns) {
    if (now_ns >= e->deadline_ns || e->refreshes == ERRAND_TRIES) {
        return end(e, ERRAND_UNSETTLED);
    }
    e->refreshes++;
    e->revision = revision;
    return action;
}

static enum errand_action wrong(struct errand *e) {
    e->revision = e->view->members->revision;
    return end(e, ERRAND_WRONG);
}

/* Once more for each view: a peer waits for what its stamp says, and is told where we are if that does not come. */
static enum errand_action behind(struct errand *e, int64_t revision, int64_t now_ns) {
    if (now_ns >= e->deadline_ns || e->refreshes == ERRAND_TRIES) {
        return wrong(e);
    }
    return wait_for(e, ERRAND_AWAIT, revision, now_ns);
}

static enum errand_action forward(struct errand *e, int64_t now_ns) {
    if (now_ns >= e->deadline_ns || e->sends == ERRAND_TRIES) {
        return end(e, ERRAND_UNSETTLED);
    }
    e->sends++;
    return ERRAND_SEND;
}

static enum errand_action run(struct errand *e, bool inherits) {
    e->inherits = inherits;
    return ERRAND_RUN;
}

/* The previous owner had not got the key, or there is none: who else may still act for it? */
static enum errand_action clear_doubt(struct errand *e, int64_t now_ns) {
    e->member = keeper_doubted(e->keeper, e->view, now_ns);
    if (e->member == RING_NOBODY) {
        return run(e, false);
    }
    if (now_ns >= e->deadline_ns) {
        return end(e, ERRAND_UNSETTLED);
    }
    e->discards = true;
    return ERRAND_ASK;
}

/* What we own and may have to ask for. What was asked by this view need not be asked again: who has given a key up, or had
 * nothing, will have nothing. */
static enum errand_action inherit(struct errand *e, int64_t now_ns) {
    if (e->asked != e->view->serial) {
        return run(e, true);
    }
    return e->is_doubtful ? clear_doubt(e, now_ns) : run(e, false);
}

static enum errand_action decide(struct errand *e, int64_t now_ns) {
    struct keeper_route route = e->from_peer ? keeper_receive(e->keeper, e->view, &e->stamp, e->key, now_ns)
                                             : keeper_route(e->keeper, e->view, e->key, now_ns);

    e->member = route.member;
    e->slot = route.slot;
    switch (route.way) {
    case KEEPER_OWN:
        return run(e, false);
    case KEEPER_INHERIT:
        return inherit(e, now_ns);
    case KEEPER_FORWARD:
        return forward(e, now_ns);
    case KEEPER_ISOLATED:
        return end(e, ERRAND_ISOLATED);
    case KEEPER_BEHIND:
        return behind(e, route.revision, now_ns);
    case KEEPER_WRONG:
        return wrong(e);
    case KEEPER_NO_RING:
        break;
    }
    return end(e, ERRAND_NO_RING);
}

static enum errand_action decide_anew(struct errand *e, int64_t now_ns) {
    keeper_renew(e->keeper, &e->view);
    return decide(e, now_ns);
}

enum errand_action errand_begin(struct errand *e, struct keeper *keeper, struct keeper_view *view, struct slice key,
                                bool writes, const struct peer_stamp *stamp, int64_t deadline_ns, int64_t now_ns) {
    *e = (struct errand){.keeper = keeper,
                         .view = keeper_view_ref(view),
                         .key = key,
                         .writes = writes,
                         .from_peer = stamp != NULL,
                         .member = RING_NOBODY,
                         .deadline_ns = deadline_ns};
    if (stamp != NULL) {
        e->stamp = *stamp;
    }
    return decide_anew(e, now_ns);
}

/* It is ours, and not here. If nobody is to be asked for it, all is decided anew: time alone ends all doubt, and may have ended
 * our authority first. */
static enum errand_action absent(struct errand *e, int64_t now_ns) {
    if (e->from_peer && e->stamp.give_up) {
        return end(e, ERRAND_UNSETTLED);
    }
    if (e->member == RING_NOBODY) {
        e->asked = e->view->serial;
        e->is_doubtful = true;
        return decide_anew(e, now_ns);
    }
    if (now_ns >= e->deadline_ns) {
        return end(e, ERRAND_UNSETTLED);
    }
    e->discards = false;
    return ERRAND_ASK;
}

enum errand_action errand_ran(struct errand *e, enum errand_ran how, int64_t now_ns) {
    switch (how) {
    case ERRAND_RAN_DONE:
        break;
    case ERRAND_RAN_ABSENT:
        return absent(e, now_ns);
    case ERRAND_RAN_MOVED:
        return decide_anew(e, now_ns);
    }
    return end(e, ERRAND_DONE);
}

/* It is ahead of us; or it is behind and could not catch up, and then asking the store is of no use. Nor is it if this node is
 * cut off from the store. */
static enum errand_action catch_up(struct errand *e, int64_t revision, enum errand_end otherwise, int64_t now_ns) {
    if (revision <= e->view->members->revision) {
        return end(e, otherwise);
    }
    if (!keeper_may_act(e->keeper, now_ns)) {
        return end(e, ERRAND_ISOLATED);
    }
    return wait_for(e, ERRAND_REFRESH, revision, now_ns);
}

/* Each is decided anew: meanwhile the authority may have ended, or the lease's time have passed. */
enum errand_action errand_asked(struct errand *e, enum errand_asked how, int64_t revision, int64_t now_ns) {
    switch (how) {
    case ERRAND_ASKED_ANSWERED:
    case ERRAND_ASKED_UNSETTLED:
        keeper_answered(e->keeper, e->view, e->member);
        if (!e->discards) {
            e->asked = e->view->serial;
            e->is_doubtful = how == ERRAND_ASKED_UNSETTLED;
        }
        return decide_anew(e, now_ns);
    case ERRAND_ASKED_WRONG:
        return catch_up(e, revision, ERRAND_AWAY, now_ns);
    case ERRAND_ASKED_AWAY:
        break;
    }
    if (!keeper_passes_over(e->keeper, e->view, e->member, now_ns)) {
        return end(e, ERRAND_AWAY);
    }
    return decide_anew(e, now_ns);
}

enum errand_action errand_sent(struct errand *e, enum errand_sent how, int64_t revision, int64_t now_ns) {
    switch (how) {
    case ERRAND_SENT_ANSWERED:
        keeper_answered(e->keeper, e->view, e->member);
        return end(e, ERRAND_DONE);
    case ERRAND_SENT_REFUSED:
        return end(e, ERRAND_DONE);
    case ERRAND_SENT_WRONG:
        return catch_up(e, revision, ERRAND_UNSETTLED, now_ns);
    case ERRAND_SENT_AWAY:
        return end(e, ERRAND_AWAY);
    case ERRAND_SENT_LOST:
        break;
    }
    return end(e, e->writes ? ERRAND_UNKNOWN : ERRAND_AWAY);
}

enum errand_action errand_refreshed(struct errand *e, bool reached, int64_t now_ns) {
    if (!reached && !e->from_peer) {
        return end(e, ERRAND_UNSETTLED);
    }
    if (!reached) {
        e->refreshes = ERRAND_TRIES;
    }
    return decide_anew(e, now_ns);
}

void errand_fini(struct errand *e) {
    keeper_view_unref(e->view);
    e->view = NULL;
}
