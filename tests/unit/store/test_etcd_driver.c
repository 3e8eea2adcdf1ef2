/* SPDX-License-Identifier: Apache-2.0 */
#include "etcd_driven.h"

#include <netdb.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

/* The driver without TLS: names that are looked up, bytes that come and go, and when the client is woken. */

/* --- the toy names --- */

static struct {
    uint16_t ports[2]; /* of 127.0.0.1: the addresses of "several.invalid" */
    sem_t slow;        /* "slow.invalid" is looked up until it is posted */
    sem_t begun;
} names;

int __real_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **ret_found);
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **ret_found);

static int find_several(struct addrinfo **ret_found) {
    static const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo **end = ret_found;

    for (int i = 0; i < 2; i++) {
        char port[8];

        snprintf(port, sizeof(port), "%u", (unsigned)names.ports[i]);
        assert_int_equal(__real_getaddrinfo("127.0.0.1", port, &hints, end), 0);
        end = &(*end)->ai_next;
    }
    return 0;
}

int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **ret_found) {
    if (strcmp(host, "several.invalid") == 0) {
        return find_several(ret_found);
    }
    if (strcmp(host, "slow.invalid") == 0) {
        sem_post(&names.begun);
        sem_wait(&names.slow);
        return EAI_FAIL;
    }
    return __real_getaddrinfo(host, port, hints, ret_found);
}

static int set_up_names(void **state) {
    (void)state;
    sem_init(&names.slow, 0, 0);
    sem_init(&names.begun, 0, 0);
    return 0;
}

/* --- plain --- */

static void plain_by_name(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello, member")};

    serve(f);
    talk(f, &link);
    assert_echoed(&link);
    end_link(&link);
    await_gone(f);
    assert_int_equal(link.closed, 0);
}

static void plain_by_number(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello, member")};
    struct etcd_endpoint endpoint;

    serve(f);
    endpoint = at(ADDRESS_IPV4, "127.0.0.1", echo_server_port(&f->server), false);
    link_to(f, &link, &endpoint, TIMEOUT_S * CLOCK_NS_PER_S);
    loop_run(f->loop);
    assert_echoed(&link);
    end_link(&link);
}

static void plain_in_parts(void **state) {
    serve(*state);
    much(*state);
}

static void nobody_there_is_refused(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello")};
    struct etcd_endpoint endpoint;

    serve(f);
    endpoint = at(ADDRESS_IPV4, "127.0.0.1", echo_server_port(&f->server), false);
    listener_close(f->server.listener);
    f->server.listener = NULL;
    link_to(f, &link, &endpoint, TIMEOUT_S * CLOCK_NS_PER_S);
    loop_run(f->loop);
    assert_int_equal(link.closed, 1);
    assert_int_equal(link.error, LARDER_ERROR_REFUSED);
    assert_int_equal(link.opened, 0);
    /* The same by name, where several addresses may be tried. */
    endpoint.address.kind = ADDRESS_NAME;
    strcpy(endpoint.address.host, "localhost");
    link_to(f, &link, &endpoint, TIMEOUT_S * CLOCK_NS_PER_S);
    loop_run(f->loop);
    assert_int_equal(link.closed, 2);
    assert_int_equal(link.error, LARDER_ERROR_REFUSED);
    end_link(&link);
}

static void a_name_that_is_not_there(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello")};
    struct etcd_endpoint endpoint = at(ADDRESS_NAME, "something.invalid", 2379, false);

    drive(f, NULL);
    link_to(f, &link, &endpoint, TIMEOUT_S * CLOCK_NS_PER_S);
    loop_run(f->loop);
    assert_int_equal(link.closed, 1);
    assert_true(link.error == LARDER_ERROR_NOT_FOUND || link.error == LARDER_ERROR_TIMEOUT);
    assert_non_null(strstr(link.text, "its name"));
    end_link(&link);
}

/* A port of this host where nobody listens: of a listener that has been closed. */
static uint16_t closed_port(struct fixture *f) {
    struct echo_server server;
    uint16_t port;

    echo_server_open(&server, f->loop, "127.0.0.1", NULL);
    port = echo_server_port(&server);
    echo_server_close(&server);
    return port;
}

static void addresses_are_tried_one_after_another(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello")};
    struct etcd_endpoint endpoint = at(ADDRESS_NAME, "several.invalid", 2379, false);

    serve(f);
    names.ports[0] = closed_port(f);
    names.ports[1] = echo_server_port(&f->server);
    link_to(f, &link, &endpoint, TIMEOUT_S * CLOCK_NS_PER_S);
    loop_run(f->loop);
    assert_echoed(&link);
    end_link(&link);
}

static void all_addresses_refuse(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello")};
    struct etcd_endpoint endpoint = at(ADDRESS_NAME, "several.invalid", 2379, false);

    drive(f, NULL);
    names.ports[0] = closed_port(f);
    names.ports[1] = closed_port(f);
    link_to(f, &link, &endpoint, TIMEOUT_S * CLOCK_NS_PER_S);
    loop_run(f->loop);
    assert_int_equal(link.closed, 1);
    assert_int_equal(link.error, LARDER_ERROR_REFUSED);
    assert_int_equal(link.opened, 0);
    end_link(&link);
}

static void a_name_that_takes_too_long(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello")};
    struct etcd_endpoint endpoint = at(ADDRESS_NAME, "slow.invalid", 2379, false);

    drive(f, NULL);
    link_to(f, &link, &endpoint, 50 * CLOCK_NS_PER_MS);
    loop_run(f->loop); /* the loop does not wait for the name */
    assert_int_equal(link.closed, 1);
    assert_int_equal(link.error, LARDER_ERROR_TIMEOUT);
    assert_string_equal(link.text, "its name was not looked up in time");
    sem_wait(&names.begun);
    sem_post(&names.slow);
    end_link(&link);
}

/* The thread is at work on the name when its connection is given up, and answers after it. */
static void given_up_while_a_name_is_looked_up(void **state) {
    struct fixture *f = *state;
    struct etcd_link gone = {.says = SLICE("hello")};
    struct etcd_link link = {.says = SLICE("hello")};
    struct etcd_endpoint endpoint = at(ADDRESS_NAME, "slow.invalid", 2379, false);

    serve(f);
    link_to(f, &gone, &endpoint, TIMEOUT_S * CLOCK_NS_PER_S);
    sem_wait(&names.begun);
    end_link(&gone);
    sem_post(&names.slow);
    talk(f, &link);
    assert_echoed(&link);
    assert_int_equal(gone.closed, 0);
    end_link(&link);
}

static void the_end_is_told(void **state) {
    struct fixture *f = *state;
    struct etcd_link link = {.says = SLICE("hello"), .awaits_more = true};

    serve(f);
    f->server.ends = true;
    talk(f, &link);
    assert_echoed(&link);
    assert_int_equal(link.closed, 1);
    assert_int_equal(link.error, LARDER_ERROR_CLOSED);
    end_link(&link);
}

/* --- time --- */

static void wish(struct fixture *f, int64_t at_ns) {
    struct etcd_client *client = etcd_driver_client(f->driver);

    f->inside = true;
    client->io->wake_at(client->ctx, at_ns);
    f->inside = false;
}

static int64_t now(struct fixture *f) {
    struct etcd_client *client = etcd_driver_client(f->driver);

    return client->io->now_ns(client->ctx);
}

static void it_is_woken_when_it_wishes(void **state) {
    struct fixture *f = *state;
    int64_t at_ns;

    drive(f, NULL);
    wish(f, now(f)); /* at once */
    assert_int_equal(etcd_driver_client(f->driver)->runs, 0);
    loop_run(f->loop);
    assert_int_equal(etcd_driver_client(f->driver)->runs, 1);
    at_ns = now(f) + 20 * CLOCK_NS_PER_MS;
    wish(f, at_ns);
    loop_run(f->loop);
    assert_int_equal(etcd_driver_client(f->driver)->runs, 2);
    assert_true(now(f) >= at_ns); /* never early */
}

static void the_newest_wish_counts(void **state) {
    struct fixture *f = *state;
    int64_t at_ns;

    drive(f, NULL);
    wish(f, now(f) + 3600 * CLOCK_NS_PER_S);
    wish(f, now(f) + 5 * CLOCK_NS_PER_MS);
    at_ns = now(f) + 40 * CLOCK_NS_PER_MS;
    wish(f, at_ns); /* later than the one before */
    loop_run(f->loop);
    assert_int_equal(etcd_driver_client(f->driver)->runs, 1);
    assert_true(now(f) >= at_ns);
}

static void stop(void *ctx) {
    struct fixture *f = ctx;

    loop_stop(f->loop);
}

static void a_wish_is_taken_back(void **state) {
    struct fixture *f = *state;
    struct timer *later = timer_new(f->loop, stop, f);

    drive(f, NULL);
    wish(f, now(f) + 5 * CLOCK_NS_PER_MS);
    wish(f, INT64_MAX);
    timer_start(later, 30 * CLOCK_NS_PER_MS, 0);
    loop_run(f->loop);
    timer_free(later);
    assert_int_equal(etcd_driver_client(f->driver)->runs, 0);
}

/* A client that is due again at once leaves the others of the loop their turn. */
static void a_wish_while_it_runs(void **state) {
    struct fixture *f = *state;

    drive(f, NULL);
    f->run_again_ns = now(f);
    wish(f, now(f));
    loop_run(f->loop);
    assert_int_equal(etcd_driver_client(f->driver)->runs, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        DRIVER_TEST(plain_by_name),
        DRIVER_TEST(plain_by_number),
        DRIVER_TEST(plain_in_parts),
        DRIVER_TEST(nobody_there_is_refused),
        DRIVER_TEST(a_name_that_is_not_there),
        DRIVER_TEST(addresses_are_tried_one_after_another),
        DRIVER_TEST(all_addresses_refuse),
        DRIVER_TEST(a_name_that_takes_too_long),
        DRIVER_TEST(given_up_while_a_name_is_looked_up),
        DRIVER_TEST(the_end_is_told),
        DRIVER_TEST(it_is_woken_when_it_wishes),
        DRIVER_TEST(the_newest_wish_counts),
        DRIVER_TEST(a_wish_is_taken_back),
        DRIVER_TEST(a_wish_while_it_runs),
    };

    return cmocka_run_group_tests(tests, set_up_names, NULL);
}
