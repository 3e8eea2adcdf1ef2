/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/task.h"

#include <stdlib.h>

enum {
    SPARES_MAX = 64,      /* tasks at rest that a worker keeps */
    BACKGROUND_MAX = 256, /* jobs that may wait in the background */
};

static struct rpc_task *task_of(struct pending *p) {
    return (struct rpc_task *)(void *)p;
}

static struct rpc_task *take_spare(struct rpc_worker *w) {
    struct rpc_task *task = w->spares;

    if (task == NULL) {
        return malloc(sizeof(*task));
    }
    w->spares = task->next_spare;
    w->spare_count--;
    return task;
}

/* The arena goes back to where it came from, if nobody has made another there. */
static void give_arena_back(struct rpc_task *task) {
    struct arena *scratch = &task->worker->scratch;

    if (scratch->chunks == NULL) {
        arena_reset(&task->arena);
        scratch->chunks = task->arena.chunks;
        task->arena.chunks = NULL;
    } else {
        arena_fini(&task->arena);
    }
}

static void free_task(struct pending *p) {
    struct rpc_task *task = task_of(p);
    struct rpc_worker *w = task->worker;

    if (task->call != NULL) {
        task->call->task = NULL;
    }
    give_arena_back(task);
    if (w->spare_count >= SPARES_MAX) {
        free(task);
        return;
    }
    task->next_spare = w->spares;
    w->spares = task;
    w->spare_count++;
}

void rpc_task_free_spares(struct rpc_worker *w) {
    while (w->spares != NULL) {
        free(take_spare(w));
    }
}

static enum pending_next take_step(struct pending *p) {
    struct rpc_task *task = task_of(p);
    const struct cmd_context *context = task->worker->context;
    enum pending_next next = task->step(task);

    if (next == PENDING_DONE && task->late) {
        telemetry_batch_end(context->telemetry, context->now_ns - task->start_ns);
    }
    return next;
}

/* The call may be gone before its task. */
static bool keep_token(struct rpc_task *task, const struct rpc_call *call) {
    task->token = slice_make(NULL, 0);
    return !task->worker->node->is_remote || call->token.size == 0 ||
           arena_copy(&task->arena, call->token, &task->token);
}

void rpc_task_start(struct rpc_call *call, enum pending_next (*step)(struct rpc_task *task), const void *request) {
    struct rpc_worker *w = call->worker;
    struct rpc_task *task = take_spare(w);
    struct reply reply;

    if (task == NULL) {
        rpc_finish(call, ETCD_ERROR_NO_MEMORY);
        return;
    }
    pending_init(&task->pending, w->context->completions, w->node->store, take_step, free_task);
    task->call = NULL;
    task->arena = w->scratch;
    arena_init(&w->scratch, task->arena.limit);
    task->step = step;
    task->request = request;
    task->state = NULL;
    task->abandoned = NULL;
    task->worker = w;
    task->start_ns = call->start_ns;
    task->late = false;
    if (!keep_token(task, call)) {
        free_task(&task->pending);
        rpc_finish(call, ETCD_ERROR_NO_MEMORY);
        return;
    }
    task->call = call;
    call->task = task;
    pending_within(&task->pending, call->scope);
    pending_start(&task->pending, &reply);
    if (reply.result == RESULT_PENDING) {
        task->late = true;
    } else {
        reply_release(&reply);
    }
}

enum pending_next rpc_task_call(struct rpc_task *task, const struct store_op *op,
                                enum pending_next (*next)(struct rpc_task *task)) {
    pending_renew_call(&task->pending);
    task->pending.call.op = *op;
    task->pending.call.deadline_ns = task->call != NULL ? task->call->deadline_ns : 0;
    task->pending.call.as_caller = task->worker->node->is_remote;
    task->pending.call.token = task->token;
    task->step = next;
    return PENDING_CALL;
}

static void run_work(struct background_job *job) {
    struct rpc_task *task = (struct rpc_task *)(void *)((char *)job - offsetof(struct rpc_task, job));

    task->work(task);
    atomic_fetch_sub(&task->worker->node->background_jobs, 1);
    pending_post(&task->pending);
}

enum pending_next rpc_task_background(struct rpc_task *task, void (*work)(struct rpc_task *task),
                                      enum pending_next (*next)(struct rpc_task *task)) {
    struct rpc_node *node = task->worker->node;

    task->job.run = run_work;
    task->work = work;
    task->step = next;
    if (task->pending.queue->closed) {
        return rpc_task_finish(task, ETCD_ERROR_STOPPED); /* the background has ended */
    }
    if (atomic_fetch_add(&node->background_jobs, 1) >= BACKGROUND_MAX) {
        atomic_fetch_sub(&node->background_jobs, 1);
        return rpc_task_finish(task, ETCD_ERROR_TOO_MANY_REQUESTS);
    }
    if (!background_post(node->background, &task->job)) {
        atomic_fetch_sub(&node->background_jobs, 1);
        return rpc_task_finish(task, ETCD_ERROR_STOPPED);
    }
    return PENDING_WAIT;
}

enum pending_next rpc_task_answer(struct rpc_task *task, const ProtobufCMessage *response) {
    if (task->call != NULL) {
        rpc_answer(task->call, response);
    }
    return PENDING_DONE;
}

enum pending_next rpc_task_finish(struct rpc_task *task, enum etcd_error error) {
    if (task->call != NULL) {
        rpc_finish(task->call, error);
    }
    return PENDING_DONE;
}
