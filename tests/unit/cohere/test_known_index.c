/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"
#include "cohere/known_index.h"

enum { KEYS = 60000, SEED = 5, ROUNDS = 3 };

enum {
    PLACE_SIZE =
        256 /* of a key; the compiler sees the ways of the hash for long ones as well, and that they would read so far */
};

struct keys {
    struct known *known[KEYS];
    struct known_index index;
};

static struct slice numbered(char place[PLACE_SIZE], size_t number) {
    return slice_make(place, (size_t)snprintf(place, PLACE_SIZE, "k%zu", number));
}

static uint64_t hash_of(size_t number) {
    char place[PLACE_SIZE];

    return hash_key(numbered(place, number), SEED);
}

static struct keys *open_keys(void) {
    struct keys *k = calloc(1, sizeof(*k));

    assert_non_null(k);
    assert_true(known_index_init(&k->index, SEED));
    for (size_t i = 0; i < KEYS; i++) {
        char place[PLACE_SIZE];
        const struct kv kv = {.key = numbered(place, i), .mod_revision = 1};

        k->known[i] = known_new(&kv, KNOWN_MIRRORED);
        assert_non_null(k->known[i]);
    }
    return k;
}

static void close_keys(struct keys *k) {
    for (size_t i = 0; i < KEYS; i++) {
        known_free(k->known[i]);
    }
    known_index_fini(&k->index);
    free(k);
}

static void insert(struct keys *k, size_t i) {
    assert_true(known_index_reserve(&k->index, hash_of(i)));
    assert_true(known_index_has_room(&k->index, hash_of(i)));
    known_index_insert(&k->index, hash_of(i), k->known[i]);
}

/* Those below `count` are there, no other is. */
static void check(const struct keys *k, size_t count) {
    char place[PLACE_SIZE];

    for (size_t i = 0; i < KEYS; i++) {
        assert_ptr_equal(known_index_find(&k->index, hash_of(i), numbered(place, i)), i < count ? k->known[i] : NULL);
    }
    assert_int_equal(k->index.count, count);
}

/* Memory goes with the keys. */
static void check_segments(const struct keys *k) {
    assert_true(k->index.segments <= k->index.count / (INDEX_SPARSE / 4) + 2);
}

static void it_grows_and_shrinks_with_its_keys(void **state) {
    struct keys *k = open_keys();

    (void)state;
    check(k, 0);
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < KEYS; i++) {
            insert(k, i);
        }
        check(k, KEYS);
        assert_true(k->index.segments >= KEYS / INDEX_FULL);
        assert_true(k->index.segments <= KEYS / (INDEX_FULL / 3));
        for (size_t i = KEYS; i-- > 0;) {
            known_index_remove(&k->index, hash_of(i), k->known[i]);
            if (i == KEYS / 2 || i == KEYS / 10 || i == 0) {
                check(k, i);
                check_segments(k);
            }
        }
        assert_int_equal(k->index.segments, 1);
    }
    close_keys(k);
}

static void another_entry_takes_the_place_of_one(void **state) {
    struct keys *k = open_keys();

    (void)state;
    for (size_t i = 0; i < KEYS; i++) {
        insert(k, i);
    }
    for (size_t i = 0; i < KEYS; i++) {
        char place[PLACE_SIZE];
        const struct kv kv = {.key = numbered(place, i), .mod_revision = 2};
        struct known *old = k->known[i];

        k->known[i] = known_new(&kv, KNOWN_SMALL);
        assert_non_null(k->known[i]);
        known_index_replace(&k->index, hash_of(i), old, k->known[i]);
        known_free(old);
    }
    check(k, KEYS);
    close_keys(k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_grows_and_shrinks_with_its_keys),
        cmocka_unit_test(another_entry_takes_the_place_of_one),
    };

    return cmocka_run_group_tests_name("cohere-known-index", tests, NULL, NULL);
}
