/* SPDX-License-Identifier: Apache-2.0 */
/* The purge of one memory group of a node that is alone, as HTTP orders it: what goes, what stays, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "harness.h"

enum { MAX_ITEM = 64 << 10, KEYS = 400, ROUNDS_MAX = 100000 };

static const struct harness_config node = {
    .memory = 8 << 20, .max_item = MAX_ITEM, .max_line = 64 << 10, .max_output = 256 << 10};

static struct harness harness;

/* The memory groups of these names are declared, and the durable group "config", as by a reload. */
static void declare(struct harness *h, const char *const *names, size_t count) {
    struct group_policy policies[4];
    struct group_set *set;

    policies[0] = group_policy_make(SLICE("config"), MAX_ITEM);
    policies[0].backing = GROUP_BACKING_STORE;
    for (size_t i = 0; i < count; i++) {
        policies[i + 1] = group_policy_make(slice_from_string(names[i]), MAX_ITEM);
    }
    assert_int_equal(group_set_build(policies, count + 1, MAX_ITEM, h->groups->count > 1 ? h->groups : NULL, &set),
                     LARDER_OK);
    group_set_free(h->groups);
    h->groups = set;
    h->worker.context.groups = set;
}

static const char *const both[] = {"users", "pages"};

static int setup(void **state) {
    harness_init(&harness, &node);
    declare(&harness, both, 2);
    *state = &harness;
    return 0;
}

static int teardown(void **state) {
    harness_fini(*state);
    return 0;
}

/* Lets what is pending go on until the client has all its answers. */
static void settle(struct harness *h, struct client *c) {
    for (int i = 0; i < ROUNDS_MAX && session_is_waiting(&c->session); i++) {
        session_worker_complete(&h->worker);
        client_pump(c);
    }
    assert_false(session_is_waiting(&c->session));
}

static void fill(struct harness *h, const char *prefix) {
    struct client c;
    char said[64];

    client_init(&c, h);
    for (int i = 0; i < KEYS; i++) {
        snprintf(said, sizeof(said), "set %s%d 0 0 1 noreply\r\nx\r\n", prefix, i);
        client_say_text(&c, said);
    }
    assert_int_equal(c.heard.size, 0);
    client_fini(&c);
}

static int count_found(struct harness *h, const char *prefix) {
    struct client c;
    char said[64];
    int found = 0;

    for (int i = 0; i < KEYS; i++) {
        client_init(&c, h);
        snprintf(said, sizeof(said), "mg %s%d\r\n", prefix, i);
        client_say_text(&c, said);
        assert_int_equal(c.heard.size, 4);
        found += memcmp(c.heard.data, "HD", 2) == 0;
        client_fini(&c);
    }
    return found;
}

static void order(struct client *c, const char *target) {
    char said[256];

    snprintf(said, sizeof(said), "POST %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target);
    client_say_text(c, said);
}

/* The status of the one answer that was heard. */
static int status_of(struct client *c) {
    int status;

    assert_int_equal(buf_append(&c->heard, "", 1), LARDER_OK);
    assert_int_equal(sscanf(c->heard.data, "HTTP/1.1 %d", &status), 1);
    return status;
}

static int purge(struct harness *h, const char *target) {
    struct client c;
    int status;

    client_init(&c, h);
    order(&c, target);
    settle(h, &c);
    status = status_of(&c);
    client_fini(&c);
    return status;
}

static void one_group_goes_and_the_others_stay(void **state) {
    struct harness *h = *state;

    fill(h, "users/");
    fill(h, "pages/");
    fill(h, "users"); /* without a slash: of the default group */
    assert_int_equal(purge(h, "/admin/flush?group=users"), 204);
    assert_int_equal(count_found(h, "users/"), 0);
    assert_int_equal(count_found(h, "pages/"), KEYS);
    assert_int_equal(count_found(h, "users"), KEYS);
    assert_int_equal(purge(h, "/admin/flush?group=%64efault"), 204);
    assert_int_equal(count_found(h, "users"), 0);
    assert_int_equal(count_found(h, "pages/"), KEYS);
    fill(h, "users/");
    assert_int_equal(count_found(h, "users/"), KEYS);
    assert_int_equal(purge(h, "/admin/flush"), 204);
    assert_int_equal(count_found(h, "users/") + count_found(h, "pages/"), 0);
}

static void what_is_misspelt_forgets_nothing(void **state) {
    static const struct {
        const char *target;
        int status;
    } wrong[] = {
        {"/admin/flush?group=user", 404},    {"/admin/flush?group=users/", 404},
        {"/admin/flush?group=*", 404},       {"/admin/flush?group=config", 409},
        {"/admin/flush?group=", 400},        {"/admin/flush?group", 400},
        {"/admin/flush?grup=users", 400},    {"/admin/flush?group=users&group=pages", 400},
        {"/admin/flush?x&group=users", 400}, {"/admin/flush?group=%zz", 400},
    };
    struct harness *h = *state;

    fill(h, "users/");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(purge(h, wrong[i].target), wrong[i].status);
    }
    assert_int_equal(count_found(h, "users/"), KEYS);
}

/* The answer does not come before all is gone, and others are served in between. */
static void others_are_served_meanwhile(void **state) {
    struct harness *h = *state;
    struct client c;
    int found;

    fill(h, "users/");
    client_init(&c, h);
    order(&c, "/admin/flush?group=users");
    assert_true(session_is_waiting(&c.session));
    assert_int_equal(c.heard.size, 0);
    found = count_found(h, "users/");
    assert_true(found > 0);
    for (int i = 0; i < ROUNDS_MAX && c.heard.size == 0; i++) {
        int now = count_found(h, "users/");

        assert_true(now <= found);
        found = now;
        session_worker_complete(&h->worker);
        client_pump(&c);
    }
    assert_int_equal(status_of(&c), 204);
    assert_int_equal(count_found(h, "users/"), 0);
    client_fini(&c);
}

/* Keys change their group by a reload: what counts is whose they are now. */
static void a_reload_comes_before(void **state) {
    static const char *const more[] = {"users", "pages", "later"};
    static const char *const fewer[] = {"pages"};
    struct harness *h = *state;

    fill(h, "later/");
    fill(h, "other/");
    declare(h, more, 3);
    assert_int_equal(purge(h, "/admin/flush?group=default"), 204);
    assert_int_equal(count_found(h, "other/"), 0);
    assert_int_equal(count_found(h, "later/"), KEYS);
    assert_int_equal(purge(h, "/admin/flush?group=later"), 204);
    assert_int_equal(count_found(h, "later/"), 0);
    fill(h, "users/");
    declare(h, fewer, 1);
    assert_int_equal(purge(h, "/admin/flush?group=users"), 404);
    assert_int_equal(count_found(h, "users/"), KEYS);
    assert_int_equal(purge(h, "/admin/flush?group=default"), 204);
    assert_int_equal(count_found(h, "users/"), 0);
}

static void a_reload_comes_in_between(void **state) {
    static const char *const fewer[] = {"pages"};
    struct harness *h = *state;
    struct client c;

    fill(h, "users/");
    fill(h, "pages/");
    client_init(&c, h);
    order(&c, "/admin/flush?group=users");
    assert_true(session_is_waiting(&c.session));
    declare(h, fewer, 1);
    settle(h, &c);
    assert_int_equal(status_of(&c), 204);
    assert_int_equal(count_found(h, "users/"), 0);
    assert_int_equal(count_found(h, "pages/"), KEYS);
    client_fini(&c);
}

/* It is done all the same. */
static void whoever_ordered_it_has_gone(void **state) {
    struct harness *h = *state;
    struct client c;

    fill(h, "users/");
    client_init(&c, h);
    order(&c, "/admin/flush?group=users");
    assert_true(session_is_waiting(&c.session));
    client_fini(&c);
    for (int i = 0; i < ROUNDS_MAX && !pending_queue_is_empty(&h->worker.completions); i++) {
        session_worker_complete(&h->worker);
    }
    assert_int_equal(count_found(h, "users/"), 0);
}

/* A node that ends frees it; the sanitizer looks. */
static void the_node_ends_meanwhile(void **state) {
    struct harness *h = *state;
    struct client c;

    fill(h, "users/");
    client_init(&c, h);
    order(&c, "/admin/flush?group=users");
    assert_true(session_is_waiting(&c.session));
    client_fini(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_group_goes_and_the_others_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_misspelt_forgets_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(others_are_served_meanwhile, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reload_comes_before, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reload_comes_in_between, setup, teardown),
        cmocka_unit_test_setup_teardown(whoever_ordered_it_has_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(the_node_ends_meanwhile, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
