/* SPDX-License-Identifier: Apache-2.0 */
#include "group/origin_load.h"

void origin_plan_old(struct origin *origin, const struct spot *spot, struct origin_plan *plan) {
    plan->old_flags = spot->entry->client_flags;
    plan->old_expires = spot->entry->expires;
    (void)origin_hold_spot(origin, spot, &plan->old); /* without it the answer comes whole */
}

/* The flight that the round waited for has mostly put something new there: what was stored when the first of the round came
 * would be asked about in vain, and must not be served or written again if the origin fails now. */
static void look(const struct origin_flight *f, struct origin_plan *plan) {
    struct memory_gate gate;
    const struct memory_access a = origin_flight_access(f, &gate);
    struct origin_entry entry;
    struct spot spot;

    if (f->place.aside || !spot_lock(&a, origin_flight_key(f), &spot)) {
        return;
    }
    if (spot.entry != NULL &&
        origin_entry_read(slice_make(entry_value(spot.entry), spot.entry->value_size), &entry) == LARDER_OK &&
        entry.kind != ORIGIN_MARKER) {
        origin_plan_old(f->worker->origin, &spot, plan);
    }
    spot_unlock(&spot);
}

/* It was decided when the first of the round came that this node acts as the owner; by now it may not any more. */
static bool may_act(const struct origin_flight *f) {
    return f->place.aside || f->place.keeper == NULL || keeper_may_act(f->place.keeper, clock_monotonic_ns());
}

void origin_round_load(struct origin_flight *f) {
    struct origin_plan plan = {.decision = {.way = JUDGE_REVALIDATE}};

    if (!may_act(f)) {
        origin_flight_know(f, &plan);
        origin_give_up(f, RESULT_ORIGIN_BUSY);
        return;
    }
    look(f, &plan);
    origin_flight_know(f, &plan);
    origin_load(f);
}
