/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "script.h"

/* Writes through the coherence machine, and answers that are ahead of the watch (rule 6). */

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

static void a_write_is_acknowledged_when_its_event_was_applied(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    ask_put(&a, "a", "v");
    ask(s, &a);
    script_answer(s, script_asked(s), STORE_OK, 11);
    assert_false(a.done);
    script_put(s, "a", "v", 11);
    ended_with(&a, STORE_OK);
    assert_int_equal(script_figures(s).early_writes, 0);
}

static void a_write_whose_event_came_first_is_acknowledged_at_once(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    ask_put(&a, "a", "v");
    ask(s, &a);
    script_put(s, "a", "v", 11);
    script_answer(s, script_asked(s), STORE_OK, 11);
    ended_with(&a, STORE_OK);
}

/* Writes the value as revision 11 and is acknowledged although the watch is silent. */
static void write_early(struct script *s, struct asker *a, const char *key, const char *value) {
    ask_put(a, key, value);
    ask(s, a);
    script_answer(s, script_find(s, STORE_OP_PUT, key), STORE_OK, 11);
    script_pass(s, 99 * MS);
    assert_false(a->done);
    script_pass(s, 1 * MS);
    ended_with(a, STORE_OK);
}

static void a_write_is_acknowledged_without_its_event_after_a_while(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    write_early(s, &a, "a", "v");
    assert_int_equal(s->early, 1);
    assert_int_equal(s->early_revision, 11);
    assert_int_equal(script_figures(s).early_writes, 1);
}

/* Handed in elsewhere, for it has keys of other spans as well. */
static void show(struct script *s, struct asker *a, int64_t revision) {
    a->call.status = STORE_OK;
    a->call.revision = revision;
    a->call.result.kind = a->call.op.kind;
    a->call.result.count = 1;
    coherence_show(s->machine, &a->call);
    store_call_fini(&a->call);
}

static void what_was_written_or_read_elsewhere_is_not_read_from_memory(void **state) {
    struct script *s = *state;
    struct asker a;
    struct asker b;

    script_begin(s, 10);
    script_know(s, "a", "old", 5, 10);
    script_know(s, "b", "other", 6, 10);
    ask_delete(&b, "a");
    show(s, &b, 10);
    assert_true(ask_memory(s, &a, "a", 5000 * MS));
    answered_with(&a, "old", 10);
    show(s, &b, 11);
    assert_false(ask_memory(s, &a, "a", 5000 * MS));
    assert_true(ask_memory(s, &a, "b", 5000 * MS));
    answered_with(&a, "other", 10);
    ask_range(&b, "a", "c");
    show(s, &b, 12);
    assert_false(ask_memory(s, &a, "b", 5000 * MS));
    script_delete(s, "a", 11);
    assert_false(ask_memory(s, &a, "b", 5000 * MS));
    script_put(s, "b", "newer", 12);
    assert_true(ask_memory(s, &a, "b", 5000 * MS));
    answered_with(&a, "newer", 12);
}

static void what_a_lease_took_along_is_not_read_from_memory(void **state) {
    struct script *s = *state;
    struct asker a;
    struct asker b;

    script_begin(s, 10);
    script_know(s, "a", "old", 5, 10);
    ask_init(&b);
    b.call.op.kind = STORE_OP_LEASE_REVOKE;
    show(s, &b, 11);
    assert_false(ask_memory(s, &a, "a", 5000 * MS));
    script_delete(s, "a", 11);
    assert_true(ask_memory(s, &a, "a", 5000 * MS));
    answered_with(&a, "", 11);
}

static void own_writes_are_seen_whatever_the_freshness(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    script_know(s, "a", "old", 5, 10);
    script_know(s, "b", "other", 6, 10);
    write_early(s, &a, "a", "new");
    assert_false(ask_memory(s, &a, "a", 5000 * MS));
    assert_true(ask_memory(s, &a, "b", 5000 * MS));
    answered_with(&a, "other", 10);
    ask_get(&a, "a");
    a.call.op.range.max_age_ns = 5000 * MS;
    ask(s, &a);
    script_answer_key(s, script_asked(s), 11, "new", 11);
    answered_with(&a, "new", 11);
    script_put(s, "a", "new", 11);
    assert_true(ask_memory(s, &a, "a", 5000 * MS));
    answered_with(&a, "new", 11);
}

static void a_flight_from_before_an_own_write_does_not_hide_it(void **state) {
    struct script *s = *state;
    struct asker a;
    struct asker b;
    struct asker w;

    script_begin(s, 10);
    ask_linearizable(s, &a, "a");
    write_early(s, &w, "a", "new");
    ask_get(&b, "a");
    b.call.op.range.max_age_ns = 5000 * MS;
    ask(s, &b);
    script_answer_key(s, script_find(s, STORE_OP_RANGE, "a"), 10, "old", 5);
    answered_with(&a, "old", 10);
    assert_false(b.done);
    script_answer_round(s, 11);
    script_put(s, "a", "new", 11);
    answered_with(&b, "new", 11);
}

static void a_delete_is_taken_in_early_too(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    script_know(s, "a", "old", 5, 10);
    ask_delete(&a, "a");
    ask(s, &a);
    script_asked(s)->result.count = 1;
    script_answer(s, script_asked(s), STORE_OK, 11);
    script_pass(s, 100 * MS);
    ended_with(&a, STORE_OK);
    assert_true(s->early_delete);
    assert_false(ask_memory(s, &a, "a", 5000 * MS));
}

static void what_copies_cannot_be_told_takes_their_proof_away(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    ask_delete(&a, "a");
    a.call.op.delete.span.range_end = SLICE("b");
    ask(s, &a);
    script_asked(s)->result.count = 3;
    script_answer(s, script_asked(s), STORE_OK, 11);
    assert_true(coherence_proven_ns(s->machine) != INT64_MIN);
    script_pass(s, 100 * MS);
    ended_with(&a, STORE_OK);
    assert_true(coherence_proven_ns(s->machine) == INT64_MIN);
    script_delete(s, "ab", 11);
    assert_true(coherence_proven_ns(s->machine) != INT64_MIN);
}

static void a_transaction_is_taken_in_by_the_branch_that_ran(void **state) {
    struct script *s = *state;
    struct store_op put = {.kind = STORE_OP_PUT, .put = {.key = SLICE("a"), .value = SLICE("v")}};
    struct store_op get = {.kind = STORE_OP_RANGE, .range = {.span = {.key = SLICE("c")}}};
    struct store_result *results;
    struct store_call *call;
    struct asker a;

    script_begin(s, 10);
    script_know(s, "a", "old", 5, 10);
    script_know(s, "c", "old", 5, 10);
    ask_init(&a);
    a.call.op = (struct store_op){
        .kind = STORE_OP_TXN,
        .txn = {.success = &put, .success_count = 1, .failure = &get, .failure_count = 1},
    };
    ask(s, &a);
    call = script_asked(s);
    results = arena_calloc(&call->arena, 1, sizeof(*results));
    call->result.succeeded = true;
    call->result.results = results;
    call->result.result_count = 1;
    script_answer(s, call, STORE_OK, 11);
    script_pass(s, 100 * MS);
    ended_with(&a, STORE_OK);
    assert_int_equal(s->early_revision, 11);
    assert_false(ask_memory(s, &a, "a", 5000 * MS));
    assert_true(ask_memory(s, &a, "c", 5000 * MS));
    answered_with(&a, "old", 10);
}

static void a_write_that_failed_changes_nothing_here(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    script_know(s, "a", "old", 5, 10);
    ask_put(&a, "a", "new");
    ask(s, &a);
    script_answer(s, script_asked(s), STORE_UNKNOWN, 0);
    ended_with(&a, STORE_UNKNOWN);
    assert_true(ask_memory(s, &a, "a", 5000 * MS));
    answered_with(&a, "old", 10);
}

static void a_range_of_the_cluster_is_shown_when_memory_is_as_new(void **state) {
    struct script *s = *state;
    struct asker a;
    struct asker b;

    script_begin(s, 10);
    script_know(s, "ab", "old", 5, 10);
    ask_range(&a, "a", "b");
    ask(s, &a);
    script_answer(s, script_asked(s), STORE_OK, 12);
    assert_false(a.done);
    script_put(s, "ab", "new", 12);
    ended_with(&a, STORE_OK);
    assert_true(ask_memory(s, &b, "ab", 5000 * MS));
    answered_with(&b, "new", 12);
}

static void what_a_direct_read_has_shown_is_not_undone_by_memory(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    script_know(s, "a", "old", 5, 10);
    ask_get(&a, "a");
    a.call.op.range.direct = true;
    ask(s, &a);
    script_answer_key(s, script_asked(s), 12, "new", 11);
    answered_with(&a, "new", 12);
    assert_int_equal(s->early_revision, 11);
    assert_false(ask_memory(s, &a, "a", 5000 * MS));
    script_put(s, "a", "new", 11);
    assert_true(ask_memory(s, &a, "a", 5000 * MS));
    answered_with(&a, "new", 11);
}

static void many_floors_become_one_of_all_keys(void **state) {
    struct script *s = *state;
    static struct asker a[300];
    static char keys[300][8];
    struct asker b;

    script_begin(s, 10);
    script_know(s, "b", "v", 5, 10);
    for (size_t i = 0; i < 300; i++) {
        snprintf(keys[i], sizeof(keys[i]), "a%zu", i);
        ask_put(&a[i], keys[i], "v");
        ask(s, &a[i]);
        script_answer(s, script_asked(s), STORE_OK, 11 + (int64_t)i);
    }
    script_pass(s, 100 * MS);
    for (size_t i = 0; i < 300; i++) {
        ended_with(&a[i], STORE_OK);
    }
    assert_false(ask_memory(s, &b, "b", 5000 * MS));
    script_put(s, "c", "v", 310);
    assert_true(ask_memory(s, &b, "b", 5000 * MS));
    answered_with(&b, "v", 310);
}

static void a_token_goes_up_with_its_write(void **state) {
    struct script *s = *state;
    struct asker a;

    script_begin(s, 10);
    ask_put(&a, "a", "v");
    a.call.token = SLICE("token");
    a.call.as_caller = true;
    ask(s, &a);
    assert_true(slice_equal(script_asked(s)->token, SLICE("token")));
    assert_true(script_asked(s)->as_caller);
    script_asked(s)->etcd_error = 7;
    script_answer(s, script_asked(s), STORE_DENIED, 0);
    ended_with(&a, STORE_DENIED);
    assert_int_equal(a.call.etcd_error, 7);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_write_is_acknowledged_when_its_event_was_applied),
        TEST(a_write_whose_event_came_first_is_acknowledged_at_once),
        TEST(a_write_is_acknowledged_without_its_event_after_a_while),
        TEST(what_was_written_or_read_elsewhere_is_not_read_from_memory),
        TEST(what_a_lease_took_along_is_not_read_from_memory),
        TEST(own_writes_are_seen_whatever_the_freshness),
        TEST(a_flight_from_before_an_own_write_does_not_hide_it),
        TEST(a_delete_is_taken_in_early_too),
        TEST(what_copies_cannot_be_told_takes_their_proof_away),
        TEST(a_transaction_is_taken_in_by_the_branch_that_ran),
        TEST(a_write_that_failed_changes_nothing_here),
        TEST(a_range_of_the_cluster_is_shown_when_memory_is_as_new),
        TEST(what_a_direct_read_has_shown_is_not_undone_by_memory),
        TEST(many_floors_become_one_of_all_keys),
        TEST(a_token_goes_up_with_its_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
