/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

/* The expected numbers were taken from etcd 3.4.23, which was told the same operations in the same order;
 * tests/store/test_differential.py does so with random ones. */

struct hash {
    uint32_t value;
    int64_t revision;
    int64_t compact_revision;
};

static enum store_status hash_status(struct place *p, int64_t revision, struct hash *ret_hash) {
    return store_hash_kv(p->store, revision, &ret_hash->value, &ret_hash->revision, &ret_hash->compact_revision);
}

static uint32_t hash_at(struct place *p, int64_t revision) {
    struct hash hash;

    assert_int_equal(hash_status(p, revision, &hash), STORE_OK);
    return hash.value;
}

static void an_empty_store_has_the_hash_of_the_name(void **state) {
    struct hash hash;
    struct place p;

    (void)state;
    place_start(&p);
    assert_int_equal(hash_status(&p, 0, &hash), STORE_OK);
    assert_int_equal(hash.value, 1084519789);
    assert_int_equal(hash.revision, 1);
    assert_int_equal(hash.compact_revision, -1);
    assert_int_equal(hash_status(&p, 2, &hash), STORE_FUTURE_REVISION);
    assert_int_equal(hash.revision, 1);
    place_end(&p);
}

static void expect_hash(struct place *p, int64_t revision, uint32_t value) {
    assert_int_equal(hash_at(p, revision), value);
}

static void known_hashes_of_etcd_come_out(void **state) {
    struct place p;

    (void)state;
    place_start(&p);
    put(&p, "a", "1");
    expect_hash(&p, 0, 2587454935);
    put(&p, "a", "2");
    expect_hash(&p, 0, 535221974);
    expect_hash(&p, 2, 2587454935);
    del(&p, "a");
    expect_hash(&p, 0, 1363947557);
    put(&p, "b", "");
    expect_hash(&p, 0, 3490566893);
    compact(&p, 3);
    expect_hash(&p, 0, 1947405787);
    /* Nothing exists at that revision. */
    expect_hash(&p, 4, 573317793);
    place_end(&p);
}

/* Where a record lies must not matter. */
static void checkpoint_and_restart_change_nothing(void **state) {
    uint32_t before;
    struct place p;

    (void)state;
    place_start(&p);
    put(&p, "a", "1");
    put(&p, "b", "2");
    del(&p, "a");
    put(&p, "b", "3");
    before = hash_at(&p, 0);
    assert_int_equal(hash_at(&p, 5), before);
    assert_int_not_equal(hash_at(&p, 4), before);
    place_reopen(&p);
    assert_int_equal(hash_at(&p, 0), before);
    put(&p, "c", "4");
    assert_int_equal(hash_at(&p, 5), before);
    place_end(&p);
}

static void what_is_compacted_is_refused(void **state) {
    struct hash hash;
    struct place p;

    (void)state;
    place_start(&p);
    put(&p, "a", "1");
    put(&p, "a", "2");
    put(&p, "a", "3");
    compact(&p, 3);
    assert_int_equal(hash_status(&p, 3, &hash), STORE_COMPACTED);
    assert_int_equal(hash.compact_revision, 3);
    assert_int_equal(hash_status(&p, 2, &hash), STORE_COMPACTED);
    assert_int_equal(hash_status(&p, 4, &hash), STORE_OK);
    assert_int_equal(hash.compact_revision, 3);
    place_end(&p);
}

/* How far compaction has come with its work must not matter: with and without a restart, and after waiting for it. */
static void the_state_of_compaction_changes_nothing(void **state) {
    struct awaited a;
    uint32_t now[4];
    struct place p;

    (void)state;
    place_start(&p);
    for (int i = 0; i < 50; i++) {
        put(&p, "a", "1");
        put(&p, "b", "2");
        del(&p, i % 2 == 0 ? "a" : "b");
    }
    compact(&p, 100);
    now[0] = hash_at(&p, 0);
    now[1] = hash_at(&p, 120);
    place_reopen(&p);
    assert_int_equal(hash_at(&p, 0), now[0]);
    assert_int_equal(hash_at(&p, 120), now[1]);
    compact(&p, 130);
    now[2] = hash_at(&p, 0);
    now[3] = hash_at(&p, 140);
    assert_int_equal(run(&p, &a,
                         (struct store_op){
                             .kind = STORE_OP_COMPACT,
                             .compact_revision = 131,
                             .compact_physical = true,
                         }),
                     STORE_OK);
    awaited_end(&a);
    now[2] = hash_at(&p, 0);
    now[3] = hash_at(&p, 140);
    place_reopen(&p);
    assert_int_equal(hash_at(&p, 0), now[2]);
    assert_int_equal(hash_at(&p, 140), now[3]);
    place_end(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_store_has_the_hash_of_the_name), cmocka_unit_test(known_hashes_of_etcd_come_out),
        cmocka_unit_test(checkpoint_and_restart_change_nothing),   cmocka_unit_test(what_is_compacted_is_refused),
        cmocka_unit_test(the_state_of_compaction_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
