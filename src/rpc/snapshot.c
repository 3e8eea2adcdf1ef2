/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/access.h"
#include "rpc/handlers.h"
#include "rpc/task.h"

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

    while (call->state != NULL && !call->finished && !call->transport->is_full(call)) {
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

/* --- the beginning: it waits for the store, and goes through all of it --- */

struct opening {
    struct store_snapshot *snapshot;
    enum store_status status;
};

static void work_open(struct rpc_task *task) {
    struct opening *opening = task->state;

    opening->snapshot = store_snapshot_open(task->worker->node->store, &opening->status);
}

/* Nobody may be there any more, or the store may be about to close. */
static enum pending_next opened(struct rpc_task *task) {
    const struct opening *opening = task->state;
    struct rpc_call *call = task->call;

    if (opening->snapshot == NULL) {
        return rpc_task_finish(task, rpc_error_of(opening->status));
    }
    if (call == NULL || task->pending.queue->closed) {
        store_snapshot_close(opening->snapshot);
        return rpc_task_finish(task, ETCD_ERROR_STOPPED);
    }
    call->state = opening->snapshot;
    rpc_hold(call);
    pump(call);
    return PENDING_DONE;
}

static enum pending_next begin(struct rpc_task *task) {
    task->state = arena_calloc(&task->arena, 1, sizeof(struct opening));
    return task->state != NULL ? rpc_task_background(task, work_open, opened)
                               : rpc_task_finish(task, ETCD_ERROR_NO_MEMORY);
}

static void snapshot(struct rpc_call *call, const ProtobufCMessage *request) {
    if (rpc_must_be_root(call)) {
        rpc_task_start(call, begin, request);
    }
}

const struct rpc_handler rpc_snapshot = {.message = snapshot, .room = pump, .stop = close_it, .close = close_it};
