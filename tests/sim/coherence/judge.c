/* SPDX-License-Identifier: Apache-2.0 */
#include "trial.h"

/* One reading of an answer: as of which revisions it has to be to be right in one era. */
struct view {
    const struct ask *ask;
    size_t era;
    int64_t low;  /* everything up to here has to be in it */
    int64_t high; /* nothing beyond has happened */
    struct arena *arena;
    const char *why; /* not */
};

static bool no(struct view *view, const char *why) {
    view->why = why;
    return false;
}

static const struct truth_era *era_of(const struct view *view) {
    return &view->ask->trial->truth.eras[view->era];
}

/* --- what it has to be --- */

static bool same_results(const struct store_result *a, const struct store_result *b) {
    if (a->count != b->count || a->more != b->more || a->kv_count != b->kv_count) {
        return false;
    }
    for (size_t i = 0; i < a->kv_count; i++) {
        if (!truth_same(&a->kvs[i], &b->kvs[i])) {
            return false;
        }
    }
    return true;
}

static bool is_state_at(struct view *view, const struct store_range *range, const struct store_result *result,
                        int64_t revision) {
    struct mvcc mvcc = era_of(view)->mvcc;
    struct store_range at = *range;
    struct store_result expected;

    mvcc.compacted = 0;
    at.revision = revision;
    return revision > 0 && mvcc_range(&mvcc, &at, mvcc.revision, view->arena, &expected) == ETCD_OK &&
           same_results(&expected, result);
}

/* Nothing of the span that had to be in it is missing. */
static bool lacks_nothing(const struct view *view, const struct store_span *span, int64_t revision) {
    return truth_next_change(era_of(view), span, revision) > view->low;
}

/* What somebody on the node was shown before is in it. */
static bool goes_on(const struct view *view, const struct store_span *span, int64_t revision) {
    for (size_t i = 0; i < LAYOUT_KEYS; i++) {
        struct store_span key = {.key = layout_key(i)};

        if (layout_has(span, key.key) &&
            truth_next_change(era_of(view), &key, revision) <= view->ask->known.revisions[view->era][i]) {
            return false;
        }
    }
    return true;
}

static bool is_right_range(struct view *view, const struct store_range *range, const struct store_result *result) {
    const struct store_call *call = &view->ask->call;

    if (call->revision > view->high) {
        return no(view, "it is of the future");
    }
    if (range->revision > 0) {
        return is_state_at(view, range, result, range->revision) || no(view, "it is not what was then");
    }
    if (!is_state_at(view, range, result, call->revision)) {
        return no(view, "it is not the state at its revision");
    }
    if (!lacks_nothing(view, &range->span, call->revision)) {
        return no(view, "it is too old");
    }
    if ((call->from_memory || !range->serializable) && !goes_on(view, &range->span, call->revision)) {
        return no(view, "it is older than what was shown before");
    }
    return true;
}

/* --- changes --- */

static bool is_change_of(const struct truth_era *era, int64_t revision, const struct store_op *op) {
    size_t count;
    const struct mvcc_change *changes = truth_changes(era, revision, &count);

    for (size_t i = 0; i < count; i++) {
        if (op->kind == STORE_OP_PUT && !changes[i].is_delete && slice_equal(changes[i].kv.key, op->put.key) &&
            slice_equal(changes[i].kv.value, op->put.value)) {
            return true;
        }
        if (op->kind == STORE_OP_DELETE && changes[i].is_delete && layout_has(&op->delete.span, changes[i].kv.key)) {
            return true;
        }
    }
    return false;
}

static bool is_right_change(struct view *view, const struct store_op *op, const struct store_result *result) {
    const struct store_call *call = &view->ask->call;
    int64_t at_ns;

    if (op->kind == STORE_OP_DELETE && result->count == 0) {
        return true;
    }
    if (call->revision > view->high || !is_change_of(era_of(view), call->revision, op)) {
        return no(view, "it did not happen");
    }
    at_ns = era_of(view)->made[call->revision].at_ns;
    if (at_ns < view->ask->begun_ns) {
        return no(view, "it happened before");
    }
    if (result->kv_count > 0 && op->kind == STORE_OP_PUT) {
        return truth_same(mvcc_get(&era_of(view)->mvcc, op->put.key, call->revision - 1), &result->kvs[0]) ||
               no(view, "something else was there before");
    }
    return true;
}

static bool is_right_op(struct view *view, const struct store_op *op, const struct store_result *result) {
    if (op->kind == STORE_OP_RANGE) {
        return is_right_range(view, &op->range, result);
    }
    if (op->kind == STORE_OP_PUT || op->kind == STORE_OP_DELETE) {
        return is_right_change(view, op, result);
    }
    if (op->kind == STORE_OP_TXN) {
        const struct store_op *ops = result->succeeded ? op->txn.success : op->txn.failure;
        size_t count = result->succeeded ? op->txn.success_count : op->txn.failure_count;

        if (result->result_count != count) {
            return no(view, "results are missing");
        }
        for (size_t i = 0; i < count; i++) {
            if (!is_right_op(view, &ops[i], &result->results[i])) {
                return false;
            }
        }
    }
    return true;
}

/* --- from when it has to be --- */

static int64_t stale_limit(const struct store_span *span) {
    int64_t limit = INT64_MAX;

    for (size_t i = 0; i < LAYOUT_KEYS; i++) {
        const struct coherence_policy *policy = layout_policy(layout_key(i));

        if (layout_has(span, layout_key(i))) {
            limit = policy == NULL ? 0 : policy->stale_limit_ns < limit ? policy->stale_limit_ns : limit;
        }
    }
    return limit;
}

/* Everything that was done before this has to be in the answer. */
static int64_t time_of(const struct ask *ask) {
    const struct store_call *call = &ask->call;
    int64_t now_ns = ask->trial->sim.now_ns;
    int64_t age_ns = 0;

    if (call->op.kind == STORE_OP_RANGE) {
        const struct store_range *range = &call->op.range;

        age_ns = !range->serializable ? range->max_age_ns
                 : call->from_memory  ? stale_limit(&range->span)
                                      : INT64_MAX / 2;
        if (call->from_memory) {
            /* What is too old waits for a round, which is as good as if it had been linearizable. */
            ENSURE(call->age_ns <= age_ns || call->age_ns <= now_ns - ask->begun_ns,
                   "an answer of age %lld, and %lld is allowed", (long long)call->age_ns, (long long)age_ns);
            age_ns = call->age_ns < age_ns ? call->age_ns : age_ns;
        }
    }
    return now_ns - age_ns < ask->begun_ns ? now_ns - age_ns : ask->begun_ns;
}

static bool is_right_in(struct view *view, int64_t from_ns) {
    const struct ask *ask = view->ask;
    const struct truth_era *era = era_of(view);
    int64_t now_ns = ask->trial->sim.now_ns;
    bool is_change = ask->call.op.kind == STORE_OP_PUT || ask->call.op.kind == STORE_OP_DELETE ||
                     (ask->call.op.kind == STORE_OP_TXN && mvcc_may_change(&ask->call.op));

    if (era->ended_ns < from_ns && !is_change) {
        return false;
    }
    if (is_change && era->ended_ns < ask->begun_ns) {
        return false;
    }
    view->low = from_ns < era->began_ns ? era->base : truth_revision_at(era, from_ns - 1);
    view->high = truth_revision_at(era, now_ns < era->ended_ns ? now_ns : era->ended_ns);
    return is_right_op(view, &ask->call.op, &ask->call.result);
}

/* --- what follows from it for later answers --- */

static void show_span(const struct ask *ask, size_t era, const struct store_span *span, int64_t revision) {
    for (size_t i = 0; i < LAYOUT_KEYS; i++) {
        if (layout_has(span, layout_key(i))) {
            struct truth_era *e = &ask->trial->truth.eras[era];
            int64_t newest = 0;

            for (size_t k = 0; k < e->mvcc.key_count; k++) {
                struct mvcc_key *key = &e->mvcc.keys[k];

                for (size_t v = key->count; slice_equal(key->name, layout_key(i)) && v-- > 0 && newest == 0;) {
                    newest = key->versions[v].kv.mod_revision <= revision ? key->versions[v].kv.mod_revision : 0;
                }
            }
            node_showed(&ask->trial->node, era, i, newest);
        }
    }
}

static void show(const struct ask *ask, size_t era, const struct store_op *op, const struct store_result *result) {
    if (op->kind == STORE_OP_RANGE && op->range.revision == 0 && (!op->range.serializable || ask->call.from_memory)) {
        show_span(ask, era, &op->range.span, ask->call.revision);
    } else if (op->kind == STORE_OP_PUT) {
        show_span(ask, era, &(struct store_span){.key = op->put.key}, ask->call.revision);
    } else if (op->kind == STORE_OP_DELETE) {
        show_span(ask, era, &op->delete.span, ask->call.revision);
    } else if (op->kind == STORE_OP_TXN) {
        const struct store_op *ops = result->succeeded ? op->txn.success : op->txn.failure;

        for (size_t i = 0; i < result->result_count; i++) {
            show(ask, era, &ops[i], &result->results[i]);
        }
    }
}

/* --- --- */

static void trace(const struct ask *ask) {
    const struct store_call *call = &ask->call;
    const struct store_op *op = &call->op;
    struct slice key = op->kind == STORE_OP_PUT      ? op->put.key
                       : op->kind == STORE_OP_DELETE ? op->delete.span.key
                       : op->kind == STORE_OP_RANGE  ? op->range.span.key
                                                     : SLICE("-");
    const struct kv *kv = call->result.kv_count > 0 ? &call->result.kvs[0] : &(struct kv){0};

    seeds_trace(&ask->trial->sim,
                "ask %d of %.*s (+%.3f s, age %.3f%s%s): %s, revision %lld, %zu kvs, %.*s of %lld%s%s", (int)op->kind,
                (int)key.size, key.data, (double)(ask->trial->sim.now_ns - ask->begun_ns) / 1e9,
                op->kind == STORE_OP_RANGE ? (double)op->range.max_age_ns / 1e9 : 0,
                op->kind == STORE_OP_RANGE && op->range.serializable ? ", serializable" : "",
                op->kind == STORE_OP_RANGE && op->range.span.range_end.size > 0 ? ", many" : "",
                store_status_text(call->status), (long long)call->revision, call->result.kv_count, (int)kv->value.size,
                kv->value.data == NULL ? "" : kv->value.data, (long long)kv->mod_revision,
                call->from_memory ? ", from memory" : "", ask->by_try ? ", at once" : "");
}

/* Whether all that the span has may be kept. */
static bool is_kept(const struct store_span *span) {
    for (size_t i = 0; i < LAYOUT_KEYS; i++) {
        const struct coherence_policy *policy = layout_policy(layout_key(i));

        if (layout_has(span, layout_key(i)) && (policy == NULL || !policy->keeps)) {
            return false;
        }
    }
    return true;
}

/* A key alone may be newer than what is applied: it was written here, or asked for. */
static void check_memory(const struct ask *ask) {
    const struct store_call *call = &ask->call;

    if (call->from_memory) {
        ENSURE(call->op.kind == STORE_OP_RANGE && is_kept(&call->op.range.span) && !call->op.range.direct &&
                   call->op.range.revision == 0,
               "op %d must not be answered from memory", (int)call->op.kind);
    }

    if (call->from_memory && call->op.kind == STORE_OP_RANGE && call->op.range.span.range_end.size > 0) {
        ENSURE(call->revision <= ask->trial->node.machines[ask->machine].told.applied,
               "many keys of %lld from memory, with %lld applied", (long long)call->revision,
               (long long)ask->trial->node.machines[ask->machine].told.applied);
    }
}

void judge(struct ask *ask) {
    struct arena arena;
    struct view view = {.ask = ask, .arena = &arena, .why = "it is of another era"};
    int64_t from_ns;

    trace(ask);
    if (ask->call.status != STORE_OK) {
        ENSURE(ask->call.status != STORE_UNKNOWN || ask->call.op.kind != STORE_OP_RANGE, "a read is never UNKNOWN");
        return;
    }
    arena_init(&arena, SIZE_MAX / 2);
    from_ns = time_of(ask);
    for (view.era = 0; view.era < ask->trial->truth.count; view.era++) {
        if (is_right_in(&view, from_ns)) {
            check_memory(ask);
            show(ask, view.era, &ask->call.op, &ask->call.result);
            arena_fini(&arena);
            return;
        }
    }
    seeds_failed(
        __FILE__, __LINE__, "the answer is right", "%s: op %d of %.*s, revision %lld%s", view.why,
        (int)ask->call.op.kind, ask->call.op.kind == STORE_OP_RANGE ? (int)ask->call.op.range.span.key.size : 0,
        ask->call.op.range.span.key.data, (long long)ask->call.revision, ask->call.from_memory ? ", from memory" : "");
}
