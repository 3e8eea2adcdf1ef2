/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "origin/judge.h"
#include "origin/judge_renew.h"
#include "origin/life.h"

static const char *const labels[JUDGE_OBSTACLE_COUNT] = {
    [JUDGE_NO_OBSTACLE] = "none",
#define OBSTACLE(name, label) [JUDGE_OBSTACLE_##name] = label,
#include "origin/obstacles.def"
#undef OBSTACLE
};

const char *judge_obstacle_label(enum judge_obstacle obstacle) {
    assert(obstacle < JUDGE_OBSTACLE_COUNT);
    return labels[obstacle];
}

/* --- outcomes --- */

/* A marker in place of what is stored, which the answer has overtaken. */
static void mark(const struct judge_load *load, const struct origin_answer *answer, struct judge_outcome *out) {
    out->action = JUDGE_MARK;
    out->entry = (struct origin_entry){
        .kind = ORIGIN_MARKER,
        .asked_ms = answer->asked_ms,
        .answered_ms = answer->answered_ms,
        .lifetime_ms = load->policy->marker_ttl_ms,
    };
    out->keep_ms = out->entry.lifetime_ms;
}

/* An error while something better is stored changes nothing but when the origin is asked again. */
static void keep(const struct judge_load *load, int64_t now_ms, struct judge_outcome *out) {
    out->action = JUDGE_KEEP;
    out->obstacle = JUDGE_OBSTACLE_ERROR;
    out->shared = true;
    if (load->may_store && load->policy->error_ttl_ms > 0) {
        out->held_ms = now_ms + life_least(load->policy->error_ttl_ms, ORIGIN_HOLD_MAX);
    }
}

/* Whether what is stored is worth more than an error: it may be served for one, or renewed when the origin is well again. */
static bool is_worth_keeping(const struct judge_load *load, int64_t now_ms) {
    const struct origin_entry *old = load->old;
    int64_t stale_ms;

    if (old == NULL || (old->kind != ORIGIN_ANSWER && old->kind != ORIGIN_ABSENT)) {
        return false;
    }
    stale_ms = origin_entry_age_ms(old, now_ms) - old->lifetime_ms;
    return origin_entry_has_validator(old) || stale_ms < old->if_error_ms || stale_ms < old->while_revalidate_ms;
}

/* --- storing --- */

/* RFC 6585, 3 to 6: these must not be stored, whatever else they say. */
static bool is_never_stored(unsigned status) {
    return status == 428 || status == 429 || status == 431 || status == 511;
}

/* RFC 9111, 3: the status itself, or a word, allows it. Of errors the policy decides. */
static bool status_allows(const struct origin_answer *answer) {
    const uint32_t words =
        HTTP_CACHING_BIT(PUBLIC) | HTTP_CACHING_BIT(S_MAXAGE) | HTTP_CACHING_BIT(MAX_AGE) | HTTP_CACHING_BIT(EXPIRES);

    if (is_never_stored(answer->status)) {
        return false;
    }
    return http_caching_has(&answer->caching, words) || answer->status >= 400 ||
           life_is_kept_by_default(answer->status);
}

static enum judge_obstacle obstacle_of(const struct judge_load *load, const struct origin_answer *answer) {
    enum judge_obstacle obstacle = life_obstacle_in_words(answer);

    if (obstacle != JUDGE_NO_OBSTACLE) {
        return obstacle;
    }
    if (!status_allows(answer)) {
        return JUDGE_OBSTACLE_STATUS;
    }
    if (answer->content_length > 0 && (uint64_t)answer->content_length > load->policy->max_body) {
        return JUDGE_OBSTACLE_BODY_SIZE;
    }
    if (answer->outgrown) {
        return JUDGE_OBSTACLE_HEAD_SIZE;
    }
    return load->may_store ? JUDGE_NO_OBSTACLE : JUDGE_OBSTACLE_REQUEST;
}

static void make_entry(const struct judge_load *load, const struct origin_answer *answer, struct origin_entry *e) {
    e->kind = life_kind_of(answer->status);
    e->status = answer->status;
    e->etag = answer->caching.etag;
    e->last_modified = answer->caching.last_modified;
    e->content_type = answer->content_type;
    e->fields = answer->fields;
    e->body = slice_make(NULL, 0);
    life_read_times(answer, e);
    life_read_lifetime(load->policy, answer, e);
    life_read_directives(load->policy, answer, e);
}

/* Whether an answer that is not stored may all the same be given to everyone who waits: an error that is not about one client,
 * and not too large to hold. */
static bool is_common_error(const struct origin_answer *answer, enum judge_obstacle obstacle) {
    return life_kind_of(answer->status) == ORIGIN_ERROR &&
           (obstacle == JUDGE_OBSTACLE_NO_STORE || obstacle == JUDGE_OBSTACLE_STATUS ||
            obstacle == JUDGE_OBSTACLE_ERROR);
}

/* An answer that is not stored. What is stored gives way to it, unless it says only how the origin is now. */
static void refuse(const struct judge_load *load, const struct origin_answer *answer, enum judge_obstacle obstacle,
                   struct judge_outcome *out) {
    out->obstacle = obstacle;
    if (!load->may_store) {
        out->action = JUDGE_PASS_ON;
    } else if (is_common_error(answer, obstacle)) {
        bool passing = answer->status >= 500 || is_never_stored(answer->status);

        out->action = passing ? JUDGE_PASS_ON : JUDGE_DROP;
        out->shared = true;
    } else if (load->policy->marker_ttl_ms == 0) {
        out->action = JUDGE_DROP;
    } else {
        mark(load, answer, out);
    }
}

static void store(const struct judge_load *load, const struct origin_answer *answer, struct judge_outcome *out) {
    make_entry(load, answer, &out->entry);
    out->keep_ms = life_keep_ms(load->policy, &out->entry);
    if (out->keep_ms == 0) {
        bool error = out->entry.kind == ORIGIN_ERROR;

        refuse(load, answer, error ? JUDGE_OBSTACLE_ERROR : JUDGE_OBSTACLE_STALE, out);
        return;
    }
    out->action = JUDGE_STORE;
    out->shared = true;
}

/* A status that is no answer to what was asked: no request of ours has a range, and 1xx is no final answer. */
static bool is_broken(const struct judge_load *load, unsigned status) {
    return status < 200 || status > 599 || status == 206 || (status == 304 && !load->conditional);
}

void judge_answer(const struct judge_load *load, const struct origin_answer *answer,
                  struct judge_outcome *ret_outcome) {
    enum judge_obstacle obstacle;

    assert(!load->conditional || load->old != NULL);
    if (is_broken(load, answer->status)) {
        judge_failure(load, JUDGE_BROKEN, answer->asked_ms, answer->answered_ms, ret_outcome);
        return;
    }
    judge_outcome_begin(ret_outcome, answer->status);
    if (answer->status == 304) {
        judge_renew(load, answer, ret_outcome);
        return;
    }
    if (life_is_server_error(answer->status) && is_worth_keeping(load, answer->answered_ms)) {
        keep(load, answer->answered_ms, ret_outcome);
        return;
    }
    obstacle = obstacle_of(load, answer);
    if (obstacle != JUDGE_NO_OBSTACLE) {
        refuse(load, answer, obstacle, ret_outcome);
        return;
    }
    store(load, answer, ret_outcome);
}

void judge_outgrown(const struct judge_load *load, const struct origin_answer *answer,
                    struct judge_outcome *ret_outcome) {
    judge_outcome_begin(ret_outcome, answer->status);
    refuse(load, answer, JUDGE_OBSTACLE_BODY_SIZE, ret_outcome);
}

/* --- no answer --- */

static void store_failure(const struct judge_load *load, unsigned status, int64_t asked_ms, int64_t now_ms,
                          struct judge_outcome *out) {
    out->action = JUDGE_STORE;
    out->entry = (struct origin_entry){
        .kind = ORIGIN_ERROR,
        .status = status,
        .asked_ms = asked_ms,
        .answered_ms = now_ms,
        .lifetime_ms = load->policy->error_ttl_ms,
    };
    out->keep_ms = out->entry.lifetime_ms;
}

void judge_failure(const struct judge_load *load, enum judge_fault fault, int64_t asked_ms, int64_t now_ms,
                   struct judge_outcome *ret_outcome) {
    unsigned status = fault == JUDGE_TIMEOUT ? 504 : 502;

    judge_outcome_begin(ret_outcome, status);
    ret_outcome->failed = true;
    ret_outcome->shared = true;
    if (is_worth_keeping(load, now_ms)) {
        keep(load, now_ms, ret_outcome);
    } else if (load->may_store && load->policy->error_ttl_ms > 0) {
        store_failure(load, status, asked_ms, now_ms, ret_outcome);
    } else {
        ret_outcome->action = JUDGE_PASS_ON;
        ret_outcome->obstacle = JUDGE_OBSTACLE_ERROR;
    }
}
