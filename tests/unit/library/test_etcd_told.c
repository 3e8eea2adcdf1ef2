/* SPDX-License-Identifier: Apache-2.0 */
/* What spans and metrics say of calls of a client of etcd, and of its near cache. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "library/etcd/told.h"
#include "unit/library/observed.h"

static struct larder_tracer tracer;
static struct larder_etcd client;

static int set_up(void **state) {
    (void)state;
    observed_init(&tracer);
    client.tracer = &tracer;
    client.parent = NULL;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    observed_fini(&tracer);
    return 0;
}

static void end(const struct store_call *call, size_t method, bool from_memory) {
    struct told t;

    told_begin(&t, &client, client.parent, method);
    told_end(&t, call, from_memory);
}

/* A read of one key, of which there are so many. */
static struct store_call read_of(int64_t count) {
    return (struct store_call){.op = {.kind = STORE_OP_RANGE, .range = {.span = {.key = SLICE("k")}}},
                               .status = STORE_OK,
                               .result = {.count = count}};
}

static void test_reads(void **state) {
    struct store_call call = read_of(1);

    (void)state;
    end(&call, OBSERVE_RANGE, false);
    call = read_of(0);
    call.op.range.max_age_ns = 1;
    call.age_ns = 1234567890;
    end(&call, OBSERVE_NEAR_GET, true);
    call = read_of(0);
    call.op.range.serializable = true;
    call.result.kv_count = 1;
    end(&call, OBSERVE_NEAR_GET, true);
    call = read_of(5); /* a range is read, whatever there is in it */
    call.op.range.span.range_end = SLICE("l");
    end(&call, OBSERVE_RANGE, false);
    assert_spans(&tracer, "- Range db.system.name=etcd db.operation.name=Range larder.from_memory=false "
                          "larder.freshness=linearizable larder.age_ms=0 cache.hit=true [Cache hit]\n"
                          "- near_get db.system.name=etcd db.operation.name=Range larder.from_memory=true "
                          "larder.freshness=max_stale larder.age_ms=1234 cache.hit=false [Cache miss]\n"
                          "- near_get db.system.name=etcd db.operation.name=Range larder.from_memory=true "
                          "larder.freshness=cached larder.age_ms=0 cache.hit=true [Cache hit]\n"
                          "- Range db.system.name=etcd db.operation.name=Range larder.from_memory=false "
                          "larder.freshness=linearizable larder.age_ms=0\n");
    assert_calls(&tracer, "Range done  1\nRange hit  1\nnear_get hit  1\nnear_get miss  1\n");
}

static void test_writes_and_errors(void **state) {
    struct store_call call = {.op = {.kind = STORE_OP_PUT}, .status = STORE_OK};
    char expected[512];

    (void)state;
    end(&call, told_method(call.op.kind), false);
    call.status = STORE_UNKNOWN;
    end(&call, told_method(call.op.kind), false);
    call = read_of(0);
    call.status = STORE_COMPACTED;
    end(&call, told_method(call.op.kind), false);
    snprintf(expected, sizeof(expected),
             "- Put db.system.name=etcd db.operation.name=Put\n"
             "- Put db.system.name=etcd db.operation.name=Put error.type=unknown !%s\n"
             "- Range db.system.name=etcd db.operation.name=Range error.type=compacted !%s\n",
             larder_strerror(LARDER_ERR_UNKNOWN), larder_strerror(LARDER_ERR_COMPACTED));
    assert_spans(&tracer, expected);
    assert_calls(&tracer, "Range error compacted 1\nPut done  1\nPut error unknown 1\n");
}

static void test_methods(void **state) {
    static const char *const names[] = {
        [STORE_OP_RANGE] = "Range",
        [STORE_OP_PUT] = "Put",
        [STORE_OP_DELETE] = "DeleteRange",
        [STORE_OP_TXN] = "Txn",
        [STORE_OP_COMPACT] = "Compact",
        [STORE_OP_LEASE_GRANT] = "LeaseGrant",
        [STORE_OP_LEASE_REVOKE] = "LeaseRevoke",
        [STORE_OP_LEASE_KEEP_ALIVE] = "LeaseKeepAlive",
        [STORE_OP_LEASE_TTL] = "LeaseTimeToLive",
        [STORE_OP_LEASE_LIST] = "LeaseLeases",
    };

    (void)state;
    for (size_t kind = 0; kind < sizeof(names) / sizeof(names[0]); kind++) {
        assert_string_equal(observe_names.methods[told_method((enum store_op_kind)kind)], names[kind]);
    }
}

/* Below a span of the program; what is not sampled is counted all the same, and without a tracer nothing happens. */
static void test_views_and_silence(void **state) {
    struct span *parent = tracer_begin(&tracer.tracer, SLICE("parent"), SPAN_CLIENT, NULL);
    struct store_call call = {.op = {.kind = STORE_OP_TXN}, .status = STORE_OK};

    (void)state;
    client.parent = parent;
    end(&call, OBSERVE_TXN, false);
    assert_spans(&tracer, "+ Txn db.system.name=etcd db.operation.name=Txn\n");
    parent->context.flags = 0;
    end(&call, OBSERVE_TXN, false);
    tracer_end(parent, clock_monotonic_ns());
    client.tracer = NULL;
    end(&call, OBSERVE_TXN, false);
    assert_spans(&tracer, "");
    assert_calls(&tracer, "Txn done  2\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_writes_and_errors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_views_and_silence, set_up, tear_down),
        cmocka_unit_test(test_methods),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
