/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keyspace_model.h"
#include "store/span.h"

enum { STEPS = 20000, ARENA_MAX = 16 << 20 };

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

static void expect(struct keyspace *ks, const char *key, int64_t revision, bool present) {
    const struct model_state state = {.revision = revision, .present = present};
    struct kv kv = {0};

    assert_true(model_matches(keyspace_find(ks, slice_from_string(key), &kv), &kv, slice_from_string(key), &state));
}

/* --- one key --- */

static void the_newest_wins_whatever_the_order(void **state) {
    struct keyspace *ks = open_keyspace(1 << 20, 1 << 20);

    (void)state;
    expect(ks, "a", 0, false);
    assert_true(model_apply(ks, SLICE("a"), 5, true, KEYSPACE_KEEP));
    expect(ks, "a", 5, true);
    assert_true(model_apply(ks, SLICE("a"), 4, false, KEYSPACE_KEEP));
    expect(ks, "a", 5, true);
    assert_true(model_apply(ks, SLICE("a"), 7, false, KEYSPACE_UPDATE));
    expect(ks, "a", 7, false);
    assert_true(model_apply(ks, SLICE("a"), 6, true, KEYSPACE_MIRROR));
    expect(ks, "a", 7, false);
    assert_true(model_apply(ks, SLICE("a"), 9, false, KEYSPACE_KEEP));
    expect(ks, "a", 9, false);
    assert_true(model_apply(ks, SLICE("a"), 10, true, KEYSPACE_UPDATE));
    expect(ks, "a", 10, true);
    keyspace_free(ks);
}

static void an_update_makes_nothing(void **state) {
    struct keyspace *ks = open_keyspace(1 << 20, 1 << 20);

    (void)state;
    assert_true(model_apply(ks, SLICE("a"), 5, true, KEYSPACE_UPDATE));
    assert_true(model_apply(ks, SLICE("b"), 6, false, KEYSPACE_UPDATE));
    expect(ks, "a", 0, false);
    expect(ks, "b", 0, false);
    assert_int_equal(figures_of(ks).keys, 0);
    keyspace_free(ks);
}

static void what_is_mirrored_counts_and_stays_so(void **state) {
    struct keyspace *ks = open_keyspace(1 << 20, 1 << 20);
    const struct store_span all = {.key = SLICE("a"), .range_end = SLICE("z")};

    (void)state;
    assert_true(model_apply(ks, SLICE("a"), 5, true, KEYSPACE_KEEP));
    assert_int_equal(figures_of(ks).mirrored, 0);
    assert_int_equal(figures_of(ks).mirrored_bytes, 0);
    assert_true(figures_of(ks).bytes > 0);
    /* An answer that is not news makes it stay all the same. */
    assert_true(model_apply(ks, SLICE("a"), 5, true, KEYSPACE_MIRROR));
    assert_int_equal(figures_of(ks).mirrored, 1);
    assert_int_equal(figures_of(ks).mirrored_bytes, figures_of(ks).bytes);
    assert_true(model_apply(ks, SLICE("a"), 6, true, KEYSPACE_UPDATE));
    assert_true(model_apply(ks, SLICE("a"), 7, true, KEYSPACE_KEEP));
    assert_int_equal(figures_of(ks).mirrored, 1);
    assert_true(model_apply(ks, SLICE("b"), 8, false, KEYSPACE_MIRROR));
    assert_true(model_apply(ks, SLICE("c"), 8, false, KEYSPACE_KEEP));
    assert_int_equal(figures_of(ks).mirrored, 2);
    keyspace_settle(ks, &all);
    expect(ks, "a", 7, true);
    expect(ks, "b", 0, false);
    expect(ks, "c", 8, false);
    keyspace_drop_span(ks, &all);
    assert_int_equal(figures_of(ks).keys, 0);
    assert_int_equal(figures_of(ks).bytes, 0);
    keyspace_free(ks);
}

static void everything_can_be_dropped_at_once(void **state) {
    struct keyspace *ks = open_keyspace(1 << 20, 1 << 20);
    const struct store_span behind = {.key = SLICE("b"), .range_end = slice_make("", 1)};
    const struct store_span all = {.key = slice_make("", 1), .range_end = slice_make("", 1)};

    (void)state;
    keyspace_drop_span(ks, &all);
    for (int64_t round = 1; round < 4; round++) {
        assert_true(model_apply(ks, SLICE("a"), round, true, KEYSPACE_KEEP));
        assert_true(model_apply(ks, SLICE("b"), round, true, KEYSPACE_MIRROR));
        assert_true(model_apply(ks, SLICE("c"), round, false, KEYSPACE_MIRROR));
        keyspace_drop_span(ks, round % 2 == 0 ? &behind : &all);
        expect(ks, "a", round % 2 == 0 ? round : 0, true);
        expect(ks, "b", 0, true);
        expect(ks, "c", 0, true);
        assert_int_equal(figures_of(ks).keys, round % 2 == 0 ? 1 : 0);
        assert_int_equal(figures_of(ks).mirrored_bytes, 0);
        keyspace_settle(ks, &all);
    }
    keyspace_free(ks);
}

/* --- random changes --- */

static void random_step(struct keyspace *ks, struct model *m, struct random *random, int64_t newest) {
    size_t i = (size_t)random_below(random, MODEL_KEYS);
    size_t end = i + (size_t)random_below(random, 10);
    struct store_span span = {.key = model_key(m, i)};
    uint64_t what = random_below(random, 100);

    if (end > i) {
        span.range_end = end < MODEL_KEYS ? model_key(m, end) : slice_make("", 1);
    }
    end = end > i ? end : i + 1;
    if (what < 96) {
        int64_t revision = newest - (int64_t)random_below(random, 20);
        enum keyspace_make make = (enum keyspace_make)random_below(random, 3);
        bool present = random_below(random, 3) > 0;

        /* Of one key, and of one state of it. */
        revision = (revision < 1 ? 1 : revision) * MODEL_KEYS + (int64_t)i;
        if (revision == m->states[i].revision) {
            present = m->states[i].present;
        }
        assert_true(model_apply(ks, model_key(m, i), revision, present, make));
        model_take_in(&m->states[i], revision, present, make);
    } else if (what < 97) {
        keyspace_drop(ks, model_key(m, i));
        m->states[i] = (struct model_state){0};
    } else if (what < 98) {
        keyspace_drop_span(ks, &span);
        for (; i < end && i < MODEL_KEYS; i++) {
            m->states[i] = (struct model_state){0};
        }
    } else {
        keyspace_settle(ks, &span);
        for (; i < end && i < MODEL_KEYS; i++) {
            if (m->states[i].mirrored && !m->states[i].present) {
                m->states[i] = (struct model_state){0};
            }
        }
    }
}

static void check_find(struct keyspace *ks, const struct model *m, size_t i) {
    struct kv kv = {0};

    assert_true(model_matches(keyspace_find(ks, model_key(m, i), &kv), &kv, model_key(m, i), &m->states[i]));
    assert_true(keyspace_find(ks, model_key(m, i), NULL) == KEYSPACE_UNKNOWN || m->states[i].revision > 0);
}

static void check_all(struct keyspace *ks, const struct model *m) {
    struct keyspace_figures figures = figures_of(ks);
    char from[MODEL_KEY_MAX + 1] = "";
    size_t from_size = 0;
    size_t mirrored = 0;
    size_t keys = 0;

    for (size_t i = 0; i < MODEL_KEYS; i++) {
        struct kv kv = {0};

        check_find(ks, m, i);
        if (m->states[i].revision == 0) {
            continue;
        }
        keys++;
        mirrored += m->states[i].mirrored;
        /* The walk in their order meets it next. */
        assert_true(
            model_matches(keyspace_seek(ks, slice_make(from, from_size), &kv), &kv, model_key(m, i), &m->states[i]));
        assert_true(slice_equal(kv.key, model_key(m, i)));
        from_size = (size_t)snprintf(from, sizeof(from), "%s", m->keys[i]) + 1;
    }
    assert_int_equal(keyspace_seek(ks, slice_make(from, from_size), &(struct kv){0}), KEYSPACE_UNKNOWN);
    assert_int_equal(figures.keys, keys);
    assert_int_equal(figures.mirrored, mirrored);
    assert_int_equal(figures.evictions, 0);
    assert_int_equal(figures.refusals, 0);
    assert_true(figures.mirrored_bytes <= figures.bytes);
}

/* --- ranges, made the slow way --- */

struct answer {
    size_t keys[MODEL_KEYS];
    size_t size;
    int64_t count;
    int64_t newest;
    bool more;
};

static struct kv kv_of(const struct model *m, size_t i) {
    static char places[MODEL_KEYS][MODEL_VALUE_MAX];

    return model_kv(model_key(m, i), m->states[i].revision, places[i]);
}

static bool is_filtered(const struct store_range *r) {
    return r->min_mod_revision != 0 || r->max_mod_revision != 0 || r->min_create_revision != 0 ||
           r->max_create_revision != 0;
}

static bool is_before(const struct model *m, const struct store_range *r, size_t a, size_t b) {
    struct kv left = kv_of(m, r->order == STORE_SORT_DESCEND ? b : a);
    struct kv right = kv_of(m, r->order == STORE_SORT_DESCEND ? a : b);

    switch (r->target) {
    case STORE_SORT_KEY:
        return slice_compare(left.key, right.key) < 0;
    case STORE_SORT_VERSION:
        return left.version < right.version;
    case STORE_SORT_CREATE:
        return left.create_revision < right.create_revision;
    case STORE_SORT_MOD:
        return left.mod_revision < right.mod_revision;
    case STORE_SORT_VALUE:
    default:
        return slice_compare(left.value, right.value) < 0;
    }
}

static bool passes(const struct store_range *r, const struct kv *kv) {
    return (r->min_mod_revision == 0 || kv->mod_revision >= r->min_mod_revision) &&
           (r->max_mod_revision == 0 || kv->mod_revision <= r->max_mod_revision) &&
           (r->min_create_revision == 0 || kv->create_revision >= r->min_create_revision) &&
           (r->max_create_revision == 0 || kv->create_revision <= r->max_create_revision);
}

static void cut(const struct store_range *r, struct answer *a) {
    if (r->limit > 0 && a->size > (size_t)r->limit) {
        a->size = (size_t)r->limit;
        a->more = true;
    }
}

static void answer_slowly(const struct model *m, const struct store_range *r, struct answer *ret_answer) {
    struct answer a = {0};

    for (size_t i = 0; i < MODEL_KEYS; i++) {
        struct kv kv = kv_of(m, i);

        if (m->states[i].revision == 0 || !store_span_contains(&r->span, kv.key)) {
            continue;
        }
        a.newest = m->states[i].revision > a.newest ? m->states[i].revision : a.newest;
        if (m->states[i].present) {
            a.count++;
            if (!r->count_only && passes(r, &kv)) {
                a.keys[a.size++] = i;
            }
        }
    }
    if (r->limit > 0 && r->order == STORE_SORT_NONE && !is_filtered(r) && a.size > (size_t)r->limit + 1) {
        a.size = (size_t)r->limit + 1;
    }
    for (size_t i = 1; i < a.size && !(r->order == STORE_SORT_NONE && r->target == STORE_SORT_KEY); i++) {
        for (size_t j = i; j > 0 && is_before(m, r, a.keys[j], a.keys[j - 1]); j--) {
            size_t swap = a.keys[j];

            a.keys[j] = a.keys[j - 1];
            a.keys[j - 1] = swap;
        }
    }
    cut(r, &a);
    *ret_answer = a;
}

static struct store_range random_range(const struct model *m, struct random *random, int64_t newest) {
    size_t i = (size_t)random_below(random, MODEL_KEYS);
    size_t end = i + (size_t)random_below(random, MODEL_KEYS / 2);
    struct store_range r = {
        .span = {.key = model_key(m, i)},
        .limit = random_below(random, 2) == 0 ? 0 : (int64_t)random_below(random, 20),
        .order = (enum store_sort_order)random_below(random, 3),
        .target = (enum store_sort_target)random_below(random, 5),
        .keys_only = random_below(random, 4) == 0,
        .count_only = random_below(random, 8) == 0,
    };

    if (random_below(random, 8) > 0) {
        r.span.range_end = end < MODEL_KEYS ? model_key(m, end) : slice_make("", 1);
    }
    if (random_below(random, 4) == 0) {
        r.min_mod_revision = (int64_t)random_below(random, (uint64_t)newest);
        r.max_create_revision = (int64_t)random_below(random, 15485863);
    }
    if (random_below(random, 4) == 0) {
        r.max_mod_revision = (int64_t)random_below(random, (uint64_t)newest);
        r.min_create_revision = (int64_t)random_below(random, 15485863);
    }
    return r;
}

static void check_range(struct keyspace *ks, const struct model *m, struct random *random, int64_t now) {
    struct store_range range = random_range(m, random, now);
    struct store_result result;
    struct answer expected;
    struct arena arena;
    int64_t newest;

    arena_init(&arena, ARENA_MAX);
    answer_slowly(m, &range, &expected);
    assert_int_equal(keyspace_range(ks, &range, &arena, &result, &newest), STORE_OK);
    assert_int_equal(result.kind, STORE_OP_RANGE);
    assert_int_equal(result.count, expected.count);
    assert_int_equal(result.more, expected.more);
    assert_int_equal(newest, expected.newest);
    assert_int_equal(result.kv_count, expected.size);
    for (size_t i = 0; i < expected.size; i++) {
        struct kv kv = kv_of(m, expected.keys[i]);

        if (range.keys_only) {
            kv.value = SLICE("");
        }
        assert_true(model_kv_equal(&result.kvs[i], &kv));
    }
    arena_fini(&arena);
}

static void random_changes_and_ranges_are_as_in_a_naive_one(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 3; seed++) {
        struct keyspace *ks = open_keyspace(1 << 24, 1 << 24);
        struct random random;
        struct model m;

        random_init(&random, seed);
        model_init(&m);
        for (int64_t step = 1; step <= STEPS; step++) {
            random_step(ks, &m, &random, step);
            check_find(ks, &m, (size_t)random_below(&random, MODEL_KEYS));
            if (step % 10 == 0) {
                check_range(ks, &m, &random, (step + 1) * MODEL_KEYS);
            }
            if (step % 500 == 0) {
                check_all(ks, &m);
            }
        }
        keyspace_free(ks);
    }
}

static void a_range_of_too_many_keys_is_refused_whatever_its_limit(void **state) {
    struct keyspace *ks = open_keyspace(1 << 20, 64 << 20);
    struct store_range range = {.span = {SLICE("k"), SLICE("l")}, .limit = 1};
    struct store_result result;
    struct arena arena;
    int64_t newest;

    (void)state;
    for (int i = 0; i <= KEYSPACE_RANGE_KEYS; i++) {
        char key[16];

        snprintf(key, sizeof(key), "k%07d", i);
        assert_true(model_apply(ks, slice_from_string(key), 5, true, KEYSPACE_MIRROR));
    }
    arena_init(&arena, ARENA_MAX);
    assert_int_equal(keyspace_range(ks, &range, &arena, &result, &newest), STORE_TOO_LARGE);
    range.span.key = SLICE("k0000001");
    assert_int_equal(keyspace_range(ks, &range, &arena, &result, &newest), STORE_OK);
    assert_int_equal(result.count, KEYSPACE_RANGE_KEYS);
    assert_int_equal(result.kv_count, 1);
    arena_fini(&arena);
    keyspace_free(ks);
}

static void a_range_without_room_for_it_is_refused(void **state) {
    struct keyspace *ks = open_keyspace(1 << 20, 1 << 20);
    const struct store_range range = {.span = {.key = SLICE("a")}};
    struct store_result result;
    struct arena arena;
    int64_t newest;

    (void)state;
    assert_true(model_apply(ks, SLICE("a"), 5, true, KEYSPACE_KEEP));
    arena_init(&arena, 8);
    assert_int_equal(keyspace_range(ks, &range, &arena, &result, &newest), STORE_NO_MEMORY);
    arena_fini(&arena);
    keyspace_free(ks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_wins_whatever_the_order),
        cmocka_unit_test(an_update_makes_nothing),
        cmocka_unit_test(what_is_mirrored_counts_and_stays_so),
        cmocka_unit_test(everything_can_be_dropped_at_once),
        cmocka_unit_test(random_changes_and_ranges_are_as_in_a_naive_one),
        cmocka_unit_test(a_range_of_too_many_keys_is_refused_whatever_its_limit),
        cmocka_unit_test(a_range_without_room_for_it_is_refused),
    };

    return cmocka_run_group_tests_name("cohere-keyspace", tests, NULL, NULL);
}
