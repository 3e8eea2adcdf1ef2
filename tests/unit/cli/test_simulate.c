/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/simulate/judge.h"
#include "cli/simulate/scenario.h"
#include "cli/simulate/tally.h"

enum { SEED = 123, MANY = 100000, ARENA = 1024 };

/* --- the scenario --- */

static void a_seed_makes_the_same_operations(void **state) {
    struct scenario a, b;

    (void)state;
    assert_true(scenario_init(&a, SEED, MANY));
    assert_true(scenario_init(&b, SEED, MANY));
    for (int i = 0; i < MANY; i++) {
        const struct simulate_operation one = scenario_next(&a), other = scenario_next(&b);

        assert_int_equal(one.kind, other.kind);
        assert_int_equal(one.device.number, other.device.number);
        assert_int_equal(one.device.ip, other.device.ip);
    }
    scenario_fini(&a);
    scenario_fini(&b);
}

/* A model as simple as can be: what is there, by device. */
static void operations_are_on_what_is_there(void **state) {
    uint32_t *ips = calloc(MANY, sizeof(*ips));
    bool *there = calloc(MANY, sizeof(*there));
    struct scenario s;
    uint32_t devices = 0;
    size_t live = 0;

    (void)state;
    assert_true(scenario_init(&s, SEED, MANY));
    for (int i = 0; i < MANY; i++) {
        const struct simulate_operation o = scenario_next(&s);

        if (o.kind == SIMULATE_CREATE) {
            assert_int_equal(o.device.number, devices++);
            ips[o.device.number] = o.device.ip;
            live++;
        } else {
            assert_true(there[o.device.number]);
            assert_int_equal(o.device.ip, ips[o.device.number]);
            live -= o.kind == SIMULATE_DELETE;
        }
        there[o.device.number] = o.kind != SIMULATE_DELETE;
        assert_int_equal(live, s.live_count);
    }
    scenario_fini(&s);
    free(ips);
    free(there);
}

static void the_first_operation_is_a_create_whatever_is_drawn(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct scenario s;

        assert_true(scenario_init(&s, seed, 1));
        assert_int_equal(scenario_next(&s).kind, SIMULATE_CREATE);
        scenario_fini(&s);
    }
}

static void a_plan_is_what_comes(void **state) {
    struct simulate_plan plan;
    uint64_t total;

    (void)state;
    assert_true(scenario_plan(SEED, MANY, &plan));
    total = plan.counts[SIMULATE_CREATE] + plan.counts[SIMULATE_RETRIEVE] + plan.counts[SIMULATE_DELETE];
    assert_int_equal(total, MANY);
    assert_int_equal(plan.live, plan.counts[SIMULATE_CREATE] - plan.counts[SIMULATE_DELETE]);
    assert_in_range(plan.counts[SIMULATE_CREATE], MANY / 100 * 39, MANY / 100 * 41);
    assert_in_range(plan.counts[SIMULATE_RETRIEVE], MANY / 100 * 41, MANY / 100 * 43);
    assert_in_range(plan.counts[SIMULATE_DELETE], MANY / 100 * 17, MANY / 100 * 19);
}

/* Each of the live ones is as likely: the oldest are not spared, nor the newest. */
static void any_live_device_is_deleted(void **state) {
    struct scenario s;
    uint64_t old = 0, deletes = 0;

    (void)state;
    assert_true(scenario_init(&s, SEED, MANY));
    for (int i = 0; i < MANY; i++) {
        const struct simulate_operation o = scenario_next(&s);

        if (o.kind == SIMULATE_DELETE) {
            deletes++;
            old += o.device.number < s.created / 2;
        }
    }
    /* Of the older half of all devices fewer are left than of the newer one, and yet they are a good part. */
    assert_in_range(old, deletes / 4, deletes / 2);
    scenario_fini(&s);
}

static void texts_are_for_people(void **state) {
    char device[SIMULATE_DEVICE_MAX], ip[SIMULATE_IP_MAX];

    (void)state;
    assert_string_equal(simulate_device_text(42, device), "d000000042");
    assert_string_equal(simulate_device_text(UINT32_MAX, device), "d4294967295");
    assert_string_equal(simulate_ip_text(0x0a010203, ip), "10.1.2.3");
    assert_string_equal(simulate_ip_text(UINT32_MAX, ip), "255.255.255.255");
}

/* --- answers --- */

static struct simulate_expected expected;
static struct store_call call;
static struct kv kv;
static struct buf why;

static void expect(enum simulate_kind kind, int64_t revision) {
    expected = (struct simulate_expected){
        .operation = {.kind = kind, .device = {.number = 7, .ip = 0x0a000007}},
        .floor = 10,
        .created_at = 5,
    };
    kv = (struct kv){.value = SLICE("10.0.0.7"), .create_revision = 5, .mod_revision = 5, .version = 1};
    call = (struct store_call){.revision = revision, .result = {.kvs = &kv}};
    buf_init(&why, ARENA);
}

static bool good(void) {
    return simulate_judge(&expected, &call, &why);
}

static bool complains(const char *text) {
    bool is_so = !good() && why.size > 0 && memmem(why.data, why.size, text, strlen(text)) != NULL;

    if (!is_so) {
        print_error("it said: %.*s\n", (int)why.size, why.data);
    }
    buf_fini(&why);
    return is_so;
}

static void a_create_finds_nothing(void **state) {
    (void)state;
    expect(SIMULATE_CREATE, 11);
    assert_true(good());
    expect(SIMULATE_CREATE, 11);
    call.result.kv_count = 1;
    assert_true(complains("was there already, with the value 10.0.0.7"));
}

static void a_repeated_create_may_find_itself(void **state) {
    (void)state;
    expect(SIMULATE_CREATE, 11);
    call.result.kv_count = 1;
    call.repeated = true;
    assert_true(good());
    kv.value = SLICE("10.0.0.8");
    assert_true(complains("10.0.0.8"));
}

static void a_retrieve_finds_the_value(void **state) {
    (void)state;
    expect(SIMULATE_RETRIEVE, 10);
    call.result.kv_count = 1;
    assert_true(good());
    kv.value = SLICE("10.0.0.8");
    assert_true(complains("instead of 10.0.0.7 it found 10.0.0.8"));
    expect(SIMULATE_RETRIEVE, 10);
    assert_true(complains("0 keys were found"));
    expect(SIMULATE_RETRIEVE, 10);
    call.result.kv_count = 1;
    kv.mod_revision = 6;
    assert_true(complains("created at revision 5"));
    expect(SIMULATE_RETRIEVE, 10);
    call.result.kv_count = 1;
    kv.mod_revision = 6;
    expected.created_at = 0;
    assert_true(good());
}

static void a_delete_deletes_one(void **state) {
    (void)state;
    expect(SIMULATE_DELETE, 11);
    call.result.count = 1;
    assert_true(good());
    call.result.count = 0;
    assert_true(complains("0 keys were deleted"));
    expect(SIMULATE_DELETE, 10);
    call.repeated = true;
    assert_true(good());
    call.result.count = 2;
    assert_true(complains("2 keys were deleted"));
}

static void revisions_never_go_back(void **state) {
    (void)state;
    expect(SIMULATE_CREATE, 10);
    assert_true(complains("revisions went back"));
    expect(SIMULATE_DELETE, 10);
    call.result.count = 1;
    assert_true(complains("revisions went back"));
    expect(SIMULATE_RETRIEVE, 9);
    call.result.kv_count = 1;
    assert_true(complains("revisions went back"));
}

static void the_first_troubles_are_kept(void **state) {
    struct simulate_tally *tally = calloc(1, sizeof(*tally));
    const struct simulate_operation operation = {.kind = SIMULATE_DELETE};
    char text[SIMULATE_WHY_MAX + 10];

    (void)state;
    memset(text, 'x', sizeof(text));
    simulate_tally_init(tally);
    for (uint64_t i = 0; i < SIMULATE_WRONG_SHOWN + 3; i++) {
        simulate_tally_wrong(tally, i, operation, slice_make(text, sizeof(text)));
    }
    assert_int_equal(tally->wrong, SIMULATE_WRONG_SHOWN + 3);
    assert_int_equal(tally->wrongs[SIMULATE_WRONG_SHOWN - 1].at, SIMULATE_WRONG_SHOWN - 1);
    assert_int_equal(strlen(tally->wrongs[0].why), SIMULATE_WHY_MAX - 1);
    simulate_tally_failure(tally, 3, operation, STORE_TIMEOUT, SLICE("first"));
    simulate_tally_failure(tally, 4, operation, STORE_DENIED, SLICE("second"));
    assert_int_equal(tally->status, STORE_TIMEOUT);
    assert_string_equal(tally->failure.why, "first");
    free(tally);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_makes_the_same_operations),
        cmocka_unit_test(operations_are_on_what_is_there),
        cmocka_unit_test(the_first_operation_is_a_create_whatever_is_drawn),
        cmocka_unit_test(a_plan_is_what_comes),
        cmocka_unit_test(any_live_device_is_deleted),
        cmocka_unit_test(texts_are_for_people),
        cmocka_unit_test(a_create_finds_nothing),
        cmocka_unit_test(a_repeated_create_may_find_itself),
        cmocka_unit_test(a_retrieve_finds_the_value),
        cmocka_unit_test(a_delete_deletes_one),
        cmocka_unit_test(revisions_never_go_back),
        cmocka_unit_test(the_first_troubles_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
