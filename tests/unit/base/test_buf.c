/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

static void an_empty_buffer_owns_nothing(void **state) {
    struct buf b;

    (void)state;
    buf_init(&b, 10);
    assert_null(b.data);
    assert_int_equal(b.capacity, 0);
    assert_int_equal(buf_append(&b, NULL, 0), LARDER_OK);
    assert_null(b.data);
    buf_fini(&b);
    buf_fini(&b);
}

static void bytes_are_kept_while_it_grows(void **state) {
    struct buf b;

    (void)state;
    buf_init(&b, 100000);
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(buf_append(&b, &(char){(char)i}, 1), LARDER_OK);
        assert_true(b.size <= b.capacity && b.capacity <= b.limit);
    }
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(b.data[i], (char)i);
    }
    buf_fini(&b);
    assert_int_equal(b.size, 0);
    assert_int_equal(b.limit, 100000);
}

static void the_limit_is_exact_and_refusing_changes_nothing(void **state) {
    struct buf b;

    (void)state;
    buf_init(&b, 5);
    assert_int_equal(buf_append_slice(&b, SLICE("abcdef")), LARDER_ERROR_LIMIT);
    assert_int_equal(b.size, 0);
    assert_int_equal(buf_append_slice(&b, SLICE("abc")), LARDER_OK);
    assert_int_equal(buf_append_slice(&b, SLICE("def")), LARDER_ERROR_LIMIT);
    assert_int_equal(buf_reserve(&b, SIZE_MAX), LARDER_ERROR_LIMIT);
    assert_true(slice_equal(buf_slice(&b), SLICE("abc")));
    assert_int_equal(buf_append_slice(&b, SLICE("de")), LARDER_OK);
    assert_int_equal(buf_append_slice(&b, SLICE("f")), LARDER_ERROR_LIMIT);
    assert_true(slice_equal(buf_slice(&b), SLICE("abcde")));
    buf_fini(&b);
}

static void formatted_text_obeys_the_limit_too(void **state) {
    struct buf b;

    (void)state;
    buf_init(&b, 16);
    assert_int_equal(buf_printf(&b, "%d-%s", 12, "ab"), LARDER_OK);
    assert_true(slice_equal(buf_slice(&b), SLICE("12-ab")));
    assert_int_equal(buf_printf(&b, "%20d", 1), LARDER_ERROR_LIMIT);
    assert_true(slice_equal(buf_slice(&b), SLICE("12-ab")));
    assert_true(b.capacity <= 16);
    buf_fini(&b);
}

static void consuming_moves_the_rest_to_the_front(void **state) {
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    buf_append_slice(&b, SLICE("abcdef"));
    buf_consume(&b, 0);
    buf_consume(&b, 4);
    assert_true(slice_equal(buf_slice(&b), SLICE("ef")));
    buf_consume(&b, 2);
    assert_int_equal(b.size, 0);
    buf_fini(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_buffer_owns_nothing),
        cmocka_unit_test(bytes_are_kept_while_it_grows),
        cmocka_unit_test(the_limit_is_exact_and_refusing_changes_nothing),
        cmocka_unit_test(formatted_text_obeys_the_limit_too),
        cmocka_unit_test(consuming_moves_the_rest_to_the_front),
    };

    return cmocka_run_group_tests_name("base-buf", tests, NULL, NULL);
}
