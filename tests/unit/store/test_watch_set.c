/* SPDX-License-Identifier: Apache-2.0 */
/* The set of watchers marks whom a plain look at all of them would mark, whatever comes and goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/span.h"
#include "store/watch_set.h"

enum { ENTRIES = 60, RUNS = 50, STEPS = 500, KEY_MAX = 3, LETTERS = 3, MANY = 10000 };

struct place {
    struct watch_entry entry;
    bool in;
    unsigned woken;
    char bytes[2 * KEY_MAX];
};

static void on_wake(void *ctx) {
    ((struct place *)ctx)->woken++;
}

static struct slice some_key(struct random *r, char place[KEY_MAX]) {
    size_t size = 1 + random_below(r, KEY_MAX);

    for (size_t i = 0; i < size; i++) {
        place[i] = (char)('a' + random_below(r, LETTERS));
    }
    return slice_make(place, size);
}

static void add_some(struct watch_set *set, struct place *p, struct random *r) {
    char key[KEY_MAX];
    char range_end[KEY_MAX];
    struct store_watch watch = {.span.key = some_key(r, key), .start_revision = 1};

    switch (random_below(r, 4)) {
    case 0:
        break;
    case 1:
        watch.span.range_end = slice_make("", 1);
        break;
    default:
        watch.span.range_end = some_key(r, range_end);
        break;
    }
    watch_entry_init(&p->entry, &watch, p->bytes, on_wake, p);
    assert_true(watch_set_reserve(set));
    watch_set_add(set, &p->entry);
    p->in = true;
}

static void tell_some(struct watch_set *set, struct place *places, struct random *r, int64_t revision) {
    char key[KEY_MAX];
    struct kv_event event = {.kv = {.key = some_key(r, key), .mod_revision = revision}};

    watch_set_mark_events(set, &event, 1);
    watch_set_wake(set);
    for (size_t i = 0; i < ENTRIES; i++) {
        struct place *p = &places[i];
        bool wanted = p->in && store_span_contains(&p->entry.watch.span, event.kv.key);

        assert_int_equal(p->woken, wanted);
        if (wanted) {
            assert_int_equal(p->entry.dirty_from, revision);
            watch_entry_was_read(&p->entry, revision);
        }
        p->woken = 0;
    }
}

static void whom_it_marks_is_whom_a_plain_look_would_mark(void **state) {
    static struct place places[ENTRIES];
    struct watch_set set;
    struct random r;

    (void)state;
    for (uint64_t seed = 0; seed < RUNS; seed++) {
        random_init(&r, seed);
        watch_set_init(&set);
        memset(places, 0, sizeof(places));
        for (int64_t revision = 1; revision <= STEPS; revision++) {
            struct place *p = &places[random_below(&r, ENTRIES)];

            if (!p->in) {
                add_some(&set, p, &r);
            } else if (random_below(&r, 3) == 0) {
                watch_set_remove(&set, &p->entry);
                p->in = false;
            }
            tell_some(&set, places, &r, revision);
        }
        watch_set_fini(&set);
    }
}

/* How far a tree is from its end. */
static size_t depth_of(const struct watch_entry *e) {
    size_t left;
    size_t right;

    if (e == NULL) {
        return 0;
    }
    left = depth_of(e->left);
    right = depth_of(e->right);
    return 1 + (left > right ? left : right);
}

static void many_in_order_make_no_deep_tree(void **state) {
    struct place *places = calloc(MANY, sizeof(*places));
    struct watch_set set;

    (void)state;
    assert_non_null(places);
    watch_set_init(&set);
    for (unsigned i = 0; i < MANY; i++) {
        char key[KEY_MAX] = {(char)(i >> 7), (char)(i & 127)};
        char range_end[KEY_MAX] = {(char)(i >> 7), (char)(i & 127), 1};
        struct store_watch watch = {.span = {.key = slice_make(key, 2), .range_end = slice_make(range_end, 3)}};

        watch_entry_init(&places[i].entry, &watch, places[i].bytes, on_wake, &places[i]);
        watch_set_add(&set, &places[i].entry);
    }
    assert_true(depth_of(set.tree.root) < 60); /* about 2 ln n, 18, and rarely half as much again */
    for (unsigned i = 0; i < MANY; i++) {
        watch_set_remove(&set, &places[i].entry);
    }
    assert_null(set.tree.root);
    watch_set_fini(&set);
    free(places);
}

static void expect_within(struct slice key, struct slice range_end, bool wanted) {
    const struct store_span outer = {.key = SLICE("b"), .range_end = SLICE("d")};
    const struct store_span inner = {.key = key, .range_end = range_end};

    assert_int_equal(store_span_within(&inner, &outer), wanted);
}

static void a_span_lies_within_another(void **state) {
    const struct store_span all = {.key = slice_make("", 1), .range_end = slice_make("", 1)};
    const struct store_span from_b = {.key = SLICE("b"), .range_end = slice_make("", 1)};
    const struct store_span one = {.key = SLICE("b")};

    (void)state;
    expect_within(SLICE("b"), SLICE("d"), true);
    expect_within(SLICE("b"), SLICE(""), true);
    expect_within(SLICE("czz"), SLICE(""), true);
    expect_within(SLICE("c"), SLICE("cc"), true);
    expect_within(SLICE("d"), SLICE(""), false);
    expect_within(SLICE("a"), SLICE("c"), false);
    expect_within(SLICE("c"), SLICE("da"), false);
    expect_within(SLICE("c"), slice_make("", 1), false);
    assert_true(store_span_within(&from_b, &all));
    assert_true(store_span_within(&one, &from_b));
    assert_true(store_span_within(&one, &one));
    assert_false(store_span_within(&from_b, &one));
    assert_false(store_span_within(&all, &from_b));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whom_it_marks_is_whom_a_plain_look_would_mark),
        cmocka_unit_test(many_in_order_make_no_deep_tree),
        cmocka_unit_test(a_span_lies_within_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
