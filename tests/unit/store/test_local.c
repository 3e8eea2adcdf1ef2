/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

static void what_was_written_is_there_after_a_restart(void **state) {
    struct place p;

    (void)state;
    place_start(&p);
    assert_int_equal(store_revision(p.store), 1);
    assert_int_equal(put(&p, "a", "1"), 2);
    assert_int_equal(put(&p, "b", "2"), 3);
    assert_int_equal(put(&p, "a", "3"), 4);
    assert_int_equal(del(&p, "b"), 5);
    assert_int_equal(del(&p, "b"), 5);
    for (int i = 0; i < 2; i++) {
        expect(&p, "a", 0, "3");
        expect(&p, "a", 3, "1");
        expect(&p, "b", 0, NULL);
        expect(&p, "b", 4, "2");
        expect(&p, "b", 2, NULL);
        place_reopen(&p);
    }
    assert_int_equal(store_revision(p.store), 5);
    place_end(&p);
}

static void versions_and_revisions_are_those_of_etcd(void **state) {
    struct place p;
    struct awaited a;
    const struct kv *kv;

    (void)state;
    place_start(&p);
    put(&p, "k", "1");
    put(&p, "other", "1");
    put(&p, "k", "2");
    assert_int_equal(run(&p, &a, op_get("k")), STORE_OK);
    kv = a.call.result.kvs;
    assert_int_equal(kv->create_revision, 2);
    assert_int_equal(kv->mod_revision, 4);
    assert_int_equal(kv->version, 2);
    assert_int_equal(a.call.revision, 4);
    awaited_end(&a);
    del(&p, "k");
    put(&p, "k", "3");
    assert_int_equal(run(&p, &a, op_get("k")), STORE_OK);
    kv = a.call.result.kvs;
    assert_int_equal(kv->create_revision, 6);
    assert_int_equal(kv->version, 1);
    awaited_end(&a);
    place_end(&p);
}

static void what_is_compacted_cannot_be_read(void **state) {
    struct store_op op = op_get("a");
    struct store_figures figures;
    struct awaited a;
    struct place p;

    (void)state;
    place_start(&p);
    for (int i = 0; i < 100; i++) {
        put(&p, "a", "old");
    }
    put(&p, "gone", "x");
    del(&p, "gone");
    put(&p, "a", "new");
    compact(&p, 104);
    op.range.revision = 103;
    assert_int_equal(run(&p, &a, op), STORE_COMPACTED);
    awaited_end(&a);
    expect(&p, "a", 0, "new");
    expect(&p, "a", 104, "new");
    /* What is obsolete goes with the commits that follow, or by itself. */
    do {
        usleep(1000);
        store_get_figures(p.store, &figures);
    } while (figures.bytes > 1000);
    assert_int_equal(figures.compact_revision, 104);
    place_reopen(&p);
    store_get_figures(p.store, &figures);
    assert_int_equal(figures.keys, 1);
    assert_int_equal(figures.compact_revision, 104);
    assert_int_equal(run(&p, &a, op), STORE_COMPACTED);
    awaited_end(&a);
    expect(&p, "a", 0, "new");
    place_end(&p);
}

/* A compaction holds for what is handed in after it, also if both become one commit. */
static void a_transaction_behind_a_compaction_finds_it(void **state) {
    enum { ROUNDS = 100 };
    static struct awaited puts[ROUNDS], compactions[ROUNDS], txns[ROUNDS];
    struct store_op ops[ROUNDS][2];
    struct place p;

    (void)state;
    place_start(&p);
    for (int64_t i = 0; i < ROUNDS; i++) {
        int64_t revision = 2 + i;

        ops[i][0] = op_get("a");
        ops[i][0].range.revision = revision - 1;
        ops[i][1] = op_put("b", "1");
        hand_in(&p, &puts[i], op_put("a", "1"));
        hand_in(&p, &compactions[i], (struct store_op){.kind = STORE_OP_COMPACT, .compact_revision = revision});
        hand_in(&p, &txns[i], (struct store_op){.kind = STORE_OP_TXN, .txn = {.success = ops[i], .success_count = 2}});
    }
    for (size_t i = 0; i < ROUNDS; i++) {
        assert_int_equal(await(&puts[i]), STORE_OK);
        assert_int_equal(await(&compactions[i]), STORE_OK);
        assert_int_equal(await(&txns[i]), STORE_COMPACTED);
        awaited_end(&puts[i]);
        awaited_end(&compactions[i]);
        awaited_end(&txns[i]);
    }
    place_end(&p);
}

/* A crash while the store was made leaves a file aside, whatever is in it. */
static void a_store_that_was_not_made_to_the_end_is_made_anew(void **state) {
    char path[128];
    struct place p;
    FILE *file;

    (void)state;
    place_init(&p);
    snprintf(path, sizeof(path), "%s/data.mdb.new", p.directory);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("half a file", file);
    fclose(file);
    place_open(&p);
    put(&p, "a", "1");
    place_reopen(&p);
    expect(&p, "a", 0, "1");
    place_end(&p);
}

static void a_put_that_keeps_something_needs_it(void **state) {
    struct store_op keep = op_put("a", "");
    struct store_op ops[2] = {
        {.kind = STORE_OP_DELETE, .delete = {.span = {.key = SLICE("a"), .range_end = SLICE("\0")}}},
    };
    struct awaited a;
    struct place p;

    (void)state;
    place_start(&p);
    keep.put.ignore_value = true;
    assert_int_equal(run(&p, &a, keep), STORE_KEY_NOT_FOUND);
    awaited_end(&a);
    keep.put.lease = 9;
    assert_int_equal(run(&p, &a, keep), STORE_LEASE_NOT_FOUND);
    awaited_end(&a);
    ops[1] = keep;
    assert_int_equal(
        run(&p, &a, (struct store_op){.kind = STORE_OP_TXN, .txn = {.success = &ops[1], .success_count = 1}}),
        STORE_KEY_NOT_FOUND);
    awaited_end(&a);
    put(&p, "a", "1");
    ops[1].put.lease = 0;
    assert_int_equal(run(&p, &a, (struct store_op){.kind = STORE_OP_TXN, .txn = {.success = ops, .success_count = 2}}),
                     STORE_DUPLICATE_KEY);
    awaited_end(&a);
    assert_int_equal(run(&p, &a, ops[1]), STORE_OK);
    awaited_end(&a);
    expect(&p, "a", 0, "1");
    place_end(&p);
}

static void a_second_store_on_the_directory_is_refused(void **state) {
    struct buf why;
    struct place p;

    (void)state;
    place_start(&p);
    buf_init(&why, 4096);
    assert_null(local_open(&p.config, &why));
    assert_non_null(memmem(why.data, why.size, "another process uses it", 23));
    buf_fini(&why);
    place_end(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_there_after_a_restart),
        cmocka_unit_test(versions_and_revisions_are_those_of_etcd),
        cmocka_unit_test(what_is_compacted_cannot_be_read),
        cmocka_unit_test(a_transaction_behind_a_compaction_finds_it),
        cmocka_unit_test(a_store_that_was_not_made_to_the_end_is_made_anew),
        cmocka_unit_test(a_put_that_keeps_something_needs_it),
        cmocka_unit_test(a_second_store_on_the_directory_is_refused),
    };

    return cmocka_run_group_tests_name("store-local", tests, NULL, NULL);
}
