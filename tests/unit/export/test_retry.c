/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "export/retry.h"

static void test_verdicts(void **state) {
    (void)state;
    assert_int_equal(retry_judge(LARDER_OK, 200), RETRY_SENT);
    assert_int_equal(retry_judge(LARDER_OK, 202), RETRY_SENT);
    for (unsigned status = 300; status < 600; status++) {
        bool again = status == 429 || status == 502 || status == 503 || status == 504;

        assert_int_equal(retry_judge(LARDER_OK, status), again ? RETRY_AGAIN : RETRY_DROP);
    }
    assert_int_equal(retry_judge(LARDER_ERROR_REFUSED, 0), RETRY_AGAIN);
    assert_int_equal(retry_judge(LARDER_ERROR_TIMEOUT, 0), RETRY_AGAIN);
    assert_int_equal(retry_judge(LARDER_ERROR_NOT_FOUND, 0), RETRY_AGAIN);
    assert_int_equal(retry_judge(LARDER_ERROR_INVALID, 0), RETRY_DROP);
}

static void check_delay(unsigned attempts, int64_t said_s, int64_t least_ms, int64_t most_ms) {
    struct random random;

    random_init(&random, attempts);
    for (int i = 0; i < 100; i++) {
        int64_t ns = retry_delay_ns(attempts, said_s, &random);

        assert_true(ns >= least_ms * CLOCK_NS_PER_MS && ns <= (most_ms + 1) * CLOCK_NS_PER_MS);
    }
}

static void test_delays(void **state) {
    (void)state;
    check_delay(1, 0, RETRY_FIRST_MS * 3 / 4, RETRY_FIRST_MS * 5 / 4);
    check_delay(2, 0, RETRY_FIRST_MS * 3 / 2, RETRY_FIRST_MS * 5 / 2);
    check_delay(7, 0, RETRY_MAX_MS * 3 / 4, RETRY_MAX_MS * 5 / 4);
    check_delay(UINT32_MAX, 0, RETRY_MAX_MS * 3 / 4, RETRY_MAX_MS * 5 / 4);
    check_delay(1, 10, 10000, 10000);
    check_delay(1, INT64_MAX / CLOCK_NS_PER_S, RETRY_AFTER_MAX_S * 1000, RETRY_AFTER_MAX_S * 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_delays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
