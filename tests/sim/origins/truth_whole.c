/* SPDX-License-Identifier: Apache-2.0 */
#include "truth.h"

static void check_asked(const struct op *op, const struct load *load, uint64_t number) {
    int64_t floor_ns = op->floor_ns;
    bool is_brief = op->began_ns - load->asked_ns < ORIGIN_ASIDE_MS * SIM_MS + SLACK_NS;

    /* Kept aside it may lack what an owner has changed whom this node, or the one behind the owner, could not reach. */
    if (load->aside && (is_brief || load->ended_ns >= op->began_ns)) {
        floor_ns = op->node_floor_ns[load->node];
    }
    ENSURE(load->asked_ns >= floor_ns, "key %zu: answer %" PRIu64 " was asked for at %.6f, and is over since %.6f",
           op->key, number, (double)(load->asked_ns % (3600 * SIM_S)) / 1e9, (double)(floor_ns % (3600 * SIM_S)) / 1e9);
}

static bool is_for_one(const struct load *load) {
    const struct version *v = server_version(load->key, load->version);

    return load->not_stored || (truth_status(load) < 400 && (v->no_store || v->size > BODY_MAX));
}

static void check_whole(const struct told *t) {
    const struct load *of_body = load_of(t->body);
    const struct load *of_head = load_of(t->head);
    char body[LARGEST], place[32];

    ENSURE(of_body->key == t->op->key && of_head->key == t->op->key,
           "answers %" PRIu64 " and %" PRIu64 " are not of key %zu", t->body, t->head, t->op->key);
    ENSURE(of_body->version == of_head->version,
           "answer %" PRIu64 " is of version %" PRIu64 ", and %" PRIu64 " of version %" PRIu64, t->body,
           of_body->version, t->head, of_head->version);
    ENSURE(t->body == t->head || of_head->renews, "answer %" PRIu64 " has the body of %" PRIu64, t->head, t->body);
    ENSURE(of_body->good && of_head->good && !of_body->renews, "answer %" PRIu64 " never came whole", t->body);
    ENSURE(slice_equal(t->entry->body, server_body(of_body, t->body, body)), "the body of answer %" PRIu64 " differs",
           t->body);
    ENSURE(slice_equal(t->entry->etag, server_etag(t->op->key, of_head->version, place)),
           "the entity tag of answer %" PRIu64 " is another's", t->body);
    ENSURE(t->entry->status == of_body->status, "answer %" PRIu64 " had status %u", t->body, of_body->status);
}

/* In good weather nobody waits behind an answer that is for another. */
static void check_marked(const struct told *t) {
    const struct load *own = load_of(t->head);
    int64_t marked_ns = truth_policy()->marker_ttl_ms * SIM_MS - 100 * SIM_MS;

    if (!world->is_calm || world->changes > 0) {
        return;
    }
    for (uint64_t i = 1; i < t->head; i++) {
        const struct load *load = load_of(i);

        if (load->key == t->op->key && load->ended_ns != 0 && load->ended_ns < t->op->began_ns - 5 * SIM_MS &&
            load->ended_ns > t->op->began_ns - marked_ns) {
            ENSURE(own->asked_ns >= t->op->began_ns && own->asked_ns <= t->op->began_ns + 70 * SIM_MS,
                   "answer %" PRIu64 " was waited for, though %" PRIu64 " had said that it would be for one alone",
                   t->head, i);
            return;
        }
    }
}

/* What is in the table, or was for a moment, does not go back to what was asked for before. */
static void check_order(const struct told *t, const struct load *load) {
    if (!load->aside) {
        ENSURE(load->asked_ns >= t->op->seen_ns,
               "key %zu: answer %" PRIu64 " was asked for at %.6f, before one of %.6f", t->op->key, t->head,
               (double)(load->asked_ns % (3600 * SIM_S)) / 1e9, (double)(t->op->seen_ns % (3600 * SIM_S)) / 1e9);
    }
    if (t->stored && !load->aside) {
        truth_raise(&world->keys[t->op->key].seen_ns, load->asked_ns);
    }
}

void truth_check_origins(const struct told *t) {
    struct load *load = &world->loads[t->head];

    check_whole(t);
    check_asked(t->op, load_of(t->body), t->body);
    check_asked(t->op, load, t->head);
    truth_check_age(t, load);
    check_order(t, load);
    load->given++;
    if (is_for_one(load) && t->body == t->head) {
        ENSURE(load->given == 1, "answer %" PRIu64 " is for one alone, and was given to %u", t->head, load->given);
        check_marked(t);
    }
}

void truth_check_primed(const struct told *t, uint64_t number) {
    const struct op *op = t->op;
    const struct primed *set = &world->primes[number];
    int64_t window_ms = truth_policy()->while_revalidate_ms > truth_policy()->if_error_ms
                            ? truth_policy()->while_revalidate_ms
                            : truth_policy()->if_error_ms;
    char text[128];
    size_t size = (size_t)snprintf(text, sizeof(text), "s%" PRIu64 " k%zu;", number, op->key);

    ENSURE(number > 0 && number <= world->prime_count && set->key == op->key, "key %zu: value %" PRIu64 " of another",
           op->key, number);
    ENSURE(slice_equal(t->entry->body, slice_make(text, size)) && t->entry->etag.size == 0,
           "value %" PRIu64 " is not what was written", number);
    ENSURE(set->ended_ns >= op->floor_ns, "key %zu: value %" PRIu64 " was written over or purged", op->key, number);
    ENSURE(!truth_wishes(op, HTTP_WISH_NO_CACHE) && op->freshness.kind != FRESHNESS_LINEARIZABLE,
           "key %zu: value %" PRIu64 " where the origin was to be asked", op->key, number);
    if (set->ended_ns == INT64_MAX || truth_wishes(op, HTTP_WISH_MAX_STALE) || truth_wishes(op, HTTP_WISH_IF_ERROR)) {
        return;
    }
    ENSURE(op->began_ns <= set->ended_ns + set->life_ns + window_ms * SIM_MS + SLACK_NS,
           "key %zu: value %" PRIu64 " is over", op->key, number);
}

void truth_check_failed(const struct told *t) {
    const struct op *op = t->op;
    int64_t stale_ns = truth_wishes(op, HTTP_WISH_MAX_STALE) ? op->caching.max_stale * SIM_S : 0;
    int64_t kept_ns = truth_policy()->error_ttl_ms * SIM_MS + stale_ns + SLACK_NS;
    int64_t asked_ms = t->entry->asked_ms;

    for (uint64_t i = world->load_count; i > 0; i--) {
        const struct load *load = &world->loads[i];

        if (load->key == op->key && truth_is_failure(load) &&
            (clock_wall_ns() - world_now() + load->asked_ns) / SIM_MS <= asked_ms &&
            load->ended_ns + kept_ns >= op->began_ns &&
            (load->ended_ns >= op->began_ns ||
             load->asked_ns >= (load->aside ? op->node_floor_ns[load->node] : op->floor_ns))) {
            return;
        }
    }
    ENSURE(false, "key %zu: the origin is said to have failed", op->key);
}
