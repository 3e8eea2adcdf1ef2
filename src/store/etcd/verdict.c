/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "store/etcd/state.h"

/* What becomes of a request whose attempt has ended. */

/* How long a request rests that is to be sent again although the member is not left. */
#define REST_FIRST_NS (10 * CLOCK_NS_PER_MS)
#define REST_MOST_NS (250 * CLOCK_NS_PER_MS)

static void rest(struct etcd_ask_state *state) {
    struct etcd_client *client = state->client;
    int64_t at_ns = client->now_ns + etcd_client_backoff(client, REST_FIRST_NS, REST_MOST_NS, state->rests++);

    state->stage = ETCD_ASK_RESTING;
    etcd_due_move(&client->due, &state->due, at_ns < state->ask->deadline_ns ? at_ns : state->ask->deadline_ns);
    etcd_client_wake_by(client, state->due.at_ns);
}

void etcd_ask_end_orphan(struct etcd_ask_state *state) {
    etcd_ask_note(state, state->last, SLICE("the cluster no longer has this member"));
    etcd_ask_finish(state, state->in_doubt ? STORE_TIMEOUT : STORE_UNAVAILABLE);
}

void etcd_ask_repeat(struct etcd_ask_state *state, bool at_once) {
    if (state->client->is_closing) {
        etcd_ask_finish(state, STORE_CLOSED);
    } else if (state->is_orphan) {
        etcd_ask_end_orphan(state);
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

    if (state->ask->as_caller || ++state->logins > ETCD_LOGINS_MAX || !etcd_login_renew(client, state->token)) {
        etcd_ask_finish(state, STORE_DENIED);
        return;
    }
    etcd_ask_repeat(state, state->logins == 1);
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
            etcd_ask_repeat(state, left);
        }
        break;
    default:
        etcd_ask_repeat(state, left);
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

/* Errors that no list has are the server's last word to whoever forwards requests that this client does not make itself. */
static bool is_last_word(const struct etcd_ask_state *state, const struct grpc_end *end, struct etcd_outcome outcome) {
    return state->ask->is_verbatim && outcome.verdict == ETCD_VERDICT_DOUBT && end->status != GRPC_OK &&
           end->status != GRPC_UNAVAILABLE && end->status != GRPC_DEADLINE_EXCEEDED && end->status != GRPC_CANCELLED;
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
    if (is_last_word(state, end, outcome)) {
        outcome.verdict = ETCD_VERDICT_ANSWERED;
        outcome.leave = false;
    }
    state->ask->grpc = end->untouched || link->phase == ETCD_LINK_DEAD ? GRPC_OK : end->status;
    etcd_facts_judge(state, outcome);
    left = judge_member(state, link, outcome, text);
    /* One that may go to no other member would be with this one again at once. */
    judge(state, outcome, text, left && state->member == NULL);
}

const struct etcd_call_ops etcd_ask_call_ops = {.on_message = on_message, .on_close = on_close};
