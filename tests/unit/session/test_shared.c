/* SPDX-License-Identifier: Apache-2.0 */
/* Memory groups over three nodes: what is asked of any of them is as if one had it all, also while owners change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "cluster_harness.h"

static int setup(void **state) {
    struct herd *herd = malloc(sizeof(*herd));

    herd_init(herd);
    for (size_t i = 0; i < HERD; i++) {
        herd_join(herd, i);
    }
    herd_change(herd);
    *state = herd;
    return 0;
}

/* The same for much at once, which takes its time under a sanitizer: nobody is given up. */
static int setup_patient(void **state) {
    struct herd *herd;

    (void)setup(state);
    herd = *state;
    for (size_t i = 0; i < HERD; i++) {
        herd->beasts[i].shared.timeout_ns = HERD_PATIENCE_MS * CLOCK_NS_PER_MS;
    }
    return 0;
}

#define COPY_LEASE_NS INT64_C(100000000)

/* The same with copies of all keys. */
static int setup_copies(void **state) {
    (void)setup(state);
    herd_copy(*state, COPY_LEASE_NS);
    return 0;
}

static int teardown(void **state) {
    herd_fini(*state);
    free(*state);
    return 0;
}

/* What is said is answered so, whenever that is. */
static void says(struct herd *herd, size_t i, struct client *c, const char *said, const char *expected) {
    herd_say(herd, i, c, said, strlen(said));
    assert_true(herd_run_until(herd, client_is_answered, c));
    buf_append(&c->heard, "", 1);
    assert_string_equal(c->heard.data, expected);
    c->heard.size = 0;
}

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
            says(herd, 0, &c, said, heard);
        }
        client_fini(&c);
    }
}

static void fill(struct herd *herd, size_t through, unsigned count, char mark) {
    struct client c;

    herd_client(herd, through, &c);
    for (unsigned i = 0; i < count; i++) {
        char said[64];

        snprintf(said, sizeof(said), "set k%u 0 0 %zu\r\nk%u%c\r\n", i, (size_t)snprintf(NULL, 0, "k%u", i) + 1, i,
                 mark);
        herd_say(herd, through, &c, said, strlen(said));
    }
    assert_true(herd_run_until(herd, client_is_answered, &c));
    for (size_t at = 0; at < c.heard.size; at += strlen("STORED\r\n")) {
        if (!slice_has_prefix(slice_skip(buf_slice(&c.heard), at), SLICE("STORED\r\n"))) {
            fail_msg("%.*s", (int)(c.heard.size - at > 120 ? 120 : c.heard.size - at), c.heard.data + at);
        }
    }
    assert_int_equal(c.heard.size, count * strlen("STORED\r\n"));
    client_fini(&c);
}

/* One get of all keys; how many of them there are, each with the value it shall have. */
static unsigned count_found(struct herd *herd, size_t through, unsigned count, char mark) {
    struct buf said;
    struct client c;
    unsigned found = 0;

    buf_init(&said, 1 << 20);
    buf_printf(&said, "get");
    for (unsigned i = 0; i < count; i++) {
        buf_printf(&said, " k%u", i);
    }
    buf_printf(&said, "\r\n");
    herd_client(herd, through, &c);
    herd_say(herd, through, &c, said.data, said.size);
    assert_true(herd_run_until(herd, client_is_answered, &c));
    buf_append(&c.heard, "", 1);
    assert_true(strstr(c.heard.data, "ERROR") == NULL);
    for (const char *line = c.heard.data; (line = strstr(line, "VALUE ")) != NULL; line++) {
        char key[16];
        char value[16];

        assert_int_equal(sscanf(line, "VALUE %15s 0 %*u\r\n%15s\r\n", key, value), 2);
        assert_int_equal(strncmp(value, key, strlen(key)), 0);
        assert_int_equal(value[strlen(key)], mark);
        found++;
    }
    assert_true(c.heard.size > strlen("END\r\n") &&
                strcmp(c.heard.data + c.heard.size - 1 - strlen("END\r\n"), "END\r\n") == 0);
    client_fini(&c);
    buf_fini(&said);
    return found;
}

static void many_keys_come_from_all_owners(void **state) {
    struct herd *herd = *state;

    fill(herd, 0, 300, 'x');
    for (size_t i = 0; i < HERD; i++) {
        assert_int_equal(count_found(herd, i, 300, 'x'), 300);
    }
    assert_int_equal(count_found(herd, 0, 3000, 'x'), 300);
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
        says(herd, 0, &c, said, "STORED\r\n");
        snprintf(said, sizeof(said), "set %s 3 0 %d\r\n", key, 5 << 20);
        herd_say(herd, 0, &c, said, strlen(said));
        assert_true(herd_run_until(herd, client_is_answered, &c));
        herd_say(herd, 0, &c, value, 5 << 20);
        snprintf(said, sizeof(said), "\r\nget %s\r\n", key);
        says(herd, 0, &c, said, "SERVER_ERROR object too large for cache\r\nEND\r\n");
    }
    client_fini(&c);
    free(value);
}

static void a_flush_is_of_all_nodes(void **state) {
    struct herd *herd = *state;
    struct client c;

    fill(herd, 0, 60, 'x');
    herd_client(herd, 1, &c);
    says(herd, 1, &c, "flush_all\r\n", "OK\r\n");
    client_fini(&c);
    for (size_t i = 0; i < HERD; i++) {
        assert_int_equal(count_found(herd, i, 60, 'x'), 0);
    }
    fill(herd, 2, 60, 'y');
    assert_int_equal(count_found(herd, 0, 60, 'y'), 60);
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

/* --- owners change --- */

static void what_is_asked_for_is_handed_over(void **state) {
    enum { KEYS = 400 };
    struct herd *herd = *state;
    struct client c;

    fill(herd, 0, KEYS, 'x');
    herd->beasts[2].leaving = true;
    herd_change(herd);
    assert_int_equal(count_found(herd, 1, KEYS, 'x'), KEYS);
    herd->beasts[2].incarnation = 0;
    herd_change(herd);
    assert_int_equal(count_found(herd, 0, KEYS, 'x'), KEYS);
    /* It comes again, has nothing of what it had, and asks. */
    herd_client(herd, 0, &c);
    says(herd, 0, &c, "delete k0\r\ndelete k1\r\n", "DELETED\r\nDELETED\r\n");
    herd_join(herd, 2);
    herd_change(herd);
    assert_int_equal(count_found(herd, 2, KEYS, 'x'), KEYS - 2);
    assert_int_equal(count_found(herd, 0, KEYS, 'x'), KEYS - 2);
    client_fini(&c);
}

/* Marks, lives and numbers come along. */
static void an_entry_is_handed_over_whole(void **state) {
    struct herd *herd = *state;
    struct client c;
    unsigned at = 0;
    char key[16];
    char said[128];

    herd_key(herd, 'c', &at, key);
    herd_client(herd, 0, &c);
    snprintf(said, sizeof(said), "ms %s 2 E123 F7 T500\r\nhi\r\nmd %s I E124\r\nmg %s\r\n", key, key, key);
    says(herd, 0, &c, said, "HD\r\nHD\r\nHD X W\r\n");
    herd->beasts[2].leaving = true;
    herd_change(herd);
    snprintf(said, sizeof(said), "mg %s c f t v h\r\n", key);
    herd_say(herd, 0, &c, said, strlen(said));
    assert_true(herd_run_until(herd, client_is_answered, &c));
    buf_append(&c.heard, "", 1);
    {
        unsigned ttl;

        assert_int_equal(sscanf(c.heard.data, "VA 2 c124 f7 t%u h1 Z X\r\nhi\r\n", &ttl), 1);
        assert_true(ttl > 480 && ttl <= 500);
        assert_true(strstr(c.heard.data, " h1 Z X\r\nhi\r\n") != NULL);
    }
    client_fini(&c);
}

/* The owner is gone and nobody knows it yet. */
static void a_dead_owner_is_a_miss_and_an_error(void **state) {
    struct herd *herd = *state;
    struct client c;
    unsigned at = 0;
    char key[16];
    char said[64];
    char expected[64];

    herd_key(herd, 'c', &at, key);
    fill(herd, 0, 50, 'x');
    listener_close(herd->beasts[2].listener);
    herd->beasts[2].listener = NULL;
    for (struct wire *w = herd->beasts[2].wires; w != NULL; w = w->next) {
        stream_close(&w->stream);
    }
    herd->beasts[2].deaf = true;
    herd_client(herd, 0, &c);
    snprintf(said, sizeof(said), "get %s\r\n", key);
    says(herd, 0, &c, said, "END\r\n");
    snprintf(said, sizeof(said), "set %s 0 0 1\r\nx\r\n", key);
    says(herd, 0, &c, said, "SERVER_ERROR the node that has this key cannot be reached, nothing was done\r\n");
    herd->beasts[2].incarnation = 0;
    herd_change(herd);
    says(herd, 0, &c, said, "STORED\r\n");
    snprintf(said, sizeof(said), "get %s\r\n", key);
    snprintf(expected, sizeof(expected), "VALUE %s 0 1\r\nx\r\nEND\r\n", key);
    says(herd, 0, &c, said, expected);
    client_fini(&c);
}

/* A node that has not heard of the others' new view asks by its old one, is told so, and asks the store. */
static void who_is_behind_catches_up(void **state) {
    struct herd *herd = *state;

    fill(herd, 0, 100, 'x');
    herd->beasts[0].deaf = true;
    herd->beasts[2].leaving = true;
    herd_change(herd);
    assert_int_equal(count_found(herd, 0, 100, 'x'), 100);
    assert_true(herd->beasts[0].worker.view->members->digest == herd->members->digest);
}

/* A read that is not answered, as the view is another one by now, does not see what came behind it. */
static void a_read_is_not_asked_anew_behind_a_change(void **state) {
    struct herd *herd = *state;
    struct client c;
    unsigned at = 0;
    char key[16];
    char said[64];

    herd_key(herd, 'c', &at, key);
    fill(herd, 0, 100, 'x');
    herd->beasts[0].deaf = true;
    herd->beasts[2].leaving = true;
    herd_change(herd);
    herd_client(herd, 0, &c);
    snprintf(said, sizeof(said), "get %s\r\nset %s 0 0 1\r\n2\r\n", key, key);
    says(herd, 0, &c, said, "END\r\nSTORED\r\n");
    client_fini(&c);
}

/* Requests wait for a view that is to come, and then are done in their order. */
static bool is_awaited(void *ctx) {
    struct beast *b = ctx;

    return b->worker.waiting != NULL;
}

static void who_is_asked_too_early_waits(void **state) {
    struct herd *herd = *state;
    struct client c;
    unsigned at = 0;
    char key[16];
    char said[256];

    herd_key(herd, 'c', &at, key);
    while (herd_owner(herd, 0, key) != 'c') {
        herd_key(herd, 'c', &at, key);
    }
    fill(herd, 0, 100, 'x');
    herd->beasts[1].deaf = true;
    herd->beasts[2].leaving = true;
    herd_change(herd);
    while (herd_owner(herd, 0, key) != 'b') {
        snprintf(key, sizeof(key), "k%u", at++);
    }
    herd_client(herd, 0, &c);
    snprintf(said, sizeof(said), "set %s 0 0 1\r\n1\r\nincr %s 1\r\nincr %s 1\r\nget %s\r\n", key, key, key, key);
    herd_say(herd, 0, &c, said, strlen(said));
    assert_true(herd_run_until(herd, is_awaited, &herd->beasts[1]));
    beast_hear(&herd->beasts[1]);
    herd->beasts[1].deaf = false;
    assert_true(herd_run_until(herd, client_is_answered, &c));
    snprintf(said, sizeof(said), "STORED\r\n2\r\n3\r\nVALUE %s 0 1\r\n3\r\nEND\r\n", key);
    buf_append(&c.heard, "", 1);
    assert_string_equal(c.heard.data, said);
    client_fini(&c);
}

static bool has_replies(void *ctx) {
    struct beast *b = ctx;

    return !pending_queue_is_empty(&b->h.worker.completions);
}

/* The entry that a request waits for has come, but the request has not had its turn yet: a later one could be done at once. */
static void who_waits_is_not_overtaken(void **state) {
    struct herd *herd = *state;
    struct beast *b = &herd->beasts[0];
    bool was_of_c[100];
    unsigned at;
    struct client c;
    char key[16];
    char said[64];
    char expected[64];

    fill(herd, 0, 100, 'x');
    for (at = 0; at < 100; at++) {
        snprintf(key, sizeof(key), "k%u", at);
        was_of_c[at] = herd_owner(herd, 0, key) == 'c';
    }
    herd->beasts[2].leaving = true;
    herd_change(herd);
    do {
        assert_true(at > 0);
        snprintf(key, sizeof(key), "k%u", --at);
    } while (!was_of_c[at] || herd_owner(herd, 0, key) != 'a');
    herd_client(herd, 0, &c);
    b->waking = true; /* nobody takes the replies in */
    snprintf(said, sizeof(said), "append %s 0 0 1\r\ny\r\n", key);
    herd_say(herd, 0, &c, said, strlen(said));
    assert_int_equal(b->worker.under_way, 1);
    assert_true(herd_run_until(herd, has_replies, b));
    snprintf(said, sizeof(said), "get %s\r\n", key);
    herd_say(herd, 0, &c, said, strlen(said));
    mailbox_post(b->mailbox, &b->completed);
    assert_true(herd_run_until(herd, client_is_answered, &c));
    snprintf(expected, sizeof(expected), "STORED\r\nVALUE %s 0 %zu\r\n%sxy\r\nEND\r\n", key, strlen(key) + 2, key);
    buf_append(&c.heard, "", 1);
    assert_string_equal(c.heard.data, expected);
    client_fini(&c);
}

static struct hot_node_counts counts_of(struct herd *herd, size_t i) {
    struct hot_node_counts counts;

    hot_node_count(herd->beasts[i].shared.hot, &counts);
    return counts;
}

static void a_copy_is_answered_with_until_the_key_changes(void **state) {
    struct herd *herd = *state;
    struct client a, c;
    unsigned at = 0;
    char key[16];
    char said[64];
    char expected[64];

    herd_client(herd, 0, &a);
    herd_client(herd, 2, &c);
    for (unsigned i = 0; i < 20; i++) {
        uint64_t served = counts_of(herd, 0).shelf.served;

        herd_key(herd, 'c', &at, key);
        snprintf(said, sizeof(said), "set %s 5 0 3\r\nold\r\n", key);
        says(herd, 2, &c, said, "STORED\r\n");
        snprintf(said, sizeof(said), "get %s\r\n", key);
        snprintf(expected, sizeof(expected), "VALUE %s 5 3\r\nold\r\nEND\r\n", key);
        says(herd, 0, &a, said, expected);
        says(herd, 0, &a, said, expected);
        if (counts_of(herd, 0).shelf.served == served) {
            continue; /* so slow a machine that the lease was over */
        }
        snprintf(said, sizeof(said), "set %s 5 0 3\r\nnew\r\n", key);
        says(herd, i % 2 == 0 ? 2 : 0, i % 2 == 0 ? &c : &a, said, "STORED\r\n");
        snprintf(said, sizeof(said), "get %s\r\n", key);
        snprintf(expected, sizeof(expected), "VALUE %s 5 3\r\nnew\r\nEND\r\n", key);
        says(herd, 0, &a, said, expected);
    }
    assert_true(counts_of(herd, 0).shelf.served > 0);
    assert_true(counts_of(herd, 2).ledger.granted > 0);
    assert_true(counts_of(herd, 2).ledger.revoked > 0);
    client_fini(&a);
    client_fini(&c);
}

/* It takes no answers in: the lease is waited out, and what it was asked for meanwhile it does not answer with what it had. */
static void a_holder_that_hangs_is_waited_for(void **state) {
    struct herd *herd = *state;
    struct client a, c;
    unsigned at = 0;
    char key[16];
    char said[64];
    char expected[64];

    herd_client(herd, 0, &a);
    herd_client(herd, 2, &c);
    herd_key(herd, 'c', &at, key);
    snprintf(said, sizeof(said), "set %s 0 0 3\r\nold\r\n", key);
    says(herd, 2, &c, said, "STORED\r\n");
    snprintf(said, sizeof(said), "get %s\r\n", key);
    snprintf(expected, sizeof(expected), "VALUE %s 0 3\r\nold\r\nEND\r\n", key);
    says(herd, 0, &a, said, expected);
    beast_hang(&herd->beasts[0]);
    snprintf(said, sizeof(said), "append %s 0 0 1\r\n+\r\n", key);
    says(herd, 2, &c, said, "STORED\r\n");
    assert_int_equal(counts_of(herd, 2).ledger.expired, 1);
    snprintf(said, sizeof(said), "get %s\r\n", key);
    snprintf(expected, sizeof(expected), "VALUE %s 0 4\r\nold+\r\nEND\r\n", key);
    says(herd, 0, &a, said, expected);
    client_fini(&a);
    client_fini(&c);
}

/* What a key may have: the last value whose write was acknowledged, or one of those after it of which nobody knows. */
struct truth {
    unsigned known;
    unsigned newest;
    bool was_lost; /* it may be gone as well */
};

enum { TRUTHS = 40, DEEDS = 200 };

static void change_something(struct herd *herd, struct random *r) {
    struct beast *b = &herd->beasts[random_below(r, HERD)];

    switch (random_below(r, 4)) {
    case 0:
        b->leaving = b->incarnation != 0 && random_below(r, 2) == 0;
        break;
    case 1:
        b->deaf = !b->deaf;
        if (!b->deaf) {
            beast_hear(b);
        }
        return;
    default:
        if (b->incarnation == 0) {
            herd_join(herd, (size_t)(b - herd->beasts));
        } else if (b->leaving) {
            b->incarnation = 0;
        }
        break;
    }
    herd_change(herd);
}

static void write_once(struct herd *herd, struct random *r, unsigned key, struct truth *truth) {
    size_t through = random_below(r, HERD);
    struct client c;
    char said[64];
    char value[16];

    truth->newest++;
    snprintf(value, sizeof(value), "%u", truth->newest);
    snprintf(said, sizeof(said), "set k%u 0 0 %zu\r\n%s\r\n", key, strlen(value), value);
    herd_client(herd, through, &c);
    herd_say(herd, through, &c, said, strlen(said));
    assert_true(herd_run_until(herd, client_is_answered, &c));
    buf_append(&c.heard, "", 1);
    if (strcmp(c.heard.data, "STORED\r\n") == 0) {
        truth->known = truth->newest;
    } else {
        assert_true(slice_has_prefix(buf_slice(&c.heard), SLICE("SERVER_ERROR ")));
        if (strstr(c.heard.data, "nothing was done") != NULL) {
            truth->newest--;
        }
    }
    client_fini(&c);
}

static bool read_once(struct herd *herd, struct random *r, unsigned key, struct truth *truth) {
    size_t through = random_below(r, HERD);
    struct client c;
    char said[64];
    unsigned value;
    bool found;

    snprintf(said, sizeof(said), "get k%u\r\n", key);
    herd_client(herd, through, &c);
    herd_say(herd, through, &c, said, strlen(said));
    assert_true(herd_run_until(herd, client_is_answered, &c));
    buf_append(&c.heard, "", 1);
    found = sscanf(c.heard.data, "VALUE k%*u 0 %*u\r\n%u", &value) == 1;
    if (found && (value < truth->known || value > truth->newest)) {
        fail_msg("k%u is %u, and was %u to %u", key, value, truth->known, truth->newest);
    }
    client_fini(&c);
    return found;
}

static void nobody_is_told_what_is_old(void **state) {
    struct herd *herd = *state;
    const char *seeds = getenv("SHARED_SEEDS");
    struct truth truths[TRUTHS];
    unsigned found = 0;

    for (unsigned seed = 1; seed <= (seeds != NULL ? (unsigned)atoi(seeds) : 1); seed++) {
        struct random r;

        random_init(&r, seed);
        memset(truths, 0, sizeof(truths));
        {
            struct client c;

            herd_client(herd, 0, &c);
            says(herd, 0, &c, "flush_all\r\n", "OK\r\n");
            client_fini(&c);
        }
        for (int i = 0; i < DEEDS; i++) {
            unsigned key = (unsigned)random_below(&r, TRUTHS);

            if (random_below(&r, 12) == 0) {
                change_something(herd, &r);
            }
            if (random_below(&r, 2) == 0) {
                write_once(herd, &r, key, &truths[key]);
            } else {
                found += read_once(herd, &r, key, &truths[key]);
            }
        }
        for (size_t i = 0; i < HERD; i++) {
            herd->beasts[i].deaf = false;
        }
        herd_change(herd);
    }
    assert_true(found > 20);
}

static void nor_with_copies(void **state) {
    struct herd *herd = *state;
    uint64_t served = 0;

    nobody_is_told_what_is_old(state);
    for (size_t i = 0; i < HERD; i++) {
        served += counts_of(herd, i).shelf.put;
    }
    assert_true(served > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_command_is_answered_as_the_owner_does, setup_patient, teardown),
        cmocka_unit_test_setup_teardown(many_keys_come_from_all_owners, setup_patient, teardown),
        cmocka_unit_test_setup_teardown(large_values_pass, setup_patient, teardown),
        cmocka_unit_test_setup_teardown(a_refused_set_removes_the_old_value_at_its_owner, setup, teardown),
        cmocka_unit_test_setup_teardown(a_flush_is_of_all_nodes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_purge_is_of_one_group_at_all_nodes, setup, teardown),
        cmocka_unit_test_setup_teardown(one_key_keeps_its_order, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_asked_for_is_handed_over, setup, teardown),
        cmocka_unit_test_setup_teardown(an_entry_is_handed_over_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dead_owner_is_a_miss_and_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(who_is_behind_catches_up, setup, teardown),
        cmocka_unit_test_setup_teardown(a_read_is_not_asked_anew_behind_a_change, setup, teardown),
        cmocka_unit_test_setup_teardown(who_is_asked_too_early_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(who_waits_is_not_overtaken, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_is_told_what_is_old, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copy_is_answered_with_until_the_key_changes, setup_copies, teardown),
        cmocka_unit_test_setup_teardown(a_holder_that_hangs_is_waited_for, setup_copies, teardown),
        cmocka_unit_test_setup_teardown(nor_with_copies, setup_copies, teardown),
    };

    if (getenv("SHARED_TEST") != NULL) {
        cmocka_set_test_filter(getenv("SHARED_TEST"));
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
