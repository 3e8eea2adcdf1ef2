/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/http/date.h"
#include "proto/http/date_read.h"

#define NOW INT64_C(1750000000) /* in 2025 */

static void reads_every_form(void **state) {
    static const struct {
        const char *section;
        const char *text;
        int64_t second;
    } rows[] = {
        {"RFC 9110, 5.6.7: IMF-fixdate", "Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"RFC 9110, 5.6.7: RFC 850", "Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"RFC 9110, 5.6.7: asctime()", "Sun Nov  6 08:49:37 1994", 784111777},
        {"RFC 9110, 5.6.7: asctime() with two digits", "Wed Nov 16 08:49:37 1994", 784975777},
        {"RFC 9111, 4.2: in any case", "sun, 06 nov 1994 08:49:37 gmt", 784111777},
        {"RFC 9110, 5.6.7: 2075 is not over 50 years away", "Monday, 01-Jan-75 00:00:00 GMT", 3313526400},
        {"RFC 9110, 5.6.7: 2076 is", "Monday, 01-Jan-76 00:00:00 GMT", 189302400},
        {"RFC 9110, 5.6.7: leap second", "Sat, 31 Dec 2016 23:59:60 GMT", 1483228799},
        {"a leap day", "Thu, 29 Feb 2024 00:00:00 GMT", 1709164800},
        {"the day's name does not fit", "Mon, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"before 1970", "Wed, 31 Dec 1969 23:59:59 GMT", -1},
        {"the last year", "Fri, 31 Dec 9999 23:59:59 GMT", 253402300799},
        {"the first year", "Sat, 01 Jan 0000 00:00:00 GMT", -62167219200},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t second = 7;

        if (!http_date_read(slice_from_string(rows[i].text), NOW, &second) || second != rows[i].second) {
            fail_msg("%s: '%s' is %lld", rows[i].section, rows[i].text, (long long)second);
        }
    }
}

static void refuses_the_rest(void **state) {
    static const char *const texts[] = {
        "",
        "0",
        "-1",
        "now",
        "Sun, 06 Nov 1994 08:49:37 UTC",   /* RFC 9111, 4.2: GMT and nothing else */
        "Sun, 06 Nov 1994 08:49:37 +0000", /* likewise */
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun,  06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sun, 06 Nov 94 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 2023 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 23:60:00 GMT",
        "Sun, 06 Nov 1994 23:59:61 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Son, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 08-49-37 GMT",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
        "1994-11-06T08:49:37Z",
        "784111777",
        "Sun, 06 Nov +994 08:49:37 GMT",
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        int64_t second = 7;

        if (http_date_read(slice_from_string(texts[i]), NOW, &second) || second != 7) {
            fail_msg("'%s' was read as %lld", texts[i], (long long)second);
        }
    }
}

/* A local zone has no say (RFC 9111, 4.2), and what we write we can read. */
static void reads_what_is_written(void **state) {
    static const int64_t seconds[] = {1, 951782400, 1709164799, 1709164800, 1750000000, 4102444800};

    (void)state;
    assert_int_equal(setenv("TZ", "America/New_York", 1), 0);
    for (unsigned i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
        struct http_date date = {.second = 0};
        struct slice line = http_date_line(&date, seconds[i]);
        int64_t second;

        line = slice_skip(line, SLICE("Date: ").size);
        line.size -= SLICE("\r\n").size;
        assert_true(http_date_read(line, NOW, &second));
        assert_int_equal(second, seconds[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_form),
        cmocka_unit_test(refuses_the_rest),
        cmocka_unit_test(reads_what_is_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
