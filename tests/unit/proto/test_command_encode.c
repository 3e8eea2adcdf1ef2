/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/memcached/command_encode.h"

enum { NOW_S = 1700000000 };

static struct buf out;

static int set_up(void **state) {
    (void)state;
    buf_init(&out, 4096);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    buf_fini(&out);
    return 0;
}

static void check_encoded(struct request request, const char *expected) {
    out.size = 0;
    assert_int_equal(command_encode(&out, &request, 7, NOW_S), LARDER_OK);
    assert_int_equal(buf_append(&out, "", 1), LARDER_OK);
    assert_string_equal(out.data, expected);
}

#define CHECK(expected, ...) check_encoded((struct request){__VA_ARGS__}, expected)
#define KEY .key = SLICE("k")

static void test_reads(void **state) {
    (void)state;
    CHECK("mg k c f t v O7\r\n", KEY, .command = COMMAND_GET);
    CHECK("mg k N30 R5 u c f t v O7\r\n", KEY, .command = COMMAND_GET,
          .options = REQUEST_VIVIFY | REQUEST_RECACHE | REQUEST_NO_BUMP, .vivify_ttl = 30, .recache_ttl = 5);
    CHECK("mg k T60 c f t v O7\r\n", KEY, .command = COMMAND_GAT, .ttl = 60);
    CHECK("mg k T0 t O7\r\n", KEY, .command = COMMAND_TOUCH);
}

static void test_stores(void **state) {
    (void)state;
    CHECK("ms k 3 c O7\r\nabc\r\n", KEY, .command = COMMAND_SET, .value = SLICE("abc"));
    CHECK("ms k 0 F5 T60 c O7\r\n\r\n", KEY, .command = COMMAND_SET, .client_flags = 5, .ttl = 60);
    CHECK("ms k 1 ME c O7\r\nx\r\n", KEY, .command = COMMAND_ADD, .value = SLICE("x"));
    CHECK("ms k 1 MR c O7\r\nx\r\n", KEY, .command = COMMAND_REPLACE, .value = SLICE("x"));
    CHECK("ms k 1 MA c O7\r\nx\r\n", KEY, .command = COMMAND_APPEND, .value = SLICE("x"));
    CHECK("ms k 1 MP c O7\r\nx\r\n", KEY, .command = COMMAND_PREPEND, .value = SLICE("x"));
    CHECK("ms k 2 C9 c O7\r\n\r\n\r\n", KEY, .command = COMMAND_CAS, .value = SLICE("\r\n"), .compare = 9);
    CHECK("ms k 0 C9 E10 I c O7\r\n\r\n", KEY, .command = COMMAND_CAS, .compare = 9, .cas = 10,
          .options = REQUEST_COMPARE | REQUEST_SET_CAS | REQUEST_INVALIDATE);
}

static void test_the_rest(void **state) {
    (void)state;
    CHECK("md k O7\r\n", KEY, .command = COMMAND_DELETE);
    CHECK("md k C4 I T30 x O7\r\n", KEY, .command = COMMAND_DELETE, .compare = 4, .ttl = 30,
          .options = REQUEST_COMPARE | REQUEST_INVALIDATE | REQUEST_TOUCH | REQUEST_DROP_VALUE);
    CHECK("ma k MI D2 c t v O7\r\n", KEY, .command = COMMAND_INCR, .delta = 2);
    CHECK("ma k MD D1 N0 J10 T5 c t v O7\r\n", KEY, .command = COMMAND_DECR, .delta = 1, .initial = 10, .ttl = 5,
          .options = REQUEST_VIVIFY | REQUEST_TOUCH);
    CHECK("stats\r\n", .command = COMMAND_STATS);
    CHECK("stats items\r\n", .command = COMMAND_STATS, .key = SLICE("items"));
    CHECK("flush_all\r\n", .command = COMMAND_FLUSH);
    CHECK("flush_all 10\r\n", .command = COMMAND_FLUSH, .ttl = 10);
    CHECK("version\r\n", .command = COMMAND_VERSION);
    CHECK("mn\r\n", .command = COMMAND_NOOP);
}

/* memcached reads more than 30 days as a date. */
static void test_long_life_is_a_date(void **state) {
    (void)state;
    CHECK("mg k T2592000 t O7\r\n", KEY, .command = COMMAND_TOUCH, .ttl = 2592000);
    CHECK("mg k T1702592001 t O7\r\n", KEY, .command = COMMAND_TOUCH, .ttl = 2592001);
    CHECK("mg k T-1 t O7\r\n", KEY, .command = COMMAND_TOUCH, .ttl = -5);
}

static void test_odd_keys_travel_in_base64(void **state) {
    (void)state;
    CHECK("mg YSBi b c f t v O7\r\n", .key = SLICE("a b"), .command = COMMAND_GET);
    CHECK("ms DQo= 1 b c O7\r\nx\r\n", .key = SLICE("\r\n"), .command = COMMAND_SET, .value = SLICE("x"));
    CHECK("md AA== b O7\r\n", .key = SLICE("\0"), .command = COMMAND_DELETE);
    CHECK("md \xc3\xa9 O7\r\n", .key = SLICE("\xc3\xa9"), .command = COMMAND_DELETE);
    CHECK("md fw== b O7\r\n", .key = SLICE("\x7f"), .command = COMMAND_DELETE);
}

static void check_refused(struct request request, enum larder_error expected) {
    assert_int_equal(command_encode(&out, &request, 7, NOW_S), expected);
    assert_int_equal(out.size, 0);
}

static void test_refusals(void **state) {
    char key[251];

    (void)state;
    memset(key, 'k', sizeof(key));
    check_refused((struct request){.command = COMMAND_GET}, LARDER_ERROR_INVALID);
    check_refused((struct request){.command = COMMAND_GET, .key = slice_make(key, 251)}, LARDER_ERROR_INVALID);
    key[0] = ' ';
    check_refused((struct request){.command = COMMAND_GET, .key = slice_make(key, 190)}, LARDER_ERROR_INVALID);
    check_refused((struct request){.command = COMMAND_STATS, .key = SLICE("a\r\nflush_all")}, LARDER_ERROR_INVALID);
    check_refused((struct request){.command = COMMAND_FLUSH, .key = SLICE("users")}, LARDER_ERROR_UNSUPPORTED);
    check_refused((struct request){.command = COMMAND_QUIT}, LARDER_ERROR_UNSUPPORTED);
    check_refused((struct request){.command = COMMAND_METRICS}, LARDER_ERROR_UNSUPPORTED);
    key[0] = 'k';
    out.limit = 300;
    check_refused((struct request){.command = COMMAND_SET, .key = slice_make(key, 250), .value = slice_make(key, 40)},
                  LARDER_ERROR_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stores, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_rest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_life_is_a_date, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_odd_keys_travel_in_base64, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
