/* SPDX-License-Identifier: Apache-2.0 */
#include "helper.h"

/* Answers without anything stored: what is stored of them, for how long, and who gets the others. */

#define DATE "date: Sun, 06 Nov 1994 08:49:37 GMT\n"

enum { TTL = 60, ABSENT_TTL = 10, ERROR_TTL = 2, MARKER_TTL = 30, KEEP = 3600 };

static struct origin_policy make_policy(void) {
    struct origin_policy policy = origin_policy_default();

    policy.ttl_ms = S(TTL);
    policy.absent_ttl_ms = S(ABSENT_TTL);
    policy.error_ttl_ms = S(ERROR_TTL);
    policy.marker_ttl_ms = S(MARKER_TTL);
    policy.keep_ms = S(KEEP);
    policy.max_body = 1000;
    return policy;
}

static void judge(const struct origin_policy *policy, unsigned status, const char *lines, struct judge_outcome *out) {
    const struct judge_load load = {.policy = policy, .may_store = true};
    struct origin_answer answer;
    size_t size;

    make_answer(policy, status, lines, &answer);
    judge_answer(&load, &answer, out);
    if (out->action == JUDGE_STORE || out->action == JUDGE_MARK) {
        assert_int_equal(origin_entry_head_size(&out->entry, &size), LARDER_OK);
        assert_true(out->keep_ms > 0);
    }
}

/* --- what is stored: the life that is left, in seconds, and for how long the table needs it --- */

static const struct kept {
    const char *section;
    unsigned status;
    const char *lines;
    int64_t fresh;
    int64_t keep;
} kept[] = {
    {"9111, 4.2.2: no word, so the group's ttl", 200, "", TTL, TTL},
    {"9111, 4.2.2: 203", 203, "", TTL, TTL},
    {"9111, 4.2.2: 204", 204, "", TTL, TTL},
    {"9111, 4.2.2: 301", 301, "location: /x\n", TTL, TTL},
    {"9111, 4.2.2: 308", 308, "location: /x\n", TTL, TTL},
    {"9111, 4.2.2: 404 for its own time", 404, "", ABSENT_TTL, ABSENT_TTL},
    {"9111, 4.2.2: 410", 410, "", ABSENT_TTL, ABSENT_TTL},
    {"the group's: errors for theirs", 500, "", ERROR_TTL, ERROR_TTL},
    {"the group's: 503", 503, "retry-after: 5\n", ERROR_TTL, ERROR_TTL},
    {"the group's: 403", 403, "", ERROR_TTL, ERROR_TTL},
    {"9111, 4.2.1: max-age", 200, "cache-control: max-age=5\n", 5, 5},
    {"9111, 4.2.1: s-maxage", 200, "cache-control: max-age=5, s-maxage=7\n", 7, 7},
    {"9111, 4.2.1: Expires", 200, DATE "expires: Sun, 06 Nov 1994 08:49:46 GMT\n", 9, 9},
    {"9111, 3: a word for a status that is not kept by itself", 302, "cache-control: max-age=5\n", 5, 5},
    {"9111, 3: Expires for it", 307, "expires: Sun, 06 Nov 1994 08:49:46 GMT\n", 9, 9},
    {"9111, 5.2.2.9: public for it", 302, "cache-control: public\n", TTL, TTL},
    {"9111, 4.2.1: its own word of a 404", 404, "cache-control: max-age=100\n", 100, 100},
    {"9111, 4.2.1: and of an error", 500, "cache-control: max-age=100\n", 100, 100},
    {"9111, 4.2.3: Age counts", 200, "age: 2\ncache-control: max-age=5\n", 3, 3},
    {"9111, 4.2.3: but not against the group's ttl", 200, "age: 200\n", TTL, TTL},
    {"9111, 4.3: kept on for a 304", 200, "etag: \"a\"\ncache-control: max-age=5\n", 5, 5 + KEEP},
    {"9111, 4.3: also by its date", 200, "last-modified: Sat, 05 Nov 1994 08:49:37 GMT\n", TTL, TTL + KEEP},
    {"9111, 4.2: stale at once, kept for a 304", 200, "etag: \"a\"\ncache-control: max-age=0\n", 0, KEEP},
    {"9111, 5.3: Expires in the past", 200, "etag: \"a\"\nexpires: 0\n", 0, KEEP},
    {"9111, 4.2: stale when it came", 200, "etag: \"a\"\nage: 9\ncache-control: max-age=5\n", -4, KEEP},
    {"9111, 5.2.2.4: no-cache, kept for a 304", 200, "etag: \"a\"\ncache-control: no-cache\n", TTL, TTL + KEEP},
    {"5861, 3", 200, "cache-control: max-age=5, stale-while-revalidate=10\n", 5, 15},
    {"5861, 4", 200, "cache-control: max-age=5, stale-while-revalidate=10, stale-if-error=20\n", 5, 25},
    {"5861, 3: stale at once", 200, "cache-control: max-age=0, stale-while-revalidate=10\n", 0, 10},
    {"9111, 4.1: our requests never name a coding", 200, "vary: Accept-Encoding\n", TTL, TTL},
    {"9110, 8.4: a coding that does not vary", 200, "content-encoding: br\n", TTL, TTL},
    {"9111, 5.2.2.3: what we understand", 200, "cache-control: must-understand, no-store, max-age=5\n", 5, 5},
    {"9111, 5.4: no response directive", 200, "pragma: no-cache\n", TTL, TTL},
};

static void keeps(void **state) {
    const struct origin_policy policy = make_policy();
    struct judge_outcome out;

    (void)state;
    for (unsigned i = 0; i < ROWS(kept); i++) {
        const struct kept *row = &kept[i];

        judge(&policy, row->status, row->lines, &out);
        if (out.action != JUDGE_STORE || !out.shared || out.failed || out.entry.status != row->status ||
            out.entry.lifetime_ms - out.entry.initial_age_ms != S(row->fresh) || out.keep_ms != S(row->keep)) {
            fail_msg("row %u, %s: action %d, lifetime %lld, age %lld, keep %lld", i, row->section, out.action,
                     (long long)out.entry.lifetime_ms, (long long)out.entry.initial_age_ms, (long long)out.keep_ms);
        }
        assert_int_equal(out.entry.kind, row->status < 400                          ? ORIGIN_ANSWER
                                         : row->status == 404 || row->status == 410 ? ORIGIN_ABSENT
                                                                                    : ORIGIN_ERROR);
    }
}

/* --- what is not --- */

static const struct refused {
    const char *section;
    unsigned status;
    const char *lines;
    enum judge_action action;
    enum judge_obstacle obstacle;
    bool shared;
} refused[] = {
    {"9111, 5.2.2.5", 200, "cache-control: no-store, max-age=5\n", JUDGE_MARK, JUDGE_OBSTACLE_NO_STORE, false},
    {"9111, 5.2.2.7", 200, "cache-control: private, max-age=5\n", JUDGE_MARK, JUDGE_OBSTACLE_PRIVATE, false},
    {"9111, 5.2.2.7: with fields", 200, "cache-control: private=\"x\", max-age=5\n", JUDGE_MARK, JUDGE_OBSTACLE_PRIVATE,
     false},
    {"9111, 7.3", 200, "set-cookie: a=b\ncache-control: public, max-age=5\n", JUDGE_MARK, JUDGE_OBSTACLE_SET_COOKIE,
     false},
    {"9111, 4.1", 200, "vary: accept\n", JUDGE_MARK, JUDGE_OBSTACLE_VARY, false},
    {"9111, 4.1: *", 200, "vary: *\n", JUDGE_MARK, JUDGE_OBSTACLE_VARY, false},
    {"9111, 4.1: a coding nobody named", 200, "vary: accept-encoding\ncontent-encoding: gzip\n", JUDGE_MARK,
     JUDGE_OBSTACLE_VARY, false},
    {"9111, 4.2.2: 302 without a word", 302, "location: /x\n", JUDGE_MARK, JUDGE_OBSTACLE_STATUS, false},
    {"9111, 4.2.2: 201", 201, "", JUDGE_MARK, JUDGE_OBSTACLE_STATUS, false},
    {"9111, 5.2.2.3: what we do not understand", 299, "cache-control: must-understand, max-age=5\n", JUDGE_MARK,
     JUDGE_OBSTACLE_STATUS, false},
    {"max_body", 200, "content-length: 1001\n", JUDGE_MARK, JUDGE_OBSTACLE_BODY_SIZE, false},
    {"stale at once, nothing to ask with", 200, "cache-control: max-age=0\n", JUDGE_MARK, JUDGE_OBSTACLE_STALE, false},
    {"9111, 5.3: Expires in the past", 200, "expires: 0\n", JUDGE_MARK, JUDGE_OBSTACLE_STALE, false},
    {"9111, 5.2.2.4: nothing to ask with", 200, "cache-control: no-cache, max-age=5\n", JUDGE_MARK,
     JUDGE_OBSTACLE_STALE, false},
    {"9111, 5.2.2.2: must-revalidate before 5861", 200,
     "cache-control: max-age=0, must-revalidate, stale-while-revalidate=9, stale-if-error=9\n", JUDGE_MARK,
     JUDGE_OBSTACLE_STALE, false},
    {"9111, 5.2.2.10: s-maxage as well", 200, "cache-control: s-maxage=0, stale-while-revalidate=9\n", JUDGE_MARK,
     JUDGE_OBSTACLE_STALE, false},
    {"9111, 5.2.2.5: of a 404", 404, "cache-control: no-store\n", JUDGE_MARK, JUDGE_OBSTACLE_NO_STORE, false},
    {"an error reaches all who wait", 500, "cache-control: no-store\n", JUDGE_PASS_ON, JUDGE_OBSTACLE_NO_STORE, true},
    {"an error that is stale at once", 503, "cache-control: max-age=0\n", JUDGE_PASS_ON, JUDGE_OBSTACLE_ERROR, true},
    {"an error for one alone does not", 500, "cache-control: private\n", JUDGE_MARK, JUDGE_OBSTACLE_PRIVATE, false},
    {"what is stored gives way to a 403", 403, "cache-control: no-store\n", JUDGE_DROP, JUDGE_OBSTACLE_NO_STORE, true},
    {"6585, 4: 429", 429, "cache-control: max-age=5\n", JUDGE_PASS_ON, JUDGE_OBSTACLE_STATUS, true},
    {"6585, 3: 428", 428, "", JUDGE_PASS_ON, JUDGE_OBSTACLE_STATUS, true},
    {"6585, 5: 431", 431, "", JUDGE_PASS_ON, JUDGE_OBSTACLE_STATUS, true},
    {"6585, 6: 511", 511, "", JUDGE_PASS_ON, JUDGE_OBSTACLE_STATUS, true},
};

static void refuses(void **state) {
    const struct origin_policy policy = make_policy();
    struct judge_outcome out;

    (void)state;
    for (unsigned i = 0; i < ROWS(refused); i++) {
        const struct refused *row = &refused[i];

        judge(&policy, row->status, row->lines, &out);
        if (out.action != row->action || out.obstacle != row->obstacle || out.shared != row->shared || out.failed ||
            out.status != row->status) {
            fail_msg("row %u, %s: action %d, %s, shared %d", i, row->section, out.action,
                     judge_obstacle_label(out.obstacle), out.shared);
        }
        if (out.action == JUDGE_MARK) {
            assert_int_equal(out.entry.kind, ORIGIN_MARKER);
            assert_int_equal(out.entry.lifetime_ms, S(MARKER_TTL));
            assert_int_equal(out.keep_ms, S(MARKER_TTL));
        }
    }
}

static void a_request_may_forbid_storing(void **state) {
    static const unsigned statuses[] = {200, 302, 404, 403, 500};
    const struct origin_policy policy = make_policy();
    const struct judge_load load = {.policy = &policy};
    struct origin_answer answer;
    struct judge_outcome out;

    (void)state;
    for (unsigned i = 0; i < ROWS(statuses); i++) {
        make_answer(&policy, statuses[i], "etag: \"a\"\n", &answer);
        judge_answer(&load, &answer, &out);
        assert_int_equal(out.action, JUDGE_PASS_ON);
        assert_false(out.shared);
    }
    judge_failure(&load, JUDGE_TIMEOUT, NOW_MS, NOW_MS, &out);
    assert_int_equal(out.action, JUDGE_PASS_ON);
    assert_int_equal(out.status, 504);
}

/* --- the policy --- */

static void the_policy_decides(void **state) {
    struct origin_policy policy = make_policy();
    struct judge_outcome out;

    (void)state;
    policy.while_revalidate_ms = S(7);
    policy.if_error_ms = S(8);
    judge(&policy, 200, "", &out);
    assert_int_equal(out.entry.while_revalidate_ms, S(7));
    assert_int_equal(out.entry.if_error_ms, S(8));
    judge(&policy, 200, "cache-control: stale-while-revalidate=0, stale-if-error=1\n", &out);
    assert_int_equal(out.entry.while_revalidate_ms, 0);
    assert_int_equal(out.entry.if_error_ms, S(1));
    judge(&policy, 404, "", &out);
    assert_int_equal(out.entry.while_revalidate_ms + out.entry.if_error_ms, 0);
    judge(&policy, 200, "cache-control: s-maxage=5\n", &out);
    assert_int_equal(out.entry.while_revalidate_ms + out.entry.if_error_ms, 0);
    policy.max_ttl_ms = S(100);
    policy.max_stale_ms = S(50);
    judge(&policy, 200, "cache-control: max-age=200, stale-while-revalidate=300, stale-if-error=300\n", &out);
    assert_int_equal(out.entry.lifetime_ms, S(100));
    assert_int_equal(out.entry.while_revalidate_ms, S(50));
    assert_int_equal(out.entry.if_error_ms, S(50));
    policy.error_ttl_ms = 0;
    judge(&policy, 500, "", &out);
    assert_int_equal(out.action, JUDGE_PASS_ON);
    assert_true(out.shared);
    judge(&policy, 403, "", &out);
    assert_int_equal(out.action, JUDGE_DROP);
    assert_true(out.shared);
    policy.marker_ttl_ms = 0;
    judge(&policy, 200, "cache-control: no-store\n", &out);
    assert_int_equal(out.action, JUDGE_DROP);
    assert_false(out.shared);
}

static void an_answer_may_outgrow_its_place(void **state) {
    const struct origin_policy policy = make_policy();
    const struct judge_load load = {.policy = &policy, .may_store = true};
    struct origin_answer answer;
    struct judge_outcome out;

    (void)state;
    make_answer(&policy, 200, "", &answer);
    judge_outgrown(&load, &answer, &out);
    assert_int_equal(out.action, JUDGE_MARK);
    assert_int_equal(out.obstacle, JUDGE_OBSTACLE_BODY_SIZE);
    answer.content_length = 1000;
    judge_answer(&load, &answer, &out);
    assert_int_equal(out.action, JUDGE_STORE);
}

/* --- ages --- */

static void ages_are_calculated(void **state) {
    static const struct {
        const char *section;
        const char *lines;
        int64_t delay_ms;
        int64_t age_ms;
    } rows[] = {
        {"9111, 4.2.3: nothing but the time it took", "", 250, 250},
        {"9111, 4.2.3: corrected_age_value", "age: 3\n", 250, 3250},
        {"9111, 4.2.3: apparent_age, from the end of that second", "date: Sun, 06 Nov 1994 08:48:37 GMT\n", 250, 59000},
        {"9111, 4.2.3: a clock in step", "date: Sun, 06 Nov 1994 08:49:37 GMT\n", 0, 0},
        {"9111, 4.2.3: a clock ahead of ours", "date: Sun, 06 Nov 1994 09:49:37 GMT\n", 0, 0},
        {"9111, 4.2.3: the greater of the two", "age: 100\ndate: Sun, 06 Nov 1994 08:48:37 GMT\n", 0, 100000},
        {"9111, 4.2.3: the greater of the two", "age: 3\ndate: Sun, 06 Nov 1994 08:48:37 GMT\n", 0, 59000},
        {"9111, 1.2.2: over-large", "age: 99999999999\n", 1000, ORIGIN_SPAN_MAX},
        {"a very old one", "date: Sat, 01 Jan 0000 00:00:00 GMT\n", 0, ORIGIN_SPAN_MAX},
        {"our clock was set back meanwhile", "age: 3\n", -5000, 3000},
    };
    const struct origin_policy policy = make_policy();
    const struct judge_load load = {.policy = &policy, .may_store = true};

    (void)state;
    for (unsigned i = 0; i < ROWS(rows); i++) {
        struct origin_answer answer;
        struct judge_outcome out;

        make_answer(&policy, 200, rows[i].lines, &answer);
        answer.asked_ms = NOW_MS - rows[i].delay_ms;
        answer.caching.words |= HTTP_CACHING_BIT(IMMUTABLE);
        answer.caching.etag = SLICE("\"a\"");
        judge_answer(&load, &answer, &out);
        assert_int_equal(out.action, JUDGE_STORE);
        if (out.entry.initial_age_ms != rows[i].age_ms) {
            fail_msg("%s, %s: %lld", rows[i].section, rows[i].lines, (long long)out.entry.initial_age_ms);
        }
        assert_int_equal(out.entry.answered_ms, NOW_MS);
        assert_int_equal(out.entry.asked_ms, NOW_MS - rows[i].delay_ms);
        assert_int_equal(out.entry.flags & ORIGIN_IMMUTABLE, ORIGIN_IMMUTABLE);
    }
}

/* --- fields --- */

static void assert_fields(const struct origin_fields *f, const char *text) {
    char found[400] = "";
    size_t at = 0;

    for (unsigned i = 0; i < f->count; i++) {
        at += (size_t)snprintf(found + at, sizeof(found) - at, "%.*s=%.*s;", (int)f->all[i].name.size,
                               f->all[i].name.data, (int)f->all[i].value.size, f->all[i].value.data);
    }
    assert_string_equal(found, text);
}

static void keeps_what_belongs_to_it(void **state) {
    const struct slice declared[] = {SLICE("X-Width"), SLICE("connection"), SLICE("set-cookie"), SLICE("x-hop")};
    struct origin_policy policy = make_policy();
    struct judge_outcome out;

    (void)state;
    policy.declared = declared;
    policy.declared_count = ROWS(declared);
    judge(&policy, 200,
          "Server: x\nContent-Type: image/webp\nCache-Control: public\nx-width: 850\nage: 1\nx-hop: 1\n" DATE
          "connection: close, X-Hop\nx-hop: 2\nkeep-alive: x\ntransfer-encoding: chunked\nContent-Encoding: br\n"
          "x-width: 200\netag: \"e\"\nlast-modified: Sat, 05 Nov 1994 08:49:37 GMT\ncontent-type: text/plain\n",
          &out);
    assert_int_equal(out.action, JUDGE_STORE);
    assert_fields(&out.entry.fields, "Cache-Control=public;x-width=850;Content-Encoding=br;x-width=200;");
    assert_true(slice_equal(out.entry.content_type, SLICE("image/webp")));
    assert_true(slice_equal(out.entry.etag, SLICE("\"e\"")));
    assert_true(slice_equal(out.entry.last_modified, SLICE("Sat, 05 Nov 1994 08:49:37 GMT")));
    assert_int_equal(out.entry.date, NOW_S);
    assert_int_equal(out.entry.flags, ORIGIN_DATED);
    assert_int_equal(origin_rule_of(SLICE("Set-Cookie")), ORIGIN_RULE_PERSONAL);
    assert_int_equal(origin_rule_of(SLICE("server")), ORIGIN_RULE_DECLARED);
}

/* Something that has to be kept and does not fit: then the answer is not. */
static void does_not_keep_half_a_head(void **state) {
    static char lines[3][ORIGIN_FIELDS_SIZE_MAX];
    const struct origin_policy policy = make_policy();
    struct judge_outcome out;
    size_t at = 0;

    (void)state;
    snprintf(lines[0], sizeof(lines[0]), "content-type: %0*d\n", ORIGIN_ENTRY_TEXT_MAX + 1, 0);
    snprintf(lines[1], sizeof(lines[1]), "location: %0*d\n", ORIGIN_FIELD_VALUE_MAX + 1, 0);
    for (unsigned i = 0; i <= ORIGIN_FIELDS_MAX; i++) {
        at += (size_t)snprintf(lines[2] + at, sizeof(lines[2]) - at, "vary: accept-encoding\n");
    }
    for (unsigned i = 0; i < ROWS(lines); i++) {
        judge(&policy, 200, lines[i], &out);
        assert_int_equal(out.action, JUDGE_MARK);
        assert_int_equal(out.obstacle, JUDGE_OBSTACLE_HEAD_SIZE);
    }
    judge(&policy, 200, "x-large: whatever\nconnection: a\nconnection: b\nconnection: c\nconnection: d\n", &out);
    assert_int_equal(out.action, JUDGE_STORE);
    judge(&policy, 200, "connection: a\nconnection: b\nconnection: c\nconnection: d\nconnection: e\n", &out);
    assert_int_equal(out.obstacle, JUDGE_OBSTACLE_HEAD_SIZE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps),
        cmocka_unit_test(refuses),
        cmocka_unit_test(a_request_may_forbid_storing),
        cmocka_unit_test(the_policy_decides),
        cmocka_unit_test(an_answer_may_outgrow_its_place),
        cmocka_unit_test(ages_are_calculated),
        cmocka_unit_test(keeps_what_belongs_to_it),
        cmocka_unit_test(does_not_keep_half_a_head),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
