/* SPDX-License-Identifier: Apache-2.0 */
#include "judge.h"

#include "trial.h"

void judge_init(struct judge *judge, struct trial *trial) {
    *judge = (struct judge){.trial = trial};
    for (size_t key = 0; key < RING_TRIAL_KEYS; key++) {
        judge->unknown_incr_ns[key] = INT64_MAX;
    }
}

void judge_fini(struct judge *judge) {
    free(judge->values);
}

static struct judge_value *add(struct judge *judge, size_t key, uint64_t value) {
    if (judge->count == judge->capacity) {
        judge->capacity = judge->capacity == 0 ? 256 : 2 * judge->capacity;
        judge->values = realloc(judge->values, judge->capacity * sizeof(*judge->values));
        sim_must(judge->values != NULL);
    }
    judge->values[judge->count] = (struct judge_value){.value = value,
                                                       .key = key,
                                                       .write_ns = INT64_MAX,
                                                       .first_ns = INT64_MAX,
                                                       .last_ns = INT64_MIN,
                                                       .read_ns = INT64_MAX};
    return &judge->values[judge->count++];
}

static struct judge_value *value_of(struct judge *judge, size_t key, uint64_t value) {
    for (size_t i = judge->count; i-- > 0;) {
        if (judge->values[i].value == value && judge->values[i].key == key) {
            return &judge->values[i];
        }
    }
    return add(judge, key, value);
}

static void widen(struct judge_value *v, int64_t begun_ns, int64_t ended_ns) {
    v->first_ns = ended_ns < v->first_ns ? ended_ns : v->first_ns;
    v->last_ns = begun_ns > v->last_ns ? begun_ns : v->last_ns;
}

/* --- what an ask says --- */

static void was_read(struct judge *judge, const struct ask *ask, uint64_t value) {
    struct judge_value *v = value_of(judge, ask->op.key, value);

    widen(v, ask->begun_ns, ask->ended_ns);
    v->read_ns = ask->ended_ns < v->read_ns ? ask->ended_ns : v->read_ns;
}

static void was_written(struct judge *judge, const struct ask *ask, uint64_t value, bool is_sure) {
    struct judge_value *v = value_of(judge, ask->op.key, value);

    v->is_written = true;
    v->write_ns = ask->begun_ns < v->write_ns ? ask->begun_ns : v->write_ns;
    widen(v, ask->begun_ns, is_sure ? ask->ended_ns : INT64_MAX);
}

static void was_consumed(struct judge *judge, const struct ask *ask, uint64_t value) {
    was_read(judge, ask, value);
    value_of(judge, ask->op.key, value)->consumed++;
}

static void was_absent(struct judge *judge, size_t key, const struct ask *ask) {
    widen(add(judge, key, 0), ask->begun_ns, ask->ended_ns);
}

static void take_purge(struct judge *judge, const struct ask *ask) {
    for (size_t key = 0; key < RING_TRIAL_KEYS && ask->answer.outcome == OUTCOME_YES; key++) {
        if (ask->op.group == RING_TRIAL_GROUPS || ask->op.group == layout_group(key)) {
            was_absent(judge, key, ask);
        }
    }
}

static void take_done(struct judge *judge, const struct ask *ask) {
    switch (ask->op.kind) {
    case OP_SET:
    case OP_ADD:
        was_written(judge, ask, ask->op.value, true);
        break;
    case OP_CAS:
        was_consumed(judge, ask, ask->op.compare);
        was_written(judge, ask, ask->op.value, true);
        break;
    case OP_INCR:
        was_consumed(judge, ask, ask->answer.value - 1);
        was_written(judge, ask, ask->answer.value, true);
        break;
    default:
        break;
    }
}

static void take_undone(struct judge *judge, const struct ask *ask) {
    bool may_be = ask->answer.outcome == OUTCOME_UNKNOWN || ask->answer.outcome == OUTCOME_DIED;

    if (ask->op.kind == OP_INCR && may_be && ask->begun_ns < judge->unknown_incr_ns[ask->op.key]) {
        judge->unknown_incr_ns[ask->op.key] = ask->begun_ns;
    }
    if (ask->op.kind != OP_SET && ask->op.kind != OP_ADD && ask->op.kind != OP_CAS) {
        return;
    }
    if (may_be) {
        was_written(judge, ask, ask->op.value, false);
    } else {
        value_of(judge, ask->op.key, ask->op.value)->is_refused = true;
    }
}

void judge_take(struct judge *judge, const struct ask *ask) {
    bool is_over = outcome_is_of_table(ask->answer.outcome);

    if (ask->op.kind == OP_PURGE) {
        take_purge(judge, ask);
    } else if (ask->op.kind == OP_DELETE && is_over) {
        was_absent(judge, ask->op.key, ask);
    } else if (ask->answer.outcome == OUTCOME_HIT) {
        judge->hits++;
        was_read(judge, ask, ask->answer.value);
    } else if (ask->answer.outcome == OUTCOME_YES) {
        take_done(judge, ask);
    } else {
        take_undone(judge, ask);
    }
}

/* --- one owner at a time --- */

void judge_act(struct judge *judge, const struct node *node, const struct job *job) {
    int64_t revision = job->errand.view->members->revision;
    size_t key = job->op.key;

    judge->act_count++;
    if (revision > judge->acts[key].revision ||
        (revision == judge->acts[key].revision && judge->acts[key].process == node->process)) {
        if (judge->acts[key].process != node->process || judge->acts[key].first_ns == 0) {
            judge->acts[key].first_ns = judge->trial->sim.now_ns;
        }
        judge->acts[key].revision = revision;
        judge->acts[key].process = node->process;
        return;
    }
    ENSURE(judge->acts[key].process == node->process || job->decided_ns <= judge->acts[key].first_ns,
           "process %zu acts for key %zu by revision %lld, process %zu did by %lld", node->process, key,
           (long long)revision, judge->acts[key].process, (long long)judge->acts[key].revision);
}

void judge_member(const struct judge *judge, const struct node *node, const struct job *job) {
    const struct keeper_view *view = job->errand.view;
    int64_t incarnation = view->self == RING_NOBODY ? 0 : view->members->members[view->self].incarnation;
    const struct depot_event *event = &judge->trial->depot.log[incarnation];

    ENSURE(incarnation != 0 && event->process == node->process && event->life == node->life,
           "process %zu answers for the record %lld, which is not its own", node->process, (long long)incarnation);
}

/* --- the verdict --- */

static void check_value(struct judge *judge, const struct judge_value *v) {
    int64_t write_ns = v->write_ns;

    if (v->read_ns == INT64_MAX) {
        return;
    }
    ENSURE(!v->is_refused, "key %zu: a write of %llu was refused and is read", v->key, (unsigned long long)v->value);
    if (!v->is_written && v->value % 1000 != 0) {
        write_ns = judge->unknown_incr_ns[v->key];
    }
    ENSURE(write_ns < v->read_ns, "key %zu: %llu is read before it was written", v->key, (unsigned long long)v->value);
    ENSURE(v->consumed <= 1, "key %zu: %u have taken the place of %llu", v->key, v->consumed,
           (unsigned long long)v->value);
}

static void check_pair(const struct judge_value *a, const struct judge_value *b) {
    ENSURE(a->first_ns >= b->last_ns || b->first_ns >= a->last_ns,
           "key %zu: %llu was there at %.6f and still at %.6f, but %llu (0: nothing) was there between %.6f and %.6f",
           a->key, (unsigned long long)a->value, (double)(a->first_ns % (3600 * SIM_S)) / 1e9,
           (double)(a->last_ns % (3600 * SIM_S)) / 1e9, (unsigned long long)b->value,
           (double)(b->last_ns % (3600 * SIM_S)) / 1e9, (double)(b->first_ns % (3600 * SIM_S)) / 1e9);
}

void judge_all(struct judge *judge) {
    for (size_t i = 0; i < judge->count; i++) {
        const struct judge_value *a = &judge->values[i];

        if (a->value != 0) {
            check_value(judge, a);
        }
        for (size_t j = 0; j < judge->count && a->value != 0 && a->first_ns < a->last_ns; j++) {
            if (j != i && judge->values[j].key == a->key && !judge->values[j].is_refused) {
                check_pair(a, &judge->values[j]);
            }
        }
    }
}
