/* SPDX-License-Identifier: Apache-2.0 */
#include "member.h"
#include "rpc/kv_request.h"
#include "rpc/kv_response.h"

/* KV. */

static void answer_range(struct round *round) {
    struct call *call = round->call;
    struct store_result result;
    Etcdserverpb__ResponseHeader header;
    Etcdserverpb__RangeResponse response;

    if (round->error == ETCD_OK) {
        round->error =
            mvcc_range(&round->cluster->mvcc, &round->op.range, member_revision(call->member), &call->arena, &result);
    }
    if (round->error != ETCD_OK) {
        call_finish(call, round->error);
        return;
    }
    sim_must(kv_range_response(&result, &call->arena, &response));
    call_header(call, &header);
    response.header = &header;
    call_answer(call, &response.base);
}

void member_range(struct call *call, const Etcdserverpb__RangeRequest *request) {
    struct store_op op;

    kv_range_op(request, &op);
    if (op.range.serializable) {
        struct round round = {.cluster = call->member->cluster, .call = call, .op = op};

        answer_range(&round);
    } else {
        round_begin(call, &op, answer_range);
    }
}

static void answer_put(struct round *round) {
    struct call *call = round->call;
    Etcdserverpb__ResponseHeader header;
    Etcdserverpb__PutResponse response;

    if (round->error != ETCD_OK) {
        call_finish(call, round->error);
        return;
    }
    sim_must(kv_put_response(&round->result, &call->arena, &response));
    call_header(call, &header);
    header.revision = round->cluster->log[round->index];
    response.header = &header;
    call_answer(call, &response.base);
}

void member_put(struct call *call, const Etcdserverpb__PutRequest *request) {
    struct store_op op;

    kv_put_op(request, &op);
    round_begin(call, &op, answer_put);
}

static void answer_delete(struct round *round) {
    struct call *call = round->call;
    Etcdserverpb__ResponseHeader header;
    Etcdserverpb__DeleteRangeResponse response;

    if (round->error != ETCD_OK) {
        call_finish(call, round->error);
        return;
    }
    sim_must(kv_delete_response(&round->result, &call->arena, &response));
    call_header(call, &header);
    header.revision = round->cluster->log[round->index];
    response.header = &header;
    call_answer(call, &response.base);
}

void member_delete_range(struct call *call, const Etcdserverpb__DeleteRangeRequest *request) {
    struct store_op op;

    kv_delete_op(request, &op);
    round_begin(call, &op, answer_delete);
}

/* One that only reads is run at the member, once that has got far enough. */
static void answer_txn(struct round *round) {
    struct call *call = round->call;
    int64_t revision = round->cluster->log[round->index];
    Etcdserverpb__ResponseHeader header;
    Etcdserverpb__TxnResponse response;

    if (round->error == ETCD_OK && !mvcc_may_change(&round->op)) {
        revision = member_revision(call->member);
        round->error = mvcc_read_txn(&round->cluster->mvcc, &round->op, revision, &call->arena, &round->result);
    }
    if (round->error != ETCD_OK) {
        call_finish(call, round->error);
        return;
    }
    sim_must(kv_txn_response(&round->result, revision, &call->arena, &response));
    call_header(call, &header);
    header.revision = revision;
    response.header = &header;
    call_answer(call, &response.base);
}

void member_txn(struct call *call, const Etcdserverpb__TxnRequest *request) {
    struct store_op op;

    sim_must(kv_txn_op(request, &call->arena, &op));
    round_begin(call, &op, answer_txn);
}

static void answer_compact(struct round *round) {
    Etcdserverpb__ResponseHeader header;
    Etcdserverpb__CompactionResponse response = ETCDSERVERPB__COMPACTION_RESPONSE__INIT;

    if (round->error != ETCD_OK) {
        call_finish(round->call, round->error);
        return;
    }
    call_header(round->call, &header);
    response.header = &header;
    call_answer(round->call, &response.base);
}

void member_compact(struct call *call, const Etcdserverpb__CompactionRequest *request) {
    const struct store_op op = {.kind = STORE_OP_COMPACT, .compact_revision = request->revision};

    round_begin(call, &op, answer_compact);
}
