/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "group/shared_op.h"

enum {
    CHARGE_MIN = 1 << 10, /* each request under way counts as at least so many bytes */
    DATA_MIN = 512,       /* each has room for so many: the key and value of most */
};

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
    struct shared_worker *w = op->worker;

    memory_place_cancel(&op->placed);
    shared_discharge(w->shared, op->charged);
    if (op->room == DATA_MIN && w->spares < SHARED_SPARES_MAX && !w->ended) {
        op->next = w->spare;
        w->spare = op;
        w->spares++;
    } else {
        free(op);
    }
}

void shared_spares_free(struct shared_worker *w) {
    while (w->spare != NULL) {
        struct shared_op *op = w->spare;

        w->spare = op->next;
        free(op);
    }
    w->spares = 0;
}

/* All but `data` is zero. NULL: out of memory. */
static struct shared_op *new_op(struct shared_worker *w, size_t data) {
    size_t room = data > DATA_MIN ? data : DATA_MIN;
    struct shared_op *op = w->spare;

    if (op != NULL && room == DATA_MIN) {
        w->spare = op->next;
        w->spares--;
    } else {
        op = malloc(sizeof(*op) + room);
    }
    if (op != NULL) {
        /* What comes before is seen to by pending_init. */
        memset((char *)op + sizeof(op->pending), 0, offsetof(struct shared_op, data) - sizeof(op->pending));
        op->room = room;
    }
    return op;
}

bool shared_only_reads(const struct request *request) {
    if (request->peer != NULL && request->peer->give_up) {
        return false;
    }
    return request->command == COMMAND_DEBUG ||
           (request->command == COMMAND_GET && !has_option(request, REQUEST_VIVIFY) &&
            !has_option(request, REQUEST_TOUCH));
}

static size_t data_size(const struct request *request) {
    return (request->conditions != NULL ? sizeof(struct conditions) : 0) + request->key.size +
           (request->placed == NULL ? request->value.size : 0);
}

static struct slice keep(struct shared_op *op, struct slice bytes) {
    struct slice kept = slice_make(op->data + op->used, bytes.size);

    if (bytes.size > 0) {
        memcpy(op->data + op->used, bytes.data, bytes.size);
        op->used += bytes.size;
    }
    return kept;
}

/* All that the request borrows becomes the op's own. */
static void take_request(struct shared_op *op, const struct request *request) {
    pending_within(&op->pending, request->scope);
    op->request = *request;
    op->request.scope = op->pending.scope;
    if (request->conditions != NULL) { /* first, for they are to be aligned */
        const struct slice bytes = slice_make((const char *)request->conditions, sizeof(struct conditions));

        op->request.conditions = (const struct conditions *)(const void *)keep(op, bytes).data;
    }
    op->request.key = keep(op, request->key);
    if (request->placed != NULL) {
        op->placed = *request->placed;
        request->placed->segment = NULL;
        op->request.placed = &op->placed;
        op->request.value = slice_make(op->placed.data, op->placed.size);
    } else if (request->value.size > 0) {
        op->request.value = keep(op, request->value);
    }
    if (request->caching != NULL) {
        op->caching = *request->caching;
        op->request.caching = &op->caching;
    }
    if (request->peer != NULL) {
        op->stamp = *request->peer;
        op->request.peer = &op->stamp;
    }
}

/* An owner may have to ask an origin first, and before that wait for what it was asked by others: a round; or to wait for copies. */
static int64_t timeout_of(const struct shared_access *a, const struct request *request) {
    const struct shared *shared = a->worker->shared;
    const struct group_policy *policy = a->memory.policy;

    return shared->timeout_ns + (group_policy_is_origin(policy) ? 2 * policy->origin.timeout_ns : 0) +
           (shared_only_reads(request) ? 0 : hot_node_wait_ns(shared->hot));
}

struct shared_op *shared_op_new(const struct shared_access *a, const struct request *request,
                                enum pending_next (*step)(struct pending *p), struct reply *reply) {
    struct shared *shared = a->worker->shared;
    size_t size = data_size(request);
    size_t charge = sizeof(struct shared_op) + size > CHARGE_MIN ? sizeof(struct shared_op) + size : CHARGE_MIN;
    struct shared_op *op;

    if (!shared_charge(shared, charge)) {
        reply->result = RESULT_TOO_MANY_REQUESTS;
        return NULL;
    }
    op = new_op(a->worker, size);
    if (op == NULL) {
        shared_discharge(shared, charge);
        reply->result = RESULT_NO_MEMORY;
        return NULL;
    }
    pending_init(&op->pending, a->completions, NULL, step, free_op);
    op->pending.reply.group = reply->group;
    op->charged = charge;
    op->worker = a->worker;
    op->telemetry = a->telemetry;
    op->group = a->memory.policy->index;
    op->memory = a->memory;
    op->memory.policy = NULL; /* shared_policy */
    op->memory.ret_expired = &op->expired;
    op->memory.ret_cut = &op->cut;
    op->reads = shared_only_reads(request);
    op->came_ns = a->now_ns;
    op->deadline_ns = request->deadline_ns != 0 ? request->deadline_ns : a->now_ns + timeout_of(a, request);
    op->hash = table_hash(a->memory.table, request->key);
    take_request(op, request);
    return op;
}

const struct group_policy *shared_policy(const struct shared_op *op) {
    return &(*op->worker->groups)->policies[op->group];
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

static void take_value(struct shared *shared, struct reply *reply, struct slice value) {
    struct shared_answer *answer = new_answer(shared, value);

    if (answer == NULL) {
        reply->result = RESULT_NO_MEMORY;
        return;
    }
    reply->item.value.data = answer->data;
    if (value.size >= SHARED_REFERENCE_FROM) {
        reply->item.blob = &answer->blob;
    }
    reply->held = &answer->blob;
    reply->release = unref_answer;
}

void shared_take_answer(struct shared *shared, struct reply *reply, const struct reply *answered, char *room,
                        size_t size) {
    struct slice value = answered->item.value;
    unsigned group = reply->group;

    *reply = *answered;
    reply->group = group;
    reply->release = NULL;
    reply->copy_ns = 0; /* it was this node's */
    reply->item.blob = NULL;
    if (value.data == NULL || value.size == 0) {
        return; /* it is told how large it is, if that */
    }
    if (value.size <= size && value.size < SHARED_REFERENCE_FROM) {
        memcpy(room, value.data, value.size);
        reply->item.value.data = room;
    } else {
        take_value(shared, reply, value);
    }
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
