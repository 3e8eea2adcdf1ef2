/* SPDX-License-Identifier: Apache-2.0 */
/* Names that are not there, that move, that have several addresses, and that take their time: the loop goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "fetch_fixture.h"
#include "net/loop.h"
#include "net/timer.h"

/* --- names, as libcurl's threads look them up: this stands in front of the C library's --- */

static sem_t slow_begun;
static sem_t slow_goes_on;
static atomic_int lookups;      /* of names of ours */
static atomic_int slow_lookups; /* on their way */
static atomic_bool has_moved;

typedef int getaddrinfo_fn(const char *host, const char *port, const struct addrinfo *hints,
                           struct addrinfo **ret_found);

static int find(const char *address, const char *port, const struct addrinfo *hints, struct addrinfo **ret_found) {
    getaddrinfo_fn *real = (getaddrinfo_fn *)(uintptr_t)dlsym(RTLD_NEXT, "getaddrinfo");

    return real(address, port, hints, ret_found);
}

static int find_two(const char *port, const struct addrinfo *hints, struct addrinfo **ret_found) {
    int error = find("127.0.0.3", port, hints, ret_found); /* nobody listens there */

    return error != 0 ? error : find("127.0.0.1", port, hints, &(*ret_found)->ai_next);
}

int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **ret_found) {
    const char *address = host;

    if (strcmp(host, "slow.test") == 0) {
        atomic_fetch_add(&slow_lookups, 1);
        sem_post(&slow_begun);
        sem_wait(&slow_goes_on);
        atomic_fetch_sub(&slow_lookups, 1);
        return EAI_AGAIN;
    }
    if (strcmp(host, "nowhere.test") == 0) {
        return EAI_NONAME;
    }
    if (strcmp(host, "two.test") == 0) {
        return find_two(port, hints, ret_found);
    }
    if (strcmp(host, "moves.test") == 0) {
        atomic_fetch_add(&lookups, 1);
        address = atomic_load(&has_moved) ? "127.0.0.2" : "127.0.0.1";
    }
    return find(address, port, hints, ret_found);
}

/* --- */

static void say_hello(struct toy_peer *peer, struct slice request) {
    (void)request;
    toy_answer_with(peer, SLICE("hello"));
}

static void say_moved(struct toy_peer *peer, struct slice request) {
    (void)request;
    toy_answer_with(peer, SLICE("moved"));
}

static void begin_name(struct fixture *f, struct got *got, const char *name, int64_t deadline_ns) {
    char url[128];
    int size = snprintf(url, sizeof(url), "http://%s:%u/", name, (unsigned)toy_origin_port(f->origin));
    struct fetch_request request = {.url = slice_make(url, (size_t)size), .deadline_ns = deadline_ns, .body_max = 1000};

    begin_request(f, got, &request);
}

static void a_name_that_is_not_there_is_not_found(void **state) {
    struct fixture *f = fixture_new(say_hello);
    struct got got = {0};

    (void)state;
    begin_name(f, &got, "nowhere.test", in_a_minute());
    await(f, 1);
    assert_int_equal(got.error, LARDER_ERROR_NOT_FOUND);
    assert_non_null(strstr(got.why, "nowhere.test"));
    got_fini(&got);
    fixture_free(f);
}

static void the_next_address_is_tried(void **state) {
    struct fetcher_config config = generous;

    (void)state;
    config.connections_per_host = 4;
    for (int i = 0; i < 10; i++) {
        struct fixture *f = fixture_new_with(say_hello, &config);
        struct got got[4] = {{0}};

        for (int j = 0; j < 4; j++) {
            begin_name(f, &got[j], "two.test", in_a_minute());
        }
        await(f, 4);
        for (int j = 0; j < 4; j++) {
            assert_int_equal(got[j].error, LARDER_OK);
            got_fini(&got[j]);
        }
        assert_int_equal(fetcher_figures(f->fetcher)->connections_open, f->origin->open);
        fixture_free(f);
    }
}

/* The descriptor that is given up has the number of the one that comes next. */
static void an_address_that_hangs_is_passed_over(void **state) {
    struct fetcher_config config = generous;
    struct fixture *f;
    struct got got = {0};
    struct deaf deaf;

    (void)state;
    config.connect_timeout_ns = 2 * CLOCK_NS_PER_S;
    f = fixture_new_with(say_hello, &config);
    deaf_open(&deaf, "127.0.0.3", toy_origin_port(f->origin));
    begin_name(f, &got, "two.test", in_a_minute());
    await(f, 1);
    assert_int_equal(got.error, LARDER_OK);
    assert_int_equal(fetcher_figures(f->fetcher)->connections_made, 1);
    assert_int_equal(fetcher_figures(f->fetcher)->connections_open, 1);
    got_fini(&got);
    fixture_free(f);
    deaf_close(&deaf);
}

static void names_are_kept_for_a_while(void **state) {
    struct fixture *f = fixture_new(say_hello);
    int before = atomic_load(&lookups);

    (void)state;
    atomic_store(&has_moved, false);
    for (int i = 0; i < 3; i++) {
        struct got got = {0};

        begin_name(f, &got, "moves.test", in_a_minute());
        await(f, 1);
        assert_int_equal(got.error, LARDER_OK);
        got_fini(&got);
    }
    assert_int_equal(atomic_load(&lookups), before + 1);
    fixture_free(f);
}

/* Though the connection to its old place is kept, and always in use. */
static void a_name_that_moves_is_followed(void **state) {
    struct fetcher_config config = generous;
    struct fixture *f;
    struct toy_origin *second;
    bool moved = false;

    (void)state;
    config.life_ns = CLOCK_NS_PER_S;
    config.name_ns = CLOCK_NS_PER_S;
    f = fixture_new_with(say_hello, &config);
    second = toy_origin_new(f->loop, "127.0.0.2", toy_origin_port(f->origin), say_moved, NULL);
    atomic_store(&has_moved, false);
    for (bool first = true; !moved; first = false) {
        struct got got = {0};

        begin_name(f, &got, "moves.test", in_a_minute());
        await(f, 1);
        assert_int_equal(got.error, LARDER_OK);
        moved = slice_equal(buf_slice(&got.body), SLICE("moved"));
        assert_false(moved && first);
        got_fini(&got);
        atomic_store(&has_moved, true);
        run_turns(f, 10);
    }
    assert_true(f->origin->requests > 1); /* it was kept in use */
    toy_origin_free(second);
    fixture_free(f);
}

static bool has_begun(void *ctx) {
    (void)ctx;
    return sem_trywait(&slow_begun) == 0;
}

static bool all_have_ended(void *ctx) {
    (void)ctx;
    return atomic_load(&slow_lookups) == 0;
}

static void let_go(unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        sem_post(&slow_goes_on);
    }
}

static void others_go_on_while_a_name_takes_its_time(void **state) {
    struct fixture *f = fixture_new(say_hello);
    struct got slow = {0};

    (void)state;
    begin_name(f, &slow, "slow.test", in_a_minute());
    await_that(f, has_begun, NULL);
    for (int i = 0; i < 5; i++) {
        struct got got = {0};

        begin_name(f, &got, i % 2 == 0 ? "127.0.0.1" : "moves.test", in_a_minute());
        await(f, 1);
        assert_int_equal(got.dones, 1);
        got_fini(&got);
    }
    assert_int_equal(slow.dones, 0);
    let_go(1);
    await(f, 1);
    assert_int_equal(slow.error, LARDER_ERROR_NOT_FOUND);
    got_fini(&slow);
    fixture_free(f);
}

/* By its deadline, by its owner, by the limit for connecting, and by the end of all: none of them waits for the thread, or
 * this would hang. */
static void a_name_that_takes_its_time_can_be_given_up(void **state) {
    struct fetcher_config config = generous;
    struct got late = {0}, unwanted = {0}, slow = {0}, last = {0};
    struct fixture *f = fixture_new(say_hello);

    (void)state;
    begin_name(f, &late, "slow.test", clock_monotonic_ns() + 20 * CLOCK_NS_PER_MS);
    begin_name(f, &unwanted, "slow.test", in_a_minute());
    await_that(f, has_begun, NULL);
    await_that(f, has_begun, NULL);
    await(f, 1);
    assert_int_equal(late.error, LARDER_ERROR_TIMEOUT);
    fetch_cancel(unwanted.fetch);
    assert_int_equal(fetcher_figures(f->fetcher)->fetches, 0);
    got_fini(&late);
    got_fini(&unwanted);
    fixture_free(f);

    config.connect_timeout_ns = 20 * CLOCK_NS_PER_MS;
    f = fixture_new_with(say_hello, &config);
    begin_name(f, &slow, "slow.test", in_a_minute());
    await_that(f, has_begun, NULL);
    await(f, 1);
    assert_int_equal(slow.error, LARDER_ERROR_UNREACHABLE);
    begin_name(f, &last, "slow.test", in_a_minute());
    await_that(f, has_begun, NULL);
    fetcher_free(f->fetcher);
    f->fetcher = NULL;
    assert_int_equal(last.error, LARDER_ERROR_CLOSED);
    assert_int_equal(atomic_load(&slow_lookups), 4);
    let_go(4);
    await_that(f, all_have_ended, NULL);
    got_fini(&slow);
    got_fini(&last);
    fixture_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_that_is_not_there_is_not_found),
        cmocka_unit_test(the_next_address_is_tried),
        cmocka_unit_test(an_address_that_hangs_is_passed_over),
        cmocka_unit_test(names_are_kept_for_a_while),
        cmocka_unit_test(a_name_that_moves_is_followed),
        cmocka_unit_test(others_go_on_while_a_name_takes_its_time),
        cmocka_unit_test(a_name_that_takes_its_time_can_be_given_up),
    };

    sem_init(&slow_begun, 0, 0);
    sem_init(&slow_goes_on, 0, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
