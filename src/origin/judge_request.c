/* SPDX-License-Identifier: Apache-2.0 */
#include "origin/judge.h"

static int64_t ms(int64_t seconds) {
    return seconds * 1000;
}

static bool asks(const struct judge_wish *wish, uint32_t words) {
    return http_caching_request_has(&wish->caching, words);
}

/* An entry and a request at a moment. */
struct hearing {
    const struct origin_entry *entry;
    const struct judge_wish *wish;
    int64_t now_ms;
    int64_t age_ms;
    int64_t stale_ms; /* how long it has been stale; below 0: it is fresh */
};

static struct hearing hear(const struct origin_entry *entry, const struct judge_wish *wish, int64_t now_ms) {
    int64_t age_ms = origin_entry_age_ms(entry, now_ms);

    return (struct hearing){entry, wish, now_ms, age_ms, age_ms - entry->lifetime_ms};
}

static bool is_fresh(const struct hearing *h) {
    return h->stale_ms < 0; /* RFC 9111, 4.2: while its lifetime is more than its age */
}

static bool is_older_than_provable(const struct hearing *h) {
    return h->wish->freshness.kind == FRESHNESS_MAX_STALE && h->age_ms > h->wish->freshness.max_stale_ns / 1000000;
}

/* Whether only what the origin says from now on will do. */
static bool wants_anew(const struct judge_wish *wish) {
    return wish->freshness.kind == FRESHNESS_LINEARIZABLE || asks(wish, HTTP_WISH_NO_CACHE);
}

/* How long ago a request to the origin may have begun whose answer will do. */
static int64_t join_limit_ms(const struct judge_wish *wish) {
    int64_t limit = JUDGE_JOIN_ANY;

    if (wants_anew(wish)) {
        return JUDGE_JOIN_NONE;
    }
    if (wish->freshness.kind == FRESHNESS_MAX_STALE) {
        limit = wish->freshness.max_stale_ns / 1000000;
    }
    if (asks(wish, HTTP_WISH_MAX_AGE) && ms(wish->caching.max_age) < limit) {
        limit = ms(wish->caching.max_age);
    }
    return limit;
}

/* A max-age that is less than the entry's age. RFC 8246, 2: what is immutable is not asked for again because somebody loads a
 * page anew, which browsers do with max-age=0; what is forced has no-cache. */
static bool is_too_old(const struct hearing *h) {
    return asks(h->wish, HTTP_WISH_MAX_AGE) && h->age_ms > ms(h->wish->caching.max_age) &&
           !(is_fresh(h) && (h->entry->flags & ORIGIN_IMMUTABLE) != 0);
}

static bool ends_too_soon(const struct hearing *h) {
    return asks(h->wish, HTTP_WISH_MIN_FRESH) && -h->stale_ms < ms(h->wish->caching.min_fresh);
}

/* Whether the request rules this entry out, fresh or not. */
static bool is_ruled_out(const struct hearing *h) {
    return wants_anew(h->wish) || is_older_than_provable(h) || is_too_old(h) || ends_too_soon(h);
}

/* Whether the origin failed a moment ago. */
static bool is_held(const struct hearing *h) {
    return h->now_ms < h->entry->held_ms && h->entry->held_ms - h->now_ms <= ORIGIN_HOLD_MAX;
}

/* RFC 9111, 5.2.1.2. One without a number allows any time. */
static bool may_be_so_stale(const struct hearing *h) {
    return asks(h->wish, HTTP_WISH_MAX_STALE) &&
           (h->wish->caching.max_stale == HTTP_SECONDS_MAX || h->stale_ms <= ms(h->wish->caching.max_stale));
}

/* 5.2.1.1: with max-age and without max-stale the request wants nothing stale. */
static bool refuses_stale(const struct hearing *h) {
    return asks(h->wish, HTTP_WISH_MAX_AGE) && !asks(h->wish, HTTP_WISH_MAX_STALE);
}

/* The longest that it may be stale when the origin fails. */
static int64_t error_limit_ms(const struct hearing *h) {
    int64_t limit = asks(h->wish, HTTP_WISH_NO_CACHE) ? 0 : h->entry->if_error_ms;

    if (asks(h->wish, HTTP_WISH_IF_ERROR) && ms(h->wish->caching.if_error) > limit) {
        limit = ms(h->wish->caching.if_error);
    }
    return limit;
}

static bool survives_error(const struct hearing *h) {
    bool something = h->entry->kind == ORIGIN_ANSWER || h->entry->kind == ORIGIN_ABSENT;

    if (!something || (h->entry->flags & ORIGIN_NO_CACHE) != 0 || h->wish->freshness.kind == FRESHNESS_LINEARIZABLE ||
        is_older_than_provable(h)) {
        return false;
    }
    if (asks(h->wish, HTTP_WISH_NO_CACHE) && !asks(h->wish, HTTP_WISH_IF_ERROR)) {
        return false;
    }
    if (is_fresh(h)) {
        return true;
    }
    return (h->entry->flags & ORIGIN_MUST_REVALIDATE) == 0 && h->stale_ms < error_limit_ms(h);
}

bool judge_survives_error(const struct origin_entry *entry, const struct judge_wish *wish, int64_t now_ms) {
    const struct hearing h = hear(entry, wish, now_ms);

    return survives_error(&h);
}

/* Of an entry that is stale and not ruled out. False: it may not be served. */
static bool serve_stale(const struct hearing *h, struct judge_decision *d) {
    bool refreshing = h->stale_ms < h->entry->while_revalidate_ms;

    if ((h->entry->flags & ORIGIN_MUST_REVALIDATE) != 0 || refuses_stale(h)) {
        return false;
    }
    if (is_held(h) && (refreshing || survives_error(h))) {
        d->way = JUDGE_SERVE;
    } else if (refreshing) {
        d->way = JUDGE_SERVE_AND_REFRESH;
    } else if (may_be_so_stale(h)) {
        d->way = JUDGE_SERVE;
    } else {
        return false;
    }
    d->stale = true;
    return true;
}

/* False: the entry is no answer to this request as it is. */
static bool serve(const struct hearing *h, struct judge_decision *d) {
    if ((h->entry->flags & ORIGIN_NO_CACHE) != 0 || is_ruled_out(h)) {
        return false;
    }
    d->cause = JUDGE_HIT;
    if (is_fresh(h)) {
        d->way = JUDGE_SERVE;
        return true;
    }
    return serve_stale(h, d);
}

/* The origin has to be asked. */
static void forward(const struct judge_wish *wish, enum judge_cause cause, struct judge_decision *d) {
    d->cause = cause;
    d->may_store = !asks(wish, HTTP_WISH_NO_STORE);
    if (asks(wish, HTTP_WISH_ONLY_IF_CACHED)) {
        d->way = JUDGE_REFUSE;
    } else if (cause == JUDGE_MARKED || !d->may_store) {
        d->way = JUDGE_PASS;
    } else {
        d->way = JUDGE_LOAD;
        d->join_ms = join_limit_ms(wish);
    }
}

/* Of an entry that will not do. Who insists on an answer from now on is not told of a failure that was before. */
static void forward_past(const struct hearing *h, struct judge_decision *d) {
    forward(h->wish, is_fresh(h) ? JUDGE_ASKED : JUDGE_STALE, d);
    if (d->way != JUDGE_LOAD) {
        return;
    }
    if (is_held(h) && !is_ruled_out(h)) {
        d->way = JUDGE_FAIL;
    } else if (origin_entry_has_validator(h->entry)) {
        d->way = JUDGE_REVALIDATE;
        d->if_none_match = h->entry->etag;
        d->if_modified_since = h->entry->last_modified;
    }
}

struct judge_decision judge_request(const struct origin_entry *entry, const struct judge_wish *wish, int64_t now_ms) {
    struct judge_decision d = {.may_store = true};
    struct hearing h;

    if (entry == NULL) {
        forward(wish, JUDGE_MISS, &d);
        return d;
    }
    h = hear(entry, wish, now_ms);
    if (entry->kind == ORIGIN_MARKER) {
        forward(wish, is_fresh(&h) ? JUDGE_MARKED : JUDGE_MISS, &d);
        return d;
    }
    d.age_ms = h.age_ms;
    if (!serve(&h, &d)) {
        forward_past(&h, &d);
    }
    return d;
}
