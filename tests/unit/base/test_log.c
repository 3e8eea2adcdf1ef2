/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/log.h"

enum { CAUGHT_MAX = 8192 };

static int saved_stderr;
static int pipe_ends[2];

/* Standard error goes into a pipe, which holds more than these tests write. */
static void catch_begin(void) {
    assert_int_equal(pipe(pipe_ends), 0);
    saved_stderr = dup(STDERR_FILENO);
    assert_true(dup2(pipe_ends[1], STDERR_FILENO) >= 0);
    close(pipe_ends[1]);
}

static const char *catch_end(void) {
    static char text[CAUGHT_MAX];
    ssize_t size;

    dup2(saved_stderr, STDERR_FILENO); /* the pipe's last writer ends here */
    close(saved_stderr);
    size = read(pipe_ends[0], text, sizeof(text) - 1);
    close(pipe_ends[0]);
    assert_true(size >= 0);
    text[size] = '\0';
    return text;
}

/* "2025-01-02T03:04:05.678Z", whatever the moment. */
static void assert_time(const char *text) {
    static const char shape[] = "0000-00-00T00:00:00.000Z";

    for (size_t i = 0; i < sizeof(shape) - 1; i++) {
        if (shape[i] == '0') {
            assert_in_range(text[i], '0', '9');
        } else {
            assert_int_equal(text[i], shape[i]);
        }
    }
}

static void text_is_one_line_for_people(void **state) {
    const char *line;

    (void)state;
    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    catch_begin();
    log_warn("slow request", log_key(SLICE("user\n42")), log_number("ns", -5), log_string("path", "/tmp/a b\"c"));
    line = catch_end();
    assert_time(line);
    assert_string_equal(line + 24, " warn slow request key=\"user\\x0a42\" ns=-5 path=\"/tmp/a b\\x22c\"\n");
}

static void json_parses(void **state) {
    const char *line;
    json_t *object;

    (void)state;
    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    catch_begin();
    log_error("disk is \"full\"", log_key(SLICE("a\\\x01\xff")), log_number("free", 7));
    line = catch_end();
    assert_int_equal(line[strlen(line) - 1], '\n');
    object = json_loads(line, 0, NULL);
    assert_non_null(object);
    assert_time(json_string_value(json_object_get(object, "time")));
    assert_string_equal(json_string_value(json_object_get(object, "level")), "error");
    assert_string_equal(json_string_value(json_object_get(object, "message")), "disk is \\x22full\\x22");
    assert_string_equal(json_string_value(json_object_get(object, "key")), "a\\x5c\\x01\\xff");
    assert_int_equal(json_integer_value(json_object_get(object, "free")), 7);
    json_decref(object);
}

static void levels_below_are_silent(void **state) {
    (void)state;
    log_configure(LOG_LEVEL_WARN, LOG_FORMAT_TEXT);
    assert_false(log_enabled(LOG_LEVEL_INFO));
    assert_true(log_enabled(LOG_LEVEL_ERROR));
    catch_begin();
    log_debug("no");
    log_info("no", log_number("n", 1));
    assert_string_equal(catch_end(), "");
}

static void a_long_key_is_shortened(void **state) {
    char key[5000];
    const char *line;

    (void)state;
    memset(key, 'k', sizeof(key));
    log_configure(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    catch_begin();
    log_info("m", log_key(slice_make(key, sizeof(key))));
    line = catch_end();
    assert_true(strlen(line) < 300);
    assert_non_null(strstr(line, "kkk...\"\n"));
}

/* Fields that do not fit are left out whole, so that the line still parses. */
static void a_line_too_long_loses_its_last_fields(void **state) {
    char words[6000];
    const char *line;
    json_t *object;

    (void)state;
    for (size_t size = 1800; size < 2200; size++) {
        memset(words, 'w', size);
        for (size_t i = 20; i < size; i += 20) {
            words[i] = ' ';
        }
        words[size] = '\0';
        log_configure(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
        catch_begin();
        log_info("m", log_number("first", 1), log_string("words", words), log_number("last", 2));
        line = catch_end();
        assert_true(strlen(line) <= 2048);
        object = json_loads(line, 0, NULL);
        assert_non_null(object);
        assert_int_equal(json_integer_value(json_object_get(object, "first")), 1);
        assert_true(json_object_get(object, "words") != NULL || json_object_get(object, "last") == NULL);
        json_decref(object);
    }
}

static void names_are_parsed(void **state) {
    enum log_level level = LOG_LEVEL_ERROR;
    enum log_format format = LOG_FORMAT_TEXT;

    (void)state;
    assert_true(log_level_parse(SLICE("debug"), &level));
    assert_int_equal(level, LOG_LEVEL_DEBUG);
    assert_false(log_level_parse(SLICE("Debug"), &level));
    assert_false(log_level_parse(SLICE(""), &level));
    assert_true(log_format_parse(SLICE("json"), &format));
    assert_int_equal(format, LOG_FORMAT_JSON);
    assert_false(log_format_parse(SLICE("xml"), &format));
}

struct diverted {
    enum log_level level;
    char line[256];
    int count;
};

static void on_line(void *ctx, enum log_level level, const char *line) {
    struct diverted *d = ctx;

    d->level = level;
    strcpy(d->line, line);
    d->count++;
}

static void a_thread_can_send_its_lines_elsewhere(void **state) {
    struct diverted d = {.count = 0};

    (void)state;
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_JSON);
    catch_begin();
    log_divert(on_line, &d);
    log_debug("a detail");
    log_warn("a member is left", log_string("reason", "no \\ answer"), log_number("n", 7));
    log_divert(NULL, NULL);
    log_warn("below what is written");
    log_error("seen");
    assert_non_null(strstr(catch_end(), "seen"));
    assert_int_equal(d.count, 1);
    assert_int_equal(d.level, LOG_LEVEL_WARN);
    assert_string_equal(d.line, "a member is left reason=\"no \\x5c answer\" n=7");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_one_line_for_people),
        cmocka_unit_test(a_thread_can_send_its_lines_elsewhere),
        cmocka_unit_test(json_parses),
        cmocka_unit_test(levels_below_are_silent),
        cmocka_unit_test(a_long_key_is_shortened),
        cmocka_unit_test(a_line_too_long_loses_its_last_fields),
        cmocka_unit_test(names_are_parsed),
    };

    return cmocka_run_group_tests_name("base-log", tests, NULL, NULL);
}
