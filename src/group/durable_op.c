/* SPDX-License-Identifier: Apache-2.0 */
#include "group/durable_op.h"

#include <stdlib.h>

#include "group/durable_when.h"
#include "group/envelope.h"
#include "group/store_limit.h"

bool durable_charge(struct durable *d, size_t size) {
    if (atomic_fetch_add_explicit(&d->memory, size, memory_order_relaxed) + size <= DURABLE_MEMORY_MAX) {
        return true;
    }
    durable_discharge(d, size);
    return false;
}

void durable_discharge(struct durable *d, size_t size) {
    atomic_fetch_sub_explicit(&d->memory, size, memory_order_relaxed);
}

bool durable_place(struct durable *d, size_t size, struct placed_value *ret_value, enum result *ret_result) {
    char *room;

    if (!durable_charge(d, ENVELOPE_SIZE + size)) {
        *ret_result = RESULT_TOO_MANY_REQUESTS;
        return false;
    }
    room = malloc(ENVELOPE_SIZE + size);
    if (room == NULL) {
        durable_discharge(d, ENVELOPE_SIZE + size);
        *ret_result = RESULT_NO_MEMORY;
        return false;
    }
    *ret_value = (struct placed_value){.durable = d, .room = room, .data = room + ENVELOPE_SIZE, .size = size};
    return true;
}

void durable_place_cancel(struct placed_value *value) {
    if (value->room != NULL) {
        durable_discharge(value->durable, ENVELOPE_SIZE + value->size);
        free(value->room);
        value->room = NULL;
    }
}

bool durable_has_copies(const struct durable_access *a, struct slice key) {
    const struct group_policy *policy = a->copies.policy;
    char store_key[GROUP_PREFIX_MAX + REQUEST_KEY_MAX];

    if (!a->durable->has_copies || !(policy->near || a->durable->is_own) || !copies_takes(key)) {
        return false;
    }
    /* A key under the prefix of another group, too, is known to events by its name there. */
    return !policy->overlapped ||
           group_set_find_by_store_key(a->durable->groups, group_store_key(policy, key, store_key))->index ==
               policy->index;
}

static void free_op(struct pending *p) {
    struct durable_op *op = durable_op_of(p);

    durable_discharge(op->durable, op->charged);
    arena_fini(&op->kept);
    free(op->when);
    free(op->edit.room);
    free(op->room);
    free(op);
}

static int64_t life_of(const struct durable_access *a, int64_t ttl) {
    bool cut = false;
    int64_t life = group_policy_ttl(a->copies.policy, ttl, &cut);

    if (cut) {
        *a->copies.ret_cut = true;
    }
    return life;
}

/* The value, where there is room for an envelope in front of it. */
static void take_value(struct durable_op *op, const struct request *request, char *place) {
    struct placed_value *placed = request->placed;
    char *content = place + ENVELOPE_SIZE;

    if (placed != NULL) {
        op->room = placed->room;
        op->charged += ENVELOPE_SIZE + placed->size;
        content = placed->data;
        placed->room = NULL;
    } else if (request->value.size > 0) {
        memcpy(content, request->value.data, request->value.size);
    }
    op->request.placed = NULL;
    op->request.value = slice_make(content, request->value.size);
    op->store_value = op->request.value;
    if (envelope_is_needed(request->client_flags, op->request.value)) {
        envelope_write(content - ENVELOPE_SIZE, request->client_flags, request->value.size);
        op->store_value = slice_make(content - ENVELOPE_SIZE, ENVELOPE_SIZE + request->value.size);
    }
}

static void fill_op(struct durable_op *op, const struct durable_access *a, const struct request *request) {
    const struct group_policy *policy = a->copies.policy;
    char *store_key = op->data + request->key.size;

    op->telemetry = a->telemetry;
    op->request = *request;
    op->request.conditions = NULL; /* `when` has them */
    op->request.scope = op->pending.scope;
    memcpy(op->data, request->key.data, request->key.size);
    op->request.key = slice_make(op->data, request->key.size);
    op->store_key = group_store_key(policy, request->key, store_key);
    take_value(op, request, store_key + policy->prefix_size + request->key.size);
    op->max_item = policy->max_item;
    op->group = (uint16_t)policy->index;
    op->has_copies = durable_has_copies(a, request->key);
    op->now = a->copies.now;
    op->ttl = life_of(a, request->ttl);
    op->vivify_ttl = life_of(a, request->vivify_ttl);
}

struct durable_op *durable_op_new(const struct durable_access *a, const struct request *request, durable_step *step,
                                  struct reply *reply) {
    size_t value_size = request->placed != NULL ? 0 : ENVELOPE_SIZE + request->value.size;
    size_t size =
        sizeof(struct durable_op) + request->key.size + a->copies.policy->prefix_size + request->key.size + value_size;
    size_t charge = size > DURABLE_CHARGE_MIN ? size : DURABLE_CHARGE_MIN;
    struct durable_op *op;

    if (!durable_charge(a->durable, charge)) {
        telemetry_count(a->telemetry, COUNTER_LIMIT_STORE_MEMORY, 1);
        reply->result = RESULT_TOO_MANY_REQUESTS;
        return NULL;
    }
    op = malloc(size);
    if (op == NULL) {
        durable_discharge(a->durable, charge);
        reply->result = RESULT_NO_MEMORY;
        return NULL;
    }
    memset(op, 0, sizeof(*op));
    op->charged = charge;
    pending_init(&op->pending, a->completions, a->durable->store, step, free_op);
    op->pending.reply.group = reply->group;
    op->durable = a->durable;
    if (durable_when_is_needed(request) && (op->when = durable_when_new(request)) == NULL) {
        free_op(&op->pending);
        reply->result = RESULT_NO_MEMORY;
        return NULL;
    }
    pending_within(&op->pending, request->scope);
    fill_op(op, a, request);
    return op;
}

void durable_start(const struct durable_access *a, const struct request *request, durable_step *step,
                   struct reply *reply) {
    struct durable_op *op = durable_op_new(a, request, step, reply);

    if (op != NULL) {
        pending_start(&op->pending, reply);
    }
}

enum pending_next durable_end(struct durable_op *op, enum result result) {
    op->pending.reply.result = result;
    op->pending.reply.revision = op->pending.call.revision;
    op->pending.reply.source = REPLY_ASKED;
    return PENDING_DONE;
}

void durable_keep_answer(struct durable_op *op) {
    op->kept = op->pending.call.arena;
    arena_init(&op->pending.call.arena, STORE_ANSWER_MAX);
}

enum result durable_result_of(enum store_status status) {
    switch (status) {
    case STORE_EMPTY_KEY:
        return RESULT_BAD_KEY;
    case STORE_KEY_NOT_FOUND:
        return RESULT_NOT_FOUND;
    case STORE_COMPACTED:
        return RESULT_COMPACTED;
    case STORE_FUTURE_REVISION:
        return RESULT_FUTURE_REVISION;
    case STORE_TOO_LARGE:
        return RESULT_TOO_LARGE;
    case STORE_NO_MEMORY:
        return RESULT_NO_MEMORY;
    case STORE_NO_SPACE:
        return RESULT_NO_SPACE;
    case STORE_TOO_MANY_REQUESTS:
        return RESULT_TOO_MANY_REQUESTS;
    case STORE_UNAVAILABLE:
    case STORE_TIMEOUT:
        return RESULT_STORE_UNAVAILABLE;
    case STORE_DENIED:
        return RESULT_STORE_DENIED;
    case STORE_UNKNOWN:
        return RESULT_STORE_UNKNOWN;
    default:
        return RESULT_STORE_FAILED;
    }
}

enum result durable_read_result_of(enum store_status status) {
    enum result result = durable_result_of(status);

    return result == RESULT_STORE_UNAVAILABLE ? RESULT_TOO_OLD : result;
}

enum reply_source durable_source_of(const struct store_call *call, int64_t max_age_ns, bool too_old) {
    if (max_age_ns == 0) {
        return call->from_memory ? REPLY_PROVEN_ON_DEMAND : too_old ? REPLY_ASKED_ON_DEMAND : REPLY_ASKED;
    }
    return !call->from_memory ? REPLY_ASKED : too_old ? REPLY_PROVEN_STALE : REPLY_FROM_MEMORY;
}

enum pending_next durable_fail(struct durable_op *op, enum store_status status) {
    count_store_limit(op->telemetry, status);
    return durable_end(op, durable_result_of(status));
}

bool durable_may_try_again(struct durable_op *op) {
    return ++op->attempts < DURABLE_ATTEMPTS_MAX;
}
