/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cli/simulate/config.h"

enum { ARGUMENTS_MAX = 24 };

static struct simulate_config config;

/* Splits at spaces, the way a shell would. */
static enum options_outcome read_line(const char *line) {
    static char copy[512];
    char *argv[ARGUMENTS_MAX] = {NULL};
    int argc = 0;

    strcpy(copy, line);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    return simulate_config_read(argc, argv, &config);
}

static int forget_user(void **state) {
    (void)state;
    return unsetenv("LARDER_USER");
}

static void defaults_are_those_of_the_experiment(void **state) {
    (void)state;
    assert_int_equal(read_line("simulate"), OPTIONS_DONE);
    assert_int_equal(config.iterations, 100000);
    assert_int_equal(config.seed, 123);
    assert_int_equal(config.clients, 1);
    assert_int_equal(config.endpoint_count, 1);
    assert_int_equal(config.endpoints[0].address.port, 2379);
    assert_false(config.endpoints[0].tls);
    assert_string_equal(config.prefix, "/larder-simulate/");
    assert_int_equal(config.timeout_ns, 30 * CLOCK_NS_PER_S);
    assert_int_equal(config.wait_members_ns, 60 * CLOCK_NS_PER_S);
    assert_false(config.clear || config.keep || config.plan || config.json || config.fixed_endpoints);
}

static void a_prefix_ends_with_one_slash(void **state) {
    (void)state;
    assert_int_equal(read_line("simulate --prefix a/b//"), OPTIONS_DONE);
    assert_string_equal(config.prefix, "a/b/");
    assert_int_equal(read_line("simulate --prefix a"), OPTIONS_DONE);
    assert_string_equal(config.prefix, "a/");
    assert_int_equal(read_line("simulate --prefix /"), OPTIONS_WRONG);
    assert_int_equal(read_line("simulate --prefix="), OPTIONS_WRONG);
}

static void a_prefix_has_a_limit(void **state) {
    char line[400] = "simulate --prefix ";
    size_t size = strlen(line);

    (void)state;
    memset(line + size, 'p', SIMULATE_PREFIX_MAX - 2);
    assert_int_equal(read_line(line), OPTIONS_DONE);
    assert_int_equal(strlen(config.prefix), SIMULATE_PREFIX_MAX - 1);
    line[size + SIMULATE_PREFIX_MAX - 2] = 'p';
    assert_int_equal(read_line(line), OPTIONS_WRONG);
}

static void certificates_mean_tls(void **state) {
    (void)state;
    assert_int_equal(read_line("simulate --endpoints a:1,b:2 --cacert f"), OPTIONS_DONE);
    assert_int_equal(config.endpoint_count, 2);
    assert_true(config.endpoints[0].tls && config.endpoints[1].tls);
    assert_int_equal(read_line("simulate --endpoints http://a:1 --cacert f"), OPTIONS_DONE);
    assert_false(config.endpoints[0].tls);
    assert_int_equal(read_line("simulate --endpoints https://a:1"), OPTIONS_DONE);
    assert_true(config.endpoints[0].tls);
    assert_int_equal(read_line("simulate --cert f"), OPTIONS_WRONG);
    assert_int_equal(read_line("simulate --key f"), OPTIONS_WRONG);
    assert_int_equal(read_line("simulate --cert f --key g"), OPTIONS_DONE);
}

static void a_user_has_two_parts(void **state) {
    (void)state;
    assert_int_equal(read_line("simulate"), OPTIONS_DONE);
    assert_int_equal(simulate_config_user(&config).size, 0);
    assert_int_equal(read_line("simulate --user me:pass:word"), OPTIONS_DONE);
    assert_true(slice_equal(simulate_config_user(&config), SLICE("me")));
    assert_true(slice_equal(simulate_config_password(&config), SLICE("pass:word")));
    assert_int_equal(read_line("simulate --user me"), OPTIONS_WRONG);
    assert_int_equal(read_line("simulate --user :word"), OPTIONS_WRONG);
    setenv("LARDER_USER", "you:secret", 1);
    assert_int_equal(read_line("simulate"), OPTIONS_DONE);
    assert_true(slice_equal(simulate_config_user(&config), SLICE("you")));
}

static void what_makes_no_sense_is_refused(void **state) {
    static const char *const lines[] = {
        "simulate word",           "simulate --iterations 0",    "simulate --iterations 100000001",
        "simulate --clients 0",    "simulate --clients 1001",    "simulate --endpoints h:port",
        "simulate --endpoints [::1", "simulate --plan --dump f",   "simulate --timeout 0",
        "simulate --endpoints=",   "simulate --wait-members -1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_int_equal(read_line(lines[i]), OPTIONS_WRONG);
    }
    assert_int_equal(read_line("simulate --help"), OPTIONS_HELP);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(defaults_are_those_of_the_experiment, forget_user),
        cmocka_unit_test_setup(a_prefix_ends_with_one_slash, forget_user),
        cmocka_unit_test_setup(a_prefix_has_a_limit, forget_user),
        cmocka_unit_test_setup(certificates_mean_tls, forget_user),
        cmocka_unit_test_setup_teardown(a_user_has_two_parts, forget_user, forget_user),
        cmocka_unit_test_setup(what_makes_no_sense_is_refused, forget_user),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
