/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/etcd/field.h"
#include "proto/etcd/health.pb-c.h"
#include "proto/etcd/message.h"
#include "proto/etcd/rpc.pb-c.h"

enum { ROOM = 1 << 20, WHY_MAX = 200 };

static struct arena arena;
static struct buf why;

static int start(void **state) {
    (void)state;
    arena_init(&arena, ROOM);
    buf_init(&why, WHY_MAX);
    return 0;
}

static int end(void **state) {
    (void)state;
    arena_fini(&arena);
    buf_fini(&why);
    return 0;
}

#define READ(type, text) read_text(&etcdserverpb__##type##__descriptor, SLICE(text))
#define WRONG(type, text, sentence) wrong(&etcdserverpb__##type##__descriptor, SLICE(text), sentence)
/* What is read from `text` is written as `written`. */
#define SAME(type, text, written) same(&etcdserverpb__##type##__descriptor, SLICE(text), written)

/* From a copy that ends where it ends, and is gone afterwards. */
static void *read_text(const ProtobufCMessageDescriptor *type, struct slice text) {
    char *copy = malloc(text.size + 1);
    ProtobufCMessage *message;

    assert_non_null(copy);
    memcpy(copy, text.data, text.size);
    why.size = 0;
    message = etcd_message_from_json(type, slice_make(copy, text.size), &arena, &why);
    free(copy);
    return message;
}

static void wrong(const ProtobufCMessageDescriptor *type, struct slice text, const char *sentence) {
    assert_null(read_text(type, text));
    assert_true(why.size > 0);
    assert_int_equal(buf_append(&why, "", 1), LARDER_OK);
    assert_string_equal(why.data, sentence);
}

static void assert_written(const void *message, const char *expected) {
    struct buf out;

    assert_non_null(message);
    buf_init(&out, ROOM);
    assert_int_equal(etcd_message_to_json(message, &out), LARDER_OK);
    assert_int_equal(buf_append(&out, "", 1), LARDER_OK);
    assert_string_equal(out.data, expected);
    buf_fini(&out);
}

static void same(const ProtobufCMessageDescriptor *type, struct slice text, const char *written) {
    assert_written(read_text(type, text), written);
}

static void nothing_and_null_are_empty(void **state) {
    (void)state;
    SAME(range_request, "", "{}");
    SAME(range_request, " \n", "{}");
    SAME(range_request, "{}", "{}");
    SAME(range_request, "null", "{}");
    SAME(range_request, "{\"key\":null,\"limit\":null,\"sort_order\":null,\"serializable\":null}", "{}");
    SAME(txn_request, "{\"compare\":null,\"success\":[{\"request_range\":null}]}", "{\"success\":[{}]}");
}

static void names_in_both_spellings(void **state) {
    (void)state;
    SAME(range_request, "{\"key\":\"YQ==\",\"range_end\":\"Yg==\",\"min_mod_revision\":\"7\"}",
         "{\"key\":\"YQ==\",\"range_end\":\"Yg==\",\"min_mod_revision\":\"7\"}");
    SAME(range_request, "{\"rangeEnd\":\"Yg==\",\"minModRevision\":7}",
         "{\"range_end\":\"Yg==\",\"min_mod_revision\":\"7\"}");
    SAME(range_request, "{\"range\\u005fend\":\"Yg==\"}", "{\"range_end\":\"Yg==\"}");
    SAME(lease_grant_request, "{\"TTL\":5,\"ID\":\"6\"}", "{\"TTL\":\"5\",\"ID\":\"6\"}");
    SAME(lease_grant_request, "{\"ttl\":5,\"id\":\"6\"}", "{}");
    SAME(range_request, "{\"rangeend\":\"Yg==\",\"range_End\":\"Yg==\",\"range\":\"Yg==\",\"range_end_\":\"Yg==\"}",
         "{}");
}

static void numbers_of_each_type(void **state) {
    (void)state;
    SAME(range_request, "{\"limit\":9223372036854775807,\"revision\":\"-9223372036854775808\"}",
         "{\"limit\":\"9223372036854775807\",\"revision\":\"-9223372036854775808\"}");
    SAME(member_remove_request, "{\"ID\":18446744073709551615}", "{\"ID\":\"18446744073709551615\"}");
    SAME(hash_response, "{\"hash\":4294967295}", "{\"hash\":4294967295}");
    SAME(hash_response, "{\"hash\":\"1\"}", "{\"hash\":1}");
    WRONG(range_request, "{\"limit\":9223372036854775808}", "limit: must be a whole number of its type's range");
    WRONG(range_request, "{\"limit\":1.5}", "limit: must be a whole number of its type's range");
    WRONG(range_request, "{\"limit\":1e0}", "limit: must be a whole number of its type's range");
    WRONG(range_request, "{\"limit\":\"\"}", "limit: must be a whole number of its type's range");
    WRONG(range_request, "{\"limit\":true}", "limit: must be a number");
    WRONG(member_remove_request, "{\"ID\":18446744073709551616}", "ID: must be a whole number of its type's range");
    WRONG(member_remove_request, "{\"ID\":-1}", "ID: must be a whole number of its type's range");
    WRONG(hash_response, "{\"hash\":4294967296}", "hash: must be a whole number of its type's range");
}

static void enums_by_name_or_number(void **state) {
    (void)state;
    SAME(range_request, "{\"sort_order\":\"DESCEND\",\"sort_target\":3}",
         "{\"sort_order\":\"DESCEND\",\"sort_target\":\"MOD\"}");
    SAME(range_request, "{\"sortOrder\":77}", "{\"sort_order\":77}");
    SAME(range_request, "{\"sortOrder\":-1}", "{\"sort_order\":-1}");
    SAME(range_request, "{\"sortOrder\":\"NONE\",\"sort_target\":0}", "{}");
    WRONG(range_request, "{\"sortOrder\":\"descend\"}", "sort_order: has no such value");
    WRONG(range_request, "{\"sortOrder\":\"1\"}", "sort_order: has no such value");
    WRONG(range_request, "{\"sortOrder\":2147483648}", "sort_order: must be a whole number of its type's range");
    WRONG(range_request, "{\"sortOrder\":[]}", "sort_order: must be a number");
}

static void bytes_in_each_spelling_of_base64(void **state) {
    (void)state;
    SAME(put_request, "{\"key\":\"//79\",\"value\":\"__79\"}", "{\"key\":\"//79\",\"value\":\"//79\"}");
    SAME(put_request, "{\"key\":\"YQ\",\"value\":\"YW\\nI=\"}", "{\"key\":\"YQ==\",\"value\":\"YWI=\"}");
    SAME(put_request, "{\"key\":\"\\/\\/79\"}", "{\"key\":\"//79\"}");
    SAME(put_request, "{\"key\":\"\"}", "{}");
    WRONG(put_request, "{\"key\":\"YQ=\"}", "key: must be base64");
    WRONG(put_request, "{\"key\":\"Y\"}", "key: must be base64");
    WRONG(put_request, "{\"key\":\"YQ!\"}", "key: must be base64");
    WRONG(put_request, "{\"key\":12}", "key: must be a string");
}

static void strings_and_their_escapes(void **state) {
    (void)state;
    SAME(auth_role_add_request, "{\"name\":\"a\\u00e9\\ud83d\\ude00\\\"\\n\"}",
         "{\"name\":\"a\xc3\xa9\xf0\x9f\x98\x80\\\"\\n\"}");
    SAME(member_update_request, "{\"peerURLs\":[\"http:\\/\\/a\",\"\"]}", "{\"peerURLs\":[\"http://a\",\"\"]}");
    WRONG(auth_role_add_request, "{\"name\":\"a\\u0000b\"}", "name: must not hold the character U+0000");
    WRONG(auth_role_add_request, "{\"name\":1}", "name: must be a string");
    WRONG(auth_role_add_request, "{\"name\":\"\\ud83d\"}", "the request is no JSON text");
}

static void bools(void **state) {
    (void)state;
    SAME(put_request, "{\"prev_kv\":true,\"ignoreLease\":false}", "{\"prev_kv\":true}");
    WRONG(put_request, "{\"prev_kv\":\"true\"}", "prev_kv: must be true or false");
    WRONG(put_request, "{\"prev_kv\":1}", "prev_kv: must be true or false");
}

static void oneofs_have_one_member(void **state) {
    const Etcdserverpb__TxnRequest *txn = READ(txn_request, "{\"compare\":[{\"key\":\"YQ==\",\"version\":\"0\"}]}");

    (void)state;
    assert_int_equal(txn->compare[0]->target_union_case, ETCDSERVERPB__COMPARE__TARGET_UNION_VERSION);
    assert_written(txn, "{\"compare\":[{\"key\":\"YQ==\",\"version\":\"0\"}]}");
    SAME(txn_request, "{\"compare\":[{\"target\":\"VALUE\",\"value\":\"\"},{\"target\":3,\"value\":\"eA==\"}]}",
         "{\"compare\":[{\"target\":\"VALUE\",\"value\":\"\"},{\"target\":\"VALUE\",\"value\":\"eA==\"}]}");
    SAME(watch_request, "{\"create_request\":null,\"progress_request\":{}}", "{\"progress_request\":{}}");
    WRONG(watch_request, "{\"createRequest\":{},\"cancel_request\":{}}",
          "cancel_request: excludes another field that is set");
}

static void messages_in_messages(void **state) {
    (void)state;
    SAME(
        txn_request,
        "{\"compare\":[{\"result\":\"GREATER\",\"target\":\"CREATE\",\"key\":\"YQ==\",\"createRevision\":\"3\"}],"
        "\"success\":[{\"requestPut\":{\"key\":\"YQ==\"}},{\"request_txn\":{\"failure\":[{\"request_range\":{}}]}}]}",
        "{\"compare\":[{\"result\":\"GREATER\",\"target\":\"CREATE\",\"key\":\"YQ==\",\"create_revision\":\"3\"}],"
        "\"success\":[{\"request_put\":{\"key\":\"YQ==\"}},{\"request_txn\":{\"failure\":[{\"request_range\":{}}]}}]}");
    WRONG(txn_request, "{\"compare\":{}}", "compare: must be an array");
    WRONG(txn_request, "{\"compare\":[null]}", "compare: must be an object");
    WRONG(txn_request, "{\"compare\":[5]}", "compare: must be an object");
    WRONG(lease_time_to_live_response, "{\"keys\":[\"YQ==\",null]}", "keys: must be a string");
}

static void unknown_fields_are_passed_over(void **state) {
    (void)state;
    SAME(put_request, "{\"new\":{\"a\":[1,{\"b\":null}],\"c\":\"}\"},\"key\":\"YQ==\",\"x\":-1.5e3}",
         "{\"key\":\"YQ==\"}");
    WRONG(put_request, "{\"new\":{\"a\":[1,]}}", "the request is no JSON text");
    WRONG(put_request, "{\"new\":", "the JSON text ends too early");
}

static void what_is_no_message(void **state) {
    (void)state;
    WRONG(put_request, "[]", "PutRequest: must be an object");
    WRONG(put_request, "5", "PutRequest: must be an object");
    WRONG(put_request, "{\"key\":\"YQ==\"", "the JSON text ends too early");
    WRONG(put_request, "{\"key\":\"YQ=", "the JSON text ends too early");
    WRONG(put_request, "\"", "the JSON text ends too early");
    WRONG(put_request, "-", "the JSON text ends too early");
    WRONG(put_request, "n", "the JSON text ends too early");
    WRONG(put_request, "nx", "the request is no JSON text");
    WRONG(put_request, "{\"key\":}", "the request is no JSON text");
    WRONG(put_request, "{\"key\":\"YQ==\",}", "the request is no JSON text");
    WRONG(put_request, "{\"key\":\"YQ==\"}}", "PutRequest: must be alone in the request");
    WRONG(put_request, "{\"key\":\"YQ==\"}{}", "PutRequest: must be alone in the request");
    WRONG(put_request, "{\"key\":\"YQ==\"} \"", "PutRequest: must be alone in the request");
    WRONG(put_request, "{\"key\":\"YQ==\",\"key\":\"Yg==\"}", "key: comes twice");
    WRONG(put_request, "{\"prev_kv\":true,\"prevKv\":true}", "prev_kv: comes twice");
}

/* Nested transactions as text: `levels` of them. */
static struct slice nested_txn(size_t levels, struct buf *text) {
    text->size = 0;
    for (size_t i = 1; i < levels; i++) {
        assert_int_equal(buf_printf(text, "{\"success\":[{\"request_txn\":"), LARDER_OK);
    }
    assert_int_equal(buf_printf(text, "{}"), LARDER_OK);
    for (size_t i = 1; i < levels; i++) {
        assert_int_equal(buf_printf(text, "}]}"), LARDER_OK);
    }
    return buf_slice(text);
}

static void nesting_has_a_limit(void **state) {
    struct buf text;

    (void)state;
    buf_init(&text, ROOM);
    assert_non_null(
        read_text(&etcdserverpb__txn_request__descriptor, nested_txn(ETCD_MESSAGE_DEPTH_MAX / 2 + 1, &text)));
    wrong(&etcdserverpb__txn_request__descriptor, nested_txn(ETCD_MESSAGE_DEPTH_MAX / 2 + 2, &text),
          "success: is nested too deep");
    text.size = 0;
    assert_int_equal(buf_printf(&text, "{\"x\":"), LARDER_OK);
    for (size_t i = 0; i < 10000; i++) {
        assert_int_equal(buf_append(&text, "[", 1), LARDER_OK);
    }
    wrong(&etcdserverpb__txn_request__descriptor, buf_slice(&text), "the request is no JSON text");
    buf_fini(&text);
}

/* With one byte of room more each time: refused until it fits. */
static void every_allocation_may_fail(void **state) {
    struct slice text = SLICE("{\"name\":\"a\\u00e9\",\"perm\":{\"key\":\"YWJj\"}}");
    size_t refused = 0;

    (void)state;
    for (;; refused++) {
        arena_fini(&arena);
        arena_init(&arena, refused);
        if (read_text(&etcdserverpb__auth_role_grant_permission_request__descriptor, text) != NULL) {
            break;
        }
        assert_true(slice_equal(buf_slice(&why), SLICE("the request is too large")));
    }
    assert_true(refused > sizeof(Etcdserverpb__AuthRoleGrantPermissionRequest));
}

static void writing_stops_at_the_limit(void **state) {
    const void *message = READ(put_request, "{\"key\":\"YWJj\",\"lease\":\"5\"}");
    struct slice whole = SLICE("{\"key\":\"YWJj\",\"lease\":\"5\"}");

    (void)state;
    for (size_t limit = 0; limit <= whole.size; limit++) {
        struct buf out;

        buf_init(&out, limit);
        assert_int_equal(etcd_message_to_json(message, &out), limit < whole.size ? LARDER_ERROR_LIMIT : LARDER_OK);
        assert_true(out.size <= limit);
        buf_fini(&out);
    }
}

/* The shapes that etcd 3.4's gateway answers with. */
static void answers_as_etcd_writes_them(void **state) {
    static const char *const status = "{\"header\":{\"cluster_id\":\"15118495548433857066\",\"revision\":\"2\"},"
                                      "\"version\":\"3.4.23\",\"dbSize\":\"20480\",\"raftIndex\":\"31\","
                                      "\"errors\":[\"a\"],\"dbSizeInUse\":\"16384\",\"isLearner\":true}";
    Grpc__Health__V1__HealthCheckResponse health = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    Etcdserverpb__RangeResponse range = ETCDSERVERPB__RANGE_RESPONSE__INIT;
    Mvccpb__KeyValue kv = MVCCPB__KEY_VALUE__INIT;
    Mvccpb__KeyValue *kvs[] = {&kv, &kv};

    (void)state;
    same(&etcdserverpb__status_response__descriptor, slice_from_string(status), status);
    SAME(alarm_response, "{\"alarms\":[{\"memberID\":\"1\",\"alarm\":\"NOSPACE\"},{}]}",
         "{\"alarms\":[{\"memberID\":\"1\",\"alarm\":\"NOSPACE\"},{}]}");
    SAME(watch_response, "{\"events\":[{\"type\":\"DELETE\",\"kv\":{}},{\"kv\":{\"key\":\"YQ==\"}}]}",
         "{\"events\":[{\"type\":\"DELETE\",\"kv\":{}},{\"kv\":{\"key\":\"YQ==\"}}]}");
    kv.key = etcd_bytes(SLICE("foo"));
    kv.version = 1;
    range.n_kvs = 2;
    range.kvs = kvs;
    range.more = 1;
    assert_written(&range, "{\"kvs\":[{\"key\":\"Zm9v\",\"version\":\"1\"},{\"key\":\"Zm9v\",\"version\":\"1\"}],"
                           "\"more\":true}");
    health.status = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
    assert_written(&health, "{\"status\":\"SERVING\"}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_and_null_are_empty, start, end),
        cmocka_unit_test_setup_teardown(names_in_both_spellings, start, end),
        cmocka_unit_test_setup_teardown(numbers_of_each_type, start, end),
        cmocka_unit_test_setup_teardown(enums_by_name_or_number, start, end),
        cmocka_unit_test_setup_teardown(bytes_in_each_spelling_of_base64, start, end),
        cmocka_unit_test_setup_teardown(strings_and_their_escapes, start, end),
        cmocka_unit_test_setup_teardown(bools, start, end),
        cmocka_unit_test_setup_teardown(oneofs_have_one_member, start, end),
        cmocka_unit_test_setup_teardown(messages_in_messages, start, end),
        cmocka_unit_test_setup_teardown(unknown_fields_are_passed_over, start, end),
        cmocka_unit_test_setup_teardown(what_is_no_message, start, end),
        cmocka_unit_test_setup_teardown(nesting_has_a_limit, start, end),
        cmocka_unit_test_setup_teardown(every_allocation_may_fail, start, end),
        cmocka_unit_test_setup_teardown(writing_stops_at_the_limit, start, end),
        cmocka_unit_test_setup_teardown(answers_as_etcd_writes_them, start, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
