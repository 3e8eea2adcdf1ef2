/* SPDX-License-Identifier: Apache-2.0 */
/* What the table does in a cluster: nothing by a view that is not the newest, nothing with entries that do not count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "group/shared.h"

enum { NOW = 100, MAX_ITEM = 1 << 20, LARGE = 300 << 10 };

#define PREFIX SLICE("/larder/t/nodes/")
#define KEY slice_from_string(key_of_b)

static char key_of_b[16]; /* which b owns when it is there */

/* Node a, and b, which is in the membership when the test wants it. */
struct fixture {
    struct table table;
    struct group_set *groups;
    struct keeper *keeper;
    struct keeper_view *view;
    struct memory_gate gate;
    struct memory_access access;
    struct reply reply;
    int64_t revision;
    bool expired;
    bool cut;
};

static struct kv record_of(const char *id, struct buf *value, char key[32]) {
    const struct member member = {
        .id = slice_from_string(id), .address = SLICE("127.0.0.1:1"), .algorithm = RING_ALGORITHM};

    buf_init(value, 4096);
    assert_int_equal(member_record_write(&member, value), LARDER_OK);
    snprintf(key, 32, "/larder/t/nodes/%s", id);
    return (struct kv){
        .key = slice_from_string(key), .value = buf_slice(value), .create_revision = 1, .mod_revision = 1};
}

/* The nodes are these, as of the next revision, and the gate goes by what follows. */
static void set_members(struct fixture *f, const char *const *ids, size_t count) {
    struct membership *members;
    struct buf values[2];
    char keys[2][32];
    struct kv kvs[2];
    size_t bad;

    for (size_t i = 0; i < count; i++) {
        kvs[i] = record_of(ids[i], &values[i], keys[i]);
    }
    assert_int_equal(membership_read(PREFIX, kvs, count, ++f->revision, &members, &bad), LARDER_OK);
    assert_int_equal(keeper_set_membership(f->keeper, members, 1, false, f->revision), LARDER_OK);
    membership_unref(members);
    for (size_t i = 0; i < count; i++) {
        buf_fini(&values[i]);
    }
}

static const char *const alone[] = {"a"};
static const char *const both[] = {"a", "b"};

/* The view that is the newest now. */
static void look(struct fixture *f) {
    keeper_renew(f->keeper, &f->view);
    f->gate = (struct memory_gate){.keeper = f->keeper, .view = f->view, .slot = ring_slot(KEY)};
}

static int setup(void **state) {
    const struct table_config table = {.memory = 16 << 20, .max_item = MAX_ITEM, .seed = 5};
    const struct keeper_config config = {.id = SLICE("a"), .lease_ns = 100, .handoff_ns = 1000};
    struct fixture *f = calloc(1, sizeof(*f));

    assert_int_equal(table_init(&f->table, &table), LARDER_OK);
    assert_int_equal(group_set_build(NULL, 0, MAX_ITEM, NULL, &f->groups), LARDER_OK);
    assert_int_equal(keeper_new(&config, &f->keeper), LARDER_OK);
    set_members(f, alone, 1);
    look(f);
    f->access = (struct memory_access){.table = &f->table,
                                       .policy = &f->groups->policies[GROUP_DEFAULT],
                                       .now = NOW,
                                       .ret_expired = &f->expired,
                                       .ret_cut = &f->cut,
                                       .gate = &f->gate};
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;

    keeper_view_unref(f->view);
    keeper_free(f->keeper);
    group_set_free(f->groups);
    table_fini(&f->table);
    free(f);
    return 0;
}

/* RESULT_COUNT: the gate was closed, and the passage says why. */
static enum result set(struct fixture *f, struct slice value) {
    const struct request r = {
        .command = COMMAND_SET, .key = KEY, .value = value, .body_size = (uint32_t)value.size, .client_flags = 9};

    f->reply = (struct reply){.result = RESULT_COUNT};
    memory_store(&f->access, &r, &f->reply);
    return f->reply.result;
}

static enum result get(struct fixture *f, char ret_value[64]) {
    const struct request r = {.command = COMMAND_GET, .key = KEY};

    f->reply = (struct reply){.result = RESULT_COUNT};
    memory_get(&f->access, &r, &f->reply);
    if (f->reply.result == RESULT_HIT) {
        snprintf(ret_value, 64, "%.*s", (int)f->reply.item.value.size, f->reply.item.value.data);
    }
    reply_release(&f->reply);
    return f->reply.result;
}

static void nothing_is_done_by_an_older_view(void **state) {
    struct fixture *f = *state;
    char value[64];

    assert_int_equal(set(f, SLICE("old")), RESULT_STORED);
    set_members(f, both, 2);
    assert_int_equal(set(f, SLICE("new")), RESULT_COUNT);
    assert_int_equal(f->gate.passage, MEMORY_MOVED);
    assert_int_equal(get(f, value), RESULT_COUNT);
    assert_int_equal(f->gate.passage, MEMORY_MOVED);
    look(f);
    assert_int_equal(get(f, value), RESULT_HIT);
    assert_string_equal(value, "old");
}

static void who_inherits_does_nothing_with_what_is_absent(void **state) {
    struct fixture *f = *state;
    char value[64];

    f->gate.inherits = true;
    assert_int_equal(set(f, SLICE("new")), RESULT_COUNT);
    assert_int_equal(f->gate.passage, MEMORY_ABSENT);
    f->gate.inherits = false;
    assert_int_equal(get(f, value), RESULT_MISS);
    assert_int_equal(set(f, SLICE("x")), RESULT_STORED);
    f->gate.inherits = true;
    assert_int_equal(get(f, value), RESULT_HIT);
    assert_int_equal(f->gate.passage, MEMORY_PASSED);
}

static void what_was_purged_is_absent(void **state) {
    struct fixture *f = *state;
    char value[64];

    assert_int_equal(set(f, SLICE("old")), RESULT_STORED);
    assert_int_equal(keeper_purge(f->keeper, GROUP_DEFAULT + 1, ++f->revision), LARDER_OK);
    look(f);
    assert_int_equal(get(f, value), RESULT_HIT);
    assert_int_equal(keeper_purge(f->keeper, GROUP_DEFAULT, ++f->revision), LARDER_OK);
    look(f);
    assert_int_equal(get(f, value), RESULT_MISS);
    assert_int_equal(set(f, SLICE("new")), RESULT_STORED);
    assert_int_equal(get(f, value), RESULT_HIT);
    assert_string_equal(value, "new");
}

static void what_was_purged_by_a_prefix_is_absent(void **state) {
    struct shared_sweep sweep = {.view = NULL};
    struct fixture *f = *state;
    struct slice begin = slice_make(key_of_b, 2);
    char value[64];

    assert_int_equal(set(f, SLICE("old")), RESULT_STORED);
    assert_int_equal(keeper_purge_prefix(f->keeper, GROUP_DEFAULT, SLICE("?"), ++f->revision), LARDER_OK);
    look(f);
    assert_int_equal(get(f, value), RESULT_HIT);
    assert_int_equal(keeper_purge_prefix(f->keeper, GROUP_DEFAULT, begin, ++f->revision), LARDER_OK);
    look(f);
    assert_int_equal(get(f, value), RESULT_MISS);
    assert_int_equal(set(f, SLICE("new")), RESULT_STORED);
    assert_int_equal(get(f, value), RESULT_HIT);
    assert_string_equal(value, "new");
    while (shared_sweep_some(&sweep, f->keeper, &f->table, f->groups, 1)) {
    }
    assert_int_equal(get(f, value), RESULT_HIT);
    assert_int_equal(keeper_purge_prefix(f->keeper, GROUP_DEFAULT, begin, ++f->revision), LARDER_OK);
    while (shared_sweep_some(&sweep, f->keeper, &f->table, f->groups, 1)) {
    }
    look(f);
    assert_int_equal(get(f, value), RESULT_MISS); /* it did not get a newer era */
    shared_sweep_end(&sweep);
}

/* A reload gives the key to another group, which is purged. */
static void what_another_group_has_got_is_purged_with_it(void **state) {
    struct fixture *f = *state;
    struct group_policy other = group_policy_make(SLICE("other"), MAX_ITEM);
    char value[64];

    other.index = GROUP_DEFAULT + 1;
    assert_int_equal(set(f, SLICE("old")), RESULT_STORED);
    f->access.policy = &other;
    assert_int_equal(get(f, value), RESULT_HIT);
    assert_int_equal(keeper_purge(f->keeper, other.index, ++f->revision), LARDER_OK);
    look(f);
    assert_int_equal(get(f, value), RESULT_MISS);
}

/* A key of b's, lost and gained again: what was left of it is not what it is now. */
static void what_an_ownership_left_behind_is_absent(void **state) {
    struct fixture *f = *state;
    char value[64];

    assert_int_equal(set(f, SLICE("old")), RESULT_STORED);
    set_members(f, both, 2);
    look(f);
    assert_int_not_equal(f->view->owners[f->gate.slot], f->view->self);
    set_members(f, alone, 1);
    look(f);
    assert_int_equal(get(f, value), RESULT_MISS);
    assert_int_equal(set(f, SLICE("new")), RESULT_STORED);
    assert_int_equal(get(f, value), RESULT_HIT);
    assert_string_equal(value, "new");
}

static void an_entry_is_given_up_and_put_in_whole(void **state) {
    struct fixture *f = *state;
    const struct peer_stamp stamp = {.give_up = true};
    const struct request r = {.command = COMMAND_GET, .key = KEY, .peer = &stamp};
    struct item item;
    char value[64];

    assert_int_equal(set(f, SLICE("abc")), RESULT_STORED);
    f->reply = (struct reply){.result = RESULT_COUNT};
    memory_give_up(&f->access, &r, &f->reply);
    assert_int_equal(f->reply.result, RESULT_HIT);
    memory_keep_reply(&f->reply);
    item = f->reply.item;
    assert_int_equal(item.client_flags, 9);
    assert_int_equal(item.ttl, ITEM_TTL_FOREVER);
    assert_true(slice_equal(item.value, SLICE("abc")));
    reply_release(&f->reply);
    assert_int_equal(get(f, value), RESULT_MISS);
    item.ttl = 50;
    item.stale = item.win_sent = true;
    item.cas = 1234567;
    item.value = SLICE("abc");
    memory_install(&f->access, 0, KEY, &item);
    {
        const struct request whole = {.command = COMMAND_GET, .key = KEY, .options = REQUEST_MAY_WIN};
        struct reply reply = {.result = RESULT_COUNT};

        memory_get(&f->access, &whole, &reply);
        assert_int_equal(reply.result, RESULT_HIT);
        assert_int_equal(reply.item.cas, 1234567);
        assert_int_equal(reply.item.ttl, 50);
        assert_int_equal(reply.item.client_flags, 9);
        assert_true(reply.item.stale && reply.item.win_sent && !reply.item.won);
        reply_release(&reply);
    }
    /* The numbers go on from there, and nothing is put in over what there is. */
    assert_int_equal(set(f, SLICE("new")), RESULT_STORED);
    assert_true(f->reply.item.cas > 1234567);
    memory_install(&f->access, 0, KEY, &item);
    assert_int_equal(get(f, value), RESULT_HIT);
    assert_string_equal(value, "new");
}

static void nothing_is_put_in_by_an_older_view(void **state) {
    struct fixture *f = *state;
    const struct item item = {.ttl = ITEM_TTL_FOREVER, .value = SLICE("old")};
    char value[64];

    set_members(f, both, 2);
    memory_install(&f->access, 0, KEY, &item);
    assert_int_equal(f->gate.passage, MEMORY_MOVED);
    look(f);
    assert_int_equal(get(f, value), RESULT_MISS);
}

static void a_placed_value_stays_the_callers_if_the_gate_is_closed(void **state) {
    struct fixture *f = *state;
    struct placed_value placed;
    struct request r = {.command = COMMAND_SET, .key = KEY, .body_size = LARGE};

    assert_true(memory_place(&f->table, KEY, LARGE, NOW, &placed));
    memset(placed.data, 'x', LARGE);
    r.value = slice_make(placed.data, LARGE);
    r.placed = &placed;
    f->gate.inherits = true;
    f->reply = (struct reply){.result = RESULT_COUNT};
    memory_store(&f->access, &r, &f->reply);
    assert_int_equal(f->gate.passage, MEMORY_ABSENT);
    assert_non_null(placed.segment);
    f->gate.inherits = false;
    memory_store(&f->access, &r, &f->reply);
    assert_int_equal(f->reply.result, RESULT_STORED);
    assert_null(placed.segment);
}

/* It can be given up while the lock is somebody else's, and lives on when the entry is gone. */
static void a_kept_reply_holds_no_lock(void **state) {
    static const size_t sizes[] = {0, 5, LARGE};
    struct fixture *f = *state;
    char *bytes = malloc(LARGE);

    memset(bytes, 'v', LARGE);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        const struct request r = {.command = COMMAND_GET, .key = KEY};
        struct reply kept = {.result = RESULT_COUNT};

        assert_int_equal(set(f, slice_make(bytes, sizes[i])), RESULT_STORED);
        memory_get(&f->access, &r, &kept);
        memory_keep_reply(&kept);
        assert_int_equal(set(f, SLICE("other")), RESULT_STORED);
        assert_int_equal(kept.item.value.size, sizes[i]);
        assert_memory_equal(kept.item.value.data, bytes, sizes[i]);
        reply_release(&kept);
    }
    free(bytes);
}

static uint64_t items_of(struct fixture *f) {
    struct table_stats stats;

    table_get_stats(&f->table, &stats);
    return stats.items;
}

/* Purges use eras up; sweeps give them back. */
static void a_sweep_takes_out_what_does_not_count(void **state) {
    struct shared_sweep sweep = {.view = NULL};
    struct fixture *f = *state;
    unsigned sweeps = 0;
    char value[64];

    assert_int_equal(set(f, SLICE("stays")), RESULT_STORED);
    for (int i = 0; i < 4 * KEEPER_ERAS; i++) {
        assert_int_equal(keeper_purge(f->keeper, GROUP_DEFAULT + 1, ++f->revision), LARDER_OK);
        while (shared_sweep_some(&sweep, f->keeper, &f->table, f->groups, 1)) {
            sweeps++;
        }
        look(f);
        assert_false(keeper_must_clear(f->keeper));
    }
    assert_int_equal(get(f, value), RESULT_HIT);
    assert_string_equal(value, "stays");
    assert_true(sweeps > 0);
    assert_int_equal(keeper_purge(f->keeper, KEEPER_GROUPS, ++f->revision), LARDER_OK);
    for (int i = 0; i < 2 * KEEPER_ERAS && items_of(f) > 0; i++) {
        assert_int_equal(keeper_purge(f->keeper, GROUP_DEFAULT + 1, ++f->revision), LARDER_OK);
        while (shared_sweep_some(&sweep, f->keeper, &f->table, f->groups, 1)) {
        }
    }
    assert_int_equal(items_of(f), 0);
    shared_sweep_end(&sweep);
}

/* A sweep renews the era of what counts: not of what it was told by a reload to be another group's, which was purged. */
static void a_sweep_knows_whose_a_key_is_now(void **state) {
    struct group_policy other = group_policy_make(SLICE("other"), MAX_ITEM);
    struct shared_sweep sweep = {.view = NULL};
    struct fixture *f = *state;
    const struct request r = {.command = COMMAND_SET, .key = SLICE("other/key"), .value = SLICE("old"), .body_size = 3};
    struct group_set *groups;

    f->gate.slot = ring_slot(r.key);
    memory_store(&f->access, &r, &f->reply);
    assert_int_equal(f->reply.result, RESULT_STORED);
    assert_int_equal(set(f, SLICE("stays")), RESULT_STORED);
    assert_int_equal(group_set_build(&other, 1, MAX_ITEM, f->groups, &groups), LARDER_OK);
    assert_int_equal(keeper_purge(f->keeper, GROUP_DEFAULT + 1, ++f->revision), LARDER_OK);
    while (shared_sweep_some(&sweep, f->keeper, &f->table, groups, 1)) {
    }
    assert_int_equal(items_of(f), 1);
    shared_sweep_end(&sweep);
    group_set_free(groups);
}

static void choose_key(void) {
    const struct slice names[] = {SLICE("a"), SLICE("b")};
    struct ring *ring;
    int number = 0;

    if (ring_new(names, 2, NULL, &ring) != LARDER_OK) {
        abort();
    }
    do {
        snprintf(key_of_b, sizeof(key_of_b), "key%d", number++);
    } while (ring_owner(ring, ring_slot(KEY)) != 1);
    ring_free(ring);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_done_by_an_older_view, setup, teardown),
        cmocka_unit_test_setup_teardown(who_inherits_does_nothing_with_what_is_absent, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_purged_is_absent, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_purged_by_a_prefix_is_absent, setup, teardown),
        cmocka_unit_test_setup_teardown(what_another_group_has_got_is_purged_with_it, setup, teardown),
        cmocka_unit_test_setup_teardown(what_an_ownership_left_behind_is_absent, setup, teardown),
        cmocka_unit_test_setup_teardown(an_entry_is_given_up_and_put_in_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_put_in_by_an_older_view, setup, teardown),
        cmocka_unit_test_setup_teardown(a_placed_value_stays_the_callers_if_the_gate_is_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_kept_reply_holds_no_lock, setup, teardown),
        cmocka_unit_test_setup_teardown(a_sweep_takes_out_what_does_not_count, setup, teardown),
        cmocka_unit_test_setup_teardown(a_sweep_knows_whose_a_key_is_now, setup, teardown),
    };

    choose_key();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
