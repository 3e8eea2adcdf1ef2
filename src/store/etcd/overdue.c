/* SPDX-License-Identifier: Apache-2.0 */
#include "store/etcd/state.h"

/* What time does to requests, and what else ends many of them. */

enum { PATIENCE_MAX = 5 };

static struct etcd_ask_state *state_of(struct etcd_due *due) {
    return (struct etcd_ask_state *)(void *)((char *)due - offsetof(struct etcd_ask_state, due));
}

void etcd_ask_end_overdue(struct etcd_ask_state *state) {
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

/* The member has had its time. If it has answered what was asked later, then either the request takes long, or it was lost
 * behind the member: what may be repeated is, with more time. */
static void expire_attempt(struct etcd_ask_state *state) {
    struct etcd_client *client = state->client;
    struct etcd_member_state *member = state->call.link->member;

    state->is_late = true;
    if (member != NULL && member->proof_ns > state->sent_ns) {
        if (state->ask->repeat == ETCD_REPEAT_NOT || !etcd_ask_may_be_lost(state)) {
            etcd_ask_set_due(state);
            return;
        }
        state->patience += state->patience < PATIENCE_MAX;
    } else if (member != NULL && member->seen.health != ETCD_HEALTH_FAILING && state->sent_ns >= member->failed_ns) {
        etcd_member_fails_since(client, member, state->sent_ns);
        etcd_member_fail(client, member, ETCD_FAILURE_SILENCE, SLICE("it does not answer requests in time"));
    }
    if (state->ask->repeat == ETCD_REPEAT_NOT) {
        etcd_ask_set_due(state);
        return;
    }
    etcd_call_drop(&state->call);
    state->in_doubt = true;
    etcd_ask_note(state, (struct etcd_outcome){.verdict = ETCD_VERDICT_DOUBT, .status = STORE_TIMEOUT},
                  SLICE("a member did not answer in time"));
    etcd_ask_repeat(state, true);
}

void etcd_asks_expire(struct etcd_client *client) {
    struct etcd_due *due = etcd_due_first(&client->due);

    for (; due != NULL && due->at_ns <= client->now_ns; due = etcd_due_first(&client->due)) {
        struct etcd_ask_state *state = state_of(due);

        if (state->ask->deadline_ns <= client->now_ns || state->stage == ETCD_ASK_WAITING) {
            etcd_ask_end_overdue(state);
        } else if (state->stage == ETCD_ASK_RESTING) {
            etcd_ask_repeat(state, true);
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
        etcd_ask_end_orphan(member->waiting.first);
    }
    for (size_t i = 0; i < client->due.count; i++) {
        struct etcd_ask_state *state = state_of(client->due.things[i]);

        if (state->member == member) { /* sent, or at rest */
            state->member = NULL;
            state->is_orphan = true;
        }
    }
}
