/* SPDX-License-Identifier: Apache-2.0 */
#include "session/slots.h"

#include <stdlib.h>

#include "group/shared.h"
#include "session/internal.h"
#include "session/tracing.h"

enum {
    RESUME_SHARE = 2, /* a session that waits because it has too many slots goes on when so many are answered */
    DATA_MIN = 320,   /* each slot has room for so many bytes: any key of a get and most lines */
};

/* --- slots at rest --- */

static struct slot *new_slot(struct session_worker *w, size_t size) {
    size_t room = size > DATA_MIN ? size : DATA_MIN;
    struct slot *slot = w->spare_slots;

    if (slot != NULL && room == DATA_MIN) {
        w->spare_slots = slot->next;
        w->spare_slot_count--;
        return slot;
    }
    slot = malloc(sizeof(*slot) + room);
    if (slot != NULL) {
        slot->room = room;
    }
    return slot;
}

static void free_slot(struct session_worker *w, struct slot *slot) {
    if (slot->room == DATA_MIN && w->spare_slot_count < SESSION_SPARE_SLOTS_MAX) {
        slot->next = w->spare_slots;
        w->spare_slots = slot;
        w->spare_slot_count++;
    } else {
        free(slot);
    }
}

void session_worker_free_slots(struct session_worker *w) {
    while (w->spare_slots != NULL) {
        struct slot *slot = w->spare_slots;

        w->spare_slots = slot->next;
        free(slot);
    }
    w->spare_slot_count = 0;
}

/* --- those of a session --- */

bool session_is_waiting(const struct session *s) {
    return (s->slots != NULL && s->slots->count > 0) || session_gateway_is_waiting(s);
}

enum cmd_order session_order_of_any(const struct session *s) {
    return s->slots != NULL ? s->slots->order : CMD_ALONE;
}

void session_learn(struct session *s, const struct reply *reply) {
    size_t size = reply->result == RESULT_HIT ? reply->item.value.size : 0;

    s->read_cost = size > s->read_cost / 2 ? size : s->read_cost / 2;
}

bool session_may_run(const struct session *s, enum cmd_order order) {
    const struct slots *slots = s->slots;

    if (!session_is_waiting(s)) {
        return true;
    }
    if (order == CMD_ALONE || s->gateway != NULL || slots->order != order) {
        return false;
    }
    if (slots->count >= (s->peer != NULL ? SESSION_PEER_SLOTS_MAX : SESSION_SLOTS_MAX) ||
        slots->bytes >= SESSION_SLOTS_BYTES_MAX) {
        telemetry_count(s->worker->context.telemetry, COUNTER_LIMIT_PENDING_REPLIES, 1);
        return false;
    }
    return true;
}

/* Whether so much was answered that it is worth looking at the input again. */
static bool may_go_on(const struct slots *slots) {
    return slots->count == 0 || (slots->order != CMD_ALONE && slots->count <= SESSION_SLOTS_MAX / RESUME_SHARE &&
                                 slots->bytes <= SESSION_SLOTS_BYTES_MAX / RESUME_SHARE);
}

static void mark_ready(struct slots *slots) {
    struct session_worker *w = slots->session->worker;

    if (!slots->ready) {
        slots->ready = true;
        slots->next_ready = w->ready;
        w->ready = slots;
    }
}

/* Takes the one behind `before` out; NULL: the first. */
static struct slot *take_behind(struct slots *slots, struct slot *before) {
    struct slot **at = before != NULL ? &before->next : &slots->first;
    struct slot *slot = *at;

    *at = slot->next;
    if (slots->last == slot) {
        slots->last = before;
    }
    slots->count--;
    slots->bytes -= slot->cost;
    return slot;
}

static void drop_all(struct slots *slots) {
    struct session_worker *w = slots->session->worker;

    while (slots->first != NULL) {
        struct slot *slot = take_behind(slots, NULL);

        if (slot->pending != NULL) {
            pending_abandon(slot->pending);
        } else {
            reply_release(&slot->reply);
        }
        session_trace_abandon(slot->span);
        free_slot(w, slot);
    }
}

/* Takes out the next one behind *before that may be told: those that are pending out of turn are passed over. NULL: none. */
static struct slot *next_complete(struct slots *slots, struct slot **before) {
    struct slot *slot = *before != NULL ? (*before)->next : slots->first;

    while (slot != NULL && slot->pending != NULL && slot->out_of_turn) {
        *before = slot;
        slot = slot->next;
    }
    return slot != NULL && slot->pending == NULL ? take_behind(slots, *before) : NULL;
}

/* Encodes the reply of a slot that was taken out; each request is booked with its own time. */
static void tell(struct session *s, struct slot *slot) {
    const struct cmd_context *context = &s->worker->context;
    const struct session_tracing before = session_trace_swap(s, (struct session_tracing){.span = slot->span});

    slot->answer(s, slot, &slot->reply);
    session_trace_drop(s);
    session_trace_swap(s, before);
    telemetry_batch_end(context->telemetry, context->now_ns - slot->start_ns);
    free_slot(s->worker, slot);
}

/* After some were told. */
static void settle(struct slots *slots) {
    struct session *s = slots->session;

    if (s->failed) {
        drop_all(slots);
    }
    if (s->waiting && may_go_on(slots)) {
        s->waiting = false;
        s->stalled = true;
    }
    mark_ready(slots);
}

/* What there is of the one that is to be answered next, if it is still coming. */
static void flow(struct slots *slots) {
    struct slot *slot = slots->first;

    while (slot != NULL && slot->out_of_turn) {
        slot = slot->next;
    }
    if (slot != NULL && slot->pending != NULL && slot->stream != NULL) {
        slot->flow(slots->session, slot, slot->stream);
    }
}

/* Answers what is complete, up to the first reply that is still to come in its turn. */
static void answer_complete(struct slots *slots) {
    struct session *s = slots->session;
    struct slot *before = NULL;
    struct slot *slot;

    while (!s->failed && (slot = next_complete(slots, &before)) != NULL) {
        tell(s, slot);
    }
    if (!s->failed) {
        flow(slots);
    }
    settle(slots);
}

static void answer_out_of_turn(struct slot *slot) {
    struct slots *slots = slot->slots;
    struct slot *before = NULL;

    for (struct slot *at = slots->first; at != slot; at = at->next) {
        before = at;
    }
    tell(slots->session, take_behind(slots, before));
    settle(slots);
}

/* Whether nothing stands before it but what may be told after it. */
static bool is_due(const struct slot *slot) {
    const struct slot *at = slot->slots->first;

    while (at != slot && at->out_of_turn) {
        at = at->next;
    }
    return at == slot;
}

static void on_pending_done(void *owner, struct reply *reply) {
    struct slot *slot = owner;

    slot->pending = NULL;
    slot->stream = NULL;
    slot->reply = *reply;
    if (slot->out_of_turn) {
        answer_out_of_turn(slot);
    } else if (is_due(slot)) {
        answer_complete(slot->slots);
    }
}

static void on_pending_news(void *owner, struct answer_stream *stream) {
    struct slot *slot = owner;

    slot->stream = stream;
    if (is_due(slot)) {
        answer_complete(slot->slots);
    }
}

void session_slots_flow(struct session *s) {
    if (s->slots != NULL && s->slots->count > 0 && !s->failed) {
        if (s->over) {
            s->stalled = false; /* nobody looks at its input any more, who would say so */
        }
        flow(s->slots);
        if (s->failed) {
            drop_all(s->slots);
        }
    }
}

static struct slots *slots_of(struct session *s) {
    if (s->slots == NULL) {
        s->slots = calloc(1, sizeof(*s->slots));
        if (s->slots != NULL) {
            s->slots->session = s;
        }
    }
    return s->slots;
}

void session_mark_ready(struct session *s) {
    struct slots *slots = slots_of(s);

    if (slots != NULL) {
        mark_ready(slots);
    } else {
        session_fail(s);
    }
}

static void give_up(struct session *s, struct reply *reply) {
    if (reply->result == RESULT_PENDING) {
        pending_abandon(reply->pending);
    } else {
        reply_release(reply);
    }
    session_fail(s);
}

static void append(struct slots *slots, struct slot *slot) {
    if (slots->last != NULL) {
        slots->last->next = slot;
    } else {
        slots->first = slot;
    }
    slots->last = slot;
    slots->count++;
    slots->bytes += slot->cost;
}

void session_slot_add(struct session *s, struct reply *reply, const struct slot_request *request) {
    struct slots *slots = slots_of(s);
    struct slot *slot = slots != NULL ? new_slot(s->worker, request->data.size) : NULL;

    if (slot == NULL) {
        give_up(s, reply);
        return;
    }
    if (reply->result != RESULT_PENDING) {
        cmd_keep_reply(reply);
    }
    slot->next = NULL;
    slot->slots = slots;
    slot->pending = NULL;
    if (reply->result != RESULT_PENDING) {
        slot->reply = *reply;
    }
    slot->answer = request->answer;
    slot->flow = request->flow;
    slot->stream = NULL;
    slot->begun = false;
    slot->sized = false;
    slot->out_of_turn = request->out_of_turn;
    slot->start_ns = s->worker->context.now_ns;
    slot->span = request->is_aside ? NULL : session_trace_hand_over(s);
    slot->cost = request->cost;
    slot->size = request->data.size;
    if (request->data.size > 0) {
        memcpy(slot->data, request->data.data, request->data.size);
    }
    if (slots->count == 0) {
        slots->order = request->order;
    } else if (slots->order != request->order) {
        slots->order = CMD_ALONE;
    }
    append(slots, slot);
    if (reply->result == RESULT_PENDING) {
        slot->pending = reply->pending;
        pending_await(slot->pending, on_pending_done, slot);
        if (slot->flow != NULL) {
            pending_hear(slot->pending, on_pending_news);
        }
    } else if (slot->out_of_turn) {
        answer_out_of_turn(slot); /* whatever the others wait for: it may be this */
    } else if (is_due(slot)) {
        answer_complete(slots); /* it stands behind nothing but what may come after it */
    }
}

void session_slots_drop(struct session *s) {
    if (s->slots != NULL) {
        drop_all(s->slots);
    }
}

void session_slots_free(struct session *s) {
    struct slots *slots = s->slots;

    if (slots == NULL) {
        return;
    }
    drop_all(slots);
    s->slots = NULL;
    if (slots->ready) {
        slots->session = NULL; /* the worker's list frees it */
    } else {
        free(slots);
    }
}

/* Lets the owner of the session go on with it; then nothing of it is kept for a session that waits no more. */
static void run_ready(struct session_worker *w, struct slots *slots) {
    if (slots->session != NULL) {
        session_settle(slots->session);
    }
    if (slots->session != NULL && w->on_ready != NULL) {
        w->on_ready(slots->session);
    }
    slots->ready = false;
    if (slots->session == NULL) {
        free(slots);
    } else if (slots->count == 0) {
        slots->session->slots = NULL;
        free(slots);
    }
}

void session_worker_run_ready(struct session_worker *w) {
    while (w->ready != NULL) {
        struct slots *slots = w->ready;

        w->ready = slots->next_ready;
        run_ready(w, slots);
    }
}

void session_worker_complete(struct session_worker *w) {
    if (w->context.shared_worker != NULL) {
        shared_worker_begin(w->context.shared_worker);
    }
    pending_queue_run(&w->completions);
    session_worker_run_ready(w);
}
