/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/keeper_internal.h"

/* What is constant while the slots are gone through. */
struct succession {
    struct keeper_plan *plan;
    const struct keeper_change *change;
    bool settled; /* of the last plan */
    bool closed;
    unsigned most; /* no entry is older than so many eras */
};

static uint16_t place_of(const struct succession *s, uint16_t member) {
    return s->change->last == NULL || member >= s->change->last->count ? RING_NOBODY : s->change->places[member];
}

/* Who acted for the slot before has gone, or cannot be told. */
static uint16_t nobody_or_somebody(const struct succession *s) {
    return s->settled ? RING_NOBODY : KEEPER_SOMEBODY;
}

/* Of a slot that was the same's before: whoever was to be asked still is. */
static uint16_t carried(const struct succession *s, uint16_t previous) {
    uint16_t place;

    if (previous == RING_NOBODY) {
        return RING_NOBODY;
    }
    if (previous == KEEPER_SOMEBODY) {
        return nobody_or_somebody(s);
    }
    if (s->closed || atomic_load_explicit(&s->change->last->findings[previous].passed_over, memory_order_relaxed)) {
        return RING_NOBODY;
    }
    place = place_of(s, previous);
    return place == RING_NOBODY ? nobody_or_somebody(s) : place;
}

static uint8_t carried_since(const struct succession *s, uint8_t since) {
    unsigned age = keeper_age(s->change->last->serial, since) + (unsigned)(s->plan->serial - s->change->last->serial);

    return keeper_era(s->plan->serial - (age < s->most ? age : s->most));
}

/* A record with our id that is not known to be ours will often prove to be. */
static uint16_t self_or_namesake(const struct succession *s) {
    return s->plan->self != RING_NOBODY ? s->plan->self : s->plan->namesake;
}

/* A slot that we gain. */
static uint16_t inherited(const struct succession *s, uint16_t place) {
    if (s->change->is_alone) {
        return RING_NOBODY;
    }
    if (place != RING_NOBODY && place != self_or_namesake(s)) {
        return place;
    }
    return s->change->is_void ? KEEPER_SOMEBODY : nobody_or_somebody(s);
}

static void succeed_slot(const struct succession *s, uint32_t slot) {
    const struct keeper_plan *last = s->change->last;
    struct keeper_plan *plan = s->plan;
    uint16_t owner = plan->owners[slot];
    uint16_t before = last == NULL ? RING_NOBODY : last->owners[slot];
    uint16_t place = place_of(s, before);
    bool stays = before == RING_NOBODY ? owner == RING_NOBODY : place == owner;
    bool was_ours = place != RING_NOBODY && place == self_or_namesake(s);
    bool is_ours = owner != RING_NOBODY && owner == self_or_namesake(s);

    if (last == NULL || s->change->is_void || (!stays && !was_ours)) {
        plan->previous[slot] = is_ours ? inherited(s, place) : KEEPER_SOMEBODY;
        plan->since[slot] = keeper_era(plan->serial);
        return;
    }
    plan->since[slot] = carried_since(s, last->since[slot]);
    plan->previous[slot] = is_ours      ? (s->change->is_alone ? RING_NOBODY : carried(s, last->previous[slot]))
                           : s->settled ? RING_NOBODY
                                        : carried(s, last->previous[slot]);
}

void keeper_succeed(struct keeper_plan *plan, const struct keeper_change *change) {
    const struct keeper_plan *last = change->last;
    struct succession s = {.plan = plan, .change = change, .most = (unsigned)(plan->serial - change->oldest)};

    s.settled = last != NULL && atomic_load_explicit(&last->settled, memory_order_relaxed);
    s.closed = last != NULL && atomic_load_explicit(&last->closed, memory_order_relaxed);
    for (uint32_t slot = 0; slot < RING_SLOTS; slot++) {
        succeed_slot(&s, slot);
    }
    for (unsigned group = 0; group < KEEPER_GROUPS; group++) {
        plan->purged[group] = last == NULL ? keeper_era(plan->serial) : carried_since(&s, last->purged[group]);
    }
}
