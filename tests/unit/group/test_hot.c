/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of hot keys at the gate of the table: nothing changes a key while another node may have a copy of it, and nothing is
 * answered with a copy that was taken back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "group/origin_internal.h"
#include "group/shared_op.h"
#include "telemetry/snapshot.h"

enum { NOW = 100, MAX_ITEM = 1 << 20, HOLDER = 7, OTHER = 8, LEASE_MS = HOT_LEASE_MS_MIN };

#define PREFIX SLICE("/larder/t/nodes/")
#define KEY SLICE("17")
#define LONG_NS (INT64_C(60) * CLOCK_NS_PER_S)

/* Whoever waits to change the key. */
struct waiter {
    struct pending pending;
    struct hot_change change;
};

struct fixture {
    struct table table;
    struct group_set *groups;
    struct keeper *keeper;
    struct keeper_view *view;
    struct hot_node *hot;
    struct pending_queue queue;
    struct hot_changes changes;
    struct hot_revocations revocations;
    struct waiter waiters[2];
    struct memory_gate gate;
    struct memory_access access;
    struct reply reply;
    int64_t revision;
    bool expired;
    bool cut;
};

/* The nodes are a, b and so on, as of the next revision, and the gate goes by what follows. */
static void set_members(struct fixture *f, size_t count) {
    struct membership *members;
    struct buf values[3];
    char keys[3][32];
    struct kv kvs[3];
    size_t bad;

    for (size_t i = 0; i < count; i++) {
        char id[] = {(char)('a' + i), '\0'};
        const struct member member = {
            .id = slice_from_string(id), .address = SLICE("127.0.0.1:1"), .algorithm = RING_ALGORITHM};

        buf_init(&values[i], 4096);
        assert_int_equal(member_record_write(&member, &values[i]), LARDER_OK);
        snprintf(keys[i], sizeof(keys[i]), "/larder/t/nodes/%s", id);
        kvs[i] = (struct kv){.key = slice_from_string(keys[i]),
                             .value = buf_slice(&values[i]),
                             .create_revision = (int64_t)i + 1,
                             .mod_revision = (int64_t)i + 1};
    }
    assert_int_equal(membership_read(PREFIX, kvs, count, f->revision += 10, &members, &bad), LARDER_OK);
    assert_int_equal(keeper_set_membership(f->keeper, members, 1, false, f->revision), LARDER_OK);
    membership_unref(members);
    for (size_t i = 0; i < count; i++) {
        buf_fini(&values[i]);
    }
    keeper_renew(f->keeper, &f->view);
    f->gate = (struct memory_gate){
        .keeper = f->keeper, .view = f->view, .slot = ring_slot(KEY), .hot = f->hot, .revocations = &f->revocations};
}

static enum pending_next stay(struct pending *p) {
    (void)p;
    return PENDING_WAIT;
}

static void make_hot(struct fixture *f, int64_t lease_ns, bool serve_isolated) {
    const struct hot_node_config config = {.table = &f->table,
                                           .keeper = f->keeper,
                                           .start_ns = clock_monotonic_ns() - NOW * CLOCK_NS_PER_S,
                                           .lease_ns = lease_ns,
                                           .bytes = HOT_NODE_BYTES,
                                           .serve_isolated = serve_isolated};

    hot_node_free(f->hot);
    assert_int_equal(hot_node_new(&config, &f->hot), LARDER_OK);
    f->gate.hot = f->hot;
}

static int setup(void **state) {
    const struct table_config table = {.memory = 16 << 20, .max_item = MAX_ITEM, .seed = 5};
    const struct keeper_config config = {.id = SLICE("a"), .lease_ns = 100, .handoff_ns = 1000};
    struct fixture *f = calloc(1, sizeof(*f));

    assert_int_equal(table_init(&f->table, &table), LARDER_OK);
    assert_int_equal(group_set_build(NULL, 0, MAX_ITEM, NULL, &f->groups), LARDER_OK);
    assert_int_equal(keeper_new(&config, &f->keeper), LARDER_OK);
    for (size_t i = 0; i < 2; i++) {
        pending_init(&f->waiters[i].pending, &f->queue, NULL, stay, NULL);
        f->waiters[i].change.pending = &f->waiters[i].pending;
    }
    make_hot(f, LONG_NS, true);
    set_members(f, 2);
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

    for (size_t i = 0; i < 2; i++) {
        hot_change_end(f->hot, &f->waiters[i].change);
    }
    hot_node_free(f->hot);
    keeper_view_unref(f->view);
    keeper_free(f->keeper);
    group_set_free(f->groups);
    table_fini(&f->table);
    free(f);
    return 0;
}

/* --- what is asked of the table --- */

static enum memory_passage run(struct fixture *f, const struct request *r, struct hot_change *change) {
    f->reply = (struct reply){.result = RESULT_COUNT};
    f->gate.change = change;
    shared_act(&f->access, r, &f->reply);
    reply_release(&f->reply);
    return f->gate.passage;
}

static void set(struct fixture *f, struct slice value) {
    const struct request r = {
        .command = COMMAND_SET, .key = KEY, .value = value, .body_size = (uint32_t)value.size, .client_flags = 9};

    assert_int_equal(run(f, &r, NULL), MEMORY_PASSED);
    assert_int_equal(f->reply.result, RESULT_STORED);
}

static int64_t grant_with(struct fixture *f, uint32_t options, const struct peer_stamp *stamp) {
    const struct request r = {.command = COMMAND_GET, .options = options, .key = KEY, .peer = stamp};

    assert_int_equal(run(f, &r, NULL), MEMORY_PASSED);
    return f->reply.copy_ns;
}

static int64_t grant_to(struct fixture *f, int64_t asker) {
    const struct peer_stamp stamp = {.keeps = true, .asker = asker};

    return grant_with(f, REQUEST_PLAIN, &stamp);
}

static void assert_value(struct fixture *f, const char *expected) {
    const struct request r = {.command = COMMAND_GET, .key = KEY};
    struct reply reply = {.result = RESULT_COUNT};

    f->gate.change = NULL;
    memory_get(&f->access, &r, &reply);
    assert_int_equal(f->gate.passage, MEMORY_PASSED);
    if (expected == NULL) {
        assert_int_equal(reply.result, RESULT_MISS);
    } else {
        assert_int_equal(reply.result, RESULT_HIT);
        assert_int_equal(reply.item.value.size, strlen(expected));
        assert_memory_equal(reply.item.value.data, expected, strlen(expected));
    }
    reply_release(&reply);
}

/* What eviction does: the entry goes, and nobody is asked. */
static void evict(struct fixture *f) {
    uint64_t hash = table_hash(&f->table, KEY);
    struct shard *s = table_lock(&f->table, hash);
    struct entry *e = shard_find(s, hash, KEY, NOW, NULL);

    assert_non_null(e);
    shard_remove(s, hash, e);
    table_unlock(s);
}

static void answer(struct fixture *f, const struct hot_revocation *r) {
    hot_node_answered(f->hot, KEY, table_hash(&f->table, KEY), r->holder, r->number);
}

static struct hot_node_counts counts_of(struct fixture *f) {
    struct hot_node_counts counts;

    hot_node_count(f->hot, &counts);
    return counts;
}

/* --- the owner --- */

static void a_copy_is_granted_with_a_plain_hit_alone(void **state) {
    struct fixture *f = *state;
    const struct peer_stamp stranger = {.keeps = true};
    const struct peer_stamp keeps = {.keeps = true, .asker = HOLDER};
    const struct peer_stamp plain = {.asker = HOLDER};
    const struct peer_stamp ahead = {.keeps = true, .asker = HOLDER, .purges = 1};

    assert_int_equal(grant_to(f, HOLDER), 0); /* a miss */
    set(f, SLICE("1"));
    assert_int_equal(grant_with(f, REQUEST_PLAIN, &plain), 0);
    assert_int_equal(grant_with(f, REQUEST_PLAIN, &stranger), 0);
    assert_int_equal(grant_with(f, REQUEST_PLAIN, &ahead), 0);
    assert_int_equal(grant_with(f, REQUEST_WANT_TTL, &keeps), 0);
    assert_int_equal(grant_with(f, REQUEST_MAY_WIN, &keeps), 0);
    assert_int_equal(counts_of(f).ledger.granted, 0);
    assert_int_equal(grant_to(f, HOLDER), LONG_NS);
    assert_int_equal(counts_of(f).ledger.keys, 1);
}

static void a_copy_ends_before_the_entry(void **state) {
    struct fixture *f = *state;
    const struct request r = {.command = COMMAND_SET, .key = KEY, .value = SLICE("1"), .body_size = 1, .ttl = 3};
    int64_t copy_ns;

    assert_int_equal(run(f, &r, NULL), MEMORY_PASSED);
    copy_ns = grant_to(f, HOLDER);
    assert_true(copy_ns > 0 && copy_ns < 3 * CLOCK_NS_PER_S);
}

static void who_has_no_authority_grants_nothing(void **state) {
    struct fixture *f = *state;

    make_hot(f, LONG_NS, false);
    set(f, SLICE("1"));
    assert_int_equal(grant_to(f, HOLDER), 0);
}

#define VALUE(text) .value = SLICE(text), .body_size = sizeof(text) - 1

static const struct peer_stamp giving_up = {.give_up = true};

static const struct {
    const char *name;
    struct request request;
    const char *after; /* NULL: a miss */
} changes[] = {
    {"set", {.command = COMMAND_SET, VALUE("23")}, "23"},
    {"replace", {.command = COMMAND_REPLACE, VALUE("23")}, "23"},
    {"append", {.command = COMMAND_APPEND, VALUE("2")}, "172"},
    {"prepend", {.command = COMMAND_PREPEND, VALUE("2")}, "217"},
    {"cas", {.command = COMMAND_SET, .options = REQUEST_COMPARE, .compare = 1, VALUE("23")}, "23"},
    {"a refused set",
     {.command = COMMAND_SET, .options = REQUEST_EVICT_ON_REFUSAL, .value = SLICE("2"), .body_size = 2 * MAX_ITEM},
     NULL},
    {"touch", {.command = COMMAND_TOUCH, .ttl = -1}, NULL},
    {"gat", {.command = COMMAND_GAT, .options = REQUEST_TOUCH, .ttl = -1}, NULL},
    {"incr", {.command = COMMAND_INCR, .delta = 2}, "19"},
    {"decr", {.command = COMMAND_DECR, .delta = 2}, "15"},
    {"delete", {.command = COMMAND_DELETE}, NULL},
    {"empty", {.command = COMMAND_DELETE, .options = REQUEST_DROP_VALUE}, ""},
    {"give up", {.command = COMMAND_GET, .peer = &giving_up}, NULL},
};

static void each_change_waits_until_the_copy_is_gone(void **state) {
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct request r = changes[i].request;
        struct hot_change *change = &f->waiters[0].change;

        print_message("%s\n", changes[i].name);
        r.key = KEY;
        set(f, SLICE("17"));
        r.compare = f->reply.item.cas;
        assert_int_equal(grant_to(f, HOLDER), LONG_NS);
        assert_int_equal(run(f, &r, NULL), MEMORY_COPIED); /* it could not wait */
        assert_int_equal(run(f, &r, change), MEMORY_COPIED);
        assert_int_equal(f->reply.result, RESULT_COUNT);
        assert_int_equal(f->revocations.count, 1);
        assert_int_equal(f->revocations.list[0].holder, HOLDER);
        assert_value(f, "17");
        assert_int_equal(grant_to(f, OTHER), 0);
        assert_true(pending_queue_is_empty(&f->queue));
        answer(f, &f->revocations.list[0]);
        assert_false(pending_queue_is_empty(&f->queue));
        pending_queue_run(&f->queue);
        assert_int_equal(run(f, &r, change), MEMORY_PASSED);
        assert_true(f->reply.result != RESULT_COUNT);
        assert_value(f, changes[i].after);
        assert_int_equal(counts_of(f).ledger.keys, 0);
    }
}

/* A copy outlives the entry that it was made of. */
static const struct {
    const char *name;
    struct request request;
} of_nothing[] = {
    {"set", {.command = COMMAND_SET, VALUE("23")}},
    {"add", {.command = COMMAND_ADD, VALUE("23")}},
    {"append", {.command = COMMAND_APPEND, .options = REQUEST_VIVIFY, VALUE("23")}},
    {"incr", {.command = COMMAND_INCR, .options = REQUEST_VIVIFY, .initial = 23}},
    {"vivify", {.command = COMMAND_GET, .options = REQUEST_VIVIFY}},
    {"delete", {.command = COMMAND_DELETE}},
    {"give up", {.command = COMMAND_GET, .peer = &giving_up}},
};

static void so_does_a_change_of_what_was_evicted(void **state) {
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(of_nothing) / sizeof(of_nothing[0]); i++) {
        struct request r = of_nothing[i].request;

        print_message("%s\n", of_nothing[i].name);
        r.key = KEY;
        set(f, SLICE("17"));
        assert_int_equal(grant_to(f, HOLDER), LONG_NS);
        evict(f);
        assert_int_equal(run(f, &r, &f->waiters[0].change), MEMORY_COPIED);
        assert_value(f, NULL);
        answer(f, &f->revocations.list[0]);
        pending_queue_run(&f->queue);
        assert_int_equal(run(f, &r, &f->waiters[0].change), MEMORY_PASSED);
    }
}

static void reads_do_not_wait(void **state) {
    struct fixture *f = *state;
    const struct request reads[] = {
        {.command = COMMAND_GET, .key = KEY},
        {.command = COMMAND_GET, .key = KEY, .options = REQUEST_MAY_WIN | REQUEST_RECACHE, .recache_ttl = 10},
        {.command = COMMAND_GET, .key = KEY, .options = REQUEST_VIVIFY},
        {.command = COMMAND_DEBUG, .key = KEY},
    };

    set(f, SLICE("17"));
    assert_int_equal(grant_to(f, HOLDER), LONG_NS);
    for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
        assert_int_equal(run(f, &reads[i], NULL), MEMORY_PASSED);
        assert_int_equal(f->reply.result, RESULT_HIT);
    }
}

static void one_revocation_is_for_all_who_wait(void **state) {
    struct fixture *f = *state;
    const struct request r = {.command = COMMAND_SET, .key = KEY, VALUE("23")};
    struct hot_revocations sent;

    set(f, SLICE("17"));
    assert_int_equal(grant_to(f, HOLDER), LONG_NS);
    assert_int_equal(grant_to(f, OTHER), LONG_NS);
    assert_int_equal(run(f, &r, &f->waiters[0].change), MEMORY_COPIED);
    sent = f->revocations;
    assert_int_equal(sent.count, 2);
    assert_int_equal(run(f, &r, &f->waiters[1].change), MEMORY_COPIED);
    assert_int_equal(f->revocations.count, 0);
    answer(f, &sent.list[0]);
    answer(f, &sent.list[0]);
    assert_true(pending_queue_is_empty(&f->queue));
    answer(f, &sent.list[1]);
    assert_true(f->queue.newest != NULL && f->queue.newest->next != NULL);
    answer(f, &sent.list[1]); /* nobody is posted twice */
    pending_queue_run(&f->queue);
    assert_int_equal(run(f, &r, &f->waiters[1].change), MEMORY_PASSED);
    assert_int_equal(run(f, &r, &f->waiters[0].change), MEMORY_PASSED);
    assert_int_equal(counts_of(f).ledger.answered, 2);
}

static void who_does_not_answer_is_waited_for_as_long_as_his_lease(void **state) {
    struct fixture *f = *state;
    const struct request r = {.command = COMMAND_DELETE, .key = KEY};
    struct hot_change *change = &f->waiters[0].change;
    int64_t due_ns;

    make_hot(f, LEASE_MS * CLOCK_NS_PER_MS, true);
    set(f, SLICE("17"));
    assert_int_equal(grant_to(f, HOLDER), LEASE_MS * CLOCK_NS_PER_MS);
    assert_int_equal(run(f, &r, change), MEMORY_COPIED);
    hot_changes_add(&f->changes, change, INT64_MAX);
    due_ns = hot_changes_due(&f->changes);
    assert_true(due_ns <= clock_monotonic_ns() + hot_node_wait_ns(f->hot));
    hot_changes_expire(&f->changes, f->hot, due_ns - 1);
    assert_true(pending_queue_is_empty(&f->queue));
    hot_changes_expire(&f->changes, f->hot, due_ns);
    assert_false(pending_queue_is_empty(&f->queue));
    assert_int_equal(hot_changes_due(&f->changes), INT64_MAX);
    pending_queue_run(&f->queue);
    while (clock_monotonic_ns() < due_ns) {
    }
    assert_int_equal(run(f, &r, change), MEMORY_PASSED);
    assert_int_equal(f->reply.result, RESULT_DELETED);
    assert_int_equal(counts_of(f).ledger.expired, 1);
}

static void changes_are_due_in_the_order_of_their_ends(void **state) {
    struct hot_changes list = {0};
    struct hot_change waiting[3] = {{.writer.until_ns = 30}, {.writer.until_ns = 10}, {.writer.until_ns = 90}};

    (void)state;
    hot_changes_add(&list, &waiting[0], INT64_MAX);
    hot_changes_add(&list, &waiting[1], INT64_MAX);
    hot_changes_add(&list, &waiting[2], 20);
    assert_ptr_equal(list.first, &waiting[1]);
    assert_ptr_equal(list.first->next, &waiting[2]);
    assert_ptr_equal(list.last, &waiting[0]);
    hot_changes_remove(&list, &waiting[2]);
    hot_changes_remove(&list, &waiting[2]);
    hot_changes_remove(&list, &waiting[1]);
    assert_int_equal(hot_changes_due(&list), 30);
    hot_changes_remove(&list, &waiting[0]);
    assert_null(list.first);
    assert_null(list.last);
}

static void who_gives_up_is_in_nobodys_way(void **state) {
    struct fixture *f = *state;
    const struct request r = {.command = COMMAND_DELETE, .key = KEY};

    set(f, SLICE("17"));
    assert_int_equal(grant_to(f, HOLDER), LONG_NS);
    assert_int_equal(run(f, &r, &f->waiters[0].change), MEMORY_COPIED);
    assert_int_equal(grant_to(f, HOLDER), 0);
    hot_change_end(f->hot, &f->waiters[0].change);
    assert_int_equal(grant_to(f, HOLDER), LONG_NS);
    assert_value(f, "17");
}

static void what_another_gave_up_does_not_replace_what_is_copied(void **state) {
    struct fixture *f = *state;
    const struct item item = {.value = SLICE("old"), .ttl = ITEM_TTL_FOREVER};

    set(f, SLICE("17"));
    assert_int_equal(grant_to(f, HOLDER), LONG_NS);
    evict(f);
    memory_install(&f->access, 1, KEY, &item);
    assert_value(f, NULL);
}

static void an_origins_answer_waits_too(void **state) {
    struct fixture *f = *state;
    static char large[600 << 10];
    const struct slice values[] = {SLICE("23"), slice_make(large, sizeof(large))};
    uint64_t hash = table_hash(&f->table, KEY);

    for (size_t i = 0; i < 2; i++) {
        set(f, SLICE("17"));
        assert_int_equal(grant_to(f, HOLDER), LONG_NS);
        f->gate.change = &f->waiters[0].change;
        assert_int_equal(origin_put(&f->access, KEY, hash, values[i], ENTRY_NEVER, 0, NULL), LARDER_ERROR_CLOSED);
        assert_int_equal(f->gate.passage, MEMORY_COPIED);
        assert_value(f, "17");
        answer(f, &f->revocations.list[0]);
        pending_queue_run(&f->queue);
        f->gate.change = &f->waiters[0].change;
        f->gate.passage = MEMORY_PASSED;
        assert_int_equal(origin_put(&f->access, KEY, hash, values[i], ENTRY_NEVER, 0, NULL), LARDER_OK);
        assert_int_equal(f->gate.passage, MEMORY_PASSED);
    }
}

/* What an origin has answered is copied as long as it is fresh, and no error is. */
static void an_origins_answer_is_copied_while_it_is_fresh(void **state) {
    static const struct {
        enum origin_kind kind;
        unsigned status;
        uint32_t flags;
        bool granted;
    } answers[] = {{ORIGIN_ANSWER, 200, 0, true}, {ORIGIN_ABSENT, 404, 0, true}, {ORIGIN_ERROR, 500, 0, false}};
    struct fixture *f = *state;
    const struct peer_stamp keeps = {.keeps = true, .asker = HOLDER};
    const struct request r = {.command = COMMAND_GET, .key = KEY, .peer = &keeps};
    struct telemetry *telemetry = telemetry_new(1);
    struct origin origin;
    struct origin_worker worker = {.origin = &origin, .telemetry = telemetry_worker(telemetry, 0)};
    const struct origin_access access = {.memory = f->access, .worker = &worker};

    assert_int_equal(origin_init(&origin, &f->table, 0, 1), LARDER_OK);
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        const struct origin_entry entry = {.kind = answers[i].kind,
                                           .status = answers[i].status,
                                           .flags = answers[i].flags,
                                           .asked_ms = origin_now_ms(&origin),
                                           .answered_ms = origin_now_ms(&origin),
                                           .lifetime_ms = 30000};
        char head[ORIGIN_ENTRY_FIXED];
        struct slice value = slice_make(head, origin_entry_write_head(&entry, head));

        f->gate.change = &f->waiters[0].change;
        f->gate.passage = MEMORY_PASSED;
        while (origin_put(&f->access, KEY, table_hash(&f->table, KEY), value, ENTRY_NEVER, 0, NULL) != LARDER_OK) {
            answer(f, &f->revocations.list[0]);
            pending_queue_run(&f->queue);
        }
        f->reply = (struct reply){.result = RESULT_COUNT};
        origin_run(&access, &r, &f->reply);
        assert_int_equal(f->reply.item.head_size, value.size);
        assert_true(answers[i].granted == (f->reply.copy_ns > 0));
        assert_true(f->reply.copy_ns <= 30 * CLOCK_NS_PER_S);
        reply_release(&f->reply);
    }
    origin_fini(&origin);
    telemetry_free(telemetry);
}

/* --- the holder --- */

static void put(struct fixture *f, struct slice value, int64_t sent_ns) {
    const struct item item = {.value = value, .client_flags = 9, .cas = 5};
    struct hot_value *made = hot_value_new(&item, NULL);
    const struct hot_copy copy = {.key = KEY,
                                  .hash = table_hash(&f->table, KEY),
                                  .owner = 2,
                                  .sent_ns = sent_ns,
                                  .lease_ns = LONG_NS,
                                  .serial = f->view->serial,
                                  .value = &made->blob,
                                  .bytes = sizeof(*made) + value.size};

    hot_node_put(f->hot, &copy, f->view);
    blob_unref(&made->blob);
}

/* "": there is none. */
static const char *find(struct fixture *f) {
    static char text[64];
    uint64_t hash = table_hash(&f->table, KEY);
    struct shard *s = table_lock(&f->table, hash);
    const struct hot_value *value = hot_node_find(f->hot, KEY, hash, f->view, clock_monotonic_ns());

    text[0] = '\0';
    if (value != NULL) {
        assert_int_equal(value->client_flags, 9);
        assert_int_equal(value->cas, 5);
        snprintf(text, sizeof(text), "%.*s", (int)value->value.size, value->value.data);
    }
    table_unlock(s);
    return text;
}

static void a_copy_is_found_until_it_is_revoked(void **state) {
    struct fixture *f = *state;
    uint64_t hash = table_hash(&f->table, KEY);
    int64_t sent_ns = clock_monotonic_ns();

    assert_false(hot_node_has_copies(f->hot, hash));
    put(f, SLICE("17"), sent_ns);
    assert_true(hot_node_has_copies(f->hot, hash));
    assert_string_equal(find(f), "17");
    assert_true(hot_node_revoke(f->hot, KEY, hash));
    assert_string_equal(find(f), "");
    assert_false(hot_node_has_copies(f->hot, hash));
    put(f, SLICE("17"), sent_ns); /* the order has overtaken the grant */
    assert_string_equal(find(f), "");
    assert_int_equal(counts_of(f).shelf.late, 1);
    assert_int_equal(counts_of(f).shelf.revoked, 1);
    assert_int_equal(counts_of(f).shelf.served, 1);
}

/* A node that never had a copy remembers it as well. */
static void an_order_that_comes_first_counts(void **state) {
    struct fixture *f = *state;
    int64_t sent_ns = clock_monotonic_ns();

    assert_true(hot_node_revoke(f->hot, KEY, table_hash(&f->table, KEY)));
    put(f, SLICE("17"), sent_ns);
    assert_string_equal(find(f), "");
}

static void another_view_drops_copies(void **state) {
    struct fixture *f = *state;
    const struct keeper_view *before;

    put(f, SLICE("17"), clock_monotonic_ns());
    before = keeper_view_ref(f->view);
    set_members(f, 3);
    assert_string_equal(find(f), "");
    assert_ptr_not_equal(before, f->view);
    keeper_view_unref((struct keeper_view *)(uintptr_t)before);
}

static void a_purge_drops_copies(void **state) {
    struct fixture *f = *state;

    put(f, SLICE("17"), clock_monotonic_ns());
    assert_int_equal(keeper_purge(f->keeper, GROUP_DEFAULT, 1), LARDER_OK);
    assert_string_equal(find(f), ""); /* by the view of before */
    keeper_renew(f->keeper, &f->view);
    assert_string_equal(find(f), "");
}

static void the_owners_link_takes_its_copies_along(void **state) {
    struct fixture *f = *state;

    put(f, SLICE("17"), clock_monotonic_ns());
    hot_node_drop(f->hot, 3);
    assert_string_equal(find(f), "17");
    hot_node_drop(f->hot, 2);
    assert_string_equal(find(f), "");
}

static void who_has_no_authority_serves_no_copies(void **state) {
    struct fixture *f = *state;

    make_hot(f, LONG_NS, false);
    put(f, SLICE("17"), clock_monotonic_ns());
    assert_string_equal(find(f), "");
}

static void a_large_value_is_shared(void **state) {
    struct fixture *f = *state;
    const struct item small = {.value = SLICE("backing")};
    struct hot_value *backing = hot_value_new(&small, NULL);
    struct item item = {.value = backing->value, .client_flags = 9, .cas = 5};
    struct hot_value *made = hot_value_new(&item, &backing->blob);
    const struct hot_copy copy = {.key = KEY,
                                  .hash = table_hash(&f->table, KEY),
                                  .owner = 2,
                                  .sent_ns = clock_monotonic_ns(),
                                  .lease_ns = LONG_NS,
                                  .serial = f->view->serial,
                                  .value = &made->blob,
                                  .bytes = 7};

    assert_ptr_equal(made->value.data, backing->data);
    blob_unref(&backing->blob);
    hot_node_put(f->hot, &copy, f->view);
    blob_unref(&made->blob);
    assert_string_equal(find(f), "backing");
}

/* The owner of all keys, who needs no authority. */
static void own_all(struct fixture *f) {
    const struct keeper_config config = {.id = SLICE("a"), .lease_ns = 100, .handoff_ns = 1000, .serve_isolated = true};

    keeper_view_unref(f->view);
    f->view = NULL;
    keeper_free(f->keeper);
    assert_int_equal(keeper_new(&config, &f->keeper), LARDER_OK);
    make_hot(f, LONG_NS, true);
    set_members(f, 1);
}

/* Nobody would look when the leases are over. */
static void who_comes_when_the_worker_has_ended_waits_for_no_copies(void **state) {
    const struct request r = {.command = COMMAND_DELETE, .key = KEY};
    struct fixture *f = *state;
    const struct group_set *groups = f->groups;
    struct worker_telemetry telemetry;
    struct shared shared = {.timeout_ns = LONG_NS, .value_max = MAX_ITEM};
    struct shared_worker worker = {.shared = &shared, .groups = &groups, .completions = &f->queue, .ended = true};
    struct shared_access a = {
        .memory = f->access, .worker = &worker, .completions = &f->queue, .telemetry = &telemetry};
    struct reply reply = {.result = RESULT_COUNT};

    worker_telemetry_init(&telemetry);
    own_all(f);
    set(f, SLICE("1"));
    assert_int_equal(grant_to(f, HOLDER), LONG_NS);
    assert_int_equal(shared_flights_new(&shared.flights), LARDER_OK);
    shared.keeper = f->keeper;
    shared.hot = f->hot;
    worker.view = f->view;
    a.memory.gate = NULL;
    a.now_ns = clock_monotonic_ns();
    shared_run(&a, &r, &reply);
    assert_int_equal(reply.result, RESULT_UNSETTLED);
    reply_release(&reply);
    assert_int_equal(counts_of(f).ledger.revoking, 0);
    assert_value(f, "1");
    shared_flights_free(shared.flights);
    worker_telemetry_fini(&telemetry);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(a_copy_is_granted_with_a_plain_hit_alone),
        TEST(a_copy_ends_before_the_entry),
        TEST(who_has_no_authority_grants_nothing),
        TEST(each_change_waits_until_the_copy_is_gone),
        TEST(so_does_a_change_of_what_was_evicted),
        TEST(reads_do_not_wait),
        TEST(one_revocation_is_for_all_who_wait),
        TEST(who_does_not_answer_is_waited_for_as_long_as_his_lease),
        TEST(changes_are_due_in_the_order_of_their_ends),
        TEST(who_gives_up_is_in_nobodys_way),
        TEST(what_another_gave_up_does_not_replace_what_is_copied),
        TEST(an_origins_answer_waits_too),
        TEST(an_origins_answer_is_copied_while_it_is_fresh),
        TEST(a_copy_is_found_until_it_is_revoked),
        TEST(an_order_that_comes_first_counts),
        TEST(another_view_drops_copies),
        TEST(a_purge_drops_copies),
        TEST(the_owners_link_takes_its_copies_along),
        TEST(who_has_no_authority_serves_no_copies),
        TEST(a_large_value_is_shared),
        TEST(who_comes_when_the_worker_has_ended_waits_for_no_copies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
