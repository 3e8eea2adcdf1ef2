/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth.h"
#include "rpc/handlers.h"
#include "rpc/task.h"

/* Authenticate: a name and a password for a token. */

struct login {
    struct auth_login login;
    int tries;
};

static void work_verify(struct rpc_task *task) {
    const Etcdserverpb__AuthenticateRequest *r = task->request;
    struct login *login = task->state;

    auth_login_verify(&login->login, slice_from_string(r->password));
}

static enum pending_next begin(struct rpc_task *task);

static enum pending_next answer(struct rpc_task *task) {
    struct login *login = task->state;
    Etcdserverpb__ResponseHeader header;
    Etcdserverpb__AuthenticateResponse response = ETCDSERVERPB__AUTHENTICATE_RESPONSE__INIT;
    char token[AUTH_TOKEN_SIZE];
    enum etcd_error error =
        auth_login_end(task->worker->node->auth, &login->login, task->worker->context->now_ns, token);

    if (task->call == NULL || task->pending.queue->closed) {
        return rpc_task_finish(task, ETCD_ERROR_STOPPED);
    }
    /* Users have changed meanwhile. */
    if (error == ETCD_ERROR_AUTH_OLD_REVISION && login->tries < AUTH_LOGIN_TRIES_MAX) {
        return begin(task);
    }
    if (error != ETCD_OK) {
        return rpc_task_finish(task, error);
    }
    header = rpc_header(task->worker, store_revision(task->worker->node->store));
    response.header = &header;
    response.token = token;
    return rpc_task_answer(task, &response.base);
}

/* A login that was begun must be ended, also if there is nobody to verify it. */
static enum pending_next verify(struct rpc_task *task) {
    struct login *login = task->state;
    char token[AUTH_TOKEN_SIZE];
    enum pending_next next = rpc_task_background(task, work_verify, answer);

    if (next == PENDING_DONE) {
        auth_login_end(task->worker->node->auth, &login->login, task->worker->context->now_ns, token);
    }
    return next;
}

static enum pending_next begin(struct rpc_task *task) {
    const Etcdserverpb__AuthenticateRequest *r = task->request;
    struct login *login = task->state;
    enum etcd_error error;

    login->tries++;
    error = auth_login_begin(task->worker->node->auth, slice_from_string(r->name), &login->login);
    return error == ETCD_OK ? verify(task) : rpc_task_finish(task, error);
}

static enum pending_next first(struct rpc_task *task) {
    task->state = arena_calloc(&task->arena, 1, sizeof(struct login));
    return task->state != NULL ? begin(task) : rpc_task_finish(task, ETCD_ERROR_NO_MEMORY);
}

static void message(struct rpc_call *call, const ProtobufCMessage *request) {
    rpc_task_start(call, first, request);
}

const struct rpc_handler rpc_authenticate = {.message = message};
