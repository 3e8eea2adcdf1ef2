/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/etcd/method.h"

#include "proto/etcd/election.pb-c.h"
#include "proto/etcd/health.pb-c.h"
#include "proto/etcd/lock.pb-c.h"
#include "proto/etcd/rpc.pb-c.h"

static const struct etcd_method methods[ETCD_METHOD_COUNT] = {
#define METHOD(id, path, request, response, client_streams, server_streams, gateway)                                   \
    [ETCD_METHOD_##id] = {                                                                                             \
        ETCD_METHOD_##id,        SLICE(path),    SLICE(gateway), &request##__descriptor,                               \
        &response##__descriptor, client_streams, server_streams,                                                       \
    },
#include "proto/etcd/methods.def"
#undef METHOD
};

/* Second names that etcd's gateway has. */
static const struct {
    struct slice gateway;
    enum etcd_method_id id;
} aliases[] = {
    {SLICE("kv/lease/revoke"), ETCD_METHOD_LEASE_REVOKE},
    {SLICE("kv/lease/timetolive"), ETCD_METHOD_LEASE_TIME_TO_LIVE},
    {SLICE("kv/lease/leases"), ETCD_METHOD_LEASE_LEASES},
};

const struct etcd_method *etcd_method_get(enum etcd_method_id id) {
    return &methods[id];
}

/* The table begins with the calls that come often, and few paths have the same length: a call like Range is found with one
 * comparison, the last of all with about fifty of lengths and a handful of bytes. */
const struct etcd_method *etcd_method_find(struct slice path) {
    for (size_t i = 0; i < ETCD_METHOD_COUNT; i++) {
        if (slice_equal(methods[i].path, path)) {
            return &methods[i];
        }
    }
    return NULL;
}

const struct etcd_method *etcd_method_find_gateway(struct slice path) {
    if (path.size == 0) {
        return NULL;
    }
    for (size_t i = 0; i < ETCD_METHOD_COUNT; i++) {
        if (slice_equal(methods[i].gateway, path)) {
            return &methods[i];
        }
    }
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
        if (slice_equal(aliases[i].gateway, path)) {
            return &methods[aliases[i].id];
        }
    }
    return NULL;
}
