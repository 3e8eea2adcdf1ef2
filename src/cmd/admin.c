/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/cmd.h"
#include "cmd/guard.h"
#include "group/memory_purge.h"
#include "group/origin.h"
#include "group/shared.h"

/* Every node of the cluster takes part. `group` is one's name, or "*". */
static void purge_everywhere(struct cmd_context *context, const struct request *request, struct slice group,
                             struct slice prefix, struct reply *reply) {
    const struct shared_access shared = {
        .worker = context->shared_worker,
        .completions = context->completions,
        .telemetry = context->telemetry,
        .now_ns = context->now_ns,
    };

    shared_purge(&shared, group, prefix,
                 request->deadline_ns != 0 ? request->deadline_ns
                                           : context->now_ns + context->shared_worker->shared->timeout_ns,
                 reply);
}

static void flush_all(struct cmd_context *context, const struct request *request, struct reply *reply) {
    if (context->shared_worker == NULL) {
        origin_void(context->node->origin, GROUP_MAX, SLICE(""));
        table_clear(context->node->table);
    } else {
        purge_everywhere(context, request, SLICE("*"), SLICE(""), reply);
    }
}

/* A node alone. `prefix` is what the keys begin with behind the group's name. */
static void purge_here(struct cmd_context *context, const struct group_policy *policy, struct slice prefix,
                       struct reply *reply) {
    char place[GROUP_NAME_MAX + 1 + REQUEST_KEY_MAX];
    struct slice whole = slice_make(place, 0);

    if (policy->index != GROUP_DEFAULT) {
        memcpy(place, policy->name, policy->name_size);
        place[policy->name_size] = '/';
        whole.size = policy->name_size + 1u;
    }
    if (prefix.size > 0) {
        memcpy(place + whole.size, prefix.data, prefix.size);
    } else {
        whole.size = 0; /* also what an earlier configuration has left under other names */
    }
    whole.size += prefix.size;
    origin_void(context->node->origin, policy->index, whole);
    memory_purge(context->node->table, &context->groups, policy->index, whole, context->completions, reply);
}

static void purge_group(struct cmd_context *context, const struct request *request, struct reply *reply) {
    const struct group_policy *policy = group_set_find_by_name(context->groups, request->key);

    if (policy == NULL) {
        reply->result = RESULT_NO_GROUP;
        return;
    }
    reply->group = policy->index;
    if (group_policy_is_store(policy)) {
        reply->result = RESULT_NOT_PURGEABLE;
    } else if (request->value.size > REQUEST_KEY_MAX) {
        reply->result = RESULT_DONE; /* no key is so long */
    } else if (context->shared_worker == NULL) {
        purge_here(context, policy, request->value, reply);
    } else {
        purge_everywhere(context, request, group_policy_name(policy), request->value, reply);
    }
}

static void flush_now(struct cmd_context *context, const struct request *request, struct reply *reply) {
    if (request->key.size > 0) {
        purge_group(context, request, reply);
    } else {
        flush_all(context, request, reply);
    }
}

/* At once, or, if all is to go, at the second the request names; beyond what table seconds can tell, never. Of several
 * flushes still to come the last one asked for counts. */
void cmd_flush(struct cmd_context *context, const struct request *request, struct reply *reply) {
    reply->result = guard_root(context);
    if (reply->result != RESULT_DONE) {
        return;
    }
    if (request->ttl <= 0) {
        flush_now(context, request, reply);
        return;
    }
    assert(request->key.size == 0);
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
