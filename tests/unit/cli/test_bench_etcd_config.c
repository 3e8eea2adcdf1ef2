/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cli/bench/etcd/config.h"

enum { ARGUMENTS_MAX = 24 };

static struct etcd_config config;

/* Splits at spaces, the way a shell would. */
static enum options_outcome read_line(const char *line) {
    static char copy[512];
    char *argv[ARGUMENTS_MAX] = {NULL};
    int argc = 0;

    strcpy(copy, line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    return etcd_config_read(argc, argv, &config);
}

static void defaults_are_those_of_etcds_benchmark(void **state) {
    (void)state;
    assert_int_equal(read_line("put"), OPTIONS_DONE);
    assert_int_equal(config.kind, ETCD_PUT);
    assert_int_equal(config.target.count, 1);
    assert_int_equal(config.target.addresses[0].port, 2379);
    assert_int_equal(config.conns, 1);
    assert_int_equal(config.clients, 1);
    assert_int_equal(config.total, 10000);
    assert_int_equal(config.key_size, 8);
    assert_int_equal(config.value_size, 8);
    assert_int_equal(config.key_space, 1);
    assert_int_equal(config.rate, 0);
    assert_false(config.sequential);
    assert_false(config.target_leader);
    assert_int_equal(read_line("watch"), OPTIONS_DONE);
    assert_int_equal(config.streams, 10);
    assert_int_equal(config.watch_per_stream, 100);
    assert_int_equal(config.key_space, 1);
    assert_int_equal(config.key_size, 32);
    assert_int_equal(config.total, 1000);
    assert_int_equal(etcd_config_watchers(&config), 1000);
    assert_int_equal(read_line("range foo"), OPTIONS_DONE);
    assert_false(config.serializable);
    assert_string_equal(config.key, "foo");
    assert_null(config.range_end);
}

static void etcds_flags_are_read(void **state) {
    (void)state;
    assert_int_equal(read_line("put --endpoints http://[::1]:5,h:6 --endpoints=unix:/x --conns 3 --clients=9 --total 7 "
                               "--key-size 20 --val-size 1k --sequential-keys --key-space-size 50 --rate 8 "
                               "--target-leader"),
                     OPTIONS_DONE);
    assert_int_equal(config.target.count, 3);
    assert_int_equal(config.target.addresses[0].port, 5);
    assert_string_equal(config.target.addresses[1].host, "h");
    assert_int_equal(config.target.addresses[2].kind, ADDRESS_UNIX);
    assert_int_equal(config.conns, 3);
    assert_int_equal(config.clients, 9);
    assert_int_equal(config.total, 7);
    assert_int_equal(config.key_size, 20);
    assert_int_equal(config.value_size, 1024);
    assert_int_equal(config.key_space, 50);
    assert_int_equal(config.rate, 8);
    assert_true(config.sequential);
    assert_true(config.target_leader);
    assert_int_equal(read_line("range a b --consistency=s --limit 5 --count-only"), OPTIONS_DONE);
    assert_true(config.serializable);
    assert_string_equal(config.range_end, "b");
    assert_int_equal(config.limit, 5);
    assert_true(config.count_only);
    assert_int_equal(read_line("txn --txn-ops 12 --key-space-size 12"), OPTIONS_DONE);
    assert_int_equal(config.txn_ops, 12);
    assert_int_equal(read_line("watch --watched-key-total 4 --put-rate 100 --put-total 0"), OPTIONS_DONE);
    assert_int_equal(config.key_space, 4);
    assert_int_equal(config.rate, 100);
    assert_int_equal(config.total, 0);
    assert_int_equal(read_line("lease grant"), OPTIONS_DONE);
    assert_int_equal(config.kind, ETCD_LEASE_GRANT);
    assert_int_equal(read_line("lease --ttl 9 keepalive"), OPTIONS_DONE);
    assert_int_equal(config.kind, ETCD_LEASE_KEEPALIVE);
    assert_int_equal(config.ttl, 9);
}

static void a_time_alone_ends_a_run_or_both_do(void **state) {
    (void)state;
    assert_int_equal(read_line("put --duration 3s"), OPTIONS_DONE);
    assert_int_equal(config.total, 0);
    assert_int_equal(config.duration_ns, 3 * CLOCK_NS_PER_S);
    assert_int_equal(read_line("put --duration 3s --total 5"), OPTIONS_DONE);
    assert_int_equal(config.total, 5);
}

static void nonsense_is_refused(void **state) {
    static const char *const lines[] = {
        "delete",
        "put key",
        "put --total 0",
        "put --conns 0",
        "put --clients 1000001",
        "put --threads 2",
        "put --key-size 2 --key-space-size 101",
        "put --key-prefix with%percent",
        "put --consistency l",
        "put --endpoints https://h:1",
        "put --endpoints h",
        "put --endpoints h:1,,h:2",
        "put --vs-pid 7",
        "put --user nameless",
        "put --val-size 65m",
        "range a b c",
        "range a --consistency x",
        "range a --val-size 5",
        "txn --txn-ops 0",
        "txn --txn-ops 12 --key-space-size 11",
        "watch --val-size 7",
        "watch --streams 1000000 --watch-per-stream 1000",
        "watch --threads 5 --conns 5 --streams 4",
        "lease",
        "lease revoke",
        "lease grant keepalive",
        "lease grant --ttl 0",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (read_line(lines[i]) != OPTIONS_WRONG) {
            fail_msg("'%s' was taken", lines[i]);
        }
    }
}

static void help_knows_its_kind(void **state) {
    (void)state;
    assert_int_equal(read_line("txn --help"), OPTIONS_HELP);
    assert_int_equal(config.kind, ETCD_TXN);
    assert_int_equal(read_line("lease -h"), OPTIONS_HELP);
    assert_true(etcd_config_is_kind("watch"));
    assert_false(etcd_config_is_kind("config"));
    assert_false(etcd_config_is_kind("lease grant"));
}

static void keys_are_numbers_with_leading_zeros(void **state) {
    char digits[9] = "########";

    (void)state;
    assert_int_equal(read_line("put --key-space-size 1000 --key-size 6"), OPTIONS_DONE);
    etcd_config_write_key(&config, 407, digits);
    assert_string_equal(digits, "000407##");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_etcds_benchmark),
        cmocka_unit_test(etcds_flags_are_read),
        cmocka_unit_test(a_time_alone_ends_a_run_or_both_do),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(help_knows_its_kind),
        cmocka_unit_test(keys_are_numbers_with_leading_zeros),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
