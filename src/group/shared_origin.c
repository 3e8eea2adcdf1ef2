/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "group/shared_op.h"

/* Requests of origin groups on their way: the owner of a key loads it, and keeps it. */

bool shared_is_origins(const struct group_policy *policy, const struct request *request) {
    return group_policy_is_origin(policy) && request->command != COMMAND_DEBUG &&
           !(request->peer != NULL && request->peer->give_up);
}

static struct origin_access access_of(struct shared_worker *w, struct pending_queue *completions,
                                      const struct memory_access *memory) {
    return (struct origin_access){
        .memory = *memory,
        .worker = w->origin,
        .completions = completions,
        .now_ns = clock_monotonic_ns(),
        .value_max = w->shared->value_max,
    };
}

static void limit_value(const struct shared_worker *w, const struct request *request, struct reply *reply) {
    if (request->peer != NULL && reply->item.head_size > 0 && reply->item.value.size > w->shared->value_max) {
        reply_release(reply);
        *reply = (struct reply){.result = RESULT_TOO_LARGE, .group = reply->group};
    }
}

void shared_run_origin(struct shared_worker *w, struct pending_queue *completions, const struct memory_access *memory,
                       const struct request *request, struct reply *reply) {
    const struct origin_access a = access_of(w, completions, memory);

    origin_run(&a, request, reply);
    if (reply->result != RESULT_PENDING && memory->gate->passage == MEMORY_PASSED) {
        limit_value(w, request, reply);
    }
}

static void on_loaded(void *owner, struct reply *reply) {
    struct shared_op *op = owner;

    op->pending.reply = *reply;
    shared_resume(op, op->resume);
}

void shared_await_origin(struct shared_op *op, enum errand_action (*resume)(struct shared_op *op, int64_t now_ns)) {
    op->resume = resume;
    op->wait = SHARED_LOADS;
    shared_order_leave(op); /* what comes behind it may join it, or purge the key */
    pending_await(op->pending.reply.pending, on_loaded, op);
}

/* --- aside --- */

bool shared_wants_aside(const struct shared_op *op, enum result result) {
    return op->request.command == COMMAND_GET && op->request.peer == NULL &&
           shared_is_origins(shared_policy(op), &op->request) &&
           (result == RESULT_MISS || result == RESULT_TOO_LARGE || result == RESULT_ISOLATED ||
            result == RESULT_NO_RING || result == RESULT_UNSUPPORTED);
}

static void on_aside(void *owner, struct reply *reply) {
    struct shared_op *op = owner;

    op->pending.reply = *reply;
    pending_end(&op->pending);
}

enum pending_next shared_run_aside(struct shared_op *op) {
    struct reply *reply = &op->pending.reply;
    struct origin_access a;

    op->memory.gate = NULL;
    op->memory.policy = shared_policy(op);
    a = access_of(op->worker, op->pending.queue, &op->memory);
    *reply = (struct reply){.group = reply->group};
    telemetry_count(op->telemetry, COUNTER_ORIGIN_ASIDE, 1);
    origin_run_aside(&a, &op->request, reply);
    if (reply->result != RESULT_PENDING) {
        return PENDING_DONE;
    }
    op->wait = SHARED_LOADS;
    pending_await(reply->pending, on_aside, op);
    return PENDING_WAIT;
}
