/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CMD_ACCESS_H
#define LARDER_CMD_ACCESS_H

#include "cmd/guard.h"
#include "group/origin.h"
#include "group/shared.h"

/* The way from a command to the group of its key, and what is to be counted on the way back. */
struct access {
    struct memory_access memory;
    bool expired;
    bool cut;
};

static inline void access_begin(struct access *access, const struct cmd_context *context, struct slice key,
                                struct reply *reply) {
    access->expired = false;
    access->cut = false;
    access->memory = (struct memory_access){
        .table = context->node->table,
        .policy = group_set_find(context->groups, key),
        .now = context->now,
        .ret_expired = &access->expired,
        .ret_cut = &access->cut,
    };
    reply->group = access->memory.policy->index;
}

/* Runs the request if its group is durable, and if whoever asks may. False: it is not. */
static inline bool access_durable(const struct access *access, const struct cmd_context *context,
                                  const struct request *request, struct reply *reply) {
    if (!group_policy_is_store(access->memory.policy)) {
        return false;
    }
    if (__builtin_expect(guard_is_up(context), 0) && !guard_request(context, access->memory.policy, request, reply)) {
        return true;
    }
    durable_run(
        &(struct durable_access){
            .durable = context->node->durable,
            .copies = access->memory,
            .completions = context->completions,
            .telemetry = context->telemetry,
            .now_ns = context->now_ns,
        },
        request, reply);
    return true;
}

/* The access as group/shared.h wants it. */
static inline struct shared_access access_shared(const struct access *access, const struct cmd_context *context) {
    return (struct shared_access){
        .memory = access->memory,
        .worker = context->shared_worker,
        .completions = context->completions,
        .telemetry = context->telemetry,
        .now_ns = context->now_ns,
    };
}

static inline struct origin_access access_origin(const struct access *access, const struct cmd_context *context) {
    return (struct origin_access){
        .memory = access->memory,
        .worker = context->origin_worker,
        .completions = context->completions,
        .now_ns = context->now_ns,
    };
}

/* Runs a request of an origin group. */
static inline void access_run_origin(const struct access *access, const struct cmd_context *context,
                                     const struct request *request, struct reply *reply) {
    const struct origin_access origin = access_origin(access, context);

    if (request->command == COMMAND_DEBUG) {
        memory_inspect(&access->memory, request, reply);
    } else {
        origin_run(&origin, request, reply);
    }
}

/* Runs the request if it is not this node's table alone that decides it: its group is durable, has an
 * origin, or is spread over a cluster.
 * False: it is not so. */
static inline bool access_elsewhere(const struct access *access, const struct cmd_context *context,
                                    const struct request *request, struct reply *reply) {
    struct shared_access shared;

    if (__builtin_expect(request->peer != NULL, 0) &&
        (context->shared_worker == NULL || group_policy_is_store(access->memory.policy))) {
        reply->result = RESULT_UNSUPPORTED; /* the other node knows the group as another kind */
        return true;
    }
    if (access_durable(access, context, request, reply)) {
        return true;
    }
    if (__builtin_expect(group_policy_is_origin(access->memory.policy), 0) && context->shared_worker == NULL) {
        access_run_origin(access, context, request, reply);
        return true;
    }
    if (context->shared_worker == NULL) {
        return false;
    }
    shared = access_shared(access, context);
    shared_run(&shared, request, reply);
    return true;
}

static inline void access_end(const struct access *access, const struct cmd_context *context) {
    if (access->cut) {
        telemetry_count(context->telemetry, COUNTER_LIMIT_MAX_TTL, 1);
    }
}

#endif
