/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cmd.h"

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

void cmd_run(struct cmd_context *context, const struct request *request, struct reply *ret_reply) {
    cmd_handler *handler = handlers[request->command];

    *ret_reply = (struct reply){.result = RESULT_UNSUPPORTED};
    if (handler != NULL) {
        handler(context, request, ret_reply);
    }
}
