/* SPDX-License-Identifier: Apache-2.0 */
/* Heads line by line, and URLs, without a connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/fetch_head.h"
#include "net/fetch_url.h"

static enum larder_error add(struct fetch_lines *lines, struct slice line, bool expect_whole) {
    bool whole = !expect_whole;
    enum larder_error error = fetch_lines_add(lines, line, &whole);

    assert_int_equal(whole, expect_whole);
    return error;
}

static void a_head_is_what_its_lines_say(void **state) {
    struct fetch_field fields[FETCH_ANSWER_FIELDS_MAX];
    struct fetch_lines lines;
    struct fetch_head head;

    (void)state;
    fetch_lines_init(&lines);
    assert_int_equal(add(&lines, SLICE("HTTP/1.1 103 Early Hints\r\n"), false), LARDER_OK);
    assert_int_equal(add(&lines, SLICE("Content-Length: 7\r\n"), false), LARDER_OK);
    assert_int_equal(add(&lines, SLICE("\r\n"), false), LARDER_OK);
    assert_int_equal(add(&lines, SLICE("HTTP/1.0 299 Fine\n"), false), LARDER_OK);
    assert_int_equal(add(&lines, SLICE("A:\tb\t c \r\n"), false), LARDER_OK);
    assert_int_equal(add(&lines, SLICE("content-LENGTH:12\r\n"), false), LARDER_OK);
    assert_int_equal(add(&lines, SLICE("Empty:\n"), false), LARDER_OK);
    assert_int_equal(add(&lines, SLICE("\n"), true), LARDER_OK);
    fetch_lines_head(&lines, fields, &head);
    assert_int_equal(head.status, 299);
    assert_int_equal(head.field_count, 3);
    assert_true(head.has_length);
    assert_int_equal(head.length, 12);
    assert_false(head.until_end);
    assert_true(slice_equal(fields[0].name, SLICE("A")) && slice_equal(fields[0].value, SLICE("b\t c")));
    assert_true(slice_equal(fields[1].name, SLICE("content-LENGTH")) && slice_equal(fields[1].value, SLICE("12")));
    assert_true(slice_equal(fields[2].name, SLICE("Empty")) && slice_equal(fields[2].value, SLICE("")));
    fetch_lines_fini(&lines);
}

/* libcurl has an opinion of these too, and it must not matter. */
static void lines_with_bytes_that_must_not_be_are_refused(void **state) {
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char line[] = "Name: val?ue\r\n";
        bool fits = byte == '\t' || (byte >= ' ' && byte != 0x7f);
        struct fetch_lines lines;

        line[9] = (char)byte;
        fetch_lines_init(&lines);
        assert_int_equal(add(&lines, SLICE("HTTP/1.1 200 OK\r\n"), false), LARDER_OK);
        assert_int_equal(add(&lines, slice_make(line, sizeof(line) - 1), false),
                         fits ? LARDER_OK : LARDER_ERROR_PROTOCOL);
        fetch_lines_fini(&lines);
    }
}

static void status_lines_are_read_exactly(void **state) {
    static const struct {
        struct slice line;
        enum larder_error error;
    } samples[] = {
        {SLICE("HTTP/1.1 200 OK\r\n"), LARDER_OK},
        {SLICE("HTTP/1.1 200 \r\n"), LARDER_OK},
        {SLICE("HTTP/1.1 200\r\n"), LARDER_OK},
        {SLICE("HTTP/1.0 999 \xc3\xa4\r\n"), LARDER_OK},
        {SLICE("HTTP/1.1  200 OK\r\n"), LARDER_ERROR_PROTOCOL},
        {SLICE("HTTP/1.1\t200 OK\r\n"), LARDER_ERROR_PROTOCOL},
        {SLICE("HTTP/1.1 200\tOK\r\n"), LARDER_ERROR_PROTOCOL},
        {SLICE("HTTP/1.1 2 0 OK\r\n"), LARDER_ERROR_PROTOCOL},
        {SLICE("HTTP/1.1 000 OK\r\n"), LARDER_ERROR_PROTOCOL},
        {SLICE("HTTP/1.1 -20 OK\r\n"), LARDER_ERROR_PROTOCOL},
        {SLICE("HTTP/1.1 200 O\0K\r\n"), LARDER_ERROR_PROTOCOL},
        {SLICE("HTTP/11 200 OK\r\n"), LARDER_ERROR_PROTOCOL},
        {SLICE("http/1.1 200 OK\r\n"), LARDER_ERROR_PROTOCOL},
        {SLICE("HTTP/1.10 200 OK\r\n"), LARDER_ERROR_PROTOCOL},
        {SLICE(" HTTP/1.1 200 OK\r\n"), LARDER_ERROR_PROTOCOL},
        {SLICE("HTTP/1.1 20\r\n"), LARDER_ERROR_PROTOCOL},
        {SLICE("HTTP/1.1\r\n"), LARDER_ERROR_PROTOCOL},
        {SLICE("\r\n"), LARDER_ERROR_PROTOCOL},
        {SLICE(""), LARDER_ERROR_PROTOCOL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        struct fetch_lines lines;

        fetch_lines_init(&lines);
        assert_int_equal(add(&lines, samples[i].line, false), samples[i].error);
        fetch_lines_fini(&lines);
    }
}

static void a_url_is_cut_where_its_target_begins(void **state) {
    static const struct {
        struct slice url, origin, target;
    } samples[] = {
        {SLICE("http://h"), SLICE("http://h"), SLICE("")},
        {SLICE("http://h/"), SLICE("http://h"), SLICE("/")},
        {SLICE("HtTpS://h:1//a/../b?c#d"), SLICE("HtTpS://h:1"), SLICE("//a/../b?c#d")},
        {SLICE("http://h?a/b"), SLICE("http://h"), SLICE("?a/b")},
        {SLICE("http://h#a/b"), SLICE("http://h"), SLICE("#a/b")},
        {SLICE("http://[::1]:80/@:x"), SLICE("http://[::1]:80"), SLICE("/@:x")},
    };
    struct slice origin, target;

    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        assert_true(fetch_url_split(samples[i].url, &origin, &target));
        assert_true(slice_equal(origin, samples[i].origin));
        assert_true(slice_equal(target, samples[i].target));
    }
    assert_false(fetch_url_split(SLICE("http://h/\0"), &origin, &target));
    assert_false(fetch_url_split(SLICE("http://a@b/"), &origin, &target));
    assert_false(fetch_url_split(SLICE("http://"), &origin, &target));
    assert_false(fetch_url_split(SLICE("ws://h/"), &origin, &target));
    assert_false(fetch_url_split(SLICE(""), &origin, &target));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_what_its_lines_say),
        cmocka_unit_test(lines_with_bytes_that_must_not_be_are_refused),
        cmocka_unit_test(status_lines_are_read_exactly),
        cmocka_unit_test(a_url_is_cut_where_its_target_begins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
