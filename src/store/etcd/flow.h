/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_STORE_ETCD_FLOW_H
#define LARDER_STORE_ETCD_FLOW_H

#include "store/etcd/client.h"

/* One request to the member in use and its many answers (Snapshot), in the name of whoever asks. It is not begun again: what has
 * come so far is of no use elsewhere. */
struct etcd_flow;

struct etcd_flow_events {
    void (*on_message)(void *ctx, struct slice bytes);                     /* one answer, whole */
    void (*on_end)(void *ctx, enum grpc_status status, struct slice text); /* the last; not after etcd_flow_close */
};

/* The events only take notes: of the functions here they may call etcd_flow_hold alone. `request` and `token` (empty: none) may
 * go after this. NULL: *ret_status is UNAVAILABLE (no member can be asked now) or NO_MEMORY. */
struct etcd_flow *etcd_flow_open(struct etcd_client *client, const struct etcd_method *method,
                                 const ProtobufCMessage *request, struct slice token, int64_t timeout_ns,
                                 const struct etcd_flow_events *events, void *ctx, enum store_status *ret_status);

/* Whether the member shall wait: it then sends a few megabytes more at most (grpc_call_hold). */
void etcd_flow_hold(struct etcd_flow *flow, bool hold);

/* Gives it up; also after etcd_client_free. NULL is allowed. */
void etcd_flow_close(struct etcd_flow *flow);

#endif
