/* SPDX-License-Identifier: Apache-2.0 */
#include "question.h"

#include "parcel.h"
#include "trial.h"

struct question {
    struct model *model;
    size_t machine;
    struct store_call *call;
    int64_t handed;
    bool is_write;
    bool is_linearizable;
    bool is_round;
    bool is_done; /* by the cluster */
    bool is_late; /* it goes to a connection that broke when a backup was restored, and nobody has looked yet */
    enum store_status status;
    int64_t revision;
    size_t era;
    struct sim_event *event;    /* the next of its way */
    struct sim_event *deadline; /* when the client gives up */
    struct question *next;
    struct question **previous;
};

static struct sim *sim_of(struct question *question) {
    return &question->model->trial->sim;
}

static bool is_write(const struct store_op *op) {
    return op->kind == STORE_OP_TXN ? mvcc_may_change(op) : op->kind != STORE_OP_RANGE;
}

/* --- its end --- */

static void take_out(struct question *question) {
    sim_cancel(sim_of(question), question->event);
    sim_cancel(sim_of(question), question->deadline);
    *question->previous = question->next;
    if (question->next != NULL) {
        question->next->previous = question->previous;
    }
    question->model->rounds[question->machine] -= question->is_round;
    free(question);
}

static void end(struct question *question, enum store_status status) {
    struct model *model = question->model;
    struct parcel *parcel = parcel_new(PARCEL_ANSWER, question->machine, model->trial->truth.count - 1);

    parcel->call = question->call;
    parcel->status = status;
    parcel->is_linearizable = question->is_linearizable;
    parcel->handed = question->handed;
    if (status == STORE_OK) {
        parcel->revision = question->revision;
        parcel->era = question->era;
    } else {
        arena_fini(&question->call->arena);
        question->call->result = (struct store_result){0};
    }
    take_out(question);
    node_take(&model->trial->node, parcel);
}

static void give_up(struct question *question, enum store_status status) {
    end(question, question->is_write && question->is_done ? STORE_UNKNOWN : status);
}

static void gave_up(void *ctx) {
    struct question *question = ctx;

    question->deadline = NULL;
    end(question, question->is_write ? STORE_UNKNOWN : STORE_TIMEOUT);
}

static void came_back(void *ctx) {
    struct question *question = ctx;

    question->event = NULL;
    end(question, question->status);
}

static void broke(void *ctx) {
    struct question *question = ctx;

    question->event = NULL;
    give_up(question, STORE_UNAVAILABLE);
}

/* --- what the cluster does --- */

static void own_kvs(struct arena *arena, struct store_result *result) {
    for (size_t i = 0; i < result->kv_count; i++) {
        result->kvs[i] = parcel_copy_kv(arena, &result->kvs[i]);
    }
    for (size_t i = 0; i < result->result_count; i++) {
        own_kvs(arena, &result->results[i]);
    }
}

static void read(struct question *question) {
    struct store_call *call = question->call;
    struct model *model = question->model;
    struct mvcc *mvcc = &truth_now(&model->trial->truth)->mvcc;

    question->revision = mvcc->revision;
    if (call->op.kind == STORE_OP_TXN) {
        question->status = truth_status(mvcc_read_txn(mvcc, &call->op, mvcc->revision, &call->arena, &call->result));
        return;
    }
    if (call->op.range.serializable) {
        question->revision = model_member_revision(model, (size_t)sim_between(sim_of(question), 0, MODEL_MEMBERS - 1));
    }
    question->status = truth_status(mvcc_range(mvcc, &call->op.range, question->revision, &call->arena, &call->result));
}

static void execute(struct question *question) {
    struct store_call *call = question->call;

    question->era = question->model->trial->truth.count - 1;
    question->is_done = true;
    if (question->is_write) {
        question->status = model_change(question->model, &call->op, &call->arena, &call->result, &question->revision);
    } else {
        read(question);
    }
    own_kvs(&call->arena, &call->result);
}

/* Of what is lost, some ends at once, and some when the client gives up. */
static void lose(struct question *question) {
    if (sim_chance(sim_of(question), 60)) {
        question->event = sim_after(sim_of(question), model_delay(question->model), broke, question);
    }
}

static void arrive(void *ctx) {
    struct question *question = ctx;
    struct model *model = question->model;

    question->event = NULL;
    if (question->is_late || model_is_away(model) || sim_chance(sim_of(question), model->lost_percent)) {
        lose(question);
        return;
    }
    execute(question);
    if (question->is_done && question->is_write && question->status == STORE_UNAVAILABLE) {
        question->is_done = false;
    }
    if (sim_chance(sim_of(question), model->lost_percent)) {
        lose(question);
    } else {
        question->event = sim_after(sim_of(question), model_delay(model), came_back, question);
    }
}

void model_submit(struct model *model, size_t machine, struct store_call *call) {
    struct question *question = sim_new(sizeof(*question));

    ENSURE(call->deadline_ns > 0, "a question without a deadline");
    if (model->is_closed) {
        free(question);
        call->status = STORE_CLOSED;
        call->done(call);
        return;
    }
    *question = (struct question){.model = model,
                                  .machine = machine,
                                  .call = call,
                                  .handed = model->trial->node.machines[machine].handed,
                                  .is_write = is_write(&call->op),
                                  .next = model->questions,
                                  .previous = &model->questions};
    question->is_late = node_has_parcels_before(&model->trial->node, model->trial->truth.count - 1);
    question->is_linearizable = call->op.kind != STORE_OP_RANGE || !call->op.range.serializable;
    question->is_round = call->op.kind == STORE_OP_RANGE && call->op.range.count_only &&
                         call->op.range.span.range_end.size == 0 && question->is_linearizable;
    if (model->questions != NULL) {
        model->questions->previous = &question->next;
    }
    model->questions = question;
    model->asked++;
    model->rounds[machine] += question->is_round;
    /* One, and after a reset a beginning. */
    ENSURE(model->rounds[machine] <= 2, "%zu rounds at a time", model->rounds[machine]);
    call->repeated = false;
    question->event = sim_after(sim_of(question), model_delay(model), arrive, question);
    question->deadline = sim_after(sim_of(question), call->deadline_ns - sim_of(question)->now_ns, gave_up, question);
}

void question_fail_all(struct model *model) {
    while (model->questions != NULL) {
        struct question *question = model->questions;

        if (question->is_done && sim_chance(sim_of(question), 40)) {
            end(question, question->status);
        } else {
            give_up(question, STORE_UNAVAILABLE);
        }
    }
}

/* The node's thread ends: nobody is told of anything but this. */
void model_close(struct model *model) {
    model->is_closed = true;
    while (model->questions != NULL) {
        struct store_call *call = model->questions->call;

        take_out(model->questions);
        arena_fini(&call->arena);
        call->result = (struct store_result){0};
        call->status = STORE_CLOSED;
        call->done(call);
    }
}
