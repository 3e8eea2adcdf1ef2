/* SPDX-License-Identifier: Apache-2.0 */
/* What memcached's commands mean in store groups, over a real store. */
#include "store_harness.h"

#include "group/envelope.h"

static const struct harness_config node = {
    .memory = 8 << 20, .max_item = 64 << 10, .max_line = 64 << 10, .max_output = 1 << 20};

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

static void hears(struct client *c, const char *expected) {
    if (!slice_equal(buf_slice(&c->heard), slice_from_string(expected))) {
        fail_msg("heard \"%.*s\", expected \"%s\"", (int)c->heard.size, c->heard.data, expected);
    }
    c->heard.size = 0;
}

static void says(struct fixture *f, const char *text, const char *expected) {
    client_say_text(&f->c, text);
    hears(&f->c, expected);
}

static void text_commands(void **state) {
    struct fixture *f = *state;

    says(f, "set d/a 5 0 3\r\none\r\ngets d/a\r\n", "STORED\r\nVALUE d/a 5 3 2\r\none\r\nEND\r\n");
    says(f, "add d/a 0 0 1\r\nx\r\nadd d/b 1 0 1\r\nx\r\n", "NOT_STORED\r\nSTORED\r\n");
    says(f, "replace d/c 0 0 1\r\nx\r\nreplace d/b 2 0 1\r\ny\r\n", "NOT_STORED\r\nSTORED\r\n");
    says(f, "append d/c 0 0 1\r\nx\r\nappend d/a 9 0 2\r\n, \r\nprepend d/a 9 0 5\r\nzero,\r\n",
         "NOT_STORED\r\nSTORED\r\nSTORED\r\n");
    says(f, "gets d/a d/b d/c\r\n", "VALUE d/a 5 10 6\r\nzero,one, \r\nVALUE d/b 2 1 4\r\ny\r\nEND\r\n");
    says(f, "cas d/c 0 0 1 1\r\nx\r\ncas d/b 3 0 1 3\r\nx\r\ncas d/b 3 0 1 4\r\nz\r\ncas d/c 0 0 1 0\r\nx\r\n",
         "NOT_FOUND\r\nEXISTS\r\nSTORED\r\nNOT_FOUND\r\n");
    says(f, "gets d/b\r\n", "VALUE d/b 3 1 7\r\nz\r\nEND\r\n");
    says(f, "incr d/n 1\r\nset d/n 4 0 2\r\n99\r\nincr d/n 1\r\ndecr d/n 98\r\ndecr d/n 5\r\nincr d/a 1\r\n",
         "NOT_FOUND\r\nSTORED\r\n100\r\n2\r\n0\r\n"
         "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
    says(f, "get d/n\r\n", "VALUE d/n 4 3\r\n0  \r\nEND\r\n");
    says(f, "touch d/c 0\r\ntouch d/b 0\r\ngats 0 d/b d/c\r\n",
         "NOT_FOUND\r\nTOUCHED\r\nVALUE d/b 3 1 13\r\nz\r\nEND\r\n");
    says(f, "delete d/c\r\ndelete d/b\r\nget d/b\r\n", "NOT_FOUND\r\nDELETED\r\nEND\r\n");
    says(f, "set d/e 0 0 0\r\n\r\nappend d/e 0 0 0\r\n\r\nget d/e\r\nincr d/e 1\r\n",
         "STORED\r\nSTORED\r\nVALUE d/e 0 0\r\n\r\nEND\r\n"
         "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
}

static void meta_commands(void **state) {
    struct fixture *f = *state;

    says(f, "ms d/a 3 F7 c s k Oop\r\none\r\nmg d/a v f c s k t Oop\r\n",
         "HD c2 s3 kd/a Oop\r\nVA 3 f7 c2 s3 kd/a t-1 Oop\r\none\r\n");
    says(f, "mg d/none v\r\nmg d/none v q\r\nmg d/a\r\nmg d/a C2 v c\r\nmg d/a C1 v\r\n",
         "EN\r\nHD\r\nHD c2\r\nVA 3\r\none\r\n");
    says(f, "ms d/a 1 ME\r\nx\r\nms d/b 1 ME\r\nx\r\nms d/c 1 MR\r\nx\r\nms d/b 1 MR F1\r\ny\r\n",
         "NS\r\nHD\r\nNS\r\nHD\r\n");
    says(f, "ms d/c 1 MA\r\nx\r\nms d/c 1 MA N0 F3\r\nx\r\nms d/c 2 MP c s\r\nyz\r\nmg d/c v f\r\n",
         "NS\r\nHD\r\nHD c6 s3\r\nVA 3 f3\r\nyzx\r\n");
    says(f,
         "ms d/c 1 MA C5\r\nx\r\nms d/c 1 MA C6\r\nw\r\nms d/a 1 C9\r\nx\r\nms d/none 1 C9\r\nx\r\nms d/a 3 C2 "
         "c\r\ntwo\r\n",
         "EX\r\nHD\r\nEX\r\nNF\r\nHD c8\r\n");
    says(f, "ma d/n v\r\nma d/n N0 J13 v t c\r\nma d/n D7 v\r\nma d/n MD D30 v c\r\nma d/n C1\r\nma d/n q\r\n",
         "NF\r\nVA 2 t-1 c9\r\n13\r\nVA 2\r\n20\r\nVA 1 c11\r\n0\r\nEX\r\n");
    says(f, "md d/none\r\nmd d/a C1\r\nmd d/a C8 Oz\r\nmg d/a\r\nmd d/c q\r\nmg d/c\r\nmd d/none C1\r\n",
         "NF\r\nEX\r\nHD Oz\r\nEN\r\nEN\r\nNF\r\n");
    says(f, "md d/none x\r\nmd d/b x F9\r\nmg d/b v f\r\n", "NF\r\nHD\r\nVA 0 f9\r\n\r\n");
    says(f, "mg ZC9u b v k\r\nms ZC96 1 b k\r\nz\r\nmg d/z v k\r\n",
         "VA 2 kZC9u b\r\n1 \r\nHD kZC96 b\r\nVA 1 kd/z\r\nz\r\n");
    says(f, "me d/none\r\n", "EN\r\n");
    says(f, "me d/z\r\n", "ME d/z exp=-1 la=0 cas=16 fetch=yes cls=0 size=32\r\n");
}

static void flags_without_a_meaning(void **state) {
    static const char *const lines[] = {"mg d/a N30 v\r\n",    "mg d/a R30 v\r\n",       "mg d/a T0 N30\r\n",
                                        "ms d/a 1 I\r\nx\r\n", "ms d/a 1 C5 I\r\nx\r\n", "md d/a I\r\n",
                                        "md d/a I T30\r\n",    "md d/a x I\r\n",         "ms d/a 1 E5\r\nx\r\n",
                                        "ma d/a E5\r\n",       "md d/a E5\r\n"};
    struct fixture *f = *state;

    says(f, "set d/a 0 0 1\r\n1\r\n", "STORED\r\n");
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        says(f, lines[i], "CLIENT_ERROR this flag has no meaning in a store group\r\n");
    }
    says(f, "gets d/a\r\n", "VALUE d/a 0 1 2\r\n1\r\nEND\r\n");
}

static void our_own_keys_are_refused(void **state) {
    static const char *const keys[] = {"all/", "all//larder/x", "root/larder/", "all//larder/"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        char line[100];

        snprintf(line, sizeof(line), "set %s 0 0 1\r\nx\r\nmg %s v\r\nincr %s 1\r\n", keys[i], keys[i], keys[i]);
        says(f, line,
             "CLIENT_ERROR this key is none that a client may use in a store group\r\n"
             "CLIENT_ERROR this key is none that a client may use in a store group\r\n"
             "CLIENT_ERROR this key is none that a client may use in a store group\r\n");
    }
    says(f, "set all//larder 0 0 1\r\nx\r\nset root/ 0 0 1\r\ny\r\nget all// all//larder\r\n",
         "STORED\r\nSTORED\r\nVALUE all// 0 1\r\ny\r\nVALUE all//larder 0 1\r\nx\r\nEND\r\n");
}

/* --- copies --- */

static void the_second_read_does_not_ask_the_store(void **state) {
    struct fixture *f = *state;
    size_t calls;

    says(f, "set d/a 5 0 1\r\nx\r\nget d/a\r\n", "STORED\r\nVALUE d/a 5 1\r\nx\r\nEND\r\n");
    calls = f->s.store.calls;
    says(f, "get d/a\r\ngets d/a\r\nmg d/a v t f\r\nme d/a\r\n",
         "VALUE d/a 5 1\r\nx\r\nEND\r\nVALUE d/a 5 1 2\r\nx\r\nEND\r\nVA 1 t-1 f5\r\nx\r\n"
         "ME d/a exp=-1 la=0 cas=2 fetch=yes cls=0 size=32\r\n");
    assert_int_equal(f->s.store.calls, calls);
}

static void other_clients_of_the_store_are_seen(void **state) {
    struct fixture *f = *state;
    size_t calls;

    says(f, "set d/a 5 0 1\r\nx\r\nget d/a\r\n", "STORED\r\nVALUE d/a 5 1\r\nx\r\nEND\r\n");
    calls = f->s.store.calls;
    put(&f->s.place, "d/a", "theirs");
    says(f, "gets d/a\r\n", "VALUE d/a 0 6 3\r\ntheirs\r\nEND\r\n");
    assert_int_equal(f->s.store.calls, calls);
    del(&f->s.place, "d/a");
    says(f, "get d/a\r\n", "END\r\n");
    put(&f->s.place, "d/a", "again");
    says(f, "gets d/a\r\n", "VALUE d/a 0 5 5\r\nagain\r\nEND\r\n");
}

static void a_flush_touches_no_durable_data(void **state) {
    struct fixture *f = *state;

    says(f, "set d/a 5 0 1\r\nx\r\nset m 0 0 1\r\ny\r\nget d/a m\r\nflush_all\r\ngets d/a m\r\n",
         "STORED\r\nSTORED\r\nVALUE d/a 5 1\r\nx\r\nVALUE m 0 1\r\ny\r\nEND\r\nOK\r\nVALUE d/a 5 1 2\r\nx\r\nEND\r\n");
}

/* An event comes a moment before the store lets reads find it. */
static void a_copy_that_is_ahead_of_the_store_is_passed_by(void **state) {
    struct fixture *f = *state;
    const struct copies_value ahead = {.value = SLICE("ahead"), .mod_revision = 3};

    says(f, "set d/a 0 0 1\r\nx\r\nget d/a\r\n", "STORED\r\nVALUE d/a 0 1\r\nx\r\nEND\r\n");
    copies_put(&f->s.h.node.durable->copies, SLICE("d/a"), &ahead, HARNESS_NOW);
    says(f, "get d/a\r\n", "VALUE d/a 0 1\r\nx\r\nEND\r\n");
    put(&f->s.place, "other", "revision 3");
    says(f, "get d/a\r\n", "VALUE d/a 0 5\r\nahead\r\nEND\r\n");
}

static void what_is_too_large_for_the_group_is_read_and_not_kept(void **state) {
    struct fixture *f = *state;
    char *value = malloc(100001);
    size_t calls;

    memset(value, 'v', 100000);
    value[100000] = '\0';
    says(f, "set d/a 0 0 1\r\nx\r\nget d/a\r\n", "STORED\r\nVALUE d/a 0 1\r\nx\r\nEND\r\n");
    put(&f->s.place, "d/a", value);
    calls = f->s.store.calls;
    for (int i = 0; i < 2; i++) {
        client_say_text(&f->c, "get d/a\r\n");
        assert_int_equal(f->c.heard.size, strlen("VALUE d/a 0 100000\r\n") + 100000 + strlen("\r\nEND\r\n"));
        f->c.heard.size = 0;
    }
    assert_int_equal(f->s.store.calls, calls + 2);
    says(f, "append d/a 0 0 1\r\nx\r\n", "NOT_STORED\r\n");
    free(value);
}

/* "all/d/a" and "d/a" are one key of the store, and events know it by the second name. */
static void a_key_under_another_group_has_no_copy_by_its_other_name(void **state) {
    struct fixture *f = *state;
    size_t calls;

    says(f, "set all/d/a 0 0 1\r\nx\r\nget all/d/a d/a\r\n",
         "STORED\r\nVALUE all/d/a 0 1\r\nx\r\nVALUE d/a 0 1\r\nx\r\nEND\r\n");
    calls = f->s.store.calls;
    says(f, "get d/a\r\n", "VALUE d/a 0 1\r\nx\r\nEND\r\n");
    assert_int_equal(f->s.store.calls, calls);
    says(f, "set d/a 0 0 1\r\ny\r\nget all/d/a d/a\r\n",
         "STORED\r\nVALUE all/d/a 0 1\r\ny\r\nVALUE d/a 0 1\r\ny\r\nEND\r\n");
    /* Keys that belong to no other group are copied as usual. */
    says(f, "set all/e 0 0 1\r\nx\r\nget all/e\r\n", "STORED\r\nVALUE all/e 0 1\r\nx\r\nEND\r\n");
    calls = f->s.store.calls;
    put(&f->s.place, "e", "y");
    says(f, "get all/e\r\n", "VALUE all/e 0 1\r\ny\r\nEND\r\n");
    assert_int_equal(f->s.store.calls, calls);
}

/* --- in front of a cluster --- */

enum { SECOND = 1000000000 };

/* The group "d" of a node whose last proof is so old; the requests come now. */
static struct group_policy *proven_before(struct fixture *f, int64_t age_ns) {
    struct group_policy *policy = &f->s.h.groups->policies[1];

    assert_string_equal(policy->name, "d");
    f->s.h.node.durable->is_own = false;
    f->s.h.worker.context.now_ns = f->s.now_ns;
    f->s.store.proven_ns = f->s.now_ns - age_ns;
    return policy;
}

/* Reads the key; whether the store was asked for it. */
static bool asks(struct fixture *f) {
    size_t calls = f->s.store.calls;

    says(f, "get d/a\r\n", "VALUE d/a 0 1\r\nx\r\nEND\r\n");
    return f->s.store.calls != calls;
}

static void a_copy_serves_while_its_proof_is_young_enough(void **state) {
    struct fixture *f = *state;
    struct group_policy *policy = proven_before(f, 0);

    says(f, "set d/a 0 0 1\r\nx\r\nget d/a\r\n", "STORED\r\nVALUE d/a 0 1\r\nx\r\nEND\r\n");
    proven_before(f, policy->stale_limit_ns);
    assert_false(asks(f));
    proven_before(f, policy->stale_limit_ns + 1);
    assert_true(asks(f));
    assert_int_equal(f->s.store.max_age_ns, policy->stale_limit_ns);
    f->s.store.proven_ns = INT64_MIN; /* nothing ever was */
    assert_true(asks(f));
    policy->freshness = (struct freshness){.kind = FRESHNESS_MAX_STALE, .max_stale_ns = SECOND};
    proven_before(f, SECOND);
    assert_false(asks(f));
    proven_before(f, SECOND + 1);
    assert_true(asks(f));
    assert_int_equal(f->s.store.max_age_ns, SECOND);
    policy->freshness.max_stale_ns = INT64_MAX;
    assert_false(asks(f));
}

/* However young it is: what was acknowledged after it may not have been told. */
static void a_linearizable_read_is_content_with_no_proof_but_the_engine_s_own(void **state) {
    struct fixture *f = *state;
    struct group_policy *policy = proven_before(f, 0);

    says(f, "set d/a 0 0 1\r\nx\r\nget d/a\r\n", "STORED\r\nVALUE d/a 0 1\r\nx\r\nEND\r\n");
    assert_false(asks(f));
    policy->freshness.kind = FRESHNESS_LINEARIZABLE;
    proven_before(f, 0);
    f->s.store.max_age_ns = -1;
    assert_true(asks(f));
    assert_int_equal(f->s.store.max_age_ns, 0);
    f->s.store.proven_ns = INT64_MAX;
    assert_false(asks(f));
    policy->freshness = (struct freshness){.kind = FRESHNESS_MAX_STALE};
    proven_before(f, 0);
    assert_true(asks(f));
}

/* What changes a value reads it as it is. */
static void an_edit_reads_what_is_there(void **state) {
    struct fixture *f = *state;

    proven_before(f, 0);
    says(f, "set d/a 0 0 1\r\n1\r\nget d/a\r\n", "STORED\r\nVALUE d/a 0 1\r\n1\r\nEND\r\n");
    f->s.store.max_age_ns = -1;
    says(f, "incr d/a 1\r\n", "2\r\n");
    assert_int_equal(f->s.store.max_age_ns, 0);
}

static void past_the_limit_a_read_is_an_error_if_the_cluster_is_away(void **state) {
    struct fixture *f = *state;
    struct group_policy *policy = proven_before(f, 0);

    says(f, "set d/a 0 0 1\r\nx\r\nget d/a\r\n", "STORED\r\nVALUE d/a 0 1\r\nx\r\nEND\r\n");
    f->s.store.fail_reads = STORE_UNAVAILABLE;
    assert_false(asks(f));
    proven_before(f, policy->stale_limit_ns + 1);
    says(f, "get d/a\r\n", "SERVER_ERROR the etcd cluster cannot be reached, and nothing here is fresh enough\r\n");
    f->s.store.fail_reads = STORE_TIMEOUT;
    says(f, "mg d/a v\r\n", "SERVER_ERROR the etcd cluster cannot be reached, and nothing here is fresh enough\r\n");
}

static void early(struct fixture *f, enum kv_event_kind kind, const char *key, const char *value, int64_t revision) {
    const struct kv_event event = {
        .kind = kind,
        .kv = {.key = slice_from_string(key), .value = slice_from_string(value), .mod_revision = revision}};

    f->s.store.observer->early(f->s.store.observer_ctx, &event);
}

/* What is told before its turn is used when its turn has come. */
static void an_early_write_is_asked_of_the_store_until_its_turn(void **state) {
    struct fixture *f = *state;
    size_t calls;

    proven_before(f, 0);
    says(f, "set d/a 0 0 1\r\nx\r\nget d/a\r\n", "STORED\r\nVALUE d/a 0 1\r\nx\r\nEND\r\n");
    early(f, KV_EVENT_PUT, "d/a", "early", 4);
    assert_true(asks(f)); /* the store of this test knows nothing of it yet */
    put(&f->s.place, "other", "revision 3");
    put(&f->s.place, "d/a", "early");
    says(f, "gets d/a\r\n", "VALUE d/a 0 5 4\r\nearly\r\nEND\r\n");
    calls = f->s.store.calls;
    says(f, "gets d/a\r\n", "VALUE d/a 0 5 4\r\nearly\r\nEND\r\n");
    assert_int_equal(f->s.store.calls, calls);
    early(f, KV_EVENT_DELETE, "d/a", "", 5);
    del(&f->s.place, "d/a");
    says(f, "get d/a\r\n", "END\r\n");
}

static void reset(struct fixture *f) {
    f->s.store.observer->reset(f->s.store.observer_ctx);
}

static void a_reset_takes_the_copies_out_and_nothing_else(void **state) {
    struct fixture *f = *state;

    says(f, "set d/a 0 0 1\r\nx\r\nget d/a\r\nset m 0 0 1\r\ny\r\n",
         "STORED\r\nVALUE d/a 0 1\r\nx\r\nEND\r\nSTORED\r\n");
    assert_false(asks(f));
    reset(f);
    says(f, "get m\r\n", "VALUE m 0 1\r\ny\r\nEND\r\n");
    assert_true(asks(f));
    assert_false(asks(f));
}

/* What happens before the first event that is told is never told. */
static void what_was_asked_before_the_first_event_is_not_kept(void **state) {
    struct fixture *f = *state;

    says(f, "set d/a 0 0 1\r\nx\r\n", "STORED\r\n");
    f->s.store.proven_ns = INT64_MIN;
    assert_true(asks(f));
    proven_before(f, 0);
    assert_true(asks(f));
    assert_false(asks(f));
    reset(f);
    f->s.store.proven_ns = INT64_MIN;
    f->s.store.hold_reads = true;
    client_say_text(&f->c, "get d/a\r\n");
    proven_before(f, 0);
    f->s.store.hold_reads = false;
    store_harness_release_all(&f->s);
    hears(&f->c, "VALUE d/a 0 1\r\nx\r\nEND\r\n");
    assert_true(asks(f));
    assert_false(asks(f));
}

/* An answer that was asked for before the reset comes after it. */
static void an_answer_from_before_a_reset_is_not_kept(void **state) {
    struct fixture *f = *state;

    says(f, "set d/a 0 0 1\r\nx\r\n", "STORED\r\n");
    f->s.store.hold_reads = true;
    client_say_text(&f->c, "get d/a\r\n");
    reset(f);
    f->s.store.hold_reads = false;
    store_harness_release_all(&f->s);
    hears(&f->c, "VALUE d/a 0 1\r\nx\r\nEND\r\n");
    assert_true(asks(f));
    assert_false(asks(f));
}

/* --- the envelope --- */

#define MAGIC "\x96larder\x01"

static void raw(struct fixture *f, const char *key, struct slice expected) {
    struct awaited a;

    assert_int_equal(run(&f->s.place, &a, op_get(key)), STORE_OK);
    assert_int_equal(a.call.result.kv_count, 1);
    assert_true(slice_equal(a.call.result.kvs[0].value, expected));
    awaited_end(&a);
}

static void put_raw(struct fixture *f, const char *key, struct slice value) {
    struct awaited a;
    struct store_op op = op_put(key, "");

    op.put.value = value;
    assert_int_equal(run(&f->s.place, &a, op), STORE_OK);
    awaited_end(&a);
}

static void the_envelope_is_there_only_when_it_must_be(void **state) {
    struct fixture *f = *state;

    says(f, "set d/a 0 0 3\r\nabc\r\n", "STORED\r\n");
    raw(f, "d/a", SLICE("abc"));
    says(f, "set d/a 258 0 3\r\nabc\r\n", "STORED\r\n");
    raw(f, "d/a",
        SLICE(MAGIC "\0\0\1\2\0\0\0\3"
                    "abc"));
    says(f, "append d/a 0 0 1\r\nd\r\n", "STORED\r\n");
    raw(f, "d/a",
        SLICE(MAGIC "\0\0\1\2\0\0\0\4"
                    "abcd"));
    says(f, "set d/a 0 0 8\r\n" MAGIC "\r\nget d/a\r\n", "STORED\r\nVALUE d/a 0 8\r\n" MAGIC "\r\nEND\r\n");
    raw(f, "d/a", SLICE(MAGIC "\0\0\0\0\0\0\0\x8" MAGIC));
    says(f, "flush_all\r\nget d/a\r\n", "OK\r\nVALUE d/a 0 8\r\n" MAGIC "\r\nEND\r\n");
}

static void exactly_one_envelope_is_taken_off(void **state) {
    struct fixture *f = *state;

    put_raw(f, "d/a",
            SLICE(MAGIC "\0\0\0\7\0\0\0\3"
                        "abc"));
    says(f, "get d/a\r\n", "VALUE d/a 7 3\r\nabc\r\nEND\r\n");
    /* What only looks like one is a value like any other. */
    put_raw(f, "d/a",
            SLICE(MAGIC "\1\1\1\7\1\1\1\4"
                        "abc"));
    says(f, "get d/a\r\n",
         "VALUE d/a 0 19\r\n" MAGIC "\1\1\1\7\1\1\1\4"
         "abc\r\nEND\r\n");
    put_raw(f, "d/a", SLICE(MAGIC "\1\1\1\7"));
    says(f, "flush_all\r\nget d/a\r\n", "OK\r\nVALUE d/a 0 12\r\n" MAGIC "\1\1\1\7\r\nEND\r\n");
    put_raw(f, "d/a", SLICE(MAGIC "\0\0\0\7\0\0\0\0"));
    says(f, "flush_all\r\nget d/a\r\n", "OK\r\nVALUE d/a 7 0\r\n\r\nEND\r\n");
}

/* Who writes and who reads: memcached, HTTP, and the store itself, as the API of etcd shows it. */
enum who { WHO_MEMCACHED, WHO_HTTP, WHO_STORE, WHO_COUNT };

static void write_as(struct fixture *f, enum who who, uint32_t flags, struct slice value) {
    struct client c;
    char head[128];

    if (who == WHO_STORE) {
        put_raw(f, "d/pair", value);
        return;
    }
    client_init(&c, &f->s.h);
    if (who == WHO_MEMCACHED) {
        snprintf(head, sizeof(head), "set d/pair %u 0 %zu\r\n", flags, value.size);
    } else {
        snprintf(head, sizeof(head), "PUT /d/pair HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n",
                 value.size);
    }
    client_say_text(&c, head);
    client_say(&c, value.data, value.size);
    if (who == WHO_MEMCACHED) {
        client_say_text(&c, "\r\n");
        hears(&c, "STORED\r\n");
    } else {
        assert_true(slice_has_prefix(buf_slice(&c.heard), SLICE("HTTP/1.1 20")));
    }
    client_fini(&c);
}

static void reads_as(struct fixture *f, enum who who, uint32_t flags, struct slice value) {
    struct client c;
    char head[128];

    if (who == WHO_STORE) {
        raw(f, "d/pair", value);
        return;
    }
    client_init(&c, &f->s.h);
    client_say_text(&c, who == WHO_MEMCACHED ? "get d/pair\r\n" : "GET /d/pair HTTP/1.1\r\nHost: localhost\r\n\r\n");
    if (who == WHO_MEMCACHED) {
        int size = snprintf(head, sizeof(head), "VALUE d/pair %u %zu\r\n", flags, value.size);

        assert_int_equal(c.heard.size, (size_t)size + value.size + strlen("\r\nEND\r\n"));
        assert_memory_equal(c.heard.data, head, (size_t)size);
        assert_memory_equal(c.heard.data + size, value.data, value.size);
    } else {
        assert_true(slice_has_prefix(buf_slice(&c.heard), SLICE("HTTP/1.1 200 ")));
        assert_true(c.heard.size > value.size + 4);
        assert_memory_equal(c.heard.data + c.heard.size - value.size, value.data, value.size);
        assert_memory_equal(c.heard.data + c.heard.size - value.size - 4, "\r\n\r\n", 4);
    }
    client_fini(&c);
}

/* What the bytes in the store are to memcached and HTTP. */
static void all_read(struct fixture *f, struct slice stored) {
    uint32_t flags;
    struct slice content = envelope_open(stored, &flags);

    for (int copied = 0; copied < 2; copied++) {
        reads_as(f, WHO_MEMCACHED, flags, content);
        reads_as(f, WHO_HTTP, flags, content);
        reads_as(f, WHO_STORE, 0, stored);
    }
}

static void nine_pairs_of_writers_and_readers(void **state) {
    static const struct slice values[] = {{"plain", 5}, {MAGIC, 8}, {MAGIC "\0\0\0\7\0\0\0\1x", 17}, {"", 0}};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        for (uint32_t flags = 0; flags < 2; flags++) {
            for (enum who who = 0; who < WHO_COUNT; who++) {
                char stored[64];
                bool wrapped =
                    who != WHO_STORE && ((flags > 0 && who == WHO_MEMCACHED) || values[i].data[0] == MAGIC[0]);

                write_as(f, who, flags, values[i]);
                if (wrapped) {
                    envelope_write(stored, who == WHO_MEMCACHED ? flags : 0, values[i].size);
                    memcpy(stored + ENVELOPE_SIZE, values[i].data, values[i].size);
                    reads_as(f, WHO_MEMCACHED, who == WHO_MEMCACHED ? flags : 0, values[i]);
                    reads_as(f, WHO_HTTP, 0, values[i]);
                }
                all_read(f, wrapped ? slice_make(stored, ENVELOPE_SIZE + values[i].size) : values[i]);
            }
        }
    }
}

/* --- lives --- */

static int64_t lease_count(struct fixture *f) {
    struct awaited a;
    int64_t count;

    assert_int_equal(run(&f->s.place, &a, (struct store_op){.kind = STORE_OP_LEASE_LIST}), STORE_OK);
    count = a.call.result.count;
    awaited_end(&a);
    return count;
}

static int64_t lease_of(struct fixture *f, const char *key) {
    struct awaited a;
    int64_t lease;

    assert_int_equal(run(&f->s.place, &a, op_get(key)), STORE_OK);
    assert_int_equal(a.call.result.kv_count, 1);
    lease = a.call.result.kvs[0].lease;
    awaited_end(&a);
    return lease;
}

static void keys_that_end_together_share_a_lease(void **state) {
    struct fixture *f = *state;

    says(f, "set d/a 0 10 1\r\nx\r\nset d/b 0 10 1\r\nx\r\nadd d/c 0 10 1\r\nx\r\n", "STORED\r\nSTORED\r\nSTORED\r\n");
    assert_int_equal(lease_count(f), 1);
    assert_true(lease_of(f, "d/a") != 0 && lease_of(f, "d/a") == lease_of(f, "d/c"));
    says(f, "set t/a 0 10 1\r\nx\r\nset d/d 0 11 1\r\nx\r\n", "STORED\r\nSTORED\r\n");
    assert_int_equal(lease_count(f), 3);
    store_harness_advance(&f->s, 1);
    says(f, "set d/e 0 10 1\r\nx\r\n", "STORED\r\n"); /* ends with d/d */
    assert_int_equal(lease_count(f), 3);
}

static void the_store_decides_when_a_key_is_over(void **state) {
    struct fixture *f = *state;

    says(f, "set d/a 7 10 1\r\nx\r\nmg d/a v t\r\nget d/a\r\n",
         "STORED\r\nVA 1 t10\r\nx\r\nVALUE d/a 7 1\r\nx\r\nEND\r\n");
    store_harness_advance(&f->s, 4);
    says(f, "mg d/a t\r\nme d/a\r\n", "HD t6\r\nME d/a exp=6 la=0 cas=2 fetch=no cls=0 size=32\r\n");
    store_harness_advance(&f->s, 60);
    says(f, "get d/a\r\n", "VALUE d/a 7 1\r\nx\r\nEND\r\n"); /* nobody has told of its end yet */
    put(&f->s.place, "other", "so that the store looks at its leases");
    says(f, "get d/a\r\nmg d/a t\r\n", "END\r\nEN\r\n");
}

static void what_changes_a_life_and_what_does_not(void **state) {
    struct fixture *f = *state;

    says(f, "set d/a 0 100 1\r\n1\r\nappend d/a 0 0 1\r\n2\r\nincr d/a 1\r\nma d/a t v\r\nmg d/a t\r\n",
         "STORED\r\nSTORED\r\n13\r\nVA 2 t100\r\n14\r\nHD t100\r\n");
    says(f, "touch d/a 200\r\nmg d/a t\r\nmg d/a T300 t v\r\nmg d/a t T400\r\nmg d/a t\r\n",
         "TOUCHED\r\nHD t200\r\nVA 2 t300\r\n14\r\nHD t300\r\nHD t400\r\n");
    says(f, "ma d/a T500 t\r\nma d/a t T600\r\nma d/a T0 t\r\nmg d/a t\r\n",
         "HD t500\r\nHD t500\r\nHD t-1\r\nHD t-1\r\n");
    says(f, "touch d/a 100\r\nset d/a 0 0 1\r\n1\r\nmg d/a t\r\n", "TOUCHED\r\nSTORED\r\nHD t-1\r\n");
    says(f, "touch d/a 100\r\ncas d/a 0 0 1 999\r\n1\r\nmg d/a t\r\ntouch d/a 0\r\nmg d/a t\r\n",
         "TOUCHED\r\nEXISTS\r\nHD t100\r\nTOUCHED\r\nHD t-1\r\n");
    says(f, "ma d/new N50 J1 t\r\nms d/text 1 MA N70\r\nx\r\nmg d/text t\r\nmd d/text x T30\r\nmg d/text t\r\n",
         "HD t50\r\nHD\r\nHD t70\r\nHD\r\nHD t30\r\n");
    says(f, "set d/short 0 1 1\r\nx\r\nmg d/short t\r\nmg d/short T1 t\r\n", "STORED\r\nHD t2\r\nHD t2\r\n");
}

static void the_group_has_its_say(void **state) {
    struct fixture *f = *state;

    says(f, "set t/a 0 0 1\r\n1\r\nmg t/a t\r\nset t/a 0 30 1\r\n1\r\nmg t/a t\r\ntouch t/a 900\r\nmg t/a t\r\n",
         "STORED\r\nHD t60\r\nSTORED\r\nHD t30\r\nTOUCHED\r\nHD t600\r\n");
    assert_int_equal(harness_counter(&f->s.h, COUNTER_LIMIT_MAX_TTL), 1);
}

static void a_life_that_is_over_is_a_delete(void **state) {
    struct fixture *f = *state;

    says(f, "set d/a 0 0 1\r\nx\r\nset d/a 0 -1 1\r\ny\r\nget d/a\r\nset d/a 0 -1 1\r\ny\r\n",
         "STORED\r\nSTORED\r\nEND\r\nSTORED\r\n");
    says(f, "set d/a 0 0 1\r\nx\r\ntouch d/a -1\r\nget d/a\r\ntouch d/a -1\r\n",
         "STORED\r\nTOUCHED\r\nEND\r\nNOT_FOUND\r\n");
    says(f, "set d/a 0 0 1\r\nx\r\ngat -1 d/a\r\nget d/a\r\ngat -1 d/a\r\n",
         "STORED\r\nVALUE d/a 0 1\r\nx\r\nEND\r\nEND\r\nEND\r\n");
    says(f,
         "add d/a 0 -1 1\r\nx\r\nset d/a 0 0 1\r\nx\r\nadd d/a 0 -1 1\r\nx\r\nreplace d/a 0 -1 1\r\nx\r\nget d/a\r\n",
         "STORED\r\nSTORED\r\nNOT_STORED\r\nSTORED\r\nEND\r\n");
    says(f, "set d/a 0 0 1\r\n1\r\nma d/a T-1 v\r\nget d/a\r\n", "STORED\r\nVA 1\r\n2\r\nEND\r\n");
}

static void those_who_need_a_lease_wait_for_the_one_who_asked_first(void **state) {
    struct fixture *f = *state;
    struct client others[2];

    client_init(&others[0], &f->s.h);
    client_init(&others[1], &f->s.h);
    f->s.store.hold_writes = true;
    client_say_text(&f->c, "set d/a 0 10 1\r\nx\r\n");
    client_say_text(&others[0], "set d/b 0 10 1\r\nx\r\n");
    client_say_text(&others[1], "touch d/none 10\r\n");
    assert_int_equal(f->s.store.held_count, 1); /* the grant */
    store_harness_release(&f->s, 0);
    assert_int_equal(f->s.store.held_count, 3);
    store_harness_release_all(&f->s);
    hears(&f->c, "STORED\r\n");
    hears(&others[0], "STORED\r\n");
    hears(&others[1], "NOT_FOUND\r\n");
    assert_int_equal(lease_count(f), 1);
    /* A session that has ended still grants for the others. */
    client_say_text(&others[0], "set d/b 0 20 1\r\nx\r\n");
    client_say_text(&others[1], "set d/c 0 20 1\r\nx\r\n");
    client_fini(&others[0]);
    store_harness_release_all(&f->s);
    hears(&others[1], "STORED\r\n");
    client_fini(&others[1]);
}

static void a_grant_that_fails_is_tried_by_the_next(void **state) {
    struct fixture *f = *state;
    struct client other;

    client_init(&other, &f->s.h);
    f->s.store.hold_writes = true;
    f->s.store.fail = STORE_NO_SPACE;
    client_say_text(&f->c, "set d/a 0 10 1\r\nx\r\n");
    client_say_text(&other, "set d/b 0 10 1\r\nx\r\n");
    f->s.store.fail = STORE_OK;
    store_harness_release_all(&f->s);
    hears(&f->c, "SERVER_ERROR the store is full\r\n");
    hears(&other, "STORED\r\n");
    client_fini(&other);
}

static void a_lease_that_is_gone_is_granted_anew(void **state) {
    struct fixture *f = *state;
    struct awaited a;
    int64_t lease;

    says(f, "set d/a 0 10 1\r\nx\r\n", "STORED\r\n");
    lease = lease_of(f, "d/a");
    assert_int_equal(run(&f->s.place, &a, (struct store_op){.kind = STORE_OP_LEASE_REVOKE, .lease.id = lease}),
                     STORE_OK);
    awaited_end(&a);
    says(f, "get d/a\r\nset d/a 0 10 1\r\nx\r\ntouch d/a 10\r\nma d/n N10 J1\r\n",
         "END\r\nSTORED\r\nTOUCHED\r\nHD\r\n");
    assert_true(lease_of(f, "d/a") != lease);
    assert_int_equal(lease_count(f), 1);
}

/* --- rivals --- */

static void a_rival_makes_it_begin_again(void **state) {
    struct fixture *f = *state;

    says(f, "set d/n 0 0 1\r\n1\r\n", "STORED\r\n");
    f->s.store.rival_key = SLICE("d/n");
    f->s.store.rivals = 3;
    says(f, "incr d/n 5\r\n", "1005\r\n");
    f->s.store.rivals = 3;
    says(f, "append d/n 0 0 1\r\n7\r\n", "STORED\r\n");
    says(f, "get d/n\r\n", "VALUE d/n 0 5\r\n10007\r\nEND\r\n");
    f->s.store.rivals = 1;
    says(f, "cas d/n 0 0 1 9999\r\nx\r\n", "EXISTS\r\n");
}

static void rivals_without_end_are_given_in_to(void **state) {
    struct fixture *f = *state;

    says(f, "set d/n 0 0 1\r\n1\r\n", "STORED\r\n");
    f->s.store.rival_key = SLICE("d/n");
    f->s.store.rivals = SIZE_MAX;
    says(f, "incr d/n 5\r\n", "SERVER_ERROR the key changes too often, nothing was done\r\n");
    f->s.store.rivals = 0;
    says(f, "get d/n\r\n", "VALUE d/n 0 4\r\n1000\r\nEND\r\n");
    assert_int_equal(harness_counter(&f->s.h, COUNTER_LIMIT_STORE_ATTEMPTS), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(text_commands, setup, teardown),
        cmocka_unit_test_setup_teardown(meta_commands, setup, teardown),
        cmocka_unit_test_setup_teardown(flags_without_a_meaning, setup, teardown),
        cmocka_unit_test_setup_teardown(our_own_keys_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(the_second_read_does_not_ask_the_store, setup, teardown),
        cmocka_unit_test_setup_teardown(other_clients_of_the_store_are_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(a_flush_touches_no_durable_data, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copy_that_is_ahead_of_the_store_is_passed_by, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_too_large_for_the_group_is_read_and_not_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_under_another_group_has_no_copy_by_its_other_name, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copy_serves_while_its_proof_is_young_enough, setup, teardown),
        cmocka_unit_test_setup_teardown(a_linearizable_read_is_content_with_no_proof_but_the_engine_s_own, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_edit_reads_what_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(past_the_limit_a_read_is_an_error_if_the_cluster_is_away, setup, teardown),
        cmocka_unit_test_setup_teardown(an_early_write_is_asked_of_the_store_until_its_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reset_takes_the_copies_out_and_nothing_else, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_asked_before_the_first_event_is_not_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_from_before_a_reset_is_not_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(the_envelope_is_there_only_when_it_must_be, setup, teardown),
        cmocka_unit_test_setup_teardown(exactly_one_envelope_is_taken_off, setup, teardown),
        cmocka_unit_test_setup_teardown(nine_pairs_of_writers_and_readers, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_that_end_together_share_a_lease, setup, teardown),
        cmocka_unit_test_setup_teardown(the_store_decides_when_a_key_is_over, setup, teardown),
        cmocka_unit_test_setup_teardown(what_changes_a_life_and_what_does_not, setup, teardown),
        cmocka_unit_test_setup_teardown(the_group_has_its_say, setup, teardown),
        cmocka_unit_test_setup_teardown(a_life_that_is_over_is_a_delete, setup, teardown),
        cmocka_unit_test_setup_teardown(those_who_need_a_lease_wait_for_the_one_who_asked_first, setup, teardown),
        cmocka_unit_test_setup_teardown(a_grant_that_fails_is_tried_by_the_next, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lease_that_is_gone_is_granted_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(a_rival_makes_it_begin_again, setup, teardown),
        cmocka_unit_test_setup_teardown(rivals_without_end_are_given_in_to, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
