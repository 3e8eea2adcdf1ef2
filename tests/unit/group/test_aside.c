/* SPDX-License-Identifier: Apache-2.0 */
/* What a node asks an origin for aside: how long it is kept, what ends it, and how it becomes an entry of the new owner. */
#include "../ring/keeper_script.h"

#include <string.h>

#include "base/clock.h"
#include "group/origin.h"
#include "origin/entry.h"

enum { FETCHES = 64, TEXT_MAX = 256 };

#define ALL "a1 b2 c3"

struct asked {
    const struct fetch_ops *ops;
    void *ctx;
};

/* Node a. */
struct fixture {
    struct table table;
    struct group_set *groups;
    const struct group_set *current;
    struct worker_telemetry telemetry;
    struct origin origin;
    struct origin_worker worker;
    struct pending_queue queue;
    struct keeper *keeper;
    struct keeper_view *view;
    char key[64]; /* c's, and a's when c has gone */
    struct asked asked[FETCHES];
    size_t count;
};

struct told {
    bool done;
    enum result result;
    enum reply_source source;
    char text[TEXT_MAX];
};

static struct fixture *present;

static int64_t wall_ns(void) {
    return INT64_C(1600000000) * CLOCK_NS_PER_S;
}

static enum larder_error fetch(struct origin_worker *w, const struct group_policy *policy,
                               const struct fetch_request *request, const struct fetch_ops *ops, void *ctx,
                               struct fetch **ret_fetch) {
    (void)w;
    (void)policy;
    (void)request;
    *ret_fetch = NULL; /* nothing is done with it further */
    assert_true(present->count < FETCHES);
    present->asked[present->count++] = (struct asked){ops, ctx};
    return LARDER_OK;
}

/* A key of the group for which the ring says so. */
static void find_key(struct fixture *f) {
    struct keeper *keeper = keeper_of("z");
    struct keeper_view *all = NULL, *left = NULL;
    uint32_t slot;

    learn(keeper, &all, ALL, 1, 0, false, 0);
    learn(keeper, &left, "a1 b2", 2, 0, false, 0);
    for (unsigned i = 0;; i++) {
        snprintf(f->key, sizeof(f->key), "o/%u", i);
        slot = ring_slot(slice_from_string(f->key));
        if (all->owners[slot] == 2 && left->owners[slot] == 0) {
            break;
        }
    }
    keeper_view_unref(all);
    keeper_view_unref(left);
    keeper_free(keeper);
}

static int setup(void **state) {
    const struct table_config config = {.memory = 1 << 20, .max_item = 64 << 10, .seed = 5};
    struct fixture *f = calloc(1, sizeof(*f));
    struct group_policy policy = group_policy_make(SLICE("o"), 64 << 10);

    assert_non_null(f);
    policy.backing = GROUP_BACKING_ORIGIN;
    policy.origin.url_size = sizeof("http://origin") - 1;
    memcpy(policy.origin.url, "http://origin", policy.origin.url_size);
    policy.origin.answers.max_body = 8 << 20;
    assert_int_equal(table_init(&f->table, &config), LARDER_OK);
    assert_int_equal(group_set_build(&policy, 1, 64 << 10, NULL, &f->groups), LARDER_OK);
    assert_int_equal(origin_init(&f->origin, &f->table, 0, 1), LARDER_OK);
    f->origin.wall_ns = wall_ns;
    f->current = f->groups;
    worker_telemetry_init(&f->telemetry);
    f->worker =
        (struct origin_worker){.origin = &f->origin, .groups = &f->current, .telemetry = &f->telemetry, .fetch = fetch};
    f->keeper = keeper_of("a");
    learn(f->keeper, &f->view, ALL, 1, 1, false, clock_monotonic_ns());
    find_key(f);
    present = f;
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;

    assert_int_equal(origin_under_way(&f->origin), 0);
    keeper_view_unref(f->view);
    origin_fini(&f->origin);
    keeper_free(f->keeper);
    group_set_free(f->groups);
    table_fini(&f->table);
    worker_telemetry_fini(&f->telemetry);
    free(f);
    return 0;
}

static void take(void *owner, struct reply *reply) {
    struct told *told = owner;
    struct origin_entry e;

    told->done = true;
    told->result = reply->result;
    told->source = reply->source;
    if (reply->item.head_size > 0 && origin_entry_read(reply->item.value, &e) == LARDER_OK) {
        size_t size = e.body.size < TEXT_MAX ? e.body.size : TEXT_MAX - 1;

        memcpy(told->text, e.body.data, size);
        told->text[size] = '\0';
    }
    reply_release(reply);
}

static struct origin_access access_at(struct fixture *f, int64_t after_ms) {
    static bool expired, cut;
    int64_t now_ns = clock_monotonic_ns() + after_ms * CLOCK_NS_PER_MS;

    return (struct origin_access){
        .memory = {.table = &f->table,
                   .policy = group_set_find(f->current, slice_from_string(f->key)),
                   .now = table_seconds(0, now_ns),
                   .ret_expired = &expired,
                   .ret_cut = &cut},
        .worker = &f->worker,
        .completions = &f->queue,
        .now_ns = now_ns,
    };
}

static void await(struct reply *reply, struct told *ret_told) {
    if (reply->result == RESULT_PENDING) {
        pending_await(reply->pending, take, ret_told);
    } else {
        take(ret_told, reply);
    }
}

/* Aside, so long from now. */
static void ask_aside(struct fixture *f, int64_t after_ms, enum origin_keep keep, struct told *ret_told) {
    const struct origin_access a = access_at(f, after_ms);
    const struct request request = {.command = COMMAND_GET, .key = slice_from_string(f->key)};
    struct reply reply = {.group = a.memory.policy->index};

    *ret_told = (struct told){0};
    origin_run_aside(&a, &request, f->view, keep, &reply);
    await(&reply, ret_told);
}

/* As the owner by the newest view. */
static enum memory_passage ask(struct fixture *f, enum command command, struct told *ret_told) {
    struct memory_gate gate = {.keeper = f->keeper, .view = f->view, .slot = ring_slot(slice_from_string(f->key))};
    struct origin_access a = access_at(f, 0);
    const struct request request = {.command = command, .key = slice_from_string(f->key)};
    struct reply reply = {.group = a.memory.policy->index};

    a.memory.gate = &gate;
    *ret_told = (struct told){0};
    origin_run(&a, &request, &reply);
    await(&reply, ret_told);
    return gate.passage;
}

static void answer_with(struct fixture *f, size_t index, const char *caching, const char *text, size_t size) {
    const struct fetch_field field = {SLICE("Cache-Control"), slice_from_string(caching)};
    const struct fetch_head head = {.status = 200, .fields = &field, .field_count = 1};
    const struct asked *asked = &f->asked[index];

    asked->ops->on_head(asked->ctx, &head);
    assert_int_equal(asked->ops->on_body(asked->ctx, slice_make(text, size)), FETCH_GO_ON);
    asked->ops->on_done(asked->ctx, LARDER_OK);
    pending_queue_run(&f->queue);
}

static void answer(struct fixture *f, size_t index, const char *text) {
    answer_with(f, index, "max-age=60", text, strlen(text));
}

/* One answer is there, and may be adopted. */
static void shelve(struct fixture *f, const char *text) {
    struct told told;
    size_t index = f->count;

    ask_aside(f, 0, ORIGIN_KEEP_TO_ADOPT, &told);
    assert_false(told.done);
    answer(f, index, text);
    assert_true(told.done);
    assert_string_equal(told.text, text);
}

/* Whether what was asked for aside is served, so long from now; what is asked for instead is not stored. */
static bool is_kept(struct fixture *f, int64_t after_ms) {
    struct told told;
    size_t count = f->count;

    ask_aside(f, after_ms, ORIGIN_KEEP_BRIEFLY, &told);
    if (f->count == count) {
        assert_int_equal(told.source, REPLY_ORIGIN_HIT);
        return true;
    }
    answer_with(f, count, "no-store", "", 0);
    assert_true(told.done);
    return false;
}

static void lose_c(struct fixture *f) {
    learn(f->keeper, &f->view, "a1 b2", 2, 1, false, clock_monotonic_ns());
}

static uint64_t adopted(const struct fixture *f) {
    return atomic_load(&f->telemetry.counters[COUNTER_ORIGIN_ADOPTED]);
}

/* --- tests --- */

static void kept_for_a_short_time(void **state) {
    struct fixture *f = *state;

    shelve(f, "one");
    assert_true(is_kept(f, 0));
    assert_true(is_kept(f, ORIGIN_ASIDE_MS - 1000));
    assert_false(is_kept(f, ORIGIN_ASIDE_MS));
}

static void not_kept_if_nobody_may(void **state) {
    struct fixture *f = *state;
    struct told told;

    ask_aside(f, 0, ORIGIN_KEEP_NOTHING, &told);
    answer(f, 0, "one");
    assert_false(is_kept(f, 0));
    ask_aside(f, 0, ORIGIN_KEEP_BRIEFLY, &told);
    answer_with(f, 2, "no-store", "two", 3);
    assert_false(is_kept(f, 0));
}

static void a_purge_ends_it(void **state) {
    struct fixture *f = *state;
    struct told told;

    shelve(f, "one");
    origin_void(&f->origin, f->groups->policies[GROUP_DEFAULT].index, SLICE(""));
    origin_void(&f->origin, group_set_find_by_name(f->groups, SLICE("o"))->index, SLICE("o/nothing"));
    assert_true(is_kept(f, 0));
    origin_void(&f->origin, GROUP_MAX, SLICE("o/"));
    assert_false(is_kept(f, 0));
    shelve(f, "two");
    (void)ask(f, COMMAND_DELETE, &told);
    assert_false(is_kept(f, 0));
    shelve(f, "three");
    assert_int_equal(keeper_purge(f->keeper, 1, 7), LARDER_OK);
    keeper_renew(f->keeper, &f->view);
    assert_false(is_kept(f, 0));
}

static void a_purge_while_it_is_asked_for(void **state) {
    struct fixture *f = *state;
    struct told told;

    ask_aside(f, 0, ORIGIN_KEEP_TO_ADOPT, &told);
    (void)ask(f, COMMAND_DELETE, &(struct told){0});
    answer(f, 0, "one");
    assert_string_equal(told.text, "one");
    assert_false(is_kept(f, 0));
}

static void not_what_the_owner_asked_for_aside(void **state) {
    struct fixture *f = *state;
    struct told told;

    shelve(f, "one");
    lose_c(f);
    assert_false(is_kept(f, 0)); /* aside it is of another view */
    shelve(f, "two");            /* in place of it, and this node is the owner by now */
    assert_int_equal(ask(f, COMMAND_GET, &told), MEMORY_PASSED);
    assert_false(told.done);
    answer(f, f->count - 1, "three");
    assert_string_equal(told.text, "three");
    assert_int_equal(adopted(f), 0);
}

static void the_new_owner_takes_it_over(void **state) {
    struct fixture *f = *state;
    size_t count;
    struct told told;

    shelve(f, "one");
    count = f->count;
    lose_c(f);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ask(f, COMMAND_GET, &told), MEMORY_PASSED);
        assert_true(told.done);
        assert_string_equal(told.text, "one");
        assert_int_equal(adopted(f), 1);
    }
    (void)ask(f, COMMAND_DELETE, &told);
    assert_int_equal(told.result, RESULT_DELETED);
    (void)ask(f, COMMAND_GET, &told);
    assert_false(told.done);
    assert_int_equal(f->count, count + 1);
    answer(f, count, "two");
}

static void not_if_the_key_was_purged_first(void **state) {
    struct fixture *f = *state;
    struct told told;

    shelve(f, "one");
    lose_c(f);
    (void)ask(f, COMMAND_DELETE, &told);
    assert_int_equal(told.result, RESULT_NOT_FOUND);
    (void)ask(f, COMMAND_GET, &told);
    assert_false(told.done);
    answer(f, f->count - 1, "two");
    assert_string_equal(told.text, "two");
}

static void not_by_a_view_that_is_old(void **state) {
    struct fixture *f = *state;
    struct keeper_view *newest = NULL;
    struct told told = {0};
    struct membership *members = nodes("a1 b2", 2);

    shelve(f, "one");
    assert_int_equal(keeper_set_membership(f->keeper, members, 1, false, clock_monotonic_ns()), LARDER_OK);
    membership_unref(members);
    assert_int_equal(ask(f, COMMAND_GET, &told), MEMORY_MOVED);
    keeper_renew(f->keeper, &newest);
    keeper_view_unref(f->view);
    f->view = newest;
    assert_int_equal(ask(f, COMMAND_GET, &told), MEMORY_PASSED);
    assert_string_equal(told.text, "one");
}

static void the_oldest_make_room(void **state) {
    struct fixture *f = *state;
    size_t size = ORIGIN_ASIDE_BYTES_MAX / ORIGIN_ASIDE_SHARES / 2;
    char *body = calloc(1, 2 * size), first[sizeof(f->key)];
    struct told told;

    memcpy(first, f->key, sizeof(first));
    for (int i = 0; i < 2 * ORIGIN_ASIDE_SHARES; i++) {
        snprintf(f->key, sizeof(f->key), "o/large-%d", i);
        ask_aside(f, 0, ORIGIN_KEEP_BRIEFLY, &told);
        answer_with(f, f->count - 1, "max-age=60", body, size);
        assert_true(is_kept(f, 0));
    }
    snprintf(f->key, sizeof(f->key), "o/large-%d", 0);
    assert_false(is_kept(f, 0));
    ask_aside(f, 0, ORIGIN_KEEP_BRIEFLY, &told);
    answer_with(f, f->count - 1, "max-age=60", body, 2 * size);
    assert_false(is_kept(f, 0));
    assert_int_equal(atomic_load(&f->telemetry.counters[COUNTER_LIMIT_ORIGIN_ASIDE]), 1);
    memcpy(f->key, first, sizeof(first));
    free(body);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(kept_for_a_short_time, setup, teardown),
        cmocka_unit_test_setup_teardown(not_kept_if_nobody_may, setup, teardown),
        cmocka_unit_test_setup_teardown(a_purge_ends_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_purge_while_it_is_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(not_what_the_owner_asked_for_aside, setup, teardown),
        cmocka_unit_test_setup_teardown(the_new_owner_takes_it_over, setup, teardown),
        cmocka_unit_test_setup_teardown(not_if_the_key_was_purged_first, setup, teardown),
        cmocka_unit_test_setup_teardown(not_by_a_view_that_is_old, setup, teardown),
        cmocka_unit_test_setup_teardown(the_oldest_make_room, setup, teardown),
    };

    return cmocka_run_group_tests_name("aside", tests, NULL, NULL);
}
