/* SPDX-License-Identifier: Apache-2.0 */
#include "truth.h"

/* How often the origin is asked, and by whom. */

/* Whether both are asked by the same view, and the one under way can be waited for. */
static bool will_do(const struct load *under_way, const struct load *load) {
    return under_way->key == load->key && under_way->node == load->node && under_way->boot == load->boot &&
           under_way->serial == load->serial && under_way->aside == load->aside && under_way->flight != NULL &&
           under_way->flight != load->flight && under_way->flight->joinable;
}

static bool wants_nothing(const struct origin_flight *f) {
    const struct judge_wish *wish = f->first != NULL ? &f->first->wish : NULL;

    return wish == NULL || (wish->freshness.kind == FRESHNESS_CACHED &&
                            (wish->caching.words & ~(uint32_t)(HTTP_WISH_MAX_STALE | HTTP_WISH_IF_ERROR)) == 0);
}

/* The last one of its key; NULL: there is none. */
static const struct load *load_before(const struct load *load) {
    for (uint64_t i = world->load_count; i > 0; i--) {
        if (world->loads[i].key == load->key) {
            return &world->loads[i];
        }
    }
    return NULL;
}

/* In good weather, with nothing but reads, an answer that may be kept is asked for once in its life, by one node; what a node
 * had that has died, once more. What is asked for by one view nobody waits for by another. */
static void check_once(const struct load *load) {
    const struct load *before = load_before(load);

    if (before == NULL || !world->nodes[before->node].alive) {
        return;
    }
    if (before->ended_ns == 0) {
        ENSURE(before->serial != load->serial, "key %zu: two requests to the origin at a time", load->key);
        return;
    }
    ENSURE(world_now() >= truth_fresh_until(before) - SLACK_NS, "key %zu: an answer is fresh still", load->key);
}

/* Whether it begins because what was asked before has landed: it was decided then that it would. */
static bool is_round(const struct load *load) {
    for (uint64_t i = world->load_count; i > 0; i--) {
        const struct load *before = &world->loads[i];

        if (before->key == load->key && before->node == load->node && before->ended_ns == world_now()) {
            return true;
        }
    }
    return false;
}

void truth_asks(const struct load *load) {
    bool is_private = world->has_private && load->key == PRIVATE_KEY;

    bool is_first = load->flight->begun_ns == world_now(); /* else what it asked before came to nothing */

    if (is_first && !load->alone && !load->aside && load->flight->first != NULL && !is_round(load)) {
        ENSURE(keeper_may_act(world->nodes[load->node].shared.keeper, world_now()),
               "key %zu: node %d asks the origin as the owner, and may not act", load->key, load->node);
    }
    if (is_first && !load->alone && wants_nothing(load->flight)) {
        for (uint64_t i = world->load_count; i > 0; i--) {
            ENSURE(!will_do(&world->loads[i], load), "key %zu: answer %" PRIu64 " was not waited for", load->key, i);
        }
    }
    if (world->is_calm && world->changes == 0 && !is_private) {
        check_once(load);
    }
}
