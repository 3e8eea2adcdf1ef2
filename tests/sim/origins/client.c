/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

/* A client's request on the node that it came to. */

#define PURGE_TIMEOUT_NS (4 * LEASE_NS)

static void remove_op(struct op *op) {
    struct op **at = &world->ops;

    while (*at != op) {
        at = &(*at)->next;
    }
    *at = op->next;
    world->ended++;
    free(op);
}

static void on_done(void *owner, struct reply *reply) {
    struct op *op = owner;

    if (op->node->alive && op->node->boot == op->boot) {
        truth_answer(op, reply);
    }
    reply_release(reply);
    remove_op(op);
}

/* --- what is asked --- */

static void wish(struct op *op) {
    struct sim *sim = &world->sim;

    op->is_plain = false;
    switch (sim_between(sim, 0, 9)) {
    case 0:
    case 1:
        op->freshness.kind = FRESHNESS_LINEARIZABLE;
        break;
    case 2:
        op->freshness.kind = FRESHNESS_MAX_STALE;
        op->freshness.max_stale_ns = sim_between(sim, 0, SIM_S);
        break;
    case 3:
        op->caching.words = HTTP_WISH_NO_CACHE;
        break;
    case 4:
        op->caching.words = HTTP_WISH_NO_STORE;
        break;
    case 5:
        op->caching.words = HTTP_WISH_ONLY_IF_CACHED;
        break;
    case 6:
        op->caching = (struct http_caching_request){.words = HTTP_WISH_MAX_AGE, .max_age = sim_between(sim, 0, 2)};
        break;
    case 7:
        op->caching = (struct http_caching_request){.words = HTTP_WISH_MIN_FRESH, .min_fresh = sim_between(sim, 0, 2)};
        break;
    case 8:
        op->caching = (struct http_caching_request){.words = HTTP_WISH_MAX_STALE, .max_stale = sim_between(sim, 0, 2)};
        break;
    default:
        op->caching = (struct http_caching_request){.words = HTTP_WISH_IF_ERROR, .if_error = sim_between(sim, 0, 2)};
        break;
    }
}

static void prime(struct op *op, struct request *request, char value[128]) {
    int64_t ttl = sim_between(&world->sim, 0, 3);

    world->primes = realloc(world->primes, (world->prime_count + 2) * sizeof(*world->primes));
    sim_must(world->primes != NULL);
    op->primed = ++world->prime_count;
    world->primes[op->primed] = (struct primed){
        .key = op->key,
        .began_ns = op->began_ns,
        .ended_ns = INT64_MAX,
        .life_ns = ttl == REQUEST_TTL_FOREVER ? world->policy->origin.answers.ttl_ms * SIM_MS : ttl * SIM_S,
    };
    request->command = COMMAND_SET;
    request->ttl = ttl;
    request->value = slice_make(value, (size_t)snprintf(value, 128, "s%" PRIu64 " k%zu;", op->primed, op->key));
}

static void ask(struct op *op, struct worker *worker, struct reply *reply) {
    char value[128];
    struct request request = {.command = COMMAND_GET, .key = key_name(op->key)};

    if (op->kind == OP_PURGE) {
        const struct shared_access a = worker_access(worker, NULL);

        shared_purge(&a, SLICE("o"), prefix_name(op->prefix), world_now() + PURGE_TIMEOUT_NS, reply);
        return;
    }
    if (op->kind == OP_SET) {
        prime(op, &request, value);
    } else if (op->kind == OP_DELETE) {
        request.command = COMMAND_DELETE;
    } else if (op->freshness.kind != FRESHNESS_CACHED) {
        request.options = REQUEST_FRESHNESS;
        request.freshness = op->freshness;
    }
    if (op->caching.words != 0) {
        request.caching = &op->caching;
    }
    node_request(worker, &request, reply);
}

static enum op_kind some_kind(void) {
    if (!sim_chance(&world->sim, world->changes)) {
        return OP_READ;
    }
    switch (sim_between(&world->sim, 0, 9)) {
    case 0:
    case 1:
        return OP_PURGE;
    case 2:
    case 3:
    case 4:
        return OP_SET;
    default:
        return OP_DELETE;
    }
}

/* --- one who does not wait --- */

static void leave(struct node *node, void *ctx) {
    uint64_t id = *(uint64_t *)ctx;
    struct op *op = world->ops;

    (void)node;
    while (op != NULL && op->id != id) {
        op = op->next;
    }
    if (op != NULL) {
        pending_abandon(op->pending);
        remove_op(op);
    }
}

static void leave_later(struct op *op) {
    uint64_t *id = sim_new(sizeof(*id));

    *id = op->id;
    node_after(op->node, sim_between(&world->sim, 0, 50 * SIM_MS), leave, id, true);
}

void client_leave(struct node *node) {
    struct op *op = world->ops;

    while (op != NULL) {
        struct op *next = op->next;

        if (op->node == node) {
            pending_abandon(op->pending);
            remove_op(op);
        }
        op = next;
    }
}

void client_begin(void) {
    struct node *node = &world->nodes[sim_between(&world->sim, 0, (int64_t)world->count - 1)];
    struct worker *worker = &node->workers[sim_between(&world->sim, 0, WORKERS - 1)];
    struct reply reply = {0};
    struct op *op;

    if (!node->alive || node->paused_until > world_now()) {
        return;
    }
    op = sim_new(sizeof(*op));
    *op = (struct op){
        .next = world->ops,
        .id = ++world->ids,
        .kind = some_kind(),
        .key = (size_t)sim_between(&world->sim, 0, KEYS - 1),
        .prefix = (size_t)sim_between(&world->sim, 0, PREFIXES - 1),
        .node = node,
        .boot = node->boot,
        .is_plain = true,
        .began_ns = world_now(),
    };
    if (op->kind == OP_READ && sim_chance(&world->sim, world->wishes)) {
        wish(op);
    }
    world->ops = op;
    world->begun++;
    truth_begin(op);
    ask(op, worker, &reply);
    if (reply.result == RESULT_PENDING) {
        op->pending = reply.pending;
        pending_await(reply.pending, on_done, op);
        if (!world->is_calm && sim_chance(&world->sim, 3)) {
            leave_later(op);
        }
    } else {
        on_done(op, &reply);
    }
    worker_rest(worker);
}
