/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config_run.h"
#include "unit/daemon/example_config.h"

static void a_file_sets_options_and_groups(void **state) {
    struct run run;

    (void)state;
    parse(&run, "\xef\xbb\xbf# hello\r\n"
                "[node]   ; the node\r\n"
                "memory = 64m # enough\r\n"
                "  threads=2\n"
                "listen = 127.0.0.1:1, 127.0.0.1:2\n"
                "listen = [::1]:3\n"
                "port-file = \"/tmp/a # b\" ; quoted\n"
                "\n"
                "[group \"users\"]\n"
                "backing = memory\n"
                "ttl = 5m\n"
                "max-ttl = 1h\n"
                "max-item = 4k\n"
                "[group \"default\"]\n"
                "ttl = 10\n"
                "[ group \"last\" ]");
    assert_good(&run);
    assert_int_equal(run.options.memory, 64 << 20);
    assert_int_equal(run.options.threads, 2);
    assert_int_equal(run.options.listens.count, 3);
    assert_string_equal(run.options.port_file, "/tmp/a # b");
    assert_int_equal(run.options.sources[OPTION_MEMORY], OPTION_SOURCE_FILE);
    assert_int_equal(run.options.lines[OPTION_MEMORY], 3);
    assert_int_equal(run.options.group_count, 3);
    assert_string_equal(run.options.groups[0].name, "default");
    assert_int_equal(run.options.groups[0].ttl, 10);
    assert_string_equal(run.options.groups[1].name, "users");
    assert_int_equal(run.options.groups[1].ttl, 300);
    assert_int_equal(run.options.groups[1].max_ttl, 3600);
    assert_int_equal(run.options.groups[1].max_item, 4096);
    assert_string_equal(run.options.groups[2].name, "last");
    assert_int_equal(run.options.groups[2].max_item, 1 << 20);
    unload(&run);
}

static void an_empty_file_is_fine(void **state) {
    struct run run;

    (void)state;
    parse(&run, "");
    assert_good(&run);
    unload(&run);
    parse(&run, "\n\n# nothing\n;\n   \n");
    assert_good(&run);
    unload(&run);
}

static void lines_that_are_none_are_explained(void **state) {
    (void)state;
    assert_mistakes("[node\n", "c.conf:1: a section is written [name] or [name \"argument\"]\n");
    assert_mistakes("[group \"a]\n", "c.conf:1: the section's closing quote is missing\n");
    assert_mistakes("[node] x\n", "c.conf:1: there is something behind the section's ']'\n");
    assert_mistakes("[node]\nmemory 64m\n", "c.conf:2: expected `name = value` or a section in brackets\n");
    assert_mistakes("[node]\n= 64m\n", "c.conf:2: the name before '=' is missing\n");
    assert_mistakes("[node]\nport-file = \"a\n", "c.conf:2: the value's closing quote is missing\n");
    assert_mistakes("[node]\nport-file = \"a\" b\n", "c.conf:2: there is something behind the value's closing quote\n");
    assert_mistakes("memory = 1g\nthreads = 1\n",
                    "c.conf:1: an option before the first section; put [node] above it\n");
}

static void unknown_names_are_guessed(void **state) {
    (void)state;
    assert_mistakes("[nod]\nmemory = 1g\n", "c.conf:1: unknown section \"nod\"; did you mean \"node\"?\n");
    assert_mistakes("[cluster]\n", "c.conf:1: unknown section \"cluster\"\n");
    assert_mistakes("[node]\n\nmaxitem = 1m\n",
                    "c.conf:3: unknown option of [node] \"maxitem\"; did you mean \"max-item\"?\n");
    assert_mistakes("[group \"a\"]\ntll = 1\n", "c.conf:2: unknown option of [group] \"tll\"; did you mean \"ttl\"?\n");
    assert_mistakes("[node]\nconfig = x\ncheck-config = 1\n",
                    "c.conf:2: config cannot be set in a file, only as --config\n"
                    "c.conf:3: check-config cannot be set in a file, only as --check-config\n");
    assert_mistakes("[node]\nstore-qouta = 1g\n",
                    "c.conf:2: unknown option of [node] \"store-qouta\"; did you mean \"store-quota\"?\n");
    assert_mistakes("[group \"a\"]\nprefx = a\nfreshnes = cached\nstale-limt = 1s\n",
                    "c.conf:2: unknown option of [group] \"prefx\"; did you mean \"prefix\"?\n"
                    "c.conf:3: unknown option of [group] \"freshnes\"; did you mean \"freshness\"?\n"
                    "c.conf:4: unknown option of [group] \"stale-limt\"; did you mean \"stale-limit\"?\n");
}

static void an_underscore_counts_as_a_hyphen(void **state) {
    struct run run;

    (void)state;
    parse(&run, "[node]\nmax_item = 2m\nstore_quota = 1g\n"
                "[group \"a\"]\nbacking = store\nstale_limit = 2s\nmax_ttl = 9\n");
    assert_good(&run);
    assert_int_equal(run.options.max_item, 2 << 20);
    assert_int_equal(run.options.store_quota, 1 << 30);
    assert_int_equal(run.options.groups[1].stale_limit_ns, 2000000000);
    assert_int_equal(run.options.groups[1].max_ttl, 9);
    unload(&run);
    assert_mistakes("[node]\nmax-item = 1m\nmax_item = 1m\n", "c.conf:3: max-item is set twice, first in line 2\n");
}

static void nothing_is_said_twice(void **state) {
    (void)state;
    assert_mistakes("[node]\nmemory = 1g\nmemory = 2g\n", "c.conf:3: memory is set twice, first in line 2\n");
    assert_mistakes("[node]\n[node]\n", "c.conf:2: [node] is there twice, first in line 1\n");
    assert_mistakes("[group \"a\"]\nttl = 1\nttl = 2\n", "c.conf:3: ttl is set twice, first in line 2\n");
    assert_mistakes("[group \"a\"]\nttl = 1\n[group \"b\"]\nttl = 1\n[group \"a\"]\nnonsense = 1\n",
                    "c.conf:5: the group \"a\" is there twice, first in line 1\n");
    assert_mistakes("[group \"default\"]\n[group \"default\"]\n",
                    "c.conf:2: the group \"default\" is there twice, first in line 1\n");
}

static void bad_values_are_explained(void **state) {
    (void)state;
    assert_mistakes("[node]\nmemory = lots\nthreads = -1\n",
                    "c.conf:2: memory = \"lots\" is not a size: bytes, or a number with k, m or g, like 256m\n"
                    "c.conf:3: threads = \"-1\" is not a number, like 4\n");
    assert_mistakes("[node]\nlisten = 127.0.0.1:1,,127.0.0.1:2\nport-file =\n",
                    "c.conf:2: listen = \"\" is not an address like 127.0.0.1:11211: the address is empty\n"
                    "c.conf:3: port-file is empty\n");
    assert_mistakes("[group \"a\"]\nttl = 1500ms\n", "c.conf:2: ttl must be whole seconds\n");
    assert_mistakes("[group \"a\"]\nttl = 100000h\n", "c.conf:2: ttl = 100000h is too large: it may be 0 to 87600h\n");
    assert_mistakes("[node]\nstore-sync = yess\nstore-history = all\n",
                    "c.conf:2: store-sync = \"yess\" is none of no, yes; did you mean \"yes\"?\n"
                    "c.conf:3: store-history = \"all\" is not a number, like 4\n");
}

static void group_names_are_checked(void **state) {
    static const char *const reserved[] = {"metrics", "health", "healthz", "readyz",  "version", "ui",
                                           "admin",   "v3",     "v3beta",  "v3alpha", "larder",  "_groupcache"};

    (void)state;
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        char section[64];
        char mistake[128];

        snprintf(section, sizeof(section), "[group \"%s\"]\n", reserved[i]);
        snprintf(mistake, sizeof(mistake), "c.conf:1: the group name \"%s\" is reserved for Larder's own routes\n",
                 reserved[i]);
        assert_mistakes(section, mistake);
    }
    assert_mistakes("[group]\nttl = 1\n", "c.conf:1: a group needs a name in quotes: [group \"users\"]\n");
    assert_mistakes("[group \"\"]\n", "c.conf:1: the group name \"\" is empty\n");
    assert_mistakes("[group \"a/b\"]\n",
                    "c.conf:1: the group name \"a/b\" contains '/', which ends a group's name in a key\n");
    assert_mistakes("[node \"x\"]\n", "c.conf:1: [node] takes no name\n");
}

static void options_must_fit_together(void **state) {
    (void)state;
    assert_mistakes("[node]\nmemory = 8m\nmax-item = 2m\n",
                    "config:3: max-item = 2m is too large: with memory = 8m it may be 1m, an eighth\n");
    assert_mistakes("[node]\nmax-item = 1m\n[group \"a\"]\nmax-item = 2m\n",
                    "config:3: group \"a\": max-item = 2m is more than the node's, 1m\n");
    assert_mistakes("[group \"a\"]\nttl = 2m\nmax-ttl = 1m\n",
                    "config:1: group \"a\": ttl = 120s is longer than max-ttl = 60s\n");
}

static void too_many_groups_are_refused(void **state) {
    struct run run;
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    (void)state;
    for (int i = 0; i < GROUP_MAX; i++) {
        fprintf(stream, "[group \"g%d\"]\n", i);
    }
    fclose(stream);
    parse(&run, text);
    assert_int_equal(run.diagnostics.mistakes, 1);
    assert_string_equal(run.diagnostics.items[0].text, "c.conf:257: there are more than 256 groups");
    unload(&run);
    free(text);
}

static void any_bytes_are_survived(void **state) {
    static const char nul[] = "[node]\nmemory = 1\0g\n";
    struct run run;

    (void)state;
    parse_bytes(&run, nul, sizeof(nul) - 1);
    assert_int_equal(run.diagnostics.mistakes, 1);
    assert_string_equal(run.diagnostics.items[0].text, "c.conf:2: the line holds a NUL byte");
    unload(&run);
    parse_bytes(&run, NULL, 0);
    assert_good(&run);
    unload(&run);
    assert_mistakes("[node]\n\x1b[31m = 1\n", "c.conf:2: unknown option of [node] \"\\x1b[31m\"\n");
}

/* The example names every option with its default: uncommented, it changes nothing but what has no default. */
static void the_example_is_complete_and_right(void **state) {
    FILE *file = fopen(EXAMPLE_CONFIG, "r");
    struct options defaults;
    struct run run;
    char line[256];
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        bool disabled = line[0] == '#' && line[1] != ' ' && line[1] != '\n';
        bool needs_file = strncmp(line, "#origin-ca = ", 13) == 0;

        fputs(needs_file ? "origin-ca = /dev/null\n" : disabled ? line + 1 : line, stream);
    }
    fclose(file);
    fclose(stream);
    options_init(&run.options);
    diagnostics_init(&run.diagnostics);
    config_parse(text, size, "example", &run.options, &run.diagnostics);
    free(text);
    assert_good(&run);
    options_init(&defaults);
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        const struct option_info *info = &option_infos[i];

        if (i == OPTION_CONFIG || info->kind == OPTION_KIND_SWITCH) {
            continue;
        }
        if (run.options.sources[i] != OPTION_SOURCE_FILE) {
            fail_msg("%s is not in the example", info->name);
        }
        if (info->kind == OPTION_KIND_COUNT || info->kind == OPTION_KIND_SIZE || info->kind == OPTION_KIND_DURATION) {
            assert_memory_equal((char *)&run.options + info->offset, (char *)&defaults + info->offset,
                                sizeof(uint64_t));
        }
    }
    assert_int_equal(run.options.listens.count, defaults.listens.count);
    assert_true(run.options.store_sync);
    assert_int_equal(run.options.group_count, 4);
    assert_true(group_policy_is_store(&run.options.groups[2]));
    assert_true(group_policy_is_origin(&run.options.groups[3]));
    options_fini(&defaults);
    unload(&run);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_sets_options_and_groups),
        cmocka_unit_test(an_empty_file_is_fine),
        cmocka_unit_test(lines_that_are_none_are_explained),
        cmocka_unit_test(unknown_names_are_guessed),
        cmocka_unit_test(an_underscore_counts_as_a_hyphen),
        cmocka_unit_test(nothing_is_said_twice),
        cmocka_unit_test(bad_values_are_explained),
        cmocka_unit_test(group_names_are_checked),
        cmocka_unit_test(options_must_fit_together),
        cmocka_unit_test(too_many_groups_are_refused),
        cmocka_unit_test(any_bytes_are_survived),
        cmocka_unit_test(the_example_is_complete_and_right),
    };

    return cmocka_run_group_tests_name("daemon-config-file", tests, NULL, NULL);
}
