/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "group/shared_op.h"

/* Requests of origin groups on their way: the owner of a key loads it, and keeps it. */

bool shared_is_origins(const struct group_policy *policy, const struct request *request) {
    return group_policy_is_origin(policy) && request->command != COMMAND_DEBUG &&
           !(request->peer != NULL && request->peer->give_up);
}

struct origin_access shared_origin_access(struct shared_worker *w, struct pending_queue *completions,
                                          const struct memory_access *memory) {
    return (struct origin_access){
        .memory = *memory,
        .worker = w->origin,
        .completions = completions,
        .now_ns = clock_monotonic_ns(),
        .value_max = w->shared->value_max,
    };
}

void shared_limit_value(const struct shared_worker *w, const struct request *request, struct reply *reply) {
    if (request->peer != NULL && reply->item.head_size > 0 && reply->item.value.size > w->shared->value_max) {
        reply_release(reply);
        *reply = (struct reply){.result = RESULT_TOO_LARGE, .group = reply->group};
    }
}

void shared_run_origin(struct shared_worker *w, struct pending_queue *completions, const struct memory_access *memory,
                       const struct request *request, struct reply *reply) {
    const struct origin_access a = shared_origin_access(w, completions, memory);

    origin_run(&a, request, reply);
    if (reply->result != RESULT_PENDING && memory->gate->passage == MEMORY_PASSED) {
        shared_limit_value(w, request, reply);
        shared_tell_runner_up(w, completions, memory->gate, request, reply);
    }
}

static void on_news(void *owner, struct answer_stream *stream) {
    struct shared_op *op = owner;

    pending_tell_news(&op->pending, stream);
}

void shared_hear_origin(struct pending *load) {
    pending_hear(load, on_news);
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
    shared_hear_origin(op->pending.reply.pending);
}
