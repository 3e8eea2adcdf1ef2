/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/etcd/error.h"
#include "proto/etcd/method.h"
#include "proto/etcd/rpc.pb-c.h"

static const struct slice paths[] = {
#define METHOD(id, path, ...) SLICE(path),
#include "proto/etcd/methods.def"
#undef METHOD
};

static const struct slice gateways[] = {
#define METHOD(id, path, request, response, client_streams, server_streams, gateway) SLICE(gateway),
#include "proto/etcd/methods.def"
#undef METHOD
};

static void each_method_is_found_by_its_path(void **state) {
    (void)state;
    for (size_t i = 0; i < ETCD_METHOD_COUNT; i++) {
        const struct etcd_method *method = etcd_method_find(paths[i]);

        assert_non_null(method);
        assert_int_equal(method->id, i);
        assert_true(slice_equal(method->path, paths[i]));
    }
}

static void each_method_is_found_by_its_gateway_path(void **state) {
    (void)state;
    for (size_t i = 0; i < ETCD_METHOD_COUNT; i++) {
        const struct etcd_method *method = etcd_method_find_gateway(gateways[i]);

        if (gateways[i].size == 0) {
            assert_null(method);
            continue;
        }
        assert_non_null(method);
        assert_int_equal(method->id, i);
    }
}

static void second_names_of_the_gateway(void **state) {
    (void)state;
    assert_int_equal(etcd_method_find_gateway(SLICE("kv/lease/revoke"))->id, ETCD_METHOD_LEASE_REVOKE);
    assert_int_equal(etcd_method_find_gateway(SLICE("kv/lease/timetolive"))->id, ETCD_METHOD_LEASE_TIME_TO_LIVE);
    assert_int_equal(etcd_method_find_gateway(SLICE("kv/lease/leases"))->id, ETCD_METHOD_LEASE_LEASES);
    assert_int_equal(etcd_method_find_gateway(SLICE("maintenance/hash"))->id, ETCD_METHOD_HASH);
}

static void other_paths_are_not_found(void **state) {
    static const char *const wrong[] = {
        "",
        "/",
        "/etcdserverpb.KV/range",
        "/etcdserverpb.KV/Rang",
        "/etcdserverpb.KV/Range/",
        "etcdserverpb.KV/Range",
        "/etcdserverpb.KV/Put\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_null(etcd_method_find(slice_from_string(wrong[i])));
        assert_null(etcd_method_find_gateway(slice_from_string(wrong[i])));
    }
    assert_null(etcd_method_find_gateway(SLICE("/kv/range")));
    assert_null(etcd_method_find_gateway(SLICE("kv/lease/grant")));
}

/* What a path is called and what its messages are called belong together: /package.Service/Name, package.NameRequest. */
static void paths_and_messages_belong_together(void **state) {
    (void)state;
    for (size_t i = 0; i < ETCD_METHOD_COUNT; i++) {
        const struct etcd_method *method = etcd_method_find(paths[i]);
        const char *package = method->request->package_name;

        assert_string_equal(package, method->response->package_name);
        assert_memory_equal(method->path.data + 1, package, strlen(package));
        assert_int_equal(method->path.data[1 + strlen(package)], '.');
        assert_int_equal(method->request->magic, PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC);
        assert_non_null(strstr(method->request->short_name, "Request"));
        assert_non_null(strstr(method->response->short_name, "Response"));
    }
}

static void which_methods_stream(void **state) {
    (void)state;
    for (size_t i = 0; i < ETCD_METHOD_COUNT; i++) {
        const struct etcd_method *method = etcd_method_find(paths[i]);
        bool both = i == ETCD_METHOD_WATCH || i == ETCD_METHOD_LEASE_KEEP_ALIVE;
        bool server = i == ETCD_METHOD_SNAPSHOT || i == ETCD_METHOD_OBSERVE || i == ETCD_METHOD_HEALTH_WATCH;

        assert_int_equal(method->client_streams, both);
        assert_int_equal(method->server_streams, both || server);
    }
}

static void errors_have_status_and_text(void **state) {
    (void)state;
    assert_int_equal(etcd_error_status(ETCD_OK), GRPC_OK);
    assert_int_equal(etcd_error_text(ETCD_OK).size, 0);
    for (int i = 1; i < ETCD_ERROR_COUNT; i++) {
        struct slice text = etcd_error_text((enum etcd_error)i);

        assert_int_not_equal(etcd_error_status((enum etcd_error)i), GRPC_OK);
        /* What elections and health say names nobody, as in etcd. */
        assert_true(slice_has_prefix(text, SLICE("etcdserver: ")) || slice_has_prefix(text, SLICE("larder: ")) ||
                    (i >= ETCD_ERROR_ELECTION_NO_LEADER && i <= ETCD_ERROR_UNKNOWN_SERVICE && text.size > 0));
        for (int j = 1; j < i; j++) {
            assert_false(slice_equal(text, etcd_error_text((enum etcd_error)j)));
        }
    }
    assert_int_equal(etcd_error_status(ETCD_ERROR_COMPACTED), GRPC_OUT_OF_RANGE);
    assert_true(slice_equal(etcd_error_text(ETCD_ERROR_COMPACTED),
                            SLICE("etcdserver: mvcc: required revision has been compacted")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_method_is_found_by_its_path),
        cmocka_unit_test(each_method_is_found_by_its_gateway_path),
        cmocka_unit_test(second_names_of_the_gateway),
        cmocka_unit_test(other_paths_are_not_found),
        cmocka_unit_test(paths_and_messages_belong_together),
        cmocka_unit_test(which_methods_stream),
        cmocka_unit_test(errors_have_status_and_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
