/* SPDX-License-Identifier: Apache-2.0 */
/* Memory groups over three nodes: what is asked of any of them is as if one had it all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared_herd.h"

struct wish {
    const char *said; /* %s: the key */
    const char *heard;
};

/* The same words to a node that has the key and to one that has not. */
static void every_command_is_answered_as_the_owner_does(void **state) {
    static const struct wish wishes[] = {
        {"get %s\r\n", "END\r\n"},
        {"set %s 5 0 3\r\nabc\r\n", "STORED\r\n"},
        {"get %s\r\n", "VALUE %s 5 3\r\nabc\r\nEND\r\n"},
        {"gat 100 %s\r\n", "VALUE %s 5 3\r\nabc\r\nEND\r\n"},
        {"mg %s t f s v q\r\n", "VA 3 t100 f5 s3\r\nabc\r\n"},
        {"add %s 0 0 1\r\nx\r\n", "NOT_STORED\r\n"},
        {"append %s 0 0 2\r\nde\r\n", "STORED\r\n"},
        {"prepend %s 0 0 1\r\n_\r\n", "STORED\r\n"},
        {"replace %s 1 0 2\r\n41\r\n", "STORED\r\n"},
        {"incr %s 1\r\n", "42\r\n"},
        {"decr %s 2\r\n", "40\r\n"},
        {"ma %s D3 v\r\n", "VA 2\r\n43\r\n"},
        {"cas %s 0 0 1 1\r\ny\r\n", "EXISTS\r\n"},
        {"ms %s 2 E77 c F9\r\nhi\r\n", "HD c77\r\n"},
        {"mg %s c v k Oq\r\n", "VA 2 c77 k%s Oq\r\nhi\r\n"},
        {"mg %s C77 v\r\n", "HD\r\n"},
        {"cas %s 0 0 1 77\r\ny\r\n", "STORED\r\n"},
        {"touch %s 50\r\n", "TOUCHED\r\n"},
        {"mg %s t\r\n", "HD t50\r\n"},
        {"md %s I T30\r\n", "HD\r\n"},
        {"mg %s v t\r\n", "VA 1 t30 X W\r\ny\r\n"},
        {"mg %s v\r\n", "VA 1 Z X\r\ny\r\n"},
        {"md %s x\r\n", "HD\r\n"},
        {"mg %s s v\r\n", "VA 0 s0\r\n\r\n"},
        {"delete %s\r\n", "DELETED\r\n"},
        {"delete %s\r\n", "NOT_FOUND\r\n"},
        {"touch %s 1\r\n", "NOT_FOUND\r\n"},
        {"incr %s 1\r\n", "NOT_FOUND\r\n"},
        {"ma %s N0 J5 v\r\n", "VA 1\r\n5\r\n"},
        {"me none\r\n", "EN\r\n"},
        {"mg %s v\r\nmn\r\n", "VA 1\r\n5\r\nMN\r\n"},
        {"set %s 0 -1 1\r\nz\r\n", "STORED\r\n"},
        {"mg %s\r\n", "EN\r\n"},
        {"mg %s N30 t v\r\n", "VA 0 t30 W\r\n\r\n"},
    };
    struct herd *herd = *state;
    unsigned at = 0;
    char key[16];

    for (char owner = 'a'; owner < 'a' + HERD; owner++) {
        struct client c;

        herd_key(herd, owner, &at, key);
        herd_client(herd, 0, &c);
        for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
            char said[128];
            char heard[128];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(said, sizeof(said), wishes[i].said, key);
            snprintf(heard, sizeof(heard), wishes[i].heard, key);
#pragma GCC diagnostic pop
            herd_says(herd, 0, &c, said, heard);
        }
        client_fini(&c);
    }
}

static void many_keys_come_from_all_owners(void **state) {
    struct herd *herd = *state;

    herd_fill(herd, 0, 300, 'x');
    for (size_t i = 0; i < HERD; i++) {
        assert_int_equal(herd_count_found(herd, i, 300, 'x'), 300);
    }
    assert_int_equal(herd_count_found(herd, 0, 3000, 'x'), 300);
}

static void large_values_pass(void **state) {
    enum { SIZE = 1 << 20 };
    struct herd *herd = *state;
    char *value = malloc(SIZE + 2);
    struct client c;
    unsigned at = 0;
    char key[16];
    char said[64];

    for (size_t i = 0; i < SIZE; i++) {
        value[i] = (char)('a' + i % 23);
    }
    memcpy(value + SIZE, "\r\n", 2);
    herd_client(herd, 0, &c);
    for (char owner = 'a'; owner < 'a' + HERD; owner++) {
        herd_key(herd, owner, &at, key);
        snprintf(said, sizeof(said), "set %s 3 0 %d\r\n", key, SIZE);
        herd_say(herd, 0, &c, said, strlen(said));
        herd_say(herd, 0, &c, value, SIZE + 2);
        assert_true(herd_run_until(herd, client_is_answered, &c));
        assert_int_equal(c.heard.size, strlen("STORED\r\n"));
        c.heard.size = 0;
        snprintf(said, sizeof(said), "get %s\r\n", key);
        herd_say(herd, 0, &c, said, strlen(said));
        assert_true(herd_run_until(herd, client_is_answered, &c));
        assert_true(c.heard.size > SIZE);
        assert_memory_equal(c.heard.data + c.heard.size - strlen("END\r\n") - SIZE - 2, value, SIZE + 2);
        c.heard.size = 0;
    }
    client_fini(&c);
    free(value);
}

/* A set that is refused takes the old value with it, wherever that is. */
static void a_refused_set_removes_the_old_value_at_its_owner(void **state) {
    struct herd *herd = *state;
    char *value = calloc(1, 5 << 20);
    struct client c;
    unsigned at = 0;
    char key[16];
    char said[64];

    herd_client(herd, 0, &c);
    for (char owner = 'a'; owner < 'a' + HERD; owner++) {
        herd_key(herd, owner, &at, key);
        snprintf(said, sizeof(said), "set %s 3 0 1\r\nx\r\n", key);
        herd_says(herd, 0, &c, said, "STORED\r\n");
        snprintf(said, sizeof(said), "set %s 3 0 %d\r\n", key, 5 << 20);
        herd_say(herd, 0, &c, said, strlen(said));
        assert_true(herd_run_until(herd, client_is_answered, &c));
        herd_say(herd, 0, &c, value, 5 << 20);
        snprintf(said, sizeof(said), "\r\nget %s\r\n", key);
        herd_says(herd, 0, &c, said, "SERVER_ERROR object too large for cache\r\nEND\r\n");
    }
    client_fini(&c);
    free(value);
}

static void a_flush_is_of_all_nodes(void **state) {
    struct herd *herd = *state;
    struct client c;

    herd_fill(herd, 0, 60, 'x');
    herd_client(herd, 1, &c);
    herd_says(herd, 1, &c, "flush_all\r\n", "OK\r\n");
    client_fini(&c);
    for (size_t i = 0; i < HERD; i++) {
        assert_int_equal(herd_count_found(herd, i, 60, 'x'), 0);
    }
    herd_fill(herd, 2, 60, 'y');
    assert_int_equal(herd_count_found(herd, 0, 60, 'y'), 60);
}

/* All nodes know these groups besides the default one. */
static void declare(struct herd *herd, const char *const *names, size_t count) {
    struct group_policy policies[4];

    for (size_t i = 0; i < count; i++) {
        policies[i] = group_policy_make(slice_from_string(names[i]), 4 << 20);
    }
    for (size_t i = 0; i < HERD; i++) {
        struct harness *h = &herd->beasts[i].h;
        struct group_set *set;

        assert_int_equal(group_set_build(policies, count, 4 << 20, h->groups, &set), LARDER_OK);
        group_set_free(h->groups);
        h->groups = set;
        h->worker.context.groups = set;
    }
}

enum { GROUP_KEYS = 30 };

/* Says `verb`, a key of the group and `rest` to node `i`, for each of its keys. Returns how often that was answered by HD. */
static int say_of_group(struct herd *herd, size_t i, const char *verb, const char *group, const char *rest) {
    struct client c;
    char said[64];
    int found = 0;

    for (int k = 0; k < GROUP_KEYS; k++) {
        herd_client(herd, i, &c);
        snprintf(said, sizeof(said), "%s %s/%d%s\r\n", verb, group, k, rest);
        herd_say(herd, i, &c, said, strlen(said));
        assert_true(herd_run_until(herd, client_is_answered, &c));
        assert_int_equal(c.heard.size, 4);
        found += memcmp(c.heard.data, "HD", 2) == 0;
        client_fini(&c);
    }
    return found;
}

static void order_purge(struct herd *herd, size_t i, const char *group, const char *expected) {
    struct client c;
    char said[128];

    herd_client(herd, i, &c);
    snprintf(said, sizeof(said), "POST /admin/flush?group=%s HTTP/1.1\r\nHost: localhost\r\n\r\n", group);
    herd_say(herd, i, &c, said, strlen(said));
    assert_true(herd_run_until(herd, client_is_answered, &c));
    assert_true(c.heard.size > strlen(expected));
    assert_memory_equal(c.heard.data, expected, strlen(expected));
    client_fini(&c);
}

static int put_group(struct herd *herd, size_t i, const char *group) {
    return say_of_group(herd, i, "ms", group, " 1\r\nx");
}

static int count_group(struct herd *herd, size_t i, const char *group) {
    return say_of_group(herd, i, "mg", group, "");
}

static void a_purge_is_of_one_group_at_all_nodes(void **state) {
    static const char *const names[] = {"users", "pages"};
    static const char *const more[] = {"users", "pages", "later"};
    struct herd *herd = *state;

    declare(herd, names, 2);
    assert_int_equal(put_group(herd, 0, "users"), GROUP_KEYS);
    assert_int_equal(put_group(herd, 1, "pages"), GROUP_KEYS);
    assert_int_equal(put_group(herd, 2, "later"), GROUP_KEYS);
    order_purge(herd, 0, "later", "HTTP/1.1 404 ");
    order_purge(herd, 1, "users", "HTTP/1.1 204 ");
    for (size_t i = 0; i < HERD; i++) {
        assert_int_equal(count_group(herd, i, "users"), 0);
        assert_int_equal(count_group(herd, i, "pages"), GROUP_KEYS);
        assert_int_equal(count_group(herd, i, "later"), GROUP_KEYS);
    }
    assert_int_equal(put_group(herd, 2, "users"), GROUP_KEYS);
    assert_int_equal(count_group(herd, 0, "users"), GROUP_KEYS);
    /* What was written when it was the default group's. */
    declare(herd, more, 3);
    order_purge(herd, 2, "later", "HTTP/1.1 204 ");
    assert_int_equal(count_group(herd, 1, "later"), 0);
    assert_int_equal(count_group(herd, 1, "pages"), GROUP_KEYS);
}

/* Requests for one key are done in their order, whoever has it. */
static void one_key_keeps_its_order(void **state) {
    struct herd *herd = *state;
    struct buf said;
    struct buf expected;
    struct client c;

    buf_init(&said, 1 << 20);
    buf_init(&expected, 1 << 20);
    for (int i = 0; i < 100; i++) {
        for (int k = 0; k < 4; k++) {
            buf_printf(&said, "ms q%d 2 c\r\n%02d\r\nincr q%d 1\r\nmg q%d v\r\n", k, i % 50, k, k);
        }
    }
    herd_client(herd, 0, &c);
    herd_say(herd, 0, &c, said.data, said.size);
    assert_true(herd_run_until(herd, client_is_answered, &c));
    buf_append(&c.heard, "", 1);
    {
        const char *at = c.heard.data;

        for (int i = 0; i < 100; i++) {
            for (int k = 0; k < 4; k++) {
                char line[64];
                unsigned long long cas;

                assert_int_equal(sscanf(at, "HD c%llu\r\n", &cas), 1);
                at = strchr(at, '\n') + 1;
                snprintf(line, sizeof(line), "%d%s\r\nVA 2\r\n%d%s\r\n", i % 50 + 1, "", i % 50 + 1,
                         i % 50 + 1 < 10 ? " " : "");
                assert_int_equal(strncmp(at, line, strlen(line)), 0);
                at += strlen(line);
            }
        }
        assert_string_equal(at, "");
    }
    client_fini(&c);
    buf_fini(&said);
    buf_fini(&expected);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_command_is_answered_as_the_owner_does, herd_setup_patient, herd_teardown),
        cmocka_unit_test_setup_teardown(many_keys_come_from_all_owners, herd_setup_patient, herd_teardown),
        cmocka_unit_test_setup_teardown(large_values_pass, herd_setup_patient, herd_teardown),
        cmocka_unit_test_setup_teardown(a_refused_set_removes_the_old_value_at_its_owner, herd_setup, herd_teardown),
        cmocka_unit_test_setup_teardown(a_flush_is_of_all_nodes, herd_setup, herd_teardown),
        cmocka_unit_test_setup_teardown(a_purge_is_of_one_group_at_all_nodes, herd_setup, herd_teardown),
        cmocka_unit_test_setup_teardown(one_key_keeps_its_order, herd_setup, herd_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
