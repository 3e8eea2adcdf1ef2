/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "script.h"

/* Mirrors and sweeps of the coherence machine. */

static const struct store_span mirrored = {SLICE("m/"), SLICE("m0")};

static int setup(void **state) {
    static struct script s;

    script_init(&s);
    s.config.mirrors = &mirrored;
    s.config.mirror_count = 1;
    *state = &s;
    return 0;
}

static int teardown(void **state) {
    script_fini(*state);
    return 0;
}

static void answer_kvs(struct script *s, struct store_call *call, int64_t revision, const struct kv *kvs, size_t count,
                       bool more) {
    assert_non_null(call);
    call->result.kvs = arena_calloc(&call->arena, count + 1, sizeof(*kvs));
    memcpy(call->result.kvs, kvs, count * sizeof(*kvs));
    call->result.kv_count = count;
    call->result.count = (int64_t)count;
    call->result.more = more;
    script_answer(s, call, STORE_OK, revision);
}

/* m/a=1 of revision 3, m/c=2 of 5, as of 10. */
static void load(struct script *s) {
    const struct kv kvs[] = {script_kv("m/a", "1", 3), script_kv("m/c", "2", 5)};

    script_begin(s, 10);
    answer_kvs(s, script_find(s, STORE_OP_RANGE, "m/"), 10, kvs, 2, false);
    assert_int_equal(script_figures(s).mirrors_loaded, 1);
}

static bool range_memory(struct script *s, struct asker *a, const char *key, const char *end) {
    ask_range(a, key, end);
    a->call.op.range.max_age_ns = 1000 * MS;
    if (coherence_try(s->machine, &a->call)) {
        return true;
    }
    store_call_fini(&a->call);
    return false;
}

static void has_keys(struct asker *a, int64_t revision, size_t count) {
    assert_int_equal(a->call.status, STORE_OK);
    assert_int_equal(a->call.revision, revision);
    assert_int_equal(a->call.result.kv_count, count);
    store_call_fini(&a->call);
}

static void ranges_of_a_loaded_mirror_are_answered_from_memory(void **state) {
    struct script *s = *state;
    struct asker a;

    load(s);
    assert_true(range_memory(s, &a, "m/", "m0"));
    has_keys(&a, 10, 2);
    assert_true(range_memory(s, &a, "m/b", "m/d"));
    has_keys(&a, 10, 1);
    assert_false(range_memory(s, &a, "m", "m0"));
    assert_false(range_memory(s, &a, "m/", "m1"));
    ask_range(&a, "m/", "m0");
    ask(s, &a);
    script_answer_round(s, 11);
    assert_false(a.done);
    script_put(s, "m/b", "3", 11);
    has_keys(&a, 11, 3);
    assert_int_equal(script_figures(s).memory_reads, 3);
}

static void keys_that_a_mirror_does_not_have_are_absent(void **state) {
    struct script *s = *state;
    struct asker a;

    load(s);
    assert_true(ask_memory(s, &a, "m/x", 1000 * MS));
    answered_with(&a, "", 10);
    ask_linearizable(s, &a, "m/x");
    assert_int_equal(s->asked_count, 1);
    script_answer_round(s, 10);
    answered_with(&a, "", 10);
    script_delete(s, "m/a", 11);
    assert_true(ask_memory(s, &a, "m/a", 1000 * MS));
    answered_with(&a, "", 11);
}

static void a_mirror_is_loaded_in_pages_of_one_revision(void **state) {
    struct script *s = *state;
    const struct kv first = script_kv("m/a", "1", 3);
    const struct kv second = script_kv("m/c", "2", 5);
    struct store_call *call;
    struct asker a;

    script_begin(s, 10);
    call = script_find(s, STORE_OP_RANGE, "m/");
    assert_int_equal(call->op.range.revision, 0);
    assert_int_equal(call->op.range.limit, 1000);
    answer_kvs(s, call, 12, &first, 1, true);
    call = script_asked(s);
    assert_int_equal(call->op.range.revision, 12);
    assert_true(slice_equal(call->op.range.span.key, slice_make("m/a", 4)));
    assert_false(range_memory(s, &a, "m/", "m0"));
    answer_kvs(s, call, 15, &second, 1, false);
    assert_int_equal(script_figures(s).mirrors_loaded, 0);
    script_put(s, "b", "v", 11);
    assert_int_equal(script_figures(s).mirrors_loaded, 0);
    script_put(s, "b", "v", 12);
    assert_int_equal(script_figures(s).mirrors_loaded, 1);
    assert_true(range_memory(s, &a, "m/", "m0"));
    has_keys(&a, 12, 2);
}

static void events_while_loading_are_newer_than_the_pages(void **state) {
    struct script *s = *state;
    const struct kv kvs[] = {script_kv("m/a", "1", 3), script_kv("m/c", "2", 5)};
    struct asker a;

    script_begin(s, 10);
    script_delete(s, "m/a", 11);
    script_put(s, "m/b", "new", 12);
    answer_kvs(s, script_find(s, STORE_OP_RANGE, "m/"), 10, kvs, 2, false);
    assert_true(range_memory(s, &a, "m/", "m0"));
    has_keys(&a, 12, 2);
    assert_true(ask_memory(s, &a, "m/a", 1000 * MS));
    answered_with(&a, "", 12);
}

static void a_page_that_is_too_large_is_halved(void **state) {
    struct script *s = *state;

    script_begin(s, 10);
    script_answer(s, script_find(s, STORE_OP_RANGE, "m/"), STORE_TOO_LARGE, 0);
    assert_int_equal(script_asked(s)->op.range.limit, 500);
}

/* As many keys as are worth a page by what the last one had, never more than twice as many as before. */
static void pages_are_as_large_as_is_good_for_the_cluster(void **state) {
    static char large[16 << 10];
    struct script *s = *state;
    const struct kv small = script_kv("m/a", "1", 3);
    struct kv kv = script_kv("m/b", "", 3);

    script_begin(s, 10);
    answer_kvs(s, script_find(s, STORE_OP_RANGE, "m/"), 10, &small, 1, true);
    assert_int_equal(script_asked(s)->op.range.limit, 2000);
    answer_kvs(s, script_asked(s), 10, &kv, 1, true);
    assert_int_equal(script_asked(s)->op.range.limit, 4000);
    kv.key = SLICE("m/c");
    kv.value = slice_make(large, sizeof(large));
    answer_kvs(s, script_asked(s), 10, &kv, 1, true);
    assert_int_equal(script_asked(s)->op.range.limit, 127);
    for (int i = 0; i < 8; i++) {
        answer_kvs(s, script_asked(s), 10, &small, 1, true);
    }
    assert_int_equal(script_asked(s)->op.range.limit, 16384);
}

static void a_load_whose_revision_is_compacted_begins_anew(void **state) {
    struct script *s = *state;
    const struct kv first = script_kv("m/a", "1", 3);

    script_begin(s, 10);
    answer_kvs(s, script_find(s, STORE_OP_RANGE, "m/"), 10, &first, 1, true);
    script_answer(s, script_asked(s), STORE_COMPACTED, 30);
    assert_int_equal(script_asked(s)->op.range.revision, 0);
    assert_true(slice_equal(script_asked(s)->op.range.span.key, SLICE("m/")));
}

static void a_load_that_fails_goes_on_later(void **state) {
    struct script *s = *state;
    const struct kv first = script_kv("m/a", "1", 3);

    script_begin(s, 10);
    answer_kvs(s, script_find(s, STORE_OP_RANGE, "m/"), 10, &first, 1, true);
    script_answer(s, script_asked(s), STORE_UNAVAILABLE, 0);
    assert_int_equal(s->asked_count, 0);
    script_pass(s, 100 * MS);
    assert_int_equal(script_asked(s)->op.range.revision, 10);
}

static void a_load_that_is_denied_is_asked_for_less_and_less(void **state) {
    struct script *s = *state;
    unsigned asked = 0;

    script_begin(s, 10);
    for (int i = 0; i < 600; i++) {
        struct store_call *call = script_find(s, STORE_OP_RANGE, "m/");

        if (call != NULL) {
            script_answer(s, call, STORE_DENIED, 0);
            asked++;
        }
        script_pass(s, 100 * MS);
    }
    assert_in_range(asked, 10, 40);
}

static void a_page_under_way_keeps_its_key_in_a_reset(void **state) {
    struct script *s = *state;
    const struct kv first = script_kv("m/a", "1", 3);
    struct store_call *page;

    script_begin(s, 10);
    answer_kvs(s, script_find(s, STORE_OP_RANGE, "m/"), 10, &first, 1, true);
    page = script_asked(s);
    coherence_ended(s->machine, STORE_COMPACTED, 20);
    script_run(s);
    assert_true(slice_equal(page->op.range.span.key, slice_make("m/a", 4)));
}

static void a_mirror_without_room_is_given_up(void **state) {
    struct script *s = *state;
    static char large[1 << 20];
    struct kv kv = script_kv("m/a", "", 3);
    struct asker a;

    memset(large, 'x', sizeof(large) - 1);
    kv.value = slice_from_string(large);
    script_begin(s, 10);
    answer_kvs(s, script_find(s, STORE_OP_RANGE, "m/"), 10, &kv, 1, false);
    assert_int_equal(script_figures(s).mirrors_loaded, 0);
    assert_false(range_memory(s, &a, "m/", "m0"));
    script_know(s, "m/b", "v", 4, 10);
    assert_true(ask_memory(s, &a, "m/b", 1000 * MS));
    answered_with(&a, "v", 10);
    assert_int_equal(s->asked_count, 0);
}

static void a_loaded_mirror_that_outgrows_its_room_is_given_up(void **state) {
    struct script *s = *state;
    static char large[1 << 20];
    struct asker a;

    memset(large, 'x', sizeof(large) - 1);
    load(s);
    script_put(s, "m/b", large, 11);
    assert_int_equal(script_figures(s).mirrors_loaded, 0);
    assert_false(range_memory(s, &a, "m/", "m0"));
    assert_false(ask_memory(s, &a, "m/x", 1000 * MS));
}

static void a_flight_that_lands_in_a_loaded_mirror_leaves_it_alone(void **state) {
    struct script *s = *state;
    const struct kv kvs[] = {script_kv("m/a", "1", 3)};
    struct asker a;

    script_begin(s, 10);
    ask_linearizable(s, &a, "m/b");
    answer_kvs(s, script_find(s, STORE_OP_RANGE, "m/"), 10, kvs, 1, false);
    assert_int_equal(script_figures(s).mirrors_loaded, 1);
    script_answer_key(s, script_find(s, STORE_OP_RANGE, "m/b"), 14, "v", 13);
    answered_with(&a, "v", 14);
    assert_false(ask_memory(s, &a, "m/b", 1000 * MS));
    assert_false(range_memory(s, &a, "m/", "m0"));
    assert_true(ask_memory(s, &a, "m/a", 1000 * MS));
    answered_with(&a, "1", 10);
    script_put(s, "m/b", "v", 13);
    assert_true(range_memory(s, &a, "m/", "m0"));
    has_keys(&a, 13, 2);
}

static void a_mirror_waits_for_what_was_put_ahead_into_it(void **state) {
    struct script *s = *state;
    const struct kv kvs[] = {script_kv("m/a", "1", 3)};
    struct asker a;

    script_begin(s, 10);
    script_know(s, "m/b", "v", 13, 14);
    answer_kvs(s, script_find(s, STORE_OP_RANGE, "m/"), 14, kvs, 1, false);
    assert_int_equal(script_figures(s).mirrors_loaded, 0);
    script_put(s, "m/b", "v", 13);
    script_put(s, "c", "v", 14);
    assert_int_equal(script_figures(s).mirrors_loaded, 1);
    assert_true(range_memory(s, &a, "m/", "m0"));
    has_keys(&a, 14, 2);
}

/* --- sweeps --- */

static void audit(struct script *s, struct asker *a) {
    ask_init(a);
    a->call.op.kind = STORE_OP_AUDIT;
    coherence_audit(s->machine, &a->call);
    script_run(s);
}

static void answer_txn(struct script *s, int64_t revision, const struct kv *kv, size_t keys) {
    struct store_call *call = script_find(s, STORE_OP_TXN, NULL);

    assert_non_null(call);
    assert_int_equal(call->op.txn.success_count, keys);
    call->result.results = arena_calloc(&call->arena, keys, sizeof(*call->result.results));
    call->result.result_count = keys;
    for (size_t i = 0; i < keys; i++) {
        struct store_result *result = &call->result.results[i];
        struct kv *copy = arena_alloc(&call->arena, sizeof(*copy));

        *copy = kv[i];
        *result = (struct store_result){.kind = STORE_OP_RANGE, .kvs = copy, .kv_count = kv[i].mod_revision > 0};
    }
    script_answer(s, call, STORE_OK, revision);
}

static void ended_audit(struct asker *a, uint64_t compared, uint64_t differences, const char *key) {
    assert_true(a->done);
    assert_int_equal(a->call.status, STORE_OK);
    assert_int_equal(a->call.result.audit_compared, compared);
    assert_int_equal(a->call.result.audit_differences, differences);
    assert_int_equal(a->call.result.audit_key_count, differences);
    if (differences > 0) {
        assert_true(slice_equal(a->call.result.audit_keys[0], slice_from_string(key)));
    }
    store_call_fini(&a->call);
}

static void an_audit_compares_all_that_is_known(void **state) {
    struct script *s = *state;
    const struct kv kvs[] = {script_kv("m/a", "1", 3), script_kv("m/c", "2", 5)};
    const struct kv others[] = {script_kv("a", "v", 5), {.key = SLICE("b")}};
    struct asker a;

    load(s);
    script_know(s, "a", "v", 5, 10);
    script_know(s, "b", "", 0, 10);
    audit(s, &a);
    answer_kvs(s, script_find(s, STORE_OP_RANGE, "m/"), 10, kvs, 2, false);
    answer_txn(s, 10, others, 2);
    ended_audit(&a, 4, 0, NULL);
    assert_int_equal(script_figures(s).compared, 4);
}

static void an_audit_waits_until_memory_is_as_new(void **state) {
    struct script *s = *state;
    const struct kv kvs[] = {script_kv("m/a", "9", 12)};
    struct asker a;

    load(s);
    audit(s, &a);
    answer_kvs(s, script_find(s, STORE_OP_RANGE, "m/"), 13, kvs, 1, false);
    script_put(s, "m/a", "9", 12);
    assert_false(a.done);
    script_delete(s, "m/c", 13);
    ended_audit(&a, 1, 0, NULL);
}

static void what_changes_during_an_audit_is_no_difference(void **state) {
    struct script *s = *state;
    const struct kv kvs[] = {script_kv("m/a", "1", 3), script_kv("m/c", "2", 5)};
    struct asker a;

    load(s);
    audit(s, &a);
    script_put(s, "m/a", "new", 11);
    script_delete(s, "m/c", 12);
    answer_kvs(s, script_find(s, STORE_OP_RANGE, "m/"), 10, kvs, 2, false);
    assert_false(a.done); /* m/c is not there: it is asked for once more */
    script_answer_key(s, script_find(s, STORE_OP_RANGE, "m/c"), 12, "", 0);
    ended_audit(&a, 2, 0, NULL);
}

static void a_suspect_under_way_keeps_its_key_in_a_reset(void **state) {
    struct script *s = *state;
    const struct kv kvs[] = {script_kv("m/a", "other", 4), script_kv("m/c", "2", 5)};
    struct store_call *suspect;
    struct asker a;

    load(s);
    audit(s, &a);
    answer_kvs(s, script_find(s, STORE_OP_RANGE, "m/"), 10, kvs, 2, false);
    suspect = script_find(s, STORE_OP_RANGE, "m/a");
    assert_non_null(suspect);
    coherence_ended(s->machine, STORE_COMPACTED, 20);
    script_run(s);
    assert_true(slice_equal(suspect->op.range.span.key, SLICE("m/a")));
    script_answer(s, suspect, STORE_UNAVAILABLE, 0);
    script_answer_round(s, 30);
    ended_audit(&a, 0, 0, NULL); /* nothing is known */
}

static void a_suspect_that_changes_while_it_is_asked_for_is_let_go(void **state) {
    struct script *s = *state;
    const struct kv kvs[] = {script_kv("m/a", "other", 4), script_kv("m/c", "2", 5)};
    struct asker a;

    load(s);
    audit(s, &a);
    answer_kvs(s, script_find(s, STORE_OP_RANGE, "m/"), 10, kvs, 2, false);
    script_put(s, "m/a", "new", 11);
    script_delete(s, "m/a", 12);
    script_answer_key(s, script_find(s, STORE_OP_RANGE, "m/a"), 11, "new", 11);
    ended_audit(&a, 2, 0, NULL);
}

static void a_difference_is_counted_named_and_mended(void **state) {
    struct script *s = *state;
    const struct kv wrong = script_kv("a", "wrong", 5);
    const struct kv right = script_kv("a", "right", 6);
    struct asker a;

    load(s);
    audit(s, &a);
    answer_kvs(s, script_find(s, STORE_OP_RANGE, "m/"), 10,
               (const struct kv[]){script_kv("m/a", "1", 3), script_kv("m/c", "2", 5)}, 2, false);
    ended_audit(&a, 2, 0, NULL);
    keyspace_put(s->keys, &wrong, KEYSPACE_KEEP);
    audit(s, &a);
    answer_kvs(s, script_find(s, STORE_OP_RANGE, "m/"), 10,
               (const struct kv[]){script_kv("m/a", "1", 3), script_kv("m/c", "2", 5)}, 2, false);
    answer_txn(s, 10, &right, 1);
    script_answer_key(s, script_find(s, STORE_OP_RANGE, "a"), 10, "right", 6);
    ended_audit(&a, 3, 1, "a");
    assert_int_equal(script_figures(s).differences, 1);
    assert_int_equal(s->early_revision, 6);
    assert_true(ask_memory(s, &a, "a", 1000 * MS));
    answered_with(&a, "right", 10);
}

static void a_key_that_a_mirror_lacks_is_a_difference(void **state) {
    struct script *s = *state;
    const struct kv kvs[] = {script_kv("m/a", "1", 3), script_kv("m/b", "lost", 4), script_kv("m/c", "2", 5)};
    struct asker a;

    load(s);
    audit(s, &a);
    answer_kvs(s, script_find(s, STORE_OP_RANGE, "m/"), 10, kvs, 3, false);
    script_answer_key(s, script_find(s, STORE_OP_RANGE, "m/b"), 10, "lost", 4);
    ended_audit(&a, 3, 1, "m/b");
    assert_true(range_memory(s, &a, "m/", "m0"));
    has_keys(&a, 10, 3);
}

static void a_key_that_a_mirror_has_too_much_is_a_difference(void **state) {
    struct script *s = *state;
    const struct kv kvs[] = {script_kv("m/c", "2", 5)};
    struct asker a;

    load(s);
    audit(s, &a);
    answer_kvs(s, script_find(s, STORE_OP_RANGE, "m/"), 10, kvs, 1, false);
    script_answer_key(s, script_find(s, STORE_OP_RANGE, "m/a"), 10, "", 0);
    ended_audit(&a, 2, 1, "m/a");
    assert_true(range_memory(s, &a, "m/", "m0"));
    has_keys(&a, 10, 1);
}

static void audits_wait_for_their_turn(void **state) {
    struct script *s = *state;
    struct asker a;
    struct asker b;

    load(s);
    audit(s, &a);
    audit(s, &b);
    assert_int_equal(s->asked_count, 1);
    answer_kvs(s, script_asked(s), 10, (const struct kv[]){script_kv("m/a", "1", 3), script_kv("m/c", "2", 5)}, 2,
               false);
    ended_audit(&a, 2, 0, NULL);
    assert_false(b.done);
    answer_kvs(s, script_asked(s), 10, (const struct kv[]){script_kv("m/a", "1", 3), script_kv("m/c", "2", 5)}, 2,
               false);
    ended_audit(&b, 2, 0, NULL);
}

static void an_audit_ends_with_the_clusters_error(void **state) {
    struct script *s = *state;
    struct asker a;

    load(s);
    audit(s, &a);
    script_answer(s, script_asked(s), STORE_UNAVAILABLE, 0);
    ended_with(&a, STORE_UNAVAILABLE);
}

static void an_audit_does_not_wait_for_ever_for_a_silent_watch(void **state) {
    struct script *s = *state;
    const struct kv kvs[] = {script_kv("m/a", "9", 12)};
    struct asker a;

    load(s);
    audit(s, &a);
    answer_kvs(s, script_find(s, STORE_OP_RANGE, "m/"), 13, kvs, 1, false);
    script_pass(s, 5000 * MS);
    ended_with(&a, STORE_TIMEOUT);
    assert_int_equal(script_figures(s).differences, 0);
}

static void the_background_sweeps_slowly(void **state) {
    struct script *s = *state;
    const struct kv kvs[] = {script_kv("m/a", "1", 3), script_kv("m/c", "2", 5)};

    s->config.sweep_pause_ns = 1000 * MS;
    load(s);
    script_know(s, "a", "v", 5, 10);
    script_pass(s, 999 * MS);
    assert_int_equal(s->asked_count, 0);
    script_pass(s, 1 * MS);
    answer_kvs(s, script_find(s, STORE_OP_RANGE, "m/"), 10, kvs, 2, false);
    script_pass(s, 999 * MS);
    assert_int_equal(s->asked_count, 0);
    script_pass(s, 1 * MS);
    answer_txn(s, 10,
               &(const struct kv){
                   .key = SLICE("a"), .mod_revision = 5, .create_revision = 5, .version = 1, .value = SLICE("v")},
               1);
    assert_int_equal(script_figures(s).compared, 3);
    assert_int_equal(script_figures(s).differences, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(ranges_of_a_loaded_mirror_are_answered_from_memory),
        TEST(keys_that_a_mirror_does_not_have_are_absent),
        TEST(a_mirror_is_loaded_in_pages_of_one_revision),
        TEST(events_while_loading_are_newer_than_the_pages),
        TEST(a_page_that_is_too_large_is_halved),
        TEST(pages_are_as_large_as_is_good_for_the_cluster),
        TEST(a_load_whose_revision_is_compacted_begins_anew),
        TEST(a_load_that_fails_goes_on_later),
        TEST(a_load_that_is_denied_is_asked_for_less_and_less),
        TEST(a_page_under_way_keeps_its_key_in_a_reset),
        TEST(a_mirror_without_room_is_given_up),
        TEST(a_loaded_mirror_that_outgrows_its_room_is_given_up),
        TEST(a_flight_that_lands_in_a_loaded_mirror_leaves_it_alone),
        TEST(a_mirror_waits_for_what_was_put_ahead_into_it),
        TEST(an_audit_compares_all_that_is_known),
        TEST(an_audit_waits_until_memory_is_as_new),
        TEST(what_changes_during_an_audit_is_no_difference),
        TEST(a_suspect_under_way_keeps_its_key_in_a_reset),
        TEST(a_suspect_that_changes_while_it_is_asked_for_is_let_go),
        TEST(a_difference_is_counted_named_and_mended),
        TEST(a_key_that_a_mirror_lacks_is_a_difference),
        TEST(a_key_that_a_mirror_has_too_much_is_a_difference),
        TEST(audits_wait_for_their_turn),
        TEST(an_audit_ends_with_the_clusters_error),
        TEST(an_audit_does_not_wait_for_ever_for_a_silent_watch),
        TEST(the_background_sweeps_slowly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
