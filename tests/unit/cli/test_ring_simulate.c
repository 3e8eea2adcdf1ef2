/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <jansson.h>

#include "cli/ring.h"
#include "cli/ring_simulation.h"
#include "cli/subcommand.h"

enum { ARGUMENTS_MAX = 8, OUTPUT_MAX = 1 << 18 };

/* Runs the line with the stream `fd` in a file; what came out is in `output`. Returns the exit code. */
static char output[OUTPUT_MAX];

static int run(const char *line, int fd) {
    char copy[128], *argv[ARGUMENTS_MAX + 1] = {NULL};
    FILE *file = tmpfile();
    int argc = 0, kept, code;
    size_t size;

    assert_non_null(file);
    snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strtok(copy, " "); word != NULL && argc < ARGUMENTS_MAX; word = strtok(NULL, " ")) {
        argv[argc++] = word;
    }
    fflush(NULL);
    kept = dup(fd);
    assert_true(kept >= 0 && dup2(fileno(file), fd) == fd);
    code = ring_simulate(argc, argv);
    fflush(NULL);
    assert_true(dup2(kept, fd) == fd);
    close(kept);
    rewind(file);
    size = fread(output, 1, OUTPUT_MAX - 1, file);
    output[size] = '\0';
    fclose(file);
    return code;
}

static void every_key_is_somewhere(void **state) {
    static const size_t counts[] = {2, 3, 10, 100, SIMULATION_NODES_MAX};
    static struct simulation s;

    (void)state;
    for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
        uint64_t keys = 0, slots = 0;

        assert_int_equal(simulation_run(counts[c], 100000, &s), LARDER_OK);
        for (size_t i = 0; i < counts[c]; i++) {
            keys += s.nodes[i].keys;
            slots += s.nodes[i].slots;
            assert_true(s.nodes[i].keys <= s.nodes[s.fullest].keys && s.nodes[i].keys >= s.nodes[s.emptiest].keys);
        }
        assert_int_equal(keys, 100000);
        assert_int_equal(slots, RING_SLOTS);
    }
}

static void only_what_must_moves(void **state) {
    static struct simulation s, more, less;

    (void)state;
    assert_int_equal(simulation_run(10, 200000, &s), LARDER_OK);
    assert_int_equal(simulation_run(11, 200000, &more), LARDER_OK);
    assert_string_equal(s.come.name, "node-0011");
    assert_int_equal(s.come.moved, more.nodes[10].keys);
    assert_int_equal(s.come.needless, 0);
    assert_string_equal(s.go.name, s.nodes[s.fullest].name);
    assert_int_equal(s.go.moved, s.nodes[s.fullest].keys);
    assert_int_equal(s.go.needless, 0);
    assert_true(s.go.fair == 20000.0);
    assert_true((double)s.go.moved <= 1.1 * s.go.fair && (double)s.come.moved <= 1.1 * s.come.fair);
    assert_true(simulation_of_mean(&s, s.nodes[s.fullest].keys) <= 1.05);
    assert_int_equal(simulation_run(2, 1, &less), LARDER_OK);
    assert_int_equal(less.nodes[less.emptiest].keys, 0);
}

static void programs_get_json(void **state) {
    json_t *report, *node;
    size_t index;
    double sum = 0;

    (void)state;
    assert_int_equal(run("simulate --nodes 40 --keys 10000 --json", STDOUT_FILENO), EXIT_CODE_OK);
    report = json_loads(output, 0, NULL);
    assert_non_null(report);
    assert_int_equal(json_integer_value(json_object_get(report, "nodes")), 40);
    assert_int_equal(json_integer_value(json_object_get(report, "slots")), RING_SLOTS);
    assert_int_equal(json_array_size(json_object_get(report, "members")), 40);
    json_array_foreach(json_object_get(report, "members"), index, node) {
        sum += json_real_value(json_object_get(node, "of_mean"));
    }
    assert_true(sum > 39.99 && sum < 40.01);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(report, "go"), "moved")),
                     json_integer_value(json_object_get(json_object_get(report, "fullest"), "keys")));
    json_decref(report);
}

static size_t count_lines(const char *beginning) {
    size_t count = 0;

    for (const char *line = output; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        count += strncmp(line, beginning, strlen(beginning)) == 0;
    }
    return count;
}

static void people_get_a_table(void **state) {
    (void)state;
    assert_int_equal(run("simulate --keys 1000", STDOUT_FILENO), EXIT_CODE_OK);
    assert_int_equal(count_lines("10 nodes, 1,000 keys in 262,144 slots"), 1);
    assert_int_equal(count_lines("node-00"), 10 + 2);
    assert_int_equal(count_lines("node-0011 comes: "), 1);
    assert_int_equal(count_lines("fullest: node-00"), 1);
    assert_int_equal(run("simulate --keys 1000 --nodes 33", STDOUT_FILENO), EXIT_CODE_OK);
    assert_int_equal(count_lines("node-00"), 16 + 2); /* no more than a screen */
    assert_int_equal(count_lines("... 17 more ..."), 1);
    assert_int_equal(run("simulate --help", STDOUT_FILENO), EXIT_CODE_OK);
    assert_non_null(strstr(output, "--nodes N"));
}

static void nonsense_is_refused(void **state) {
    static const char *const lines[] = {"simulate --nodes 1", "simulate --nodes 1024", "simulate --keys 0",
                                        "simulate --keys x",  "simulate --what",       "simulate something"};

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        assert_int_equal(run(lines[i], STDERR_FILENO), EXIT_CODE_USAGE);
        assert_int_equal(strncmp(output, "larder ring simulate: ", 22), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_somewhere), cmocka_unit_test(only_what_must_moves),
        cmocka_unit_test(programs_get_json),      cmocka_unit_test(people_get_a_table),
        cmocka_unit_test(nonsense_is_refused),
    };

    return cmocka_run_group_tests_name("cli-ring-simulate", tests, NULL, NULL);
}
