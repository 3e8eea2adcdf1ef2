/* SPDX-License-Identifier: Apache-2.0 */
/* POST /admin/audit: the copies in the table against a real store. */
#include "store_harness.h"

static const struct harness_config node = {
    .memory = 64 << 20, .max_item = 64 << 10, .max_line = 64 << 10, .max_output = 1 << 20};

enum { MANY = 1000 };

struct fixture {
    struct store_harness s;
    struct client c;
};

static int setup(void **state) {
    struct fixture *f = malloc(sizeof(*f));

    store_harness_init(&f->s, &node);
    client_init(&f->c, &f->s.h);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;

    client_fini(&f->c);
    assert_int_equal(atomic_load(&f->s.h.node.durable->memory), 0);
    store_harness_fini(&f->s);
    free(f);
    return 0;
}

/* Lets the worker take all its steps. */
static void settle(struct fixture *f) {
    while (!pending_queue_is_empty(&f->s.h.worker.completions)) {
        session_worker_complete(&f->s.h.worker);
    }
}

static void order(struct client *c) {
    c->heard.size = 0;
    client_say_text(c, "POST /admin/audit HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
}

/* The answer has this status and ends with this body. */
static void hears(struct client *c, unsigned status, const char *body) {
    size_t size = strlen(body);

    assert_int_equal(buf_append(&c->heard, "", 1), LARDER_OK);
    c->heard.size--;
    assert_true(c->heard.size > size + strlen("HTTP/1.1 200"));
    assert_int_equal(strtoul(c->heard.data + strlen("HTTP/1.1 "), NULL, 10), status);
    assert_string_equal(c->heard.data + c->heard.size - size, body);
}

static void finds(struct fixture *f, const char *body) {
    order(&f->c);
    settle(f);
    hears(&f->c, 200, body);
}

static struct entry *find(struct fixture *f, const char *key, struct shard **ret_shard) {
    uint64_t hash = table_hash(&f->s.h.table, slice_from_string(key));

    *ret_shard = table_lock(&f->s.h.table, hash);
    return shard_find(*ret_shard, hash, slice_from_string(key), HARNESS_NOW, NULL);
}

static bool has_copy(struct fixture *f, const char *key) {
    struct shard *s;
    bool found = find(f, key, &s) != NULL;

    table_unlock(s);
    return found;
}

/* What must never be: a copy that no event has changed. */
static void falsify(struct fixture *f, const char *key, uint64_t cas) {
    struct shard *s;
    struct entry *e = find(f, key, &s);

    assert_non_null(e);
    e->cas = cas;
    table_unlock(s);
}

static void nothing_is_compared_with_nothing(void **state) {
    finds(*state, "{\"compared\":0,\"differences\":0,\"keys\":[]}\n");
}

static void what_is_right_is_no_difference(void **state) {
    struct fixture *f = *state;
    struct client memcached;

    client_init(&memcached, &f->s.h);
    for (int i = 0; i < MANY; i++) {
        char text[128];

        snprintf(text, sizeof(text), "set d/%d 0 0 1\r\nx\r\nget d/%d\r\nset m%d 0 0 1\r\ny\r\n", i, i, i);
        client_say_text(&memcached, text);
    }
    finds(f, "{\"compared\":1000,\"differences\":0,\"keys\":[]}\n");
    client_fini(&memcached);
}

static void a_wrong_copy_is_found_and_taken_out(void **state) {
    struct fixture *f = *state;
    struct client memcached;

    client_init(&memcached, &f->s.h);
    client_say_text(&memcached,
                    "set d/a 0 0 1\r\nx\r\nset d/b 0 0 1\r\nx\r\nset root/c 0 0 1\r\nx\r\nset d/d 0 0 1\r\nx\r\n"
                    "get d/a d/b root/c d/d\r\n");
    falsify(f, "d/b", 2);
    finds(f, "{\"compared\":4,\"differences\":1,\"keys\":[{\"key\":\"d/b\"}]}\n");
    assert_false(has_copy(f, "d/b"));
    assert_true(has_copy(f, "d/a"));
    finds(f, "{\"compared\":3,\"differences\":0,\"keys\":[]}\n");
    falsify(f, "root/c", 3);
    finds(f, "{\"compared\":3,\"differences\":1,\"keys\":[{\"key\":\"/c\"}]}\n");
    client_fini(&memcached);
}

/* A copy of a key that is gone, though nobody was told of it. */
static void a_copy_of_what_is_gone_is_found(void **state) {
    struct fixture *f = *state;
    const struct copies_value value = {.value = SLICE("x"), .group = 1, .mod_revision = 2};

    put(&f->s.place, "other", "2");
    copies_fill(&f->s.h.node.durable->copies, SLICE("d/never"), &value, &(struct copies_found){.revision = 2},
                HARNESS_NOW);
    finds(f, "{\"compared\":1,\"differences\":1,\"keys\":[{\"key\":\"d/never\"}]}\n");
}

/* It is told a moment before the store lets it be read: there is nothing to compare it with. */
static void a_copy_that_is_ahead_is_not_compared(void **state) {
    struct fixture *f = *state;
    const struct copies_value value = {.value = SLICE("x"), .group = 1, .mod_revision = 9};

    copies_fill(&f->s.h.node.durable->copies, SLICE("d/a"), &value, &(struct copies_found){.revision = 9}, HARNESS_NOW);
    finds(f, "{\"compared\":0,\"differences\":0,\"keys\":[]}\n");
    assert_true(has_copy(f, "d/a"));
}

/* Somebody changes the key between the look at the copy and the question. */
static void a_copy_that_changes_meanwhile_is_no_difference(void **state) {
    struct fixture *f = *state;
    struct client memcached;

    client_init(&memcached, &f->s.h);
    client_say_text(&memcached, "set d/a 0 0 1\r\nx\r\nget d/a\r\n");
    f->s.store.rival_key = SLICE("d/a");
    f->s.store.rivals = 1;
    finds(f, "{\"compared\":1,\"differences\":0,\"keys\":[]}\n");
    assert_int_equal(f->s.store.rivals, 0);
    assert_true(has_copy(f, "d/a"));
    client_fini(&memcached);
}

/* The store answers as of what this node was not told of yet: so it waits before it calls a copy wrong. */
static void a_node_that_is_behind_is_waited_for(void **state) {
    struct fixture *f = *state;
    struct client memcached;

    client_init(&memcached, &f->s.h);
    client_say_text(&memcached, "set d/a 0 0 1\r\nx\r\nset d/a 0 0 1\r\nx\r\nget d/a\r\n");
    falsify(f, "d/a", 2);
    f->s.store.shown_revision = 2;
    f->s.store.hold_reads = true;
    order(&f->c);
    settle(f);
    assert_int_equal(f->s.store.held_count, 1);
    assert_int_equal(f->s.store.held[0]->op.kind, STORE_OP_RANGE);
    assert_int_equal(f->s.store.held[0]->op.range.max_age_ns, 0);
    assert_true(has_copy(f, "d/a"));
    store_harness_release(&f->s, 0);
    assert_int_equal(f->s.store.held_count, 1); /* once more */
    f->s.store.shown_revision = 0;
    store_harness_release(&f->s, 0);
    settle(f);
    hears(&f->c, 200, "{\"compared\":1,\"differences\":1,\"keys\":[{\"key\":\"d/a\"}]}\n");
    client_fini(&memcached);
}

/* It may never know that it is as far; then a copy that looks wrong is taken out, and that is all. */
static void what_may_only_be_late_is_taken_out_and_not_counted(void **state) {
    struct fixture *f = *state;
    struct client memcached;

    client_init(&memcached, &f->s.h);
    client_say_text(&memcached, "set d/a 0 0 1\r\nx\r\nset d/a 0 0 1\r\nx\r\nget d/a\r\n");
    falsify(f, "d/a", 2);
    f->s.store.shown_revision = 2;
    order(&f->c);
    settle(f);
    hears(&f->c, 200, "{\"compared\":1,\"differences\":0,\"keys\":[]}\n");
    assert_false(has_copy(f, "d/a"));
    client_fini(&memcached);
}

static void one_at_a_time(void **state) {
    struct fixture *f = *state;
    struct client other;

    client_init(&other, &f->s.h);
    f->s.store.hold_writes = true;
    order(&f->c);
    order(&other);
    hears(&other, 503, "an audit is under way already\"}\n");
    store_harness_release_all(&f->s);
    settle(f);
    hears(&f->c, 200, "{\"compared\":0,\"differences\":0,\"keys\":[]}\n");
    f->s.store.hold_writes = false;
    order(&other);
    settle(f);
    hears(&other, 200, "{\"compared\":0,\"differences\":0,\"keys\":[]}\n");
    client_fini(&other);
}

/* Whoever asked is gone: the audit comes to its end all the same, and another one can begin. */
static void nobody_waits_for_it(void **state) {
    struct fixture *f = *state;
    struct client other;

    client_init(&other, &f->s.h);
    f->s.store.hold_writes = true;
    order(&other);
    client_fini(&other);
    store_harness_release_all(&f->s);
    settle(f);
    f->s.store.hold_writes = false;
    finds(f, "{\"compared\":0,\"differences\":0,\"keys\":[]}\n");
}

static void what_the_store_cannot_tell_is_an_error(void **state) {
    struct fixture *f = *state;

    f->s.store.fail = STORE_UNAVAILABLE;
    order(&f->c);
    settle(f);
    hears(&f->c, 503, "the etcd cluster cannot be reached, or this node stays behind it: nothing to compare\"}\n");
    f->s.store.fail = STORE_UNSUPPORTED; /* an engine that keeps nothing itself */
    finds(f, "{\"compared\":0,\"differences\":0,\"keys\":[]}\n");
}

/* --- in the background --- */

static uint64_t counted(struct fixture *f, enum counter counter) {
    return f->s.h.worker.context.telemetry->counters[counter];
}

/* The worker's tick, so many seconds later. */
static void tick(struct fixture *f, uint32_t seconds) {
    store_harness_advance(&f->s, seconds);
    f->s.h.worker.context.now_ns = f->s.now_ns;
    session_worker_tick(&f->s.h.worker);
    settle(f);
}

static void a_patrol_goes_round_slowly(void **state) {
    struct fixture *f = *state;
    struct client memcached;
    unsigned steps = 0;

    client_init(&memcached, &f->s.h);
    for (int i = 0; i < MANY; i++) {
        char text[128];

        snprintf(text, sizeof(text), "set d/%d 0 0 1\r\nx\r\nget d/%d\r\n", i, i);
        client_say_text(&memcached, text);
    }
    tick(f, 1);
    assert_int_equal(counted(f, COUNTER_AUDIT_COMPARED), 0); /* not this worker's business */
    f->s.h.worker.patrols = true;
    falsify(f, "d/500", 2);
    while (counted(f, COUNTER_AUDIT_COMPARED) < MANY) {
        uint64_t before = counted(f, COUNTER_AUDIT_COMPARED);

        tick(f, 1);
        assert_true(counted(f, COUNTER_AUDIT_COMPARED) - before <= STORE_TXN_OPS_MAX);
        tick(f, 0); /* too early */
        steps++;
    }
    assert_true(steps >= MANY / STORE_TXN_OPS_MAX);
    assert_int_equal(counted(f, COUNTER_AUDIT_DIFFERENCES), 1);
    assert_false(has_copy(f, "d/500"));
    finds(f, "{\"compared\":999,\"differences\":0,\"keys\":[]}\n"); /* whoever orders one need not wait for it */
    for (unsigned i = 0; i < steps; i++) {
        tick(f, 1);
    }
    assert_int_equal(counted(f, COUNTER_AUDIT_COMPARED), 1999);
    tick(f, AUDIT_PAUSE_S);
    assert_true(counted(f, COUNTER_AUDIT_COMPARED) > 1999);
    session_worker_end_watches(&f->s.h.worker);
    client_fini(&memcached);
}

/* The node ends in the middle of a round: while it is parked, and while the store has its question. */
static void a_patrol_ends_with_the_node(void **state) {
    struct fixture *f = *state;
    struct client memcached;

    client_init(&memcached, &f->s.h);
    client_say_text(&memcached, "set d/a 0 0 1\r\nx\r\nget d/a\r\n");
    f->s.h.worker.patrols = true;
    tick(f, 1);
    assert_non_null(f->s.h.worker.patrol.audit);
    session_worker_end_watches(&f->s.h.worker);
    assert_null(f->s.h.worker.patrol.audit);
    assert_int_equal(atomic_load(&f->s.h.node.durable->memory), 0);
    f->s.store.hold_writes = true;
    tick(f, 1);
    assert_non_null(f->s.h.worker.patrol.audit);
    tick(f, 1); /* it waits for the answer */
    session_worker_end_watches(&f->s.h.worker);
    session_worker_end_watches(&f->s.h.worker);
    store_harness_release_all(&f->s);
    settle(f);
    assert_int_equal(atomic_load(&f->s.h.node.durable->memory), 0);
    client_fini(&memcached);
}

static void it_is_an_order(void **state) {
    struct fixture *f = *state;

    client_say_text(&f->c, "GET /admin/audit HTTP/1.1\r\nHost: localhost\r\n\r\n");
    hears(&f->c, 405, "this route is an order: use POST\"}\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_compared_with_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_right_is_no_difference, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_copy_is_found_and_taken_out, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copy_of_what_is_gone_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copy_that_is_ahead_is_not_compared, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copy_that_changes_meanwhile_is_no_difference, setup, teardown),
        cmocka_unit_test_setup_teardown(a_node_that_is_behind_is_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(what_may_only_be_late_is_taken_out_and_not_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(one_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_waits_for_it, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_store_cannot_tell_is_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(a_patrol_goes_round_slowly, setup, teardown),
        cmocka_unit_test_setup_teardown(a_patrol_ends_with_the_node, setup, teardown),
        cmocka_unit_test_setup_teardown(it_is_an_order, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
