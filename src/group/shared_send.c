/* SPDX-License-Identifier: Apache-2.0 */
#include "group/pending_span.h"
#include "group/shared_op.h"

/* The links follow the newest view that the worker has seen; an errand may still go by an older one, or know a newer one. */
uint16_t shared_member(struct shared_worker *w, const struct keeper_view *view, uint16_t member) {
    const struct member *wanted = &view->members->members[member];
    const struct member *known;

    if (w->view == NULL || w->view->serial < view->serial) {
        shared_worker_begin(w);
    }
    if (w->ended || w->view == NULL) {
        return RING_NOBODY;
    }
    if (w->view == view) {
        return member;
    }
    known = membership_find(w->view->members, wanted->id);
    if (known == NULL || known->incarnation != wanted->incarnation) {
        return RING_NOBODY;
    }
    return (uint16_t)(known - w->view->members->members);
}

enum errand_sent shared_sent_of(enum larder_error error) {
    return error == LARDER_ERROR_REFUSED ? ERRAND_SENT_AWAY : ERRAND_SENT_LOST;
}

enum errand_sent shared_sent_of_result(enum result result) {
    switch (result) {
    case RESULT_WRONG_EPOCH:
        return ERRAND_SENT_WRONG;
    case RESULT_ISOLATED:
    case RESULT_NO_RING:
    case RESULT_UNSETTLED:
    case RESULT_OWNER_AWAY:
    case RESULT_TOO_MANY_REQUESTS:
        return ERRAND_SENT_REFUSED;
    case RESULT_OWNER_UNKNOWN:
        return ERRAND_SENT_LOST;
    default:
        return ERRAND_SENT_ANSWERED;
    }
}

static enum errand_action was_answered(struct shared_op *op, int64_t now_ns) {
    return errand_sent(&op->errand, op->sent, op->revision, now_ns);
}

/* What the owner cannot do: it is he who is cut off, not this node. */
static enum result refusal_of(const struct shared_op *op, enum result result) {
    if (op->reads && result != RESULT_TOO_MANY_REQUESTS) {
        return RESULT_MISS;
    }
    return result == RESULT_ISOLATED || result == RESULT_NO_RING ? RESULT_OWNER_AWAY : result;
}

/* Of an origin group: the answer says itself what it is. The owner may also know the group as another kind. */
static void take_origins(struct shared_op *op) {
    struct reply *reply = &op->pending.reply;

    if (!op->reads || !shared_is_origins(shared_policy(op), &op->request) ||
        (reply->result == RESULT_HIT && reply->item.head_size > 0 &&
         origin_take_answer(op->worker->origin->origin, reply))) {
        return;
    }
    if (reply->result == RESULT_HIT) {
        reply_release(reply);
        *reply = (struct reply){.result = RESULT_UNSUPPORTED, .group = reply->group};
    }
}

void shared_take_told(struct shared_op *op, const struct reply *answered) {
    struct shared_worker *w = op->worker;

    shared_take_answer(w->shared, &op->pending.reply, answered, op->data + op->used, op->room - op->used);
    shared_copy_put(w, op->memory.table, &op->copy, op->request.key, answered, &op->pending.reply);
    take_origins(op);
}

static void on_answer(void *ctx, enum larder_error error, const struct answer *answer) {
    struct shared_op *op = ctx;

    pending_span_hop_ended(&op->pending, error, error == LARDER_OK ? answer->reply.result : RESULT_MISS);
    op->revision = 0;
    if (error != LARDER_OK) {
        op->sent = shared_sent_of(error);
    } else {
        op->sent = shared_sent_of_result(answer->reply.result);
        op->revision = answer->reply.revision;
        if (op->sent == ERRAND_SENT_ANSWERED) {
            shared_take_told(op, &answer->reply);
            shared_order_leave(op);
        } else if (op->sent == ERRAND_SENT_REFUSED) {
            op->pending.reply.result = refusal_of(op, answer->reply.result);
        }
    }
    shared_resume(op, was_answered);
}

bool shared_send(struct shared_op *op, enum errand_sent *ret_sent) {
    const struct keeper_view *view = op->errand.view;
    struct peer_stamp stamp = keeper_stamp(view, false);
    uint16_t member = shared_member(op->worker, view, op->errand.member);
    struct peers *links = op->worker->peers;
    struct request request = op->request;

    stamp.keeps = op->copy.sent_ns != 0;
    request.peer = &stamp;
    request.placed = NULL;
    request.deadline_ns = op->deadline_ns;
    *ret_sent = ERRAND_SENT_AWAY;
    if (shared_is_origins(shared_policy(op), &op->request)) {
        links = op->worker->loads;
        request.options |= request.command == COMMAND_GET ? REQUEST_OUT_OF_TURN : 0;
    }
    if (member == RING_NOBODY) {
        return false;
    }
    pending_span_hop_begins(&op->pending, request.command, &request.trace);
    if (peers_submit(links, member, &request, on_answer, op) == LARDER_OK) {
        return true;
    }
    pending_span_hop_ended(&op->pending, LARDER_ERROR_REFUSED, RESULT_MISS);
    return false;
}
