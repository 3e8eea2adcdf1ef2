/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "group/origin_load.h"
#include "group/shared_op.h"

/* A flight that has come to its end while other nodes may have copies of what it replaces: it lands when they have none any more,
 * so that nobody is told of the new answer while another is still given the old one. Meanwhile it can be made void as before, and
 * joined while what has come is fresh; whom it would be stale for waits in the round. There are such copies if somebody wanted
 * better than a fresh answer, or if the entry that was copied has gone for want of room: of what is stale there are none
 * (hot_copies.h, rule 2). */

struct landing {
    struct pending pending; /* first */
    struct hot_change change;
    struct origin_flight *flight;
};

static void free_landing(struct pending *p) {
    free(p);
}

static enum pending_next step(struct pending *p) {
    struct landing *l = (struct landing *)(void *)p;
    struct origin_flight *f = l->flight;
    struct shared_worker *w = f->worker->shared;
    struct hot_revocations revocations;

    hot_changes_remove(&w->copied, &l->change);
    if (f->worker->ended) {
        hot_change_end(w->shared->hot, &l->change);
        origin_give_up(f, RESULT_ORIGIN_BUSY);
        return PENDING_DONE;
    }
    if (!origin_publish(f, &l->change, &revocations)) {
        hot_changes_add(&w->copied, &l->change, INT64_MAX);
        shared_revoke(w, origin_flight_key(f), &l->change, &revocations);
        return PENDING_WAIT;
    }
    hot_change_end(w->shared->hot, &l->change);
    origin_land_published(f);
    return PENDING_DONE;
}

void origin_await_copies(struct origin_flight *f) {
    struct landing *l = calloc(1, sizeof(*l));
    struct reply reply = {.result = RESULT_DONE};

    if (l == NULL) {
        origin_give_up(f, RESULT_NO_MEMORY);
        return;
    }
    origin_land_later(f);
    pending_init(&l->pending, f->worker->shared->completions, NULL, step, free_landing);
    l->change.pending = &l->pending;
    l->flight = f;
    pending_start(&l->pending, &reply);
    if (reply.result != RESULT_PENDING) {
        reply_release(&reply);
    }
}
