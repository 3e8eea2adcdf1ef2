/* SPDX-License-Identifier: Apache-2.0 */
#include "truth.h"

/* --- how long an answer lives: RFC 9111 and 5861, from the origin's records --- */

static int64_t policy_ttl_ns(unsigned status) {
    int64_t ms = status == 404 || status == 410 ? truth_policy()->absent_ttl_ms
                 : status >= 400                ? truth_policy()->error_ttl_ms
                                                : truth_policy()->ttl_ms;

    return ms * SIM_MS;
}

static int64_t window_ns(int64_t said_s, int64_t by_policy_ms, unsigned status) {
    return said_s >= 0 ? said_s * SIM_S : status < 400 ? by_policy_ms * SIM_MS : 0;
}

static bool never_stale(const struct version *v) {
    return v->must_revalidate || v->no_cache || (v->shared_age && v->life_s >= 0);
}

unsigned truth_status(const struct load *load) {
    return load->renews ? server_version(load->key, load->version)->status : load->status;
}

int64_t truth_fresh_until(const struct load *load) {
    const struct version *v = server_version(load->key, load->version);
    int64_t delay_ns = load->head_ns - load->asked_ns;

    return v->life_s < 0 ? load->head_ns + policy_ttl_ns(truth_status(load))
                         : load->head_ns + (v->life_s - v->age_s) * SIM_S - delay_ns;
}

static bool is_server_error(unsigned status) {
    return status == 500 || (status >= 502 && status <= 504);
}

bool truth_is_failure(const struct load *load) {
    return load->ended_ns != 0 && !load->our_own && (!load->good || is_server_error(load->status));
}

bool truth_has_failed(const struct op *op) {
    int64_t hold_ns = truth_policy()->error_ttl_ms * SIM_MS + SLACK_NS;

    for (uint64_t i = world->load_count; i > 0; i--) {
        const struct load *load = &world->loads[i];

        if (load->key == op->key && truth_is_failure(load) && load->ended_ns >= op->began_ns - hold_ns) {
            return true;
        }
    }
    return false;
}

/* Of one node, or in good weather: whether it was asked for anew, or is being. */
static bool is_refreshed(const struct op *op) {
    if (world->turned_away_ns >= op->began_ns || truth_has_failed(op)) {
        return true;
    }
    for (uint64_t i = world->load_count; i > 0; i--) {
        const struct load *load = &world->loads[i];

        if (load->key == op->key && (load->ended_ns == 0 || load->ended_ns >= op->began_ns)) {
            return true;
        }
    }
    return false;
}

/* --- what is stale, and what is too old --- */

static void check_stale(const struct told *t, const struct load *load, int64_t stale_ns) {
    const struct op *op = t->op;
    const struct version *v = server_version(load->key, load->version);
    int64_t refreshed_ns = window_ns(v->while_revalidate_s, truth_policy()->while_revalidate_ms, truth_status(load));
    int64_t failing_ns = window_ns(v->if_error_s, truth_policy()->if_error_ms, truth_status(load));

    if (truth_wishes(op, HTTP_WISH_IF_ERROR) && op->caching.if_error * SIM_S > failing_ns) {
        failing_ns = op->caching.if_error * SIM_S;
    }
    ENSURE(!never_stale(v), "key %zu: answer %" PRIu64 " is never to be served stale", op->key, t->head);
    ENSURE(!truth_wishes(op, HTTP_WISH_MAX_AGE) || truth_has_failed(op),
           "key %zu: a stale answer where max-age was asked", op->key);
    if (stale_ns < refreshed_ns) {
        ENSURE(!(world->is_calm || world->is_steady) || is_refreshed(op),
               "key %zu: answer %" PRIu64 " is stale, and nobody refreshes it", op->key, t->head);
        return;
    }
    if (truth_wishes(op, HTTP_WISH_MAX_STALE) && stale_ns <= op->caching.max_stale * SIM_S + SLACK_NS) {
        return;
    }
    ENSURE(stale_ns < failing_ns && truth_has_failed(op), "key %zu: answer %" PRIu64 " is stale for %.3f s", op->key,
           t->head, (double)stale_ns / 1e9);
}

/* Whether it may have been joined when it had come, and waited for copies to go. */
static bool lands_late(const struct load *load, const struct op *op) {
    return world->has_copies && op->began_ns <= load->ended_ns + 2 * COPY_LEASE_NS;
}

void truth_check_age(const struct told *t, const struct load *load) {
    const struct op *op = t->op;
    const struct version *v = server_version(load->key, load->version);
    int64_t stale_ns = op->began_ns - SLACK_NS - truth_fresh_until(load);
    bool waited = load->ended_ns >= op->began_ns;

    if (truth_wishes(op, HTTP_WISH_NO_CACHE) || op->freshness.kind == FRESHNESS_LINEARIZABLE) {
        ENSURE(load->asked_ns >= op->began_ns, "key %zu: answer %" PRIu64 " was asked for before", op->key, t->head);
    }
    if (op->freshness.kind == FRESHNESS_MAX_STALE) {
        ENSURE(op->began_ns - load->made_ns <= op->freshness.max_stale_ns + SLACK_NS || waited,
               "key %zu: answer %" PRIu64 " is too old", op->key, t->head);
    }
    if (waited) {
        return;
    }
    ENSURE(!v->no_cache, "key %zu: answer %" PRIu64 " is not to be served unasked", op->key, t->head);
    if (truth_wishes(op, HTTP_WISH_MAX_AGE) && op->began_ns - load->made_ns > op->caching.max_age * SIM_S + SLACK_NS) {
        ENSURE(truth_has_failed(op), "key %zu: answer %" PRIu64 " is older than it may be", op->key, t->head);
    }
    if (truth_wishes(op, HTTP_WISH_MIN_FRESH) && stale_ns + op->caching.min_fresh * SIM_S > 0 &&
        !lands_late(load, op)) {
        ENSURE(truth_has_failed(op), "key %zu: answer %" PRIu64 " ends too soon", op->key, t->head);
    }
    if (stale_ns >= 0) {
        check_stale(t, load, stale_ns);
    }
}
