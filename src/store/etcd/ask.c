/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "proto/etcd/rpc.pb-c.h"
#include "store/etcd/state.h"

enum { SPARE_STATES = 64, ARENA_MAX_SHIFT = 1 };

void etcd_ask_init(struct etcd_ask *ask) {
    *ask = (struct etcd_ask){.member = ETCD_ANY_MEMBER};
    /* A message unpacked takes more than its bytes. */
    arena_init(&ask->arena, (size_t)ETCD_MESSAGE_MAX << ARENA_MAX_SHIFT);
}

void etcd_ask_fini(struct etcd_ask *ask) {
    arena_fini(&ask->arena);
}

/* --- queues --- */

void etcd_ask_dequeue(struct etcd_ask_state *state) {
    struct etcd_ask_queue *queue = state->queue;

    if (queue == NULL) {
        return;
    }
    if (state->next != NULL) {
        state->next->previous = state->previous;
    } else {
        queue->last = state->previous;
    }
    if (state->previous != NULL) {
        state->previous->next = state->next;
    } else {
        queue->first = state->next;
    }
    state->queue = NULL;
    if (state->member != NULL && queue == &state->member->waiting) {
        state->client->pinned_waiting--;
    }
}

/* Behind `before`, which is NULL for the front. */
static void queue_insert(struct etcd_ask_queue *queue, struct etcd_ask_state *before, struct etcd_ask_state *state) {
    state->queue = queue;
    state->previous = before;
    state->next = before == NULL ? queue->first : before->next;
    if (state->next != NULL) {
        state->next->previous = state;
    } else {
        queue->last = state;
    }
    if (before != NULL) {
        before->next = state;
    } else {
        queue->first = state;
    }
}

void etcd_ask_enqueue(struct etcd_ask_state *state) {
    struct etcd_ask_queue *queue = state->member != NULL ? &state->member->waiting : &state->client->waiting;
    struct etcd_ask_state *before = queue->last;

    if (queue->first != NULL && queue->first->number > state->number) {
        before = NULL; /* one that was sent before all that wait */
    }
    while (before != NULL && before->number > state->number) {
        before = before->previous;
    }
    queue_insert(queue, before, state);
    state->client->pinned_waiting += state->member != NULL;
    state->client->must_tend |= state->member != NULL;
    state->stage = ETCD_ASK_WAITING;
    state->client->is_unsettled = true;
}

/* --- states --- */

static struct etcd_ask_state *take_state(struct etcd_client *client) {
    struct etcd_ask_state *state = client->spare;

    if (state != NULL) {
        client->spare = state->next;
        client->spare_count--;
    } else {
        state = malloc(sizeof(*state));
    }
    if (state != NULL) {
        *state = (struct etcd_ask_state){.client = client, .due.place = ETCD_DUE_NOWHERE};
    }
    return state;
}

static void put_state(struct etcd_ask_state *state) {
    struct etcd_client *client = state->client;

    if (client->spare_count == SPARE_STATES) {
        free(state);
        return;
    }
    state->next = client->spare;
    client->spare = state;
    client->spare_count++;
}

/* What can be answered by a member alone, be it cut off from the others. */
static bool is_local(const struct etcd_ask *ask) {
    switch (ask->method->id) {
    case ETCD_METHOD_STATUS:
    case ETCD_METHOD_HASH:
    case ETCD_METHOD_HASH_KV:
    case ETCD_METHOD_MEMBER_LIST:
        return true;
    case ETCD_METHOD_KV_RANGE:
        return ((const Etcdserverpb__RangeRequest *)(const void *)ask->request)->serializable != 0;
    default:
        return false;
    }
}

static void describe(struct etcd_ask_state *state, struct etcd_ask *ask) {
    struct etcd_client *client = state->client;
    bool local = is_local(ask);

    state->ask = ask;
    state->call.ops = &etcd_ask_call_ops;
    state->begun_ns = client->now_ns;
    state->due.at_ns = ask->deadline_ns != 0 ? ask->deadline_ns : client->now_ns + client->config.request_timeout_ns;
    state->needs_token =
        !ask->as_caller && ask->method->id != ETCD_METHOD_AUTHENTICATE && ask->method->id != ETCD_METHOD_STATUS;
    state->is_proof = !local;
    state->has_leader = !local || ask->member == ETCD_ANY_MEMBER;
    state->last.status = STORE_UNAVAILABLE;
    /* A login goes before those that wait for it. */
    state->number = ask == &client->login.ask ? 0 : ++client->next_number;
    if (ask->member != ETCD_ANY_MEMBER) {
        state->member = client->members[ask->member];
    }
    ask->deadline_ns = state->due.at_ns;
    ask->state = state;
}

/* Ends it without a state. */
static void refuse(struct etcd_client *client, struct etcd_ask *ask, enum store_status status, struct slice text) {
    ask->status = status;
    ask->text = text;
    ask->state = (struct etcd_ask_state *)(void *)client->refused;
    client->refused = ask;
    client->is_unsettled = true;
    etcd_client_wake_by(client, client->now_ns);
}

static void take_in(struct etcd_client *client, struct etcd_ask *ask) {
    struct etcd_ask_state *state;

    if (client->is_closing) {
        refuse(client, ask, STORE_CLOSED, SLICE("the client of the cluster is closing"));
        return;
    }
    if (client->due.count >= ETCD_QUEUE_MAX && ask != &client->login.ask) {
        refuse(client, ask, STORE_TOO_MANY_REQUESTS, SLICE("too many requests wait for the cluster already"));
        return;
    }
    if (ask->member != ETCD_ANY_MEMBER && (ask->member < 0 || (size_t)ask->member >= client->member_count)) {
        refuse(client, ask, STORE_UNAVAILABLE, SLICE("the cluster has no such member"));
        return;
    }
    state = take_state(client);
    if (state == NULL) {
        refuse(client, ask, STORE_NO_MEMORY, SLICE("out of memory"));
        return;
    }
    describe(state, ask);
    if (!etcd_due_add(&client->due, &state->due)) {
        put_state(state);
        refuse(client, ask, STORE_NO_MEMORY, SLICE("out of memory"));
        return;
    }
    client->figures.waiting++;
    etcd_client_wake_by(client, state->due.at_ns);
    etcd_ask_enqueue(state);
}

void etcd_client_ask(struct etcd_client *client, struct etcd_ask *ask) {
    etcd_client_enter(client);
    ask->status = STORE_UNAVAILABLE;
    ask->error = ETCD_OK;
    ask->grpc = GRPC_OK;
    ask->text = slice_make(NULL, 0);
    ask->response = NULL;
    ask->attempts = 0;
    ask->repeated = false;
    client->is_started = true;
    client->must_tend |= client->current == NULL || !etcd_member_is_usable(client->current);
    take_in(client, ask);
    etcd_client_leave(client, false);
}

static bool forget_refused(struct etcd_client *client, const struct etcd_ask *ask) {
    for (struct etcd_ask **at = &client->refused; *at != NULL; at = (struct etcd_ask **)(void *)&(*at)->state) {
        if (*at == ask) {
            *at = (struct etcd_ask *)(void *)ask->state;
            return true;
        }
    }
    return false;
}

void etcd_client_forget(struct etcd_client *client, struct etcd_ask *ask) {
    struct etcd_ask_state *state = ask->state;

    if (forget_refused(client, ask) || state == NULL) {
        ask->state = NULL;
        return;
    }
    etcd_client_enter(client);
    etcd_call_drop(&state->call);
    etcd_ask_dequeue(state);
    if (state->stage != ETCD_ASK_FINISHED) {
        client->figures.waiting--;
    }
    etcd_due_remove(&client->due, &state->due);
    put_state(state);
    ask->state = NULL;
    client->is_unsettled = true;
    etcd_client_leave(client, false);
}

/* --- the end --- */

static void count(struct etcd_client *client, const struct etcd_ask_state *state) {
    static const int64_t bounds[] = {
#define BUCKET(ns, text) ns,
#include "telemetry/buckets.def"
#undef BUCKET
    };
    const struct etcd_ask *ask = state->ask;
    struct etcd_latency *latency = &client->figures.requests[ask->method->id][etcd_result_of(ask->status)];
    int64_t took_ns = client->now_ns - state->begun_ns;
    size_t bucket = 0;

    while (bucket < ETCD_LATENCY_BUCKETS - 1 && took_ns > bounds[bucket]) {
        bucket++;
    }
    latency->count++;
    latency->sum_ns += (uint64_t)took_ns;
    latency->buckets[bucket]++;
    client->figures.waiting--;
    client->figures.unknown += ask->status == STORE_UNKNOWN;
}

void etcd_ask_finish(struct etcd_ask_state *state, enum store_status status) {
    struct etcd_client *client = state->client;

    assert(state->stage != ETCD_ASK_FINISHED);
    etcd_ask_dequeue(state);
    etcd_due_remove(&client->due, &state->due);
    state->ask->status = status;
    if (status != STORE_OK) {
        state->ask->response = NULL;
    }
    count(client, state);
    state->stage = ETCD_ASK_FINISHED;
    queue_insert(&client->finished, client->finished.last, state);
    client->is_unsettled = true;
}

void etcd_ask_note(struct etcd_ask_state *state, struct etcd_outcome outcome, struct slice text) {
    state->last = outcome;
    state->ask->error = outcome.error;
    /* Without room for it, there is no text; while it stays the same, it is not written again. */
    if (!slice_equal(state->ask->text, text) && !arena_copy(&state->ask->arena, text, &state->ask->text)) {
        state->ask->text = slice_make(NULL, 0);
    }
}

void etcd_asks_tell(struct etcd_client *client) {
    while (client->finished.first != NULL) {
        struct etcd_ask_state *state = client->finished.first;
        struct etcd_ask *ask = state->ask;

        etcd_ask_dequeue(state);
        put_state(state);
        ask->state = NULL;
        ask->done(ask);
    }
    while (client->refused != NULL) {
        struct etcd_ask *ask = client->refused;

        client->refused = (struct etcd_ask *)(void *)ask->state;
        ask->state = NULL;
        ask->done(ask);
    }
}

void etcd_asks_fini(struct etcd_client *client) {
    while (client->due.count > 0) {
        struct etcd_ask_state *state =
            (struct etcd_ask_state *)(void *)((char *)client->due.things[0] - offsetof(struct etcd_ask_state, due));

        etcd_ask_note(state, state->last, SLICE("the client of the cluster is closing"));
        etcd_ask_finish(state, STORE_CLOSED);
    }
    etcd_asks_tell(client);
    etcd_due_fini(&client->due);
    while (client->spare != NULL) {
        struct etcd_ask_state *state = client->spare;

        client->spare = state->next;
        free(state);
    }
}
