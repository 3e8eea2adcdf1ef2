/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/access.h"
#include "rpc/handlers.h"

/* etcd's Cluster service. A node that stands alone is the one member of its cluster; it talks to no peers, so it has no
 * address for them. */

/* A text that protobuf-c can borrow. NULL: no memory. */
static char *text_of(struct arena *arena, struct slice s) {
    char *text = arena_alloc(arena, s.size + 1);

    if (text != NULL) {
        memcpy(text, s.data, s.size);
        text[s.size] = '\0';
    }
    return text;
}

static bool fill_member(const struct rpc_node *node, struct arena *arena, Etcdserverpb__Member *ret) {
    etcdserverpb__member__init(ret);
    ret->id = node->member_id;
    ret->name = text_of(arena, node->name);
    ret->clienturls = arena_calloc(arena, node->client_url_count, sizeof(char *));
    if (ret->name == NULL || ret->clienturls == NULL) {
        return false;
    }
    for (size_t i = 0; i < node->client_url_count; i++) {
        ret->clienturls[i] = text_of(arena, node->client_urls[i]);
        if (ret->clienturls[i] == NULL) {
            return false;
        }
    }
    ret->n_clienturls = node->client_url_count;
    return true;
}

static void member_list(struct rpc_call *call, const ProtobufCMessage *request) {
    struct rpc_worker *w = call->worker;
    Etcdserverpb__ResponseHeader header = rpc_header(w, 0);
    Etcdserverpb__MemberListResponse response = ETCDSERVERPB__MEMBER_LIST_RESPONSE__INIT;
    Etcdserverpb__Member member;
    Etcdserverpb__Member *members[] = {&member};

    (void)request;
    if (!fill_member(w->node, &w->scratch, &member)) {
        rpc_finish(call, ETCD_ERROR_NO_MEMORY);
        return;
    }
    response.header = &header;
    response.members = members;
    response.n_members = 1;
    rpc_answer(call, &response.base);
}

const struct rpc_handler rpc_member_list = {.message = member_list};

static void refuse(struct rpc_call *call, const ProtobufCMessage *request) {
    (void)request;
    if (rpc_must_be_root(call)) {
        rpc_finish(call, ETCD_ERROR_ONE_NODE);
    }
}

const struct rpc_handler rpc_one_node = {.message = refuse};
