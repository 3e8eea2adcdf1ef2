/* SPDX-License-Identifier: Apache-2.0 */
#include "group/origin_shelf.h"

/* Answers that a node asks an origin for although it does not own the key; origin_shelf.h says what becomes of them. */

static int64_t until_ns(const struct origin_aside *aside) {
    return aside->asked_ns + ORIGIN_ASIDE_MS * CLOCK_NS_PER_MS;
}

static uint64_t serial_of(const struct keeper_view *view) {
    return view != NULL ? view->serial : 0;
}

/* True: what was kept is the answer. */
static bool serve_kept(const struct origin_access *a, const struct request *request, const struct judge_wish *wish,
                       const struct keeper_view *view, struct reply *reply) {
    const struct origin *origin = a->worker->origin;
    struct origin_aside *aside =
        origin_shelf_find(origin->shelf, table_hash(a->memory.table, request->key), request->key);
    int64_t now_ms = origin_now_ms(origin);
    struct judge_decision decision;
    struct origin_entry entry;

    if (aside == NULL) {
        return false;
    }
    if (aside->serial == serial_of(view) && a->now_ns < until_ns(aside) &&
        origin_entry_read(aside->held.value, &entry) == LARDER_OK) {
        decision = judge_request(&entry, wish, now_ms);
        if (decision.way == JUDGE_SERVE && !decision.stale) {
            reply->held = &aside->blob;
            reply->release = memory_unref_held;
            origin_show(reply, &entry, (struct origin_held){&aside->blob, aside->held.value}, now_ms);
            reply->source = REPLY_ORIGIN_HIT;
            telemetry_count(a->worker->telemetry, COUNTER_ORIGIN_HITS_ASIDE, 1);
            return true;
        }
    }
    blob_unref(&aside->blob);
    return false;
}

void origin_run_aside(const struct origin_access *a, const struct request *request, struct keeper_view *view,
                      enum origin_keep keep, struct reply *reply) {
    const struct judge_wish wish = origin_wish_of(a, request);
    const struct origin_place place = {.view = view, .aside = true, .keep = keep};
    struct origin_plan plan = {.decision = judge_request(NULL, &wish, origin_now_ms(a->worker->origin))};

    if (keep != ORIGIN_KEEP_NOTHING && serve_kept(a, request, &wish, view, reply)) {
        return;
    }
    if (plan.decision.way == JUDGE_REFUSE) {
        reply->result = RESULT_NOT_CACHED;
        return;
    }
    telemetry_count(a->worker->telemetry, COUNTER_ORIGIN_ASIDE, 1);
    origin_ask(a, request, &wish, origin_place_ref(&place), &plan, reply);
}

void origin_keep_aside(struct origin_flight *f) {
    const struct origin *origin = f->worker->origin;
    uint32_t now = table_seconds(origin->start_ns, clock_monotonic_ns());

    if (f->place.keep != ORIGIN_KEEP_NOTHING && f->outcome.action == JUDGE_STORE &&
        !origin_shelf_put(origin->shelf, f, origin_expiry(now, f->outcome.keep_ms))) {
        telemetry_count(f->worker->telemetry, COUNTER_LIMIT_ORIGIN_ASIDE, 1);
    }
}

bool origin_may_adopt(const struct origin_access *a) {
    return a->memory.gate != NULL && !origin_shelf_is_empty(a->worker->origin->shelf);
}

/* By the gate's view, in which this node is the owner. */
static bool may_be_entry(const struct origin_access *a, const struct origin_aside *aside) {
    const struct memory_gate *gate = a->memory.gate;

    return aside->may_adopt && aside->group == a->memory.policy->index && aside->expires > a->memory.now &&
           keeper_adopts(gate->keeper, gate->view, gate->slot, aside->group, aside->serial, aside->asked_ns,
                         ORIGIN_ASIDE_MS * CLOCK_NS_PER_MS);
}

/* It is not worth waiting for copies that others may have. */
static enum larder_error put(const struct origin_access *a, struct slice key, uint64_t hash,
                             const struct origin_aside *aside) {
    struct memory_access memory = a->memory;
    struct memory_gate gate = *memory.gate;

    gate.change = NULL;
    memory.gate = &gate;
    return origin_put(&memory, key, hash, aside->held.value, aside->expires, 0, &aside->voided);
}

void origin_adopt(const struct origin_access *a, struct slice key, uint64_t hash) {
    struct origin_shelf *shelf = a->worker->origin->shelf;
    struct origin_aside *aside = origin_shelf_find(shelf, hash, key);

    if (aside == NULL) {
        return;
    }
    if (may_be_entry(a, aside) && put(a, key, hash, aside) == LARDER_OK) {
        telemetry_count(a->worker->telemetry, COUNTER_ORIGIN_ADOPTED, 1);
    }
    if (keeper_is_newest(a->memory.gate->keeper, a->memory.gate->view)) {
        origin_shelf_remove(shelf, aside); /* it is an entry now, or will be none */
    }
    blob_unref(&aside->blob);
}
