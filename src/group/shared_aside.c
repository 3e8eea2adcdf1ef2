/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/clock.h"
#include "group/pending_span.h"
#include "group/shared_op.h"

/* What becomes of a key of an origin group while its owner cannot be asked (rules 3 and 7 of the ring). Its runner-up asks the
 * origin for all nodes: who owns the key next if the owner goes. He keeps the answer for a short time, and when the owner has gone
 * he takes it over as his entry; so a node that dies costs each of its keys one request to the origin. He is asked by a request
 * that is marked as such, which is done by him or not at all. If he cannot be reached either, each node asks for itself.
 *
 * While an owner can be reached by some nodes and not by others, what is kept aside would outlive a change that he makes: so he tells
 * the runner-up before he says that it is made. He does not wait for one whom he cannot reach. */

/* How long an owner waits for the runner-up to say that he knows. */
#define TELL_NS CLOCK_NS_PER_S

/* --- who asks --- */

static bool is_away(const struct shared_op *op) {
    return !op->timed_out && op->errand.end == ERRAND_AWAY;
}

static bool is_origin_read(const struct shared_op *op) {
    return op->request.command == COMMAND_GET && op->request.peer == NULL &&
           shared_is_origins(shared_policy(op), &op->request);
}

bool shared_goes_again(const struct shared_op *op, int64_t now_ns) {
    if (op->again || !is_away(op) || !is_origin_read(op) || op->errand.view == NULL || now_ns >= op->deadline_ns) {
        return false;
    }
    shared_worker_begin(op->worker);
    return op->worker->view != NULL && op->worker->view->serial != op->errand.view->serial;
}

bool shared_wants_aside(const struct shared_op *op, enum result result) {
    return is_origin_read(op) && (result == RESULT_MISS || result == RESULT_TOO_LARGE || result == RESULT_ISOLATED ||
                                  result == RESULT_NO_RING || result == RESULT_UNSUPPORTED);
}

/* Whether, as this node sees it, another node owns the key. */
static bool is_anothers(const struct keeper_view *view, uint32_t slot) {
    return view != NULL && view->self != RING_NOBODY && view->owners[slot] != RING_NOBODY &&
           view->owners[slot] != view->self;
}

static enum origin_keep keep_of(struct keeper *keeper, const struct keeper_view *view, int64_t now_ns) {
    return keeper_settled(keeper, view, now_ns) ? ORIGIN_KEEP_TO_ADOPT : ORIGIN_KEEP_BRIEFLY;
}

/* What an owner who can be reached changes is not told to us, so then nothing is kept. */
static enum origin_keep may_keep(const struct shared_op *op) {
    const struct shared_worker *w = op->worker;

    if (op->errand.end == ERRAND_ISOLATED || op->errand.end == ERRAND_NO_RING) {
        return ORIGIN_KEEP_BRIEFLY;
    }
    return is_away(op) && is_anothers(w->view, op->errand.slot)
               ? keep_of(w->shared->keeper, w->view, clock_monotonic_ns())
               : ORIGIN_KEEP_NOTHING;
}

static void on_aside(void *owner, struct reply *reply) {
    struct shared_op *op = owner;

    op->pending.reply = *reply;
    pending_end(&op->pending);
}

static enum pending_next run_here(struct shared_op *op) {
    struct shared_worker *w = op->worker;
    struct reply *reply = &op->pending.reply;
    struct origin_access a;

    shared_worker_begin(
        w); /* what was asked before a purge that this node has applied will not do for who comes after it */
    op->memory.gate = NULL;
    op->memory.policy = shared_policy(op);
    a = shared_origin_access(w, op->pending.queue, &op->memory);
    *reply = (struct reply){.group = reply->group};
    origin_run_aside(&a, &op->request, w->view, may_keep(op), reply);
    if (reply->result != RESULT_PENDING) {
        return PENDING_DONE;
    }
    op->wait = SHARED_LOADS;
    pending_await(reply->pending, on_aside, op);
    shared_hear_origin(reply->pending);
    return PENDING_WAIT;
}

static void on_runner_up(void *ctx, enum larder_error error, const struct answer *answer) {
    struct shared_op *op = ctx;
    struct reply *reply = &op->pending.reply;

    pending_span_hop_ended(&op->pending, error, error == LARDER_OK ? answer->reply.result : RESULT_MISS);
    if (error == LARDER_OK && answer->reply.result == RESULT_WRONG_EPOCH && answer->reply.revision > op->revision &&
        shared_goes_after(op, answer->reply.revision)) {
        return;
    }
    if (error == LARDER_OK && shared_sent_of_result(answer->reply.result) == ERRAND_SENT_ANSWERED) {
        shared_take_told(op, &answer->reply);
        if (!shared_wants_aside(op, reply->result)) {
            pending_end(&op->pending);
            return;
        }
        reply_release(reply);
    }
    if (run_here(op) == PENDING_DONE) {
        pending_end(&op->pending);
    }
}

/* True: his answer will come. */
static bool ask_runner_up(struct shared_op *op) {
    struct shared_worker *w = op->worker;
    const struct group_policy *policy = shared_policy(op);
    struct request request = op->request;
    struct peer_stamp stamp;
    uint16_t member;

    if (w->ended || !is_away(op) || !is_anothers(w->view, op->errand.slot)) {
        return false;
    }
    member = keeper_runner_up(w->view, op->errand.slot);
    if (member == RING_NOBODY || member == w->view->self) {
        return false;
    }
    op->revision = w->view->members->revision;
    stamp = keeper_stamp(w->view, false);
    request.peer = &stamp;
    request.options |= REQUEST_OUT_OF_TURN | REQUEST_ASIDE;
    request.deadline_ns = clock_monotonic_ns() + w->shared->timeout_ns + policy->origin.timeout_ns;
    pending_span_hop_begins(&op->pending, request.command, &request.trace);
    if (peers_submit(w->loads, member, &request, on_runner_up, op) == LARDER_OK) {
        return true;
    }
    pending_span_hop_ended(&op->pending, LARDER_ERROR_REFUSED, RESULT_MISS);
    return false;
}

enum pending_next shared_run_aside(struct shared_op *op) {
    if (ask_runner_up(op)) {
        op->wait = SHARED_LOADS;
        return PENDING_WAIT;
    }
    return run_here(op);
}

/* --- the runner-up --- */

static void serve_read(const struct shared_access *a, const struct origin_access *origin, const struct request *request,
                       struct reply *reply) {
    struct shared_worker *w = a->worker;
    struct keeper *keeper = w->shared->keeper;
    const struct keeper_route route = keeper_receive_aside(keeper, w->view, request->peer, request->key, a->now_ns);

    switch (route.way) {
    case KEEPER_OWN:
        origin_run_aside(origin, request, w->view, keep_of(keeper, w->view, a->now_ns), reply);
        if (reply->result != RESULT_PENDING) {
            shared_limit_value(w, request, reply);
        }
        break;
    case KEEPER_NO_RING:
        reply->result = RESULT_NO_RING;
        break;
    case KEEPER_ISOLATED:
        reply->result = RESULT_ISOLATED;
        break;
    default:
        reply->result = RESULT_WRONG_EPOCH;
        reply->revision = w->view->members->revision;
        break;
    }
}

/* What this node has of the key is void, whoever has it and by whatever view: it may be an entry already. */
static void drop(const struct origin_access *origin, const struct request *request, struct reply *reply) {
    const struct request removal = {.command = COMMAND_DELETE, .key = request->key, .peer = request->peer};

    origin_run(origin, &removal, reply);
}

void shared_serve_aside(const struct shared_access *a, const struct request *request, struct reply *reply) {
    const struct origin_access origin = shared_origin_access(a->worker, a->completions, &a->memory);

    reply->result = RESULT_UNSUPPORTED;
    if (!group_policy_is_origin(a->memory.policy)) {
        return;
    }
    if (request->command == COMMAND_GET) {
        serve_read(a, &origin, request, reply);
    } else if (request->command == COMMAND_DELETE) {
        drop(&origin, request, reply);
    }
}

/* --- the owner --- */

/* A change that is made, and is not said to be so yet. */
struct notice {
    struct pending pending; /* first; with the reply */
};

static void free_notice(struct pending *p) {
    free(p);
}

static void on_told(void *ctx, enum larder_error error, const struct answer *answer) {
    struct notice *notice = ctx;

    (void)error;
    (void)answer;
    pending_end(&notice->pending);
}

static bool tell(struct shared_worker *w, const struct keeper_view *view, uint16_t runner_up, struct slice key,
                 struct notice *notice) {
    const struct peer_stamp stamp = keeper_stamp(view, false);
    const struct request request = {
        .command = COMMAND_DELETE,
        .options = REQUEST_ASIDE,
        .key = key,
        .deadline_ns = clock_monotonic_ns() + TELL_NS,
        .peer = &stamp,
    };
    uint16_t member = shared_member(w, view, runner_up);

    return member != RING_NOBODY && peers_submit(w->peers, member, &request, on_told, notice) == LARDER_OK;
}

void shared_tell_runner_up(struct shared_worker *w, struct pending_queue *completions, const struct memory_gate *gate,
                           const struct request *request, struct reply *reply) {
    uint16_t runner_up;
    struct notice *notice;

    if ((request->command != COMMAND_SET && request->command != COMMAND_DELETE) ||
        (runner_up = keeper_runner_up(gate->view, gate->slot)) == RING_NOBODY ||
        (notice = calloc(1, sizeof(*notice))) == NULL) {
        return;
    }
    pending_init(&notice->pending, completions, NULL, NULL, free_notice);
    notice->pending.reply = *reply;
    if (!tell(w, gate->view, runner_up, request->key, notice)) {
        free_notice(&notice->pending);
        return;
    }
    reply->result = RESULT_PENDING;
    reply->pending = &notice->pending;
}
