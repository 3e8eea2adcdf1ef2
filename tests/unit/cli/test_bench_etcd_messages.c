/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "cli/bench/etcd/glance.h"
#include "cli/bench/etcd/template.h"
#include "cli/bench/etcd/wire.h"
#include "proto/etcd/message.h"
#include "proto/etcd/rpc.pb-c.h"

enum { ARENA_MAX = 1 << 20 };

static struct etcd_config config_of(int argc, const char *const *words) {
    static char copies[16][32]; /* the configuration points to them */
    char *argv[16];
    struct etcd_config config;

    assert_true(argc <= 16);
    for (int i = 0; i < argc; i++) {
        strcpy(copies[i], words[i]);
        argv[i] = copies[i];
    }
    assert_int_equal(etcd_config_read(argc, argv, &config), OPTIONS_DONE);
    config.key_prefix = "/p/";
    return config;
}

#define CONFIG(...)                                                                                                    \
    config_of((int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)),                                \
              (const char *const[]){__VA_ARGS__})

static void write_keys(const struct etcd_config *config, struct template *t, uint64_t number) {
    for (size_t i = 0; i < t->keys; i++) {
        etcd_config_write_key(config, number + i, t->bytes + t->key_at + i * t->stride);
    }
}

static ProtobufCMessage *unpack(const ProtobufCMessageDescriptor *type, const struct template *t, struct arena *arena) {
    ProtobufCMessage *message;

    arena_init(arena, ARENA_MAX);
    message = etcd_message_unpack(type, slice_make(t->bytes, t->size), arena);
    assert_non_null(message);
    return message;
}

static void assert_bytes(ProtobufCBinaryData bytes, const char *text) {
    assert_true(slice_equal(etcd_bytes_slice(bytes), slice_from_string(text)));
}

/* Sizes around those where lengths take one more byte. */
static void a_put_has_its_key_and_value_where_the_template_says(void **state) {
    static const uint64_t sizes[] = {8, 120, 124, 125, 126, 127, 128, 300, 4096};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct etcd_config config = CONFIG("put", "--key-space-size", "1000");
        struct template t;
        struct arena arena;
        Etcdserverpb__PutRequest *put;

        config.key_size = sizes[i];
        config.value_size = sizes[i] + 8;
        assert_true(template_make(&config, ETCD_PUT, &t));
        write_keys(&config, &t, 407);
        memcpy(t.bytes + t.value_at, "TIMESTMP", 8);
        put = (Etcdserverpb__PutRequest *)unpack(&etcdserverpb__put_request__descriptor, &t, &arena);
        assert_int_equal(put->key.len, 3 + sizes[i]);
        assert_memory_equal(put->key.data, "/p/0", 4);
        assert_memory_equal(put->key.data + put->key.len - 4, "0407", 4);
        assert_int_equal(put->value.len, config.value_size);
        assert_memory_equal(put->value.data, "TIMESTMPi", 8);
        arena_fini(&arena);
        template_free(&t);
    }
}

static void a_txn_has_a_key_in_each_of_its_puts(void **state) {
    static const uint64_t value_sizes[] = {0, 8, 100, 110, 115, 120, 300, 20000};

    (void)state;
    for (size_t i = 0; i < sizeof(value_sizes) / sizeof(value_sizes[0]); i++) {
        struct etcd_config config = CONFIG("txn", "--txn-ops", "3", "--key-space-size", "1000", "--key-size", "4");
        struct template t;
        struct arena arena;
        Etcdserverpb__TxnRequest *txn;

        config.value_size = value_sizes[i];
        assert_true(template_make(&config, ETCD_TXN, &t));
        write_keys(&config, &t, 98);
        txn = (Etcdserverpb__TxnRequest *)unpack(&etcdserverpb__txn_request__descriptor, &t, &arena);
        assert_int_equal(txn->n_success, 3);
        assert_bytes(txn->success[0]->request_put->key, "/p/0098");
        assert_bytes(txn->success[1]->request_put->key, "/p/0099");
        assert_bytes(txn->success[2]->request_put->key, "/p/0100");
        assert_int_equal(txn->success[2]->request_put->value.len, value_sizes[i]);
        arena_fini(&arena);
        template_free(&t);
    }
}

static void a_range_asks_for_what_was_said(void **state) {
    struct etcd_config config = CONFIG("range", "a", "b", "--consistency=s", "--limit", "5", "--count-only");
    struct template t;
    struct arena arena;
    Etcdserverpb__RangeRequest *range;

    (void)state;
    assert_true(template_make(&config, ETCD_RANGE, &t));
    assert_int_equal(t.keys, 0);
    range = (Etcdserverpb__RangeRequest *)unpack(&etcdserverpb__range_request__descriptor, &t, &arena);
    assert_bytes(range->key, "a");
    assert_bytes(range->range_end, "b");
    assert_true(range->serializable && range->count_only);
    assert_int_equal(range->limit, 5);
    arena_fini(&arena);
    template_free(&t);
}

static void a_range_without_a_key_draws_one(void **state) {
    struct etcd_config config = CONFIG("range", "--key-space-size", "1000");
    struct template t;
    struct arena arena;
    Etcdserverpb__RangeRequest *range;

    (void)state;
    assert_true(template_make(&config, ETCD_RANGE, &t));
    write_keys(&config, &t, 12);
    range = (Etcdserverpb__RangeRequest *)unpack(&etcdserverpb__range_request__descriptor, &t, &arena);
    assert_bytes(range->key, "/p/00000012");
    assert_false(range->serializable);
    arena_fini(&arena);
    template_free(&t);
}

static void a_watcher_watches_the_key_written(void **state) {
    static const uint64_t sizes[] = {8, 122, 124, 128, 200};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct etcd_config config = CONFIG("watch", "--watched-key-total", "10");
        struct template t;
        struct arena arena;
        Etcdserverpb__WatchRequest *request;

        config.key_size = sizes[i];
        assert_true(template_make_watcher(&config, &t));
        write_keys(&config, &t, 7);
        request = (Etcdserverpb__WatchRequest *)unpack(&etcdserverpb__watch_request__descriptor, &t, &arena);
        assert_int_equal(request->request_union_case, ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST);
        assert_int_equal(request->create_request->key.len, 3 + sizes[i]);
        assert_int_equal(request->create_request->key.data[2 + sizes[i]], '7');
        arena_fini(&arena);
        template_free(&t);
    }
}

/* --- answers --- */

static struct slice pack(const ProtobufCMessage *message) {
    static uint8_t bytes[4096];

    assert_true(protobuf_c_message_get_packed_size(message) <= sizeof(bytes));
    return slice_make((const char *)bytes, protobuf_c_message_pack(message, bytes));
}

static void make_kvs(Mvccpb__KeyValue kvs[2]) {
    mvccpb__key_value__init(&kvs[0]);
    mvccpb__key_value__init(&kvs[1]);
    kvs[0].key = etcd_bytes(SLICE("one"));
    kvs[0].value = etcd_bytes(SLICE("twelve bytes"));
    kvs[0].mod_revision = INT64_MAX;
    kvs[0].lease = -1;
    kvs[1].value = etcd_bytes(SLICE("2"));
}

static void ranges_tell_their_keys(void **state) {
    Etcdserverpb__RangeResponse response = ETCDSERVERPB__RANGE_RESPONSE__INIT;
    Etcdserverpb__ResponseHeader header = ETCDSERVERPB__RESPONSE_HEADER__INIT;
    Mvccpb__KeyValue kvs[2];
    Mvccpb__KeyValue *all[] = {&kvs[0], &kvs[1]};
    struct glance_range glance;

    (void)state;
    make_kvs(kvs);
    header.member_id = UINT64_MAX;
    response.header = &header;
    response.kvs = all;
    response.n_kvs = 2;
    response.count = 900;
    response.more = true;
    assert_true(glance_range(pack(&response.base), &glance));
    assert_int_equal(glance.keys, 2);
    assert_int_equal(glance.count, 900);
    assert_int_equal(glance.first_value, 12);
    assert_true(glance_is_answer(pack(&response.base)));
    assert_true(glance_range(SLICE(""), &glance));
    assert_int_equal(glance.keys, 0);
}

static struct slice seen[4];
static size_t seen_count;

static void see(void *ctx, struct slice value) {
    (void)ctx;
    assert_true(seen_count < 4);
    seen[seen_count++] = value;
}

static void events_tell_their_values(void **state) {
    Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;
    Mvccpb__Event events[2] = {MVCCPB__EVENT__INIT, MVCCPB__EVENT__INIT};
    Mvccpb__Event *all[] = {&events[0], &events[1]};
    Mvccpb__KeyValue kvs[2];
    struct glance_watch glance;

    (void)state;
    make_kvs(kvs);
    events[0].kv = &kvs[0];
    events[1].kv = &kvs[1];
    events[1].prev_kv = &kvs[0];
    response.watch_id = 12;
    response.events = all;
    response.n_events = 2;
    seen_count = 0;
    assert_true(glance_watch(pack(&response.base), &glance, see, NULL));
    assert_int_equal(glance.events, 2);
    assert_int_equal(seen_count, 2);
    assert_true(slice_equal(seen[0], SLICE("twelve bytes")));
    assert_true(slice_equal(seen[1], SLICE("2")));
    assert_false(glance.created || glance.canceled);
}

static void watchers_tell_their_end(void **state) {
    Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;
    char reason[] = "too many";
    struct glance_watch glance;

    (void)state;
    response.created = true;
    response.canceled = true;
    response.cancel_reason = reason;
    assert_true(glance_watch(pack(&response.base), &glance, NULL, NULL));
    assert_true(glance.created && glance.canceled);
    assert_true(slice_equal(glance.cancel_reason, SLICE("too many")));
}

static void leases_and_txns_tell_what_became_of_them(void **state) {
    Etcdserverpb__LeaseGrantResponse grant = ETCDSERVERPB__LEASE_GRANT_RESPONSE__INIT;
    Etcdserverpb__LeaseKeepAliveResponse keepalive = ETCDSERVERPB__LEASE_KEEP_ALIVE_RESPONSE__INIT;
    Etcdserverpb__TxnResponse txn = ETCDSERVERPB__TXN_RESPONSE__INIT;
    int64_t number = 0;

    (void)state;
    grant.id = INT64_MAX - 5;
    grant.ttl = 60;
    assert_true(glance_lease(pack(&grant.base), &number));
    assert_true(number == INT64_MAX - 5);
    assert_false(glance_lease(SLICE(""), &number));
    keepalive.id = 9;
    keepalive.ttl = 77;
    assert_true(glance_keepalive(pack(&keepalive.base), &number));
    assert_int_equal(number, 77);
    assert_false(glance_txn_succeeded(pack(&txn.base)));
    txn.succeeded = true;
    assert_true(glance_txn_succeeded(pack(&txn.base)));
    assert_false(glance_is_answer(pack(&txn.base)));
}

static void what_is_no_message_is_noticed(void **state) {
    static const struct slice bad[] = {
        {"\x12", 1},                                              /* no length */
        {"\x12\x05xy", 4},                                        /* cut off */
        {"\x08", 1},                                              /* no varint */
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12}, /* a varint without an end */
        {"\x0b", 1},                                              /* a group */
        {"\x09xyz", 4},                                           /* eight bytes that are three */
        {"\x00\x01", 2},                                          /* field 0 */
    };
    struct glance_range glance;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (glance_range(bad[i], &glance)) {
            fail_msg("bad message %zu was taken", i);
        }
    }
}

static void varints_have_their_sizes(void **state) {
    (void)state;
    assert_int_equal(wire_varint_size(0), 1);
    assert_int_equal(wire_varint_size(127), 1);
    assert_int_equal(wire_varint_size(128), 2);
    assert_int_equal(wire_varint_size(UINT64_MAX), 10);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_put_has_its_key_and_value_where_the_template_says),
        cmocka_unit_test(a_txn_has_a_key_in_each_of_its_puts),
        cmocka_unit_test(a_range_asks_for_what_was_said),
        cmocka_unit_test(a_range_without_a_key_draws_one),
        cmocka_unit_test(a_watcher_watches_the_key_written),
        cmocka_unit_test(ranges_tell_their_keys),
        cmocka_unit_test(events_tell_their_values),
        cmocka_unit_test(watchers_tell_their_end),
        cmocka_unit_test(leases_and_txns_tell_what_became_of_them),
        cmocka_unit_test(what_is_no_message_is_noticed),
        cmocka_unit_test(varints_have_their_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
