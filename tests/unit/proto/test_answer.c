/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/request.h"
#include "proto/memcached/answer.h"

static enum larder_error read_line(enum command command, const char *line, struct answer *ret_answer) {
    struct mc_response response;
    size_t size;

    assert_int_equal(mc_response_decode(slice_from_string(line), 100, &response, &size), LARDER_OK);
    assert_int_equal(size, strlen(line));
    return answer_read(command, 7, &response, ret_answer);
}

static struct answer read_good(enum command command, const char *line) {
    struct answer answer;

    assert_int_equal(read_line(command, line, &answer), LARDER_OK);
    return answer;
}

static void check_result(enum command command, const char *line, enum result expected) {
    assert_int_equal(read_good(command, line).reply.result, expected);
}

static void test_results(void **state) {
    (void)state;
    check_result(COMMAND_GET, "EN O7\r\n", RESULT_MISS);
    check_result(COMMAND_GET, "VA 0 O7\r\n\r\n", RESULT_HIT);
    check_result(COMMAND_TOUCH, "HD O7 t5\r\n", RESULT_TOUCHED);
    check_result(COMMAND_TOUCH, "EN O7\r\n", RESULT_NOT_FOUND);
    check_result(COMMAND_SET, "HD c3 O7\r\n", RESULT_STORED);
    check_result(COMMAND_ADD, "NS c0 O7\r\n", RESULT_NOT_STORED);
    check_result(COMMAND_CAS, "EX c0 O7\r\n", RESULT_EXISTS);
    check_result(COMMAND_CAS, "NF c0 O7\r\n", RESULT_NOT_FOUND);
    check_result(COMMAND_DELETE, "HD O7\r\n", RESULT_DELETED);
    check_result(COMMAND_DELETE, "NF O7\r\n", RESULT_NOT_FOUND);
    check_result(COMMAND_FLUSH, "OK\r\n", RESULT_DONE);
    check_result(COMMAND_NOOP, "MN\r\n", RESULT_DONE);
}

static void test_item(void **state) {
    struct answer answer = read_good(COMMAND_GET, "VA 3 c12 f34 t56 O7 W X\r\nabc\r\n");

    (void)state;
    assert_true(slice_equal(answer.reply.item.value, SLICE("abc")));
    assert_int_equal(answer.reply.item.cas, 12);
    assert_int_equal(answer.reply.item.client_flags, 34);
    assert_int_equal(answer.reply.item.ttl, 56);
    assert_true(answer.reply.item.won && answer.reply.item.stale && !answer.reply.item.win_sent);
    assert_int_equal(read_good(COMMAND_GET, "VA 0 t-1 O7\r\n\r\n").reply.item.ttl, REQUEST_TTL_FOREVER);
    assert_int_equal(read_good(COMMAND_GET, "VA 0 t0 O7\r\n\r\n").reply.item.ttl, 1);
}

static void test_number(void **state) {
    (void)state;
    assert_int_equal(read_good(COMMAND_INCR, "VA 2 c1 O7\r\n42\r\n").reply.number, 42);
}

static void test_stats_and_version(void **state) {
    struct answer line = read_good(COMMAND_STATS, "STAT a b c\r\n");

    (void)state;
    assert_true(line.more);
    assert_true(slice_equal(line.name, SLICE("a")));
    assert_true(slice_equal(line.text, SLICE("b c")));
    assert_false(read_good(COMMAND_STATS, "END\r\n").more);
    assert_false(read_good(COMMAND_STATS, "RESET\r\n").more);
    assert_true(slice_equal(read_good(COMMAND_VERSION, "VERSION 1.6\r\n").text, SLICE("1.6")));
}

static void test_server_errors(void **state) {
    struct answer answer = read_good(COMMAND_SET, "SERVER_ERROR object too large for cache\r\n");

    (void)state;
    assert_int_equal(answer.reply.result, RESULT_TOO_LARGE);
    assert_true(slice_equal(answer.text, SLICE("object too large for cache")));
    check_result(COMMAND_SET, "SERVER_ERROR out of memory storing object\r\n", RESULT_NO_MEMORY);
    check_result(COMMAND_GET, "CLIENT_ERROR bad command line format\r\n", RESULT_INVALID);
    check_result(COMMAND_INCR, "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n", RESULT_NOT_A_NUMBER);
    check_result(COMMAND_STATS, "ERROR\r\n", RESULT_UNSUPPORTED);
}

static void check_foreign(enum command command, const char *line) {
    struct answer answer;

    assert_int_equal(read_line(command, line, &answer), LARDER_ERROR_PROTOCOL);
}

static void test_foreign_responses(void **state) {
    (void)state;
    check_foreign(COMMAND_GET, "EN O8\r\n");
    check_foreign(COMMAND_GET, "EN\r\n");
    check_foreign(COMMAND_GET, "STORED\r\n");
    check_foreign(COMMAND_SET, "EN O7\r\n");
    check_foreign(COMMAND_GET, "VA 0 f4294967296 O7\r\n\r\n");
    check_foreign(COMMAND_GET, "VA 0 cx O7\r\n\r\n");
    check_foreign(COMMAND_GET, "VA 0 tx O7\r\n\r\n");
    check_foreign(COMMAND_INCR, "VA 1 O7\r\nx\r\n");
    check_foreign(COMMAND_VERSION, "OK\r\n");
    check_foreign(COMMAND_FLUSH, "END\r\n");
    check_foreign(COMMAND_STATS, "VERSION 1\r\n");
    check_foreign(COMMAND_NOOP, "OK\r\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results),       cmocka_unit_test(test_item),
        cmocka_unit_test(test_number),        cmocka_unit_test(test_stats_and_version),
        cmocka_unit_test(test_server_errors), cmocka_unit_test(test_foreign_responses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
