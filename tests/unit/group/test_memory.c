/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands mean in a memory group, request by request. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "group/memory.h"

enum { NOW = 100, MAX_ITEM = 4096 };

struct fixture {
    struct table table;
    struct group_policy policy;
    struct memory_access access;
    struct reply reply;
    char value[512]; /* of the last hit */
    bool expired;
    bool cut;
};

static int setup(void **state) {
    const struct table_config config = {.memory = 1 << 20, .max_item = 64 << 10, .seed = 5};
    struct fixture *f = calloc(1, sizeof(*f));

    assert_int_equal(table_init(&f->table, &config), LARDER_OK);
    f->policy = group_policy_make(SLICE("default"), MAX_ITEM);
    f->access = (struct memory_access){
        .table = &f->table, .policy = &f->policy, .now = NOW, .ret_expired = &f->expired, .ret_cut = &f->cut};
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;

    table_fini(&f->table);
    free(f);
    return 0;
}

/* Runs the request and lets go of the reply; a value is copied first. */
static enum result run(struct fixture *f, struct request r) {
    f->reply = (struct reply){.result = RESULT_COUNT};
    f->expired = f->cut = false;
    switch (r.command) {
    case COMMAND_GET:
    case COMMAND_GAT:
        memory_get(&f->access, &r, &f->reply);
        break;
    case COMMAND_DEBUG:
        memory_inspect(&f->access, &r, &f->reply);
        break;
    case COMMAND_TOUCH:
        memory_touch(&f->access, &r, &f->reply);
        break;
    case COMMAND_DELETE:
        memory_delete(&f->access, &r, &f->reply);
        break;
    case COMMAND_INCR:
    case COMMAND_DECR:
        memory_arith(&f->access, &r, &f->reply);
        break;
    default:
        r.body_size = (uint32_t)r.value.size;
        memory_store(&f->access, &r, &f->reply);
        break;
    }
    memset(f->value, 0, sizeof(f->value));
    if (f->reply.item.value.data != NULL && f->reply.item.value.size < sizeof(f->value)) {
        memcpy(f->value, f->reply.item.value.data, f->reply.item.value.size);
    }
    reply_release(&f->reply);
    return f->reply.result;
}

static struct request make(enum command command, uint32_t options) {
    return (struct request){.command = command, .options = options, .key = SLICE("k")};
}

static enum result store(struct fixture *f, enum command command, const char *value) {
    struct request r = make(command, command == COMMAND_SET ? REQUEST_EVICT_ON_REFUSAL : 0);

    r.value = slice_from_string(value);
    return run(f, r);
}

static enum result get(struct fixture *f) {
    return run(f, make(COMMAND_GET, 0));
}

static void has(struct fixture *f, const char *value) {
    assert_int_equal(get(f), RESULT_HIT);
    assert_string_equal(f->value, value);
}

static void each_way_to_store(void **state) {
    struct fixture *f = *state;

    assert_int_equal(store(f, COMMAND_REPLACE, "x"), RESULT_NOT_STORED);
    assert_int_equal(store(f, COMMAND_APPEND, "x"), RESULT_NOT_STORED);
    assert_int_equal(store(f, COMMAND_PREPEND, "x"), RESULT_NOT_STORED);
    assert_int_equal(get(f), RESULT_MISS);
    assert_int_equal(store(f, COMMAND_ADD, "one"), RESULT_STORED);
    assert_int_equal(store(f, COMMAND_ADD, "two"), RESULT_NOT_STORED);
    has(f, "one");
    assert_int_equal(store(f, COMMAND_REPLACE, "two"), RESULT_STORED);
    has(f, "two");
    assert_int_equal(store(f, COMMAND_APPEND, " and three"), RESULT_STORED);
    assert_int_equal(store(f, COMMAND_PREPEND, "one, "), RESULT_STORED);
    has(f, "one, two and three");
    assert_int_equal(store(f, COMMAND_SET, ""), RESULT_STORED);
    has(f, "");
    assert_int_equal(store(f, COMMAND_APPEND, ""), RESULT_STORED);
    has(f, "");
}

static void append_keeps_flags_and_life(void **state) {
    struct fixture *f = *state;
    struct request r = make(COMMAND_SET, 0);
    uint64_t cas;

    r.value = SLICE("a");
    r.client_flags = 77;
    r.ttl = 50;
    assert_int_equal(run(f, r), RESULT_STORED);
    cas = f->reply.item.cas;
    assert_int_equal(store(f, COMMAND_APPEND, "b"), RESULT_STORED);
    assert_true(f->reply.item.cas > cas);
    assert_int_equal(run(f, make(COMMAND_GET, REQUEST_NO_BUMP)), RESULT_HIT);
    assert_int_equal(f->reply.item.client_flags, 77);
    assert_int_equal(f->reply.item.ttl, 50);
}

static void compare_and_set(void **state) {
    struct fixture *f = *state;
    struct request r = make(COMMAND_CAS, REQUEST_COMPARE);

    r.value = SLICE("new");
    r.compare = 1;
    assert_int_equal(run(f, r), RESULT_NOT_FOUND);
    assert_int_equal(store(f, COMMAND_SET, "old"), RESULT_STORED);
    r.compare = f->reply.item.cas + 1;
    assert_int_equal(run(f, r), RESULT_EXISTS);
    has(f, "old");
    r.compare = f->reply.item.cas;
    assert_int_equal(run(f, r), RESULT_STORED);
    has(f, "new");
    assert_int_not_equal(f->reply.item.cas, r.compare);
    /* The same again comes too late. */
    assert_int_equal(run(f, r), RESULT_EXISTS);
    r = make(COMMAND_DELETE, REQUEST_COMPARE);
    r.compare = f->reply.item.cas + 1000;
    assert_int_equal(run(f, r), RESULT_EXISTS);
    has(f, "new");
    r.compare = f->reply.item.cas;
    assert_int_equal(run(f, r), RESULT_DELETED);
    assert_int_equal(run(f, r), RESULT_NOT_FOUND);
}

static void a_caller_may_choose_the_cas(void **state) {
    struct fixture *f = *state;
    struct request r = make(COMMAND_SET, REQUEST_SET_CAS);

    r.cas = 123456;
    r.value = SLICE("1");
    assert_int_equal(run(f, r), RESULT_STORED);
    assert_int_equal(get(f), RESULT_HIT);
    assert_int_equal(f->reply.item.cas, 123456);
    r = make(COMMAND_INCR, REQUEST_SET_CAS);
    r.cas = 9;
    r.delta = 1;
    assert_int_equal(run(f, r), RESULT_DONE);
    assert_int_equal(f->reply.item.cas, 9);
    assert_int_equal(get(f), RESULT_HIT);
    assert_int_equal(f->reply.item.cas, 9);
}

/* Pitfall 26: what a writer believes overwritten must not be read. */
static void a_refused_set_removes_the_old_value(void **state) {
    struct fixture *f = *state;
    char *large = calloc(1, MAX_ITEM);
    struct request r = make(COMMAND_SET, REQUEST_EVICT_ON_REFUSAL);

    r.value = slice_make(large, MAX_ITEM);
    assert_int_equal(store(f, COMMAND_SET, "old"), RESULT_STORED);
    assert_int_equal(run(f, r), RESULT_TOO_LARGE);
    assert_int_equal(get(f), RESULT_MISS);
    /* Also when it is turned away before its value came. */
    assert_int_equal(store(f, COMMAND_SET, "old"), RESULT_STORED);
    r.body_size = MAX_ITEM;
    memory_refuse(&f->access, &r);
    assert_int_equal(get(f), RESULT_MISS);
    /* Other writers are told that nothing happened, and nothing did. */
    assert_int_equal(store(f, COMMAND_SET, "old"), RESULT_STORED);
    r.command = COMMAND_ADD;
    r.options = 0;
    assert_int_equal(run(f, r), RESULT_TOO_LARGE);
    memory_refuse(&f->access, &r);
    has(f, "old");
    r.command = COMMAND_APPEND;
    r.value.size = MAX_ITEM - ENTRY_HEADER_SIZE - 2; /* alone it would fit */
    assert_int_equal(run(f, r), RESULT_NOT_STORED);
    has(f, "old");
    free(large);
}

static void the_largest_item_fits(void **state) {
    struct fixture *f = *state;
    char *large = calloc(1, MAX_ITEM);
    struct request r = make(COMMAND_SET, 0);

    r.value = slice_make(large, MAX_ITEM - ENTRY_HEADER_SIZE - 1);
    assert_int_equal(run(f, r), RESULT_STORED);
    r.value.size++;
    assert_int_equal(run(f, r), RESULT_TOO_LARGE);
    free(large);
}

static void lives_and_policies(void **state) {
    struct fixture *f = *state;
    struct request r = make(COMMAND_SET, 0);
    struct request look = make(COMMAND_GET, REQUEST_NO_BUMP);

    r.value = SLICE("v");
    run(f, r);
    run(f, look);
    assert_int_equal(f->reply.item.ttl, ITEM_TTL_FOREVER);
    r.ttl = -1;
    assert_int_equal(run(f, r), RESULT_STORED);
    assert_int_equal(run(f, look), RESULT_MISS);
    assert_true(f->expired);
    r.ttl = 10;
    run(f, r);
    f->access.now = NOW + 9;
    assert_int_equal(run(f, look), RESULT_HIT);
    assert_int_equal(f->reply.item.ttl, 1);
    f->access.now = NOW + 10;
    assert_int_equal(run(f, look), RESULT_MISS);
    f->access.now = NOW;
    /* The group's own life counts where the client names none, its longest everywhere. */
    f->policy.ttl = 20;
    f->policy.max_ttl = 30;
    r.ttl = 0;
    run(f, r);
    assert_false(f->cut);
    run(f, look);
    assert_int_equal(f->reply.item.ttl, 20);
    r.ttl = 31;
    run(f, r);
    assert_true(f->cut);
    run(f, look);
    assert_int_equal(f->reply.item.ttl, 30);
    r.ttl = 30;
    run(f, r);
    assert_false(f->cut);
    r = make(COMMAND_TOUCH, REQUEST_TOUCH);
    r.ttl = 1000;
    assert_int_equal(run(f, r), RESULT_TOUCHED);
    assert_true(f->cut);
    run(f, look);
    assert_int_equal(f->reply.item.ttl, 30);
    r = make(COMMAND_GAT, REQUEST_TOUCH);
    r.ttl = 5;
    assert_int_equal(run(f, r), RESULT_HIT);
    assert_int_equal(f->reply.item.ttl_before, 30);
    assert_int_equal(f->reply.item.ttl, 5);
    /* A life that would outlast the clock is one without end. */
    f->policy.max_ttl = 0;
    r.ttl = INT64_MAX;
    assert_int_equal(run(f, r), RESULT_HIT);
    run(f, look);
    assert_int_equal(f->reply.item.ttl, ITEM_TTL_FOREVER);
}

static void one_caller_wins_a_vivified_entry(void **state) {
    struct fixture *f = *state;
    struct request r = make(COMMAND_GET, REQUEST_VIVIFY | REQUEST_MAY_WIN);

    r.vivify_ttl = 30;
    assert_int_equal(run(f, r), RESULT_HIT);
    assert_true(f->reply.item.won);
    assert_int_equal(f->reply.item.value.size, 0);
    assert_int_equal(f->reply.item.ttl, 30);
    assert_int_equal(run(f, r), RESULT_HIT);
    assert_false(f->reply.item.won);
    assert_true(f->reply.item.win_sent);
    /* Filling it ends the contest. */
    assert_int_equal(store(f, COMMAND_SET, "filled"), RESULT_STORED);
    assert_int_equal(run(f, r), RESULT_HIT);
    assert_false(f->reply.item.won || f->reply.item.win_sent);
    assert_string_equal(f->value, "filled");
}

static void an_invalidated_entry_is_served_stale(void **state) {
    struct fixture *f = *state;
    struct request look = make(COMMAND_GET, REQUEST_MAY_WIN);
    struct request r = make(COMMAND_DELETE, REQUEST_INVALIDATE | REQUEST_TOUCH);
    uint64_t cas;

    assert_int_equal(store(f, COMMAND_SET, "old"), RESULT_STORED);
    cas = f->reply.item.cas;
    r.ttl = 30;
    assert_int_equal(run(f, r), RESULT_DELETED);
    assert_int_equal(run(f, look), RESULT_HIT);
    assert_true(f->reply.item.stale && f->reply.item.won && !f->reply.item.win_sent);
    assert_int_equal(f->reply.item.ttl, 30);
    assert_true(f->reply.item.cas > cas);
    assert_int_equal(run(f, look), RESULT_HIT);
    assert_true(f->reply.item.stale && !f->reply.item.won && f->reply.item.win_sent);
    assert_string_equal(f->value, "old");
    /* A second invalidation opens the contest again. */
    assert_int_equal(run(f, r), RESULT_DELETED);
    run(f, look);
    assert_true(f->reply.item.won);
    cas = f->reply.item.cas;
    /* A writer with an older cas is late: stored, but stale; an exact one makes it fresh, a newer one is wrong. */
    r = make(COMMAND_CAS, REQUEST_COMPARE | REQUEST_INVALIDATE);
    r.value = SLICE("late");
    r.compare = cas - 1;
    assert_int_equal(run(f, r), RESULT_STORED);
    run(f, look);
    assert_true(f->reply.item.stale);
    assert_string_equal(f->value, "late");
    assert_int_equal(f->reply.item.ttl, 30);
    r.compare = f->reply.item.cas + 1;
    assert_int_equal(run(f, r), RESULT_EXISTS);
    r.compare--;
    r.value = SLICE("fresh");
    assert_int_equal(run(f, r), RESULT_STORED);
    run(f, look);
    assert_false(f->reply.item.stale || f->reply.item.won || f->reply.item.win_sent);
    assert_string_equal(f->value, "fresh");
}

static void an_emptied_entry_stays(void **state) {
    struct fixture *f = *state;
    struct request r = make(COMMAND_DELETE, REQUEST_DROP_VALUE);

    assert_int_equal(run(f, r), RESULT_NOT_FOUND);
    assert_int_equal(store(f, COMMAND_SET, "old"), RESULT_STORED);
    assert_int_equal(run(f, r), RESULT_DELETED);
    has(f, "");
    assert_int_equal(f->reply.item.client_flags, 0);
    assert_int_equal(store(f, COMMAND_SET, "old"), RESULT_STORED);
    r.options |= REQUEST_INVALIDATE;
    assert_int_equal(run(f, r), RESULT_DELETED);
    assert_int_equal(run(f, make(COMMAND_GET, REQUEST_MAY_WIN)), RESULT_HIT);
    assert_true(f->reply.item.stale && f->reply.item.won);
    assert_int_equal(f->reply.item.value.size, 0);
}

static void one_caller_recaches_what_is_about_to_end(void **state) {
    struct fixture *f = *state;
    struct request set = make(COMMAND_SET, 0);
    struct request r = make(COMMAND_GET, REQUEST_MAY_WIN | REQUEST_RECACHE);

    set.value = SLICE("v");
    set.ttl = 30;
    run(f, set);
    r.recache_ttl = 30;
    run(f, r);
    assert_false(f->reply.item.won);
    r.recache_ttl = 31;
    run(f, r);
    assert_true(f->reply.item.won);
    run(f, r);
    assert_true(!f->reply.item.won && f->reply.item.win_sent);
    assert_false(f->reply.item.stale);
    /* A life without end never comes near it. */
    set.ttl = 0;
    run(f, set);
    r.recache_ttl = 1000;
    run(f, r);
    assert_false(f->reply.item.won);
    /* The life before the touch counts, unless the touch came first. */
    set.ttl = 5;
    run(f, set);
    r.options |= REQUEST_TOUCH;
    r.ttl = 100;
    r.recache_ttl = 10;
    run(f, r);
    assert_true(f->reply.item.won);
    run(f, set);
    r.options |= REQUEST_RECACHE_AFTER_TOUCH;
    run(f, r);
    assert_false(f->reply.item.won);
}

static void counts(void **state) {
    static const struct {
        const char *value;
        enum command command;
        uint64_t delta;
        enum result result;
        const char *after;
    } cases[] = {
        {"5", COMMAND_INCR, 10, RESULT_DONE, "15"},
        {"100", COMMAND_DECR, 1, RESULT_DONE, "99 "},
        {"5", COMMAND_DECR, 10, RESULT_DONE, "0"},
        {"18446744073709551615", COMMAND_INCR, 1, RESULT_DONE, "0                   "},
        {"99", COMMAND_INCR, 1, RESULT_DONE, "100"},
        {"7  ", COMMAND_INCR, 1, RESULT_DONE, "8  "},
        {"18446744073709551616", COMMAND_INCR, 1, RESULT_NOT_A_NUMBER, "18446744073709551616"},
        {"-1", COMMAND_INCR, 1, RESULT_NOT_A_NUMBER, "-1"},
        {"1x", COMMAND_INCR, 1, RESULT_NOT_A_NUMBER, "1x"},
        {"", COMMAND_INCR, 1, RESULT_NOT_A_NUMBER, ""},
        {"abc", COMMAND_DECR, 1, RESULT_NOT_A_NUMBER, "abc"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct request r = make(cases[i].command, 0);
        uint64_t cas;

        r.delta = cases[i].delta;
        store(f, COMMAND_SET, cases[i].value);
        cas = f->reply.item.cas;
        if (run(f, r) != cases[i].result) {
            fail_msg("'%s': result %d", cases[i].value, f->reply.result);
        }
        has(f, cases[i].after);
        if (cases[i].result == RESULT_DONE) {
            assert_true(f->reply.item.cas > cas);
        }
    }
}

static void counting_creates_if_asked(void **state) {
    struct fixture *f = *state;
    struct request r = make(COMMAND_INCR, 0);

    r.delta = 3;
    r.initial = 40;
    r.vivify_ttl = 60;
    assert_int_equal(run(f, r), RESULT_NOT_FOUND);
    r.options = REQUEST_VIVIFY;
    assert_int_equal(run(f, r), RESULT_DONE);
    assert_int_equal(f->reply.number, 40);
    assert_int_equal(f->reply.item.ttl, 60);
    assert_int_equal(run(f, r), RESULT_DONE);
    assert_int_equal(f->reply.number, 43);
    has(f, "43");
    r.options = REQUEST_COMPARE;
    r.compare = f->reply.item.cas + 1;
    assert_int_equal(run(f, r), RESULT_EXISTS);
    r.compare = f->reply.item.cas;
    r.options = REQUEST_COMPARE | REQUEST_TOUCH;
    r.ttl = 7;
    has(f, "43");
    r.compare = f->reply.item.cas;
    assert_int_equal(run(f, r), RESULT_DONE);
    assert_int_equal(f->reply.item.ttl, 7);
    assert_int_equal(f->reply.item.ttl_before, 60);
}

static void append_creates_if_asked(void **state) {
    struct fixture *f = *state;
    struct request r = make(COMMAND_APPEND, REQUEST_VIVIFY);

    r.value = SLICE("ab");
    r.vivify_ttl = 9;
    assert_int_equal(run(f, r), RESULT_STORED);
    assert_int_equal(run(f, r), RESULT_STORED);
    has(f, "abab");
    assert_int_equal(run(f, make(COMMAND_GET, REQUEST_NO_BUMP)), RESULT_HIT);
    assert_int_equal(f->reply.item.ttl, 9);
}

static void looking_leaves_no_trace(void **state) {
    struct fixture *f = *state;

    store(f, COMMAND_SET, "v");
    f->access.now = NOW + 5;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(run(f, make(COMMAND_DEBUG, 0)), RESULT_HIT);
        assert_false(f->reply.item.fetched);
        assert_int_equal(f->reply.item.last_access, 5);
    }
    assert_int_equal(run(f, make(COMMAND_GET, REQUEST_NO_BUMP)), RESULT_HIT);
    assert_false(f->reply.item.fetched);
    get(f);
    assert_int_equal(run(f, make(COMMAND_GET, REQUEST_MAY_WIN)), RESULT_HIT);
    assert_true(f->reply.item.fetched);
    assert_int_equal(f->reply.item.last_access, 0);
    assert_int_equal(run(f, make(COMMAND_DELETE, 0)), RESULT_DELETED);
    assert_int_equal(run(f, make(COMMAND_DEBUG, 0)), RESULT_MISS);
}

static void a_hit_holds_its_shard_until_released(void **state) {
    struct fixture *f = *state;
    struct request r = make(COMMAND_GET, 0);
    struct reply reply = {0};

    store(f, COMMAND_SET, "v");
    memory_get(&f->access, &r, &reply);
    assert_int_equal(pthread_mutex_trylock(&f->table.shards[0].lock), EBUSY);
    reply_release(&reply);
    assert_int_equal(pthread_mutex_trylock(&f->table.shards[0].lock), 0);
    pthread_mutex_unlock(&f->table.shards[0].lock);
    reply_release(&reply);
}

static void without_room_the_old_value_goes_too(void **state) {
    enum { SIZE = 600000 }; /* more than half of the table: no entry may take so much */
    struct fixture *f = *state;
    struct request r = make(COMMAND_SET, REQUEST_EVICT_ON_REFUSAL);
    char *value = calloc(1, SIZE);

    f->policy.max_item = SIZE * 2;
    r.value = slice_make(value, SIZE);
    assert_int_equal(store(f, COMMAND_SET, "old"), RESULT_STORED);
    assert_int_equal(run(f, r), RESULT_NO_MEMORY);
    assert_int_equal(get(f), RESULT_MISS);
    assert_int_equal(store(f, COMMAND_SET, "old"), RESULT_STORED);
    r.command = COMMAND_REPLACE;
    r.options = 0;
    assert_int_equal(run(f, r), RESULT_NO_MEMORY);
    has(f, "old");
    free(value);
}

/* Values that are on their way, and may never come, leave room for those that do. */
static void placed_values_take_half_the_table_at_most(void **state) {
    enum { HOLDERS = 64, SIZE = 60000 };
    struct fixture *f = *state;
    struct placed_value held[HOLDERS];
    size_t count = 0;
    struct request r = make(COMMAND_SET, 0);
    struct table_stats stats;
    char *value = calloc(1, SIZE);

    assert_true(memory_places(&f->table, SLICE("k"), SIZE));
    assert_false(memory_places(&f->table, SLICE("k"), 100));
    while (count < HOLDERS && memory_place(&f->table, SLICE("w"), SIZE, NOW, &held[count])) {
        memset(held[count].data, 'v', SIZE);
        count++;
    }
    assert_in_range(count, 4, HOLDERS - 1);
    table_get_stats(&f->table, &stats);
    assert_true(stats.memory_large <= stats.memory_limit / 2);
    f->policy.max_item = SIZE * 2;
    r.value = slice_make(value, SIZE);
    assert_int_equal(run(f, r), RESULT_STORED);
    assert_int_equal(run(f, make(COMMAND_DELETE, 0)), RESULT_DELETED);
    for (size_t i = 0; i < count; i++) {
        memory_place_cancel(&held[i]);
        memory_place_cancel(&held[i]);
    }
    table_get_stats(&f->table, &stats);
    assert_int_equal(stats.memory_large, 0);
    free(value);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_way_to_store, setup, teardown),
        cmocka_unit_test_setup_teardown(append_keeps_flags_and_life, setup, teardown),
        cmocka_unit_test_setup_teardown(compare_and_set, setup, teardown),
        cmocka_unit_test_setup_teardown(a_caller_may_choose_the_cas, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refused_set_removes_the_old_value, setup, teardown),
        cmocka_unit_test_setup_teardown(the_largest_item_fits, setup, teardown),
        cmocka_unit_test_setup_teardown(lives_and_policies, setup, teardown),
        cmocka_unit_test_setup_teardown(one_caller_wins_a_vivified_entry, setup, teardown),
        cmocka_unit_test_setup_teardown(an_invalidated_entry_is_served_stale, setup, teardown),
        cmocka_unit_test_setup_teardown(an_emptied_entry_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(one_caller_recaches_what_is_about_to_end, setup, teardown),
        cmocka_unit_test_setup_teardown(counts, setup, teardown),
        cmocka_unit_test_setup_teardown(counting_creates_if_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(append_creates_if_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(looking_leaves_no_trace, setup, teardown),
        cmocka_unit_test_setup_teardown(a_hit_holds_its_shard_until_released, setup, teardown),
        cmocka_unit_test_setup_teardown(without_room_the_old_value_goes_too, setup, teardown),
        cmocka_unit_test_setup_teardown(placed_values_take_half_the_table_at_most, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
