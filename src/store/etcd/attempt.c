/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "store/etcd/state.h"

/* How an attempt of a request begins. */

/* When no call can be begun, for want of memory. */
#define RETRY_NS (5 * CLOCK_NS_PER_MS)

static void pack(struct etcd_ask_state *state) {
    const struct etcd_ask *ask = state->ask;
    size_t size = protobuf_c_message_get_packed_size(ask->request);
    char *at = grpc_call_message(state->call.call, size);

    if (at == NULL) {
        etcd_call_drop(&state->call);
        etcd_ask_finish(state, STORE_NO_MEMORY);
        return;
    }
    protobuf_c_message_pack(ask->request, (uint8_t *)at);
    grpc_call_end_sending(state->call.call);
}

void etcd_ask_set_due(struct etcd_ask_state *state) {
    struct etcd_client *client = state->client;
    int64_t attempt_ns = state->sent_ns + (client->config.attempt_timeout_ns << state->patience);

    if (state->member == NULL && !state->is_orphan && !state->is_late && !state->ask->is_slow &&
        attempt_ns < state->ask->deadline_ns) {
        etcd_due_move(&client->due, &state->due, attempt_ns);
    } else if (state->due.at_ns != state->ask->deadline_ns) {
        etcd_due_move(&client->due, &state->due, state->ask->deadline_ns);
    }
    etcd_client_wake_by(client, state->due.at_ns);
}

static struct slice token_of(const struct etcd_ask_state *state) {
    if (state->ask->as_caller) {
        return state->ask->token;
    }
    return state->needs_token ? etcd_login_token(state->client) : slice_make(NULL, 0);
}

/* False: the connection takes no more. */
static bool begin(struct etcd_ask_state *state, struct etcd_link *link) {
    struct etcd_client *client = state->client;
    struct etcd_ask *ask = state->ask;
    struct grpc_call_options options = {
        .token = token_of(state),
        .timeout_ns = ask->deadline_ns - client->now_ns,
        .has_leader = state->has_leader,
        .is_nameless = ask->as_caller && ask->token.size == 0,
        .traceparent = ask->traceparent,
        .tracestate = ask->tracestate,
    };

    if (!etcd_call_begin(&state->call, link, ask->method->path, &options)) {
        return false;
    }
    etcd_ask_dequeue(state);
    state->stage = ETCD_ASK_SENT;
    state->sent_ns = client->now_ns;
    state->token = client->login.number;
    state->has_token = options.token.size > 0;
    state->is_nameless = options.is_nameless;
    state->is_late = false;
    ask->attempts++;
    ask->grpc = GRPC_OK; /* what ended the attempt before is not this one's end */
    client->figures.retries += ask->attempts > 1;
    ask->repeated = state->in_doubt;
    etcd_ask_set_due(state);
    pack(state);
    return true;
}

static size_t room(const struct etcd_client *client, const struct etcd_link *link) {
    size_t most = client->is_proven ? ETCD_IN_FLIGHT_MAX : ETCD_UNPROVEN_IN_FLIGHT;
    size_t taken = grpc_client_calls(link->grpc);
    uint32_t server_most = grpc_client_max_calls(link->grpc);

    most = server_most < most ? server_most : most;
    return taken < most ? most - taken : 0;
}

bool etcd_ask_may_be_lost(const struct etcd_ask_state *state) {
    return state->ask->method->id != ETCD_METHOD_KV_RANGE;
}

/* Whether it has to wait for something else. What could be lost is not sent to a member that may not know yet that its
 * leader is gone: it would be in doubt, or wait for the member's whole time. A read shows whether it can be done. */
static bool is_held_back(const struct etcd_ask_state *state, struct etcd_link *link) {
    const struct etcd_client *client = state->client;

    if (state->needs_token && !etcd_login_is_ready(client)) {
        return true;
    }
    if (!etcd_ask_may_be_lost(state) || state->member != NULL || client->is_proven) {
        return false;
    }
    etcd_question_ask(link, ETCD_QUESTION_PROBE, client->config.attempt_timeout_ns);
    return true;
}

static void begin_some(struct etcd_client *client, struct etcd_ask_queue *queue, struct etcd_link *link, size_t most) {
    while (queue->first != NULL && most > 0) {
        struct etcd_ask_state *state = queue->first;

        if (is_held_back(state, link)) {
            return;
        }
        if (state->ask->deadline_ns <= client->now_ns) {
            etcd_ask_end_overdue(state);
        } else if (!begin(state, link)) {
            client->must_tend = true;
            etcd_client_wake_by(client, client->now_ns + RETRY_NS);
            return;
        }
        most--;
    }
}

void etcd_asks_begin(struct etcd_client *client) {
    struct etcd_member_state *current = client->current;

    if (client->waiting.first != NULL && current != NULL && etcd_member_is_usable(current)) {
        struct etcd_link *link = current->links[ETCD_FOR_REQUESTS];

        begin_some(client, &client->waiting, link, room(client, link));
    }
    for (size_t i = 0; i < client->member_count && client->pinned_waiting > 0; i++) {
        struct etcd_link *link = client->members[i]->links[ETCD_FOR_REQUESTS];

        if (etcd_link_is_ready(link)) {
            begin_some(client, &client->members[i]->waiting, link, ETCD_IN_FLIGHT_MAX);
        }
    }
}
