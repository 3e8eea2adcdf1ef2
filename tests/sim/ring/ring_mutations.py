# SPDX-License-Identifier: Apache-2.0
"""Ways to break the keeper and the errand, each against a rule of ring/keeper.h (1 to 6) or of section 6 of the design. Where the
simulation stays green with one of them, the rule is a wish."""

from collections import namedtuple

Mutation = namedtuple("Mutation", "rule name file old new")

MUTATIONS = [
    # 1: authority
    Mutation("1", "a node acts without authority", "keeper_route.c",
             "return keeper->config.serve_isolated || now_ns < keeper_authority_ns(keeper);", "return true || now_ns > 0 || keeper;"),
    Mutation("1", "a renewal alone gives authority", "keeper.c",
             "renewed_ns < proven_ns ? renewed_ns : proven_ns", "proven_ns == INT64_MIN ? proven_ns : renewed_ns"),
    Mutation("1", "a proof alone gives authority", "keeper.c",
             "renewed_ns < proven_ns ? renewed_ns : proven_ns", "renewed_ns == INT64_MIN ? renewed_ns : proven_ns"),
    Mutation("1", "no margin for clocks of other rates", "keeper.c",
             "keeper->config.lease_ns - keeper->config.lease_ns / KEEPER_MARGIN", "keeper->config.lease_ns"),
    # 2: stamps
    Mutation("2", "the receiver acts by another view than the sender", "keeper_route.c",
             "if (view->members->digest != stamp->digest) {", "if (false) {"),
    Mutation("2", "who is behind does not wait", "keeper_route.c",
             "route->way = view->members->revision < stamp->revision ? KEEPER_BEHIND : KEEPER_WRONG;", "route->way = KEEPER_WRONG;"),
    Mutation("2", "who is told that he is behind does not catch up", "errand.c",
             "if (revision <= e->view->members->revision) {", "if (true || revision == 0) {"),
    # It has no authority without a record of its own (rule 1), and what came before is matched by incarnations in keeper_match,
    # so that it does nothing with its table. But it would answer its peers for who had the record before, and count for them
    # as one that follows; the judge looks at that.
    Mutation("2", "a node is a member by its name", "keeper_view.c",
             "member != NULL && incarnation != 0 && member->incarnation == incarnation", "member != NULL"),
    # 3: the previous owner
    Mutation("3", "the previous owner is not asked", "errand.c",
             "    if (e->asked != e->view->serial) {\n        return run(e, true);\n    }\n", ""),
    Mutation("3", "the previous owner gives up what was purged for the one who asks", "keeper_route.c",
             "} else if (view->purges < stamp->purges) {", "} else if (false) {"),
    Mutation("3", "an answer is put in although the view has changed", "keeper_find.c",
             "return keeper_is_newest(keeper, view) && !is_found", "return (true || keeper) && !is_found"),
    Mutation("3", "who gained the slot only just now says that he had nothing", "keeper_route.c",
             "} else if (previous != RING_NOBODY && !keeper_is_settled(keeper, plan, now_ns)) {", "} else if (false && previous && plan) {"),
    Mutation("3", "one answer clears all doubt", "errand.c",
             "return e->is_doubtful ? clear_doubt(e, now_ns) : run(e, false);", "return run(e, false);"),
    Mutation("3", "there is no doubt where there is nobody to ask", "keeper_succession.c",
             "return s->settled ? RING_NOBODY : KEEPER_SOMEBODY;", "return s ? RING_NOBODY : RING_NOBODY;"),
    Mutation("3", "time clears all doubt for who has lost his authority", "errand.c",
             "        e->is_doubtful = true;\n        return decide_anew(e, now_ns);\n",
             "        e->is_doubtful = true;\n        return clear_doubt(e, now_ns);\n"),
    Mutation("3", "what is given to clear a doubt is put in", "errand.c", "    e->discards = true;\n", ""),
    # 4: who cannot be reached
    Mutation("4", "the lease's time is not waited for", "keeper_find.c",
             "        if (now_ns < view->plan->settles_ns) {\n            return false;\n        }\n", "        (void)now_ns;\n"),
    # What it gives would not be put in (keeper_takes). But who cannot be reached would be asked until each request's time is
    # over, and the slots be of no use.
    Mutation("4", "who was passed over is asked again", "keeper_route.c",
             "    if (!atomic_load_explicit(&plan->findings[previous].passed_over, memory_order_acquire)) {", "    if (true) {"),
    Mutation("4", "who was passed over is asked again by the next view", "keeper_succession.c",
             "if (s->closed || atomic_load_explicit(&s->change->last->findings[previous].passed_over, memory_order_relaxed)) {",
             "if (s->closed) {"),
    Mutation("4", "what one gives who was passed over is put in", "keeper_find.c",
             "&& !is_found(&view->plan->findings[member].passed_over) &&", "&& member < RING_NOBODY &&"),
    Mutation("4", "what is lost on the way is waited for for ever", "keeper_find.c",
             "    if (!is_found(passed_over)) {\n", "    if (!is_found(passed_over)) {\n        return false;\n"),
    # 5: eras
    Mutation("5", "an entry of an ownership that was lost in between counts", "keeper_succession.c",
             "        plan->since[slot] = keeper_era(plan->serial);\n", "        plan->since[slot] = last == NULL ? keeper_era(plan->serial) : carried_since(s, last->since[slot]);\n"),
    Mutation("5", "a purge takes nothing away", "keeper_view.c",
             "    memset(plan->purged + purge.first, keeper_era(plan->serial), purge.end - purge.first);\n", "    (void)purge;\n"),
    Mutation("5", "what was missed is taken for nothing", "keeper_view.c",
             "    return last != NULL && (gap || keeper->is_broken) &&", "    return false && last != NULL && (gap || keeper->is_broken) &&"),
    Mutation("5", "eras come again while there are entries of them", "keeper.c",
             "return newest_serial(keeper) + 1 - keeper->swept >= KEEPER_ERAS;", "return keeper == NULL;"),
    Mutation("5", "a sweep leaves old eras", "keeper.c", "    *era = view->era;\n", ""),
    # 6: view and table
    Mutation("6", "the view is not looked at under the lock", "keeper.c",
             "return view->serial == newest_serial(keeper);", "return view->serial <= newest_serial(keeper);"),
]
