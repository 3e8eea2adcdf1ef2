#include "rpc/handlers.h"
static void no(struct rpc_call *call, const ProtobufCMessage *r) {
    (void)r;
    rpc_finish(call, ETCD_ERROR_UNKNOWN_METHOD);
}
const struct rpc_handler rpc_snapshot = {.message = no};
const struct rpc_handler rpc_hash = {.message = no};
const struct rpc_handler rpc_defragment = {.message = no};
