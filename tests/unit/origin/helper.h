/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_TESTS_UNIT_ORIGIN_HELPER_H
#define LARDER_TESTS_UNIT_ORIGIN_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "origin/judge.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

/* Every test's now: 784111777 is "Sun, 06 Nov 1994 08:49:37 GMT". */
#define NOW_S INT64_C(784111777)
#define NOW_MS (NOW_S * 1000)
#define S(seconds) (INT64_C(1000) * (seconds))

/* Calls `take` with each of the lines "name: value", which end in a newline. */
static inline void each_line(const char *lines, void (*take)(void *ctx, struct slice name, struct slice value),
                             void *ctx) {
    while (*lines != '\0') {
        const char *colon = strchr(lines, ':');
        const char *end = strchr(lines, '\n');

        assert_true(colon != NULL && end != NULL && colon + 2 <= end);
        take(ctx, slice_make(lines, (size_t)(colon - lines)), slice_make(colon + 2, (size_t)(end - colon - 2)));
        lines = end + 1;
    }
}

struct answer_intake {
    struct origin_answer *answer;
    const struct origin_policy *policy;
};

static inline void take_line(void *ctx, struct slice name, struct slice value) {
    const struct answer_intake *intake = ctx;

    origin_answer_take(intake->answer, intake->policy, name, value);
    if (slice_equal(name, SLICE("content-length"))) {
        intake->answer->content_length = strtol(value.data, NULL, 10);
    }
}

/* An answer with these lines to a request that was made and answered now. */
static inline void make_answer(const struct origin_policy *policy, unsigned status, const char *lines,
                               struct origin_answer *ret_answer) {
    struct answer_intake intake = {ret_answer, policy};

    origin_answer_begin(ret_answer, status, NOW_MS, NOW_MS);
    each_line(lines, take_line, &intake);
}

#endif
