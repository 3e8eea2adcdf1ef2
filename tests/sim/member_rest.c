/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "connection.h"

/* Which method is whose; Cluster, Maintenance and Auth. */

enum { URL_MAX = 48, DB_BYTES = 1 << 20 };

static Etcdserverpb__Member *describe(const struct member *member, struct arena *arena) {
    Etcdserverpb__Member *ret = arena_calloc(arena, 1, sizeof(*ret));
    char **urls = arena_calloc(arena, 2, sizeof(*urls));
    char *text = arena_calloc(arena, 1, URL_MAX);

    sim_must(ret != NULL && urls != NULL && text != NULL);
    (void)snprintf(text, URL_MAX, "http://%s:2379", member->host->name);
    urls[0] = text;
    etcdserverpb__member__init(ret);
    ret->id = member->id;
    ret->name = text + strlen("http://");
    ret->clienturls = urls;
    ret->n_clienturls = 1;
    return ret;
}

/* etcd 3.4 says what the member at hand knows. */
void member_member_list(struct call *call) {
    struct cluster *cluster = call->member->cluster;
    Etcdserverpb__Member *members[CLUSTER_MEMBERS_MAX];
    Etcdserverpb__ResponseHeader header;
    Etcdserverpb__MemberListResponse response = ETCDSERVERPB__MEMBER_LIST_RESPONSE__INIT;

    for (size_t i = 0; i < cluster->count; i++) {
        members[i] = describe(cluster->members[i], &call->arena);
    }
    call_header(call, &header);
    header.revision = 0; /* as etcd: that service has no revision */
    response.header = &header;
    response.members = members;
    response.n_members = cluster->count;
    call_answer(call, &response.base);
}

void member_status(struct call *call) {
    const struct cluster *cluster = call->member->cluster;
    Etcdserverpb__ResponseHeader header;
    Etcdserverpb__StatusResponse response = ETCDSERVERPB__STATUS_RESPONSE__INIT;
    char version[16];

    (void)snprintf(version, sizeof(version), "%s", cluster->version);
    call_header(call, &header);
    response.header = &header;
    response.version = version;
    response.dbsize = DB_BYTES;
    response.leader = cluster->leader == CLUSTER_NO_LEADER ? 0 : cluster->members[cluster->leader]->id;
    response.raftterm = cluster->term;
    call_answer(call, &response.base);
}

/* --- who may --- */

static struct cluster_token *find_token(struct cluster *cluster, const struct member *member, const char *text) {
    for (size_t i = 0; i < cluster->token_count; i++) {
        struct cluster_token *token = &cluster->tokens[i];

        if (strcmp(token->text, text) == 0 && (token->members & 1U << member->place) != 0 &&
            token->end_ns > cluster->sim->now_ns) {
            return token;
        }
    }
    return NULL;
}

enum etcd_error member_check(const struct call *call) {
    struct cluster *cluster = call->member->cluster;
    struct cluster_token *token;

    if (cluster->password == NULL) {
        return ETCD_OK;
    }
    if (call->token[0] == '\0') {
        return ETCD_ERROR_USER_EMPTY;
    }
    token = find_token(cluster, call->member, call->token);
    if (token == NULL) {
        cluster->bad_tokens++;
        return ETCD_ERROR_INVALID_AUTH_TOKEN;
    }
    token->end_ns = cluster->sim->now_ns + cluster->token_ttl_ns;
    return ETCD_OK;
}

static void answer_authenticate(struct round *round) {
    struct cluster *cluster = round->cluster;
    struct cluster_token *token;
    Etcdserverpb__ResponseHeader header;
    Etcdserverpb__AuthenticateResponse response = ETCDSERVERPB__AUTHENTICATE_RESPONSE__INIT;

    if (round->error != ETCD_OK) {
        call_finish(round->call, round->error);
        return;
    }
    token = &cluster->tokens[cluster->token_count++ % CLUSTER_TOKENS_MAX];
    sim_must(cluster->token_count <= CLUSTER_TOKENS_MAX);
    cluster->logins++;
    token->members = UINT32_MAX;
    token->end_ns = cluster->sim->now_ns + cluster->token_ttl_ns;
    (void)snprintf(token->text, sizeof(token->text), "t%llx",
                   (unsigned long long)(random_next(&cluster->sim->random) >> 8));
    call_header(round->call, &header);
    response.header = &header;
    response.token = token->text;
    call_answer(round->call, &response.base);
}

void member_authenticate(struct call *call, const Etcdserverpb__AuthenticateRequest *request) {
    const struct cluster *cluster = call->member->cluster;

    if (cluster->password == NULL) {
        call_finish(call, ETCD_ERROR_AUTH_NOT_ENABLED);
    } else if (strcmp(request->name, "root") != 0 || strcmp(request->password, cluster->password) != 0) {
        call_finish(call, ETCD_ERROR_AUTH_FAILED);
    } else {
        round_begin(call, &(struct store_op){.kind = STORE_OP_NONE}, answer_authenticate);
    }
}

/* --- which is whose --- */

/* A watch says in its stream who may not. */
static bool may(struct call *call) {
    enum etcd_error error;

    switch (call->method->id) {
    case ETCD_METHOD_MEMBER_LIST:
    case ETCD_METHOD_STATUS:
    case ETCD_METHOD_AUTHENTICATE:
    case ETCD_METHOD_WATCH:
        return true;
    default:
        error = member_check(call);
        if (error != ETCD_OK) {
            call_finish(call, error);
        }
        return error == ETCD_OK;
    }
}

#define CASE(id, function)                                                                                             \
    case ETCD_METHOD_##id:                                                                                             \
        function(call, (const void *)request);                                                                         \
        break

void connection_dispatch(struct call *call, const ProtobufCMessage *request) {
    if (!may(call)) {
        return;
    }
    switch (call->method->id) {
        CASE(KV_RANGE, member_range);
        CASE(KV_PUT, member_put);
        CASE(KV_DELETE_RANGE, member_delete_range);
        CASE(KV_TXN, member_txn);
        CASE(KV_COMPACT, member_compact);
        CASE(LEASE_GRANT, member_lease_grant);
        CASE(LEASE_REVOKE, member_lease_revoke);
        CASE(LEASE_KEEP_ALIVE, member_lease_keep_alive);
        CASE(LEASE_TIME_TO_LIVE, member_lease_time_to_live);
        CASE(WATCH, member_watch);
        CASE(AUTHENTICATE, member_authenticate);
    case ETCD_METHOD_LEASE_LEASES:
        member_lease_leases(call);
        break;
    case ETCD_METHOD_MEMBER_LIST:
        member_member_list(call);
        break;
    case ETCD_METHOD_STATUS:
        member_status(call);
        break;
    default:
        call_finish(call, ETCD_ERROR_UNKNOWN_METHOD);
        break;
    }
}
