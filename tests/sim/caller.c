/* SPDX-License-Identifier: Apache-2.0 */
#include "caller.h"

#define THINK_NS (100 * SIM_MS)
#define TIMEOUT_NS (8 * SIM_S)

static void ask(void *ctx);

static void ask_later(struct caller *c) {
    if (!c->is_stopping) {
        c->event = sim_after(&c->world->sim, sim_between(&c->world->sim, 0, c->think_ns), ask, c);
    }
}

static void on_done(struct store_call *call) {
    struct caller *c = (struct caller *)((char *)call - offsetof(struct caller, call));
    struct history_op *op = c->op;

    CHECK(c->world, op != NULL && !op->is_done, "answered twice");
    op->is_done = true;
    op->end_ns = world_now(c->world);
    op->status = call->status;
    op->repeated = call->repeated;
    op->revision = call->revision;
    op->succeeded = call->status == STORE_OK && call->result.succeeded;
    if ((op->kind == HISTORY_READ || op->kind == HISTORY_READ_ANY) && call->status == STORE_OK &&
        call->result.kv_count > 0) {
        op->mod_revision = call->result.kvs[0].mod_revision;
    }
    world_trace(c->world, "caller %u: %s '%s': %s%s, revision %lld", c->number, op->key, op->value,
                store_status_text(op->status), op->repeated ? ", repeated" : "", (long long)op->revision);
    c->op = NULL;
    if (op->status == STORE_OK) {
        c->answered++;
        c->newest_start_ns = op->start_ns;
    }
    store_call_fini(call);
    ask_later(c);
}

static void make_txn(struct caller *c, const struct history_op *op) {
    struct slice key = slice_from_string(op->key);
    struct slice value = slice_from_string(op->value);
    struct store_txn txn = {.success = c->ops, .success_count = 1};

    c->ops[0] = (struct store_op){.kind = STORE_OP_PUT, .put = {.key = key, .value = value}};
    if (op->kind == HISTORY_GUARDED) {
        c->compare = (struct store_compare){
            .span = {.key = key}, .target = STORE_COMPARE_MOD, .result = STORE_EQUAL, .number = op->expected};
        txn.compares = &c->compare;
        txn.compare_count = 1;
    } else if (op->kind == HISTORY_DELETE_MARK) {
        c->ops[0] = (struct store_op){.kind = STORE_OP_DELETE, .delete = {.span = {.key = key}}};
        c->ops[1] =
            (struct store_op){.kind = STORE_OP_PUT, .put = {.key = slice_from_string(c->mark_key), .value = value}};
        txn.success_count = 2;
    }
    c->call.op = (struct store_op){.kind = STORE_OP_TXN, .txn = txn};
}

static void make_op(struct caller *c, const struct history_op *op) {
    struct store_span span = {.key = slice_from_string(op->key)};

    switch (op->kind) {
    case HISTORY_READ:
    case HISTORY_READ_ANY:
        c->call.op = (struct store_op){.kind = STORE_OP_RANGE,
                                       .range = {.span = span, .serializable = op->kind == HISTORY_READ_ANY}};
        break;
    case HISTORY_PUT:
        c->call.op =
            (struct store_op){.kind = STORE_OP_PUT, .put = {.key = span.key, .value = slice_from_string(op->value)}};
        break;
    case HISTORY_DELETE:
        c->call.op = (struct store_op){.kind = STORE_OP_DELETE, .delete = {.span = span}};
        break;
    default:
        make_txn(c, op);
        break;
    }
}

static void ask(void *ctx) {
    struct caller *c = ctx;
    struct world *w = c->world;
    struct history_op *op = history_add(c->history);
    const struct kv *kv;

    c->event = NULL;
    op->kind = (enum history_kind)random_below(&w->sim.random, HISTORY_KINDS);
    (void)snprintf(op->key, sizeof(op->key), "k%u", (unsigned)random_below(&w->sim.random, CALLER_KEYS));
    if (op->kind > HISTORY_READ_ANY && op->kind != HISTORY_DELETE) {
        (void)snprintf(op->value, sizeof(op->value), "v%u.%u", c->number, c->count++);
    }
    kv = mvcc_get(&w->cluster.mvcc, slice_from_string(op->key), INT64_MAX);
    op->expected = kv == NULL ? 0 : kv->mod_revision;
    op->retry_unknown = c->retry_unknown;
    op->start_ns = world_now(w);
    op->deadline_ns = op->start_ns + c->timeout_ns;
    op->revision_at_start = w->cluster.mvcc.revision;
    store_call_init(&c->call, on_done);
    make_op(c, op);
    c->call.retry_unknown = op->retry_unknown;
    c->call.deadline_ns = op->deadline_ns;
    c->op = op;
    etcd_kv_submit(w->client, &c->call);
}

void caller_begin(struct caller *c, struct world *world, struct history *history, unsigned number) {
    *c = (struct caller){.world = world,
                         .history = history,
                         .number = number,
                         .retry_unknown = number % 2 == 1,
                         .think_ns = THINK_NS,
                         .timeout_ns = TIMEOUT_NS};
    (void)snprintf(c->mark_key, sizeof(c->mark_key), "mark");
    ask_later(c);
}

void caller_stop(struct caller *c) {
    c->is_stopping = true;
    sim_cancel(&c->world->sim, c->event);
    c->event = NULL;
}
