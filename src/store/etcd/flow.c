/* SPDX-License-Identifier: Apache-2.0 */
#include "store/etcd/flow.h"

#include <stdlib.h>

#include "store/etcd/state.h"

struct etcd_flow {
    struct etcd_call call; /* first */
    struct etcd_client *client;
    const struct etcd_flow_events *events;
    void *ctx;
};

static void on_message(struct etcd_call *call, struct slice bytes) {
    struct etcd_flow *flow = (struct etcd_flow *)(void *)call;

    flow->events->on_message(flow->ctx, bytes);
}

static void on_close(struct etcd_call *call, struct etcd_link *link, const struct grpc_end *end) {
    struct etcd_flow *flow = (struct etcd_flow *)(void *)call;

    (void)link;
    flow->events->on_end(flow->ctx, end->status, end->text);
}

static const struct etcd_call_ops ops = {.on_message = on_message, .on_close = on_close};

static struct etcd_link *link_of(const struct etcd_client *client) {
    const struct etcd_member_state *current = client->current;
    struct etcd_link *link =
        current != NULL && etcd_member_is_usable(current) ? current->links[ETCD_FOR_REQUESTS] : NULL;

    return etcd_link_is_ready(link) ? link : NULL;
}

/* False: no memory, or the connection takes no more. */
static bool begin(struct etcd_flow *flow, struct etcd_link *link, const struct etcd_method *method,
                  const ProtobufCMessage *request, const struct grpc_call_options *options) {
    size_t size = protobuf_c_message_get_packed_size(request);
    char *at;

    if (!etcd_call_begin(&flow->call, link, method->path, options)) {
        return false;
    }
    at = grpc_call_message(flow->call.call, size);
    if (at == NULL) {
        etcd_call_drop(&flow->call);
        return false;
    }
    protobuf_c_message_pack(request, (uint8_t *)at);
    grpc_call_end_sending(flow->call.call);
    return true;
}

struct etcd_flow *etcd_flow_open(struct etcd_client *client, const struct etcd_method *method,
                                 const ProtobufCMessage *request, struct slice token, int64_t timeout_ns,
                                 const struct etcd_flow_events *events, void *ctx, enum store_status *ret_status) {
    const struct grpc_call_options options = {
        .token = token, .timeout_ns = timeout_ns, .has_leader = true, .is_nameless = token.size == 0};
    struct etcd_link *link = link_of(client);
    struct etcd_flow *flow;

    *ret_status = STORE_UNAVAILABLE;
    if (link == NULL) {
        return NULL;
    }
    *ret_status = STORE_NO_MEMORY;
    flow = calloc(1, sizeof(*flow));
    if (flow == NULL) {
        return NULL;
    }
    *flow = (struct etcd_flow){.call.ops = &ops, .client = client, .events = events, .ctx = ctx};
    etcd_client_enter(client);
    if (!begin(flow, link, method, request, &options)) {
        free(flow);
        flow = NULL;
    }
    etcd_client_leave(client, false);
    return flow;
}

void etcd_flow_hold(struct etcd_flow *flow, bool hold) {
    struct etcd_client *client = flow->client;
    struct etcd_link *link = flow->call.link;

    if (link == NULL) {
        return;
    }
    etcd_client_enter(client);
    /* A connection that breaks over it ends with its next bytes. */
    (void)(hold ? grpc_call_hold(flow->call.call) : grpc_call_go_on(flow->call.call));
    etcd_link_make_dirty(link);
    etcd_client_leave(client, false);
}

void etcd_flow_close(struct etcd_flow *flow) {
    if (flow == NULL) {
        return;
    }
    if (flow->call.link != NULL) {
        struct etcd_client *client = flow->client;

        etcd_client_enter(client);
        etcd_call_drop(&flow->call);
        etcd_client_leave(client, false);
    }
    free(flow);
}
