/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/http/condition.h"

static struct slice suffix;

/* Reads the conditions of a request with these field lines. */
static bool read_conditions(const char *lines, struct conditions *ret_conditions) {
    static char text[2000];
    struct http_head head;
    size_t size;

    snprintf(text, sizeof(text), "GET / HTTP/1.0\r\n%s\r\n", lines);
    assert_int_equal(http_head_decode(slice_from_string(text), &head, &size), HTTP_DONE);
    return http_conditions_read(&head, suffix, ret_conditions);
}

static struct conditions conditions_of(const char *lines) {
    struct conditions c;

    if (!read_conditions(lines, &c)) {
        fail_msg("'%s' was refused", lines);
    }
    return c;
}

static bool holds(const char *lines, bool exists, uint64_t revision) {
    struct conditions c = conditions_of(lines);

    return conditions_hold(&c, exists, revision);
}

static void judges(void **state) {
    (void)state;
    assert_true(holds("", true, 5) && holds("", false, 0));
    assert_true(holds("If-Match: \"5\"\r\n", true, 5));
    assert_false(holds("If-Match: \"5\"\r\n", true, 6));
    assert_false(holds("If-Match: \"5\"\r\n", false, 0));
    assert_false(holds("If-Match: \"0\"\r\n", false, 0));
    assert_false(holds("If-Match: W/\"5\"\r\n", true, 5));
    assert_true(holds("If-Match: \"4\" ,,\t\"5\",\r\n", true, 5));
    assert_true(holds("If-Match: \"4\"\r\nIf-Match: \"5\"\r\n", true, 5));
    assert_true(holds("If-Match: *\r\n", true, 5));
    assert_false(holds("If-Match: *\r\n", false, 0));
    assert_false(holds("If-Match:\r\n", true, 5));
    assert_false(holds("If-None-Match: \"5\"\r\n", true, 5));
    assert_false(holds("If-None-Match: W/\"5\"\r\n", true, 5));
    assert_true(holds("If-None-Match: W/\"5\"\r\n", true, 6));
    assert_true(holds("If-None-Match: \"5\"\r\n", false, 0));
    assert_false(holds("If-None-Match: *\r\n", true, 5));
    assert_true(holds("If-None-Match: *\r\n", false, 0));
    assert_false(holds("If-Match: \"5\"\r\nIf-None-Match: \"5\"\r\n", true, 5));
    assert_true(holds("If-Match: \"5\"\r\nIf-None-Match: \"6\"\r\n", true, 5));
}

/* Only the tag that we give a value is its tag. */
static void other_tags_belong_to_nothing(void **state) {
    (void)state;
    assert_false(holds("If-Match: \"05\"\r\n", true, 5));
    assert_false(holds("If-Match: \"+5\"\r\n", true, 5));
    assert_false(holds("If-Match: \"\"\r\n", true, 5));
    assert_int_equal(conditions_of("If-Match: \"0\", \"00\"\r\n").match.count, 0);
    assert_false(holds("If-Match: \"x,y\"\r\n", true, 5));
    assert_true(holds("If-Match: \"a,b\", \"5\"\r\n", true, 5));
    assert_true(holds("If-None-Match: \"18446744073709551616\"\r\n", true, 5));
    assert_true(holds("If-Match: \"18446744073709551615\"\r\n", true, UINT64_MAX));
}

static void a_suffix_belongs_to_the_tag(void **state) {
    (void)state;
    suffix = SLICE("-a1");
    assert_true(holds("If-Match: \"5-a1\"\r\n", true, 5));
    assert_false(holds("If-Match: \"5\", \"5-a2\", \"-a1\", \"5-a1-a1\", \"5-a\"\r\n", true, 5));
    suffix = SLICE("");
    assert_false(holds("If-Match: \"5-a1\"\r\n", true, 5));
}

static void refuses_malformed_lists(void **state) {
    static const char *const lists[] = {"5",   "\"5",        "\"5\" \"6\"", "\"5\"x",  "w/\"5\"",
                                        "W/5", "*, \"5\"",   "\"5\", *",    "\"a b\"", "**",
                                        "'5'", "\"5\"\"6\"", "W/ \"5\"",    "W/\"5",   "W/"};
    struct conditions c;
    char lines[400];
    size_t at;

    (void)state;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        snprintf(lines, sizeof(lines), "If-Match: %s\r\n", lists[i]);
        assert_false(read_conditions(lines, &c));
        snprintf(lines, sizeof(lines), "If-None-Match: %s\r\n", lists[i]);
        assert_false(read_conditions(lines, &c));
    }
    assert_false(read_conditions("If-Match: \"1\"\r\nIf-Match: *\r\n", &c));
    assert_false(read_conditions("If-Match: *\r\nIf-Match: \"1\"\r\n", &c));
    at = (size_t)snprintf(lines, sizeof(lines), "If-Match: ");
    for (unsigned i = 1; i <= CONDITION_NUMBERS_MAX; i++) {
        at += (size_t)snprintf(lines + at, sizeof(lines) - at, "\"%u\",", i);
    }
    strcpy(lines + at, "\"x\"\r\n");
    assert_int_equal(conditions_of(lines).match.count, CONDITION_NUMBERS_MAX);
    strcpy(lines + at, "\"99\"\r\n");
    assert_false(read_conditions(lines, &c));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judges),
        cmocka_unit_test(other_tags_belong_to_nothing),
        cmocka_unit_test(a_suffix_belongs_to_the_tag),
        cmocka_unit_test(refuses_malformed_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
