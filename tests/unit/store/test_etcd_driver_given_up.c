/* SPDX-License-Identifier: Apache-2.0 */
#include "etcd_driven.h"

/* Connections that are given up, and drivers that are freed, in the middle of something: nothing is heard of them any more. */

static void given_up_when_open(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello"), .close_when_open = true};

    serve(f);
    talk(f, &link);
    await_gone(f);
    assert_int_equal(link.closed, 0);
    end_link(&link);
}

static void given_up_when_open_with_tls(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello"), .close_when_open = true};

    serve_tls(f, NULL, &(struct tls_files){.ca = files.ca});
    talk(f, &link);
    await_gone(f);
    assert_int_equal(link.closed, 0);
    end_link(&link);
}

static void given_up_when_heard_with_tls(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello"), .close_when_heard = true};

    serve_tls(f, NULL, &(struct tls_files){.ca = files.ca});
    f->server.ends = true; /* the goodbye comes with the last bytes */
    talk(f, &link);
    await_gone(f);
    assert_int_equal(link.closed, 0);
    end_link(&link);
}

/* While the name is looked up, and while the connection is made: nothing is heard of it. */
static void given_up_at_once(void **state) {
    struct fixture *f = *state;
    struct etcd_link gone = {.says = SLICE("hello")};
    struct etcd_link link = {.says = SLICE("hello")};
    struct etcd_endpoint endpoint;

    serve(f);
    endpoint = at(ADDRESS_NAME, "localhost", echo_server_port(&f->server), false);
    for (int i = 0; i < 10; i++) {
        link_to(f, &gone, &endpoint, TIMEOUT_S * CLOCK_NS_PER_S);
        close_link(&gone);
    }
    talk(f, &link);
    assert_echoed(&link);
    assert_int_equal(gone.opened + gone.closed, 0);
    assert_int_equal(f->server.accepted, 1);
    end_link(&gone);
    end_link(&link);
}

static void freed_with_a_connection_open(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello")};

    serve_tls(f, NULL, &(struct tls_files){.ca = files.ca});
    talk(f, &link);
    assert_echoed(&link);
    etcd_driver_free(f->driver);
    f->driver = NULL;
    buf_fini(&link.heard);
}

static void freed_while_connecting(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello")};
    struct etcd_endpoint endpoint;

    serve(f);
    endpoint = at(ADDRESS_NAME, "localhost", echo_server_port(&f->server), false);
    link_to(f, &link, &endpoint, TIMEOUT_S * CLOCK_NS_PER_S);
    etcd_driver_free(f->driver);
    f->driver = NULL;
    assert_int_equal(link.opened + link.closed, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        DRIVER_TEST(given_up_when_open),           DRIVER_TEST(given_up_when_open_with_tls),
        DRIVER_TEST(given_up_when_heard_with_tls), DRIVER_TEST(given_up_at_once),
        DRIVER_TEST(freed_with_a_connection_open), DRIVER_TEST(freed_while_connecting),
    };

    return cmocka_run_group_tests(tests, set_up_files, tear_down_files);
}
