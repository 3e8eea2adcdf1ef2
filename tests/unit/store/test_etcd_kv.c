/* SPDX-License-Identifier: Apache-2.0 */
#include "etcd_fake.h"

#include "store/etcd/kv.h"

/* Calls, from their submission to their end: answers, and what becomes of those that are lost. */

struct fixture {
    struct etcd_client client;
    struct store_call call;
    unsigned dones;
    Etcdserverpb__ResponseHeader header;
};

static void on_done(struct store_call *call) {
    struct fixture *f = (struct fixture *)(void *)((char *)call - offsetof(struct fixture, call));

    f->dones++;
}

static int setup(void **state) {
    struct fixture *f = test_calloc(1, sizeof(*f));

    fake_init(&f->client);
    f->client.revision = 99;
    etcdserverpb__response_header__init(&f->header);
    f->header.revision = 12;
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;

    store_call_fini(&f->call);
    fake_fini(&f->client);
    test_free(f);
    return 0;
}

/* Submits; the ask that came of it. */
static struct etcd_ask *submit(struct fixture *f, const struct store_op *op, bool retry_unknown) {
    size_t before = f->client.ask_count;

    store_call_fini(&f->call);
    store_call_init(&f->call, on_done);
    f->call.op = *op;
    f->call.retry_unknown = retry_unknown;
    f->call.deadline_ns = 1234;
    f->dones = 0;
    etcd_kv_submit(&f->client, &f->call);
    assert_int_equal(f->dones, 0);
    assert_int_equal(f->client.ask_count, before + 1);
    assert_int_equal(f->client.asks[before]->deadline_ns, 1234);
    assert_int_equal(f->client.asks[before]->member, ETCD_ANY_MEMBER);
    return f->client.asks[before];
}

static void assert_end(struct fixture *f, enum store_status status, bool repeated) {
    assert_int_equal(f->dones, 1);
    assert_int_equal(f->call.status, status);
    assert_int_equal(f->call.repeated, repeated);
    assert_int_equal(f->call.result.kind, f->call.op.kind);
}

static void assert_slice(struct slice got, const char *want) {
    assert_int_equal(got.size, strlen(want));
    assert_memory_equal(got.data, want, got.size);
}

static const struct store_op put = {.kind = STORE_OP_PUT, .put = {.key = SLICE("k"), .value = SLICE("v")}};
static const struct store_op range = {.kind = STORE_OP_RANGE, .range.span.key = SLICE("k")};

/* --- answers --- */

static void fill_kv(Mvccpb__KeyValue *kv, const char *key, const char *value) {
    mvccpb__key_value__init(kv);
    kv->key = etcd_bytes(slice_from_string(key));
    kv->value = etcd_bytes(slice_from_string(value));
    kv->create_revision = 3;
    kv->mod_revision = 5;
    kv->version = 2;
    kv->lease = 8;
}

static void a_range_is_answered(void **state) {
    struct fixture *f = *state;
    Etcdserverpb__RangeResponse r = ETCDSERVERPB__RANGE_RESPONSE__INIT;
    Mvccpb__KeyValue kvs[2];
    Mvccpb__KeyValue *pointers[] = {&kvs[0], &kvs[1]};
    struct etcd_ask *ask = submit(f, &range, false);

    fill_kv(&kvs[0], "k", "v");
    fill_kv(&kvs[1], "l", "");
    r.header = &f->header;
    r.kvs = pointers;
    r.n_kvs = 2;
    r.count = 10;
    r.more = true;
    assert_int_equal(ask->repeat, ETCD_REPEAT);
    fake_answer(ask, &r.base);
    assert_end(f, STORE_OK, false);
    assert_int_equal(f->call.revision, 12);
    assert_int_equal(f->call.result.count, 10);
    assert_true(f->call.result.more);
    assert_int_equal(f->call.result.kv_count, 2);
    assert_slice(f->call.result.kvs[0].key, "k");
    assert_slice(f->call.result.kvs[0].value, "v");
    assert_int_equal(f->call.result.kvs[0].create_revision, 3);
    assert_int_equal(f->call.result.kvs[0].mod_revision, 5);
    assert_int_equal(f->call.result.kvs[0].version, 2);
    assert_int_equal(f->call.result.kvs[0].lease, 8);
    assert_slice(f->call.result.kvs[1].value, "");
}

static void a_put_and_a_delete_are_answered(void **state) {
    struct fixture *f = *state;
    const struct store_op del = {.kind = STORE_OP_DELETE, .delete.span.key = SLICE("k")};
    Etcdserverpb__PutResponse p = ETCDSERVERPB__PUT_RESPONSE__INIT;
    Etcdserverpb__DeleteRangeResponse d = ETCDSERVERPB__DELETE_RANGE_RESPONSE__INIT;
    Mvccpb__KeyValue kv;
    Mvccpb__KeyValue *pointer = &kv;

    fill_kv(&kv, "k", "old");
    p.header = &f->header;
    fake_answer(submit(f, &put, false), &p.base);
    assert_end(f, STORE_OK, false);
    assert_int_equal(f->call.result.kv_count, 0);
    p.prev_kv = &kv;
    fake_answer(submit(f, &put, false), &p.base);
    assert_int_equal(f->call.result.kv_count, 1);
    assert_slice(f->call.result.kvs[0].value, "old");

    d.header = &f->header;
    d.deleted = 4;
    d.prev_kvs = &pointer;
    d.n_prev_kvs = 1;
    fake_answer(submit(f, &del, false), &d.base);
    assert_end(f, STORE_OK, false);
    assert_int_equal(f->call.result.count, 4);
    assert_slice(f->call.result.kvs[0].value, "old");
}

/* A response to a transaction { put, range } with one within it. */
struct txn_answer {
    Etcdserverpb__TxnResponse outer;
    Etcdserverpb__TxnResponse inner;
    Etcdserverpb__ResponseOp ops[3];
    Etcdserverpb__ResponseOp *outer_ops[2];
    Etcdserverpb__ResponseOp *inner_ops[1];
    Etcdserverpb__PutResponse put;
    Etcdserverpb__RangeResponse range;
};

static void fill_txn(struct fixture *f, struct txn_answer *a) {
    etcdserverpb__txn_response__init(&a->outer);
    etcdserverpb__txn_response__init(&a->inner);
    etcdserverpb__put_response__init(&a->put);
    etcdserverpb__range_response__init(&a->range);
    for (size_t i = 0; i < 3; i++) {
        etcdserverpb__response_op__init(&a->ops[i]);
    }
    a->range.count = 6;
    a->ops[0].response_case = ETCDSERVERPB__RESPONSE_OP__RESPONSE_RESPONSE_PUT;
    a->ops[0].response_put = &a->put;
    a->ops[1].response_case = ETCDSERVERPB__RESPONSE_OP__RESPONSE_RESPONSE_TXN;
    a->ops[1].response_txn = &a->inner;
    a->ops[2].response_case = ETCDSERVERPB__RESPONSE_OP__RESPONSE_RESPONSE_RANGE;
    a->ops[2].response_range = &a->range;
    a->outer_ops[0] = &a->ops[0];
    a->outer_ops[1] = &a->ops[1];
    a->inner_ops[0] = &a->ops[2];
    a->outer.header = &f->header;
    a->outer.succeeded = true;
    a->outer.responses = a->outer_ops;
    a->outer.n_responses = 2;
    a->inner.responses = a->inner_ops;
    a->inner.n_responses = 1;
}

static const struct store_op inner_txn_ops[] = {
    {.kind = STORE_OP_PUT, .put.key = SLICE("k")},
    {.kind = STORE_OP_TXN, .txn = {.failure = &range, .failure_count = 1}},
};
static const struct store_op txn = {.kind = STORE_OP_TXN, .txn = {.success = inner_txn_ops, .success_count = 2}};

static void a_transaction_is_answered(void **state) {
    struct fixture *f = *state;
    struct txn_answer a;

    fill_txn(f, &a);
    fake_answer(submit(f, &txn, false), &a.outer.base);
    assert_end(f, STORE_OK, false);
    assert_true(f->call.result.succeeded);
    assert_int_equal(f->call.result.result_count, 2);
    assert_int_equal(f->call.result.results[0].kind, STORE_OP_PUT);
    assert_int_equal(f->call.result.results[1].kind, STORE_OP_TXN);
    assert_false(f->call.result.results[1].succeeded);
    assert_int_equal(f->call.result.results[1].result_count, 1);
    assert_int_equal(f->call.result.results[1].results[0].count, 6);
}

static void answers_to_leases(void **state) {
    struct fixture *f = *state;
    const struct store_op grant = {.kind = STORE_OP_LEASE_GRANT, .lease.ttl = 60};
    const struct store_op alive = {.kind = STORE_OP_LEASE_KEEP_ALIVE, .lease.id = 5};
    const struct store_op ttl = {.kind = STORE_OP_LEASE_TTL, .lease = {.id = 5, .want_keys = true}};
    const struct store_op list = {.kind = STORE_OP_LEASE_LIST};
    Etcdserverpb__LeaseGrantResponse g = ETCDSERVERPB__LEASE_GRANT_RESPONSE__INIT;
    Etcdserverpb__LeaseKeepAliveResponse k = ETCDSERVERPB__LEASE_KEEP_ALIVE_RESPONSE__INIT;
    Etcdserverpb__LeaseTimeToLiveResponse t = ETCDSERVERPB__LEASE_TIME_TO_LIVE_RESPONSE__INIT;
    Etcdserverpb__LeaseLeasesResponse l = ETCDSERVERPB__LEASE_LEASES_RESPONSE__INIT;
    Etcdserverpb__LeaseStatus lease = ETCDSERVERPB__LEASE_STATUS__INIT;
    Etcdserverpb__LeaseStatus *leases[] = {&lease};
    ProtobufCBinaryData key = etcd_bytes(SLICE("key"));
    struct etcd_ask *ask = submit(f, &grant, false);

    g.header = k.header = t.header = l.header = &f->header;
    assert_int_equal(((const Etcdserverpb__LeaseGrantRequest *)ask->request)->id, 7000); /* our choice */
    g.id = 7000;
    g.ttl = 61;
    fake_answer(ask, &g.base);
    assert_end(f, STORE_OK, false);
    assert_int_equal(f->call.result.lease, 7000);
    assert_int_equal(f->call.result.ttl, 61);
    assert_int_equal(f->call.op.lease.id, 0); /* the caller's stays as it was */

    k.id = 5;
    k.ttl = 30;
    fake_answer(submit(f, &alive, false), &k.base);
    assert_end(f, STORE_OK, false);
    assert_int_equal(f->call.result.ttl, 30);
    k.ttl = 0;
    fake_answer(submit(f, &alive, false), &k.base);
    assert_end(f, STORE_LEASE_NOT_FOUND, false);
    k.id = 6;
    k.ttl = 30;
    fake_answer(submit(f, &alive, false), &k.base);
    assert_end(f, STORE_PROTOCOL, false);

    t.id = 5;
    t.ttl = 20;
    t.grantedttl = 60;
    t.keys = &key;
    t.n_keys = 1;
    fake_answer(submit(f, &ttl, false), &t.base);
    assert_end(f, STORE_OK, false);
    assert_int_equal(f->call.result.ttl, 20);
    assert_int_equal(f->call.result.granted_ttl, 60);
    assert_int_equal(f->call.result.count, 1);
    assert_slice(f->call.result.keys[0], "key");

    lease.id = 77;
    l.leases = leases;
    l.n_leases = 1;
    fake_answer(submit(f, &list, false), &l.base);
    assert_end(f, STORE_OK, false);
    assert_int_equal(f->call.result.count, 1);
    assert_int_equal(f->call.result.ids[0], 77);
}

/* A read ends with PROTOCOL; a write was done, whatever its answer says. */
static void answers_that_do_not_fit(void **state) {
    struct fixture *f = *state;
    Etcdserverpb__PutResponse p = ETCDSERVERPB__PUT_RESPONSE__INIT;
    Etcdserverpb__RangeResponse r = ETCDSERVERPB__RANGE_RESPONSE__INIT;
    struct txn_answer a;

    fake_answer(submit(f, &range, false), &r.base); /* no header */
    assert_end(f, STORE_PROTOCOL, false);
    p.header = &f->header;
    fake_answer(submit(f, &range, false), &p.base); /* another type */
    assert_end(f, STORE_PROTOCOL, false);
    fake_answer(submit(f, &range, false), NULL);
    assert_end(f, STORE_PROTOCOL, false);
    r.header = &f->header;
    fake_answer(submit(f, &put, true), &r.base);
    assert_end(f, STORE_UNKNOWN, false);

    fill_txn(f, &a);
    a.outer.n_responses = 1;
    fake_answer(submit(f, &txn, false), &a.outer.base);
    assert_end(f, STORE_UNKNOWN, false);
    fill_txn(f, &a);
    a.inner.succeeded = true; /* that branch is empty */
    fake_answer(submit(f, &txn, false), &a.outer.base);
    assert_end(f, STORE_UNKNOWN, false);
    fill_txn(f, &a);
    a.ops[0].response_case = ETCDSERVERPB__RESPONSE_OP__RESPONSE_RESPONSE_RANGE;
    a.ops[0].response_range = &a.range;
    fake_answer(submit(f, &txn, false), &a.outer.base);
    assert_end(f, STORE_UNKNOWN, false);
    assert_int_equal(f->call.result.result_count, 0);
}

static void an_answer_too_large_for_the_call(void **state) {
    struct fixture *f = *state;
    Etcdserverpb__RangeResponse r = ETCDSERVERPB__RANGE_RESPONSE__INIT;
    struct etcd_ask *ask = submit(f, &range, false);

    r.header = &f->header;
    f->call.arena.limit = 16;
    fake_answer(ask, &r.base);
    assert_end(f, STORE_NO_MEMORY, false);
}

static void what_is_not_supported(void **state) {
    struct fixture *f = *state;
    const enum store_op_kind kinds[] = {STORE_OP_NOTE, STORE_OP_DEFRAGMENT, STORE_OP_NONE};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        store_call_init(&f->call, on_done);
        f->call.op.kind = kinds[i];
        f->dones = 0;
        etcd_kv_submit(&f->client, &f->call);
        assert_end(f, STORE_UNSUPPORTED, false);
    }
    assert_int_equal(f->client.ask_count, 0);
}

static void one_member_alone(void **state) {
    struct fixture *f = *state;

    store_call_init(&f->call, on_done);
    f->call.op = range;
    etcd_kv_submit_to(&f->client, 2, &f->call);
    assert_int_equal(f->client.asks[0]->member, 2);
    fake_refuse(f->client.asks[0], STORE_UNAVAILABLE);
    assert_end(f, STORE_UNAVAILABLE, false);
}

/* --- answers that were lost --- */

static void lose(struct fixture *f, struct etcd_ask *ask, enum store_status last) {
    (void)f;
    ask->repeated = true;
    ask->attempts = 2;
    fake_refuse(ask, last);
}

static void what_is_sent_again(void **state) {
    struct fixture *f = *state;
    const struct store_op all[] = {
        {.kind = STORE_OP_RANGE},
        {.kind = STORE_OP_COMPACT},
        {.kind = STORE_OP_LEASE_GRANT, .lease.id = 3},
        {.kind = STORE_OP_LEASE_REVOKE},
        {.kind = STORE_OP_LEASE_KEEP_ALIVE},
        {.kind = STORE_OP_LEASE_TTL},
        {.kind = STORE_OP_LEASE_LIST},
        {.kind = STORE_OP_TXN, .txn = {.success = &range, .success_count = 1, .failure = &range, .failure_count = 1}},
        {.kind = STORE_OP_PUT},
        {.kind = STORE_OP_DELETE},
        txn,
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct etcd_ask *ask = submit(f, &all[i], false);

        assert_int_equal(ask->repeat, i < 8 ? ETCD_REPEAT : ETCD_REPEAT_NOT);
        fake_refuse(ask, STORE_UNAVAILABLE);
        assert_end(f, STORE_UNAVAILABLE, false); /* it was never sent */
        ask = submit(f, &all[i], true);
        assert_int_equal(ask->repeat, ETCD_REPEAT);
        fake_refuse(ask, STORE_UNKNOWN);
        assert_end(f, STORE_UNKNOWN, false);
    }
}

static void work_that_was_done(void **state) {
    struct fixture *f = *state;
    const struct store_op compact = {.kind = STORE_OP_COMPACT, .compact_revision = 5};
    const struct store_op revoke = {.kind = STORE_OP_LEASE_REVOKE, .lease.id = 5};
    const struct store_op grant = {.kind = STORE_OP_LEASE_GRANT, .lease.ttl = 60};
    const struct store_op grant_5 = {.kind = STORE_OP_LEASE_GRANT, .lease = {.id = 5, .ttl = 60}};

    lose(f, submit(f, &compact, false), STORE_COMPACTED);
    assert_end(f, STORE_OK, true);
    assert_int_equal(f->call.revision, 99);
    lose(f, submit(f, &revoke, false), STORE_LEASE_NOT_FOUND);
    assert_end(f, STORE_OK, true);
    lose(f, submit(f, &grant, false), STORE_LEASE_EXISTS);
    assert_end(f, STORE_OK, true);
    assert_int_equal(f->call.result.lease, 7000);
    assert_int_equal(f->call.result.ttl, 60);
    lose(f, submit(f, &grant_5, false), STORE_LEASE_EXISTS);
    assert_end(f, STORE_UNKNOWN, true);
    lose(f, submit(f, &grant_5, true), STORE_LEASE_EXISTS);
    assert_end(f, STORE_OK, true);

    fake_refuse(submit(f, &compact, false), STORE_COMPACTED); /* by somebody else */
    assert_end(f, STORE_COMPACTED, false);
    fake_refuse(submit(f, &revoke, false), STORE_LEASE_NOT_FOUND);
    assert_end(f, STORE_LEASE_NOT_FOUND, false);
    fake_refuse(submit(f, &grant, false), STORE_LEASE_EXISTS);
    assert_end(f, STORE_LEASE_EXISTS, false);
}

/* What ends in doubt must not look as if nothing had been done. */
static void refused_after_doubt(void **state) {
    struct fixture *f = *state;
    struct etcd_ask *ask;

    lose(f, submit(f, &put, true), STORE_NO_SPACE);
    assert_end(f, STORE_UNKNOWN, true);
    lose(f, submit(f, &put, true), STORE_UNAVAILABLE);
    assert_end(f, STORE_UNKNOWN, true);
    assert_int_equal(f->client.unknowns, 2); /* the client does not know of these by itself */
    lose(f, submit(f, &range, true), STORE_UNAVAILABLE);
    assert_end(f, STORE_UNAVAILABLE, true);

    ask = submit(f, &put, true);
    ask->attempts = 1;
    fake_refuse(ask, STORE_TIMEOUT);
    assert_end(f, STORE_UNKNOWN, false);
    ask = submit(f, &put, true);
    ask->attempts = 0;
    fake_refuse(ask, STORE_TIMEOUT);
    assert_end(f, STORE_TIMEOUT, false);
    ask = submit(f, &put, true);
    ask->attempts = 1;
    fake_refuse(ask, STORE_NO_SPACE);
    assert_end(f, STORE_NO_SPACE, false);
    ask = submit(f, &range, true);
    ask->attempts = 1;
    fake_refuse(ask, STORE_TIMEOUT);
    assert_end(f, STORE_TIMEOUT, false);
}

static const struct store_compare mod_5 = {.span.key = SLICE("k"), .target = STORE_COMPARE_MOD, .number = 5};
static const struct store_op guarded = {
    .kind = STORE_OP_TXN,
    .txn = {.compares = &mod_5, .compare_count = 1, .success = &put, .success_count = 1},
};

static void answer_guarded(struct fixture *f, struct etcd_ask *ask, bool repeated, bool succeeded) {
    struct txn_answer a;

    fill_txn(f, &a);
    a.outer.succeeded = succeeded;
    a.outer.n_responses = succeeded ? 1 : 0;
    ask->repeated = repeated;
    fake_answer(ask, &a.outer.base);
}

static void a_guarded_transaction(void **state) {
    struct fixture *f = *state;
    struct etcd_ask *ask = submit(f, &guarded, false);

    assert_int_equal(ask->repeat, ETCD_REPEAT);
    answer_guarded(f, ask, true, true);
    assert_end(f, STORE_OK, true);
    assert_true(f->call.result.succeeded);
    answer_guarded(f, submit(f, &guarded, false), true, false);
    assert_end(f, STORE_UNKNOWN, true);
    answer_guarded(f, submit(f, &guarded, false), false, false);
    assert_end(f, STORE_OK, false);
    assert_false(f->call.result.succeeded);
    answer_guarded(f, submit(f, &guarded, true), true, false);
    assert_end(f, STORE_OK, true);
}

/* --- which are guarded --- */

static bool is_guarded(struct store_compare compare, const struct store_op *success, const struct store_op *failure) {
    const struct store_txn t = {
        .compares = &compare,
        .compare_count = 1,
        .success = success,
        .success_count = success != NULL,
        .failure = failure,
        .failure_count = failure != NULL,
    };

    return etcd_kv_is_guarded(&t);
}

static void which_are_guarded(void **state) {
    const struct store_op del = {.kind = STORE_OP_DELETE, .delete.span.key = SLICE("k")};
    const struct store_op del_all = {.kind = STORE_OP_DELETE, .delete.span = {SLICE("a"), SLICE("\0")}};
    const struct store_op del_part = {.kind = STORE_OP_DELETE, .delete.span = {SLICE("a"), SLICE("l")}};
    const struct store_op del_other = {.kind = STORE_OP_DELETE, .delete.span = {SLICE("a"), SLICE("k")}};
    const struct store_op put_other = {.kind = STORE_OP_PUT, .put.key = SLICE("other")};
    const struct store_op nested = {.kind = STORE_OP_TXN, .txn = {.success = &put, .success_count = 1}};
    struct store_compare create = {.span.key = SLICE("k"), .target = STORE_COMPARE_CREATE, .number = 5};
    struct store_compare c;

    (void)state;
    assert_true(is_guarded(mod_5, &put, NULL));
    assert_true(is_guarded(mod_5, &put, &range));
    assert_true(is_guarded(mod_5, &del, NULL));
    assert_true(is_guarded(mod_5, &del_all, NULL));
    assert_true(is_guarded(mod_5, &del_part, NULL));
    assert_true(is_guarded(create, &del, NULL));
    assert_false(is_guarded(create, &put, NULL)); /* a put leaves create_revision as it is */
    assert_false(is_guarded(mod_5, &del_other, NULL));
    assert_false(is_guarded(mod_5, &put_other, NULL));
    assert_false(is_guarded(mod_5, &nested, NULL)); /* it may not get there */
    assert_false(is_guarded(mod_5, &put, &put_other));
    assert_false(is_guarded(mod_5, &put, &nested));
    assert_false(is_guarded(mod_5, NULL, NULL));
    c = mod_5;
    c.number = 0; /* absent: so it may be again */
    assert_false(is_guarded(c, &put, NULL));
    c = mod_5;
    c.result = STORE_GREATER;
    assert_false(is_guarded(c, &put, NULL));
    c = mod_5;
    c.span.range_end = SLICE("z");
    assert_false(is_guarded(c, &put, NULL));
    c = mod_5;
    c.target = STORE_COMPARE_VERSION;
    assert_false(is_guarded(c, &put, NULL));
    c.target = STORE_COMPARE_VALUE;
    assert_false(is_guarded(c, &put, NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_range_is_answered, setup, teardown),
        cmocka_unit_test_setup_teardown(a_put_and_a_delete_are_answered, setup, teardown),
        cmocka_unit_test_setup_teardown(a_transaction_is_answered, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_to_leases, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_that_do_not_fit, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_too_large_for_the_call, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_supported, setup, teardown),
        cmocka_unit_test_setup_teardown(one_member_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_sent_again, setup, teardown),
        cmocka_unit_test_setup_teardown(work_that_was_done, setup, teardown),
        cmocka_unit_test_setup_teardown(refused_after_doubt, setup, teardown),
        cmocka_unit_test_setup_teardown(a_guarded_transaction, setup, teardown),
        cmocka_unit_test(which_are_guarded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
