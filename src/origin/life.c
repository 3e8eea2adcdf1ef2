/* SPDX-License-Identifier: Apache-2.0 */
#include "origin/life.h"

static int64_t most(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static bool has(const struct origin_answer *answer, uint32_t words) {
    return http_caching_has(&answer->caching, words);
}

enum origin_kind life_kind_of(unsigned status) {
    if (status < 400) {
        return ORIGIN_ANSWER;
    }
    return status == 404 || status == 410 ? ORIGIN_ABSENT : ORIGIN_ERROR;
}

/* --- age --- */

/* How old a Date makes an answer look. The field has no fractions of a second: the answer was made at some time in that
 * second, and its end is taken, or a clock in step with ours would make everything up to a second old. */
static int64_t apparent_age_ms(const struct origin_answer *answer) {
    bool dated = has(answer, HTTP_CACHING_BIT(DATE));

    return dated ? most(0, answer->answered_ms - (answer->caching.date + 1) * 1000) : 0;
}

int64_t life_initial_age_ms(const struct origin_answer *answer) {
    int64_t delay_ms = most(0, answer->answered_ms - answer->asked_ms);
    int64_t corrected_ms = answer->caching.age * 1000 + delay_ms;

    return life_least(most(apparent_age_ms(answer), corrected_ms), ORIGIN_SPAN_MAX);
}

/* --- lifetime --- */

bool life_is_kept_by_default(unsigned status) {
    return status == 200 || status == 203 || status == 204 || status == 300 || status == 301 || status == 308;
}

static int64_t policy_ttl_ms(const struct origin_policy *policy, enum origin_kind kind) {
    switch (kind) {
    case ORIGIN_ANSWER:
        return policy->ttl_ms;
    case ORIGIN_ABSENT:
        return policy->absent_ttl_ms;
    case ORIGIN_ERROR:
        return policy->error_ttl_ms;
    default:
        return policy->marker_ttl_ms;
    }
}

/* The age that an answer has when it comes counts against what it says of itself, and not against what the group says, which
 * is about the time in this cache. */
void life_read_lifetime(const struct origin_policy *policy, const struct origin_answer *answer,
                        struct origin_entry *e) {
    bool directed = has(answer, HTTP_CACHING_BIT(S_MAXAGE) | HTTP_CACHING_BIT(MAX_AGE));
    int64_t seconds;

    e->flags &= ~(uint32_t)(ORIGIN_BY_DIRECTIVE | ORIGIN_BY_EXPIRES);
    if (http_caching_lifetime(&answer->caching, answer->answered_ms / 1000, &seconds)) {
        e->lifetime_ms = life_least(seconds * 1000, policy->max_ttl_ms);
        e->flags |= directed ? ORIGIN_BY_DIRECTIVE : ORIGIN_BY_EXPIRES;
    } else {
        e->lifetime_ms = life_least(e->initial_age_ms + policy_ttl_ms(policy, e->kind), ORIGIN_SPAN_MAX);
    }
}

/* How long it may be served stale: its own word, else the group's, which is for what is no error. */
static int64_t stale_ms(const struct origin_policy *policy, const struct origin_entry *e, bool said, int64_t seconds,
                        int64_t by_policy_ms) {
    int64_t wanted_ms = said ? seconds * 1000 : e->kind == ORIGIN_ANSWER ? by_policy_ms : 0;
    bool never = (e->flags & (ORIGIN_NO_CACHE | ORIGIN_MUST_REVALIDATE)) != 0;

    return never ? 0 : life_least(wanted_ms, policy->max_stale_ms);
}

void life_read_directives(const struct origin_policy *policy, const struct origin_answer *answer,
                          struct origin_entry *e) {
    const struct http_caching *c = &answer->caching;
    const uint32_t strict = HTTP_CACHING_BIT(MUST_REVALIDATE) | HTTP_CACHING_BIT(PROXY_REVALIDATE) |
                            HTTP_CACHING_BIT(S_MAXAGE); /* RFC 9111, 5.2.2.10: s-maxage implies proxy-revalidate */

    e->flags &= ~(uint32_t)(ORIGIN_NO_CACHE | ORIGIN_MUST_REVALIDATE | ORIGIN_IMMUTABLE);
    e->flags |= has(answer, HTTP_CACHING_BIT(NO_CACHE)) ? ORIGIN_NO_CACHE : 0;
    e->flags |= has(answer, strict) ? ORIGIN_MUST_REVALIDATE : 0;
    e->flags |= has(answer, HTTP_CACHING_BIT(IMMUTABLE)) ? ORIGIN_IMMUTABLE : 0;
    e->while_revalidate_ms = stale_ms(policy, e, has(answer, HTTP_CACHING_BIT(WHILE_REVALIDATE)), c->while_revalidate,
                                      policy->while_revalidate_ms);
    e->if_error_ms = stale_ms(policy, e, has(answer, HTTP_CACHING_BIT(IF_ERROR)), c->if_error, policy->if_error_ms);
}

void life_read_times(const struct origin_answer *answer, struct origin_entry *e) {
    e->asked_ms = answer->asked_ms;
    e->answered_ms = answer->answered_ms;
    e->held_ms = 0;
    e->initial_age_ms = life_initial_age_ms(answer);
    e->flags = has(answer, HTTP_CACHING_BIT(DATE)) ? ORIGIN_DATED : 0;
    e->date = answer->caching.date;
}

/* --- what may be stored --- */

/* The statuses whose rules for caching are followed here: RFC 9111, 5.2.2.3. */
static bool is_understood(unsigned status) {
    return life_is_kept_by_default(status) || status == 302 || status == 303 || status == 307 ||
           (status >= 400 && status <= 417) || (status >= 500 && status <= 505);
}

enum judge_obstacle life_obstacle_in_words(const struct origin_answer *answer) {
    bool understands = has(answer, HTTP_CACHING_BIT(MUST_UNDERSTAND));

    if (understands && !is_understood(answer->status)) {
        return JUDGE_OBSTACLE_STATUS;
    }
    if (has(answer, HTTP_CACHING_BIT(NO_STORE)) && !understands) {
        return JUDGE_OBSTACLE_NO_STORE;
    }
    if (has(answer, HTTP_CACHING_BIT(PRIVATE))) {
        return JUDGE_OBSTACLE_PRIVATE;
    }
    if (has(answer, HTTP_CACHING_BIT(SET_COOKIE))) {
        return JUDGE_OBSTACLE_SET_COOKIE;
    }
    /* A coding that varies was chosen for somebody who named none: not everybody who asks can read it. */
    if (has(answer, HTTP_CACHING_BIT(VARY)) ||
        (has(answer, HTTP_CACHING_BIT(VARY_ENCODING)) && has(answer, HTTP_CACHING_BIT(ENCODED)))) {
        return JUDGE_OBSTACLE_VARY;
    }
    return JUDGE_NO_OBSTACLE;
}

int64_t life_keep_ms(const struct origin_policy *policy, const struct origin_entry *e) {
    int64_t fresh_ms = e->lifetime_ms - e->initial_age_ms; /* below 0: it came stale */
    int64_t served_ms = fresh_ms + most(e->while_revalidate_ms, e->if_error_ms);
    int64_t kept_ms = origin_entry_has_validator(e) ? most(fresh_ms, 0) + policy->keep_ms : 0;

    if ((e->flags & ORIGIN_NO_CACHE) != 0) {
        served_ms = 0; /* it is good for a 304 alone */
    }
    return most(0, most(served_ms, kept_ms));
}
