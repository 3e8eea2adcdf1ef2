/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_CLI_OBSERVE_TRACED_RPC_H
#define LARDER_CLI_OBSERVE_TRACED_RPC_H

#include <larder/trace.h>

#include "store/etcd/client.h"

/* The span of one request of gRPC. */
struct traced_rpc {
    struct larder_span *span; /* NULL: nothing is traced */
    char traceparent[LARDER_TRACEPARENT_MAX];
    char tracestate[LARDER_TRACESTATE_MAX];
};

/* Begins it, before etcd_client_ask, for a request whose method is set, and makes the request tell of it; `rpc` stays in place
 * until that has ended. */
void traced_rpc_begin(struct traced_rpc *rpc, const struct address *server, struct etcd_ask *ask);

/* The request has ended. */
void traced_rpc_end(struct traced_rpc *rpc, const struct etcd_ask *ask);

#endif
