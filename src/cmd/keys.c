/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cmd.h"
#include "cmd/guard.h"

static struct durable_access access_of(const struct cmd_context *context, const struct group_policy *policy) {
    return (struct durable_access){
        .durable = context->node->durable,
        .copies = {.table = context->node->table, .policy = policy, .now = context->now},
        .completions = context->completions,
        .telemetry = context->telemetry,
        .now_ns = context->now_ns,
    };
}

void cmd_list(struct cmd_context *context, const struct group_policy *policy, const struct listing_wish *wish,
              struct reply *ret_reply) {
    const struct durable_access access = access_of(context, policy);

    *ret_reply = (struct reply){.group = policy->index};
    ret_reply->result = guard_keys(context, policy, wish->prefix, true);
    if (ret_reply->result == RESULT_DONE) {
        listing_run(&access, wish, ret_reply);
    }
}

struct watching *cmd_watch(struct cmd_context *context, const struct group_policy *policy,
                           const struct watching_wish *wish, watching_ready_fn *ready, void *owner,
                           enum result *ret_result, int64_t *ret_revision) {
    const struct durable_access access = access_of(context, policy);

    *ret_result = guard_keys(context, policy, wish->key, wish->prefix);
    return *ret_result == RESULT_DONE ? watching_open(&access, wish, ready, owner, ret_result, ret_revision) : NULL;
}

void cmd_audit(struct cmd_context *context, struct reply *ret_reply) {
    const struct durable_access access = access_of(context, &context->groups->policies[GROUP_DEFAULT]);

    *ret_reply = (struct reply){.group = GROUP_DEFAULT};
    ret_reply->result = guard_root(context);
    if (ret_reply->result == RESULT_DONE) {
        audit_run(&access, ret_reply);
    }
}

void cmd_audit_patrol(struct cmd_context *context, struct audit_patrol *patrol) {
    const struct durable_access access = access_of(context, &context->groups->policies[GROUP_DEFAULT]);

    if (context->node->durable != NULL && context->node->durable->has_copies) {
        audit_patrol_run(patrol, &access);
    }
}
