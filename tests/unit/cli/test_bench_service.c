/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/bench/bench_service.h"
#include "cli/bench/service_report.h"
#include "toy_server.h"

static const struct progress no_progress = {.enabled = false};

static struct service_stats stats;
static struct route_stats sum;

static struct service_config base_config(void) {
    char name[] = "config";
    char *argv[] = {name, NULL};
    struct service_config config;

    assert_int_equal(service_config_read(1, argv, &config), OPTIONS_DONE);
    config.base.connections = 8;
    config.base.keys = 500;
    config.base.warmup_ns = 0;
    config.base.requests = 5000;
    return config;
}

static bool run_on(const struct service_config *config) {
    struct service service;
    int64_t elapsed_ns = 0;
    bool done;

    assert_int_equal(service_init(&service, config, 42), LARDER_OK);
    done = bench_service_measure(&service, &no_progress, &stats, &elapsed_ns);
    assert_true(!done || elapsed_ns > 0);
    service_report_sum(&stats, &sum);
    service_fini(&service);
    return done;
}

static bool run_with(struct service_config *config, enum toy_fault fault) {
    struct toy_server *server = toy_server_new(fault);
    bool done;

    config->nodes[0] = *toy_server_address(server);
    done = run_on(config);
    toy_server_free(server);
    return done;
}

static void expect_share(enum route route, double percent) {
    double share = 100.0 * (double)stats.routes[route].requests / (double)sum.requests;

    if (share < percent - 1.5 || share > percent + 1.5) {
        fail_msg("%s: %g %% instead of %g %%", route_name(route), share, percent);
    }
}

static void an_honest_server_is_not_stale(void **state) {
    struct service_config config = base_config();

    (void)state;
    config.base.threads = 3;
    config.base.requests = 20000;
    assert_true(run_with(&config, TOY_FAULTLESS));
    assert_int_equal(sum.requests, 20000);
    assert_int_equal(sum.latency.count, 20000);
    assert_int_equal(stats.judged, 20500);
    assert_int_equal(stats.stale + stats.foreign + stats.unknown + sum.fails, 0);
    assert_string_equal(stats.first_wrong, "");
    expect_share(ROUTE_DELETE, 4.5);
    expect_share(ROUTE_PUT, 4.6);
    expect_share(ROUTE_GET, 41.2);
    expect_share(ROUTE_GET_CACHED, 49.7);
    /* Deleted keys come back, so most reads find something. */
    assert_true(sum.absent > 0);
    assert_true(sum.absent < sum.requests / 6);
}

static void chunked_answers_are_taken(void **state) {
    struct service_config config = base_config();

    (void)state;
    assert_true(run_with(&config, TOY_HTTP_CHUNKS));
    assert_int_equal(stats.stale + stats.foreign + sum.fails, 0);
    assert_int_equal(stats.routes[ROUTE_PUT].body_bytes, stats.routes[ROUTE_PUT].requests);
}

static void every_kind_of_staleness_is_noticed(void **state) {
    static const enum toy_fault faults[] = {TOY_HTTP_STALE, TOY_HTTP_FORGETS, TOY_HTTP_LOSES, TOY_HTTP_KEEPS_DELETED};
    struct service_config config = base_config();

    (void)state;
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        assert_true(run_with(&config, faults[i]));
        if (stats.stale == 0) {
            fail_msg("fault %d was not noticed", (int)faults[i]);
        }
        assert_int_equal(stats.foreign + sum.fails, 0);
        assert_non_null(strstr(stats.first_wrong, "had been acknowledged"));
    }
}

static void a_value_of_nobodys_is_foreign(void **state) {
    struct service_config config = base_config();

    (void)state;
    assert_true(run_with(&config, TOY_HTTP_FOREIGN));
    assert_true(stats.foreign > 0);
    assert_int_equal(stats.stale, 0);
}

static void refusals_are_fails(void **state) {
    struct service_config config = base_config();

    (void)state;
    assert_true(run_with(&config, TOY_HTTP_FAILS));
    assert_true(stats.routes[ROUTE_GET].fails > 0);
    assert_true(stats.routes[ROUTE_GET_CACHED].fails > 0);
    assert_int_equal(stats.routes[ROUTE_PUT].fails + stats.routes[ROUTE_DELETE].fails, 0);
    assert_int_equal(stats.stale, 0);
    assert_non_null(strstr(stats.first_failure, "503 no ?room"));
    /* Nothing was stored: there is nothing to measure. */
    assert_false(run_with(&config, TOY_REFUSES));
}

/* Two toys know nothing of each other. So what one acknowledged is missed in the other by use_cache=false, which is what
 * the load has to see, while use_cache=true only asks each for its own. */
static void nodes_are_held_to_each_others_writes(void **state) {
    struct service_config config = base_config();
    struct toy_server *one = toy_server_new(TOY_FAULTLESS);
    struct toy_server *two = toy_server_new(TOY_FAULTLESS);

    (void)state;
    config.nodes[0] = *toy_server_address(one);
    config.nodes[1] = *toy_server_address(two);
    config.node_count = 2;
    assert_true(run_on(&config));
    assert_true(stats.stale > 0);
    assert_true(toy_server_gets(one) > 0);
    assert_true(toy_server_gets(two) > 0);
    assert_true(stats.stale_by[ROUTE_GET] > 0);
    assert_int_equal(stats.stale_by[ROUTE_GET_CACHED], 0);
    toy_server_free(one);
    toy_server_free(two);
}

static void keys_are_different_and_have_their_size(void **state) {
    char one[SERVICE_KEY_SIZE], two[SERVICE_KEY_SIZE];

    (void)state;
    service_key_text(0, one);
    for (uint64_t key = 1; key < 1000; key++) {
        service_key_text(key, two);
        assert_true(memcmp(one, two, 16) != 0);
    }
    for (int i = 0; i < SERVICE_KEY_SIZE; i++) {
        assert_non_null(strchr("0123456789abcdef", one[i]));
    }
}

static void nodes_are_read(void **state) {
    char name[] = "config", option[] = "--server", list[] = "127.0.0.1:1,host:2", more[] = "[::1]:3";
    char *argv[] = {name, option, list, option, more, NULL};
    struct service_config config;

    (void)state;
    assert_int_equal(service_config_read(5, argv, &config), OPTIONS_DONE);
    assert_int_equal(config.node_count, 3);
    assert_int_equal(config.nodes[0].port, 1);
    assert_string_equal(config.nodes[1].host, "host");
    assert_int_equal(config.nodes[2].kind, ADDRESS_IPV6);
    assert_int_equal(service_config_read(1, argv, &config), OPTIONS_DONE);
    assert_int_equal(config.node_count, 1);
    assert_int_equal(config.nodes[0].port, 8080);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_honest_server_is_not_stale),
        cmocka_unit_test(chunked_answers_are_taken),
        cmocka_unit_test(every_kind_of_staleness_is_noticed),
        cmocka_unit_test(a_value_of_nobodys_is_foreign),
        cmocka_unit_test(refusals_are_fails),
        cmocka_unit_test(nodes_are_held_to_each_others_writes),
        cmocka_unit_test(keys_are_different_and_have_their_size),
        cmocka_unit_test(nodes_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
