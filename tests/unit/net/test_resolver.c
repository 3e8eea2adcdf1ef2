/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "base/clock.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "net/timer.h"

struct fixture {
    struct loop *loop;
    struct resolver *resolver;
    struct timer *deadline;
    unsigned awaited; /* answers until the loop stops */
    unsigned answers;
    enum larder_error error; /* of the last one */
    size_t count;
    struct endpoint endpoints[RESOLUTION_ENDPOINTS_MAX];
    unsigned errors[16]; /* how many answers of each error */
};

static void on_deadline(void *ctx) {
    (void)ctx;
    fail_msg("nothing happened for 60 seconds");
}

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->loop = loop_new();
    f->resolver = resolver_new(f->loop);
    assert_non_null(f->resolver);
    f->deadline = timer_new(f->loop, on_deadline, NULL);
    timer_start(f->deadline, 60 * CLOCK_NS_PER_S, 0);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;

    resolver_free(f->resolver);
    timer_free(f->deadline);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void on_found(void *ctx, enum larder_error error, const struct endpoint *endpoints, size_t count) {
    struct fixture *f = ctx;

    f->answers++;
    f->error = error;
    f->count = count;
    f->errors[error]++;
    if (count > 0) {
        memcpy(f->endpoints, endpoints, count * sizeof(*endpoints));
    }
    if (f->answers == f->awaited) {
        loop_stop(f->loop);
    }
}

static void on_unwanted(void *ctx, enum larder_error error, const struct endpoint *endpoints, size_t count) {
    (void)ctx;
    (void)error;
    (void)endpoints;
    (void)count;
    fail_msg("an answer that nobody waits for");
}

static void find(struct fixture *f, enum address_kind kind, const char *host) {
    struct address address = {.kind = kind, .port = kind == ADDRESS_UNIX ? 0 : 2379};

    strcpy(address.host, host);
    f->awaited = f->answers + 1;
    assert_non_null(resolver_find(f->resolver, &address, on_found, f));
    assert_int_equal(f->answers + 1, f->awaited); /* later, never at once */
    loop_run(f->loop);
    assert_int_equal(f->answers, f->awaited);
}

static void assert_endpoint(const struct endpoint *endpoint, enum address_kind kind, const char *host) {
    struct address address;

    endpoint_address(endpoint, &address);
    assert_int_equal(address.kind, kind);
    assert_string_equal(address.host, host);
    assert_int_equal(address.port, kind == ADDRESS_UNIX ? 0 : 2379);
}

static void numbers_are_what_they_say(void **state) {
    struct fixture *f = *state;

    find(f, ADDRESS_IPV4, "192.0.2.7");
    assert_int_equal(f->error, LARDER_OK);
    assert_int_equal(f->count, 1);
    assert_endpoint(&f->endpoints[0], ADDRESS_IPV4, "192.0.2.7");
    find(f, ADDRESS_IPV6, "2001:db8::7");
    assert_int_equal(f->count, 1);
    assert_endpoint(&f->endpoints[0], ADDRESS_IPV6, "2001:db8::7");
}

static void a_unix_path_is_itself(void **state) {
    struct fixture *f = *state;

    find(f, ADDRESS_UNIX, "/run/larder/socket");
    assert_int_equal(f->error, LARDER_OK);
    assert_int_equal(f->count, 1);
    assert_endpoint(&f->endpoints[0], ADDRESS_UNIX, "/run/larder/socket");
}

static void localhost_is_this_host(void **state) {
    struct fixture *f = *state;
    bool loopback = false;

    find(f, ADDRESS_NAME, "localhost");
    assert_int_equal(f->error, LARDER_OK);
    assert_true(f->count >= 1);
    for (size_t i = 0; i < f->count; i++) {
        struct address address;

        endpoint_address(&f->endpoints[i], &address);
        assert_int_equal(address.port, 2379);
        loopback = loopback || strcmp(address.host, "127.0.0.1") == 0 || strcmp(address.host, "::1") == 0;
    }
    assert_true(loopback);
}

/* Without a name server to ask it is not known whether there is such a name. */
static void a_name_that_is_not_there(void **state) {
    struct fixture *f = *state;

    find(f, ADDRESS_NAME, "something.invalid");
    assert_true(f->error == LARDER_ERROR_NOT_FOUND || f->error == LARDER_ERROR_TIMEOUT);
    assert_int_equal(f->count, 0);
}

static void what_is_forgotten_is_not_answered(void **state) {
    struct fixture *f = *state;
    struct address name = {.kind = ADDRESS_NAME, .port = 2379, .host = "localhost"};
    struct address number = {.kind = ADDRESS_IPV4, .port = 2379, .host = "127.0.0.1"};

    for (int i = 0; i < 20; i++) {
        resolution_forget(resolver_find(f->resolver, &name, on_unwanted, NULL));
        resolution_forget(resolver_find(f->resolver, &number, on_unwanted, NULL));
    }
    find(f, ADDRESS_NAME, "localhost"); /* the thread takes them in order, so those before are through */
    assert_int_equal(f->error, LARDER_OK);
}

static void freeing_forgets(void **state) {
    struct fixture *f = *state;
    struct address name = {.kind = ADDRESS_NAME, .port = 2379, .host = "localhost"};
    struct address number = {.kind = ADDRESS_IPV4, .port = 2379, .host = "127.0.0.1"};

    for (int i = 0; i < 20; i++) {
        assert_non_null(resolver_find(f->resolver, &name, on_unwanted, NULL));
        assert_non_null(resolver_find(f->resolver, &number, on_unwanted, NULL));
    }
    resolver_free(f->resolver);
    f->resolver = NULL;
}

/* The answers come on the loop's thread, which does not run yet, so all the names are under way at once. */
static void too_many_names_are_refused(void **state) {
    struct fixture *f = *state;
    struct address name = {.kind = ADDRESS_NAME, .port = 2379, .host = "localhost"};

    f->awaited = RESOLVER_WAITING_MAX + 3;
    for (int i = 0; i < RESOLVER_WAITING_MAX + 3; i++) {
        assert_non_null(resolver_find(f->resolver, &name, on_found, f));
    }
    loop_run(f->loop);
    assert_int_equal(f->errors[LARDER_OK], RESOLVER_WAITING_MAX);
    assert_int_equal(f->errors[LARDER_ERROR_LIMIT], 3);
    find(f, ADDRESS_NAME, "localhost"); /* there is room again */
    assert_int_equal(f->error, LARDER_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(numbers_are_what_they_say, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_unix_path_is_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(localhost_is_this_host, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_name_that_is_not_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_forgotten_is_not_answered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(freeing_forgets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_names_are_refused, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
