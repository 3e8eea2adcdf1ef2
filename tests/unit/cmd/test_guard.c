/* SPDX-License-Identifier: Apache-2.0 */
/* What a request needs, and who may. */
#include "../auth/node_helper.h"
#include "cmd/cmd.h"
#include "cmd/guard.h"

/* Of the store group "d": `reader` reads "d/a" to "d/m", `writer` writes them, `both` does both. */
struct rig {
    struct cmd_node node;
    struct cmd_context context;
    struct auth_known who;
    struct group_set *groups;
    struct telemetry *telemetry;
};

static struct auth_state *users(void) {
    static const char *const names[] = {"reader", "writer", "both"};
    static const enum auth_permission_type types[] = {AUTH_READ, AUTH_WRITE, AUTH_READWRITE};
    struct auth_state *state = state_with_root("$2b$10$root");

    for (size_t i = 0; i < 3; i++) {
        add_user(&state, names[i], "$2b$10$x");
        add_role(&state, names[i]);
        permit(&state, names[i], types[i], SLICE("d/a"), SLICE("d/m"));
        grant(&state, names[i], names[i]);
    }
    return state;
}

static int setup(void **state) {
    struct rig *r = calloc(1, sizeof(*r));
    struct group_policy policies[3] = {group_policy_make(SLICE("d"), 1 << 20), group_policy_make(SLICE("all"), 1 << 20),
                                       group_policy_make(SLICE("mem"), 1 << 20)};

    policies[0].backing = GROUP_BACKING_STORE;
    policies[1].backing = GROUP_BACKING_STORE;
    policies[1].prefix_size = 0;
    assert_int_equal(group_set_build(policies, 3, 1 << 20, NULL, &r->groups), LARDER_OK);
    r->node.auth = auth_of(users());
    r->telemetry = telemetry_new(1);
    assert_non_null(r->telemetry);
    r->context =
        (struct cmd_context){.node = &r->node, .groups = r->groups, .telemetry = telemetry_worker(r->telemetry, 0)};
    *state = r;
    return 0;
}

static int teardown(void **state) {
    struct rig *r = *state;

    auth_free(r->node.auth);
    group_set_free(r->groups);
    telemetry_free(r->telemetry);
    free(r);
    return 0;
}

/* NULL: nobody. */
static void become(struct rig *r, const char *name) {
    struct auth_login login;

    r->who = (struct auth_known){0};
    r->context.who = name == NULL ? NULL : &r->who;
    if (name != NULL) {
        assert_int_equal(auth_login_begin(r->node.auth, TEXT(name), &login), ETCD_OK);
        login.verified = login.possible;
        assert_int_equal(auth_login_know(r->node.auth, &login, &r->who), ETCD_OK);
    }
}

static enum result decide(struct rig *r, const char *name, const struct request *request) {
    become(r, name);
    return guard_key(&r->context, group_set_find(r->groups, request->key), request);
}

static void expect(struct rig *r, const struct request *request, bool reader, bool writer) {
    assert_int_equal(decide(r, "reader", request), reader ? RESULT_DONE : RESULT_FORBIDDEN);
    assert_int_equal(decide(r, "writer", request), writer ? RESULT_DONE : RESULT_FORBIDDEN);
    assert_int_equal(decide(r, "both", request), RESULT_DONE);
    assert_int_equal(decide(r, "root", request), RESULT_DONE);
    assert_int_equal(decide(r, NULL, request), RESULT_UNAUTHENTICATED);
}

static void each_command_needs_what_it_does(void **state) {
    static const struct {
        enum command command;
        bool reader;
        bool writer;
    } rows[] = {
        {COMMAND_GET, true, false},      {COMMAND_DEBUG, true, false},       {COMMAND_SET, false, true},
        {COMMAND_DELETE, false, true},   {COMMAND_GAT, false, false},        {COMMAND_ADD, false, false},
        {COMMAND_REPLACE, false, false}, {COMMAND_CAS, false, false},        {COMMAND_APPEND, false, false},
        {COMMAND_PREPEND, false, false}, {COMMAND_INCR, false, false},       {COMMAND_DECR, false, false},
        {COMMAND_TOUCH, false, false},   {COMMAND_INVALIDATE, false, false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        expect(*state, &(struct request){.command = rows[i].command, .key = SLICE("d/b")}, rows[i].reader,
               rows[i].writer);
    }
}

static void options_need_more(void **state) {
    const struct conditions conditions = {0};

    expect(*state, &(struct request){.command = COMMAND_SET, .key = SLICE("d/b"), .options = REQUEST_COMPARE}, false,
           false);
    expect(*state, &(struct request){.command = COMMAND_DELETE, .key = SLICE("d/b"), .conditions = &conditions}, false,
           false);
    expect(*state, &(struct request){.command = COMMAND_GET, .key = SLICE("d/b"), .options = REQUEST_TOUCH}, false,
           false);
    expect(*state, &(struct request){.command = COMMAND_GET, .key = SLICE("d/b"), .options = REQUEST_WANT_TTL}, true,
           false);
    expect(*state, &(struct request){.command = COMMAND_SET, .key = SLICE("d/b"), .options = REQUEST_WANT_CREATED},
           false, true);
}

static void the_name_in_the_store_counts(void **state) {
    struct rig *r = *state;
    const struct request inside = {.command = COMMAND_GET, .key = SLICE("all/d/b")};
    const struct request outside = {.command = COMMAND_GET, .key = SLICE("d/x")};
    const struct request empty = {.command = COMMAND_GET, .key = SLICE("all/")};

    assert_int_equal(decide(r, "reader", &inside), RESULT_DONE);
    assert_int_equal(decide(r, "reader", &outside), RESULT_FORBIDDEN);
    assert_int_equal(decide(r, "reader", &empty), RESULT_FORBIDDEN);
}

static void a_long_key_is_decided_like_a_short_one(void **state) {
    struct rig *r = *state;
    char key[5000];

    memset(key, 'a', sizeof(key));
    memcpy(key, "d/b", 3);
    assert_int_equal(
        decide(r, "reader", &(struct request){.command = COMMAND_GET, .key = slice_make(key, sizeof(key))}),
        RESULT_DONE);
    key[2] = 'x';
    assert_int_equal(
        decide(r, "reader", &(struct request){.command = COMMAND_GET, .key = slice_make(key, sizeof(key))}),
        RESULT_FORBIDDEN);
}

static void memory_groups_are_everybodys(void **state) {
    struct rig *r = *state;
    const struct request request = {.command = COMMAND_SET, .key = SLICE("mem/x")};

    assert_int_equal(guard_write(&r->context, &request), RESULT_DONE);
    assert_int_equal(guard_keys(&r->context, group_set_find(r->groups, SLICE("mem/x")), SLICE(""), true), RESULT_DONE);
}

static enum result keys(struct rig *r, const char *group, const char *key, bool prefix) {
    return guard_keys(&r->context, group_set_find(r->groups, TEXT(group)), TEXT(key), prefix);
}

static void many_keys_must_be_permitted_as_a_whole(void **state) {
    struct rig *r = *state;

    become(r, "reader");
    assert_int_equal(keys(r, "d/", "b", true), RESULT_DONE);
    assert_int_equal(keys(r, "d/", "b", false), RESULT_DONE);
    assert_int_equal(keys(r, "d/", "", true), RESULT_FORBIDDEN);
    assert_int_equal(keys(r, "d/", "m", false), RESULT_FORBIDDEN);
    assert_int_equal(keys(r, "d/", "m", true), RESULT_FORBIDDEN);
    assert_int_equal(keys(r, "all/", "d/l", true), RESULT_DONE);
    assert_int_equal(keys(r, "all/", "d", true), RESULT_FORBIDDEN);
    assert_int_equal(keys(r, "all/", "", true), RESULT_FORBIDDEN);
    become(r, "writer");
    assert_int_equal(keys(r, "d/", "b", true), RESULT_FORBIDDEN);
    become(r, "root");
    assert_int_equal(keys(r, "all/", "", true), RESULT_DONE);
    become(r, NULL);
    assert_int_equal(keys(r, "d/", "b", true), RESULT_UNAUTHENTICATED);
}

static void the_node_is_roots(void **state) {
    struct rig *r = *state;

    become(r, "both");
    assert_int_equal(guard_root(&r->context), RESULT_FORBIDDEN);
    become(r, NULL);
    assert_int_equal(guard_root(&r->context), RESULT_UNAUTHENTICATED);
    become(r, "root");
    assert_int_equal(guard_root(&r->context), RESULT_DONE);
    adopt(r->node.auth,
          (struct auth_request){.kind = AUTH_CHANGE_PASSWORD, .user = AUTH_ROOT, .hash = SLICE("$2b$10$new")});
    assert_int_equal(guard_root(&r->context), RESULT_UNAUTHENTICATED);
}

static void a_change_counts_at_once(void **state) {
    struct rig *r = *state;
    const struct request request = {.command = COMMAND_GET, .key = SLICE("d/b")};
    const struct group_policy *policy = group_set_find(r->groups, request.key);

    become(r, "reader");
    adopt(r->node.auth, (struct auth_request){.kind = AUTH_USER_ADD, .user = SLICE("aaa"), .hash = SLICE("x")});
    assert_int_equal(guard_key(&r->context, policy, &request), RESULT_DONE);
    adopt(r->node.auth,
          (struct auth_request){.kind = AUTH_REVOKE_ROLE, .user = SLICE("reader"), .role = SLICE("reader")});
    assert_int_equal(guard_key(&r->context, policy, &request), RESULT_FORBIDDEN);
    adopt(r->node.auth, (struct auth_request){.kind = AUTH_USER_DELETE, .user = SLICE("reader")});
    assert_int_equal(guard_key(&r->context, policy, &request), RESULT_UNAUTHENTICATED);
    adopt(r->node.auth, (struct auth_request){.kind = AUTH_DISABLE});
    assert_false(guard_is_up(&r->context));
    assert_int_equal(guard_key(&r->context, policy, &request), RESULT_DONE);
    assert_int_equal(guard_root(&r->context), RESULT_DONE);
    assert_int_equal(keys(r, "all/", "", true), RESULT_DONE);
}

static void refusals_are_counted(void **state) {
    struct rig *r = *state;
    const struct request request = {.command = COMMAND_GET, .key = SLICE("d/x")};
    struct worker_telemetry *w = r->context.telemetry;

    decide(r, "root", &request);
    assert_int_equal(atomic_load(&w->counters[COUNTER_AUTH_REFUSED_SOMEBODY]), 0);
    decide(r, "reader", &request);
    assert_int_equal(atomic_load(&w->counters[COUNTER_AUTH_REFUSED_SOMEBODY]), 1);
    assert_int_equal(atomic_load(&w->counters[COUNTER_AUTH_REFUSED_NOBODY]), 0);
    decide(r, NULL, &request);
    assert_int_equal(atomic_load(&w->counters[COUNTER_AUTH_REFUSED_NOBODY]), 1);
}

/* A flush that is refused leaves the table alone: there is none here that it could touch. */
static void a_refused_flush_does_nothing(void **state) {
    struct rig *r = *state;
    struct reply reply;

    become(r, "both");
    cmd_run(&r->context, &(struct request){.command = COMMAND_FLUSH}, &reply);
    assert_int_equal(reply.result, RESULT_FORBIDDEN);
    cmd_run(&r->context, &(struct request){.command = COMMAND_FLUSH, .ttl = 5}, &reply);
    assert_int_equal(reply.result, RESULT_FORBIDDEN);
    assert_int_equal(atomic_load(&r->node.flush_at), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(each_command_needs_what_it_does),
        TEST(options_need_more),
        TEST(the_name_in_the_store_counts),
        TEST(a_long_key_is_decided_like_a_short_one),
        TEST(memory_groups_are_everybodys),
        TEST(many_keys_must_be_permitted_as_a_whole),
        TEST(the_node_is_roots),
        TEST(a_change_counts_at_once),
        TEST(refusals_are_counted),
        TEST(a_refused_flush_does_nothing),
    };

    return cmocka_run_group_tests_name("cmd-guard", tests, NULL, NULL);
}
