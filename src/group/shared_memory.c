/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "group/shared_op.h"

/* Each request under way counts as at least so many bytes. */
enum { CHARGE_MIN = 1 << 10 };

bool shared_charge(struct shared *shared, size_t size) {
    atomic_size_t *memory = shared_flights_memory(shared->flights);

    if (atomic_fetch_add_explicit(memory, size, memory_order_relaxed) + size <= SHARED_MEMORY_MAX) {
        return true;
    }
    shared_discharge(shared, size);
    return false;
}

void shared_discharge(struct shared *shared, size_t size) {
    atomic_fetch_sub_explicit(shared_flights_memory(shared->flights), size, memory_order_relaxed);
}

/* --- ops --- */

static void free_op(struct pending *p) {
    struct shared_op *op = shared_op_of(p);

    memory_place_cancel(&op->placed);
    shared_discharge(op->worker->shared, op->charged);
    free(op);
}

/* Whether it is enough to say that there is nothing. An entry that is to be given up is lost if it is not told of. */
static bool only_reads(const struct request *request) {
    if (request->peer != NULL && request->peer->give_up) {
        return false;
    }
    return request->command == COMMAND_DEBUG ||
           (request->command == COMMAND_GET && !has_option(request, REQUEST_VIVIFY) &&
            !has_option(request, REQUEST_TOUCH));
}

/* All that the request borrows becomes the op's own. */
static void take_request(struct shared_op *op, const struct request *request) {
    op->request = *request;
    memcpy(op->data, request->key.data, request->key.size);
    op->request.key = slice_make(op->data, request->key.size);
    if (request->placed != NULL) {
        op->placed = *request->placed;
        request->placed->segment = NULL;
        op->request.placed = &op->placed;
        op->request.value = slice_make(op->placed.data, op->placed.size);
    } else if (request->value.size > 0) {
        memcpy(op->data + request->key.size, request->value.data, request->value.size);
        op->request.value = slice_make(op->data + request->key.size, request->value.size);
    }
    if (request->conditions != NULL) {
        op->conditions = *request->conditions;
        op->request.conditions = &op->conditions;
    }
    if (request->peer != NULL) {
        op->stamp = *request->peer;
        op->request.peer = &op->stamp;
    }
}

struct shared_op *shared_op_new(const struct shared_access *a, const struct request *request,
                                enum pending_next (*step)(struct pending *p), struct reply *reply) {
    struct shared *shared = a->worker->shared;
    size_t size = sizeof(struct shared_op) + request->key.size + (request->placed == NULL ? request->value.size : 0);
    size_t charge = size > CHARGE_MIN ? size : CHARGE_MIN;
    struct shared_op *op;

    if (!shared_charge(shared, charge)) {
        reply->result = RESULT_TOO_MANY_REQUESTS;
        return NULL;
    }
    op = malloc(size);
    if (op == NULL) {
        shared_discharge(shared, charge);
        reply->result = RESULT_NO_MEMORY;
        return NULL;
    }
    memset(op, 0, sizeof(*op));
    op->charged = charge;
    pending_init(&op->pending, a->completions, NULL, step, free_op);
    op->pending.reply.group = reply->group;
    op->worker = a->worker;
    op->telemetry = a->telemetry;
    op->policy = *a->memory.policy;
    op->memory = a->memory;
    op->memory.policy = &op->policy;
    op->memory.ret_expired = &op->expired;
    op->memory.ret_cut = &op->cut;
    op->reads = only_reads(request);
    op->deadline_ns = request->deadline_ns != 0 ? request->deadline_ns : a->now_ns + shared->timeout_ns;
    op->hash = table_hash(a->memory.table, request->key);
    take_request(op, request);
    return op;
}

/* --- answers --- */

/* A value that another node has answered. */
struct shared_answer {
    struct blob blob;
    struct shared *shared;
    size_t charged;
    char data[];
};

static void free_answer(struct blob *blob) {
    struct shared_answer *answer = (struct shared_answer *)(void *)blob;

    shared_discharge(answer->shared, answer->charged);
    free(answer);
}

static struct shared_answer *new_answer(struct shared *shared, struct slice value) {
    size_t size = sizeof(struct shared_answer) + value.size;
    struct shared_answer *answer = shared_charge(shared, size) ? malloc(size) : NULL;

    if (answer == NULL) {
        return NULL;
    }
    blob_init(&answer->blob, free_answer);
    answer->shared = shared;
    answer->charged = size;
    memcpy(answer->data, value.data, value.size);
    return answer;
}

static void unref_answer(void *held) {
    blob_unref(held);
}

void shared_take_answer(struct shared_op *op, const struct reply *answered) {
    struct reply *reply = &op->pending.reply;
    unsigned group = reply->group;
    struct shared_answer *answer;

    *reply = *answered;
    reply->group = group;
    reply->release = NULL;
    reply->item.blob = NULL;
    if (answered->item.value.data == NULL || answered->item.value.size == 0) {
        return; /* it is told how large it is, if that */
    }
    answer = new_answer(op->worker->shared, answered->item.value);
    if (answer == NULL) {
        reply->result = RESULT_NO_MEMORY;
        return;
    }
    reply->item.value.data = answer->data;
    if (answered->item.value.size >= SHARED_REFERENCE_FROM) {
        reply->item.blob = &answer->blob;
    }
    reply->held = &answer->blob;
    reply->release = unref_answer;
}

/* --- the table --- */

void shared_act(const struct memory_access *a, const struct request *request, struct reply *reply) {
    switch (request->command) {
    case COMMAND_GET:
        if (__builtin_expect(request->peer != NULL && request->peer->give_up, 0)) {
            memory_give_up(a, request, reply);
            break;
        }
        /* fall through */
    case COMMAND_GAT:
        memory_get(a, request, reply);
        break;
    case COMMAND_DEBUG:
        memory_inspect(a, request, reply);
        break;
    case COMMAND_SET:
    case COMMAND_ADD:
    case COMMAND_REPLACE:
    case COMMAND_APPEND:
    case COMMAND_PREPEND:
    case COMMAND_CAS:
        memory_store(a, request, reply);
        break;
    case COMMAND_INCR:
    case COMMAND_DECR:
        memory_arith(a, request, reply);
        break;
    case COMMAND_TOUCH:
        memory_touch(a, request, reply);
        break;
    case COMMAND_DELETE:
    case COMMAND_INVALIDATE:
        memory_delete(a, request, reply);
        break;
    default:
        a->gate->passage = MEMORY_PASSED;
        reply->result = RESULT_UNSUPPORTED;
        break;
    }
}
