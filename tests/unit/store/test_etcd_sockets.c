/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../net/toy_tls.h"
#include "base/clock.h"
#include "proto/etcd/rpc.pb-c.h"
#include "store/etcd/driver.h"
#include "toy_etcd.h"

/* The client of a cluster, its driver and a real etcd, with TLS and without. */

enum { DAY = 86400, START_S = 60, VAIN_S = 2, MIB = 1 << 20, MANY = 500 };

struct fixture {
    char directory[TOY_PATH_MAX];
    char ca[TOY_PATH_MAX];
    char other_ca[TOY_PATH_MAX];
    char certificate[TOY_PATH_MAX];
    char key[TOY_PATH_MAX];
    struct toy_etcd etcd;
    struct loop *loop;
    struct etcd_driver *driver;
    unsigned awaited;
};

static int set_up(struct fixture *f, bool tls) {
    struct toy_identity authority;
    struct toy_identity other;

    toy_directory_make(f->directory);
    toy_authority(f->directory, "ca", &authority);
    toy_authority(f->directory, "other", &other);
    toy_certificate(f->directory, "server", &authority, "DNS:localhost,IP:127.0.0.1", -DAY, DAY);
    toy_certificate(f->directory, "client", &authority, "DNS:client", -DAY, DAY);
    toy_identity_free(&authority);
    toy_identity_free(&other);
    toy_path(f->directory, "ca.pem", f->ca);
    toy_path(f->directory, "other.pem", f->other_ca);
    toy_path(f->directory, "client.pem", f->certificate);
    toy_path(f->directory, "client.key", f->key);
    toy_etcd_start(&f->etcd, f->directory, tls);
    return 0;
}

static int set_up_plain(void **state) {
    *state = calloc(1, sizeof(struct fixture));
    return set_up(*state, false);
}

static int set_up_tls(void **state) {
    *state = calloc(1, sizeof(struct fixture));
    return set_up(*state, true);
}

static int tear_down(void **state) {
    struct fixture *f = *state;

    toy_etcd_kill(&f->etcd);
    toy_directory_remove(f->directory);
    free(f);
    return 0;
}

static void drive(struct fixture *f, const char *host, const struct tls_files *tls) {
    struct etcd_endpoint endpoint;
    struct etcd_client_config config;
    struct buf why;
    char text[100];
    size_t count;

    buf_init(&why, 1000);
    snprintf(text, sizeof(text), "%s://%s:%u", f->etcd.tls ? "etcds" : "etcd", host, (unsigned)f->etcd.port);
    assert_true(etcd_endpoints_parse(slice_from_string(text), &endpoint, 1, &count, &why));
    etcd_client_config_init(&config);
    config.endpoints = &endpoint;
    config.endpoint_count = 1;
    f->loop = loop_new();
    f->driver = etcd_driver_new(f->loop, &config, tls, &why);
    assert_non_null(f->driver);
}

static void end(struct fixture *f) {
    etcd_driver_free(f->driver);
    loop_free(f->loop);
}

static void on_done(struct etcd_ask *ask) {
    struct fixture *f = ask->owner;

    if (--f->awaited == 0) {
        loop_stop(f->loop);
    }
}

static void ask_for(struct fixture *f, struct etcd_ask *ask, struct slice path, const ProtobufCMessage *request,
                    int64_t timeout_ns) {
    struct etcd_client *client = etcd_driver_client(f->driver);

    etcd_ask_init(ask);
    ask->method = etcd_method_find(path);
    ask->request = request;
    ask->repeat = ETCD_REPEAT;
    ask->member = ETCD_ANY_MEMBER;
    ask->deadline_ns = clock_monotonic_ns() + timeout_ns;
    ask->done = on_done;
    ask->owner = f;
    f->awaited++;
    etcd_client_ask(client, ask);
}

static void assert_ok(const struct etcd_ask *ask) {
    if (ask->status != STORE_OK) {
        fail_msg("status %d: %.*s", (int)ask->status, (int)ask->text.size, ask->text.data);
    }
}

/* One request and its answer, which is to be freed. */
static void ask_ok(struct fixture *f, struct etcd_ask *ask, struct slice path, const ProtobufCMessage *request) {
    ask_for(f, ask, path, request, START_S * CLOCK_NS_PER_S);
    loop_run(f->loop);
    assert_ok(ask);
}

static void ask_status(struct fixture *f) {
    Etcdserverpb__StatusRequest request = ETCDSERVERPB__STATUS_REQUEST__INIT;
    struct etcd_ask ask;

    ask_ok(f, &ask, SLICE("/etcdserverpb.Maintenance/Status"), &request.base);
    assert_true(((const Etcdserverpb__StatusResponse *)ask.response)->version[0] == '3');
    etcd_ask_fini(&ask);
}

static void put(struct fixture *f, struct slice key, struct slice value) {
    Etcdserverpb__PutRequest request = ETCDSERVERPB__PUT_REQUEST__INIT;
    struct etcd_ask ask;

    request.key = etcd_bytes(key);
    request.value = etcd_bytes(value);
    ask_ok(f, &ask, SLICE("/etcdserverpb.KV/Put"), &request.base);
    etcd_ask_fini(&ask);
}

static void assert_has(struct fixture *f, struct slice key, struct slice value) {
    Etcdserverpb__RangeRequest request = ETCDSERVERPB__RANGE_REQUEST__INIT;
    const Etcdserverpb__RangeResponse *response;
    struct etcd_ask ask;

    request.key = etcd_bytes(key);
    ask_ok(f, &ask, SLICE("/etcdserverpb.KV/Range"), &request.base);
    response = (const Etcdserverpb__RangeResponse *)ask.response;
    assert_int_equal(response->n_kvs, 1);
    assert_true(slice_equal(etcd_bytes_slice(response->kvs[0]->value), value));
    etcd_ask_fini(&ask);
}

static void use(struct fixture *f) {
    char *large = malloc(MIB);

    for (size_t i = 0; i < MIB; i++) {
        large[i] = (char)(i * 31 + i / 251);
    }
    ask_status(f);
    put(f, SLICE("key"), SLICE("value"));
    assert_has(f, SLICE("key"), SLICE("value"));
    put(f, SLICE("large"), slice_make(large, MIB));
    assert_has(f, SLICE("large"), slice_make(large, MIB));
    free(large);
}

/* Requests that are all under way at once. */
static void use_many(struct fixture *f) {
    Etcdserverpb__RangeRequest request = ETCDSERVERPB__RANGE_REQUEST__INIT;
    struct etcd_ask *asks = calloc(MANY, sizeof(*asks));

    request.key = etcd_bytes(SLICE("key"));
    for (int i = 0; i < MANY; i++) {
        ask_for(f, &asks[i], SLICE("/etcdserverpb.KV/Range"), &request.base, START_S * CLOCK_NS_PER_S);
    }
    loop_run(f->loop);
    for (int i = 0; i < MANY; i++) {
        assert_ok(&asks[i]);
        assert_int_equal(((const Etcdserverpb__RangeResponse *)asks[i].response)->n_kvs, 1);
        etcd_ask_fini(&asks[i]);
    }
    free(asks);
}

static void plain(void **state) {
    struct fixture *f = *state;

    drive(f, "127.0.0.1", NULL);
    use(f);
    use_many(f);
    end(f);
    drive(f, "localhost", NULL);
    use(f);
    end(f);
}

static void killed_and_started_again(void **state) {
    struct fixture *f = *state;

    drive(f, "localhost", NULL);
    put(f, SLICE("key"), SLICE("value"));
    toy_etcd_kill(&f->etcd);
    toy_etcd_restart(&f->etcd);
    assert_has(f, SLICE("key"), SLICE("value"));
    end(f);
}

static void with_tls(void **state) {
    struct fixture *f = *state;
    const struct tls_files files = {.ca = f->ca, .certificate = f->certificate, .key = f->key};

    drive(f, "localhost", &files);
    use(f);
    use_many(f);
    end(f);
    drive(f, "127.0.0.1", &files);
    use(f);
    end(f);
}

static void killed_and_started_again_with_tls(void **state) {
    struct fixture *f = *state;
    const struct tls_files files = {.ca = f->ca, .certificate = f->certificate, .key = f->key};

    drive(f, "localhost", &files);
    put(f, SLICE("key"), SLICE("value"));
    toy_etcd_kill(&f->etcd);
    toy_etcd_restart(&f->etcd);
    assert_has(f, SLICE("key"), SLICE("value"));
    end(f);
}

/* What is wrong is said, to whoever asks in vain. */
static void assert_in_vain(struct fixture *f, const struct tls_files *tls, const char *part) {
    Etcdserverpb__RangeRequest request = ETCDSERVERPB__RANGE_REQUEST__INIT;
    struct etcd_ask ask;
    char text[400];

    drive(f, "localhost", tls);
    request.key = etcd_bytes(SLICE("key"));
    ask_for(f, &ask, SLICE("/etcdserverpb.KV/Range"), &request.base, VAIN_S * CLOCK_NS_PER_S);
    loop_run(f->loop);
    assert_int_equal(ask.status, STORE_UNAVAILABLE);
    snprintf(text, sizeof(text), "%.*s", (int)ask.text.size, ask.text.data);
    if (strstr(text, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, text);
    }
    etcd_ask_fini(&ask);
    end(f);
}

static void without_trust(void **state) {
    struct fixture *f = *state;
    struct tls_files files = {.ca = f->ca, .certificate = f->certificate, .key = f->key};

    drive(f, "localhost", &files); /* it serves */
    ask_status(f);
    end(f);
    files.ca = f->other_ca;
    assert_in_vain(f, &files, "not trusted");
    files = (struct tls_files){.ca = f->ca};
    assert_in_vain(f, &files, "certificate");
    files = (struct tls_files){
        .ca = f->ca, .certificate = f->certificate, .key = f->key, .server_name = "elsewhere.example.net"};
    assert_in_vain(f, &files, "not for elsewhere.example.net");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plain, set_up_plain, tear_down),
        cmocka_unit_test_setup_teardown(killed_and_started_again, set_up_plain, tear_down),
        cmocka_unit_test_setup_teardown(with_tls, set_up_tls, tear_down),
        cmocka_unit_test_setup_teardown(killed_and_started_again_with_tls, set_up_tls, tear_down),
        cmocka_unit_test_setup_teardown(without_trust, set_up_tls, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
