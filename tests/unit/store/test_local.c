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
        cmocka_unit_test(a_second_store_on_the_directory_is_refused),
    };

    return cmocka_run_group_tests_name("store-local", tests, NULL, NULL);
}
