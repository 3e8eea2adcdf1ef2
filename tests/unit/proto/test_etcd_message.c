/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/etcd/field.h"
#include "proto/etcd/message.h"
#include "proto/etcd/method.h"
#include "proto/etcd/rpc.pb-c.h"

enum { ROOM = 1 << 20 };

static int start(void **state) {
    static struct arena arena;

    arena_init(&arena, ROOM);
    *state = &arena;
    return 0;
}

static int end(void **state) {
    arena_fini(*state);
    return 0;
}

#define UNPACK(type, bytes, arena) unpack(&etcdserverpb__##type##__descriptor, bytes, arena)

/* From a copy that ends where it ends and is gone afterwards, so that the sanitizer sees every byte read behind it. */
static void *unpack(const ProtobufCMessageDescriptor *type, struct slice bytes, struct arena *arena) {
    ProtobufCMessage *message;
    char *copy = malloc(bytes.size + 1);

    assert_non_null(copy);
    memcpy(copy, bytes.data, bytes.size);
    message = etcd_message_unpack(type, slice_make(copy, bytes.size), arena);
    free(copy);
    return message;
}

static void assert_bytes(ProtobufCBinaryData bytes, const char *expected) {
    assert_true(slice_equal(etcd_bytes_slice(bytes), slice_from_string(expected)));
}

#define ASSERT_BAD(type, bytes) assert_bad(&etcdserverpb__##type##__descriptor, bytes)

static void assert_bad(const ProtobufCMessageDescriptor *type, struct slice bytes) {
    struct arena arena;

    arena_init(&arena, ROOM);
    assert_null(unpack(type, bytes, &arena));
    arena_fini(&arena);
}

static void nothing_is_a_message_of_defaults(void **state) {
    const Etcdserverpb__RangeRequest *range = UNPACK(range_request, SLICE(""), *state);
    const Etcdserverpb__AuthenticateRequest *login = UNPACK(authenticate_request, SLICE(""), *state);

    assert_non_null(range);
    assert_int_equal(range->key.len, 0);
    assert_int_equal(range->limit, 0);
    assert_string_equal(login->name, "");
}

/* {key: "foo", range_end: "fop", limit: 300, revision: -1, sort_order: DESCEND, serializable: true}, as protoc has it. */
static void each_kind_of_field(void **state) {
    const Etcdserverpb__RangeRequest *range =
        UNPACK(range_request,
               SLICE("\x0a\x03"
                     "foo\x12\x03"
                     "fop\x18\xac\x02\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x28\x02\x38\x01"),
               *state);
    const Etcdserverpb__AuthenticateRequest *login =
        UNPACK(authenticate_request, SLICE("\x0a\x03\x61\xc3\xa9\x12\x02pw"), *state);

    assert_non_null(range);
    assert_bytes(range->key, "foo");
    assert_bytes(range->range_end, "fop");
    assert_int_equal(range->limit, 300);
    assert_int_equal(range->revision, -1);
    assert_int_equal(range->sort_order, ETCDSERVERPB__RANGE_REQUEST__SORT_ORDER__DESCEND);
    assert_int_equal(range->serializable, 1);
    assert_int_equal(range->keys_only, 0);
    assert_string_equal(login->name, "a\xc3\xa9");
    assert_string_equal(login->password, "pw");
}

static void repeated_numbers_packed_or_not(void **state) {
    const Etcdserverpb__WatchRequest *packed = UNPACK(watch_request, SLICE("\x0a\x04\x2a\x02\x01\x00"), *state);
    const Etcdserverpb__WatchRequest *plain = UNPACK(watch_request, SLICE("\x0a\x06\x28\x01\x28\x00\x28\x01"), *state);

    assert_int_equal(packed->request_union_case, ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST);
    assert_int_equal(packed->create_request->n_filters, 2);
    assert_int_equal(packed->create_request->filters[0], ETCDSERVERPB__WATCH_CREATE_REQUEST__FILTER_TYPE__NODELETE);
    assert_int_equal(packed->create_request->filters[1], ETCDSERVERPB__WATCH_CREATE_REQUEST__FILTER_TYPE__NOPUT);
    assert_int_equal(plain->create_request->n_filters, 3);
    assert_int_equal(plain->create_request->filters[2], ETCDSERVERPB__WATCH_CREATE_REQUEST__FILTER_TYPE__NODELETE);
}

static void repeated_parts_keep_their_order(void **state) {
    char bytes[2 * 100];
    const Etcdserverpb__LeaseTimeToLiveResponse *lease;

    for (size_t i = 0; i < 50; i++) {
        memcpy(bytes + 3 * i, (char[]){0x2a, 1, (char)('0' + i)}, 3);
    }
    lease = UNPACK(lease_time_to_live_response, slice_make(bytes, 150), *state);
    assert_int_equal(lease->n_keys, 50);
    for (size_t i = 0; i < 50; i++) {
        assert_int_equal(lease->keys[i].len, 1);
        assert_int_equal(lease->keys[i].data[0], '0' + i);
    }
}

/* Compare{version: 5} then {value: "v"}: the last member of the oneof counts, and the number is no pointer any more. */
static void of_a_oneof_the_last_counts(void **state) {
    const Etcdserverpb__TxnRequest *txn = UNPACK(txn_request, SLICE("\x0a\x05\x20\x05\x3a\x01v"), *state);
    const Etcdserverpb__WatchRequest *watch =
        UNPACK(watch_request, SLICE("\x12\x02\x08\x07\x0a\x03\x0a\x01k\x0a\x02\x38\x05"), *state);

    assert_int_equal(txn->n_compare, 1);
    assert_int_equal(txn->compare[0]->target_union_case, ETCDSERVERPB__COMPARE__TARGET_UNION_VALUE);
    assert_bytes(txn->compare[0]->value, "v");
    assert_int_equal(watch->request_union_case, ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST);
    assert_bytes(watch->create_request->key, "");
    assert_int_equal(watch->create_request->watch_id, 5);
}

static void of_a_field_the_last_counts_and_messages_merge(void **state) {
    const Etcdserverpb__PutRequest *put = UNPACK(put_request, SLICE("\x0a\x01\x61\x0a\x01\x62"), *state);
    const Etcdserverpb__PutResponse *answer = UNPACK(put_response, SLICE("\x0a\x02\x18\x05\x0a\x02\x20\x06"), *state);

    assert_bytes(put->key, "b");
    assert_int_equal(answer->header->revision, 5);
    assert_int_equal(answer->header->raft_term, 6);
}

static void unknown_fields_are_passed_over(void **state) {
    const Etcdserverpb__PutRequest *put = UNPACK(
        put_request,
        SLICE("\xf8\x07\x05\xfa\x07\x02xy\xf9\x07\x31\x32\x33\x34\x35\x36\x37\x38\xfd\x07\x31\x32\x33\x34\x0a\x01k"),
        *state);

    assert_non_null(put);
    assert_bytes(put->key, "k");
    assert_int_equal(put->base.n_unknown_fields, 0);
}

static void broken_messages_are_refused(void **state) {
    (void)state;
    ASSERT_BAD(put_request, SLICE("\x0a"));                                             /* no length */
    ASSERT_BAD(put_request, SLICE("\x0a\x02k"));                                        /* one byte shorter */
    ASSERT_BAD(put_request, SLICE("\x0a\x05k"));                                        /* shorter than it says */
    ASSERT_BAD(put_request, SLICE("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01k"));    /* much shorter */
    ASSERT_BAD(put_request, SLICE("\x18\xff"));                                         /* half a number */
    ASSERT_BAD(put_request, SLICE("\x18\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01")); /* a number of 11 bytes */
    ASSERT_BAD(put_request, SLICE("\x08\x01"));                                         /* a number for bytes */
    ASSERT_BAD(put_request, SLICE("\x1a\x01k"));                                        /* bytes for a number */
    ASSERT_BAD(put_request, SLICE("\x19\x31\x32\x33\x34\x35\x36\x37\x38")); /* a fixed number for a number */
    ASSERT_BAD(put_request, SLICE("\x00\x01"));                             /* field 0 */
    ASSERT_BAD(put_request, SLICE("\xfb\x07\xfc\x07"));                     /* a group */
    ASSERT_BAD(put_request, SLICE("\xff\x07"));                             /* no type */
    ASSERT_BAD(put_request, SLICE("\xf9\x07\x31"));                         /* unknown and cut off */
    ASSERT_BAD(put_request, SLICE("\x80\x80\x80\x80\x80\x01\x01"));         /* a tag beyond 32 bits */
    ASSERT_BAD(txn_request, SLICE("\x0a\x03\x1a\x05k"));                    /* an inner length beyond its message */
    ASSERT_BAD(watch_request, SLICE("\x0a\x03\x2a\x01\xff"));               /* half a packed number */
}

static void strings_must_be_text(void **state) {
    (void)state;
    ASSERT_BAD(authenticate_request, SLICE("\x0a\x02\xc3\x28"));
    ASSERT_BAD(authenticate_request, SLICE("\x0a\x05root\0"));
}

/* `levels` transactions, one in the other, from the inside out; returns the bytes, at the end of `bytes`. */
static struct slice nested_txn(size_t levels, char *bytes, size_t size) {
    size_t at = size;

    for (size_t i = 1; i < 2 * levels - 1; i++) {
        size_t inner = size - at;

        if (inner >= 0x80) {
            bytes[--at] = (char)(inner >> 7);
            bytes[--at] = (char)(0x80 | (inner & 0x7f));
        } else {
            bytes[--at] = (char)inner;
        }
        bytes[--at] = i % 2 == 1 ? 0x22 : 0x12; /* request_txn in its RequestOp, that in success */
    }
    return slice_make(bytes + at, size - at);
}

static void nesting_has_a_limit(void **state) {
    char bytes[4096];
    const Etcdserverpb__TxnRequest *txn =
        UNPACK(txn_request, nested_txn(ETCD_MESSAGE_DEPTH_MAX / 2 + 1, bytes, sizeof(bytes)), *state);
    size_t levels = 1;

    assert_non_null(txn);
    for (; txn->n_success > 0; txn = txn->success[0]->request_txn) {
        levels++;
    }
    assert_int_equal(levels, ETCD_MESSAGE_DEPTH_MAX / 2 + 1);
    ASSERT_BAD(txn_request, nested_txn(ETCD_MESSAGE_DEPTH_MAX / 2 + 2, bytes, sizeof(bytes)));
    ASSERT_BAD(txn_request, nested_txn(500, bytes, sizeof(bytes)));
}

/* Two bytes can ask for an operation of fifty: the arena says when it is enough, and what it handed out is no more. */
static void the_arena_bounds_what_small_parts_take(void **state) {
    enum { COUNT = 10000 };
    char bytes[2 * COUNT];
    struct arena arena;

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        memcpy(bytes + 2 * i, (char[]){0x12, 0}, 2);
    }
    arena_init(&arena, 100000);
    assert_null(UNPACK(txn_request, slice_make(bytes, sizeof(bytes)), &arena));
    assert_true(arena.used <= 100000);
    arena_fini(&arena);
    arena_init(&arena, 100 * sizeof(bytes));
    assert_non_null(UNPACK(txn_request, slice_make(bytes, sizeof(bytes)), &arena));
    arena_fini(&arena);
    assert_non_null(UNPACK(lease_time_to_live_response, SLICE("\x2a\x01k\x2a\x01k\x2a\x01k"), &arena));
    assert_int_equal(arena.used % alignof(max_align_t), 0); /* what it counts is what is gone */
    arena_fini(&arena);
}

/* With one byte of room more each time: refused until it fits. */
static void every_allocation_may_fail(void **state) {
    struct slice bytes = SLICE("\x0a\x08\x10\x03\x1a\x01k\x3a\x01v\x12\x05\x0a\x03\x0a\x01k");
    size_t refused = 0;

    (void)state;
    for (size_t room = 0;; room++) {
        struct arena arena;
        bool done;

        arena_init(&arena, room);
        done = UNPACK(txn_request, bytes, &arena) != NULL;
        arena_fini(&arena);
        if (done) {
            break;
        }
        refused++;
    }
    assert_true(refused > sizeof(Etcdserverpb__TxnRequest) + sizeof(Etcdserverpb__Compare));
}

static void check_types(const ProtobufCMessageDescriptor *type, unsigned depth) {
    assert_true(type->n_fields <= 64);
    for (unsigned i = 0; i < type->n_fields && depth > 0; i++) {
        assert_int_not_equal(etcd_field_value_size(type->fields[i].type), 0);
        if (type->fields[i].type == PROTOBUF_C_TYPE_MESSAGE) {
            check_types(type->fields[i].descriptor, depth - 1);
        }
    }
}

static void every_type_that_messages_use_is_known(void **state) {
    (void)state;
#define METHOD(id, path, ...)                                                                                          \
    check_types(etcd_method_find(SLICE(path))->request, 4);                                                            \
    check_types(etcd_method_find(SLICE(path))->response, 4);
#include "proto/etcd/methods.def"
#undef METHOD
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_a_message_of_defaults, start, end),
        cmocka_unit_test_setup_teardown(each_kind_of_field, start, end),
        cmocka_unit_test_setup_teardown(repeated_numbers_packed_or_not, start, end),
        cmocka_unit_test_setup_teardown(repeated_parts_keep_their_order, start, end),
        cmocka_unit_test_setup_teardown(of_a_oneof_the_last_counts, start, end),
        cmocka_unit_test_setup_teardown(of_a_field_the_last_counts_and_messages_merge, start, end),
        cmocka_unit_test_setup_teardown(unknown_fields_are_passed_over, start, end),
        cmocka_unit_test(broken_messages_are_refused),
        cmocka_unit_test(strings_must_be_text),
        cmocka_unit_test_setup_teardown(nesting_has_a_limit, start, end),
        cmocka_unit_test(the_arena_bounds_what_small_parts_take),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(every_type_that_messages_use_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
