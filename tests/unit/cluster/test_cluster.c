/* SPDX-License-Identifier: Apache-2.0 */
#include "cluster/cluster_internal.h"
#include "helper.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool has_authority(struct test_node *n) {
    return clock_monotonic_ns() < keeper_authority_ns(n->keeper);
}

/* What is waited for. */
struct goal {
    struct test_node *nodes;
    size_t count;
    size_t members; /* that each of them, if it is not paused, sees */
};

static bool is_settled(void *ctx) {
    const struct goal *goal = ctx;

    for (size_t i = 0; i < goal->count; i++) {
        struct cluster_figures figures = figures_of(&goal->nodes[i]);

        if (!goal->nodes[i].paused &&
            (!figures.member || figures.members != goal->members || !has_authority(&goal->nodes[i]))) {
            return false;
        }
    }
    return true;
}

static void settle(struct test_node *nodes, size_t count, size_t members) {
    struct goal goal = {.nodes = nodes, .count = count, .members = members};

    assert_true(run_until(nodes, count, is_settled, &goal));
}

static void end_all(struct place *p, struct test_node *nodes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        node_stop(&nodes[i]);
    }
    store_close(p->store);
    for (size_t i = 0; i < count; i++) {
        node_end(&nodes[i]);
    }
    place_remove(p);
}

static uint64_t digest_of(struct test_node *n) {
    struct keeper_view *view = NULL;
    uint64_t digest;

    keeper_renew(n->keeper, &view);
    assert_non_null(view);
    digest = view->members->digest;
    keeper_view_unref(view);
    return digest;
}

static void start_three(struct place *p, struct test_node nodes[3]) {
    place_start(p);
    node_start(&nodes[0], p->store, "a");
    node_start(&nodes[1], p->store, "b");
    node_start(&nodes[2], p->store, "c");
    settle(nodes, 3, 3);
}

static void test_three_see_each_other(void **state) {
    struct place p;
    struct test_node nodes[3];

    (void)state;
    start_three(&p, nodes);
    assert_true(digest_of(&nodes[0]) == digest_of(&nodes[1]) && digest_of(&nodes[1]) == digest_of(&nodes[2]));
    assert_int_equal(figures_of(&nodes[0]).bad_records, 0);
    end_all(&p, nodes, 3);
}

/* --- a node that stops --- */

static bool is_out(void *ctx) {
    return figures_of(ctx).members == 2;
}

/* It has no authority any more when another one sees that it is out. */
static void test_paused_is_out_and_begins_anew(void **state) {
    struct place p;
    struct test_node nodes[3];
    int64_t began_ns, out_ns;
    struct keeper_view *view = NULL;
    int64_t incarnation;

    (void)state;
    start_three(&p, nodes);
    keeper_renew(nodes[2].keeper, &view);
    incarnation = view->members->members[2].incarnation;
    nodes[2].paused = true;
    began_ns = clock_monotonic_ns();
    assert_true(run_until(nodes, 3, is_out, &nodes[0]));
    out_ns = clock_monotonic_ns();
    assert_true(out_ns - began_ns < (LEASE_S + 2) * SECOND_NS);
    assert_true(keeper_authority_ns(nodes[2].keeper) <= out_ns);
    assert_true(has_authority(&nodes[0]) && has_authority(&nodes[1]));
    settle(nodes, 3, 2);
    nodes[2].paused = false;
    settle(nodes, 3, 3);
    keeper_renew(nodes[2].keeper, &view);
    assert_true(view->members->members[2].incarnation > incarnation);
    keeper_view_unref(view);
    end_all(&p, nodes, 3);
}

/* --- two of one name --- */

static bool knows_of_two(void *ctx) {
    return figures_of(ctx).members == 2 && !figures_of(ctx).member;
}

static void test_name_is_taken_once(void **state) {
    struct place p;
    struct test_node nodes[3];

    (void)state;
    place_start(&p);
    node_start(&nodes[0], p.store, "a");
    node_start(&nodes[1], p.store, "b");
    settle(nodes, 2, 2);
    node_start(&nodes[2], p.store, "b");
    assert_true(run_until(nodes, 3, knows_of_two, &nodes[2]));
    settle(nodes, 2, 2);
    assert_int_equal(keeper_authority_ns(nodes[2].keeper), INT64_MIN);
    /* The first one stops; its record goes with its lease, and the second is a member. */
    nodes[1].paused = true;
    {
        struct test_node *second = &nodes[2];
        struct goal goal = {.nodes = second, .count = 1, .members = 2};

        assert_true(run_until(nodes, 3, is_settled, &goal));
    }
    end_all(&p, nodes, 3);
}

/* --- leaving --- */

static bool has_left(void *ctx) {
    return cluster_has_left(((struct test_node *)ctx)->cluster);
}

static bool sees_leaving(void *ctx) {
    return figures_of(ctx).leaving == 1;
}

static void test_leaves_in_two_steps(void **state) {
    struct place p;
    struct test_node nodes[3];
    int64_t began_ns = clock_monotonic_ns();

    (void)state;
    start_three(&p, nodes);
    began_ns = clock_monotonic_ns();
    cluster_leave(nodes[2].cluster, began_ns);
    node_wake(&nodes[2]);
    assert_true(run_until(nodes, 3, sees_leaving, &nodes[0]));
    assert_true(clock_monotonic_ns() - began_ns < SECOND_NS);
    assert_true(run_until(nodes, 3, has_left, &nodes[2]));
    assert_true(clock_monotonic_ns() - began_ns >= HANDOFF_S * SECOND_NS);
    assert_true(run_until(nodes, 3, is_out, &nodes[0]));
    end_all(&p, nodes, 3);
}

static void test_last_one_leaves_at_once(void **state) {
    struct place p;
    struct test_node node;
    int64_t began_ns;

    (void)state;
    place_start(&p);
    node_start(&node, p.store, "a");
    settle(&node, 1, 1);
    began_ns = clock_monotonic_ns();
    cluster_leave(node.cluster, began_ns);
    node_wake(&node);
    assert_true(run_until(&node, 1, has_left, &node));
    assert_true(clock_monotonic_ns() - began_ns < SECOND_NS);
    expect(&p, "/larder/test/nodes/a", 0, NULL);
    end_all(&p, &node, 1);
}

/* --- waiting for the membership --- */

struct test_wait {
    struct cluster_wait wait; /* first */
    bool done;
};

static void on_done(struct cluster_wait *wait) {
    ((struct test_wait *)(void *)wait)->done = true;
}

static bool is_done(void *ctx) {
    return ((struct test_wait *)ctx)->done;
}

static struct test_wait wait_for(int64_t revision, int64_t time_ns) {
    return (struct test_wait){
        .wait = {.revision = revision, .deadline_ns = clock_monotonic_ns() + time_ns, .done = on_done}};
}

/* The store has moved on by what is none of the nodes' business, of which their watch says nothing. */
static void test_refresh_reaches_any_revision(void **state) {
    struct place p;
    struct test_node nodes[3];
    struct test_wait wait;
    int64_t revision = 0;

    (void)state;
    start_three(&p, nodes);
    for (unsigned i = 0; i < 10; i++) {
        revision = put(&p, "elsewhere", "x");
    }
    wait = wait_for(revision, SECOND_NS);
    cluster_refresh(nodes[1].cluster, &wait.wait);
    assert_true(run_until(nodes, 3, is_done, &wait));
    assert_true(wait.wait.reached);
    assert_true(figures_of(&nodes[1]).revision >= revision);
    /* One that is still to come. */
    wait = wait_for(revision + 1000, SECOND_NS / 2);
    cluster_refresh(nodes[1].cluster, &wait.wait);
    assert_true(run_until(nodes, 3, is_done, &wait));
    assert_false(wait.wait.reached);
    end_all(&p, nodes, 3);
}

/* --- purges --- */

static struct test_wait purge_of(const char *group, int64_t time_ns) {
    struct test_wait wait = wait_for(0, time_ns);

    snprintf(wait.wait.group, sizeof(wait.wait.group), "%s", group);
    return wait;
}

static void test_purge_waits_for_all(void **state) {
    struct place p;
    struct test_node nodes[3];
    struct test_wait wait;

    (void)state;
    start_three(&p, nodes);
    wait = purge_of("sessions", 3 * SECOND_NS);
    cluster_purge(nodes[0].cluster, &wait.wait);
    assert_true(run_until(nodes, 3, is_done, &wait));
    assert_true(wait.wait.reached && wait.wait.recorded);
    for (size_t i = 0; i < 3; i++) {
        struct keeper_view *view = NULL;

        keeper_renew(nodes[i].keeper, &view);
        assert_int_equal(view->purges, wait.wait.revision);
        assert_int_equal(figures_of(&nodes[i]).purge_number, wait.wait.revision);
        keeper_view_unref(view);
    }
    end_all(&p, nodes, 3);
}

static void test_purge_names_who_is_missing(void **state) {
    struct place p;
    struct test_node nodes[3];
    struct test_wait wait;

    (void)state;
    start_three(&p, nodes);
    nodes[1].paused = true;
    wait = purge_of("*", SECOND_NS / 2);
    cluster_purge(nodes[0].cluster, &wait.wait);
    assert_true(run_until(nodes, 3, is_done, &wait));
    assert_true(!wait.wait.reached && wait.wait.recorded);
    assert_string_equal(wait.wait.missing, "b");
    /* Once the lease of that one is over, nobody is missing. */
    wait = purge_of("*", 10 * SECOND_NS);
    cluster_purge(nodes[0].cluster, &wait.wait);
    assert_true(run_until(nodes, 3, is_done, &wait));
    assert_true(wait.wait.reached);
    nodes[1].paused = false;
    settle(nodes, 3, 3);
    assert_int_equal(figures_of(&nodes[1]).purge_number, wait.wait.revision);
    end_all(&p, nodes, 3);
}

static void purge_prefix(struct test_node *nodes, size_t count, const char *prefix) {
    struct test_wait wait = purge_of("sessions", SECOND_NS / 2);

    wait.wait.prefix_size = strlen(prefix);
    memcpy(wait.wait.prefix, prefix, wait.wait.prefix_size);
    cluster_purge(nodes[0].cluster, &wait.wait);
    assert_true(run_until(nodes, count, is_done, &wait));
    assert_true(wait.wait.recorded);
}

static bool has_all_purges(void *ctx) {
    struct test_node *nodes = ctx;

    return figures_of(&nodes[1]).purge_number == figures_of(&nodes[0]).purge_number;
}

static bool counts(struct test_node *n, struct slice key, uint8_t era) {
    struct keeper_view *view = NULL;
    bool yes;

    keeper_renew(n->keeper, &view);
    yes = keeper_counts(view, ring_slot(key), 3, era) && !keeper_is_purged(view, 3, key, era);
    keeper_view_unref(view);
    return yes;
}

/* Of the first of two purges there is no record any more when the node asks, and its watch has not brought it. */
static void test_purge_that_was_replaced(void **state) {
    struct place p;
    struct test_node nodes[2];
    struct keeper_view *view = NULL;

    (void)state;
    place_start(&p);
    node_start(&nodes[0], p.store, "a");
    node_start(&nodes[1], p.store, "b");
    settle(nodes, 2, 2);
    keeper_renew(nodes[1].keeper, &view);
    store_watcher_close(nodes[1].cluster->watcher);
    nodes[1].cluster->watcher = NULL;
    nodes[1].paused = true;
    purge_prefix(nodes, 2, "x");
    purge_prefix(nodes, 2, "y");
    assert_true(counts(&nodes[1], SLICE("sessions/x1"), view->era));
    nodes[1].paused = false;
    assert_true(run_until(nodes, 2, has_all_purges, nodes));
    assert_false(counts(&nodes[1], SLICE("sessions/x1"), view->era));
    assert_false(counts(&nodes[1], SLICE("sessions/y1"), view->era));
    keeper_view_unref(view);
    end_all(&p, nodes, 2);
}

/* --- changes that were missed --- */

static bool has_listed_anew(void *ctx) {
    return ((struct test_node *)ctx)->clears > 0;
}

/* So that the events up to there are gone. */
static void compact_away(struct place *p, int64_t revision) {
    struct awaited a;

    assert_int_equal(
        run(p, &a, (struct store_op){.kind = STORE_OP_COMPACT, .compact_revision = revision, .compact_physical = true}),
        STORE_OK);
    awaited_end(&a);
}

static void test_compaction_clears(void **state) {
    struct place p;
    struct test_node nodes[3];

    (void)state;
    start_three(&p, nodes);
    nodes[2].paused = true;
    assert_true(run_until(nodes, 3, is_out, &nodes[0]));
    compact_away(&p, put(&p, "elsewhere", "x"));
    assert_int_equal(nodes[2].clears, 0);
    nodes[2].paused = false;
    assert_true(run_until(nodes, 3, has_listed_anew, &nodes[2]));
    settle(nodes, 3, 3);
    assert_int_equal(nodes[0].clears, 0);
    end_all(&p, nodes, 3);
}

static bool has_bad(void *ctx) {
    return figures_of(ctx).bad_records > 0;
}

static void test_bad_record_is_counted(void **state) {
    struct place p;
    struct test_node nodes[3];

    (void)state;
    start_three(&p, nodes);
    put(&p, "/larder/test/nodes/z", "no record");
    assert_true(run_until(nodes, 3, has_bad, &nodes[0]));
    settle(nodes, 3, 3);
    end_all(&p, nodes, 3);
}

/* By hand. */
static void test_record_taken_away_is_made_anew(void **state) {
    struct place p;
    struct test_node nodes[3];
    int64_t revision;
    struct test_wait wait;

    (void)state;
    start_three(&p, nodes);
    revision = del(&p, "/larder/test/nodes/b");
    wait = wait_for(revision, SECOND_NS);
    cluster_refresh(nodes[0].cluster, &wait.wait);
    assert_true(run_until(nodes, 3, is_done, &wait));
    settle(nodes, 3, 3);
    assert_true(figures_of(&nodes[0]).changes >= 2);
    end_all(&p, nodes, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_see_each_other),    cmocka_unit_test(test_paused_is_out_and_begins_anew),
        cmocka_unit_test(test_name_is_taken_once),      cmocka_unit_test(test_leaves_in_two_steps),
        cmocka_unit_test(test_last_one_leaves_at_once), cmocka_unit_test(test_refresh_reaches_any_revision),
        cmocka_unit_test(test_purge_waits_for_all),     cmocka_unit_test(test_purge_names_who_is_missing),
        cmocka_unit_test(test_purge_that_was_replaced), cmocka_unit_test(test_compaction_clears),
        cmocka_unit_test(test_bad_record_is_counted),   cmocka_unit_test(test_record_taken_away_is_made_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
