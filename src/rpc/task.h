/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_RPC_TASK_H
#define LARDER_RPC_TASK_H

#include "group/pending.h"
#include "rpc/rpc.h"

/* What a call does that may take longer than its handler: one call to the store after the other, or waiting for somebody.
 * It takes over the arena of the request, so the request stays where it is. A call has at most one task at a time; if the
 * call is closed (or its deadline passes) first, the task goes on to its end with task->call NULL, and nobody hears of it. */
struct rpc_task {
    struct pending pending; /* first */
    struct rpc_call *call;  /* NULL: it is gone */
    struct arena arena;     /* the request, and whatever else the task needs */
    /* The next step: PENDING_CALL with task->pending.call.op filled in (rpc_task_call), PENDING_WAIT, PENDING_DONE. A step
     * that ends the task has answered its call, if there still is one. */
    enum pending_next (*step)(struct rpc_task *task);
    const void *request;                      /* what the call was asked, in the arena */
    struct slice token;                       /* who asks, in the arena; in front of a cluster alone, which checks it */
    void *state;                              /* the handler's, in the arena as a rule; NULL at first */
    void (*abandoned)(struct rpc_task *task); /* the call has gone, or has its answer; NULL: it need not know */
    struct rpc_task *next_spare;
    struct background_job job;
    void (*work)(struct rpc_task *task); /* in the background */
    struct rpc_worker *worker;
    int64_t start_ns;
    bool late; /* it did not end at once, so it is booked with a time of its own */
};

/* Begins a task for the call: takes over call->worker->scratch and takes the first step at once. Without memory the call is
 * finished with an error. `request` becomes task->request. */
void rpc_task_start(struct rpc_call *call, enum pending_next (*step)(struct rpc_task *task), const void *request);

/* From inside a step: the store is to do `op`, whose slices and arrays live in the task's arena; `next` then finds the answer
 * in task->pending.call. What the call before has answered is gone. Returns PENDING_CALL. */
enum pending_next rpc_task_call(struct rpc_task *task, const struct store_op *op,
                                enum pending_next (*next)(struct rpc_task *task));

/* From inside a step: `work` is done on the background's thread, where it may block; it uses the task's request and state,
 * and nothing else of it. Then comes `next`. */
enum pending_next rpc_task_background(struct rpc_task *task, void (*work)(struct rpc_task *task),
                                      enum pending_next (*next)(struct rpc_task *task));

/* From inside a step: answers the call with the one response, if it is still there, and is PENDING_DONE. */
enum pending_next rpc_task_answer(struct rpc_task *task, const ProtobufCMessage *response);

/* From inside a step: finishes the call (if it is still there), and is PENDING_DONE. */
enum pending_next rpc_task_finish(struct rpc_task *task, enum etcd_error error);

/* What the store said to the last call: whether it refused, its error for the client, and the header of an answer. */
static inline bool rpc_task_failed(const struct rpc_task *task) {
    return task->pending.call.status != STORE_OK;
}

/* Of what concerns who asks, the cluster's own words. */
static inline enum etcd_error rpc_task_error(const struct rpc_task *task) {
    const struct store_call *call = &task->pending.call;

    return call->status == STORE_DENIED && call->etcd_error != 0 ? (enum etcd_error)call->etcd_error
                                                                 : rpc_error_of(call->status);
}

static inline enum pending_next rpc_task_refused(struct rpc_task *task) {
    return rpc_task_finish(task, rpc_task_error(task));
}

static inline Etcdserverpb__ResponseHeader rpc_task_header(const struct rpc_task *task) {
    return rpc_header(task->worker, task->pending.call.revision);
}

/* Frees the tasks at rest. */
void rpc_task_free_spares(struct rpc_worker *w);

#endif
