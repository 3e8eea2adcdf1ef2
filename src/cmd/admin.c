/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cmd.h"
#include "cmd/guard.h"
#include "group/shared.h"

/* In a cluster every node takes part. */
static void flush_now(struct cmd_context *context, const struct request *request, struct reply *reply) {
    const struct shared_access shared = {
        .worker = context->shared_worker,
        .completions = context->completions,
        .telemetry = context->telemetry,
        .now_ns = context->now_ns,
    };

    if (context->shared_worker == NULL) {
        table_clear(context->node->table);
        return;
    }
    shared_purge(&shared, SLICE("*"),
                 request->deadline_ns != 0 ? request->deadline_ns
                                           : context->now_ns + context->shared_worker->shared->timeout_ns,
                 reply);
}

/* At once, or at the second the request names; beyond what table seconds can tell, never. Of several flushes still to come the last one asked for counts. */
void cmd_flush(struct cmd_context *context, const struct request *request, struct reply *reply) {
    reply->result = guard_root(context);
    if (reply->result != RESULT_DONE) {
        return;
    }
    if (request->ttl <= 0) {
        flush_now(context, request, reply);
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
