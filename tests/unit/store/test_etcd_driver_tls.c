/* SPDX-License-Identifier: Apache-2.0 */
#include "etcd_driven.h"

#include <string.h>

/* The driver with TLS: who is trusted, and what is said of a handshake that fails. */

/* --- with TLS --- */

static void tls_by_name(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello, member")};

    serve_tls(f, NULL, &(struct tls_files){.ca = files.ca});
    talk(f, &link);
    assert_echoed(&link);
    end_link(&link);
    await_gone(f);
    assert_int_equal(f->server.goodbyes, 1);
}

static void tls_with_a_certificate(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello, member")};

    serve_tls(f, "ca.pem", &(struct tls_files){.ca = files.ca, .certificate = files.certificate, .key = files.key});
    talk(f, &link);
    assert_echoed(&link);
    end_link(&link);
}

static void tls_in_parts(void **state) {
    serve_tls(*state, NULL, &(struct tls_files){.ca = files.ca});
    much(*state);
}

static void assert_closed(struct etcd_link *link, enum larder_error error, const char *part) {
    assert_int_equal(link->closed, 1);
    assert_int_equal(link->error, error);
    if (strstr(link->text, part) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", part, link->text);
    }
    end_link(link);
}

static void tls_that_is_not_trusted(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello")};

    serve_tls(f, NULL, &(struct tls_files){.ca = files.other_ca});
    talk(f, &link);
    assert_int_equal(link.opened, 0);
    assert_closed(&link, LARDER_ERROR_PROTOCOL, "not trusted");
}

static void tls_without_the_certificate_it_wants(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello")};

    serve_tls(f, "ca.pem", &(struct tls_files){.ca = files.ca});
    talk(f, &link);
    assert_closed(&link, LARDER_ERROR_PROTOCOL, "certificate required");
}

static void tls_to_a_server_without(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello")};
    struct etcd_endpoint endpoint;

    serve(f);
    endpoint = at(ADDRESS_IPV4, "127.0.0.1", echo_server_port(&f->server), true);
    link_to(f, &link, &endpoint, TIMEOUT_S * CLOCK_NS_PER_S);
    loop_run(f->loop);
    assert_int_equal(link.opened, 0);
    assert_closed(&link, LARDER_ERROR_PROTOCOL, "TLS: ");
}

static void tls_that_is_not_answered(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello")};
    struct etcd_endpoint endpoint;

    serve(f);
    f->server.is_mute = true;
    endpoint = at(ADDRESS_IPV4, "127.0.0.1", echo_server_port(&f->server), true);
    link_to(f, &link, &endpoint, 200 * CLOCK_NS_PER_MS);
    loop_run(f->loop);
    assert_int_equal(link.opened, 0);
    assert_closed(&link, LARDER_ERROR_TIMEOUT, "shake hands");
}

static void tls_goodbye_is_told(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello"), .awaits_more = true};

    serve_tls(f, NULL, &(struct tls_files){.ca = files.ca});
    f->server.ends = true;
    talk(f, &link);
    assert_int_equal(link.heard.size, link.says.size);
    assert_closed(&link, LARDER_ERROR_CLOSED, "");
}

static void files_that_cannot_be_read(void **state) {
    struct fixture *f = *state;
    const struct etcd_client_config config = {.endpoint_count = 0};
    struct buf why;

    buf_init(&why, 1000);
    assert_null(etcd_driver_new(f->loop, &config, &(struct tls_files){.ca = "/nowhere"}, &why));
    assert_non_null(memmem(why.data, why.size, "/nowhere", 8));
    buf_fini(&why);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        DRIVER_TEST(tls_by_name),
        DRIVER_TEST(tls_with_a_certificate),
        DRIVER_TEST(tls_in_parts),
        DRIVER_TEST(tls_that_is_not_trusted),
        DRIVER_TEST(tls_without_the_certificate_it_wants),
        DRIVER_TEST(tls_to_a_server_without),
        DRIVER_TEST(tls_that_is_not_answered),
        DRIVER_TEST(tls_goodbye_is_told),
        DRIVER_TEST(files_that_cannot_be_read),
    };

    return cmocka_run_group_tests(tests, set_up_files, tear_down_files);
}
