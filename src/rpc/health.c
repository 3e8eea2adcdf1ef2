/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/etcd/health.pb-c.h"
#include "rpc/handlers.h"

/* gRPC's health checking protocol (github.com/grpc/grpc, "health-checking.md"). The node as a whole is the service "", as in
 * etcd; it serves unless it is about to end. */

static Grpc__Health__V1__HealthCheckResponse__ServingStatus status_of(const struct rpc_call *call) {
    return atomic_load(&call->worker->context->node->draining)
               ? GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING
               : GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
}

static bool is_the_node(const ProtobufCMessage *request) {
    return ((const Grpc__Health__V1__HealthCheckRequest *)request)->service[0] == '\0';
}

static void check(struct rpc_call *call, const ProtobufCMessage *request) {
    Grpc__Health__V1__HealthCheckResponse response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;

    if (!is_the_node(request)) {
        rpc_finish(call, ETCD_ERROR_UNKNOWN_SERVICE);
        return;
    }
    response.status = status_of(call);
    rpc_answer(call, &response.base);
}

const struct rpc_handler rpc_health_check = {.message = check};

/* A stream that says so now, and ends when the node does. */
static void watch(struct rpc_call *call, const ProtobufCMessage *request) {
    Grpc__Health__V1__HealthCheckResponse response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;

    response.status = is_the_node(request) ? status_of(call)
                                           : GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN;
    rpc_hold(call);
    rpc_send(call, &response.base);
}

static void end(struct rpc_call *call) {
    (void)call;
}

const struct rpc_handler rpc_health_watch = {.message = watch, .end = end};
