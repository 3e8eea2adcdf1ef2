/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "script.h"

/* What becomes of the machine when its watch is lost or ends, and when revisions go back; the steps of the ladder. */

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

/* --- events --- */

static void events_that_come_twice_change_nothing(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    script_know(s, "a", "v", 5, 10);
    script_put(s, "a", "w", 12);
    script_put(s, "a", "old", 11);
    assert_int_equal(coherence_applied(s->machine), 12);
    assert_int_equal(s->told_events, 1);
    assert_true(ask_memory(s, &a, "a", 1000 * MS));
    answered_with(&a, "w", 12);
}

static void events_that_go_back_within_a_batch_are_dropped(void **state) {
    struct script *s = *state;
    const struct kv_event events[] = {
        {.kind = KV_EVENT_PUT, .kv = script_kv("a", "eleven", 11)},
        {.kind = KV_EVENT_PUT, .kv = script_kv("a", "twelve", 12)},
        {.kind = KV_EVENT_PUT, .kv = script_kv("a", "eleven", 11)},
        {.kind = KV_EVENT_PUT, .kv = script_kv("b", "thirteen", 13)},
    };
    struct asker a;

    script_begin(s, 10);
    script_know(s, "a", "v", 5, 10);
    coherence_events(s->machine, events, 4);
    script_run(s);
    assert_true(ask_memory(s, &a, "a", 1000 * MS));
    answered_with(&a, "twelve", 13);
    assert_int_equal(s->told_events, 3);
}

static void the_revision_of_a_new_watch_proves_nothing(void **state) {
    struct script *s = *state;

    script_begin(s, 10);
    coherence_lost(s->machine);
    coherence_watching(s->machine, 20);
    script_run(s);
    assert_int_equal(coherence_applied(s->machine), 10);
    assert_int_equal(script_figures(s).seen, 20);
}

static void how_long_it_is_behind_is_counted_per_revision(void **state) {
    struct script *s = *state;

    script_begin(s, 10);
    coherence_watching(s->machine, 12);
    s->now_ns += 30 * MS;
    coherence_watching(s->machine, 14);
    assert_int_equal(script_figures(s).behind_ns, 30 * MS);
    script_put(s, "a", "v", 12);
    assert_int_equal(script_figures(s).behind_ns, 0);
    s->now_ns += 5 * MS;
    assert_int_equal(script_figures(s).behind_ns, 5 * MS);
    script_put(s, "a", "v", 14);
    assert_int_equal(script_figures(s).behind_ns, 0);
    s->now_ns += 5 * MS;
    assert_int_equal(script_figures(s).behind_ns, 0);
}

/* --- the watch --- */

static void a_lost_watch_keeps_memory_within_its_age(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    script_know(s, "a", "v", 5, 10);
    coherence_lost(s->machine);
    script_run(s);
    assert_false(script_figures(s).watching);
    assert_int_equal(script_figures(s).watch_losses, 1);
    assert_true(ask_memory(s, &a, "a", 1000 * MS));
    answered_with(&a, "v", 10);
    s->now_ns += 1001 * MS;
    assert_false(ask_memory(s, &a, "a", 1000 * MS));
}

static void after_a_lost_watch_everything_is_compared_at_once(void **state) {
    struct script *s = *state;

    script_begin(s, 10);
    script_know(s, "a", "v", 5, 10);
    coherence_lost(s->machine);
    script_run(s);
    assert_null(script_find(s, STORE_OP_TXN, NULL));
    coherence_watching(s->machine, 10);
    script_run(s);
    assert_non_null(script_find(s, STORE_OP_TXN, NULL));
}

static void a_compacted_watch_drops_everything_and_begins_anew(void **state) {
    struct script *s = *state;
    struct asker a;
    struct asker b;

    script_begin(s, 10);
    script_know(s, "a", "v", 5, 10);
    ask_linearizable(s, &b, "a");
    coherence_ended(s->machine, STORE_COMPACTED, 50);
    script_run(s);
    assert_int_equal(s->resets, 1);
    assert_int_equal(s->rewound, 0);
    assert_false(ask_memory(s, &a, "a", 1000 * MS));
    script_answer_round(s, 10);
    assert_false(b.done);
    script_answer_key(s, script_find(s, STORE_OP_RANGE, "a"), 60, "w", 55);
    answered_with(&b, "w", 60);
    script_answer_round(s, 60);
    assert_int_equal(s->watched_from, 61);
    assert_int_equal(coherence_applied(s->machine), 60);
    script_know(s, "a", "w", 55, 60);
    assert_true(ask_memory(s, &a, "a", 1000 * MS));
    answered_with(&a, "w", 60);
}

/* Another machine has taken over. */
static void a_retired_machine_passes_on_and_keeps_nothing(void **state) {
    struct script *s = *state;
    struct asker put;
    struct asker early;
    struct asker read;
    struct asker audit;

    s->config.sweep_pause_ns = 1000 * MS;
    script_begin(s, 10);
    script_know(s, "a", "v", 5, 10);
    ask_put(&put, "a", "w");
    ask(s, &put);
    ask_put(&early, "b", "w");
    ask(s, &early);
    script_answer(s, script_find(s, STORE_OP_PUT, "b"), STORE_OK, 12);
    assert_false(early.done);
    ask_linearizable(s, &read, "a");
    ask_init(&audit);
    audit.call.op.kind = STORE_OP_AUDIT;
    ask(s, &audit);
    coherence_retire(s->machine);
    script_run(s);
    ended_with(&early, STORE_OK);
    assert_int_equal(s->retired_shown, 1);
    ended_with(&audit, STORE_UNAVAILABLE);
    assert_int_equal(keyspace_find(s->keys, SLICE("a"), NULL), KEYSPACE_UNKNOWN);
    script_answer(s, script_find(s, STORE_OP_PUT, "a"), STORE_OK, 11);
    ended_with(&put, STORE_OK);
    assert_int_equal(s->retired_shown, 2);
    script_answer_key(s, script_find(s, STORE_OP_RANGE, "a"), 12, "w", 11);
    answered_with(&read, "w", 12);
    assert_int_equal(s->retired_shown, 3);
    while (s->asked_count > 0) {
        script_answer(s, s->asked[0], STORE_UNAVAILABLE, 0); /* its own */
    }
    script_pass(s, 60 * 1000 * MS);
    assert_int_equal(s->asked_count, 0);
    assert_int_equal(s->watches, 1);
    assert_int_equal(script_figures(s).resets, 0);
}

static void a_retired_machine_does_not_begin_again(void **state) {
    struct script *s = *state;

    script_make(s);
    coherence_retire(s->machine);
    script_run(s);
    script_answer_round(s, 10);
    script_pass(s, 60 * 1000 * MS);
    assert_int_equal(s->asked_count, 0);
    assert_int_equal(s->watches, 0);
}

static void a_watch_that_is_refused_is_tried_again_later(void **state) {
    struct script *s = *state;

    script_begin(s, 10);
    script_put(s, "a", "v", 11);
    coherence_ended(s->machine, STORE_DENIED, 0);
    script_run(s);
    assert_int_equal(s->watches, 1);
    script_pass(s, 100 * MS);
    assert_int_equal(s->watches, 2);
    assert_int_equal(s->watched_from, 12);
    coherence_ended(s->machine, STORE_DENIED, 0);
    script_run(s);
    script_pass(s, 99 * MS);
    assert_int_equal(s->watches, 2);
    script_pass(s, 101 * MS);
    assert_int_equal(s->watches, 3);
    assert_int_equal(s->resets, 0);
}

static void without_a_watch_reads_do_not_wait_for_it(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    script_know(s, "a", "v", 5, 10);
    coherence_ended(s->machine, STORE_DENIED, 0);
    ask_linearizable(s, &a, "a");
    script_answer_round(s, 11);
    script_answer_key(s, script_find(s, STORE_OP_RANGE, "a"), 11, "w", 11);
    answered_with(&a, "w", 11);
}

/* --- revisions that go back --- */

static void a_round_below_an_earlier_one_resets(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    script_know(s, "a", "v", 5, 10);
    ask_linearizable(s, &a, "a");
    script_answer_round(s, 8);
    assert_int_equal(s->resets, 1);
    assert_int_equal(s->rewound, 1);
    script_answer_key(s, script_find(s, STORE_OP_RANGE, "a"), 8, "restored", 3);
    answered_with(&a, "restored", 8);
    script_answer_round(s, 8);
    assert_int_equal(s->watched_from, 9);
    assert_int_equal(coherence_applied(s->machine), 8);
    assert_false(ask_memory(s, &a, "a", 1000 * MS));
    assert_int_equal(script_figures(s).seen, 8);
}

static void a_flight_below_a_finished_answer_resets(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    ask_linearizable(s, &a, "a");
    script_answer_key(s, script_asked(s), 8, "restored", 3);
    assert_int_equal(s->resets, 1);
    script_answer_key(s, script_find(s, STORE_OP_RANGE, "a"), 8, "restored", 3);
    answered_with(&a, "restored", 8);
    script_answer_round(s, 8);
    assert_int_equal(coherence_applied(s->machine), 8);
}

static void an_answer_from_before_the_reset_counts_nothing(void **state) {
    struct script *s = *state;
    struct asker a;
    struct asker b;
    struct asker r;

    script_begin(s, 10);
    script_know(s, "a", "v", 5, 10);
    script_put(s, "b", "v", 20);
    ask_get(&a, "x/");
    a.call.op.range.serializable = true;
    ask(s, &a);
    ask_linearizable(s, &b, "c");
    ask_linearizable(s, &r, "a");
    script_answer_round(s, 9);
    assert_int_equal(s->resets, 1);
    script_answer_key(s, script_find(s, STORE_OP_RANGE, "x/"), 20, "v", 5);
    answered_with(&a, "v", 20);
    script_answer_key(s, script_find(s, STORE_OP_RANGE, "c"), 20, "v", 5); /* the flight, which nobody waits for */
    assert_false(b.done);
    script_answer_round(s, 9);
    script_answer_key(s, script_find(s, STORE_OP_RANGE, "c"), 9, "w", 5);
    answered_with(&b, "w", 9);
    script_answer_key(s, script_find(s, STORE_OP_RANGE, "a"), 9, "w", 5);
    answered_with(&r, "w", 9);
    assert_int_equal(script_figures(s).resets, 1);
    assert_int_equal(script_figures(s).seen, 9);
}

static void a_watch_below_what_was_seen_is_looked_into(void **state) {
    struct script *s = *state;

    script_begin(s, 10);
    script_put(s, "a", "v", 20);
    coherence_watching(s->machine, 15);
    script_run(s);
    script_answer_round(s, 20);
    assert_int_equal(s->resets, 0);
    coherence_watching(s->machine, 15);
    script_run(s);
    script_answer_round(s, 15);
    assert_int_equal(s->resets, 1);
    script_answer_round(s, 15);
    assert_int_equal(s->watched_from, 16);
}

/* --- the ladder --- */

static void progress_is_asked_for_until_it_is_there(void **state) {
    struct script *s = *state;
    struct asker a;

    s->config.proof = COHERENCE_BY_PROGRESS;
    script_begin(s, 10);
    script_know(s, "a", "v", 5, 10);
    ask_linearizable(s, &a, "a");
    script_answer_round(s, 10);
    answered_with(&a, "v", 10);
    assert_int_equal(s->progress_asked, 0);
    ask_linearizable(s, &a, "a");
    script_answer_round(s, 15);
    assert_int_equal(s->progress_asked, 1);
    script_pass(s, 100 * MS);
    assert_int_equal(s->progress_asked, 2);
    coherence_progress(s->machine, 15);
    script_run(s);
    answered_with(&a, "v", 15);
    assert_int_equal(s->told, 15);
    script_pass(s, 1000 * MS);
    assert_int_equal(s->progress_asked, 2);
}

static void progress_is_asked_for_again_by_those_who_come_later(void **state) {
    struct script *s = *state;
    struct asker a;

    s->config.proof = COHERENCE_BY_PROGRESS;
    script_begin(s, 10);
    script_know(s, "a", "v", 5, 10);
    ask_linearizable(s, &a, "a");
    script_answer_round(s, 15);
    script_pass(s, 1000 * MS);
    script_answer_key(s, script_find(s, STORE_OP_RANGE, "a"), 15, "v", 5);
    answered_with(&a, "v", 15);
    coherence_progress(s->machine, 14);
    script_pass(s, 1000 * MS);
    s->progress_asked = 0;
    ask_linearizable(s, &a, "a");
    script_answer_round(s, 15);
    assert_int_equal(s->progress_asked, 1);
    coherence_progress(s->machine, 15);
    script_run(s);
    answered_with(&a, "v", 15);
}

/* Answers the transaction: every key has the value. */
static void answer_keys(struct script *s, int64_t revision, const char *value, int64_t mod, size_t keys) {
    struct store_call *call = script_find(s, STORE_OP_TXN, NULL);
    struct store_result *results;

    assert_non_null(call);
    assert_int_equal(call->op.txn.success_count, keys);
    results = arena_calloc(&call->arena, keys, sizeof(*results));
    for (size_t i = 0; i < keys; i++) {
        struct kv *kv = arena_alloc(&call->arena, sizeof(*kv));

        *kv = script_kv("", value, mod);
        kv->key = call->op.txn.success[i].range.span.key;
        results[i] = (struct store_result){.kind = STORE_OP_RANGE, .kvs = kv, .kv_count = 1, .count = 1};
    }
    call->result.results = results;
    call->result.result_count = keys;
    call->result.succeeded = true;
    script_answer(s, call, STORE_OK, revision);
}

static void where_nothing_is_proven_a_transaction_answers_the_batch(void **state) {
    struct script *s = *state;
    struct asker a[3];

    s->config.proof = COHERENCE_BY_QUESTION;
    script_begin(s, 10);
    ask_get(&a[0], "a");
    ask_get(&a[1], "b");
    ask_get(&a[2], "a");
    for (size_t i = 0; i < 3; i++) {
        coherence_submit(s->machine, &a[i].call);
    }
    script_run(s);
    answer_keys(s, 15, "v", 9, 2);
    for (size_t i = 0; i < 3; i++) {
        answered_with(&a[i], "v", 15);
    }
    assert_int_equal(coherence_applied(s->machine), 10);
}

static void what_finds_no_room_in_a_transaction_is_asked_next(void **state) {
    struct script *s = *state;
    static struct asker a[200];
    static char keys[200][8];

    s->config.proof = COHERENCE_BY_QUESTION;
    script_begin(s, 10);
    for (size_t i = 0; i < 200; i++) {
        snprintf(keys[i], sizeof(keys[i]), "a%zu", i);
        ask_get(&a[i], keys[i]);
        coherence_submit(s->machine, &a[i].call);
    }
    script_run(s);
    answer_keys(s, 15, "v", 9, 128);
    assert_false(a[199].done);
    answer_keys(s, 15, "v", 9, 72);
    for (size_t i = 0; i < 200; i++) {
        answered_with(&a[i], "v", 15);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(events_that_come_twice_change_nothing),
        TEST(events_that_go_back_within_a_batch_are_dropped),
        TEST(the_revision_of_a_new_watch_proves_nothing),
        TEST(how_long_it_is_behind_is_counted_per_revision),
        TEST(a_lost_watch_keeps_memory_within_its_age),
        TEST(after_a_lost_watch_everything_is_compared_at_once),
        TEST(a_compacted_watch_drops_everything_and_begins_anew),
        TEST(a_retired_machine_passes_on_and_keeps_nothing),
        TEST(a_retired_machine_does_not_begin_again),
        TEST(a_watch_that_is_refused_is_tried_again_later),
        TEST(without_a_watch_reads_do_not_wait_for_it),
        TEST(a_round_below_an_earlier_one_resets),
        TEST(a_flight_below_a_finished_answer_resets),
        TEST(an_answer_from_before_the_reset_counts_nothing),
        TEST(a_watch_below_what_was_seen_is_looked_into),
        TEST(progress_is_asked_for_until_it_is_there),
        TEST(progress_is_asked_for_again_by_those_who_come_later),
        TEST(where_nothing_is_proven_a_transaction_answers_the_batch),
        TEST(what_finds_no_room_in_a_transaction_is_asked_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
