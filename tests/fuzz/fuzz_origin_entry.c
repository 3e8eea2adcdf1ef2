/* SPDX-License-Identifier: Apache-2.0 */
/* A value that another node says is an answer of an origin. What is read can be used: it is written again as the same bytes,
 * and no time in it makes a sum run over. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "origin/judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_times(const struct origin_entry *e) {
    static const int64_t moments[] = {0, INT64_C(1750000000000), ORIGIN_INSTANT_MAX};
    const struct origin_policy policy = origin_policy_default();
    const struct judge_load load = {.policy = &policy, .old = e, .conditional = true, .may_store = true};
    const struct judge_wish wish = {.freshness = {.kind = FRESHNESS_CACHED}};

    for (unsigned i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        struct origin_answer answer;
        struct judge_outcome out;
        size_t size;

        judge_request(e, &wish, moments[i]);
        assert(origin_entry_age_ms(e, moments[i]) >= 0);
        origin_answer_begin(&answer, 304, moments[i], moments[i]);
        judge_answer(&load, &answer, &out);
        if (out.action == JUDGE_RENEW) {
            assert(origin_entry_head_size(&out.entry, &size) == LARDER_OK);
        }
        judge_failure(&load, JUDGE_TIMEOUT, moments[i], moments[i], &out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *exact = malloc(size == 0 ? 1 : size);
    struct origin_entry e;

    assert(exact != NULL);
    if (size > 0) {
        memcpy(exact, data, size);
    }
    if (origin_entry_read(slice_make(exact, size), &e) == LARDER_OK) {
        size_t head = 0;
        char *again;

        assert(origin_entry_head_size(&e, &head) == LARDER_OK && head + e.body.size == size);
        again = malloc(head);
        assert(again != NULL);
        assert(origin_entry_write_head(&e, again) == head && memcmp(again, exact, head) == 0);
        free(again);
        if (e.kind != ORIGIN_MARKER) {
            check_times(&e);
        }
    }
    free(exact);
    return 0;
}
