/* SPDX-License-Identifier: Apache-2.0 */
#include "store/etcd/kv.h"

#include <stdlib.h>

#include "store/etcd/kv_repeat.h"

/* A call under way. */
struct kv_call {
    struct etcd_ask ask;
    struct etcd_client *client;
    struct store_call *call;
    struct store_op op;   /* as it is asked: with the number of a lease that the client chose */
    bool drawn;           /* it did so */
    struct arena request; /* what ask.request lives in */
};

static void end_call(struct store_call *call, enum store_status status) {
    call->status = status;
    call->etcd_error = 0;
    call->repeated = false;
    call->result = (struct store_result){.kind = call->op.kind};
    call->done(call);
}

static void free_call(struct kv_call *k) {
    etcd_ask_fini(&k->ask);
    arena_fini(&k->request);
    free(k);
}

/* The answer was unpacked into the ask's arena, and the result borrows it: the call gets the arena as it is, so no value is
 * copied once more. Its own limit holds all the same. */
static bool give_arena(struct kv_call *k) {
    struct store_call *call = k->call;
    const size_t limit = call->arena.limit;

    if (k->ask.arena.used > limit) {
        return false;
    }
    arena_fini(&call->arena);
    call->arena = k->ask.arena;
    call->arena.limit = limit;
    arena_init(&k->ask.arena, 0);
    return true;
}

static void read_answer(struct kv_call *k) {
    struct store_call *call = k->call;
    struct etcd_ask *ask = &k->ask;

    call->status = ask->status;
    call->result = (struct store_result){.kind = call->op.kind};
    if (ask->status == STORE_OK &&
        etcd_kv_result(&k->op, ask->response, &ask->arena, &call->result, &call->revision, &call->status) &&
        !give_arena(k)) {
        call->result = (struct store_result){.kind = call->op.kind};
        call->status = STORE_NO_MEMORY;
    }
}

static void on_done(struct etcd_ask *ask) {
    struct kv_call *k = ask->owner;
    struct store_call *call = k->call;

    call->revision = 0;
    call->etcd_error = ask->status == STORE_DENIED ? (int)ask->error : 0;
    read_answer(k);
    etcd_kv_settle(call, ask, &k->op, k->drawn, etcd_client_revision(k->client));
    if (call->status == STORE_UNKNOWN && ask->status != STORE_UNKNOWN) {
        etcd_client_note_unknown(k->client);
    }
    free_call(k);
    call->done(call);
}

static bool has_method(enum store_op_kind kind) {
    return kind != STORE_OP_NONE && kind != STORE_OP_NOTE && kind != STORE_OP_AUDIT && kind != STORE_OP_DEFRAGMENT;
}

/* Makes the request; false: no memory. */
static bool prepare(struct kv_call *k, int member) {
    enum etcd_method_id method;

    k->op = k->call->op;
    if (k->op.kind == STORE_OP_LEASE_GRANT && k->op.lease.id == 0) {
        k->op.lease.id = etcd_client_draw_lease(k->client);
        k->drawn = true;
    }
    k->ask.request = etcd_kv_request(&k->op, &k->request, &method);
    if (k->ask.request == NULL) {
        return false;
    }
    k->ask.method = etcd_method_get(method);
    k->ask.repeat = etcd_kv_repeat(k->call);
    k->ask.member = member;
    k->ask.as_caller = k->call->as_caller;
    k->ask.token = k->call->token;
    k->ask.deadline_ns = k->call->deadline_ns;
    k->ask.done = on_done;
    k->ask.owner = k;
    return true;
}

void etcd_kv_submit_to(struct etcd_client *client, int member, struct store_call *call) {
    struct kv_call *k;

    if (!has_method(call->op.kind)) {
        end_call(call, STORE_UNSUPPORTED);
        return;
    }
    k = calloc(1, sizeof(*k));
    if (k == NULL) {
        end_call(call, STORE_NO_MEMORY);
        return;
    }
    k->client = client;
    k->call = call;
    etcd_ask_init(&k->ask);
    arena_init(&k->request, ETCD_MESSAGE_MAX);
    if (!prepare(k, member)) {
        free_call(k);
        end_call(call, STORE_NO_MEMORY);
        return;
    }
    etcd_client_ask(client, &k->ask);
}

void etcd_kv_submit(struct etcd_client *client, struct store_call *call) {
    etcd_kv_submit_to(client, ETCD_ANY_MEMBER, call);
}
