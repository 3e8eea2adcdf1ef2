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
    memory_store(&access.memory, request, reply);
    access_end(&access, context);
    count_refusal(context, reply->result);
}

bool cmd_accepts(const struct cmd_context *context, const struct request *request) {
    const struct group_policy *policy = group_set_find(context->groups, request->key);

    return entry_size_for(request->key.size, request->body_size) <= policy->max_item;
}

void cmd_refuse(struct cmd_context *context, const struct request *request, enum result result,
                struct reply *ret_reply) {
    struct access access;

    *ret_reply = (struct reply){.result = result};
    access_begin(&access, context, request->key, ret_reply);
    memory_refuse(&access.memory, request);
    count_refusal(context, result);
}
