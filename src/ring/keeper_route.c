/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/keeper_internal.h"

bool keeper_may_act(const struct keeper *keeper, int64_t now_ns) {
    return keeper->config.serve_isolated || now_ns < keeper_authority_ns(keeper);
}

/* A slot that is ours. */
static struct keeper_route own(struct keeper *keeper, struct keeper_plan *plan, uint32_t slot, int64_t now_ns) {
    uint16_t previous = plan->previous[slot];
    struct keeper_route route = {.way = KEEPER_OWN, .member = plan->self, .slot = slot};

    if (!keeper_may_act(keeper, now_ns)) {
        route.way = KEEPER_ISOLATED;
        return route;
    }
    if (previous == RING_NOBODY || keeper_is_closed(keeper, plan, now_ns)) {
        return route;
    }
    if (previous == KEEPER_SOMEBODY) {
        route.member = RING_NOBODY;
        route.way = keeper_is_settled(keeper, plan, now_ns) ? KEEPER_OWN : KEEPER_INHERIT;
        return route;
    }
    if (!atomic_load_explicit(&plan->findings[previous].passed_over, memory_order_acquire)) {
        route.way = KEEPER_INHERIT;
        route.member = previous;
    }
    return route;
}

void keeper_prefetch(const struct keeper_view *view, struct slice key) {
    uint32_t slot;

    if (view != NULL) {
        slot = ring_slot(key);
        __builtin_prefetch(&view->owners[slot]);
        __builtin_prefetch(&view->plan->previous[slot]);
        __builtin_prefetch(&view->plan->since[slot]);
    }
}

struct keeper_route keeper_route(struct keeper *keeper, const struct keeper_view *view, struct slice key,
                                 int64_t now_ns) {
    struct keeper_route route = {.way = KEEPER_NO_RING, .member = RING_NOBODY};

    if (view == NULL) {
        return route;
    }
    route.slot = ring_slot(key);
    route.member = view->owners[route.slot];
    if (route.member == RING_NOBODY) {
        return route;
    }
    if (route.member == view->self) {
        return own(keeper, view->plan, route.slot, now_ns);
    }
    route.way = route.member == view->plan->namesake ? KEEPER_ISOLATED : KEEPER_FORWARD;
    return route;
}

/* An entry is given up to who owns its slot, as far as we know what was purged. */
static struct keeper_route give_up(struct keeper *keeper, const struct keeper_view *view,
                                   const struct peer_stamp *stamp, uint32_t slot, int64_t now_ns) {
    struct keeper_plan *plan = view->plan;
    struct keeper_route route = {.way = KEEPER_OWN, .member = view->owners[slot], .slot = slot};
    uint16_t previous = plan->previous[slot];

    if (route.member == view->self) {
        route.way = KEEPER_WRONG;
    } else if (view->purges < stamp->purges) {
        route.way = KEEPER_BEHIND;
        route.revision = stamp->purges;
    } else if (previous != RING_NOBODY && !keeper_is_settled(keeper, plan, now_ns)) {
        route.way = KEEPER_INHERIT;
    }
    return route;
}

/* What is so whatever is asked. True: it is to be looked at further. */
static bool receive(const struct keeper_view *view, const struct peer_stamp *stamp, struct slice key,
                    struct keeper_route *ret_route) {
    *ret_route = (struct keeper_route){.way = KEEPER_NO_RING, .member = RING_NOBODY};
    if (view == NULL) {
        return false;
    }
    ret_route->slot = ring_slot(key);
    ret_route->member = view->owners[ret_route->slot];
    ret_route->revision = stamp->revision;
    if (view->members->digest != stamp->digest) {
        ret_route->way = view->members->revision < stamp->revision ? KEEPER_BEHIND : KEEPER_WRONG;
        return false;
    }
    ret_route->way = KEEPER_ISOLATED; /* the sender knows more of us than we do */
    return view->self != RING_NOBODY;
}

struct keeper_route keeper_receive(struct keeper *keeper, const struct keeper_view *view,
                                   const struct peer_stamp *stamp, struct slice key, int64_t now_ns) {
    struct keeper_route route;

    if (!receive(view, stamp, key, &route)) {
        return route;
    }
    if (stamp->give_up) {
        return give_up(keeper, view, stamp, route.slot, now_ns);
    }
    if (route.member == view->self) {
        return own(keeper, view->plan, route.slot, now_ns);
    }
    route.way = KEEPER_WRONG;
    return route;
}

/* --- not as the owner --- */

/* Those that set_owners of keeper_view.c takes into the ring. */
static bool is_serving(const struct member *member) {
    return member->algorithm == RING_ALGORITHM && !member->leaving;
}

uint16_t keeper_runner_up(const struct keeper_view *view, uint32_t slot) {
    const struct member *members = view->members->members;
    uint16_t best = RING_NOBODY;

    for (size_t i = 0; i < view->members->count; i++) {
        if (i != view->owners[slot] && is_serving(&members[i]) &&
            (best == RING_NOBODY || ring_precedes(members[i].id, members[best].id, slot))) {
            best = (uint16_t)i;
        }
    }
    return best;
}

struct keeper_route keeper_receive_aside(struct keeper *keeper, const struct keeper_view *view,
                                         const struct peer_stamp *stamp, struct slice key, int64_t now_ns) {
    struct keeper_route route;

    if (!receive(view, stamp, key, &route)) {
        route.way = route.way == KEEPER_BEHIND ? KEEPER_WRONG : route.way;
    } else if (route.member == view->self) {
        route.way = KEEPER_WRONG;
    } else if (keeper_may_act(keeper, now_ns)) {
        route.way = KEEPER_OWN;
    }
    return route;
}
