/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "library/etcd/translate.h"

enum { ROOM = 1 << 20 };

struct fixture {
    struct arena arena;
    struct store_op op;
    const char *why;
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof(*f));

    arena_init(&f->arena, ROOM);
    *state = f;
    return f == NULL;
}

static int tear_down(void **state) {
    struct fixture *f = *state;

    arena_fini(&f->arena);
    free(f);
    return 0;
}

static void assert_slice(struct slice s, const char *data, size_t size) {
    assert_int_equal(s.size, size);
    assert_memory_equal(s.data, data, size);
}

static void spans(void **state) {
    struct fixture *f = *state;
    struct store_span span;
    struct larder_etcd_span wish = {.key = "ab", .key_size = 2};

    assert_int_equal(translate_span(&wish, &f->arena, &span, &f->why), LARDER_DONE);
    assert_slice(span.key, "ab", 2);
    assert_int_equal(span.range_end.size, 0);
    wish.which = LARDER_ETCD_PREFIX;
    assert_int_equal(translate_span(&wish, &f->arena, &span, &f->why), LARDER_DONE);
    assert_slice(span.key, "ab", 2);
    assert_slice(span.range_end, "ac", 2);
    wish.key = "a\xff";
    assert_int_equal(translate_span(&wish, &f->arena, &span, &f->why), LARDER_DONE);
    assert_slice(span.range_end, "b", 1);
    wish.which = LARDER_ETCD_FROM;
    assert_int_equal(translate_span(&wish, &f->arena, &span, &f->why), LARDER_DONE);
    assert_slice(span.range_end, "\0", 1);
    wish.which = LARDER_ETCD_UNTIL;
    assert_int_equal(translate_span(&wish, &f->arena, &span, &f->why), LARDER_ERR_INVALID);
    wish.end = "c";
    wish.end_size = 1;
    assert_int_equal(translate_span(&wish, &f->arena, &span, &f->why), LARDER_DONE);
    assert_slice(span.range_end, "c", 1);
    wish.which = (enum larder_etcd_which)77;
    assert_int_equal(translate_span(&wish, &f->arena, &span, &f->why), LARDER_ERR_INVALID);
}

/* All keys, as etcd has it: from the byte 0 to the byte 0. */
static void an_empty_key_is_all_or_nothing(void **state) {
    struct fixture *f = *state;
    struct store_span span;
    struct larder_etcd_span wish = {.key = NULL};

    assert_int_equal(translate_span(&wish, &f->arena, &span, &f->why), LARDER_ERR_KEY);
    wish.which = LARDER_ETCD_UNTIL;
    assert_int_equal(translate_span(&wish, &f->arena, &span, &f->why), LARDER_ERR_KEY);
    for (int i = 0; i < 2; i++) {
        wish.which = i == 0 ? LARDER_ETCD_PREFIX : LARDER_ETCD_FROM;
        assert_int_equal(translate_span(&wish, &f->arena, &span, &f->why), LARDER_DONE);
        assert_slice(span.key, "\0", 1);
        assert_slice(span.range_end, "\0", 1);
    }
}

static void a_range_says_all_it_has(void **state) {
    struct fixture *f = *state;
    struct larder_etcd_op op = {
        .kind = LARDER_ETCD_RANGE,
        .range = {.span = {.key = "k", .key_size = 1},
                  .limit = 2,
                  .revision = 3,
                  .order = LARDER_ETCD_DESCENDING,
                  .by = LARDER_ETCD_BY_MOD_REVISION,
                  .serializable = true,
                  .keys_only = true,
                  .count_only = true,
                  .min_mod_revision = 4,
                  .max_mod_revision = 5,
                  .min_create_revision = 6,
                  .max_create_revision = 7},
    };
    const struct store_range *r = &f->op.range;

    assert_int_equal(translate_op(&op, &f->arena, &f->op, &f->why), LARDER_DONE);
    assert_int_equal(f->op.kind, STORE_OP_RANGE);
    assert_true(r->limit == 2 && r->revision == 3 && r->order == STORE_SORT_DESCEND && r->target == STORE_SORT_MOD);
    assert_true(r->serializable && r->keys_only && r->count_only);
    assert_true(r->min_mod_revision == 4 && r->max_mod_revision == 5);
    assert_true(r->min_create_revision == 6 && r->max_create_revision == 7);
    op.range.by = LARDER_ETCD_BY_LEASE;
    assert_int_equal(translate_op(&op, &f->arena, &f->op, &f->why), LARDER_ERR_INVALID);
}

static void transactions_have_ceilings(void **state) {
    struct fixture *f = *state;
    struct larder_etcd_op put = {.kind = LARDER_ETCD_PUT, .put = {.key = "k", .key_size = 1}};
    struct larder_etcd_op compact = {.kind = LARDER_ETCD_COMPACT, .compact = {.revision = 1}};
    struct larder_etcd_compare compare = {
        .span = {.key = "k", .key_size = 1}, .field = LARDER_ETCD_BY_LEASE, .number = 9};
    struct larder_etcd_op levels[LARDER_ETCD_TXN_DEPTH_MAX + 1] = {{.kind = LARDER_ETCD_RANGE}};

    for (size_t i = 0; i <= LARDER_ETCD_TXN_DEPTH_MAX; i++) {
        levels[i] = (struct larder_etcd_op){.kind = LARDER_ETCD_TXN,
                                            .txn = {.compares = &compare,
                                                    .compare_count = 1,
                                                    .failure = i == 0 ? &put : &levels[i - 1],
                                                    .failure_count = 1}};
    }
    assert_int_equal(translate_op(&levels[LARDER_ETCD_TXN_DEPTH_MAX - 1], &f->arena, &f->op, &f->why), LARDER_DONE);
    assert_int_equal(f->op.txn.compares[0].target, STORE_COMPARE_LEASE);
    assert_int_equal(f->op.txn.compares[0].number, 9);
    assert_int_equal(f->op.txn.failure[0].kind, STORE_OP_TXN);
    assert_int_equal(translate_op(&levels[LARDER_ETCD_TXN_DEPTH_MAX], &f->arena, &f->op, &f->why),
                     LARDER_ERR_TOO_LARGE);
    levels[0].txn.failure_count = SIZE_MAX;
    assert_int_equal(translate_op(&levels[0], &f->arena, &f->op, &f->why), LARDER_ERR_TOO_LARGE);
    levels[0].txn.failure = &compact;
    levels[0].txn.failure_count = 1;
    assert_int_equal(translate_op(&levels[0], &f->arena, &f->op, &f->why), LARDER_ERR_INVALID);
    compare.field = LARDER_ETCD_BY_KEY;
    assert_int_equal(translate_op(&levels[0], &f->arena, &f->op, &f->why), LARDER_ERR_INVALID);
}

static void no_memory_is_told(void **state) {
    struct fixture *f = *state;
    struct larder_etcd_op put = {.kind = LARDER_ETCD_PUT, .put = {.key = "k", .key_size = 1}};
    struct larder_etcd_op txn = {.kind = LARDER_ETCD_TXN, .txn = {.success = &put, .success_count = 1}};
    struct arena none;

    arena_init(&none, 8);
    assert_int_equal(translate_op(&txn, &none, &f->op, &f->why), LARDER_ERR_NO_MEMORY);
    arena_fini(&none);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(spans, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_key_is_all_or_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_range_says_all_it_has, set_up, tear_down),
        cmocka_unit_test_setup_teardown(transactions_have_ceilings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_memory_is_told, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
