/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/access.h"
#include "rpc/alarm.h"
#include "rpc/handlers.h"
#include "rpc/task.h"
#include "rpc/version.h"

/* etcd's Maintenance service, but for alarms and snapshots. */

/* --- Status --- */

static char version[] = RPC_ETCD_VERSION;

/* A node that stands alone leads itself, and has applied all there is. */
static void status(struct rpc_call *call, const ProtobufCMessage *request) {
    struct rpc_worker *w = call->worker;
    Etcdserverpb__StatusResponse response = ETCDSERVERPB__STATUS_RESPONSE__INIT;
    struct store_figures figures;
    Etcdserverpb__ResponseHeader header;
    char texts[ALARM_KINDS][ALARM_TEXT_MAX];
    char *errors[ALARM_KINDS];

    (void)request;
    if (!rpc_may_ask(call)) {
        return;
    }
    store_get_figures(w->node->store, &figures);
    header = rpc_header(w, figures.revision);
    response.header = &header;
    response.version = version;
    response.dbsize = (int64_t)figures.file_bytes;
    response.dbsizeinuse = (int64_t)figures.file_bytes_used;
    response.leader = w->node->member_id;
    response.raftindex = (uint64_t)figures.revision;
    response.raftappliedindex = (uint64_t)figures.revision;
    response.raftterm = header.raft_term;
    response.n_errors = rpc_alarm_texts(w->node, texts);
    for (size_t i = 0; i < response.n_errors; i++) {
        errors[i] = texts[i];
    }
    response.errors = errors;
    rpc_answer(call, &response.base);
}

const struct rpc_handler rpc_status = {.message = status};

/* --- Defragment --- */

static enum pending_next answer_defragment(struct rpc_task *task) {
    Etcdserverpb__DefragmentResponse response = ETCDSERVERPB__DEFRAGMENT_RESPONSE__INIT;

    return rpc_task_failed(task) ? rpc_task_refused(task) : rpc_task_answer(task, &response.base);
}

static enum pending_next ask_defragment(struct rpc_task *task) {
    struct store_op op = {.kind = STORE_OP_DEFRAGMENT};

    return rpc_task_call(task, &op, answer_defragment);
}

static void defragment(struct rpc_call *call, const ProtobufCMessage *request) {
    if (rpc_must_be_root(call)) {
        rpc_task_start(call, ask_defragment, request);
    }
}

const struct rpc_handler rpc_defragment = {.message = defragment};

/* --- Hash and HashKV: they go through the whole store --- */

struct hash_work {
    enum store_status status;
    uint32_t hash;
    int64_t revision;
    int64_t compact_revision;
};

static void work_hash(struct rpc_task *task) {
    struct hash_work *work = task->state;

    work->status = store_hash(task->worker->node->store, &work->hash, &work->revision);
}

static void work_hash_kv(struct rpc_task *task) {
    const Etcdserverpb__HashKVRequest *r = task->request;
    struct hash_work *work = task->state;

    work->status =
        store_hash_kv(task->worker->node->store, r->revision, &work->hash, &work->revision, &work->compact_revision);
}

static enum pending_next answer_hash(struct rpc_task *task) {
    const struct hash_work *work = task->state;
    Etcdserverpb__ResponseHeader header = rpc_header(task->worker, work->revision);
    Etcdserverpb__HashResponse response = ETCDSERVERPB__HASH_RESPONSE__INIT;

    if (work->status != STORE_OK) {
        return rpc_task_finish(task, rpc_error_of(work->status));
    }
    response.header = &header;
    response.hash = work->hash;
    return rpc_task_answer(task, &response.base);
}

static enum pending_next answer_hash_kv(struct rpc_task *task) {
    const struct hash_work *work = task->state;
    Etcdserverpb__ResponseHeader header = rpc_header(task->worker, work->revision);
    Etcdserverpb__HashKVResponse response = ETCDSERVERPB__HASH_KVRESPONSE__INIT;

    if (work->status != STORE_OK) {
        return rpc_task_finish(task, rpc_error_of(work->status));
    }
    response.header = &header;
    response.hash = work->hash;
    response.compact_revision = work->compact_revision;
    return rpc_task_answer(task, &response.base);
}

static bool make_room(struct rpc_task *task) {
    task->state = arena_calloc(&task->arena, 1, sizeof(struct hash_work));
    return task->state != NULL;
}

static enum pending_next begin_hash(struct rpc_task *task) {
    return make_room(task) ? rpc_task_background(task, work_hash, answer_hash)
                           : rpc_task_finish(task, ETCD_ERROR_NO_MEMORY);
}

static enum pending_next begin_hash_kv(struct rpc_task *task) {
    return make_room(task) ? rpc_task_background(task, work_hash_kv, answer_hash_kv)
                           : rpc_task_finish(task, ETCD_ERROR_NO_MEMORY);
}

static void hash(struct rpc_call *call, const ProtobufCMessage *request) {
    if (rpc_must_be_root(call)) {
        rpc_task_start(call, begin_hash, request);
    }
}

const struct rpc_handler rpc_hash = {.message = hash};

static void hash_kv(struct rpc_call *call, const ProtobufCMessage *request) {
    if (rpc_must_be_root(call)) {
        rpc_task_start(call, begin_hash_kv, request);
    }
}

const struct rpc_handler rpc_hash_kv = {.message = hash_kv};
