/* SPDX-License-Identifier: Apache-2.0 */
#include "member.h"

/* Lease. */

static void answer_grant(struct round *round) {
    Etcdserverpb__ResponseHeader header;
    Etcdserverpb__LeaseGrantResponse response = ETCDSERVERPB__LEASE_GRANT_RESPONSE__INIT;

    if (round->error != ETCD_OK) {
        call_finish(round->call, round->error);
        return;
    }
    call_header(round->call, &header);
    response.header = &header;
    response.id = round->result.lease;
    response.ttl = round->result.ttl;
    call_answer(round->call, &response.base);
}

void member_lease_grant(struct call *call, const Etcdserverpb__LeaseGrantRequest *request) {
    const struct store_op op = {.kind = STORE_OP_LEASE_GRANT, .lease = {.id = request->id, .ttl = request->ttl}};

    round_begin(call, &op, answer_grant);
}

static void answer_revoke(struct round *round) {
    Etcdserverpb__ResponseHeader header;
    Etcdserverpb__LeaseRevokeResponse response = ETCDSERVERPB__LEASE_REVOKE_RESPONSE__INIT;

    if (round->error != ETCD_OK) {
        call_finish(round->call, round->error);
        return;
    }
    call_header(round->call, &header);
    response.header = &header;
    call_answer(round->call, &response.base);
}

void member_lease_revoke(struct call *call, const Etcdserverpb__LeaseRevokeRequest *request) {
    const struct store_op op = {.kind = STORE_OP_LEASE_REVOKE, .lease = {.id = request->id}};

    round_begin(call, &op, answer_revoke);
}

/* The stream ends with what is wrong. */
static void answer_keep_alive(struct round *round) {
    Etcdserverpb__ResponseHeader header;
    Etcdserverpb__LeaseKeepAliveResponse response = ETCDSERVERPB__LEASE_KEEP_ALIVE_RESPONSE__INIT;

    if (round->error != ETCD_OK) {
        call_finish(round->call, round->error);
        return;
    }
    call_header(round->call, &header);
    response.header = &header;
    response.id = round->result.lease;
    response.ttl = round->result.ttl < 0 ? 0 : round->result.ttl;
    call_send(round->call, &response.base);
}

void member_lease_keep_alive(struct call *call, const Etcdserverpb__LeaseKeepAliveRequest *request) {
    const struct store_op op = {.kind = STORE_OP_LEASE_KEEP_ALIVE, .lease = {.id = request->id}};

    round_begin(call, &op, answer_keep_alive);
}

static void answer_time_to_live(struct round *round) {
    Etcdserverpb__ResponseHeader header;
    Etcdserverpb__LeaseTimeToLiveResponse response = ETCDSERVERPB__LEASE_TIME_TO_LIVE_RESPONSE__INIT;

    if (round->error != ETCD_OK) {
        call_finish(round->call, round->error);
        return;
    }
    call_header(round->call, &header);
    response.header = &header;
    response.id = round->result.lease;
    response.ttl = round->result.ttl;
    response.grantedttl = round->result.granted_ttl;
    call_answer(round->call, &response.base);
}

void member_lease_time_to_live(struct call *call, const Etcdserverpb__LeaseTimeToLiveRequest *request) {
    const struct store_op op = {.kind = STORE_OP_LEASE_TTL, .lease = {.id = request->id}};

    sim_must(!request->keys);
    round_begin(call, &op, answer_time_to_live);
}

static void answer_leases(struct round *round) {
    const struct mvcc *mvcc = &round->cluster->mvcc;
    Etcdserverpb__ResponseHeader header;
    Etcdserverpb__LeaseLeasesResponse response = ETCDSERVERPB__LEASE_LEASES_RESPONSE__INIT;
    Etcdserverpb__LeaseStatus *leases;

    if (round->error != ETCD_OK) {
        call_finish(round->call, round->error);
        return;
    }
    leases = arena_calloc(&round->call->arena, mvcc->lease_count + 1, sizeof(*leases));
    response.leases = arena_calloc(&round->call->arena, mvcc->lease_count + 1, sizeof(*response.leases));
    sim_must(leases != NULL && response.leases != NULL);
    for (size_t i = 0; i < mvcc->lease_count; i++) {
        etcdserverpb__lease_status__init(&leases[i]);
        leases[i].id = mvcc->leases[i].id;
        response.leases[i] = &leases[i];
    }
    response.n_leases = mvcc->lease_count;
    call_header(round->call, &header);
    response.header = &header;
    call_answer(round->call, &response.base);
}

void member_lease_leases(struct call *call) {
    round_begin(call, &(struct store_op){.kind = STORE_OP_LEASE_LIST}, answer_leases);
}
