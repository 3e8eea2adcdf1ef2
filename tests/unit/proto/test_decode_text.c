/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/memcached/command.h"

#define FORMAT "CLIENT_ERROR bad command line format\r\n"
#define KEY_100 "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
#define KEY_250 KEY_100 KEY_100 "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
_Static_assert(sizeof(KEY_250) - 1 == 250, "a key of the greatest length");

/* Decodes a copy of the exact size, so that a sanitizer sees a byte read too far. The caller frees the copy. */
static char *decode(const char *line, struct mc_command *ret_command) {
    size_t size = strlen(line);
    char *copy = malloc(size + 1);

    memcpy(copy + 1, line, size);
    mc_decode(slice_make(copy + 1, size), ret_command);
    return copy;
}

static bool is_text(struct slice s, const char *text) {
    return slice_equal(s, slice_from_string(text));
}

static void reads_each_command(void **state) {
    static const struct {
        const char *line;
        enum command command;
        enum mc_form form;
        const char *key;
        bool noreply;
    } cases[] = {
        {"get k", COMMAND_GET, MC_FORM_GET, "k", false},
        {"get  k ", COMMAND_GET, MC_FORM_GET, "k", false},
        {"get " KEY_250, COMMAND_GET, MC_FORM_GET, KEY_250, false},
        {"gets k", COMMAND_GET, MC_FORM_GET, "k", false},
        {"gat 0 k", COMMAND_GAT, MC_FORM_GET, "k", false},
        {"gats 0 k", COMMAND_GAT, MC_FORM_GET, "k", false},
        {"set k 0 0 0", COMMAND_SET, MC_FORM_LINE, "k", false},
        {"set k 0 0 0 noreply", COMMAND_SET, MC_FORM_LINE, "k", true},
        {"set k 0 0 0 xnoreply", COMMAND_SET, MC_FORM_LINE, "k", false},
        {"add k 0 0 0", COMMAND_ADD, MC_FORM_LINE, "k", false},
        {"replace k 0 0 0 noreply ", COMMAND_REPLACE, MC_FORM_LINE, "k", true},
        {"append k 0 0 0", COMMAND_APPEND, MC_FORM_LINE, "k", false},
        {"prepend k 0 0 0", COMMAND_PREPEND, MC_FORM_LINE, "k", false},
        {"cas k 0 0 0 1", COMMAND_CAS, MC_FORM_LINE, "k", false},
        {"cas k 0 0 0 1 noreply", COMMAND_CAS, MC_FORM_LINE, "k", true},
        {"incr k 1", COMMAND_INCR, MC_FORM_LINE, "k", false},
        {"decr k 1 noreply", COMMAND_DECR, MC_FORM_LINE, "k", true},
        {"touch k 1", COMMAND_TOUCH, MC_FORM_LINE, "k", false},
        {"touch k 1 noreply", COMMAND_TOUCH, MC_FORM_LINE, "k", true},
        {"delete k", COMMAND_DELETE, MC_FORM_LINE, "k", false},
        {"delete k 0", COMMAND_DELETE, MC_FORM_LINE, "k", false},
        {"delete k noreply", COMMAND_DELETE, MC_FORM_LINE, "k", true},
        {"delete k 0 noreply", COMMAND_DELETE, MC_FORM_LINE, "k", true},
        {"flush_all", COMMAND_FLUSH, MC_FORM_LINE, "", false},
        {"flush_all noreply", COMMAND_FLUSH, MC_FORM_LINE, "", true},
        {"flush_all 5 noreply", COMMAND_FLUSH, MC_FORM_LINE, "", true},
        {"version", COMMAND_VERSION, MC_FORM_LINE, "", false},
        {"verbosity 1", COMMAND_VERBOSITY, MC_FORM_LINE, "", false},
        {"verbosity 1 noreply", COMMAND_VERBOSITY, MC_FORM_LINE, "", true},
        {"stats", COMMAND_STATS, MC_FORM_STATS, "", false},
        {"stats items", COMMAND_STATS, MC_FORM_STATS, "", false},
        {"quit", COMMAND_QUIT, MC_FORM_QUIT, "", false},
        {"mn", COMMAND_NOOP, MC_FORM_NOOP, "", false},
        {"me k", COMMAND_DEBUG, MC_FORM_DEBUG, "k", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mc_command c;
        char *copy = decode(cases[i].line, &c);

        if (c.request.command != cases[i].command || c.form != cases[i].form || c.noreply != cases[i].noreply ||
            !is_text(c.request.key, cases[i].key)) {
            fail_msg("'%s': command %d, form %d, noreply %d, key '%.*s'", cases[i].line, c.request.command, c.form,
                     c.noreply, (int)c.request.key.size, c.request.key.data);
        }
        free(copy);
    }
}

static void what_is_wrong_becomes_its_line(void **state) {
    static const struct {
        const char *line;
        const char *error;
        bool swallows; /* the value that was announced */
    } cases[] = {
        {"", "ERROR\r\n", false},
        {"   ", "ERROR\r\n", false},
        {"bogus", "ERROR\r\n", false},
        {"GET k", "ERROR\r\n", false},
        {"getx k", "ERROR\r\n", false},
        {"ge k", "ERROR\r\n", false},
        {"get", "ERROR\r\n", false},
        {"get ", "ERROR\r\n", false},
        {"gat", "ERROR\r\n", false},
        {"set", "ERROR\r\n", false},
        {"set k 0 0", "ERROR\r\n", false},
        {"set k 0 0 1 noreply x", "ERROR\r\n", false},
        {"cas k 0 0 1", "ERROR\r\n", false},
        {"incr k", "ERROR\r\n", false},
        {"touch k", "ERROR\r\n", false},
        {"delete", "ERROR\r\n", false},
        {"delete k 0 noreply x", "ERROR\r\n", false},
        {"flush_all 0 noreply x", "ERROR\r\n", false},
        {"verbosity", "ERROR\r\n", false},
        {"mg", "ERROR\r\n", false},
        {"get " KEY_250 "k", FORMAT, false},
        {"get a " KEY_250 "k b", FORMAT, false},
        {"gat 0 " KEY_250 "k", FORMAT, false},
        {"set " KEY_250 "k 0 0 1", FORMAT, true},
        {"incr " KEY_250 "k 1", FORMAT, false},
        {"touch " KEY_250 "k 1", FORMAT, false},
        {"delete " KEY_250 "k", FORMAT, false},
        {"set k x 0 1", FORMAT, true},
        {"set k -1 0 1", FORMAT, true},
        {"set k 4294967296 0 1", FORMAT, true},
        {"set k 0 x 1", FORMAT, true},
        {"set k 0 0 x", FORMAT, false},
        {"set k 0 0 -1", FORMAT, false},
        {"set k 0 0 4294967295", FORMAT, false},
        {"cas k 0 0 1 x", FORMAT, true},
        {"cas k 0 0 1 -1", FORMAT, true},
        {"incr k x", "CLIENT_ERROR invalid numeric delta argument\r\n", false},
        {"incr k -1", "CLIENT_ERROR invalid numeric delta argument\r\n", false},
        {"decr k 18446744073709551616", "CLIENT_ERROR invalid numeric delta argument\r\n", false},
        {"touch k x", "CLIENT_ERROR invalid exptime argument\r\n", false},
        {"gat x k", "CLIENT_ERROR invalid exptime argument\r\n", false},
        {"flush_all x", "CLIENT_ERROR invalid exptime argument\r\n", false},
        {"delete k 1", "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n", false},
        {"delete k 1 noreply", "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n", false},
        {"verbosity x", FORMAT, false},
        {"me", FORMAT, false},
        {"me " KEY_250 "k", FORMAT, false},
        {"me !!! b", FORMAT, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mc_command c;
        char *copy = decode(cases[i].line, &c);

        if (c.form != MC_FORM_ERROR || !is_text(c.error, cases[i].error) || c.bad_body != cases[i].swallows ||
            c.has_body != cases[i].swallows) {
            fail_msg("'%s': form %d, bad body %d, '%.*s'", cases[i].line, c.form, c.bad_body, (int)c.error.size,
                     c.error.data);
        }
        free(copy);
    }
}

static void reads_all_fields_of_a_store(void **state) {
    struct mc_command c;
    char *copy = decode("cas key 4294967295 100 1048576 18446744073709551615", &c);

    (void)state;
    assert_true(c.has_body);
    assert_int_equal(c.request.client_flags, UINT32_MAX);
    assert_int_equal(c.request.ttl, 100);
    assert_int_equal(c.request.body_size, 1048576);
    assert_true(c.request.compare == UINT64_MAX);
    assert_int_equal(c.request.options & REQUEST_COMPARE, REQUEST_COMPARE);
    free(copy);
    copy = decode("set key 1 -1 0", &c);
    assert_true(c.request.ttl < 0);
    assert_int_equal(c.request.options, REQUEST_EVICT_ON_REFUSAL);
    free(copy);
    copy = decode("add key 1 0 0", &c);
    assert_int_equal(c.request.options, 0);
    free(copy);
    copy = decode("incr key 18446744073709551615", &c);
    assert_true(c.request.delta == UINT64_MAX);
    free(copy);
    copy = decode("touch key 60", &c);
    assert_int_equal(c.request.ttl, 60);
    assert_int_equal(c.request.options, REQUEST_TOUCH);
    free(copy);
}

static void goes_through_all_keys(void **state) {
    struct mc_command c;
    char *copy = decode("gats 60 a  bb ccc ", &c);

    (void)state;
    assert_true(c.show_cas);
    assert_int_equal(c.request.ttl, 60);
    assert_true(is_text(c.request.key, "a"));
    assert_true(mc_next_key(&c));
    assert_true(is_text(c.request.key, "bb"));
    assert_true(mc_next_key(&c));
    assert_true(is_text(c.request.key, "ccc"));
    assert_false(mc_next_key(&c));
    free(copy);
    copy = decode("get one", &c);
    assert_false(c.show_cas);
    assert_false(mc_next_key(&c));
    free(copy);
}

/* Only the space ends a key: a NUL, a tab or a control byte belongs to it. */
static void keys_are_any_bytes_but_the_space(void **state) {
    static const char line[] = "get a\0b\t\x01\x7f\xff c";
    struct mc_command c;

    (void)state;
    mc_decode(slice_make(line, sizeof(line) - 1), &c);
    assert_int_equal(c.request.key.size, 7);
    assert_memory_equal(c.request.key.data, "a\0b\t\x01\x7f\xff", 7);
    assert_true(mc_next_key(&c));
    assert_true(is_text(c.request.key, "c"));
}

static void says_which_statistics(void **state) {
    struct mc_command c;
    char *copy = decode("stats  items x", &c);

    (void)state;
    assert_true(is_text(mc_first_argument(&c), "items"));
    free(copy);
    copy = decode("stats", &c);
    assert_int_equal(mc_first_argument(&c).size, 0);
    free(copy);
}

static void only_lines_of_keys_may_be_long(void **state) {
    (void)state;
    assert_true(mc_line_may_be_long(SLICE("get k")));
    assert_true(mc_line_may_be_long(SLICE("gets k k")));
    assert_false(mc_line_may_be_long(SLICE("get")));
    assert_false(mc_line_may_be_long(SLICE("getkkkkkkk")));
    assert_false(mc_line_may_be_long(SLICE("set k")));
    assert_false(mc_line_may_be_long(SLICE("mg k")));
    assert_false(mc_line_may_be_long(SLICE("")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_each_command),
        cmocka_unit_test(what_is_wrong_becomes_its_line),
        cmocka_unit_test(reads_all_fields_of_a_store),
        cmocka_unit_test(goes_through_all_keys),
        cmocka_unit_test(keys_are_any_bytes_but_the_space),
        cmocka_unit_test(says_which_statistics),
        cmocka_unit_test(only_lines_of_keys_may_be_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
