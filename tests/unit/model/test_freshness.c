/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/freshness.h"

static void check(const char *text, enum freshness_kind kind, int64_t max_stale_ns, const char *written) {
    struct freshness f;
    char room[FRESHNESS_TEXT_MAX];

    assert_true(freshness_parse(slice_from_string(text), &f));
    assert_int_equal(f.kind, kind);
    assert_int_equal(f.max_stale_ns, max_stale_ns);
    assert_string_equal(freshness_text(&f, room), written);
}

static void what_is_read_is_written(void **state) {
    (void)state;
    check("cached", FRESHNESS_CACHED, 0, "cached");
    check("linearizable", FRESHNESS_LINEARIZABLE, 0, "linearizable");
    check("max_stale=500ms", FRESHNESS_MAX_STALE, 500000000, "max_stale=500ms");
    check("max_stale=2", FRESHNESS_MAX_STALE, 2000000000, "max_stale=2s");
    check("max_stale=0", FRESHNESS_MAX_STALE, 0, "max_stale=0");
    check("max_stale=9223372036854775807ns", FRESHNESS_MAX_STALE, INT64_MAX, "max_stale=9223372036854775807ns");
}

static void anything_else_is_refused(void **state) {
    static const struct slice bad[] = {
        SLICE(""),           SLICE("Cached"),       SLICE("cached "),       SLICE("linearisable"), SLICE("max_stale"),
        SLICE("max_stale="), SLICE("max_stale=-1"), SLICE("max_stale=1 s"), SLICE("max-stale=1s"), SLICE("cached\0"),
    };
    struct freshness f = {.kind = FRESHNESS_LINEARIZABLE};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(freshness_parse(bad[i], &f));
        assert_int_equal(f.kind, FRESHNESS_LINEARIZABLE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_written),
        cmocka_unit_test(anything_else_is_refused),
    };

    return cmocka_run_group_tests_name("model-freshness", tests, NULL, NULL);
}
