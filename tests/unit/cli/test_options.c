/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cli/bench/config.h"

enum { ARGUMENTS_MAX = 16 };

/* Splits at spaces, the way a shell would. */
static enum options_outcome read_config(const char *line, struct bench_config *ret_config) {
    static char copy[512];
    char *argv[ARGUMENTS_MAX] = {NULL};
    int argc = 0;

    strcpy(copy, line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    return bench_config_read(argc, argv, ret_config);
}

static void defaults_are_sensible(void **state) {
    struct bench_config c;

    (void)state;
    assert_int_equal(read_config("bench", &c), OPTIONS_DONE);
    assert_string_equal(c.target.host, "127.0.0.1");
    assert_int_equal(c.target.port, 11211);
    assert_int_equal(c.connections, 50);
    assert_int_equal(c.time_ns, 10 * CLOCK_NS_PER_S);
    assert_int_equal(c.pins.count, 0);
    assert_int_equal(c.rival.host[0], 0);
}

static void every_kind_of_option_is_read(void **state) {
    struct bench_config c;

    (void)state;
    assert_int_equal(read_config("bench --connections 7 [::1]:99 --time=250ms --value-size 1k-4k --mix 1:0 --pin 1,3 "
                                 "--json --vs unix:/x",
                                 &c),
                     OPTIONS_DONE);
    assert_int_equal(c.connections, 7);
    assert_int_equal(c.target.port, 99);
    assert_int_equal(c.time_ns, 250 * CLOCK_NS_PER_MS);
    assert_int_equal(c.value_size.min, 1024);
    assert_int_equal(c.value_size.max, 4096);
    assert_int_equal(c.mix.get, 1);
    assert_int_equal(c.mix.set, 0);
    assert_int_equal(c.pins.count, 2);
    assert_int_equal(c.pins.cpus[1], 3);
    assert_true(c.json);
    assert_string_equal(c.rival.host, "/x");
    assert_int_equal(read_config("bench --quiet -- 127.0.0.1:5", &c), OPTIONS_DONE);
    assert_int_equal(c.target.port, 5);
    assert_int_equal(read_config("bench --quiet --help --nonsense", &c), OPTIONS_HELP);
}

static void mistakes_are_refused(void **state) {
    static const char *const lines[] = {
        "bench --connections 0",
        "bench --connections x",
        "bench --connections",
        "bench --connections=",
        "bench --json=yes",
        "bench --nonsense 1",
        "bench -x",
        "bench --time 0",
        "bench --time 10x",
        "bench --value-size 10-5",
        "bench --value-size 2g",
        "bench --mix 0:0",
        "bench --mix 5",
        "bench --pin 1,,2",
        "bench --protocol ftp",
        "bench --protocol http --idle-connections 5",
        "bench --key-prefix a?b",
        "bench --key-prefix group/ --key-size 245",
        "bench --distribution zipf:x",
        "bench --threads 60",
        "bench --keys 1000000 --key-size 5",
        "bench --keys-per-get 2 --protocol meta",
        "bench --keys-per-get 2 --protocol http",
        "bench --vs-pid 1",
        "bench --trace f --rate 5",
        "bench --trace f --vs 127.0.0.1:1",
        "bench 127.0.0.1",
        "bench 127.0.0.1:1 127.0.0.1:2",
        "bench --key-size 251",
    };
    struct bench_config c;

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (read_config(lines[i], &c) != OPTIONS_WRONG) {
            fail_msg("'%s' was accepted", lines[i]);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_sensible),
        cmocka_unit_test(every_kind_of_option_is_read),
        cmocka_unit_test(mistakes_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
