/* SPDX-License-Identifier: Apache-2.0 */
/* The two ceilings, who goes when room is needed, and what becomes of what finds none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keyspace_model.h"

enum { MEMORY = 100000, STEPS = 30000, MANY = 40000, HOT = 50, VALUE = 64 };

static struct keyspace *open_keyspace(size_t memory, size_t mirror_memory) {
    const struct keyspace_config config = {.memory = memory, .mirror_memory = mirror_memory, .seed = 42};
    struct keyspace *ks = keyspace_new(&config);

    assert_non_null(ks);
    return ks;
}

static struct keyspace_figures figures_of(struct keyspace *ks) {
    struct keyspace_figures figures;

    keyspace_get_figures(ks, &figures);
    return figures;
}

static void check_ceilings(struct keyspace *ks, size_t memory, size_t mirror_memory) {
    struct keyspace_figures figures = figures_of(ks);

    assert_true(figures.bytes - figures.mirrored_bytes <= memory);
    assert_true(figures.mirrored_bytes <= mirror_memory);
}

static bool put_numbered(struct keyspace *ks, const char *prefix, size_t number, int64_t revision, size_t size,
                         enum keyspace_make make) {
    static const char zeros[1 << 20];
    char key[32];
    const struct kv kv = {
        .key = slice_make(key, (size_t)snprintf(key, sizeof(key), "%s%06zu", prefix, number)),
        .value = slice_make(zeros, size),
        .mod_revision = revision,
        .version = 1,
    };

    return keyspace_put(ks, &kv, make);
}

static enum keyspace_found find_numbered(struct keyspace *ks, const char *prefix, size_t number, int64_t *ret_mod) {
    char key[32];
    struct kv kv = {0};
    enum keyspace_found found =
        keyspace_find(ks, slice_make(key, (size_t)snprintf(key, sizeof(key), "%s%06zu", prefix, number)), &kv);

    if (ret_mod != NULL) {
        *ret_mod = kv.mod_revision;
    }
    return found;
}

/* --- both ceilings, whatever happens --- */

static void random_change(struct keyspace *ks, struct model_state *states, const struct model *m, struct random *random,
                          int64_t revision) {
    size_t i = (size_t)random_below(random, MODEL_KEYS);
    enum keyspace_make make = random_below(random, 4) == 0 ? KEYSPACE_MIRROR : KEYSPACE_KEEP;
    bool present = random_below(random, 4) > 0;
    struct kv kv = {0};

    if (random_below(random, 50) == 0) {
        keyspace_drop(ks, model_key(m, i));
    }
    if (!model_apply(ks, model_key(m, i), revision, present, make)) {
        assert_int_equal(keyspace_find(ks, model_key(m, i), &kv), KEYSPACE_UNKNOWN);
    }
    states[i] = (struct model_state){.revision = revision, .present = present};
    i = (size_t)random_below(random, MODEL_KEYS);
    /* It may be gone, but must not be old. */
    assert_true(keyspace_find(ks, model_key(m, i), &kv) == KEYSPACE_UNKNOWN ||
                model_matches(keyspace_find(ks, model_key(m, i), &kv), &kv, model_key(m, i), &states[i]));
}

static void no_ceiling_is_passed_and_nothing_old_stays(void **state) {
    const size_t memories[] = {0, 9000, 14000, 20000};

    (void)state;
    for (size_t i = 0; i < sizeof(memories) / sizeof(*memories); i++) {
        struct keyspace *ks = open_keyspace(memories[i], 20000 - memories[i]);
        struct model_state states[MODEL_KEYS] = {0};
        struct random random;
        struct model m;

        random_init(&random, i);
        model_init(&m);
        for (int64_t step = 1; step <= STEPS; step++) {
            random_change(ks, states, &m, &random, step);
            check_ceilings(ks, memories[i], 20000 - memories[i]);
        }
        assert_true(figures_of(ks).refusals > 0);
        keyspace_free(ks);
    }
}

/* --- what may go --- */

static void what_is_used_outlasts_what_is_asked_for_once(void **state) {
    struct keyspace *ks = open_keyspace(MEMORY, 0);
    size_t misses = 0;

    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        assert_true(put_numbered(ks, "once/", i, (int64_t)i + 1, VALUE, KEYSPACE_KEEP));
        if (find_numbered(ks, "hot/", i % HOT, NULL) == KEYSPACE_UNKNOWN) {
            misses++;
            assert_true(put_numbered(ks, "hot/", i % HOT, (int64_t)i + 1, VALUE, KEYSPACE_KEEP));
        }
        check_ceilings(ks, MEMORY, 0);
    }
    assert_true(misses < (size_t)HOT * 2);
    assert_true(figures_of(ks).evictions > MANY / 2);
    assert_true(figures_of(ks).bytes > MEMORY / 10 * 9);
    assert_int_equal(figures_of(ks).refusals, 0);
    keyspace_free(ks);
}

static void what_comes_back_soon_stays_longer(void **state) {
    struct keyspace *ks = open_keyspace(MEMORY * 10, 0);
    size_t number = 0;

    (void)state;
    assert_true(put_numbered(ks, "back/", 0, 1, VALUE, KEYSPACE_KEEP));
    while (figures_of(ks).evictions < 200) {
        assert_true(put_numbered(ks, "once/", number++, 1, VALUE, KEYSPACE_KEEP));
    }
    assert_int_equal(find_numbered(ks, "back/", 0, NULL), KEYSPACE_UNKNOWN);
    assert_true(put_numbered(ks, "back/", 0, 1, VALUE, KEYSPACE_KEEP));
    for (size_t i = 0; i < MANY; i++) {
        assert_true(put_numbered(ks, "once/", number++, 1, VALUE, KEYSPACE_KEEP));
    }
    assert_int_equal(find_numbered(ks, "back/", 0, NULL), KEYSPACE_PRESENT);
    keyspace_free(ks);
}

static void what_is_mirrored_stays_when_others_go(void **state) {
    struct keyspace *ks = open_keyspace(MEMORY, MEMORY);

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        assert_true(put_numbered(ks, "kept/", i, 1, VALUE, KEYSPACE_KEEP));
        assert_true(put_numbered(ks, "mirror/", i, 1, VALUE, KEYSPACE_MIRROR));
    }
    for (size_t i = 0; i < MANY; i++) {
        assert_true(put_numbered(ks, "once/", i, 2, VALUE, KEYSPACE_KEEP));
    }
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(find_numbered(ks, "mirror/", i, NULL), KEYSPACE_PRESENT);
        assert_int_equal(find_numbered(ks, "kept/", i, NULL), KEYSPACE_UNKNOWN);
    }
    assert_int_equal(figures_of(ks).mirrored, 100);
    keyspace_free(ks);
}

static void what_is_too_large_is_refused_and_drives_nobody_out(void **state) {
    struct keyspace *ks = open_keyspace(MEMORY, 0);

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        assert_true(put_numbered(ks, "k/", i, 5, VALUE, KEYSPACE_KEEP));
    }
    assert_false(put_numbered(ks, "k/", 7, 6, MEMORY, KEYSPACE_KEEP));
    assert_int_equal(find_numbered(ks, "k/", 7, NULL), KEYSPACE_UNKNOWN);
    assert_false(put_numbered(ks, "k/", 8, 6, MEMORY, KEYSPACE_UPDATE));
    assert_int_equal(find_numbered(ks, "k/", 8, NULL), KEYSPACE_UNKNOWN);
    /* What is newer is not even looked at. */
    assert_true(put_numbered(ks, "k/", 9, 4, MEMORY, KEYSPACE_KEEP));
    assert_int_equal(find_numbered(ks, "k/", 9, NULL), KEYSPACE_PRESENT);
    assert_int_equal(figures_of(ks).keys, 98);
    assert_int_equal(figures_of(ks).refusals, 2);
    assert_int_equal(figures_of(ks).evictions, 0);
    /* Large, but not too large: all others have to go. */
    assert_true(put_numbered(ks, "k/", 10, 6, MEMORY - 15000, KEYSPACE_KEEP));
    assert_int_equal(find_numbered(ks, "k/", 10, NULL), KEYSPACE_PRESENT);
    check_ceilings(ks, MEMORY, 0);
    keyspace_free(ks);
}

/* --- what is mirrored --- */

static void a_full_mirror_refuses(void **state) {
    struct keyspace *ks = open_keyspace(MEMORY, MEMORY);
    int64_t mod;
    size_t count = 0;

    (void)state;
    assert_true(put_numbered(ks, "kept/", 0, 5, VALUE, KEYSPACE_KEEP));
    while (put_numbered(ks, "m/", count, 5, VALUE, KEYSPACE_MIRROR)) {
        count++;
        check_ceilings(ks, MEMORY, MEMORY);
    }
    assert_true(count > MEMORY / 200);
    assert_int_equal(find_numbered(ks, "m/", count, NULL), KEYSPACE_UNKNOWN);
    /* A mirrored key that grows has to go, one that is as large stays. */
    assert_false(put_numbered(ks, "m/", 3, 6, VALUE * 100, KEYSPACE_UPDATE));
    assert_int_equal(find_numbered(ks, "m/", 3, NULL), KEYSPACE_UNKNOWN);
    assert_true(put_numbered(ks, "m/", 4, 6, VALUE, KEYSPACE_UPDATE));
    assert_int_equal(find_numbered(ks, "m/", 4, &mod), KEYSPACE_PRESENT);
    assert_int_equal(mod, 6);
    /* What was kept and cannot be mirrored is known all the same, if it is as new. */
    assert_true(put_numbered(ks, "m/", 3, 6, VALUE, KEYSPACE_MIRROR));
    assert_false(put_numbered(ks, "kept/", 0, 5, VALUE, KEYSPACE_MIRROR));
    assert_int_equal(find_numbered(ks, "kept/", 0, NULL), KEYSPACE_PRESENT);
    assert_false(put_numbered(ks, "kept/", 0, 6, VALUE, KEYSPACE_MIRROR));
    assert_int_equal(find_numbered(ks, "kept/", 0, NULL), KEYSPACE_UNKNOWN);
    assert_int_equal(figures_of(ks).refusals, 4);
    assert_int_equal(figures_of(ks).mirrored, count);
    keyspace_free(ks);
}

static void many_keys_come_and_go_and_leave_no_memory_behind(void **state) {
    struct keyspace *ks = open_keyspace(0, 100 << 20);
    const struct store_span most = {.key = SLICE("m/000001"), .range_end = SLICE("n")};
    int64_t mod;

    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        assert_true(put_numbered(ks, "m/", i * 7919 % MANY, (int64_t)i + 1, VALUE, KEYSPACE_MIRROR));
    }
    assert_int_equal(figures_of(ks).keys, MANY);
    assert_true(figures_of(ks).bytes / MANY < 173);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(find_numbered(ks, "m/", i * 7919 % MANY, &mod), KEYSPACE_PRESENT);
        assert_int_equal(mod, i + 1);
    }
    for (size_t i = 0; i < MANY; i += 2) {
        char key[32];

        keyspace_drop(ks, slice_make(key, (size_t)snprintf(key, sizeof(key), "m/%06zu", i)));
    }
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(find_numbered(ks, "m/", i, NULL), i % 2 == 0 ? KEYSPACE_UNKNOWN : KEYSPACE_PRESENT);
    }
    assert_true(put_numbered(ks, "m/", 0, MANY + 1, VALUE, KEYSPACE_MIRROR));
    keyspace_drop_span(ks, &most);
    assert_int_equal(figures_of(ks).keys, 1);
    assert_true(figures_of(ks).bytes < 20000);
    keyspace_free(ks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_ceiling_is_passed_and_nothing_old_stays),
        cmocka_unit_test(what_is_used_outlasts_what_is_asked_for_once),
        cmocka_unit_test(what_comes_back_soon_stays_longer),
        cmocka_unit_test(what_is_mirrored_stays_when_others_go),
        cmocka_unit_test(what_is_too_large_is_refused_and_drives_nobody_out),
        cmocka_unit_test(a_full_mirror_refuses),
        cmocka_unit_test(many_keys_come_and_go_and_leave_no_memory_behind),
    };

    return cmocka_run_group_tests_name("cohere-keyspace-room", tests, NULL, NULL);
}
