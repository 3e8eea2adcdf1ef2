/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cmd.h"

#include "ring/heat.h"

/* What runs each command; those without a handler are answered by the session or by a function of their own. */
static cmd_handler *const handlers[COMMAND_COUNT] = {
    [COMMAND_GET] = cmd_get,
    [COMMAND_GAT] = cmd_get,
    [COMMAND_DEBUG] = cmd_inspect,
    [COMMAND_SET] = cmd_set,
    [COMMAND_ADD] = cmd_set,
    [COMMAND_REPLACE] = cmd_set,
    [COMMAND_APPEND] = cmd_set,
    [COMMAND_PREPEND] = cmd_set,
    [COMMAND_CAS] = cmd_set,
    [COMMAND_INCR] = cmd_arith,
    [COMMAND_DECR] = cmd_arith,
    [COMMAND_TOUCH] = cmd_touch,
    [COMMAND_DELETE] = cmd_delete,
    [COMMAND_INVALIDATE] = cmd_delete,
    [COMMAND_FLUSH] = cmd_flush,
    [COMMAND_NOOP] = cmd_acknowledge,
    [COMMAND_VERSION] = cmd_acknowledge,
    [COMMAND_VERBOSITY] = cmd_acknowledge,
};

void cmd_keep_reply(struct reply *reply) {
    memory_keep_reply(reply);
}

/* A client's request is counted by the node that it came to, and by no other: so the counts of all nodes can be summed. */
static inline void count_heat(const struct cmd_context *context, const struct request *request) {
    struct heat *heat = context->heat;

    if (heat != NULL && request->command <= COMMAND_INVALIDATE && request->peer == NULL && heat_samples(heat)) {
        heat_count_sampled(heat, request->key, table_hash(context->node->table, request->key), context->now_ns);
    }
}

void cmd_run(struct cmd_context *context, const struct request *request, struct reply *ret_reply) {
    cmd_handler *handler = handlers[request->command];

    *ret_reply = (struct reply){.result = RESULT_UNSUPPORTED};
    if (handler != NULL) {
        count_heat(context, request);
        handler(context, request, ret_reply);
    }
}
