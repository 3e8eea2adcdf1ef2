/* SPDX-License-Identifier: Apache-2.0 */
#include "etcd_fake.h"

#include <stdlib.h>

#include "rpc/kv_request.h"
#include "store/etcd/kv.h"

/* Operations as requests: packed, unpacked, and read as the server side of etcd's API reads them. */

struct trip {
    struct arena arena;
    char *bytes;
};

static void *trip_of(struct trip *t, const struct store_op *op, enum etcd_method_id want) {
    enum etcd_method_id method = ETCD_METHOD_COUNT;
    const struct etcd_method *m = etcd_method_get(want);
    ProtobufCMessage *message;
    size_t size;

    arena_init(&t->arena, SIZE_MAX);
    message = etcd_kv_request(op, &t->arena, &method);
    assert_non_null(message);
    assert_int_equal(method, want);
    assert_ptr_equal(message->descriptor, m->request);
    size = protobuf_c_message_get_packed_size(message);
    t->bytes = malloc(size + 1);
    protobuf_c_message_pack(message, (uint8_t *)t->bytes);
    message = etcd_message_unpack(m->request, slice_make(t->bytes, size), &t->arena);
    assert_non_null(message);
    return message;
}

static void trip_end(struct trip *t) {
    free(t->bytes);
    arena_fini(&t->arena);
}

static void assert_slice(struct slice got, const char *want) {
    assert_int_equal(got.size, strlen(want));
    assert_memory_equal(got.data, want, got.size);
}

static void a_range(void **state) {
    const struct store_op op = {
        .kind = STORE_OP_RANGE,
        .range =
            {
                .span = {SLICE("a"), SLICE("\0")},
                .revision = 7,
                .limit = 3,
                .order = STORE_SORT_DESCEND,
                .target = STORE_SORT_VALUE,
                .serializable = true,
                .keys_only = true,
                .min_mod_revision = 1,
                .max_mod_revision = 2,
                .min_create_revision = 4,
                .max_create_revision = 5,
            },
    };
    struct trip t;
    struct store_op got;

    (void)state;
    kv_range_op(trip_of(&t, &op, ETCD_METHOD_KV_RANGE), &got);
    assert_slice(got.range.span.key, "a");
    assert_int_equal(got.range.span.range_end.size, 1);
    assert_int_equal(got.range.revision, 7);
    assert_int_equal(got.range.limit, 3);
    assert_int_equal(got.range.order, STORE_SORT_DESCEND);
    assert_int_equal(got.range.target, STORE_SORT_VALUE);
    assert_true(got.range.serializable);
    assert_true(got.range.keys_only);
    assert_false(got.range.count_only);
    assert_int_equal(got.range.min_mod_revision, 1);
    assert_int_equal(got.range.max_mod_revision, 2);
    assert_int_equal(got.range.min_create_revision, 4);
    assert_int_equal(got.range.max_create_revision, 5);
    trip_end(&t);
}

static void every_order_and_target(void **state) {
    (void)state;
    for (enum store_sort_order order = STORE_SORT_NONE; order <= STORE_SORT_DESCEND; order++) {
        for (enum store_sort_target target = STORE_SORT_KEY; target <= STORE_SORT_VALUE; target++) {
            const struct store_op op = {
                .kind = STORE_OP_RANGE,
                .range = {.span.key = SLICE("k"), .order = order, .target = target, .count_only = true},
            };
            struct trip t;
            struct store_op got;

            kv_range_op(trip_of(&t, &op, ETCD_METHOD_KV_RANGE), &got);
            assert_int_equal(got.range.order, order);
            assert_int_equal(got.range.target, target);
            assert_true(got.range.count_only);
            trip_end(&t);
        }
    }
}

static void a_put_and_a_delete(void **state) {
    const struct store_op put = {
        .kind = STORE_OP_PUT,
        .put = {.key = SLICE("k"), .value = SLICE("v"), .lease = -5, .want_previous = true, .ignore_lease = true},
    };
    const struct store_op del = {
        .kind = STORE_OP_DELETE,
        .delete = {.span = {SLICE("k"), SLICE("l")}, .want_previous = true},
    };
    struct trip t;
    struct store_op got;

    (void)state;
    kv_put_op(trip_of(&t, &put, ETCD_METHOD_KV_PUT), &got);
    assert_slice(got.put.key, "k");
    assert_slice(got.put.value, "v");
    assert_int_equal(got.put.lease, -5);
    assert_true(got.put.want_previous);
    assert_true(got.put.ignore_lease);
    assert_false(got.put.ignore_value);
    trip_end(&t);

    kv_delete_op(trip_of(&t, &del, ETCD_METHOD_KV_DELETE_RANGE), &got);
    assert_slice(got.delete.span.key, "k");
    assert_slice(got.delete.span.range_end, "l");
    assert_true(got.delete.want_previous);
    trip_end(&t);
}

static void every_compare(void **state) {
    (void)state;
    for (enum store_compare_target target = STORE_COMPARE_VERSION; target <= STORE_COMPARE_LEASE; target++) {
        for (enum store_compare_result result = STORE_EQUAL; result <= STORE_NOT_EQUAL; result++) {
            const struct store_compare compare = {
                .span = {SLICE("k"), SLICE("z")},
                .result = result,
                .target = target,
                .number = target == STORE_COMPARE_VALUE ? 0 : 12,
                .value = target == STORE_COMPARE_VALUE ? SLICE("v") : SLICE(""),
            };
            const struct store_op op = {.kind = STORE_OP_TXN, .txn = {.compares = &compare, .compare_count = 1}};
            struct trip t;
            struct store_op got;

            assert_true(kv_txn_op(trip_of(&t, &op, ETCD_METHOD_KV_TXN), &t.arena, &got));
            assert_int_equal(got.txn.compare_count, 1);
            assert_slice(got.txn.compares->span.key, "k");
            assert_slice(got.txn.compares->span.range_end, "z");
            assert_int_equal(got.txn.compares->result, result);
            assert_int_equal(got.txn.compares->target, target);
            assert_int_equal(got.txn.compares->number, compare.number);
            assert_true(slice_equal(got.txn.compares->value, compare.value));
            trip_end(&t);
        }
    }
}

static void a_transaction_in_a_transaction(void **state) {
    const struct store_op inner[] = {
        {.kind = STORE_OP_PUT, .put = {.key = SLICE("x"), .value = SLICE("y")}},
        {.kind = STORE_OP_NONE},
    };
    const struct store_op success[] = {
        {.kind = STORE_OP_RANGE, .range.span.key = SLICE("r")},
        {.kind = STORE_OP_TXN, .txn = {.failure = inner, .failure_count = 2}},
    };
    const struct store_op failure[] = {{.kind = STORE_OP_DELETE, .delete.span.key = SLICE("d")}};
    const struct store_op op = {
        .kind = STORE_OP_TXN,
        .txn = {.success = success, .success_count = 2, .failure = failure, .failure_count = 1},
    };
    struct trip t;
    struct store_op got;

    (void)state;
    assert_true(kv_txn_op(trip_of(&t, &op, ETCD_METHOD_KV_TXN), &t.arena, &got));
    assert_int_equal(got.txn.success_count, 2);
    assert_int_equal(got.txn.success[0].kind, STORE_OP_RANGE);
    assert_slice(got.txn.success[0].range.span.key, "r");
    assert_int_equal(got.txn.success[1].kind, STORE_OP_TXN);
    assert_int_equal(got.txn.success[1].txn.success_count, 0);
    assert_int_equal(got.txn.success[1].txn.failure_count, 2);
    assert_slice(got.txn.success[1].txn.failure[0].put.value, "y");
    assert_int_equal(got.txn.success[1].txn.failure[1].kind, STORE_OP_NONE);
    assert_int_equal(got.txn.failure_count, 1);
    assert_slice(got.txn.failure[0].delete.span.key, "d");
    trip_end(&t);
}

static void compaction_and_leases(void **state) {
    const struct store_op compact = {.kind = STORE_OP_COMPACT, .compact_revision = 9, .compact_physical = true};
    const struct store_op grant = {.kind = STORE_OP_LEASE_GRANT, .lease = {.id = 4, .ttl = 60}};
    const struct store_op revoke = {.kind = STORE_OP_LEASE_REVOKE, .lease.id = 5};
    const struct store_op alive = {.kind = STORE_OP_LEASE_KEEP_ALIVE, .lease.id = 6};
    const struct store_op ttl = {.kind = STORE_OP_LEASE_TTL, .lease = {.id = 7, .want_keys = true}};
    const struct store_op list = {.kind = STORE_OP_LEASE_LIST};
    const Etcdserverpb__CompactionRequest *c;
    const Etcdserverpb__LeaseGrantRequest *g;
    const Etcdserverpb__LeaseTimeToLiveRequest *l;
    struct trip t;

    (void)state;
    c = trip_of(&t, &compact, ETCD_METHOD_KV_COMPACT);
    assert_int_equal(c->revision, 9);
    assert_true(c->physical);
    trip_end(&t);
    g = trip_of(&t, &grant, ETCD_METHOD_LEASE_GRANT);
    assert_int_equal(g->id, 4);
    assert_int_equal(g->ttl, 60);
    trip_end(&t);
    assert_int_equal(((Etcdserverpb__LeaseRevokeRequest *)trip_of(&t, &revoke, ETCD_METHOD_LEASE_REVOKE))->id, 5);
    trip_end(&t);
    assert_int_equal(((Etcdserverpb__LeaseKeepAliveRequest *)trip_of(&t, &alive, ETCD_METHOD_LEASE_KEEP_ALIVE))->id, 6);
    trip_end(&t);
    l = trip_of(&t, &ttl, ETCD_METHOD_LEASE_TIME_TO_LIVE);
    assert_int_equal(l->id, 7);
    assert_true(l->keys);
    trip_end(&t);
    trip_of(&t, &list, ETCD_METHOD_LEASE_LEASES);
    trip_end(&t);
}

/* At each place where there is no room any more, there is no request, and nothing else happens. */
static void no_room(void **state) {
    const struct store_compare compare = {.span.key = SLICE("k")};
    const struct store_op put = {.kind = STORE_OP_PUT, .put.key = SLICE("k")};
    const struct store_op inner = {.kind = STORE_OP_TXN, .txn = {.success = &put, .success_count = 1}};
    const struct store_op op = {
        .kind = STORE_OP_TXN,
        .txn = {.compares = &compare,
                .compare_count = 1,
                .success = &inner,
                .success_count = 1,
                .failure = &put,
                .failure_count = 1},
    };
    enum etcd_method_id method;
    size_t limit = 0;
    size_t needed;
    struct arena arena;

    (void)state;
    arena_init(&arena, SIZE_MAX);
    assert_non_null(etcd_kv_request(&op, &arena, &method));
    needed = arena.used;
    arena_fini(&arena);
    for (; limit < needed; limit++) {
        arena_init(&arena, limit);
        assert_null(etcd_kv_request(&op, &arena, &method));
        arena_fini(&arena);
    }
}

static void what_the_api_does_not_have(void **state) {
    const enum store_op_kind kinds[] = {STORE_OP_NONE, STORE_OP_NOTE, STORE_OP_DEFRAGMENT};
    struct arena arena;

    (void)state;
    arena_init(&arena, SIZE_MAX);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const struct store_op op = {.kind = kinds[i]};
        enum etcd_method_id method;

        assert_null(etcd_kv_request(&op, &arena, &method));
    }
    arena_fini(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range),
        cmocka_unit_test(every_order_and_target),
        cmocka_unit_test(a_put_and_a_delete),
        cmocka_unit_test(every_compare),
        cmocka_unit_test(a_transaction_in_a_transaction),
        cmocka_unit_test(compaction_and_leases),
        cmocka_unit_test(no_room),
        cmocka_unit_test(what_the_api_does_not_have),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
