/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

enum {
    NO_CACHE = ORIGIN_NO_CACHE,
    MUST = ORIGIN_MUST_REVALIDATE,
    IMMUTABLE = ORIGIN_IMMUTABLE,
    ANSWER = ORIGIN_ANSWER,
    ABSENT = ORIGIN_ABSENT,
    ERROR = ORIGIN_ERROR,
    MARKER = ORIGIN_MARKER,
    NOTHING = ORIGIN_KIND_COUNT,
};

/* An entry of the tables: all in seconds. */
struct stored {
    int kind;
    int64_t age;
    int64_t lifetime;
    uint32_t flags;
    int64_t refresh; /* stale-while-revalidate */
    int64_t error;   /* stale-if-error */
    int64_t held;    /* from now */
    const char *etag;
};

#define STORED(kind_, age_, lifetime_, ...)                                                                            \
    { .kind = (kind_), .age = (age_), .lifetime = (lifetime_), __VA_ARGS__ }

static struct origin_entry *make(const struct stored *s, struct origin_entry *place) {
    if (s->kind == NOTHING) {
        return NULL;
    }
    *place = (struct origin_entry){
        .kind = (enum origin_kind)s->kind,
        .status = 200,
        .flags = s->flags,
        .asked_ms = NOW_MS - S(s->age),
        .answered_ms = NOW_MS - S(s->age),
        .lifetime_ms = S(s->lifetime),
        .while_revalidate_ms = S(s->refresh),
        .if_error_ms = S(s->error),
        .held_ms = s->held == 0 ? 0 : NOW_MS + S(s->held),
        .etag = slice_from_string(s->etag == NULL ? "" : s->etag),
    };
    return place;
}

static struct judge_wish make_wish(const char *caching, const char *freshness) {
    struct judge_wish wish = {.freshness = {.kind = FRESHNESS_CACHED}};

    http_caching_request_take(&wish.caching, slice_from_string(caching == NULL ? "" : caching));
    assert_true(freshness == NULL || freshness_parse(slice_from_string(freshness), &wish.freshness));
    return wish;
}

static const struct row {
    const char *section;
    struct stored stored;
    const char *caching;   /* the request's Cache-Control */
    const char *freshness; /* the request's */
    enum judge_way way;
    enum judge_cause cause;
    bool stale;
} rows[] = {
    /* nothing there */
    {"9111, 4", STORED(NOTHING, 0, 0), "", NULL, JUDGE_LOAD, JUDGE_MISS, false},
    {"9111, 5.2.1.7", STORED(NOTHING, 0, 0), "only-if-cached", NULL, JUDGE_REFUSE, JUDGE_MISS, false},
    {"9111, 5.2.1.5: not to be stored", STORED(NOTHING, 0, 0), "no-store", NULL, JUDGE_PASS, JUDGE_MISS, false},
    {"9111, 5.2.1.4", STORED(NOTHING, 0, 0), "no-cache", NULL, JUDGE_LOAD, JUDGE_MISS, false},
    {"linearizable", STORED(NOTHING, 0, 0), "", "linearizable", JUDGE_LOAD, JUDGE_MISS, false},

    /* fresh or not */
    {"9111, 4.2: fresh", STORED(ANSWER, 0, 60), "", NULL, JUDGE_SERVE, JUDGE_HIT, false},
    {"9111, 4.2: to the last second", STORED(ANSWER, 59, 60), "", NULL, JUDGE_SERVE, JUDGE_HIT, false},
    {"9111, 4.2: stale at its end", STORED(ANSWER, 60, 60), "", NULL, JUDGE_LOAD, JUDGE_STALE, false},
    {"9111, 4.3: stale with a validator", STORED(ANSWER, 60, 60, .etag = "\"a\""), "", NULL, JUDGE_REVALIDATE,
     JUDGE_STALE, false},
    {"a 404 is an answer", STORED(ABSENT, 5, 10), "", NULL, JUDGE_SERVE, JUDGE_HIT, false},
    {"an error lives too", STORED(ERROR, 0, 1), "", NULL, JUDGE_SERVE, JUDGE_HIT, false},
    {"not for long", STORED(ERROR, 1, 1), "", NULL, JUDGE_LOAD, JUDGE_STALE, false},
    {"9111, 5.2.2.4: no-cache", STORED(ANSWER, 1, 60, .flags = NO_CACHE, .etag = "\"a\""), "", NULL, JUDGE_REVALIDATE,
     JUDGE_ASKED, false},
    {"9111, 5.2.2.2: fresh", STORED(ANSWER, 1, 60, .flags = MUST), "", NULL, JUDGE_SERVE, JUDGE_HIT, false},

    /* wishes about fresh ones */
    {"9111, 5.2.1.4: no-cache", STORED(ANSWER, 1, 60), "no-cache", NULL, JUDGE_LOAD, JUDGE_ASKED, false},
    {"9111, 5.2.1.4: with a validator", STORED(ANSWER, 1, 60, .etag = "\"a\""), "no-cache", NULL, JUDGE_REVALIDATE,
     JUDGE_ASKED, false},
    {"8246, 2: forced", STORED(ANSWER, 1, 60, .flags = IMMUTABLE), "no-cache", NULL, JUDGE_LOAD, JUDGE_ASKED, false},
    {"9111, 5.2.1.1: max-age", STORED(ANSWER, 5, 60), "max-age=5", NULL, JUDGE_SERVE, JUDGE_HIT, false},
    {"9111, 5.2.1.1: too old", STORED(ANSWER, 6, 60), "max-age=5", NULL, JUDGE_LOAD, JUDGE_ASKED, false},
    {"9111, 5.2.1.1: though it may be stale", STORED(ANSWER, 6, 60), "max-age=5, max-stale", NULL, JUDGE_LOAD,
     JUDGE_ASKED, false},
    {"8246, 2: loaded anew", STORED(ANSWER, 6, 60, .flags = IMMUTABLE), "max-age=0", NULL, JUDGE_SERVE, JUDGE_HIT,
     false},
    {"8246, 2: not once stale", STORED(ANSWER, 60, 60, .flags = IMMUTABLE), "max-age=0", NULL, JUDGE_LOAD, JUDGE_STALE,
     false},
    {"8246, 2: nor if that will do", STORED(ANSWER, 61, 60, .flags = IMMUTABLE), "max-age=0, max-stale", NULL,
     JUDGE_LOAD, JUDGE_STALE, false},
    {"9111, 5.2.1.3: min-fresh", STORED(ANSWER, 50, 60), "min-fresh=10", NULL, JUDGE_SERVE, JUDGE_HIT, false},
    {"9111, 5.2.1.3: ends too soon", STORED(ANSWER, 51, 60), "min-fresh=10", NULL, JUDGE_LOAD, JUDGE_ASKED, false},
    {"9111, 5.2.1.5: what is stored may be used", STORED(ANSWER, 1, 60), "no-store", NULL, JUDGE_SERVE, JUDGE_HIT,
     false},
    {"9111, 5.2.1.5: what comes may not be stored", STORED(ANSWER, 60, 60, .etag = "\"a\""), "no-store", NULL,
     JUDGE_PASS, JUDGE_STALE, false},
    {"9111, 5.2.1.7: at hand", STORED(ANSWER, 1, 60), "only-if-cached", NULL, JUDGE_SERVE, JUDGE_HIT, false},
    {"9111, 5.2.1.7: stale", STORED(ANSWER, 60, 60), "only-if-cached", NULL, JUDGE_REFUSE, JUDGE_STALE, false},
    {"9111, 5.2.1.7: stale, and that will do", STORED(ANSWER, 60, 60), "only-if-cached, max-stale", NULL, JUDGE_SERVE,
     JUDGE_HIT, true},
    {"9111, 5.2.1.7: before no-store", STORED(ANSWER, 60, 60), "only-if-cached, no-store", NULL, JUDGE_REFUSE,
     JUDGE_STALE, false},
    {"linearizable", STORED(ANSWER, 0, 60, .etag = "\"a\""), "", "linearizable", JUDGE_REVALIDATE, JUDGE_ASKED, false},
    {"linearizable, immutable or not", STORED(ANSWER, 0, 60, .flags = IMMUTABLE), "", "linearizable", JUDGE_LOAD,
     JUDGE_ASKED, false},
    {"linearizable, of an error", STORED(ERROR, 0, 1), "", "linearizable", JUDGE_LOAD, JUDGE_ASKED, false},
    {"max_stale", STORED(ANSWER, 5, 60), "", "max_stale=5s", JUDGE_SERVE, JUDGE_HIT, false},
    {"max_stale, older", STORED(ANSWER, 5, 60), "", "max_stale=4999ms", JUDGE_LOAD, JUDGE_ASKED, false},
    {"max_stale allows nothing stale", STORED(ANSWER, 60, 60), "", "max_stale=1h", JUDGE_LOAD, JUDGE_STALE, false},
    {"max_stale where stale may be served", STORED(ANSWER, 61, 60, .refresh = 10), "", "max_stale=61s",
     JUDGE_SERVE_AND_REFRESH, JUDGE_HIT, true},
    {"max_stale where it may, but is too old", STORED(ANSWER, 61, 60, .refresh = 10), "", "max_stale=60s", JUDGE_LOAD,
     JUDGE_STALE, false},

    /* stale ones */
    {"9111, 5.2.1.2: max-stale", STORED(ANSWER, 65, 60), "max-stale=5", NULL, JUDGE_SERVE, JUDGE_HIT, true},
    {"9111, 5.2.1.2: too stale", STORED(ANSWER, 66, 60), "max-stale=5", NULL, JUDGE_LOAD, JUDGE_STALE, false},
    {"9111, 5.2.1.2: any", STORED(ANSWER, 6000, 60), "max-stale", NULL, JUDGE_SERVE, JUDGE_HIT, true},
    {"9111, 4.2.4: must-revalidate before it", STORED(ANSWER, 65, 60, .flags = MUST), "max-stale", NULL, JUDGE_LOAD,
     JUDGE_STALE, false},
    {"9111, 5.2.2.4: no-cache before it", STORED(ANSWER, 65, 60, .flags = NO_CACHE), "max-stale", NULL, JUDGE_LOAD,
     JUDGE_STALE, false},
    {"5861, 3", STORED(ANSWER, 60, 60, .refresh = 10), "", NULL, JUDGE_SERVE_AND_REFRESH, JUDGE_HIT, true},
    {"5861, 3: to the last second", STORED(ANSWER, 69, 60, .refresh = 10), "", NULL, JUDGE_SERVE_AND_REFRESH, JUDGE_HIT,
     true},
    {"5861, 3: over", STORED(ANSWER, 70, 60, .refresh = 10), "", NULL, JUDGE_LOAD, JUDGE_STALE, false},
    {"9111, 4.2.4: must-revalidate before it", STORED(ANSWER, 61, 60, .flags = MUST, .refresh = 10), "", NULL,
     JUDGE_LOAD, JUDGE_STALE, false},
    {"9111, 5.2.1.1: nothing stale with max-age", STORED(ANSWER, 61, 60, .refresh = 10), "max-age=100", NULL,
     JUDGE_LOAD, JUDGE_STALE, false},
    {"9111, 5.2.1.1: but for max-stale", STORED(ANSWER, 61, 60, .refresh = 10), "max-age=100, max-stale=1", NULL,
     JUDGE_SERVE_AND_REFRESH, JUDGE_HIT, true},
    {"9111, 5.2.1.3: nothing stale with min-fresh", STORED(ANSWER, 61, 60, .refresh = 10), "min-fresh=0", NULL,
     JUDGE_LOAD, JUDGE_STALE, false},
    {"5861, 4: no error, nothing stale", STORED(ANSWER, 61, 60, .error = 100), "", NULL, JUDGE_LOAD, JUDGE_STALE,
     false},

    /* the origin failed a moment ago */
    {"5861, 4: held", STORED(ANSWER, 61, 60, .error = 100, .held = 1), "", NULL, JUDGE_SERVE, JUDGE_HIT, true},
    {"5861, 4: not held any more", STORED(ANSWER, 61, 60, .error = 100, .held = -1), "", NULL, JUDGE_LOAD, JUDGE_STALE,
     false},
    {"5861, 4: held too far ahead", STORED(ANSWER, 61, 60, .error = 100, .held = 601), "", NULL, JUDGE_LOAD,
     JUDGE_STALE, false},
    {"5861, 4: too stale for that", STORED(ANSWER, 160, 60, .error = 100, .held = 1), "", NULL, JUDGE_FAIL, JUDGE_STALE,
     false},
    {"9111, 5.2.2.2: 504", STORED(ANSWER, 61, 60, .flags = MUST, .held = 1, .etag = "\"a\""), "", NULL, JUDGE_FAIL,
     JUDGE_STALE, false},
    {"9111, 5.2.2.4: 504", STORED(ANSWER, 1, 60, .flags = NO_CACHE, .held = 1, .etag = "\"a\""), "", NULL, JUDGE_FAIL,
     JUDGE_ASKED, false},
    {"9111, 5.2.1.1: nothing stale with max-age", STORED(ANSWER, 61, 60, .refresh = 10, .held = 1), "max-age=100", NULL,
     JUDGE_FAIL, JUDGE_STALE, false},
    {"a fresh one is served, failure or not", STORED(ANSWER, 1, 60, .held = 1), "", NULL, JUDGE_SERVE, JUDGE_HIT,
     false},
    {"linearizable asks all the same", STORED(ANSWER, 61, 60, .error = 100, .held = 1), "", "linearizable", JUDGE_LOAD,
     JUDGE_STALE, false},
    {"9111, 5.2.1.7: 504 as well", STORED(ANSWER, 61, 60, .held = 1), "only-if-cached", NULL, JUDGE_REFUSE, JUDGE_STALE,
     false},
    {"5861, 3: no refresh while held", STORED(ANSWER, 61, 60, .refresh = 10, .held = 1), "", NULL, JUDGE_SERVE,
     JUDGE_HIT, true},
    {"5861, 4: of the request", STORED(ANSWER, 61, 60, .held = 1), "stale-if-error=5", NULL, JUDGE_SERVE, JUDGE_HIT,
     true},
    {"9111, 5.2.1.4: no-cache asks all the same", STORED(ANSWER, 61, 60, .error = 100, .held = 1), "no-cache", NULL,
     JUDGE_LOAD, JUDGE_STALE, false},

    /* markers */
    {"not to be stored", STORED(MARKER, 59, 60), "", NULL, JUDGE_PASS, JUDGE_MARKED, false},
    {"not to be stored, linearizable", STORED(MARKER, 59, 60), "", "linearizable", JUDGE_PASS, JUDGE_MARKED, false},
    {"9111, 5.2.1.7", STORED(MARKER, 59, 60), "only-if-cached", NULL, JUDGE_REFUSE, JUDGE_MARKED, false},
    {"a marker that is over", STORED(MARKER, 60, 60), "", NULL, JUDGE_LOAD, JUDGE_MISS, false},
    {"a marker is never served", STORED(MARKER, 60, 60), "max-stale", NULL, JUDGE_LOAD, JUDGE_MISS, false},
};

static void judges_requests(void **state) {
    (void)state;
    for (unsigned i = 0; i < ROWS(rows); i++) {
        const struct row *row = &rows[i];
        const struct judge_wish wish = make_wish(row->caching, row->freshness);
        struct origin_entry place;
        const struct origin_entry *entry = make(&row->stored, &place);
        struct judge_decision d = judge_request(entry, &wish, NOW_MS);
        bool seen = entry != NULL && entry->kind != ORIGIN_MARKER;

        if (d.way != row->way || d.cause != row->cause || d.stale != row->stale) {
            fail_msg("row %u, %s: way %d, cause %d, stale %d", i, row->section, d.way, d.cause, d.stale);
        }
        assert_int_equal(d.age_ms, seen ? S(row->stored.age) : 0);
        assert_int_equal(d.may_store, d.way <= JUDGE_SERVE_AND_REFRESH || strstr(row->caching, "no-store") == NULL);
        assert_true((d.way == JUDGE_REVALIDATE) == (d.if_none_match.size > 0));
    }
}

/* Both validators are sent: RFC 9111, 4.3.1. */
static void sends_what_there_is_to_validate(void **state) {
    struct origin_entry e = {.kind = ORIGIN_ANSWER, .status = 200, .last_modified = SLICE("then")};
    const struct judge_wish wish = make_wish(NULL, NULL);
    struct judge_decision d = judge_request(&e, &wish, NOW_MS);

    (void)state;
    assert_int_equal(d.way, JUDGE_REVALIDATE);
    assert_int_equal(d.if_none_match.size, 0);
    assert_true(slice_equal(d.if_modified_since, SLICE("then")));
    e.etag = SLICE("\"a\"");
    d = judge_request(&e, &wish, NOW_MS);
    assert_true(slice_equal(d.if_none_match, SLICE("\"a\"")) && slice_equal(d.if_modified_since, SLICE("then")));
}

static void says_which_loads_will_do(void **state) {
    static const struct {
        const char *caching, *freshness;
        int64_t join_ms;
    } asked[] = {
        {NULL, NULL, JUDGE_JOIN_ANY},     {"no-cache", NULL, JUDGE_JOIN_NONE},
        {"max-age=2", NULL, 2000},        {"max-age=2", "max_stale=500ms", 500},
        {NULL, "max_stale=500ms", 500},   {NULL, "linearizable", JUDGE_JOIN_NONE},
        {"max-age=0", "max_stale=1s", 0}, {"min-fresh=10", NULL, JUDGE_JOIN_ANY},
    };
    const struct stored stale = STORED(ANSWER, 60, 60);
    struct origin_entry place;

    (void)state;
    for (unsigned i = 0; i < ROWS(asked); i++) {
        const struct judge_wish wish = make_wish(asked[i].caching, asked[i].freshness);

        assert_int_equal(judge_request(NULL, &wish, NOW_MS).join_ms, asked[i].join_ms);
        assert_int_equal(judge_request(make(&stale, &place), &wish, NOW_MS).join_ms, asked[i].join_ms);
    }
}

/* current_age: what it was when it came, and the time since. */
static void ages(void **state) {
    struct origin_entry e = {.kind = ORIGIN_ANSWER, .answered_ms = NOW_MS, .initial_age_ms = 700};

    (void)state;
    assert_int_equal(origin_entry_age_ms(&e, NOW_MS + 300), 1000);
    assert_int_equal(origin_entry_age_ms(&e, NOW_MS - 5000), 700);
}

static const struct survival {
    const char *section;
    struct stored stored;
    const char *caching, *freshness;
    bool survives;
} survivals[] = {
    {"9111, 4.2.4: nobody allows it", STORED(ANSWER, 61, 60), NULL, NULL, false},
    {"5861, 4", STORED(ANSWER, 159, 60, .error = 100), NULL, NULL, true},
    {"5861, 4: over", STORED(ANSWER, 160, 60, .error = 100), NULL, NULL, false},
    {"5861, 4: a 404 is an answer", STORED(ABSENT, 61, 60, .error = 100), NULL, NULL, true},
    {"an error is none", STORED(ERROR, 61, 60, .error = 100), NULL, NULL, false},
    {"nor is a marker", STORED(MARKER, 1, 60), NULL, NULL, false},
    {"5861, 4: of the request", STORED(ANSWER, 61, 60), "stale-if-error=5", NULL, true},
    {"5861, 4: of the request, over", STORED(ANSWER, 65, 60), "stale-if-error=5", NULL, false},
    {"5861, 4: the longer of the two", STORED(ANSWER, 65, 60, .error = 100), "stale-if-error=5", NULL, true},
    {"9111, 5.2.2.2", STORED(ANSWER, 61, 60, .flags = MUST, .error = 100), "stale-if-error=50", NULL, false},
    {"9111, 5.2.2.4", STORED(ANSWER, 1, 60, .flags = NO_CACHE, .error = 100), "stale-if-error=50", NULL, false},
    {"9111, 5.2.1.4", STORED(ANSWER, 61, 60, .error = 100), "no-cache", NULL, false},
    {"5861, 4: no-cache with its own", STORED(ANSWER, 61, 60, .error = 100), "no-cache, stale-if-error=5", NULL, true},
    {"5861, 4: which alone counts then", STORED(ANSWER, 66, 60, .error = 100), "no-cache, stale-if-error=5", NULL,
     false},
    {"9111, 4.2.4: a fresh one that was asked about", STORED(ANSWER, 30, 60), "max-age=5", NULL, true},
    {"9111, 5.2.1.4: not with no-cache", STORED(ANSWER, 30, 60), "no-cache", NULL, false},
    {"linearizable is that or an error", STORED(ANSWER, 0, 60, .error = 100), NULL, "linearizable", false},
    {"max_stale", STORED(ANSWER, 61, 60, .error = 100), NULL, "max_stale=61s", true},
    {"max_stale is that or an error", STORED(ANSWER, 61, 60, .error = 100), NULL, "max_stale=60s", false},
};

static void judges_what_survives_an_error(void **state) {
    (void)state;
    for (unsigned i = 0; i < ROWS(survivals); i++) {
        const struct survival *row = &survivals[i];
        const struct judge_wish wish = make_wish(row->caching, row->freshness);
        struct origin_entry place;

        if (judge_survives_error(make(&row->stored, &place), &wish, NOW_MS) != row->survives) {
            fail_msg("row %u, %s", i, row->section);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges_requests),
        cmocka_unit_test(sends_what_there_is_to_validate),
        cmocka_unit_test(says_which_loads_will_do),
        cmocka_unit_test(ages),
        cmocka_unit_test(judges_what_survives_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
