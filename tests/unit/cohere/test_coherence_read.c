/* SPDX-License-Identifier: Apache-2.0 */
#include "script.h"

/* Reads of the coherence machine: rounds, flights, the age of what is known. */

static int setup(void **state) {
    static struct script s;

    script_init(&s);
    *state = &s;
    return 0;
}

static int teardown(void **state) {
    script_fini(*state);
    return 0;
}

/* --- the beginning --- */

static void until_it_has_begun_all_is_passed_on(void **state) {
    struct script *s = *state;
    struct asker a;

    script_make(s);
    ask_linearizable(s, &a, "a");
    assert_false(ask_memory(s, &(struct asker){0}, "a", 5000 * MS));
    script_answer_key(s, script_find(s, STORE_OP_RANGE, "a"), 10, "v", 7);
    answered_with(&a, "v", 10);
    assert_int_equal(script_figures(s).fallbacks[COHERENCE_FALLBACK_STARTING], 1);
    assert_true(coherence_proven_ns(s->machine) == INT64_MIN);
}

static void it_begins_with_a_round_and_watches_behind_it(void **state) {
    struct script *s = *state;

    script_make(s);
    assert_int_equal(s->watched_from, 0);
    script_answer_round(s, 10);
    assert_int_equal(s->watched_from, 11);
    assert_int_equal(coherence_applied(s->machine), 10);
    assert_int_equal(s->told, 10);
    assert_true(coherence_proven_ns(s->machine) == s->now_ns);
}

static void what_was_shown_while_it_began_is_not_forgotten(void **state) {
    struct script *s = *state;
    struct asker a;
    struct asker b;

    script_make(s);
    ask_linearizable(s, &a, "a");
    script_answer_key(s, script_find(s, STORE_OP_RANGE, "a"), 12, "new", 12);
    answered_with(&a, "new", 12);
    script_answer_round(s, 10);
    ask_get(&b, "a");
    b.call.op.range.max_age_ns = 1000 * MS;
    ask(s, &b);
    script_answer_key(s, script_find(s, STORE_OP_RANGE, "a"), 12, "new", 12);
    answered_with(&b, "new", 12);
    assert_true(coherence_proven_ns(s->machine) == INT64_MIN);
    script_put(s, "a", "new", 12);
    assert_true(coherence_proven_ns(s->machine) != INT64_MIN);
    assert_true(ask_memory(s, &b, "a", 5000 * MS));
    answered_with(&b, "new", 12);
}

static void a_beginning_that_fails_is_tried_again_later(void **state) {
    struct script *s = *state;

    script_make(s);
    script_answer(s, script_round(s), STORE_UNAVAILABLE, 0);
    assert_null(script_round(s));
    script_pass(s, 200 * MS);
    script_answer_round(s, 10);
    assert_int_equal(coherence_applied(s->machine), 10);
}

/* --- rounds --- */

static void a_linearizable_read_of_a_known_key_costs_a_round(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    script_know(s, "a", "v", 5, 10);
    ask_linearizable(s, &a, "a");
    assert_int_equal(s->asked_count, 1);
    assert_false(a.done);
    script_answer_round(s, 10);
    assert_true(a.call.from_memory);
    answered_with(&a, "v", 10);
}

static void a_round_serves_only_those_who_came_before_it(void **state) {
    struct script *s = *state;
    struct asker a;
    struct asker b;

    script_begin(s, 10);
    script_know(s, "a", "old", 5, 10);
    ask_linearizable(s, &a, "a");
    ask_linearizable(s, &b, "a");
    assert_int_equal(s->asked_count, 1);
    script_answer_round(s, 10);
    assert_true(a.done);
    assert_false(b.done);
    script_answer_round(s, 11);
    assert_false(b.done);
    script_put(s, "a", "new", 11);
    answered_with(&a, "old", 10);
    answered_with(&b, "new", 11);
}

static void many_reads_share_a_round(void **state) {
    struct script *s = *state;
    static struct asker readers[SCRIPT_READS];

    script_begin(s, 10);
    script_know(s, "a", "v", 5, 10);
    for (size_t i = 0; i < SCRIPT_READS; i++) {
        ask_get(&readers[i], "a");
        coherence_submit(s->machine, &readers[i].call);
    }
    script_run(s);
    assert_int_equal(s->asked_count, 1);
    script_answer_round(s, 10);
    for (size_t i = 0; i < SCRIPT_READS; i++) {
        answered_with(&readers[i], "v", 10);
    }
    assert_int_equal(script_figures(s).round_reads, SCRIPT_READS);
}

static void a_read_waits_until_the_rounds_revision_is_applied(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    script_know(s, "a", "v", 5, 10);
    ask_linearizable(s, &a, "a");
    script_answer_round(s, 13);
    script_put(s, "b", "other", 12);
    assert_false(a.done);
    script_put(s, "a", "w", 13);
    answered_with(&a, "w", 13);
}

static void a_read_that_waits_too_long_asks_the_cluster(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    script_know(s, "a", "v", 5, 10);
    ask_linearizable(s, &a, "a");
    script_answer_round(s, 13);
    script_pass(s, 999 * MS);
    assert_null(script_find(s, STORE_OP_RANGE, "a"));
    script_pass(s, 1 * MS);
    script_answer_key(s, script_find(s, STORE_OP_RANGE, "a"), 13, "w", 13);
    answered_with(&a, "w", 13);
    assert_int_equal(script_figures(s).fallbacks[COHERENCE_FALLBACK_BEHIND], 1);
}

static void a_read_keeps_its_own_deadline(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    script_know(s, "a", "v", 5, 10);
    ask_get(&a, "a");
    a.call.deadline_ns = s->now_ns + 50 * MS;
    ask(s, &a);
    script_pass(s, 50 * MS);
    ended_with(&a, STORE_TIMEOUT);
    script_answer_round(s, 10);
}

static void reads_of_a_round_that_fails_ask_the_cluster(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    script_know(s, "a", "v", 5, 10);
    ask_linearizable(s, &a, "a");
    script_answer(s, script_round(s), STORE_UNAVAILABLE, 0);
    script_answer_key(s, script_find(s, STORE_OP_RANGE, "a"), 10, "v", 5);
    answered_with(&a, "v", 10);
    assert_int_equal(script_figures(s).fallbacks[COHERENCE_FALLBACK_ROUND], 1);
    assert_int_equal(script_figures(s).rounds_failed, 1);
}

/* --- age --- */

static void a_cached_read_is_answered_within_its_age(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    script_know(s, "a", "v", 5, 10);
    script_pass(s, 100 * MS);
    assert_true(ask_memory(s, &a, "a", 100 * MS));
    assert_int_equal(a.call.age_ns, 100 * MS);
    answered_with(&a, "v", 10);
    assert_false(ask_memory(s, &a, "a", 99 * MS));
    assert_false(ask_memory(s, &a, "unknown", 100 * MS));
    assert_false(ask_memory(s, &a, "a", 0));
}

static void a_cached_read_that_is_too_old_joins_a_round(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    script_know(s, "a", "v", 5, 10);
    script_pass(s, 100 * MS);
    ask_get(&a, "a");
    a.call.op.range.max_age_ns = 50 * MS;
    ask(s, &a);
    script_answer_round(s, 10);
    assert_int_equal(a.call.age_ns, 0);
    answered_with(&a, "v", 10);
}

static void a_serializable_read_that_is_too_old_goes_to_the_cluster_as_it_is(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    script_know(s, "a", "v", 5, 10);
    s->now_ns += 6000 * MS;
    ask_get(&a, "a");
    a.call.op.range.serializable = true;
    assert_false(coherence_try(s->machine, &a.call));
    coherence_submit(s->machine, &a.call);
    assert_true(script_find(s, STORE_OP_RANGE, "a")->op.range.serializable);
    script_answer_key(s, script_find(s, STORE_OP_RANGE, "a"), 10, "v", 5);
    answered_with(&a, "v", 10);
    assert_int_equal(script_figures(s).fallbacks[COHERENCE_FALLBACK_STALE], 1);
}

static void a_silent_watch_proves_nothing(void **state) {
    struct script *s = *state;
    int64_t begun_ns;

    script_begin(s, 10);
    begun_ns = s->now_ns;
    script_pass(s, 100 * MS);
    assert_true(coherence_proven_ns(s->machine) == begun_ns);
    script_put(s, "a", "v", 11);
    assert_true(coherence_proven_ns(s->machine) == begun_ns);
}

static void rounds_go_on_while_there_is_interest(void **state) {
    struct script *s = *state;
    int64_t asked_ns;

    script_begin(s, 10);
    coherence_proven_ns(s->machine);
    script_pass(s, 1250 * MS);
    assert_non_null(script_round(s));
    asked_ns = s->now_ns;
    script_pass(s, 3 * MS);
    script_answer_round(s, 10);
    assert_true(script_figures(s).proven_ns == asked_ns);
    script_pass(s, 20000 * MS);
    assert_null(script_round(s));
}

static void a_round_proves_nothing_before_its_revision_is_applied(void **state) {
    struct script *s = *state;
    struct asker a;
    int64_t before;

    script_begin(s, 10);
    script_know(s, "a", "v", 5, 10);
    before = coherence_proven_ns(s->machine);
    script_pass(s, 10 * MS);
    ask_linearizable(s, &a, "a");
    script_answer_round(s, 11);
    assert_true(coherence_proven_ns(s->machine) == before);
    script_put(s, "b", "v", 11);
    assert_true(coherence_proven_ns(s->machine) == before + 10 * MS);
    answered_with(&a, "v", 11);
}

/* --- flights --- */

static void readers_of_an_unknown_key_share_one_question(void **state) {
    struct script *s = *state;
    struct asker a;
    struct asker b;

    script_begin(s, 10);
    ask_get(&a, "a");
    ask_get(&b, "a");
    coherence_submit(s->machine, &a.call);
    coherence_submit(s->machine, &b.call);
    script_run(s);
    assert_int_equal(s->asked_count, 1);
    script_answer_key(s, script_asked(s), 10, "v", 5);
    answered_with(&a, "v", 10);
    answered_with(&b, "v", 10);
    assert_true(ask_memory(s, &a, "a", 1000 * MS));
    answered_with(&a, "v", 10);
}

static void absent_keys_are_known_too(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    script_know(s, "a", "", 0, 10);
    assert_true(ask_memory(s, &a, "a", 1000 * MS));
    answered_with(&a, "", 10);
    script_put(s, "a", "v", 11);
    assert_true(ask_memory(s, &a, "a", 1000 * MS));
    answered_with(&a, "v", 11);
}

static void a_linearizable_read_is_not_served_by_a_question_asked_before_it_came(void **state) {
    struct script *s = *state;
    struct asker a;
    struct asker b;

    script_begin(s, 10);
    ask_linearizable(s, &a, "a");
    ask_linearizable(s, &b, "a");
    assert_int_equal(s->asked_count, 2);
    script_answer_key(s, script_find(s, STORE_OP_RANGE, "a"), 10, "v", 5);
    answered_with(&a, "v", 10);
    assert_false(b.done);
    script_answer_round(s, 11);
    script_put(s, "a", "w", 11);
    answered_with(&b, "w", 11);
}

static void a_cached_read_takes_any_flight(void **state) {
    struct script *s = *state;
    struct asker a;
    struct asker b;

    script_begin(s, 10);
    ask_linearizable(s, &a, "a");
    ask_get(&b, "a");
    b.call.op.range.max_age_ns = 1000 * MS;
    ask(s, &b);
    assert_int_equal(s->asked_count, 1);
    script_answer_key(s, script_asked(s), 10, "v", 5);
    answered_with(&a, "v", 10);
    answered_with(&b, "v", 10);
}

static void an_answer_older_than_what_was_seen_is_thrown_away(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    script_put(s, "b", "v", 20);
    ask_linearizable(s, &a, "a");
    script_answer_key(s, script_asked(s), 15, "old", 5);
    assert_false(a.done);
    script_answer_key(s, script_asked(s), 20, "new", 18);
    answered_with(&a, "new", 20);
    assert_int_equal(script_figures(s).flights_repeated, 1);
}

static void an_event_during_the_flight_wins(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    ask_linearizable(s, &a, "a");
    script_put(s, "a", "new", 11);
    script_answer_key(s, script_asked(s), 10, "old", 5);
    answered_with(&a, "new", 11);
    assert_true(ask_memory(s, &a, "a", 1000 * MS));
    answered_with(&a, "new", 11);
}

static void a_delete_during_the_flight_wins(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    ask_linearizable(s, &a, "a");
    script_delete(s, "a", 11);
    script_answer_key(s, script_asked(s), 10, "old", 5);
    answered_with(&a, "", 11);
    assert_true(ask_memory(s, &a, "a", 1000 * MS));
    answered_with(&a, "", 11);
}

static void the_flights_error_reaches_everyone(void **state) {
    struct script *s = *state;
    struct asker a;
    struct asker b;

    script_begin(s, 10);
    ask_get(&a, "a");
    ask_get(&b, "a");
    coherence_submit(s->machine, &a.call);
    coherence_submit(s->machine, &b.call);
    script_run(s);
    script_answer(s, script_asked(s), STORE_UNAVAILABLE, 0);
    ended_with(&a, STORE_UNAVAILABLE);
    ended_with(&b, STORE_UNAVAILABLE);
}

static void who_gives_up_does_not_end_the_flight(void **state) {
    struct script *s = *state;
    struct asker a;
    struct asker b;

    script_begin(s, 10);
    ask_get(&a, "a");
    a.call.deadline_ns = s->now_ns + 10 * MS;
    ask_get(&b, "a");
    coherence_submit(s->machine, &a.call);
    coherence_submit(s->machine, &b.call);
    script_run(s);
    script_pass(s, 10 * MS);
    ended_with(&a, STORE_TIMEOUT);
    script_answer_key(s, script_asked(s), 10, "v", 5);
    answered_with(&b, "v", 10);
}

static void an_answer_ahead_of_the_watch_is_not_served_from_memory(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    script_know(s, "a", "v", 12, 13);
    assert_int_equal(s->early_revision, 12);
    assert_false(ask_memory(s, &a, "a", 1000 * MS));
    ask_get(&a, "a");
    a.call.op.range.max_age_ns = 1000 * MS;
    ask(s, &a);
    assert_false(a.done);
    script_put(s, "b", "v", 11);
    assert_false(a.done);
    script_put(s, "a", "v", 12);
    answered_with(&a, "v", 12);
}

/* --- what is not answered from memory --- */

static void what_is_not_kept_is_passed_on_with_its_reason(void **state) {
    struct script *s = *state;
    struct asker a[4];

    script_begin(s, 10);
    ask_get(&a[0], "x/a");
    ask_get(&a[1], "a");
    a[1].call.op.range.direct = true;
    ask_get(&a[2], "a");
    a[2].call.op.range.revision = 7;
    ask_range(&a[3], "a", "b");
    for (size_t i = 0; i < 4; i++) {
        ask(s, &a[i]);
        script_answer_key(s, script_asked(s), 10, "v", 5);
        answered_with(&a[i], "v", 10);
    }
    assert_int_equal(script_figures(s).fallbacks[COHERENCE_FALLBACK_NOT_KEPT], 1);
    assert_int_equal(script_figures(s).fallbacks[COHERENCE_FALLBACK_DIRECT], 1);
    assert_int_equal(script_figures(s).fallbacks[COHERENCE_FALLBACK_REVISION], 1);
    assert_int_equal(script_figures(s).fallbacks[COHERENCE_FALLBACK_RANGE], 1);
}

static void filters_hold_for_answers_from_memory(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    script_know(s, "a", "v", 5, 10);
    ask_get(&a, "a");
    a.call.op.range.min_mod_revision = 6;
    ask(s, &a);
    script_answer_round(s, 10);
    assert_int_equal(a.call.result.count, 1);
    answered_with(&a, "", 10);
    ask_get(&a, "a");
    a.call.op.range.keys_only = true;
    ask(s, &a);
    script_answer_round(s, 10);
    assert_int_equal(a.call.result.kv_count, 1);
    assert_int_equal(a.call.result.kvs[0].value.size, 0);
    ended_with(&a, STORE_OK);
}

static void too_many_calls_are_refused(void **state) {
    struct script *s = *state;
    struct asker a;
    struct asker b;

    s->config.max_waiting = 1;
    script_begin(s, 10);
    ask_linearizable(s, &a, "a");
    ask_linearizable(s, &b, "a");
    ended_with(&b, STORE_TOO_MANY_REQUESTS);
    script_answer_key(s, script_asked(s), 10, "v", 5);
    answered_with(&a, "v", 10);
}

static void all_that_waits_ends_with_it(void **state) {
    struct script *s = *state;
    struct asker a;
    struct asker b;

    script_begin(s, 10);
    script_know(s, "a", "v", 5, 10);
    ask_linearizable(s, &a, "a");
    script_answer_round(s, 11);
    ask_linearizable(s, &b, "a");
    script_answer_round(s, 12);
    coherence_free(s->machine);
    s->machine = NULL;
    ended_with(&a, STORE_CLOSED);
    ended_with(&b, STORE_CLOSED);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(until_it_has_begun_all_is_passed_on),
        TEST(it_begins_with_a_round_and_watches_behind_it),
        TEST(what_was_shown_while_it_began_is_not_forgotten),
        TEST(a_beginning_that_fails_is_tried_again_later),
        TEST(a_linearizable_read_of_a_known_key_costs_a_round),
        TEST(a_round_serves_only_those_who_came_before_it),
        TEST(many_reads_share_a_round),
        TEST(a_read_waits_until_the_rounds_revision_is_applied),
        TEST(a_read_that_waits_too_long_asks_the_cluster),
        TEST(a_read_keeps_its_own_deadline),
        TEST(reads_of_a_round_that_fails_ask_the_cluster),
        TEST(a_cached_read_is_answered_within_its_age),
        TEST(a_cached_read_that_is_too_old_joins_a_round),
        TEST(a_serializable_read_that_is_too_old_goes_to_the_cluster_as_it_is),
        TEST(a_silent_watch_proves_nothing),
        TEST(rounds_go_on_while_there_is_interest),
        TEST(a_round_proves_nothing_before_its_revision_is_applied),
        TEST(readers_of_an_unknown_key_share_one_question),
        TEST(absent_keys_are_known_too),
        TEST(a_linearizable_read_is_not_served_by_a_question_asked_before_it_came),
        TEST(a_cached_read_takes_any_flight),
        TEST(an_answer_older_than_what_was_seen_is_thrown_away),
        TEST(an_event_during_the_flight_wins),
        TEST(a_delete_during_the_flight_wins),
        TEST(the_flights_error_reaches_everyone),
        TEST(who_gives_up_does_not_end_the_flight),
        TEST(an_answer_ahead_of_the_watch_is_not_served_from_memory),
        TEST(what_is_not_kept_is_passed_on_with_its_reason),
        TEST(filters_hold_for_answers_from_memory),
        TEST(too_many_calls_are_refused),
        TEST(all_that_waits_ends_with_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
