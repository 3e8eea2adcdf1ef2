/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/bench/dial.h"
#include "cli/bench/idle.h"
#include "cli/bench/prepare.h"
#include "cli/bench/process.h"
#include "cli/bench/run.h"
#include "toy_server.h"

static const struct progress no_progress = {.enabled = false};

static struct run_result result;

static struct bench_config base_config(void) {
    char name[] = "bench";
    char *argv[] = {name, NULL};
    struct bench_config config;

    assert_int_equal(bench_config_read(1, argv, &config), OPTIONS_DONE);
    config.connections = 8;
    config.keys = 500;
    config.warmup_ns = 0;
    return config;
}

static bool run_on(const struct toy_server *server, const struct bench_config *config, enum workload_kind kind,
                   const struct trace *trace) {
    struct subject subject;
    const struct run_plan plan = {
        .config = config, .subjects = &subject, .subject_count = 1, .kind = kind, .trace = trace};

    assert_true(subject_find(&subject, toy_server_address(server), 0, config->protocol == BENCH_HTTP));
    return run_load(&plan, &no_progress, &result);
}

static void counts_every_request(struct bench_config *config) {
    struct toy_server *server = toy_server_new(TOY_FAULTLESS);

    config->prefill = true;
    assert_true(run_on(server, config, WORKLOAD_PREFILL, NULL));
    assert_int_equal(result.stats.sets, 500);
    assert_int_equal(toy_server_sets(server), 500);
    assert_true(run_on(server, config, WORKLOAD_MIX, NULL));
    assert_int_equal(result.stats.requests, config->requests);
    assert_int_equal(result.stats.latency.count, config->requests);
    assert_int_equal(result.stats.gets, toy_server_gets(server));
    assert_int_equal(result.stats.sets, toy_server_sets(server) - 500);
    assert_int_equal(result.stats.hits, result.stats.gets * config->keys_per_get);
    assert_int_equal(result.stats.misses + result.stats.errors + result.stats.wrong_sizes, 0);
    toy_server_free(server);
}

static void every_request_is_counted_once(void **state) {
    struct bench_config config = base_config();

    (void)state;
    config.requests = 3001;
    counts_every_request(&config);
}

static void pipelining_with_several_threads(void **state) {
    struct bench_config config = base_config();

    (void)state;
    config.requests = 5000;
    config.pipeline = 7;
    config.threads = 3;
    config.protocol = BENCH_META;
    counts_every_request(&config);
}

static void large_values_in_deep_pipelines(void **state) {
    struct bench_config config = base_config();

    (void)state;
    config.requests = 600;
    config.pipeline = 20;
    config.connections = 2;
    config.value_size = (struct size_range){1, 100000};
    config.mix = (struct mix){1, 1};
    counts_every_request(&config);
}

static void http_keys(void **state) {
    struct bench_config config = base_config();

    (void)state;
    config.requests = 3000;
    config.pipeline = 3;
    config.threads = 2;
    config.protocol = BENCH_HTTP;
    config.key_prefix = "a/b/";
    config.value_size = (struct size_range){0, 3000};
    counts_every_request(&config);
}

/* More than the kernel takes at once. */
static void huge_values_go_out_in_parts(void **state) {
    struct bench_config config = base_config();
    struct toy_server *server = toy_server_new(TOY_FAULTLESS);

    (void)state;
    config.requests = 10;
    config.connections = 1;
    config.keys = 3;
    config.pipeline = 2;
    config.value_size = (struct size_range){16 << 20, 16 << 20};
    config.mix = (struct mix){0, 1};
    assert_true(run_on(server, &config, WORKLOAD_MIX, NULL));
    assert_int_equal(result.stats.sets, 10);
    assert_int_equal(toy_server_sets(server), 10);
    toy_server_free(server);
}

static void gets_of_several_keys(void **state) {
    struct bench_config config = base_config();

    (void)state;
    config.requests = 500;
    config.keys_per_get = 10;
    counts_every_request(&config);
}

static void a_rate_is_kept(void **state) {
    struct bench_config config = base_config();

    (void)state;
    config.requests = 200;
    config.rate = 2000;
    counts_every_request(&config);
    /* 200 requests at 2000/s take 100 ms, however fast the server is. */
    assert_true(result.elapsed_ns >= 95 * CLOCK_NS_PER_MS);
}

static void a_run_ends_with_its_time(void **state) {
    struct bench_config config = base_config();
    struct toy_server *server = toy_server_new(TOY_FAULTLESS);

    (void)state;
    config.time_ns = 30 * CLOCK_NS_PER_MS;
    config.warmup_ns = 10 * CLOCK_NS_PER_MS;
    assert_true(run_on(server, &config, WORKLOAD_MIX, NULL));
    assert_true(result.elapsed_ns >= config.time_ns);
    assert_true(result.stats.requests > 0);
    assert_true(result.stats.requests < toy_server_gets(server) + toy_server_sets(server));
    toy_server_free(server);
}

static void a_replay_fills_what_it_misses(void **state) {
    static struct trace_entry entries[] = {
        {1, 10, false}, {1, 10, false}, {2, 20, true}, {2, 20, false}, {3, 70, false}};
    const struct trace trace = {.entries = entries, .count = 5, .key_max = 3, .size_max = 70};
    struct bench_config config = base_config();
    struct toy_server *server = toy_server_new(TOY_FAULTLESS);

    (void)state;
    config.connections = 1;
    config.trace = "here";
    assert_true(run_on(server, &config, WORKLOAD_REPLAY, &trace));
    assert_int_equal(result.stats.gets, 4);
    assert_int_equal(result.stats.hits, 2);
    assert_int_equal(result.stats.misses, 2);
    assert_int_equal(result.stats.sets, 3);
    assert_int_equal(result.stats.bytes_asked, 110);
    assert_int_equal(result.stats.bytes_missed, 80);
    toy_server_free(server);
}

static bool fails_on(enum toy_fault fault, enum bench_protocol protocol) {
    struct bench_config config = base_config();
    struct toy_server *server = toy_server_new(fault);
    bool done;

    config.requests = 100;
    config.prefill = true;
    config.protocol = protocol;
    done = run_on(server, &config, WORKLOAD_PREFILL, NULL) && run_on(server, &config, WORKLOAD_MIX, NULL);
    toy_server_free(server);
    return !done;
}

static void a_broken_server_fails_the_run(void **state) {
    (void)state;
    assert_true(fails_on(TOY_GARBAGE, BENCH_TEXT));
    assert_true(fails_on(TOY_HANGS_UP, BENCH_TEXT));
}

static void refusals_and_wrong_values_are_counted(void **state) {
    static const char *const words[] = {[BENCH_TEXT] = "no room", [BENCH_HTTP] = "413: no room"};

    (void)state;
    for (int http = 0; http < 2; http++) {
        enum bench_protocol protocol = http ? BENCH_HTTP : BENCH_TEXT;

        assert_false(fails_on(TOY_WRONG_SIZE, protocol));
        assert_int_equal(result.stats.wrong_sizes, result.stats.hits);
        assert_true(result.stats.hits > 0);
        assert_false(fails_on(TOY_REFUSES, protocol));
        assert_int_equal(result.stats.errors, result.stats.sets);
        assert_true(result.stats.sets > 0);
        assert_string_equal(result.stats.first_error, words[protocol]);
    }
}

static void idle_connections_are_served(void **state) {
    struct toy_server *server = toy_server_new(TOY_FAULTLESS);
    struct endpoint endpoint;
    struct idle idle;

    (void)state;
    assert_true(dial_choose(toy_server_address(server), false, &endpoint));
    assert_true(idle_open(&idle, &endpoint, 20, (uint64_t)getpid()));
    idle_check(&idle);
    assert_int_equal(idle.unserved, 0);
    assert_true(idle.measured);
    assert_true(idle.resident_after > 0);
    idle_close(&idle);
    toy_server_free(server);
}

static void a_process_is_measured(void **state) {
    uint64_t pid = (uint64_t)getpid();
    uint64_t before, after, resident;
    volatile uint64_t work = 0;

    (void)state;
    assert_int_equal(process_cpu_ns(pid, &before), LARDER_OK);
    do {
        for (int i = 0; i < 1000000; i++) {
            work = work + 1;
        }
        assert_int_equal(process_cpu_ns(pid, &after), LARDER_OK);
    } while (after <= before);
    assert_int_equal(process_resident(pid, &resident), LARDER_OK);
    assert_true(resident > 100000);
    assert_int_equal(process_cpu_ns(0, &before), LARDER_ERROR_NOT_FOUND);
    assert_int_equal(process_resident(0, &before), LARDER_ERROR_NOT_FOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_is_counted_once),  cmocka_unit_test(pipelining_with_several_threads),
        cmocka_unit_test(large_values_in_deep_pipelines), cmocka_unit_test(huge_values_go_out_in_parts),
        cmocka_unit_test(gets_of_several_keys),           cmocka_unit_test(a_rate_is_kept),
        cmocka_unit_test(a_run_ends_with_its_time),       cmocka_unit_test(a_replay_fills_what_it_misses),
        cmocka_unit_test(a_broken_server_fails_the_run),  cmocka_unit_test(refusals_and_wrong_values_are_counted),
        cmocka_unit_test(idle_connections_are_served),    cmocka_unit_test(http_keys),
        cmocka_unit_test(a_process_is_measured),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
