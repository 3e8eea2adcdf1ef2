/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/keeper_internal.h"

static void find(struct keeper *keeper, atomic_bool *finding) {
    pthread_mutex_lock(&keeper->lock);
    atomic_store_explicit(finding, true, memory_order_release);
    pthread_mutex_unlock(&keeper->lock);
}

static bool is_found(const atomic_bool *finding) {
    return atomic_load_explicit(finding, memory_order_acquire);
}

bool keeper_is_settled(struct keeper *keeper, struct keeper_plan *plan, int64_t now_ns) {
    if (!is_found(&plan->settled) && now_ns >= plan->settles_ns) {
        find(keeper, &plan->settled);
    }
    return is_found(&plan->settled);
}

bool keeper_is_closed(struct keeper *keeper, struct keeper_plan *plan, int64_t now_ns) {
    if (!is_found(&plan->closed) && now_ns >= plan->handoff_until_ns) {
        find(keeper, &plan->closed);
    }
    return is_found(&plan->closed);
}

void keeper_answered(struct keeper *keeper, const struct keeper_view *view, uint16_t member) {
    atomic_bool *follows = &view->plan->findings[member].follows;

    (void)keeper;
    if (!is_found(follows)) {
        atomic_store_explicit(follows, true, memory_order_release);
    }
}

/* Members of another algorithm act for no slot of this ring. */
uint16_t keeper_doubted(struct keeper *keeper, const struct keeper_view *view, int64_t now_ns) {
    struct keeper_plan *plan = view->plan;

    if (keeper_is_settled(keeper, plan, now_ns)) {
        return RING_NOBODY;
    }
    for (size_t i = 0; i < plan->count; i++) {
        if (i != plan->self && view->members->members[i].algorithm == RING_ALGORITHM &&
            !is_found(&plan->findings[i].follows)) {
            return (uint16_t)i;
        }
    }
    find(keeper, &plan->settled);
    return RING_NOBODY;
}

bool keeper_passes_over(struct keeper *keeper, const struct keeper_view *view, uint16_t member, int64_t now_ns) {
    atomic_bool *passed_over = &view->plan->findings[member].passed_over;

    if (!is_found(passed_over)) {
        if (now_ns < view->plan->settles_ns) {
            return false;
        }
        find(keeper, passed_over);
    }
    return true;
}

bool keeper_settled(struct keeper *keeper, const struct keeper_view *view, int64_t now_ns) {
    return keeper_doubted(keeper, view, now_ns) == RING_NOBODY;
}

/* The serial of the view that had this era, as the newest one knows it: an era of before the last sweep seems to be of then. */
static uint64_t serial_of(const struct keeper_view *view, uint8_t era) {
    return view->serial - keeper_age(view->serial, era);
}

bool keeper_adopts(const struct keeper *keeper, const struct keeper_view *view, uint32_t slot, unsigned group,
                   uint64_t serial, int64_t got_ns, int64_t aside_ns) {
    const struct keeper_plan *plan = view->plan;
    bool is_gone = plan->previous[slot] == RING_NOBODY || plan->previous[slot] == KEEPER_SOMEBODY;

    return view->self != RING_NOBODY && view->owners[slot] == view->self && is_gone && plan->parted <= serial &&
           serial_of(view, plan->since[slot]) == serial + 1 && serial_of(view, plan->purged[group]) <= serial &&
           got_ns >= plan->settles_ns - keeper->config.lease_ns - aside_ns;
}

bool keeper_takes(const struct keeper *keeper, const struct keeper_view *view, uint16_t member) {
    return keeper_is_newest(keeper, view) && !is_found(&view->plan->findings[member].passed_over) &&
           !is_found(&view->plan->closed);
}
