/* SPDX-License-Identifier: Apache-2.0 */
#include "group/shared.h"

#include "base/clock.h"
#include "group/shared_op.h"

void shared_resume(struct shared_op *op, enum errand_action (*resume)(struct shared_op *op, int64_t now_ns)) {
    if (op->wait == SHARED_PARKED || op->wait == SHARED_AWAITS || op->wait == SHARED_FLIES) {
        shared_wait_end(op);
    }
    shared_order_unsent(op);
    op->wait = SHARED_RUNS;
    op->resume = resume;
    pending_post(&op->pending);
}

/* --- the errand's actions --- */

static void act(struct shared_worker *w, struct pending_queue *completions, const struct memory_access *memory,
                const struct request *request, struct reply *reply) {
    if (shared_is_origins(memory->policy, request)) {
        shared_run_origin(w, completions, memory, request, reply);
    } else {
        shared_act(memory, request, reply);
    }
}

/* The view may be another one meanwhile, and the authority have ended. */
static enum errand_action was_copied(struct shared_op *op, int64_t now_ns) {
    if (now_ns >= op->deadline_ns || op->worker->ended) {
        op->timed_out = true;
        return ERRAND_END;
    }
    return errand_ran(&op->errand, ERRAND_RAN_MOVED, now_ns);
}

/* Whoever posts it may have done so already. */
static void await_copies(struct shared_op *op, const struct hot_revocations *revocations) {
    op->resume = was_copied;
    op->wait = SHARED_COPIED;
    hot_changes_add(&op->worker->copied, &op->change, op->deadline_ns);
    shared_revoke(op->worker, op->request.key, &op->change, revocations);
}

static enum errand_action was_loaded(struct shared_op *op, int64_t now_ns) {
    return errand_ran(&op->errand, ERRAND_RAN_DONE, now_ns);
}

/* False: it waits for an origin, or for copies to go. */
static bool run_here(struct shared_op *op, int64_t now_ns) {
    struct hot_revocations revocations;
    struct memory_gate gate = {
        .keeper = op->errand.keeper,
        .view = op->errand.view,
        .slot = op->errand.slot,
        .inherits = op->errand.inherits,
        .hot = op->worker->shared->hot,
        .change = &op->change,
        .revocations = &revocations,
    };

    op->memory.gate = &gate;
    op->memory.policy = shared_policy(op);
    op->memory.now = shared_table_seconds(op->worker->shared, now_ns);
    act(op->worker, op->pending.queue, &op->memory, &op->request, &op->pending.reply);
    op->memory.gate = NULL;
    switch (gate.passage) {
    case MEMORY_MOVED:
        op->action = errand_ran(&op->errand, ERRAND_RAN_MOVED, now_ns);
        return true;
    case MEMORY_ABSENT:
        op->action = errand_ran(&op->errand, ERRAND_RAN_ABSENT, now_ns);
        return true;
    case MEMORY_COPIED:
        if (op->worker->ended) { /* nobody looks when the leases end */
            op->action = was_copied(op, now_ns);
            return true;
        }
        await_copies(op, &revocations);
        return false;
    case MEMORY_PASSED:
        break;
    }
    if (op->pending.reply.result == RESULT_PENDING) {
        shared_await_origin(op, was_loaded);
        return false;
    }
    memory_keep_reply(&op->pending.reply);
    op->action = errand_ran(&op->errand, ERRAND_RAN_DONE, now_ns);
    return true;
}

static enum errand_action was_sent(struct shared_op *op, int64_t now_ns) {
    return errand_sent(&op->errand, op->sent, op->revision, now_ns);
}

static enum errand_action was_asked(struct shared_op *op, int64_t now_ns) {
    return errand_asked(&op->errand, op->asked, op->revision, now_ns);
}

static enum errand_action was_refreshed(struct shared_op *op, int64_t now_ns) {
    return errand_refreshed(&op->errand, op->reached, now_ns);
}

static enum errand_action has_view(struct shared_op *op, int64_t now_ns) {
    return errand_refreshed(&op->errand, true, now_ns);
}

static enum errand_action go_on(struct shared_op *op, int64_t now_ns) {
    (void)now_ns;
    return op->action;
}

/* Meanwhile this node's authority may have ended, and with it the right to do so. */
static enum errand_action may_still_run(struct shared_op *op, int64_t now_ns) {
    return errand_refreshed(&op->errand, true, now_ns);
}

/* Waits until no earlier request for its key is in the way. */
static enum pending_next park(struct shared_op *op) {
    op->resume = op->action == ERRAND_RUN ? may_still_run : go_on;
    shared_wait_begin(op, SHARED_PARKED);
    return PENDING_WAIT;
}

/* True: its answer will come. */
static bool forward(struct shared_op *op, int64_t now_ns) {
    op->resume = was_sent;
    op->sent_serial = op->errand.view->serial;
    op->copy.sent_ns = 0;
    if (op->keeps) {
        shared_copy_asked(&op->copy, op->errand.view, op->errand.member, now_ns);
    }
    if (!shared_send(op, &op->sent)) {
        op->revision = 0;
        op->action = was_sent(op, now_ns);
        return false;
    }
    shared_order_sent(op);
    return true;
}

static bool ask(struct shared_op *op, int64_t now_ns) {
    op->resume = was_asked;
    shared_wait_begin(op, SHARED_FLIES);
    if (!shared_fly(op)) {
        shared_wait_end(op);
        op->action = errand_asked(&op->errand, ERRAND_ASKED_AWAY, 0, now_ns);
        return false;
    }
    return true;
}

static bool refresh(struct shared_op *op, int64_t now_ns) {
    if (op->worker->ended) {
        op->action = errand_refreshed(&op->errand, false, now_ns);
        return false;
    }
    op->resume = was_refreshed;
    op->wait = SHARED_REFRESH;
    if (!shared_refresh(op)) {
        op->action = errand_refreshed(&op->errand, false, now_ns);
        return false;
    }
    return true;
}

static bool await(struct shared_op *op, int64_t now_ns) {
    const struct keeper_view *view = op->worker->view;

    if (view != NULL && view->members->revision >= op->errand.revision) {
        op->action = has_view(op, now_ns);
        return false;
    }
    if (op->worker->ended) {
        op->action = errand_refreshed(&op->errand, false, now_ns);
        return false;
    }
    op->resume = has_view;
    shared_wait_begin(op, SHARED_AWAITS);
    return true;
}

void shared_await_check(struct shared_worker *w) {
    for (struct shared_op *op = w->waiting, *next; op != NULL; op = next) {
        next = op->next_waiting;
        if (op->wait == SHARED_AWAITS && w->view->members->revision >= op->errand.revision) {
            shared_resume(op, has_view);
        }
    }
}

/* --- its end --- */

static enum result result_of(const struct shared_op *op) {
    if (op->timed_out) {
        return op->reads ? RESULT_MISS : RESULT_UNSETTLED;
    }
    switch (op->errand.end) {
    case ERRAND_DONE:
        return op->pending.reply.result;
    case ERRAND_AWAY:
        return op->reads ? RESULT_MISS : RESULT_OWNER_AWAY;
    case ERRAND_UNKNOWN:
        return op->reads ? RESULT_MISS : RESULT_OWNER_UNKNOWN;
    case ERRAND_ISOLATED:
        return RESULT_ISOLATED;
    case ERRAND_NO_RING:
        return RESULT_NO_RING;
    case ERRAND_WRONG:
        return RESULT_WRONG_EPOCH;
    case ERRAND_UNSETTLED:
        break;
    }
    return op->reads ? RESULT_MISS : RESULT_UNSETTLED;
}

static enum pending_next end(struct shared_op *op) {
    struct reply *reply = &op->pending.reply;

    reply->result = op->refuses ? op->refusal : result_of(op);
    if (reply->result == RESULT_WRONG_EPOCH) {
        reply->revision = op->errand.revision;
    }
    if (op->cut) {
        telemetry_count(op->telemetry, COUNTER_LIMIT_MAX_TTL, 1);
    }
    if (op->expired && op->request.command == COMMAND_GET) {
        telemetry_count(op->telemetry, COUNTER_GET_EXPIRED, 1);
    }
    errand_fini(&op->errand);
    hot_change_end(op->worker->shared->hot, &op->change);
    shared_order_remove(op);
    return !op->refuses && shared_wants_aside(op, reply->result) ? shared_run_aside(op) : PENDING_DONE;
}

static enum errand_action begin(struct shared_op *op, int64_t now_ns) {
    struct shared_worker *w = op->worker;

    return errand_begin(&op->errand, w->shared->keeper, w->view, op->request.key, !op->reads, op->request.peer,
                        op->deadline_ns, now_ns);
}

/* Whoever has the key by now may have been the runner-up. */
static enum errand_action behind_runner_up(struct shared_op *op, int64_t now_ns) {
    enum errand_action action = begin(op, now_ns);

    return action == ERRAND_SEND && op->errand.view->members->revision < op->revision
               ? errand_sent(&op->errand, ERRAND_SENT_WRONG, op->revision, now_ns)
               : action;
}

bool shared_goes_after(struct shared_op *op, int64_t revision) {
    if (op->again || op->worker->ended || clock_monotonic_ns() >= op->deadline_ns) {
        return false;
    }
    op->again = true;
    op->revision = revision;
    shared_order_add(op);
    shared_resume(op, behind_runner_up);
    return true;
}

static enum pending_next step(struct pending *p) {
    struct shared_op *op = shared_op_of(p);
    int64_t now_ns = op->came_ns != 0 ? op->came_ns : clock_monotonic_ns();

    op->came_ns = 0;
    if (op->wait == SHARED_FLIES) {
        shared_wait_end(op);
    }
    hot_changes_remove(&op->worker->copied, &op->change);
    op->wait = SHARED_RUNS;
    op->action = op->resume(op, now_ns);
    for (;;) {
        switch (op->action) {
        case ERRAND_RUN:
            if (!shared_order_allows(op, 0)) {
                return park(op);
            }
            if (!run_here(op, now_ns)) {
                return PENDING_WAIT;
            }
            break;
        case ERRAND_SEND:
            if (!shared_order_allows(op, op->errand.view->serial)) {
                return park(op);
            }
            if (forward(op, now_ns)) {
                return PENDING_WAIT;
            }
            break;
        case ERRAND_ASK:
            if (ask(op, now_ns)) {
                return PENDING_WAIT;
            }
            break;
        case ERRAND_REFRESH:
            if (refresh(op, now_ns)) {
                return PENDING_WAIT;
            }
            break;
        case ERRAND_AWAIT:
            if (await(op, now_ns)) {
                return PENDING_WAIT;
            }
            break;
        case ERRAND_END:
            if (shared_goes_again(op, now_ns)) {
                op->again = true;
                errand_fini(&op->errand);
                op->action = begin(op, now_ns);
                break;
            }
            return end(op);
        }
    }
}

/* --- its beginning --- */

static void start(const struct shared_access *a, const struct request *request, const enum result *refusal, bool keeps,
                  struct reply *reply) {
    struct shared_op *op = shared_op_new(a, request, step, reply);

    if (op == NULL) {
        return;
    }
    if (refusal != NULL) {
        op->refuses = true;
        op->refusal = *refusal;
    }
    op->keeps = keeps;
    op->change.pending = &op->pending;
    op->resume = begin;
    shared_order_add(op);
    pending_start(&op->pending, reply);
}

void shared_start(const struct shared_access *a, const struct request *request, bool keeps, struct reply *reply) {
    start(a, request, NULL, keeps, reply);
}

/* What is here, and nothing is in the way of, is done at once, without an op. False: it is not so; *ret_owner is the owner's
 * index in the worker's view if it is another node's and nothing is in the way, else RING_NOBODY. */
static bool run_at_once(const struct shared_access *a, const struct request *request, struct reply *reply,
                        uint16_t *ret_owner) {
    struct shared_worker *w = a->worker;
    struct keeper *keeper = w->shared->keeper;
    struct memory_access memory = a->memory;
    struct memory_gate gate = {.keeper = keeper, .view = w->view, .hot = w->shared->hot};
    struct keeper_route route;

    *ret_owner = RING_NOBODY;
    if (w->under_way > 0 && !(request->peer != NULL && request->peer->give_up) &&
        shared_order_has(w, memory.table, request->key)) {
        return false;
    }
    route = request->peer == NULL ? keeper_route(keeper, w->view, request->key, a->now_ns)
                                  : keeper_receive(keeper, w->view, request->peer, request->key, a->now_ns);
    if (route.way == KEEPER_FORWARD) {
        *ret_owner = route.member;
    }
    if (route.way != KEEPER_OWN && route.way != KEEPER_INHERIT) {
        return false;
    }
    gate.slot = route.slot;
    gate.inherits = route.way == KEEPER_INHERIT;
    memory.gate = &gate;
    act(w, a->completions, &memory, request, reply);
    return gate.passage == MEMORY_PASSED;
}

/* To its owner, with nothing in the way; or it is answered with a copy, as if it were here. */
static void run_elsewhere(const struct shared_access *a, const struct request *request, uint16_t owner,
                          struct reply *reply) {
    enum shared_copy copy = shared_copy_find(a, request, reply);
    bool keeps = copy == SHARED_COPY_WANTED;

    if (copy != SHARED_COPY_SHOWN &&
        (group_policy_is_origin(a->memory.policy) || !shared_read(a, request, owner, keeps, reply))) {
        start(a, request, NULL, keeps, reply);
    }
}

void shared_run(const struct shared_access *a, const struct request *request, struct reply *reply) {
    uint16_t owner;

    if (__builtin_expect(request->peer != NULL && request->peer->revoke != 0, 0)) {
        shared_copy_revoked(a, request, reply);
        return;
    }
    if (request->peer != NULL && (request->options & REQUEST_ASIDE) != 0) {
        shared_serve_aside(a, request, reply);
        return;
    }
    a->worker->changes += request->peer == NULL && !shared_only_reads(request);
    if (run_at_once(a, request, reply, &owner)) {
        return;
    }
    if (owner != RING_NOBODY) {
        run_elsewhere(a, request, owner, reply);
    } else {
        start(a, request, NULL, false, reply);
    }
}

void shared_refuse(const struct shared_access *a, const struct request *request, enum result result,
                   struct reply *reply) {
    const struct request removal = {
        .command = COMMAND_DELETE,
        .key = request->key,
        .deadline_ns = request->deadline_ns,
        .peer = request->peer,
    };
    uint16_t owner;

    a->worker->changes++;
    if ((request->options & REQUEST_EVICT_ON_REFUSAL) != 0 && !run_at_once(a, &removal, reply, &owner)) {
        start(a, &removal, &result, false, reply);
    } else {
        reply->result = result;
    }
}

/* --- the worker --- */

void shared_worker_begin(struct shared_worker *w) {
    struct keeper_view *view;

    if (w->ended) {
        return;
    }
    view = keeper_view_ref(w->view);
    keeper_renew(w->shared->keeper, &view);
    if (view == w->view || peers_follow(w->peers, view->members) != LARDER_OK ||
        peers_follow(w->asks, view->members) != LARDER_OK || peers_follow(w->loads, view->members) != LARDER_OK) {
        keeper_view_unref(view);
        return;
    }
    keeper_view_unref(w->view);
    w->view = view;
    shared_await_check(w);
}

void shared_worker_flush(struct shared_worker *w) {
    if (!w->ended) {
        peers_flush(w->peers);
        peers_flush(w->asks);
        peers_flush(w->loads);
    }
}
