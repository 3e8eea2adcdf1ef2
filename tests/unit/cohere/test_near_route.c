/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cohere/near_internal.h"
#include "store/span.h"

/* Which part of a near store has which keys, and which spans are mirrored. */

enum { PARTS_MAX = 8, GROUPS_MAX = 8 };

#define MIRROR ((struct coherence_policy){.keeps = true, .mirrored = true})
#define KEEP ((struct coherence_policy){.keeps = true})
#define NONE ((struct coherence_policy){0})

/* --- mirrors --- */

/* The mirrors of these groups, each as "[from,end)"; endless as "*". */
static void assert_mirrors(const struct near_group *groups, size_t count, const char *expected) {
    struct near_store n = {0};
    char text[256] = "";
    size_t size = 0;

    arena_init(&n.arena, 1 << 16);
    assert_true(near_copy_groups(&n, &(struct near_config){.groups = groups, .group_count = count}));
    for (size_t i = 0; i < n.mirror_count; i++) {
        const struct store_span *span = &n.mirrors[i];
        bool endless = store_span_is_open(span);

        size += (size_t)snprintf(text + size, sizeof(text) - size, "[%.*s,%.*s)",
                                 span->key.data[0] == '\0' ? 0 : (int)span->key.size, span->key.data,
                                 endless ? 1 : (int)span->range_end.size, endless ? "*" : span->range_end.data);
    }
    assert_string_equal(text, expected);
    arena_fini(&n.arena);
}

static void a_mirror_is_the_span_of_its_prefix(void **state) {
    const struct near_group groups[] = {{SLICE("b/"), MIRROR}, {SLICE("a/"), MIRROR}, {SLICE("c/"), KEEP}};
    const struct near_group whole[] = {{SLICE(""), MIRROR}};
    const struct near_group last[] = {{SLICE("\xff"), MIRROR}};

    (void)state;
    assert_mirrors(groups, 3, "[a/,a0)[b/,b0)");
    assert_mirrors(whole, 1, "[,*)");
    assert_mirrors(last, 1, "[\xff,*)");
    assert_mirrors(NULL, 0, "");
}

static void what_is_not_kept_is_a_hole_in_it(void **state) {
    const struct near_group hole[] = {{SLICE("a/"), MIRROR}, {SLICE("a/x/"), NONE}};
    const struct near_group inside[] = {{SLICE("a/"), MIRROR}, {SLICE("a/x/"), NONE}, {SLICE("a/x/y/"), MIRROR}};
    const struct near_group first[] = {{SLICE(""), MIRROR}, {SLICE("\xff"), NONE}};
    const struct near_group kept[] = {{SLICE("a/"), KEEP}, {SLICE("a/x/"), MIRROR}};

    (void)state;
    assert_mirrors(hole, 2, "[a/,a/x/)[a/x0,a0)");
    assert_mirrors(inside, 3, "[a/,a/x/)[a/x/y/,a/x/y0)[a/x0,a0)");
    assert_mirrors(first, 2, "[,\xff)");
    assert_mirrors(kept, 2, "[a/x/,a/x0)");
}

static void mirrors_that_touch_are_one(void **state) {
    const struct near_group within[] = {{SLICE("a/"), MIRROR}, {SLICE("a/x/"), MIRROR}, {SLICE("a/x/y"), MIRROR}};
    const struct near_group beside[] = {{SLICE("a"), MIRROR}, {SLICE("b"), MIRROR}};

    (void)state;
    assert_mirrors(within, 3, "[a/,a0)");
    assert_mirrors(beside, 2, "[a,c)");
}

static void rounds_are_as_often_as_the_strictest_group_wants(void **state) {
    struct near_group groups[] = {{SLICE("a/"), KEEP}, {SLICE("b/"), NONE}};
    struct near_store n = {0};

    (void)state;
    groups[0].policy.stale_limit_ns = 2000000000;
    groups[1].policy.stale_limit_ns = 1;
    arena_init(&n.arena, 1 << 16);
    assert_true(near_copy_groups(&n, &(struct near_config){.groups = groups, .group_count = 2}));
    assert_int_equal(near_round_every_ns(&n), 500000000);
    arena_fini(&n.arena);
}

/* --- parts --- */

struct world {
    struct near_set set;
    struct near_part *parts[PARTS_MAX];
    char places[PARTS_MAX][16];
};

static void init_world(struct world *w, const char *const *prefixes, size_t count) {
    *w = (struct world){.set = {.parts = w->parts, .count = count}};
    for (size_t i = 0; i < count; i++) {
        w->parts[i] = calloc(1, sizeof(struct near_part));
        w->parts[i]->prefix = slice_from_string(prefixes[i]);
        w->parts[i]->span = store_span_of_prefix(w->parts[i]->prefix, w->places[i]);
    }
}

static void fini_world(struct world *w) {
    for (size_t i = 0; i < w->set.count; i++) {
        free(w->parts[i]);
    }
}

static int place_of(const struct world *w, const struct near_part *part) {
    for (size_t i = 0; i < w->set.count; i++) {
        if (w->parts[i] == part) {
            return (int)i;
        }
    }
    return -1;
}

static int of_key(const struct world *w, struct slice key) {
    return place_of(w, near_find_key(&w->set, key));
}

static int of_span(const struct world *w, struct slice key, struct slice end) {
    return place_of(w, near_find_span(&w->set, &(struct store_span){.key = key, .range_end = end}));
}

static void keys_are_found_by_their_prefix(void **state) {
    const char *const prefixes[] = {"a/", "b", "\xff"};
    struct world w;

    (void)state;
    init_world(&w, prefixes, 3);
    assert_int_equal(of_key(&w, SLICE("a/")), 0);
    assert_int_equal(of_key(&w, SLICE("a/x")), 0);
    assert_int_equal(of_key(&w, SLICE("a0")), -1);
    assert_int_equal(of_key(&w, SLICE("a")), -1);
    assert_int_equal(of_key(&w, SLICE("bz")), 1);
    assert_int_equal(of_key(&w, SLICE("c")), -1);
    assert_int_equal(of_key(&w, SLICE("\xff\xff")), 2);
    assert_int_equal(of_key(&w, SLICE("")), -1);
    fini_world(&w);
}

static void a_range_must_lie_within_one(void **state) {
    const char *const prefixes[] = {"a/", "b", "\xff"};
    struct world w;

    (void)state;
    init_world(&w, prefixes, 3);
    assert_int_equal(of_span(&w, SLICE("a/"), SLICE("a0")), 0);
    assert_int_equal(of_span(&w, SLICE("a/x"), SLICE("a/y")), 0);
    assert_int_equal(of_span(&w, SLICE("a/x"), SLICE("")), 0);
    assert_int_equal(of_span(&w, SLICE("a/"), SLICE("a00")), -1);
    assert_int_equal(of_span(&w, SLICE("a/"), SLICE("\0")), -1);
    assert_int_equal(of_span(&w, SLICE("a"), SLICE("a/z")), -1);
    assert_int_equal(of_span(&w, SLICE("b"), SLICE("c")), 1);
    assert_int_equal(of_span(&w, SLICE("\xff"), SLICE("\0")), 2);
    assert_int_equal(of_span(&w, SLICE("\0"), SLICE("\0")), -1);
    fini_world(&w);
}

static struct store_op put_of(const char *key) {
    return (struct store_op){.kind = STORE_OP_PUT, .put = {.key = slice_from_string(key)}};
}

static struct store_op txn_of(const struct store_compare *compare, const struct store_op *success,
                              const struct store_op *failure) {
    return (struct store_op){.kind = STORE_OP_TXN,
                             .txn = {.compares = compare,
                                     .compare_count = compare != NULL ? 1 : 0,
                                     .success = success,
                                     .success_count = success != NULL ? 1 : 0,
                                     .failure = failure,
                                     .failure_count = failure != NULL ? 1 : 0}};
}

static int of_op(const struct world *w, const struct store_op *op) {
    return place_of(w, near_find_op(&w->set, op));
}

static void a_transaction_must_lie_within_one(void **state) {
    const char *const prefixes[] = {"a/", "b/"};
    const struct store_compare in_a = {.span = {.key = SLICE("a/1")}};
    const struct store_op a = put_of("a/1");
    const struct store_op b = put_of("b/1");
    const struct store_op nested = txn_of(NULL, &a, &b);
    const struct store_op both = txn_of(&in_a, &a, &a);
    const struct store_op compared = txn_of(&in_a, &b, NULL);
    const struct store_op within = txn_of(&in_a, &nested, NULL);
    const struct store_op empty = txn_of(NULL, NULL, NULL);
    const struct store_op lease = {.kind = STORE_OP_LEASE_GRANT};
    struct world w;

    (void)state;
    init_world(&w, prefixes, 2);
    assert_int_equal(of_op(&w, &a), 0);
    assert_int_equal(of_op(&w, &b), 1);
    assert_int_equal(of_op(&w, &both), 0);
    assert_int_equal(of_op(&w, &compared), -1);
    assert_int_equal(of_op(&w, &within), -1);
    assert_int_equal(of_op(&w, &empty), -1);
    assert_int_equal(of_op(&w, &lease), -1);
    fini_world(&w);
}

static void one_for_all_keys_has_everything(void **state) {
    const char *const prefixes[] = {""};
    const struct store_op lease = {.kind = STORE_OP_LEASE_GRANT};
    struct world w;

    (void)state;
    init_world(&w, prefixes, 1);
    assert_int_equal(of_key(&w, SLICE("x")), 0);
    assert_int_equal(of_span(&w, SLICE("\0"), SLICE("\0")), 0);
    assert_int_equal(of_span(&w, SLICE("x"), SLICE("y")), 0);
    assert_int_equal(of_op(&w, &lease), 0);
    fini_world(&w);
}

static struct store_op delete_of(struct slice key, struct slice end) {
    return (struct store_op){.kind = STORE_OP_DELETE, .delete = {.span = {.key = key, .range_end = end}}};
}

static void a_write_touches_what_it_may_change(void **state) {
    const char *const prefixes[] = {"b/", "\xff"};
    const struct store_compare in_b = {.span = {.key = SLICE("b/1")}};
    const struct store_op a = put_of("a/1");
    const struct store_op b = put_of("b/1");
    const struct store_op read = {.kind = STORE_OP_RANGE, .range = {.span = {.key = SLICE("b/1")}}};
    const struct store_op compares = txn_of(&in_b, &a, NULL);
    const struct store_op changes = txn_of(NULL, NULL, &b);
    const struct store_op below = delete_of(SLICE("a"), SLICE("b/"));
    const struct store_op across = delete_of(SLICE("a"), SLICE("b/0"));
    const struct store_op behind = delete_of(SLICE("b0"), SLICE("\0"));
    const struct store_op all = delete_of(SLICE("\0"), SLICE("\0"));
    const struct store_op revoke = {.kind = STORE_OP_LEASE_REVOKE};
    struct world w;

    (void)state;
    init_world(&w, prefixes, 2);
    assert_false(near_touches(w.parts[0], &a));
    assert_true(near_touches(w.parts[0], &b));
    assert_false(near_touches(w.parts[0], &read));
    assert_false(near_touches(w.parts[0], &compares));
    assert_true(near_touches(w.parts[0], &changes));
    assert_false(near_touches(w.parts[0], &below));
    assert_true(near_touches(w.parts[0], &across));
    assert_false(near_touches(w.parts[0], &behind));
    assert_true(near_touches(w.parts[1], &behind));
    assert_true(near_touches(w.parts[0], &all));
    assert_true(near_touches(w.parts[1], &revoke));
    assert_false(near_meets(w.parts[0], &a));
    assert_true(near_meets(w.parts[0], &read));
    assert_true(near_meets(w.parts[0], &compares));
    assert_false(near_meets(w.parts[1], &across));
    assert_true(near_meets(w.parts[1], &revoke));
    fini_world(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mirror_is_the_span_of_its_prefix),
        cmocka_unit_test(what_is_not_kept_is_a_hole_in_it),
        cmocka_unit_test(mirrors_that_touch_are_one),
        cmocka_unit_test(rounds_are_as_often_as_the_strictest_group_wants),
        cmocka_unit_test(keys_are_found_by_their_prefix),
        cmocka_unit_test(a_range_must_lie_within_one),
        cmocka_unit_test(a_transaction_must_lie_within_one),
        cmocka_unit_test(one_for_all_keys_has_everything),
        cmocka_unit_test(a_write_touches_what_it_may_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
