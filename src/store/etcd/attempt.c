/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "store/etcd/state.h"

/* How long a request rests that is to be sent again although the member is not left. */
#define REST_FIRST_NS (10 * CLOCK_NS_PER_MS)
#define REST_MOST_NS (250 * CLOCK_NS_PER_MS)

enum { PATIENCE_MAX = 5 };

/* When no call can be begun, for want of memory. */
#define RETRY_NS (5 * CLOCK_NS_PER_MS)

static struct etcd_ask_state *state_of(struct etcd_due *due) {
    return (struct etcd_ask_state *)(void *)((char *)due - offsetof(struct etcd_ask_state, due));
}

/* The deadline. Of what may have been done, nobody can say more. */
static void end_overdue(struct etcd_ask_state *state) {
    bool sent = state->stage == ETCD_ASK_SENT;
    enum store_status status = state->last.status;

    etcd_call_drop(&state->call);
    state->in_doubt |= sent;
    if (state->in_doubt) {
        etcd_ask_note(state, state->last, SLICE("the deadline has passed"));
        status = state->ask->repeat == ETCD_REPEAT_NOT ? STORE_UNKNOWN : STORE_TIMEOUT;
    } else if (state->needs_token && state->client->login.phase == ETCD_LOGIN_REFUSED) {
        etcd_ask_note(state, state->last, slice_from_string(state->client->login.trouble));
        status = STORE_DENIED;
    } else if (state->ask->attempts == 0 || state->last.verdict == ETCD_VERDICT_LOGIN) {
        /* Nobody has looked at it, or nobody is there to log in with again. */
        etcd_ask_note(state, state->last, slice_from_string(etcd_client_trouble(state->client)));
        status = STORE_UNAVAILABLE;
    }
    etcd_ask_finish(state, status);
}

/* --- an attempt begins --- */

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

/* When it is looked at again: over the deadline, or when the member has had its time. */
static void set_due(struct etcd_ask_state *state) {
    struct etcd_client *client = state->client;
    int64_t attempt_ns = state->sent_ns + (client->config.attempt_timeout_ns << state->patience);

    if (state->member == NULL && !state->is_orphan && !state->is_late && attempt_ns < state->ask->deadline_ns) {
        etcd_due_move(&client->due, &state->due, attempt_ns);
    } else if (state->due.at_ns != state->ask->deadline_ns) {
        etcd_due_move(&client->due, &state->due, state->ask->deadline_ns);
    }
    etcd_client_wake_by(client, state->due.at_ns);
}

/* False: the connection takes no more. */
static bool begin(struct etcd_ask_state *state, struct etcd_link *link) {
    struct etcd_client *client = state->client;
    struct etcd_ask *ask = state->ask;
    struct grpc_call_options options = {
        .token = state->needs_token ? etcd_login_token(client) : slice_make(NULL, 0),
        .timeout_ns = ask->deadline_ns - client->now_ns,
        .has_leader = state->has_leader,
    };

    if (!etcd_call_begin(&state->call, link, ask->method->path, &options)) {
        return false;
    }
    etcd_ask_dequeue(state);
    state->stage = ETCD_ASK_SENT;
    state->sent_ns = client->now_ns;
    state->token = client->login.number;
    state->is_late = false;
    ask->attempts++;
    client->figures.retries += ask->attempts > 1;
    ask->repeated = state->in_doubt;
    set_due(state);
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

/* Whether it has to wait for something else. What would be in doubt if it were lost is not sent to a member that may not
 * know yet that its leader is gone: such a one would pass it on to nobody. A read shows whether it can be done. */
static bool is_held_back(const struct etcd_ask_state *state, struct etcd_link *link) {
    const struct etcd_client *client = state->client;

    if (state->needs_token && !etcd_login_is_ready(client)) {
        return true;
    }
    if (state->ask->repeat == ETCD_REPEAT || state->member != NULL || client->is_proven) {
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
            end_overdue(state);
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

/* --- it ends --- */

static void rest(struct etcd_ask_state *state) {
    struct etcd_client *client = state->client;
    int64_t at_ns = client->now_ns + etcd_client_backoff(client, REST_FIRST_NS, REST_MOST_NS, state->rests++);

    state->stage = ETCD_ASK_RESTING;
    etcd_due_move(&client->due, &state->due, at_ns < state->ask->deadline_ns ? at_ns : state->ask->deadline_ns);
    etcd_client_wake_by(client, state->due.at_ns);
}

/* Its member is gone, and no other may be asked. */
static void end_orphan(struct etcd_ask_state *state) {
    etcd_ask_note(state, state->last, SLICE("the cluster no longer has this member"));
    etcd_ask_finish(state, state->in_doubt ? STORE_TIMEOUT : STORE_UNAVAILABLE);
}

/* Back to those that wait, or to rest first if the member that refused it is to be asked again. */
static void repeat(struct etcd_ask_state *state, bool at_once) {
    if (state->client->is_closing) {
        etcd_ask_finish(state, STORE_CLOSED);
    } else if (state->is_orphan) {
        end_orphan(state);
    } else if (at_once) {
        etcd_due_move(&state->client->due, &state->due, state->ask->deadline_ns);
        etcd_ask_enqueue(state);
    } else {
        rest(state);
    }
}

/* False: it is over. An answer that is too large for one of the two sides will be so again. */
static bool judge_doubt(struct etcd_ask_state *state, enum store_status status) {
    bool is_risky = state->ask->repeat == ETCD_REPEAT_NOT;

    state->in_doubt = true;
    if (is_risky || status == STORE_TOO_LARGE) {
        etcd_ask_finish(state, is_risky ? STORE_UNKNOWN : status);
        return false;
    }
    return true;
}

static void judge_login(struct etcd_ask_state *state) {
    struct etcd_client *client = state->client;

    if (++state->logins > ETCD_LOGINS_MAX || !etcd_login_renew(client, state->token)) {
        etcd_ask_finish(state, STORE_DENIED);
        return;
    }
    repeat(state, state->logins == 1);
}

/* Ends it or repeats it. `left`: the member is not asked again for now, so that there is no need to rest. */
static void judge(struct etcd_ask_state *state, struct etcd_outcome outcome, struct slice text, bool left) {
    etcd_ask_note(state, outcome, text);
    switch (outcome.verdict) {
    case ETCD_VERDICT_ANSWERED:
        etcd_ask_finish(state, outcome.status);
        break;
    case ETCD_VERDICT_LOGIN:
        judge_login(state);
        break;
    case ETCD_VERDICT_DOUBT:
        if (judge_doubt(state, outcome.status)) {
            repeat(state, left);
        }
        break;
    default:
        repeat(state, left);
        break;
    }
}

/* What the end of the attempt says of the member. True: it is left, or was already. */
static bool judge_member(struct etcd_ask_state *state, struct etcd_link *link, struct etcd_outcome outcome,
                         struct slice text) {
    struct etcd_member_state *member = link->member;

    if (link->phase == ETCD_LINK_DEAD || link->phase == ETCD_LINK_DRAINING || member == NULL) {
        return true;
    }
    if (outcome.leave && state->sent_ns >= member->failed_ns && member->seen.health != ETCD_HEALTH_FAILING) {
        etcd_member_fail(state->client, member,
                         outcome.error == ETCD_ERROR_NO_LEADER || outcome.error == ETCD_OK ? ETCD_FAILURE_LEADERLESS
                                                                                           : ETCD_FAILURE_SILENCE,
                         text);
    }
    if (outcome.verdict == ETCD_VERDICT_ANSWERED && state->is_proof) {
        etcd_member_prove(state->client, member, state->sent_ns);
    }
    return member->seen.health == ETCD_HEALTH_FAILING || !grpc_client_is_open(link->grpc);
}

static void on_message(struct etcd_call *call, struct slice bytes) {
    struct etcd_ask_state *state = (struct etcd_ask_state *)(void *)call;
    struct etcd_ask *ask = state->ask;
    struct etcd_link *link = call->link;

    if (ask->response != NULL || state->is_bad) {
        state->is_bad = true; /* one was awaited */
        return;
    }
    ask->response = etcd_message_unpack(ask->method->response, bytes, &ask->arena);
    if (ask->response == NULL) {
        state->is_bad = true;
    } else if (!etcd_answer_is_ours(state->client, link->member, ask->response)) {
        state->is_bad = true;
        etcd_answer_is_foreign(link);
    }
}

static void on_close(struct etcd_call *call, struct etcd_link *link, const struct grpc_end *end) {
    struct etcd_ask_state *state = (struct etcd_ask_state *)(void *)call;
    struct etcd_outcome outcome = etcd_outcome(end->status, end->text, end->untouched);
    struct slice text = end->text;
    bool left;

    if (link->phase == ETCD_LINK_DEAD && link->member != NULL && !end->untouched) {
        text = slice_from_string(link->member->seen.trouble);
    }
    if (outcome.status == STORE_OK && (state->is_bad || state->ask->response == NULL)) {
        outcome = (struct etcd_outcome){.verdict = ETCD_VERDICT_DOUBT, .status = STORE_PROTOCOL, .leave = true};
        text = SLICE("the answer cannot be read");
    }
    if (outcome.status != STORE_OK) {
        state->ask->response = NULL;
        state->is_bad = false;
    }
    left = judge_member(state, link, outcome, text);
    /* One that may go to no other member would be with this one again at once. */
    judge(state, outcome, text, left && state->member == NULL);
}

const struct etcd_call_ops etcd_ask_call_ops = {.on_message = on_message, .on_close = on_close};

/* --- time --- */

/* A change that is passed on to a leader who dies is lost, of which etcd speaks after 7 s alone. A read is told at once. */
static bool may_be_lost(const struct etcd_ask_state *state) {
    return state->ask->repeat == ETCD_REPEAT && state->ask->method->id != ETCD_METHOD_KV_RANGE;
}

/* The member has had its time. If it has answered what was asked later, then either the request takes long, or it was lost
 * behind the member: what may be repeated is, with more time. */
static void expire_attempt(struct etcd_ask_state *state) {
    struct etcd_client *client = state->client;
    struct etcd_member_state *member = state->call.link->member;

    state->is_late = true;
    if (member != NULL && member->proof_ns > state->sent_ns) {
        if (!may_be_lost(state)) {
            set_due(state);
            return;
        }
        state->patience += state->patience < PATIENCE_MAX;
    } else if (member != NULL && member->seen.health != ETCD_HEALTH_FAILING && state->sent_ns >= member->failed_ns) {
        etcd_member_fails_since(client, member, state->sent_ns);
        etcd_member_fail(client, member, ETCD_FAILURE_SILENCE, SLICE("it does not answer requests in time"));
    }
    if (state->ask->repeat == ETCD_REPEAT_NOT) {
        set_due(state);
        return;
    }
    etcd_call_drop(&state->call);
    state->in_doubt = true;
    etcd_ask_note(state, (struct etcd_outcome){.verdict = ETCD_VERDICT_DOUBT, .status = STORE_TIMEOUT},
                  SLICE("a member did not answer in time"));
    repeat(state, true);
}

void etcd_asks_expire(struct etcd_client *client) {
    struct etcd_due *due = etcd_due_first(&client->due);

    for (; due != NULL && due->at_ns <= client->now_ns; due = etcd_due_first(&client->due)) {
        struct etcd_ask_state *state = state_of(due);

        if (state->ask->deadline_ns <= client->now_ns || state->stage == ETCD_ASK_WAITING) {
            end_overdue(state);
        } else if (state->stage == ETCD_ASK_RESTING) {
            repeat(state, true);
        } else {
            expire_attempt(state);
        }
    }
}

static void deny_waiting(const struct etcd_ask_queue *queue, struct slice why) {
    struct etcd_ask_state *next;

    for (struct etcd_ask_state *state = queue->first; state != NULL; state = next) {
        next = state->next;
        if (state->needs_token) {
            state->ask->repeated |= state->in_doubt; /* the refusal says nothing of the attempt before */
            etcd_ask_note(state, (struct etcd_outcome){.status = STORE_DENIED, .error = ETCD_ERROR_AUTH_FAILED}, why);
            etcd_ask_finish(state, STORE_DENIED);
        }
    }
}

void etcd_asks_deny(struct etcd_client *client, struct slice why) {
    deny_waiting(&client->waiting, why);
    for (size_t i = 0; i < client->member_count; i++) {
        deny_waiting(&client->members[i]->waiting, why);
    }
}

void etcd_asks_leave(struct etcd_client *client, struct etcd_member_state *member) {
    while (member->waiting.first != NULL) {
        end_orphan(member->waiting.first);
    }
    for (size_t i = 0; i < client->due.count; i++) {
        struct etcd_ask_state *state = state_of(client->due.things[i]);

        if (state->member == member) { /* sent, or at rest */
            state->member = NULL;
            state->is_orphan = true;
        }
    }
}
