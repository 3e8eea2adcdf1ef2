/* SPDX-License-Identifier: Apache-2.0 */
#include <lmdb.h>

#include "harness.h"

static enum store_status note_status(struct place *p, const char *name, struct slice value) {
    struct awaited a;
    enum store_status status = run(p, &a, op_note(name, value));

    awaited_end(&a);
    return status;
}

static void expect_note(struct place *p, const char *name, struct slice value) {
    struct arena arena;
    struct slice found;

    arena_init(&arena, STORE_ANSWER_MAX);
    assert_int_equal(store_note_get(p->store, slice_from_string(name), &arena, &found), STORE_OK);
    assert_int_equal(found.size, value.size);
    if (value.size > 0) {
        assert_memory_equal(found.data, value.data, value.size);
    }
    arena_fini(&arena);
}

static void a_note_is_kept_changed_and_removed(void **state) {
    struct place p;

    (void)state;
    place_start(&p);
    expect_note(&p, "identity", SLICE(""));
    note(&p, "identity", SLICE("one"));
    note(&p, "alarms", SLICE("\0\1"));
    expect_note(&p, "identity", SLICE("one"));
    note(&p, "identity", SLICE("another"));
    note(&p, "alarms", SLICE(""));
    expect_note(&p, "identity", SLICE("another"));
    expect_note(&p, "alarms", SLICE(""));
    place_end(&p);
}

static void notes_have_no_revision_and_are_no_keys(void **state) {
    struct awaited a;
    struct place p;

    (void)state;
    place_start(&p);
    put(&p, "key", "value");
    assert_int_equal(run(&p, &a, op_note("key", SLICE("of a note"))), STORE_OK);
    assert_int_equal(a.call.revision, 2);
    awaited_end(&a);
    expect(&p, "key", 0, "value");
    assert_int_equal(put(&p, "key", "next"), 3);
    place_end(&p);
}

static void notes_outlive_a_restart_and_a_checkpoint(void **state) {
    struct place p;

    (void)state;
    place_init(&p);
    p.config.checkpoint = 1; /* after each commit */
    place_open(&p);
    note(&p, "a", SLICE("kept"));
    note(&p, "b", SLICE("removed"));
    place_reopen(&p);
    expect_note(&p, "a", SLICE("kept"));
    expect_note(&p, "b", SLICE("removed"));
    note(&p, "b", SLICE(""));
    note(&p, "a", SLICE("changed"));
    expect_note(&p, "b", SLICE(""));
    note(&p, "c", SLICE("comes"));
    note(&p, "c", SLICE(""));
    place_reopen(&p);
    expect_note(&p, "a", SLICE("changed"));
    expect_note(&p, "b", SLICE(""));
    expect_note(&p, "c", SLICE(""));
    place_end(&p);
}

static void names_and_sizes_have_bounds(void **state) {
    char name[STORE_NOTE_NAME_MAX + 2];
    char *value = calloc(1, STORE_REQUEST_MAX + 1);
    struct place p;

    (void)state;
    assert_non_null(value);
    memset(name, 'n', sizeof(name));
    name[STORE_NOTE_NAME_MAX + 1] = '\0';
    place_start(&p);
    assert_int_equal(note_status(&p, "", SLICE("x")), STORE_EMPTY_KEY);
    assert_int_equal(note_status(&p, name, SLICE("x")), STORE_TOO_LARGE);
    name[STORE_NOTE_NAME_MAX] = '\0';
    assert_int_equal(note_status(&p, name, SLICE("x")), STORE_OK);
    assert_int_equal(note_status(&p, "n", slice_make(value, STORE_REQUEST_MAX + 1)), STORE_TOO_LARGE);
    assert_int_equal(note_status(&p, "n", slice_make(value, STORE_REQUEST_MAX)), STORE_OK);
    place_end(&p);
    free(value);
}

static void all_notes_have_a_bound(void **state) {
    char *value = calloc(1, STORE_REQUEST_MAX);
    enum store_status status = STORE_OK;
    struct place p;
    char name[32];
    int count = 0;

    (void)state;
    assert_non_null(value);
    place_init(&p);
    p.config.no_sync = true;
    place_open(&p);
    while (status == STORE_OK && count < 100) {
        snprintf(name, sizeof(name), "note-%d", count++);
        status = note_status(&p, name, slice_make(value, STORE_REQUEST_MAX));
    }
    assert_int_equal(status, STORE_NO_SPACE);
    assert_int_equal(count, STORE_NOTES_MAX / STORE_REQUEST_MAX + 1);
    /* Another value of the same size takes no more, and what is removed makes room. */
    assert_int_equal(note_status(&p, "note-0", slice_make(value, STORE_REQUEST_MAX)), STORE_OK);
    note(&p, "note-0", SLICE(""));
    assert_int_equal(note_status(&p, name, slice_make(value, STORE_REQUEST_MAX)), STORE_OK);
    place_reopen(&p);
    assert_int_equal(note_status(&p, "note-0", slice_make(value, STORE_REQUEST_MAX)), STORE_NO_SPACE);
    place_end(&p);
    free(value);
}

/* An alarm that says so must find room. */
static void a_full_quota_takes_notes(void **state) {
    struct store_op op = op_put("big", "");
    char *value = calloc(1, 64 << 10);
    enum store_status status;
    struct place p;

    (void)state;
    assert_non_null(value);
    place_init(&p);
    p.config.quota = 1 << 20;
    place_open(&p);
    op.put.value = slice_make(value, 64 << 10);
    do {
        struct awaited a;

        status = run(&p, &a, op);
        awaited_end(&a);
    } while (status == STORE_OK);
    assert_int_equal(status, STORE_NO_SPACE);
    note(&p, "alarms", SLICE("full"));
    place_reopen(&p);
    expect_note(&p, "alarms", SLICE("full"));
    place_end(&p);
    free(value);
}

/* Many that are handed in at once take effect one after the other. */
static void the_last_of_many_stays(void **state) {
    enum { COUNT = 2000 };
    struct awaited *many = calloc(COUNT, sizeof(*many));
    char(*values)[16] = calloc(COUNT, sizeof(*values));
    struct place p;

    (void)state;
    assert_non_null(many);
    assert_non_null(values);
    place_start(&p);
    for (int i = 0; i < COUNT; i++) {
        snprintf(values[i], sizeof(values[i]), "%d", i);
        hand_in(&p, &many[i], op_note(i % 2 == 0 ? "even" : "odd", slice_from_string(values[i])));
    }
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(await(&many[i]), STORE_OK);
        awaited_end(&many[i]);
    }
    expect_note(&p, "even", SLICE("1998"));
    expect_note(&p, "odd", SLICE("1999"));
    place_reopen(&p);
    expect_note(&p, "even", SLICE("1998"));
    place_end(&p);
    free(values);
    free(many);
}

/* --- a store that an older larderd made --- */

static void with_meta(const struct place *p, void (*act)(MDB_txn *txn, MDB_dbi meta)) {
    char path[128];
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi meta;

    snprintf(path, sizeof(path), "%s/data.mdb", p->directory);
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 8), 0);
    assert_int_equal(mdb_env_open(env, path, MDB_NOSUBDIR, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "meta", 0, &meta), 0);
    act(txn, meta);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

/* Format 1 had no notes. */
static void make_old(MDB_txn *txn, MDB_dbi meta) {
    unsigned char number[8] = {0, 0, 0, 0, 0, 0, 0, 1};
    MDB_val key = {.mv_size = 6, .mv_data = (char[]){"format"}};
    MDB_val data = {.mv_size = sizeof(number), .mv_data = number};
    MDB_dbi notes;

    assert_int_equal(mdb_put(txn, meta, &key, &data, 0), 0);
    assert_int_equal(mdb_dbi_open(txn, "notes", 0, &notes), 0);
    assert_int_equal(mdb_drop(txn, notes, 1), 0);
}

static void expect_new(MDB_txn *txn, MDB_dbi meta) {
    MDB_val key = {.mv_size = 6, .mv_data = (char[]){"format"}};
    MDB_val data;

    assert_int_equal(mdb_get(txn, meta, &key, &data), 0);
    assert_int_equal(data.mv_size, 8);
    assert_int_equal(((const char *)data.mv_data)[7], 2);
}

static void a_store_of_format_1_is_taken_over(void **state) {
    struct place p;

    (void)state;
    place_start(&p);
    put(&p, "key", "value");
    store_close(p.store);
    with_meta(&p, make_old);
    place_open(&p);
    expect(&p, "key", 0, "value");
    expect_note(&p, "identity", SLICE(""));
    note(&p, "identity", SLICE("me"));
    place_reopen(&p);
    expect_note(&p, "identity", SLICE("me"));
    store_close(p.store);
    with_meta(&p, expect_new);
    place_remove(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_note_is_kept_changed_and_removed),
        cmocka_unit_test(notes_have_no_revision_and_are_no_keys),
        cmocka_unit_test(notes_outlive_a_restart_and_a_checkpoint),
        cmocka_unit_test(names_and_sizes_have_bounds),
        cmocka_unit_test(all_notes_have_a_bound),
        cmocka_unit_test(a_full_quota_takes_notes),
        cmocka_unit_test(the_last_of_many_stays),
        cmocka_unit_test(a_store_of_format_1_is_taken_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
