/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/handlers.h"
#include "rpc/task.h"
#include "store/etcd/etcd.h"

/* In front of an etcd cluster: a request with one answer, handed on as it came, in the name of whoever asks, and the
 * cluster's own answer back, be it an error. */

struct forwarding {
    struct etcd_forward forward;
    struct rpc_task *task;
};

/* Those that change nothing; and those that are slow, over which a member is not to be left. */
static bool is_question(enum etcd_method_id id, const void *request) {
    switch (id) {
    case ETCD_METHOD_MEMBER_LIST:
    case ETCD_METHOD_STATUS:
    case ETCD_METHOD_AUTH_STATUS:
    case ETCD_METHOD_AUTHENTICATE:
    case ETCD_METHOD_USER_GET:
    case ETCD_METHOD_USER_LIST:
    case ETCD_METHOD_ROLE_GET:
    case ETCD_METHOD_ROLE_LIST:
        return true;
    case ETCD_METHOD_ALARM:
        return ((const Etcdserverpb__AlarmRequest *)request)->action == ETCDSERVERPB__ALARM_REQUEST__ALARM_ACTION__GET;
    default:
        return false;
    }
}

static bool is_slow(enum etcd_method_id id) {
    return id == ETCD_METHOD_DEFRAGMENT || id == ETCD_METHOD_HASH || id == ETCD_METHOD_HASH_KV;
}

static bool changes_rights(enum etcd_method_id id) {
    return id >= ETCD_METHOD_AUTH_ENABLE && id <= ETCD_METHOD_ROLE_REVOKE_PERMISSION &&
           id != ETCD_METHOD_AUTHENTICATE && !is_question(id, NULL);
}

/* The members as they are, but all of them reached here. Without memory for it, the list is as it came. */
static void show_here(struct rpc_task *task, ProtobufCMessage *response) {
    const struct rpc_node *node = task->worker->node;
    Etcdserverpb__MemberListResponse *list = (Etcdserverpb__MemberListResponse *)(void *)response;
    char **urls = arena_calloc(&task->arena, node->client_url_count, sizeof(*urls));

    for (size_t i = 0; urls != NULL && i < node->client_url_count; i++) {
        const struct slice *url = &node->client_urls[i];

        urls[i] = arena_calloc(&task->arena, 1, url->size + 1);
        if (urls[i] == NULL) {
            return;
        }
        memcpy(urls[i], url->data, url->size);
    }
    for (size_t i = 0; urls != NULL && i < list->n_members; i++) {
        list->members[i]->clienturls = urls;
        list->members[i]->n_clienturls = node->client_url_count;
    }
}

static void send_back(struct rpc_task *task, ProtobufCMessage *response) {
    if (task->call->method->id == ETCD_METHOD_MEMBER_LIST && task->worker->node->shows_itself) {
        show_here(task, response);
    }
    rpc_answer(task->call, response);
}

static enum pending_next answer(struct rpc_task *task) {
    struct forwarding *f = task->state;
    const struct etcd_ask *ask = &f->forward.ask;
    enum grpc_status status;
    struct slice text;

    if (changes_rights(ask->method->id)) {
        atomic_fetch_add(&task->worker->node->permit_epoch, 1); /* also if nobody knows whether it was done */
    }
    if (task->call == NULL) {
        /* Nobody hears it. */
    } else if (ask->status == STORE_OK) {
        send_back(task, ask->response);
    } else if (etcd_forward_end(&f->forward, &status, &text)) {
        rpc_fail(task->call, status, text);
    } else {
        rpc_finish(task->call, rpc_error_of(ask->status));
    }
    etcd_forward_fini(&f->forward);
    return PENDING_DONE;
}

/* On a thread of the store. */
static void on_done(struct etcd_forward *forward) {
    struct forwarding *f = (struct forwarding *)(void *)forward;

    pending_post(&f->task->pending);
}

static enum pending_next begin(struct rpc_task *task) {
    struct forwarding *f = arena_calloc(&task->arena, 1, sizeof(*f));
    const struct etcd_method *method = task->call->method;

    if (f == NULL) {
        return rpc_task_finish(task, ETCD_ERROR_NO_MEMORY);
    }
    if (task->pending.queue->closed) {
        return rpc_task_finish(task, ETCD_ERROR_STOPPED);
    }
    etcd_forward_init(&f->forward);
    f->task = task;
    f->forward.ask.method = method;
    f->forward.ask.request = task->request;
    f->forward.ask.repeat = is_question(method->id, task->request) ? ETCD_REPEAT : ETCD_REPEAT_NOT;
    f->forward.ask.is_slow = is_slow(method->id);
    f->forward.ask.is_verbatim = true;
    f->forward.ask.as_caller = true;
    f->forward.ask.token = task->token;
    f->forward.ask.deadline_ns = task->call->deadline_ns;
    f->forward.to_leader = method->id == ETCD_METHOD_MOVE_LEADER;
    f->forward.done = on_done;
    task->state = f;
    task->step = answer;
    etcd_store_forward(task->worker->node->cluster, &f->forward);
    return PENDING_WAIT;
}

static void message(struct rpc_call *call, const ProtobufCMessage *request) {
    rpc_task_start(call, begin, request);
}

const struct rpc_handler rpc_forward = {.message = message};
