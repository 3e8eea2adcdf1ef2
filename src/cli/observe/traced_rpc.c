/* SPDX-License-Identifier: Apache-2.0 */
/* Names and attributes: opentelemetry.io/docs/specs/semconv/rpc. */
#include "cli/observe/traced_rpc.h"

#include <stdio.h>

#include "cli/observe/traced_call.h"

enum { NAME_MAX_BYTES = 128 };

/* The path is "/etcdserverpb.KV/Range"; the span is called "etcdserverpb.KV/Range". */
static void describe(struct larder_span *span, char *name) {
    char *slash = strrchr(name, '/');

    larder_span_set_string(span, "rpc.system", "grpc");
    if (slash != NULL) {
        larder_span_set_string(span, "rpc.method", slash + 1);
        *slash = '\0';
        larder_span_set_string(span, "rpc.service", name);
    }
}

void traced_rpc_begin(struct traced_rpc *rpc, const struct address *server, struct etcd_ask *ask) {
    struct slice path = slice_skip(ask->method->path, 1);
    char name[NAME_MAX_BYTES];

    snprintf(name, sizeof(name), "%.*s", (int)path.size, path.data);
    rpc->span = traced_call_begin(name, server);
    describe(rpc->span, name);
    ask->traceparent = slice_from_string(larder_span_traceparent(rpc->span, rpc->traceparent));
    ask->tracestate = slice_from_string(larder_span_tracestate(rpc->span, rpc->tracestate));
}

/* What no server has said is said as a library of gRPC would say it. */
static enum grpc_status status_of(const struct etcd_ask *ask) {
    if (ask->status == STORE_OK || ask->grpc != GRPC_OK) {
        return ask->grpc;
    }
    return ask->status == STORE_TIMEOUT ? GRPC_DEADLINE_EXCEEDED : GRPC_UNAVAILABLE;
}

void traced_rpc_end(struct traced_rpc *rpc, const struct etcd_ask *ask) {
    larder_span_set_int(rpc->span, "rpc.grpc.status_code", status_of(ask));
    if (ask->status != STORE_OK) {
        traced_call_refuse(rpc->span,
                           ask->text.size > 0 ? ask->text : slice_from_string(store_status_text(ask->status)));
    }
    larder_span_end(rpc->span);
    rpc->span = NULL;
}
