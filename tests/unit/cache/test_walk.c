/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cache/walk.h"

enum { NOW = 10, KEYS = 20000, MEMORY = 64 << 20 };

static struct slice key_of(unsigned number, char place[32]) {
    return slice_make(place, (size_t)snprintf(place, 32, "key-%u", number));
}

static void put(struct table *t, unsigned number) {
    const struct shard_put put = {.value_size = 4, .group = (uint16_t)(number % 3)};
    char place[32];
    struct slice key = key_of(number, place);
    uint64_t hash = table_hash(t, key);
    struct shard *s = table_lock(t, hash);
    struct entry *e = shard_put(s, hash, key, &put, NOW);

    assert_non_null(e);
    memcpy(entry_value(e), &number, sizeof(number));
    table_unlock(s);
}

static bool has(struct table *t, unsigned number) {
    char place[32];
    struct slice key = key_of(number, place);
    uint64_t hash = table_hash(t, key);
    struct shard *s = table_lock(t, hash);
    bool found = shard_find(s, hash, key, NOW, NULL) != NULL;

    table_unlock(s);
    return found;
}

static int setup(void **state) {
    struct table *t = malloc(sizeof(*t));
    const struct table_config config = {.memory = MEMORY, .max_item = 64 << 10, .seed = 5};

    assert_int_equal(table_init(t, &config), LARDER_OK);
    *state = t;
    return 0;
}

static int teardown(void **state) {
    table_fini(*state);
    free(*state);
    return 0;
}

static void count(void *ctx, struct entry *e) {
    unsigned *met = ctx;
    unsigned number;

    memcpy(&number, entry_value(e), sizeof(number));
    met[number]++;
}

static void everything_is_met_once(void **state) {
    static unsigned met[KEYS];
    struct table_walk walk = {0};
    struct table *t = *state;
    unsigned steps = 0;

    assert_true(t->shard_count > 1);
    for (unsigned i = 0; i < KEYS; i++) {
        put(t, i);
    }
    while (table_walk_step(t, &walk, count, met)) {
        steps++;
    }
    assert_true(steps >= KEYS / 7 / TABLE_WALK_BUCKETS);
    for (unsigned i = 0; i < KEYS; i++) {
        assert_int_equal(met[i], 1);
    }
    assert_false(table_walk_step(t, &walk, count, met));
}

/* The index grows under the walk: what was there before is not missed. */
static void what_is_there_all_the_time_is_met(void **state) {
    static unsigned met[KEYS];
    struct table_walk walk = {0};
    struct table *t = *state;
    unsigned more = KEYS / 4;

    for (unsigned i = 0; i < KEYS / 4; i++) {
        put(t, i);
    }
    while (table_walk_step(t, &walk, count, met)) {
        for (unsigned i = 0; i < 200 && more < KEYS; i++) {
            put(t, more++);
        }
    }
    assert_true(more > KEYS / 2);
    for (unsigned i = 0; i < KEYS / 4; i++) {
        assert_true(met[i] >= 1);
    }
}

static bool is_of_the_first(void *ctx, struct entry *e) {
    (void)ctx;
    return e->group == 0;
}

static void a_purge_takes_out_what_matches(void **state) {
    struct table_walk walk = {0};
    struct table *t = *state;

    for (unsigned i = 0; i < KEYS; i++) {
        put(t, i);
    }
    while (table_purge_step(t, &walk, is_of_the_first, NULL)) {
    }
    for (unsigned i = 0; i < KEYS; i++) {
        assert_int_equal(has(t, i), i % 3 != 0);
    }
}

static void an_empty_table_is_soon_done(void **state) {
    struct table_walk walk = {0};

    while (table_walk_step(*state, &walk, count, NULL)) {
    }
    assert_false(table_purge_step(*state, &walk, is_of_the_first, NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(everything_is_met_once, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_there_all_the_time_is_met, setup, teardown),
        cmocka_unit_test_setup_teardown(a_purge_takes_out_what_matches, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_table_is_soon_done, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
