# SPDX-License-Identifier: Apache-2.0
"""Ways to break groups of origins, each against something that they promise:
    void    nobody who asks after a change gets what was asked before it
    purge   the same where keys were purged by a prefix, until the last such entry is gone
    once    what may be kept is asked for once, by one for all
    ends    every request ends, and leaves nothing behind
    age     nothing is older than RFC 9111, RFC 5861 and the policy let it be
    whole   an answer is one answer, of its key, and called what it is
    alone   what is for one goes to one, and nobody queues for it
    aside   what is asked past the owner is not the owner's
    copy    what another node keeps of a hot answer is given up before it changes, and ends with its lease
    owner   who has no authority does nothing as the owner
Where the simulation stays green with one of them, the promise is a wish."""

from collections import namedtuple

Mutation = namedtuple("Mutation", "rule name file old new")

FLIGHT = "group/origin_flight.c"
FLIGHTS = "group/origin_flights.c"
LOAD = "group/origin_load.c"
RECEIVE = "group/origin_receive.c"
END = "group/origin_end.c"
ASIDE = "group/origin_aside.c"
SHARED_ASIDE = "group/shared_aside.c"
OP = "group/origin_op.c"
ORIGIN = "group/origin.c"
PREFIX = "ring/keeper_prefix.c"
VIEW = "ring/keeper_view.c"
PUBLISH = "group/origin_publish.c"
COPIES = "group/shared_copies.c"
LEDGER = "ring/hot_ledger.c"
SHELF = "ring/hot_shelf.c"
ASKED = "origin/judge_request.c"
ANSWERED = "origin/judge_answer.c"
RENEWED = "origin/judge_renew.c"
LIFE = "origin/life.c"

MUTATIONS = [
    Mutation("void", "what is void is waited for", FLIGHTS,
             "    f->joinable = false;\n    atomic_store", "    atomic_store"),
    Mutation("void", "what is void is not marked so", FLIGHTS,
             "    atomic_store_explicit(&f->voided, true, memory_order_relaxed);\n", ""),
    Mutation("void", "what is void is stored", PUBLISH,
             "    if (voided != NULL && atomic_load_explicit(voided, memory_order_relaxed)) {\n        return true;\n    }\n", ""),
    Mutation("void", "what was asked by another view is stored", PUBLISH,
             "if (gate != NULL && !keeper_is_newest(gate->keeper, gate->view)) {", "if (gate != NULL && a->now == 0) {"),
    Mutation("void", "a delete leaves what is under way", ORIGIN,
             "UINT64_MAX);\n    if (!spot_lock_to_change(&a->memory", "0);\n    if (!spot_lock_to_change(&a->memory"),
    Mutation("void", "a delete leaves the entry", ORIGIN, "        shard_remove(spot.shard, spot.hash, spot.entry);\n", ""),
    Mutation("void", "a set leaves what is under way", ORIGIN,
             "UINT64_MAX);\n    reply->result = write_primed", "0);\n    reply->result = write_primed"),
    Mutation("void", "what was asked earlier overwrites what was asked later", FLIGHTS,
             "        if (f->number < before) {\n            void_one(f);\n        } else {\n            outdate_one(f);\n        }\n",
             "        if (before == UINT64_MAX) {\n            void_one(f);\n        }\n"),
    Mutation("void", "who waited is shown what has been replaced", PUBLISH, "        take_newer(f);\n", ""),
    Mutation("purge", "a look at an entry does not ask for purged prefixes", "group/memory_gate.c",
             "gate->view->has_prefixes && keeper", "gate->inherits && keeper"),
    Mutation("purge", "what was written just before a prefix was purged still counts", PREFIX,
             "serial < p->serial", "serial + 1 < p->serial"),
    Mutation("purge", "only the oldest of the purged prefixes counts", PREFIX,
             "    for (size_t i = 0; i < prefixes->count; i++) {\n        const struct", "    for (size_t i = 0; i < 1; i++) {\n        const struct"),
    Mutation("purge", "a prefix is compared with more of a key than it is long", PREFIX,
             "slice_has_prefix(key, slice_make(p->bytes, p->size))", "slice_equal(key, slice_make(p->bytes, p->size))"),
    Mutation("purge", "the next view forgets which prefixes were purged", PREFIX,
             "if (old->list[i].serial > swept) {", "if (old->list[i].serial > plan->serial) {"),
    Mutation("purge", "a sweep that began before a purge is taken to have followed it", PREFIX,
             "prefixes->list[prefixes->count - 1].serial <= keeper->swept", "prefixes->list[0].serial <= keeper->swept"),
    Mutation("purge", "a sweep makes new what begins with a purged prefix", "group/shared_sweep.c",
             "if (is_purged(judge->view, e, group) || !keeper", "if (!keeper"),
    Mutation("purge", "a prefix for which there is no room is not purged", VIEW, "fits ? none : one);", "none);"),
    Mutation("purge", "a successor takes what was got aside before a prefix was purged", VIEW,
             "    plan->parted = plan->serial;\n    fits", "    plan->parted = newest_of(keeper)->plan->parted;\n    fits"),
    Mutation("once", "nobody waits for another", FLIGHTS,
             "        seat = find_seat(flights, place, hash, key, d);\n", ""),
    Mutation("once", "an answer goes before its time", PUBLISH, "origin_expiry(a->now, f->outcome.keep_ms)", "origin_expiry(a->now, 0)"),
    Mutation("once", "an answer is taken for stale before it is", ASKED, "    return h->stale_ms < 0;", "    return h->stale_ms < -400;"),
    Mutation("ends", "only the first who waits is told", FLIGHT,
             "        tell(f, op, landing, result);\n        op = next;\n", "        tell(f, op, landing, result);\n        op = next != NULL ? NULL : next;\n"),
    Mutation("ends", "a flight has no deadline", LOAD,
             "(f->peer_asked ? clock_monotonic_ns() : f->begun_ns) + policy->origin.timeout_ns,\n", "INT64_MAX,\n"),
    Mutation("ends", "what cannot be asked for does not land", LOAD, "        origin_flight_count(f, COUNTER_LIMIT_ORIGIN_FLIGHTS);\n", "        return;\n"),
    Mutation("ends", "an answer is held for ever", OP, "    origin_held_drop(&op->value);\n    origin_held_drop(&op->old);\n    origin_place_drop",
             "    origin_held_drop(&op->old);\n    origin_place_drop"),
    Mutation("ends", "a flight is not taken from the count", FLIGHTS,
             "    atomic_fetch_sub_explicit(&flights->count, 1, memory_order_relaxed);\n", ""),
    Mutation("ends", "a refresh that failed is the last one", PUBLISH,
             "    origin_unmark(a.table, f->hash, origin_flight_key(f), a.now);\n    return true;\n", "    return true;\n"),
    Mutation("age", "what must be revalidated is served stale", ASKED,
             "(h->entry->flags & ORIGIN_MUST_REVALIDATE) != 0 || refuses_stale(h)", "refuses_stale(h)"),
    Mutation("age", "while it is revalidated it is served for as long as one likes", ASKED,
             "h->stale_ms < h->entry->while_revalidate_ms;", "h->stale_ms < h->entry->while_revalidate_ms + 3000;"),
    Mutation("age", "if the origin fails it is served for as long as one likes", ASKED,
             "(h->entry->flags & ORIGIN_MUST_REVALIDATE) == 0 && h->stale_ms < error_limit_ms(h);",
             "(h->entry->flags & ORIGIN_MUST_REVALIDATE) == 0;"),
    Mutation("age", "no-cache means nothing", ASKED,
             "if ((h->entry->flags & ORIGIN_NO_CACHE) != 0 || is_ruled_out(h)) {", "if (is_ruled_out(h)) {"),
    Mutation("age", "the age that an answer comes with does not count", LIFE, "answer->caching.age * 1000 + delay_ms", "delay_ms"),
    Mutation("age", "a wrong lifetime", LIFE, "life_least(seconds * 1000, policy->max_ttl_ms)", "life_least(seconds * 2000, policy->max_ttl_ms)"),
    Mutation("age", "a linearizable read waits for what was asked before", ASKED, "        return JUDGE_JOIN_NONE;\n", "        return limit;\n"),
    Mutation("age", "max_stale is not looked at", ASKED,
             "return wants_anew(h->wish) || is_older_than_provable(h) ||", "return wants_anew(h->wish) ||"),
    Mutation("age", "min-fresh is not looked at", ASKED, " || is_too_old(h) || ends_too_soon(h);", " || is_too_old(h);"),
    Mutation("whole", "a 304 about something else renews what is stored", RENEWED,
             "if (!is_about(answer, load->old) || answer->outgrown", "if (answer->outgrown"),
    Mutation("whole", "a renewed answer loses its body", END,
             "        memcpy(f->value->data + f->value->size, body.data, body.size);\n", ""),
    Mutation("whole", "an answer that breaks off is taken for a whole one", END,
             "    if (error == LARDER_OK && !f->overtaxed) {\n        conclude", "    if (f->has_head && f->outcome.action == JUDGE_STORE) {\n        conclude"),
    Mutation("whole", "a piece of the body is put behind where it belongs", RECEIVE,
             "    f->value->size += piece.size;\n", "    f->value->size += piece.size - (f->body_size > 0);\n"),
    Mutation("whole", "an absence is called a failure", OP, "        return RESULT_ORIGIN_ABSENT;\n", "        return RESULT_ORIGIN_FAILED;\n"),
    Mutation("whole", "304 is an answer to who had not asked for it", ANSWERED,
             " || (status == 304 && !load->conditional);", ";"),
    Mutation("alone", "what is for one is told to all who wait", FLIGHT,
             "landing == ORIGIN_LANDED_NONE || f->outcome.shared;", "landing == ORIGIN_LANDED_NONE || f != NULL;"),
    Mutation("alone", "the marker is not looked at", ASKED, "is_fresh(&h) ? JUDGE_MARKED : JUDGE_MISS", "JUDGE_MISS"),
    Mutation("alone", "there is no marker", PUBLISH, "        put_marker(f, a);\n", ""),
    Mutation("alone", "what a client wants not stored is stored", ASKED,
             "    d->may_store = !asks(wish, HTTP_WISH_NO_STORE);", "    d->may_store = true;"),
    Mutation("alone", "no-store means nothing", LIFE,
             "has(answer, HTTP_CACHING_BIT(NO_STORE)) && !understands", "has(answer, HTTP_CACHING_BIT(NO_STORE)) && understands"),
    Mutation("aside", "what is asked aside is stored", PUBLISH, "        origin_keep_aside(f);\n        return true;\n",
             "        f->place.view = NULL;\n"),
    Mutation("aside", "what was asked aside before a purge is served after it", ASIDE, "aside->serial == serial_of(view) && ", ""),
    Mutation("aside", "nobody asks past an owner who is away", SHARED_ASIDE,
             "    return op->request.command == COMMAND_GET && op->request.peer == NULL &&", "    return op->request.command == COMMAND_SET &&"),
    Mutation("copy", "an answer replaces what is copied, and asks nobody", PUBLISH,
             "    if (gate != NULL && gate->hot != NULL &&\n        !hot_node", "    if (gate != NULL && gate->passage == MEMORY_MOVED &&\n        !hot_node"),
    Mutation("copy", "a change of what is copied asks nobody", "group/memory_gate.c",
             "    if (hot_node_may_change(gate->hot", "    if (gate->inherits || hot_node_may_change(gate->hot"),
    Mutation("copy", "what is stale is joined while it waits for copies to go", FLIGHTS,
             "if (f->awaits && !came_fresh(f)) {", "if (f->awaits && f->outcome.failed) {"),
    Mutation("copy", "a copy is good for longer than the answer is fresh", ORIGIN,
             ".left_ns = left_ms * CLOCK_NS_PER_MS,", ".left_ns = INT64_MAX,"),
    Mutation("copy", "a revocation is answered, and the copy stays", COPIES,
             "hot == NULL || hot_node_revoke(hot, request->key, hash)", "hot == NULL || hot_node_has_copies(hot, hash) || hash != 0"),
    Mutation("copy", "there are no revocations", COPIES, "    if (member == RING_NOBODY || member == w->view->self ||\n", "    if (true ||\n"),
    Mutation("copy", "a copy is served to who wants better", COPIES,
             "           (request->caching == NULL || request->caching->words == 0);", "           true;"),
    Mutation("copy", "a linearizable read is answered with a copy", COPIES,
             "(group_policy_is_origin(policy) ? freshness->kind == FRESHNESS_CACHED\n",
             "(group_policy_is_origin(policy) ? freshness->kind != FRESHNESS_MAX_STALE\n"),
    Mutation("copy", "the owner waits for less than a lease", LEDGER,
             "    return lease_ns + lease_ns / (KEEPER_MARGIN - 1) + 1;", "    return lease_ns / 2;"),
    Mutation("copy", "a copy has no end", SHELF, "copy->serial != newest || copy->until_ns <= now_ns", "copy->serial != newest"),
    Mutation("copy", "a copy outlives the view", SHELF, "copy->serial != newest || copy->until_ns", "copy->until_ns"),
    Mutation("copy", "a grant that a revocation has overtaken is put in", SHELF,
             "copy->sent_ns > *revoked_of(shelf, copy->hash) &&", "copy->sent_ns > 0 &&"),
    Mutation("once", "who hears from the runner-up that the ring has changed asks the origin himself", "group/shared_aside.c",
             "answer->reply.revision > op->revision &&", "op->worker->ended &&"),
    Mutation("owner", "who waited in line acts though its node may not any more", "group/shared.c",
             "op->action == ERRAND_RUN ? may_still_run : go_on;", "go_on;"),
]
