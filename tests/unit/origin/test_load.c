/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

/* What comes of asking while something is stored: 304s, errors, failures. */

#define DATE "date: Sun, 06 Nov 1994 08:49:37 GMT\n"
#define YESTERDAY "Sat, 05 Nov 1994 08:49:37 GMT"

enum { TTL = 60, ERROR_TTL = 2, KEEP = 3600 };

static struct origin_policy make_policy(void) {
    struct origin_policy policy = origin_policy_default();

    policy.ttl_ms = S(TTL);
    policy.error_ttl_ms = S(ERROR_TTL);
    policy.keep_ms = S(KEEP);
    return policy;
}

/* What was stored of an answer with these lines, some seconds ago. */
static void make_old(const struct origin_policy *policy, const char *lines, int64_t seconds,
                     struct origin_entry *ret_old) {
    const struct judge_load load = {.policy = policy, .may_store = true};
    struct origin_answer answer;
    struct judge_outcome out;

    make_answer(policy, 200, lines, &answer);
    answer.asked_ms -= S(seconds);
    answer.answered_ms -= S(seconds);
    judge_answer(&load, &answer, &out);
    assert_int_equal(out.action, JUDGE_STORE);
    *ret_old = out.entry;
    ret_old->body = SLICE("the body");
}

static void revalidate(const struct origin_entry *old, unsigned status, const char *lines, struct judge_outcome *out) {
    const struct origin_policy policy = make_policy();
    const struct judge_load load = {.policy = &policy, .old = old, .conditional = true, .may_store = true};
    struct origin_answer answer;
    size_t size;

    make_answer(&policy, status, lines, &answer);
    judge_answer(&load, &answer, out);
    if (out->action == JUDGE_STORE || out->action == JUDGE_MARK || out->action == JUDGE_RENEW) {
        assert_int_equal(origin_entry_head_size(&out->entry, &size), LARDER_OK);
        assert_true(out->keep_ms > 0);
    }
}

/* --- 304: whether it is about what is stored --- */

static void knows_what_a_304_is_about(void **state) {
    static const struct {
        const char *section;
        const char *old, *lines;
        enum judge_action action;
    } rows[] = {
        {"9111, 4.3.4: the same strong one", "etag: \"a\"\n", "etag: \"a\"\n", JUDGE_RENEW},
        {"9111, 4.3.4: another", "etag: \"a\"\n", "etag: \"b\"\n", JUDGE_RELOAD},
        {"9111, 4.3.4: strong is more than weak", "etag: W/\"a\"\n", "etag: \"a\"\n", JUDGE_RELOAD},
        {"9110, 8.8.3.2: weakly the same", "etag: \"a\"\n", "etag: W/\"a\"\n", JUDGE_RENEW},
        {"9110, 8.8.3.2: both weak", "etag: W/\"a\"\n", "etag: W/\"a\"\n", JUDGE_RENEW},
        {"9110, 8.8.3.2: weak and another", "etag: W/\"a\"\n", "etag: W/\"b\"\n", JUDGE_RELOAD},
        {"9111, 4.3.4: none", "etag: \"a\"\n", "", JUDGE_RENEW},
        {"9111, 4.3.4: a date", "last-modified: " YESTERDAY "\n", "last-modified: " YESTERDAY "\n", JUDGE_RENEW},
        {"9111, 4.3.4: another date", "last-modified: " YESTERDAY "\n",
         "last-modified: Sun, 06 Nov 1994 08:49:37 GMT\n", JUDGE_RELOAD},
        {"9111, 4.3.4: a date that was not there", "etag: \"a\"\n", "last-modified: " YESTERDAY "\n", JUDGE_RENEW},
        {"9111, 4.3.4: an etag that was not there", "last-modified: " YESTERDAY "\n", "etag: \"a\"\n", JUDGE_RELOAD},
    };
    const struct origin_policy policy = make_policy();

    (void)state;
    for (unsigned i = 0; i < ROWS(rows); i++) {
        struct origin_entry old;
        struct judge_outcome out;

        make_old(&policy, rows[i].old, 100, &old);
        revalidate(&old, 304, rows[i].lines, &out);
        if (out.action != rows[i].action) {
            fail_msg("%s: action %d", rows[i].section, out.action);
        }
    }
}

/* --- 304: the life it gives --- */

static const struct renewal {
    const char *section;
    const char *old, *lines;
    int64_t fresh; /* seconds from now */
    uint32_t flags;
    int64_t refresh, error;
} renewals[] = {
    {"9111, 3.2: no word, so the old one", "etag: \"a\"\ncache-control: max-age=5\n", "", 5, ORIGIN_BY_DIRECTIVE, 0, 0},
    {"9111, 3.2: another max-age", "etag: \"a\"\ncache-control: max-age=5\n", "cache-control: max-age=7\n", 7,
     ORIGIN_BY_DIRECTIVE, 0, 0},
    {"9111, 3.2: the old directives stay", "etag: \"a\"\ncache-control: max-age=5, must-revalidate, immutable\n", "", 5,
     ORIGIN_BY_DIRECTIVE | ORIGIN_MUST_REVALIDATE | ORIGIN_IMMUTABLE, 0, 0},
    {"9111, 3.2: the field is replaced whole", "etag: \"a\"\ncache-control: max-age=5, must-revalidate, immutable\n",
     "cache-control: max-age=7, no-cache\n", 7, ORIGIN_BY_DIRECTIVE | ORIGIN_NO_CACHE, 0, 0},
    {"9111, 3.2: what may be served stale stays",
     "etag: \"a\"\ncache-control: max-age=5, stale-while-revalidate=6, stale-if-error=7\n", "", 5, ORIGIN_BY_DIRECTIVE,
     6, 7},
    {"9111, 3.2: or is replaced", "etag: \"a\"\ncache-control: max-age=5, stale-while-revalidate=6, stale-if-error=7\n",
     "cache-control: max-age=5\n", 5, ORIGIN_BY_DIRECTIVE, 0, 0},
    {"9111, 5.3: a new Expires does not outdo an old max-age", "etag: \"a\"\ncache-control: max-age=5\n",
     DATE "expires: Sun, 06 Nov 1994 08:49:46 GMT\n", 5, ORIGIN_DATED | ORIGIN_BY_DIRECTIVE, 0, 0},
    {"9111, 4.2.1: a new Expires", "etag: \"a\"\nexpires: Sun, 06 Nov 1994 08:49:40 GMT\n",
     DATE "expires: Sun, 06 Nov 1994 08:49:46 GMT\n", 9, ORIGIN_DATED | ORIGIN_BY_EXPIRES, 0, 0},
    {"9111, 4.2.1: an old Expires is the same moment", "etag: \"a\"\nexpires: Sun, 06 Nov 1994 08:49:40 GMT\n", "", 3,
     ORIGIN_BY_EXPIRES, 0, 0},
    {"9111, 4.2.1: which may be over", "etag: \"a\"\nexpires: Sun, 06 Nov 1994 08:49:30 GMT\n", "", 0,
     ORIGIN_BY_EXPIRES, 0, 0},
    {"9111, 4.2.1: also with another Cache-Control", "etag: \"a\"\nexpires: Sun, 06 Nov 1994 08:49:40 GMT\n",
     "cache-control: public\n", 3, ORIGIN_BY_EXPIRES, 0, 0},
    {"9111, 5.3: but for a new max-age", "etag: \"a\"\nexpires: Sun, 06 Nov 1994 08:49:40 GMT\n",
     "cache-control: max-age=7\n", 7, ORIGIN_BY_DIRECTIVE, 0, 0},
    {"9111, 4.2.2: the group's ttl anew", "etag: \"a\"\n", "", TTL, 0, 0, 0},
    {"9111, 4.2.2: then a word", "etag: \"a\"\n", "cache-control: max-age=5\n", 5, ORIGIN_BY_DIRECTIVE, 0, 0},
    {"9111, 4.2.3: Age counts", "etag: \"a\"\n", "age: 2\ncache-control: max-age=5\n", 3, ORIGIN_BY_DIRECTIVE, 0, 0},
    {"9111, 5.2.2.5: not to be stored, so good for now", "etag: \"a\"\ncache-control: max-age=5\n",
     "cache-control: no-store, max-age=5, stale-if-error=9\n", 0, ORIGIN_BY_DIRECTIVE | ORIGIN_MUST_REVALIDATE, 0, 0},
    {"9111, 7.3: for one client, so good for now", "etag: \"a\"\ncache-control: max-age=5\n", "set-cookie: a=b\n", 0,
     ORIGIN_BY_DIRECTIVE | ORIGIN_MUST_REVALIDATE, 0, 0},
};

static void a_304_renews(void **state) {
    const struct origin_policy policy = make_policy();

    (void)state;
    for (unsigned i = 0; i < ROWS(renewals); i++) {
        const struct renewal *row = &renewals[i];
        struct origin_entry old;
        struct judge_outcome out;

        make_old(&policy, row->old, 10, &old);
        old.held_ms = NOW_MS + 1;
        revalidate(&old, 304, row->lines, &out);
        if (out.action != JUDGE_RENEW || out.entry.lifetime_ms - out.entry.initial_age_ms != S(row->fresh) ||
            out.entry.flags != row->flags || out.entry.while_revalidate_ms != S(row->refresh) ||
            out.entry.if_error_ms != S(row->error)) {
            fail_msg("row %u, %s: action %d, lifetime %lld, flags %x, %lld, %lld", i, row->section, out.action,
                     (long long)out.entry.lifetime_ms, (unsigned)out.entry.flags,
                     (long long)out.entry.while_revalidate_ms, (long long)out.entry.if_error_ms);
        }
        assert_true(out.shared && !out.failed);
        assert_int_equal(out.status, 200);
        assert_int_equal(out.entry.status, 200);
        assert_int_equal(out.entry.answered_ms, NOW_MS);
        assert_int_equal(out.entry.held_ms, 0);
        assert_int_equal(out.keep_ms, S(row->fresh + KEEP));
        assert_true(slice_equal(out.entry.body, SLICE("the body")));
    }
}

static void a_304_replaces_fields(void **state) {
    const struct slice declared[] = {SLICE("x-a"), SLICE("x-b")};
    struct origin_policy policy = make_policy();
    struct judge_load load = {.policy = &policy, .conditional = true, .may_store = true};
    struct origin_answer answer;
    struct origin_entry old;
    struct judge_outcome out;

    (void)state;
    policy.declared = declared;
    policy.declared_count = ROWS(declared);
    make_old(&policy,
             "etag: W/\"a\"\nlast-modified: " YESTERDAY "\ncontent-type: a/a\nx-a: 1\nx-b: 1\nx-a: 2\n"
             "content-encoding: br\n",
             100, &old);
    make_answer(&policy, 304, "X-A: 3\netag: W/\"a\"\ncontent-type: b/b\ncontent-encoding: gzip\n" DATE, &answer);
    load.old = &old;
    judge_answer(&load, &answer, &out);
    assert_int_equal(out.action, JUDGE_RENEW);
    assert_int_equal(out.entry.fields.count, 3);
    assert_true(slice_equal(out.entry.fields.all[0].name, SLICE("x-b")));
    assert_true(slice_equal(out.entry.fields.all[1].value, SLICE("br"))); /* the body is the old one */
    assert_true(slice_equal(out.entry.fields.all[2].value, SLICE("3")));
    assert_true(slice_equal(out.entry.content_type, SLICE("b/b")));
    assert_true(slice_equal(out.entry.last_modified, SLICE(YESTERDAY)));
    assert_int_equal(out.entry.date, NOW_S);
}

/* One that does not fit is asked for anew, whole, and then not stored. */
static void a_304_may_not_fit(void **state) {
    static char lines[8192];
    const struct origin_policy policy = make_policy();
    struct origin_entry old;
    struct judge_outcome out;
    char *at;

    (void)state;
    at = lines + snprintf(lines, sizeof(lines), "etag: \"a\"\n");
    for (unsigned i = 0; i < ORIGIN_FIELDS_MAX - 1; i++) {
        at = stpcpy(at, "vary: accept-encoding\n");
    }
    make_old(&policy, lines, 100, &old);
    revalidate(&old, 304, "retry-after: 1\n", &out);
    assert_int_equal(out.action, JUDGE_RENEW);
    revalidate(&old, 304, "retry-after: 1\nlocation: /\n", &out);
    assert_int_equal(out.action, JUDGE_RELOAD);
    stpcpy(at, "vary: accept-encoding\nretry-after: 1\n");
    revalidate(&old, 304, lines, &out);
    assert_int_equal(out.action, JUDGE_RELOAD);
}

/* --- anything else takes the place of what is stored, or is an error --- */

static const struct after {
    const char *section;
    const char *old;
    int64_t age;
    unsigned status;
    const char *lines;
    enum judge_action action;
    bool failed;
    unsigned shown; /* status */
    int64_t held;   /* seconds from now; 0: not */
} afters[] = {
    {"9111, 4.3.3: a whole one", "etag: \"a\"\n", 100, 200, "etag: \"b\"\n", JUDGE_STORE, false, 200, 0},
    {"9111, 4.3.3: it is gone", "etag: \"a\"\n", 100, 404, "", JUDGE_STORE, false, 404, 0},
    {"9111, 4.3.3: one that is not to be stored", "etag: \"a\"\n", 100, 200, "cache-control: private\n", JUDGE_MARK,
     false, 200, 0},
    {"9111, 4.3.3: forbidden", "etag: \"a\"\n", 100, 403, "", JUDGE_STORE, false, 403, 0},
    {"9111, 4.3.3: 500, kept for a later 304", "etag: \"a\"\n", 100, 500, "", JUDGE_KEEP, false, 500, ERROR_TTL},
    {"5861, 4: 500", "cache-control: max-age=1, stale-if-error=900\n", 100, 500, "", JUDGE_KEEP, false, 500, ERROR_TTL},
    {"5861, 4: 502", "cache-control: max-age=1, stale-if-error=900\n", 100, 502, "", JUDGE_KEEP, false, 502, ERROR_TTL},
    {"5861, 4: 503", "cache-control: max-age=1, stale-if-error=900\n", 100, 503, "", JUDGE_KEEP, false, 503, ERROR_TTL},
    {"5861, 4: 504", "cache-control: max-age=1, stale-if-error=900\n", 100, 504, "", JUDGE_KEEP, false, 504, ERROR_TTL},
    {"5861, 4: 501 is no such error", "cache-control: max-age=1, stale-if-error=900\n", 100, 501, "", JUDGE_STORE,
     false, 501, 0},
    {"5861, 4: too stale, and nothing to ask with", "cache-control: max-age=1, stale-if-error=50\n", 100, 500, "",
     JUDGE_STORE, false, 500, 0},
    {"5861, 3: while it may be refreshed", "cache-control: max-age=99, stale-while-revalidate=50\n", 100, 500, "",
     JUDGE_KEEP, false, 500, ERROR_TTL},
    {"a fresh one that was asked about", "cache-control: max-age=900\n", 100, 500, "", JUDGE_KEEP, false, 500,
     ERROR_TTL},
    {"9110, 15.3.7: nobody asked for a part", "etag: \"a\"\n", 100, 206, "", JUDGE_KEEP, true, 502, ERROR_TTL},
    {"9110, 15.2: not final", "etag: \"a\"\n", 100, 103, "", JUDGE_KEEP, true, 502, ERROR_TTL},
    {"9110, 15: no status", "etag: \"a\"\n", 100, 600, "", JUDGE_KEEP, true, 502, ERROR_TTL},
};

static void others_take_its_place_or_not(void **state) {
    const struct origin_policy policy = make_policy();

    (void)state;
    for (unsigned i = 0; i < ROWS(afters); i++) {
        const struct after *row = &afters[i];
        struct origin_entry old;
        struct judge_outcome out;

        make_old(&policy, row->old, row->age, &old);
        revalidate(&old, row->status, row->lines, &out);
        if (out.action != row->action || out.failed != row->failed || out.status != row->shown ||
            out.held_ms != (row->held == 0 ? 0 : NOW_MS + S(row->held))) {
            fail_msg("row %u, %s: action %d, failed %d, status %u, held %lld", i, row->section, out.action, out.failed,
                     out.status, (long long)out.held_ms);
        }
    }
}

/* --- no answer --- */

static void fail_with(const struct origin_entry *old, enum judge_fault fault, struct judge_outcome *out) {
    const struct origin_policy policy = make_policy();
    const struct judge_load load = {.policy = &policy, .old = old, .may_store = true};

    judge_failure(&load, fault, NOW_MS - 5, NOW_MS, out);
    assert_true(out->failed && out->shared);
}

static void failures_live_for_a_moment(void **state) {
    struct origin_entry marker = {.kind = ORIGIN_MARKER, .answered_ms = NOW_MS, .lifetime_ms = S(60)};
    struct origin_entry error = {.kind = ORIGIN_ERROR, .status = 502, .answered_ms = NOW_MS, .lifetime_ms = S(60)};
    const struct origin_entry *const olds[] = {NULL, &marker, &error};
    struct judge_outcome out;
    size_t size;

    (void)state;
    for (unsigned i = 0; i < ROWS(olds); i++) {
        fail_with(olds[i], JUDGE_TIMEOUT, &out);
        assert_int_equal(out.action, JUDGE_STORE);
        assert_int_equal(out.status, 504);
        assert_int_equal(out.entry.kind, ORIGIN_ERROR);
        assert_int_equal(out.entry.status, 504);
        assert_int_equal(out.entry.lifetime_ms, S(ERROR_TTL));
        assert_int_equal(out.keep_ms, S(ERROR_TTL));
        assert_int_equal(out.entry.asked_ms, NOW_MS - 5);
        assert_int_equal(origin_entry_head_size(&out.entry, &size), LARDER_OK);
    }
    fail_with(NULL, JUDGE_UNREACHABLE, &out);
    assert_int_equal(out.status, 502);
    fail_with(NULL, JUDGE_BROKEN, &out);
    assert_int_equal(out.status, 502);
}

static void failures_leave_what_is_stored(void **state) {
    const struct origin_policy policy = make_policy();
    struct origin_entry old;
    struct judge_outcome out;

    (void)state;
    make_old(&policy, "cache-control: max-age=1, stale-if-error=900\n", 100, &old);
    fail_with(&old, JUDGE_UNREACHABLE, &out);
    assert_int_equal(out.action, JUDGE_KEEP);
    assert_int_equal(out.held_ms, NOW_MS + S(ERROR_TTL));
    make_old(&policy, "etag: \"a\"\ncache-control: max-age=1, must-revalidate\n", 100, &old);
    fail_with(&old, JUDGE_TIMEOUT, &out);
    assert_int_equal(out.action, JUDGE_KEEP);
    assert_int_equal(out.held_ms, NOW_MS + S(ERROR_TTL));
    assert_int_equal(out.status, 504);
    make_old(&policy, "cache-control: max-age=1\n", 100, &old);
    fail_with(&old, JUDGE_TIMEOUT, &out);
    assert_int_equal(out.action, JUDGE_STORE);
}

/* A 304 to a request without validators is no answer: RFC 9110, 15.4.5. */
static void a_304_nobody_asked_for_is_a_failure(void **state) {
    const struct origin_policy policy = make_policy();
    const struct judge_load load = {.policy = &policy, .may_store = true};
    struct origin_answer answer;
    struct judge_outcome out;

    (void)state;
    make_answer(&policy, 304, "etag: \"a\"\n", &answer);
    judge_answer(&load, &answer, &out);
    assert_int_equal(out.action, JUDGE_STORE);
    assert_true(out.failed && out.shared);
    assert_int_equal(out.status, 502);
    assert_int_equal(out.entry.status, 502);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_what_a_304_is_about),     cmocka_unit_test(a_304_renews),
        cmocka_unit_test(a_304_replaces_fields),         cmocka_unit_test(a_304_may_not_fit),
        cmocka_unit_test(others_take_its_place_or_not),  cmocka_unit_test(failures_live_for_a_moment),
        cmocka_unit_test(failures_leave_what_is_stored), cmocka_unit_test(a_304_nobody_asked_for_is_a_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
