/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "group/origin_load.h"
#include "origin/life.h"

static void begin_error(struct origin_flight *f, unsigned status) {
    int64_t now_ms = origin_now_ms(f->worker->origin);
    const struct origin_entry error = {
        .kind = ORIGIN_ERROR,
        .status = status,
        .asked_ms = f->asked_ms,
        .answered_ms = now_ms,
    };

    origin_begin_value(f, &error, 0);
}

/* The old body with a new head. */
static void renew_value(struct origin_flight *f) {
    struct slice body = f->outcome.entry.body;

    origin_begin_value(f, &f->outcome.entry, body.size);
    if (f->value != NULL && body.size > 0) {
        memcpy(f->value->data + f->value->size, body.data, body.size);
        f->value->size += body.size;
    }
}

static enum judge_fault fault_of(const struct origin_flight *f, enum larder_error error) {
    if (error == LARDER_ERROR_TIMEOUT) {
        return JUDGE_TIMEOUT;
    }
    return f->has_head || error == LARDER_ERROR_PROTOCOL || error == LARDER_ERROR_TRUNCATED ||
                   error == LARDER_ERROR_LIMIT
               ? JUDGE_BROKEN
               : JUDGE_UNREACHABLE;
}

static const enum counter fault_counters[] = {
    [JUDGE_UNREACHABLE] = COUNTER_ORIGIN_LOADS_UNREACHABLE,
    [JUDGE_TIMEOUT] = COUNTER_ORIGIN_LOADS_TIMEOUT,
    [JUDGE_BROKEN] = COUNTER_ORIGIN_LOADS_BROKEN,
};

static void fail(struct origin_flight *f, enum judge_fault fault) {
    struct origin_rules rules;

    origin_rules_make(f, &rules);
    judge_failure(&rules.judge, fault, f->asked_ms, origin_now_ms(f->worker->origin), &f->outcome);
    origin_flight_count(f, fault_counters[fault]);
    f->has_head = false;
    f->broken = true;
    if (f->outcome.action == JUDGE_STORE) {
        origin_begin_value(f, &f->outcome.entry, 0);
    } else {
        begin_error(f, f->outcome.status);
    }
}

static void count_answer(const struct origin_flight *f) {
    static const enum counter obstacles[JUDGE_OBSTACLE_COUNT] = {
#define OBSTACLE(name, label) [JUDGE_OBSTACLE_##name] = COUNTER_ORIGIN_OBSTACLE_##name,
#include "origin/obstacles.def"
#undef OBSTACLE
    };

    switch (life_kind_of(f->answer.status)) {
    case ORIGIN_ANSWER:
        origin_flight_count(f, f->answer.status == 304 ? COUNTER_ORIGIN_LOADS_RENEWED : COUNTER_ORIGIN_LOADS_ANSWER);
        break;
    case ORIGIN_ABSENT:
        origin_flight_count(f, COUNTER_ORIGIN_LOADS_ABSENT);
        break;
    default:
        origin_flight_count(f, COUNTER_ORIGIN_LOADS_ERROR);
        break;
    }
    if (f->outcome.obstacle != JUDGE_NO_OBSTACLE) {
        origin_flight_count(f, obstacles[f->outcome.obstacle]);
    }
}

/* The answer is whole. */
static void conclude(struct origin_flight *f) {
    if (f->outcome.failed) {
        fail(f, JUDGE_BROKEN);
        return;
    }
    count_answer(f);
    if (f->outcome.action == JUDGE_RENEW) {
        renew_value(f);
    } else if (f->value != NULL) {
        origin_entry_set_body_size(f->value->data, f->body_size);
    }
}

static void forget_answer(struct origin_flight *f) {
    if (f->value != NULL) {
        blob_unref(&f->value->blob);
        f->value = NULL;
    }
    free(f->head_text);
    f->head_text = NULL;
    f->has_head = false;
    f->body_size = 0;
}

void origin_give_up(struct origin_flight *f, enum result result) {
    const struct origin *origin = f->worker->origin;

    if (!f->place.aside) {
        origin_unmark(origin->table, f->hash, origin_flight_key(f),
                      table_seconds(origin->start_ns, clock_monotonic_ns()));
    }
    origin_land(f, ORIGIN_LANDED_NONE, result);
}

void origin_land_published(struct origin_flight *f) {
    bool keeps = f->outcome.action == JUDGE_KEEP && f->old_held.blob != NULL;

    origin_land(f, keeps ? ORIGIN_LANDED_KEPT : ORIGIN_LANDED_VALUE, RESULT_DONE);
}

static void land(struct origin_flight *f) {
    if (f->overtaxed) {
        origin_flight_count(f, COUNTER_LIMIT_ORIGIN_MEMORY);
        origin_give_up(f, RESULT_ORIGIN_BUSY);
        return;
    }
    if (origin_publish(f, NULL, NULL)) {
        origin_land_published(f);
    } else {
        origin_await_copies(f);
    }
}

/* Whether it is this node that could not do it. */
static bool is_our_own(const struct origin_flight *f, enum larder_error error) {
    return f->worker->ended || error == LARDER_ERROR_NO_MEMORY || error == LARDER_ERROR_IO;
}

/* What was for one alone: all else has been told, and done, at the head. */
static void end_passed(struct origin_flight *f, enum larder_error error) {
    if (error == LARDER_OK && !f->overtaxed) {
        count_answer(f);
        origin_entry_set_body_size(f->value->data, f->value->size - f->head_size);
        origin_land(f, ORIGIN_LANDED_VALUE, RESULT_DONE);
    } else if (error == LARDER_OK || is_our_own(f, error)) {
        origin_land(f, ORIGIN_LANDED_NONE, RESULT_ORIGIN_BUSY);
    } else {
        origin_flight_count(f, fault_counters[fault_of(f, error)]);
        origin_land(f, ORIGIN_LANDED_NONE,
                    error == LARDER_ERROR_TIMEOUT ? RESULT_ORIGIN_TIMEOUT : RESULT_ORIGIN_FAILED);
    }
}

static void end(struct origin_flight *f, enum larder_error error) {
    if (f->passing) {
        end_passed(f, error);
        return;
    }
    if (error == LARDER_OK && f->has_head && f->outcome.action == JUDGE_RELOAD && !f->outcome.failed) {
        count_answer(f);
        forget_answer(f);
        f->conditional = false;
        origin_fly_again(f);
        origin_load(f);
        return;
    }
    if (error != LARDER_OK && is_our_own(f, error)) {
        origin_give_up(f, RESULT_ORIGIN_BUSY);
        return;
    }
    if (error == LARDER_OK && !f->overtaxed) {
        conclude(f);
    } else if (error != LARDER_OK) {
        fail(f, fault_of(f, error));
    }
    land(f);
}

void origin_on_done(void *ctx, enum larder_error error) {
    struct origin_flight *f = ctx;
    struct origin_worker *w = f->worker;

    w->calling = true; /* in its place another may be begun */
    origin_trace_end(f, error, f->has_head ? f->answer.status : 0);
    end(f, error);
    w->calling = false;
}
