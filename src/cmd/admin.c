/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cmd.h"
#include "cmd/guard.h"

/* At once, or at the second the request names; beyond what table seconds can tell, never. Of several flushes still to come the last one asked for counts. */
void cmd_flush(struct cmd_context *context, const struct request *request, struct reply *reply) {
    reply->result = guard_root(context);
    if (reply->result != RESULT_DONE) {
        return;
    }
    if (request->ttl <= 0) {
        table_clear(context->node->table);
        return;
    }
    if (request->ttl < (int64_t)(UINT32_MAX - context->now)) {
        atomic_store(&context->node->flush_at, context->now + (uint32_t)request->ttl);
    }
}

/* What a client may say that changes nothing here: verbosity is the log level's business, a noop only marks a place. */
void cmd_acknowledge(struct cmd_context *context, const struct request *request, struct reply *reply) {
    (void)context;
    (void)request;
    reply->result = RESULT_DONE;
}
