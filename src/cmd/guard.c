/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/guard.h"

#include <stdlib.h>

#include "store/span.h"

enum {
    TRIES_MAX = 3,     /* users and roles may change between finding out who asks and what they may */
    PLACE_SIZE = 1024, /* store keys up to this size, and the end of a span, need no memory */
    NEEDS_READ = 1 << 0,
    NEEDS_WRITE = 1 << 1,
};

/* What is to be decided. */
struct question {
    unsigned needs;
    struct store_span span;
};

/* --- answers --- */

static enum etcd_error ask_once(struct auth *a, struct auth_known *who, const struct question *q) {
    enum etcd_error error = ETCD_OK;

    /* An old revision will do to be root, but not an old password. */
    if (q->needs == 0) {
        error = auth_renew(a, who);
        return error == ETCD_OK ? auth_is_root(a, &who->identity) : error;
    }
    if ((q->needs & NEEDS_READ) != 0) {
        error = auth_may_range(a, &who->identity, q->span.key, q->span.range_end);
    }
    if (error == ETCD_OK && (q->needs & NEEDS_WRITE) != 0) {
        error = auth_may_delete(a, &who->identity, q->span.key, q->span.range_end);
    }
    return error;
}

static enum result result_of(enum etcd_error error) {
    switch (error) {
    case ETCD_OK:
        return RESULT_DONE;
    case ETCD_ERROR_PERMISSION_DENIED:
        return RESULT_FORBIDDEN;
    default:
        return RESULT_UNAUTHENTICATED;
    }
}

static void count(const struct cmd_context *context, enum result result) {
    if (result != RESULT_DONE) {
        telemetry_count(context->telemetry,
                        result == RESULT_FORBIDDEN ? COUNTER_AUTH_REFUSED_SOMEBODY : COUNTER_AUTH_REFUSED_NOBODY, 1);
    }
}

static enum result ask(const struct cmd_context *context, const struct question *q) {
    struct auth *a = context->node->auth;
    struct auth_known nobody = {0};
    struct auth_known *who = context->who != NULL ? context->who : &nobody;
    enum etcd_error error = ETCD_ERROR_AUTH_OLD_REVISION;

    for (int i = 0; i < TRIES_MAX && error == ETCD_ERROR_AUTH_OLD_REVISION; i++) {
        error = ask_once(a, who, q);
        if (error == ETCD_ERROR_AUTH_OLD_REVISION && auth_renew(a, who) != ETCD_OK) {
            error = ETCD_ERROR_INVALID_AUTH_TOKEN;
        }
    }
    count(context, result_of(error));
    return result_of(error);
}

/* --- questions --- */

/* Whether it looks at what there was, or at more than the key. */
static unsigned more_needs(const struct request *request) {
    const uint32_t writes = REQUEST_TOUCH | REQUEST_VIVIFY | REQUEST_RECACHE;
    unsigned needs = 0;

    if ((request->options & REQUEST_COMPARE) != 0 || request->conditions != NULL) {
        needs |= NEEDS_READ;
    }
    if (request->command == COMMAND_GET && (request->options & writes) != 0) {
        needs |= NEEDS_WRITE;
    }
    return needs;
}

static unsigned needs_of(const struct request *request) {
    switch (request->command) {
    case COMMAND_GET:
    case COMMAND_DEBUG:
        return NEEDS_READ | more_needs(request);
    case COMMAND_SET:
    case COMMAND_DELETE:
        return NEEDS_WRITE | more_needs(request);
    default:
        return NEEDS_READ | NEEDS_WRITE;
    }
}

/* Room for the name in the store, and for the end of the span of which it is the prefix. NULL: no memory. */
static char *take_place(const struct group_policy *policy, struct slice key, char at_hand[PLACE_SIZE]) {
    size_t size = 2 * (policy->prefix_size + key.size) + 1;

    return size <= PLACE_SIZE ? at_hand : malloc(size);
}

static void give_place_back(char *place, const char *at_hand) {
    if (place != at_hand) {
        free(place);
    }
}

enum result guard_key(const struct cmd_context *context, const struct group_policy *policy,
                      const struct request *request) {
    struct question q = {.needs = needs_of(request)};
    char at_hand[PLACE_SIZE];
    enum result result;
    char *place;

    if (!guard_is_up(context)) {
        return RESULT_DONE;
    }
    place = take_place(policy, request->key, at_hand);
    if (place == NULL) {
        return RESULT_NO_MEMORY;
    }
    q.span.key = group_store_key(policy, request->key, place);
    result = ask(context, &q);
    give_place_back(place, at_hand);
    return result;
}

bool guard_request(const struct cmd_context *context, const struct group_policy *policy, const struct request *request,
                   struct reply *reply) {
    enum result result = guard_key(context, policy, request);

    if (result != RESULT_DONE) {
        reply->result = result;
    }
    return result == RESULT_DONE;
}

enum result guard_write(const struct cmd_context *context, const struct request *request) {
    const struct group_policy *policy;

    if (!guard_is_up(context)) {
        return RESULT_DONE;
    }
    policy = group_set_find(context->groups, request->key);
    return group_policy_is_store(policy) ? guard_key(context, policy, request) : RESULT_DONE;
}

enum result guard_keys(const struct cmd_context *context, const struct group_policy *policy, struct slice key,
                       bool prefix) {
    struct question q = {.needs = NEEDS_READ};
    size_t size = policy->prefix_size + key.size;
    char at_hand[PLACE_SIZE];
    enum result result;
    char *place;

    if (!guard_is_up(context) || !group_policy_is_store(policy)) {
        return RESULT_DONE;
    }
    place = take_place(policy, key, at_hand);
    if (place == NULL) {
        return RESULT_NO_MEMORY;
    }
    memcpy(place, policy->prefix, policy->prefix_size);
    if (key.size > 0) {
        memcpy(place + policy->prefix_size, key.data, key.size);
    }
    q.span.key = slice_make(place, size);
    if (prefix) {
        q.span = store_span_of_prefix(q.span.key, place + size);
    }
    result = ask(context, &q);
    give_place_back(place, at_hand);
    return result;
}

enum result guard_root(const struct cmd_context *context) {
    const struct question q = {0};

    return guard_is_up(context) ? ask(context, &q) : RESULT_DONE;
}
