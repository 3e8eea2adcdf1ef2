/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/access.h"
#include "cmd/cmd.h"

static void count_refusal(const struct cmd_context *context, enum result result) {
    if (result == RESULT_TOO_LARGE) {
        telemetry_count(context->telemetry, COUNTER_LIMIT_MAX_ITEM, 1);
    } else if (result == RESULT_NO_MEMORY) {
        telemetry_count(context->telemetry, COUNTER_LIMIT_MEMORY, 1);
    }
}

void cmd_set(struct cmd_context *context, const struct request *request, struct reply *reply) {
    struct access access;

    access_begin(&access, context, request->key, reply);
    if (!access_elsewhere(&access, context, request, reply)) {
        memory_store(&access.memory, request, reply);
    }
    access_end(&access, context);
    count_refusal(context, reply->result);
}

bool cmd_accepts(const struct cmd_context *context, const struct request *request) {
    const struct group_policy *policy = group_set_find(context->groups, request->key);

    return group_policy_is_store(policy) ? durable_accepts(policy, request)
                                         : entry_size_for(request->key.size, request->body_size) <= policy->max_item;
}

enum cmd_order cmd_order_of(const struct cmd_context *context, const struct request *request) {
    const struct group_policy *policy;

    if (request->command > COMMAND_INVALIDATE && request->command != COMMAND_DEBUG) {
        return CMD_ALONE; /* it has no key */
    }
    policy = group_set_find(context->groups, request->key);
    if (group_policy_is_store(policy)) {
        return durable_is_ordered(policy, request) ? CMD_STORED : CMD_ALONE;
    }
    return context->shared_worker != NULL || group_policy_is_origin(policy) ? CMD_SHARED : CMD_ALONE;
}

bool cmd_places(const struct cmd_context *context, const struct request *request) {
    return memory_places(context->node->table, request->key, request->body_size);
}

bool cmd_place(const struct cmd_context *context, const struct request *request, struct placed_value *ret_value,
               enum result *ret_result) {
    if (group_policy_is_store(group_set_find(context->groups, request->key))) {
        return durable_place(context->node->durable, request->body_size, ret_value, ret_result);
    }
    *ret_result = RESULT_NO_MEMORY;
    return memory_place(context->node->table, request->key, request->body_size, context->now, ret_value);
}

void cmd_place_cancel(struct placed_value *value) {
    memory_place_cancel(value);
    durable_place_cancel(value);
}

static void refuse_in_table(const struct access *access, const struct cmd_context *context,
                            const struct request *request, enum result result, struct reply *reply) {
    if (group_policy_is_origin(access->memory.policy) && context->shared_worker == NULL) {
        const struct origin_access origin = access_origin(access, context);

        origin_refuse(&origin, request);
    } else if (context->shared_worker == NULL) {
        memory_refuse(&access->memory, request);
    } else {
        const struct shared_access shared = access_shared(access, context);

        shared_refuse(&shared, request, result, reply);
    }
}

void cmd_refuse(struct cmd_context *context, const struct request *request, enum result result,
                struct reply *ret_reply) {
    struct access access;

    *ret_reply = (struct reply){.result = result};
    access_begin(&access, context, request->key, ret_reply);
    if (!group_policy_is_store(access.memory.policy)) {
        refuse_in_table(&access, context, request, result, ret_reply);
    }
    count_refusal(context, result);
    if (result == RESULT_TOO_MANY_REQUESTS) {
        telemetry_count(context->telemetry, COUNTER_LIMIT_STORE_MEMORY, 1);
    }
}
