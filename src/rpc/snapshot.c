/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/access.h"
#include "rpc/handlers.h"

/* Maintenance.Snapshot: the store as it is at this moment, in the store's own form (store.h), as fast as the client takes
 * it. */

enum { BLOB_MAX = 32 << 10 /* bytes of one message, as in etcd */ };

static void close_it(struct rpc_call *call) {
    if (call->state != NULL) {
        store_snapshot_close(call->state);
        call->state = NULL;
    }
}

static void send_blob(struct rpc_call *call, const char *data, size_t size) {
    Etcdserverpb__SnapshotResponse response = ETCDSERVERPB__SNAPSHOT_RESPONSE__INIT;

    response.remaining_bytes = store_snapshot_size(call->state);
    response.blob = etcd_bytes(slice_make(data, size));
    rpc_send(call, &response.base);
}

static void pump(struct rpc_call *call) {
    char data[BLOB_MAX];

    while (!call->finished && !call->transport->is_full(call)) {
        size_t size = 0;
        enum store_status status = store_snapshot_read(call->state, data, sizeof(data), &size);

        if (status != STORE_OK) {
            rpc_finish(call, rpc_error_of(status));
        } else if (size == 0) {
            rpc_finish(call, ETCD_OK);
        } else {
            send_blob(call, data, size);
        }
    }
}

static void snapshot(struct rpc_call *call, const ProtobufCMessage *request) {
    enum store_status status;

    (void)request;
    if (!rpc_must_be_root(call)) {
        return;
    }
    call->state = store_snapshot_open(call->worker->node->store, &status);
    if (call->state == NULL) {
        rpc_finish(call, rpc_error_of(status));
        return;
    }
    rpc_hold(call);
    pump(call);
}

const struct rpc_handler rpc_snapshot = {.message = snapshot, .room = pump, .stop = close_it, .close = close_it};
