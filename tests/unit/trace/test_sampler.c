/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "trace/sampler.h"

static struct sampler parse(const char *name, const char *argument) {
    struct sampler s;

    assert_true(sampler_parse(slice_from_string(name), slice_from_string(argument), &s));
    return s;
}

static bool decides(const struct sampler *s, int parent, uint64_t low) {
    struct trace_context context = {.flags = (uint8_t)parent};
    uint8_t id[TRACE_ID_SIZE] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    for (size_t i = 0; i < 8; i++) {
        id[8 + i] = (uint8_t)(low >> (56 - 8 * i));
    }
    return sampler_decide(s, parent < 0 ? NULL : &context, id);
}

enum { ROOT = -1, UNSAMPLED = 0, SAMPLED = 1 };

static void test_names(void **state) {
    struct sampler on = parse("always_on", "what is not read"), off = parse("always_off", "");
    struct sampler by_on = parse("parentbased_always_on", ""), by_off = parse("parentbased_always_off", "");

    (void)state;
    assert_true(decides(&on, ROOT, UINT64_MAX) && decides(&on, UNSAMPLED, 0) && decides(&on, SAMPLED, 0));
    assert_false(decides(&off, ROOT, 0) || decides(&off, UNSAMPLED, 0) || decides(&off, SAMPLED, 0));
    assert_true(decides(&by_on, ROOT, UINT64_MAX) && decides(&by_on, SAMPLED, 0));
    assert_false(decides(&by_on, UNSAMPLED, 0));
    assert_true(decides(&by_off, SAMPLED, UINT64_MAX));
    assert_false(decides(&by_off, UNSAMPLED, 0) || decides(&by_off, ROOT, 0));
}

static void test_ratio(void **state) {
    struct sampler half = parse("traceidratio", "0.5"), by_half = parse("parentbased_traceidratio", "5e-1");
    struct sampler all = parse("traceidratio", ""), none = parse("traceidratio", "0");

    (void)state;
    assert_true(decides(&half, ROOT, (UINT64_C(1) << 63) - 1));
    assert_false(decides(&half, ROOT, UINT64_C(1) << 63));
    assert_false(decides(&half, SAMPLED, UINT64_C(1) << 63)); /* its own head, whatever the parent does */
    assert_true(decides(&by_half, SAMPLED, UINT64_MAX));
    assert_false(decides(&by_half, UNSAMPLED, 0));
    assert_true(decides(&all, ROOT, UINT64_MAX));
    assert_false(decides(&none, ROOT, 0));
}

static void test_refused(void **state) {
    static const char *const names[] = {"", "on", "Always_On", "parentbased_", "jaeger_remote", "parentbased_traceid"};
    static const char *const ratios[] = {
        "-0.1", "1.1", "nan", "inf", "0x1", "half", "0.5 ", "1e999", "0.00000000000000000000000000000000001"};
    struct sampler s = {.bound = 7};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_false(sampler_parse(slice_from_string(names[i]), SLICE(""), &s));
    }
    for (size_t i = 0; i < sizeof(ratios) / sizeof(ratios[0]); i++) {
        assert_false(sampler_parse(SLICE("traceidratio"), slice_from_string(ratios[i]), &s));
    }
    assert_int_equal(s.bound, 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_ratio),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
