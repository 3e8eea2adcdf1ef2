/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_PROTO_ETCD_METHOD_H
#define LARDER_PROTO_ETCD_METHOD_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/* Every RPC of etcd's API, once: methods.def. */
enum etcd_method_id {
#define METHOD(id, ...) ETCD_METHOD_##id,
#include "proto/etcd/methods.def"
#undef METHOD
    ETCD_METHOD_COUNT
};

struct etcd_method {
    enum etcd_method_id id;
    struct slice path;    /* "/etcdserverpb.KV/Range" */
    struct slice gateway; /* "kv/range": behind "/v3/", "/v3beta/" or "/v3alpha/"; empty: not there by JSON */
    const ProtobufCMessageDescriptor *request;
    const ProtobufCMessageDescriptor *response;
    bool client_streams; /* any number of requests, else exactly one */
    bool server_streams; /* any number of responses, else exactly one */
};

/* `id` is below ETCD_METHOD_COUNT. */
const struct etcd_method *etcd_method_get(enum etcd_method_id id);

/* By gRPC's path. NULL: no such method. */
const struct etcd_method *etcd_method_find(struct slice path);

/* By the gateway's path, without the version in front. NULL: no such method. */
const struct etcd_method *etcd_method_find_gateway(struct slice path);

#endif
