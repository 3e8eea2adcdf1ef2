/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/suggest.h"

static const char *meant(const char *word) {
    static const char *const names[] = {"memory", "max-item", "max-conns", "max-line", "listen", "ttl"};

    return suggest(slice_from_string(word), names, sizeof(names) / sizeof(names[0]));
}

static void typos_are_recognised(void **state) {
    (void)state;
    assert_string_equal(meant("memroy"), "memory");
    assert_string_equal(meant("MEMORY"), "memory");
    assert_string_equal(meant("max_item"), "max-item");
    assert_string_equal(meant("maxconn"), "max-conns");
    assert_string_equal(meant("lsten"), "listen");
    assert_string_equal(meant("tll"), "ttl");
    assert_string_equal(meant("tl"), "ttl");
}

static void the_nearest_wins(void **state) {
    (void)state;
    assert_string_equal(meant("max-lime"), "max-line");
    assert_string_equal(meant("max-itme"), "max-item");
}

static void other_words_are_left_alone(void **state) {
    (void)state;
    assert_null(meant(""));
    assert_null(meant("x"));
    assert_null(meant("port"));
    assert_null(meant("replicas"));
    assert_null(meant("memorymemorymemorymemorymemorymemory"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(typos_are_recognised),
        cmocka_unit_test(the_nearest_wins),
        cmocka_unit_test(other_words_are_left_alone),
    };

    return cmocka_run_group_tests_name("daemon-suggest", tests, NULL, NULL);
}
