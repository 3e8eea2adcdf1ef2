/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth.h"
#include "rpc/access.h"
#include "rpc/handlers.h"
#include "rpc/notes.h"
#include "rpc/task.h"

/* Changes of users and roles. One at a time, on all workers together: each is made from the state before it, kept in the
 * store, and only then in force. */

struct change {
    struct auth_request request;
    struct slice password; /* to be hashed first */
    bool has_password;
    enum etcd_error hash_error;
    char hash[AUTH_HASH_MAX + 1];
    struct auth_turn turn;
    struct rpc_task *task;
    struct auth_state *next; /* that is being kept */
};

static struct slice text(const char *s) {
    return slice_from_string(s);
}

/* --- requests --- */

static void read_user_add(const ProtobufCMessage *request, struct change *c) {
    const Etcdserverpb__AuthUserAddRequest *r = (const Etcdserverpb__AuthUserAddRequest *)request;

    c->request = (struct auth_request){.kind = AUTH_USER_ADD, .user = text(r->name)};
    c->request.no_password = r->options != NULL && r->options->no_password;
    c->has_password = !c->request.no_password;
    c->password = text(r->password);
}

static void read_change_password(const ProtobufCMessage *request, struct change *c) {
    const Etcdserverpb__AuthUserChangePasswordRequest *r = (const Etcdserverpb__AuthUserChangePasswordRequest *)request;

    c->request = (struct auth_request){.kind = AUTH_CHANGE_PASSWORD, .user = text(r->name)};
    c->has_password = true;
    c->password = text(r->password);
}

static void read_user_delete(const ProtobufCMessage *request, struct change *c) {
    const Etcdserverpb__AuthUserDeleteRequest *r = (const Etcdserverpb__AuthUserDeleteRequest *)request;

    c->request = (struct auth_request){.kind = AUTH_USER_DELETE, .user = text(r->name)};
}

static void read_grant_role(const ProtobufCMessage *request, struct change *c) {
    const Etcdserverpb__AuthUserGrantRoleRequest *r = (const Etcdserverpb__AuthUserGrantRoleRequest *)request;

    c->request = (struct auth_request){.kind = AUTH_GRANT_ROLE, .user = text(r->user), .role = text(r->role)};
}

static void read_revoke_role(const ProtobufCMessage *request, struct change *c) {
    const Etcdserverpb__AuthUserRevokeRoleRequest *r = (const Etcdserverpb__AuthUserRevokeRoleRequest *)request;

    c->request = (struct auth_request){.kind = AUTH_REVOKE_ROLE, .user = text(r->name), .role = text(r->role)};
}

static void read_role_add(const ProtobufCMessage *request, struct change *c) {
    const Etcdserverpb__AuthRoleAddRequest *r = (const Etcdserverpb__AuthRoleAddRequest *)request;

    c->request = (struct auth_request){.kind = AUTH_ROLE_ADD, .role = text(r->name)};
}

static void read_role_delete(const ProtobufCMessage *request, struct change *c) {
    const Etcdserverpb__AuthRoleDeleteRequest *r = (const Etcdserverpb__AuthRoleDeleteRequest *)request;

    c->request = (struct auth_request){.kind = AUTH_ROLE_DELETE, .role = text(r->role)};
}

static void read_grant_permission(const ProtobufCMessage *request, struct change *c) {
    const Etcdserverpb__AuthRoleGrantPermissionRequest *r =
        (const Etcdserverpb__AuthRoleGrantPermissionRequest *)request;

    c->request = (struct auth_request){.kind = AUTH_GRANT_PERMISSION, .role = text(r->name)};
    c->request.permission = (struct auth_permission){
        .type = (enum auth_permission_type)r->perm->permtype,
        .key = etcd_bytes_slice(r->perm->key),
        .range_end = etcd_bytes_slice(r->perm->range_end),
    };
}

static void read_revoke_permission(const ProtobufCMessage *request, struct change *c) {
    const Etcdserverpb__AuthRoleRevokePermissionRequest *r =
        (const Etcdserverpb__AuthRoleRevokePermissionRequest *)request;

    c->request = (struct auth_request){
        .kind = AUTH_REVOKE_PERMISSION,
        .role = text(r->role),
        .permission = {.key = etcd_bytes_slice(r->key), .range_end = etcd_bytes_slice(r->range_end)},
    };
}

static void read_request(enum etcd_method_id id, const ProtobufCMessage *request, struct change *c) {
    switch (id) {
    case ETCD_METHOD_AUTH_ENABLE:
        c->request.kind = AUTH_ENABLE;
        break;
    case ETCD_METHOD_AUTH_DISABLE:
        c->request.kind = AUTH_DISABLE;
        break;
    case ETCD_METHOD_USER_ADD:
        read_user_add(request, c);
        break;
    case ETCD_METHOD_USER_CHANGE_PASSWORD:
        read_change_password(request, c);
        break;
    case ETCD_METHOD_USER_DELETE:
        read_user_delete(request, c);
        break;
    case ETCD_METHOD_USER_GRANT_ROLE:
        read_grant_role(request, c);
        break;
    case ETCD_METHOD_USER_REVOKE_ROLE:
        read_revoke_role(request, c);
        break;
    case ETCD_METHOD_ROLE_ADD:
        read_role_add(request, c);
        break;
    case ETCD_METHOD_ROLE_DELETE:
        read_role_delete(request, c);
        break;
    case ETCD_METHOD_ROLE_GRANT_PERMISSION:
        read_grant_permission(request, c);
        break;
    default:
        read_revoke_permission(request, c);
        break;
    }
}

/* --- the way of a change --- */

static struct auth *auth_of(const struct rpc_task *task) {
    return task->worker->node->auth;
}

/* All answers have a header as their first field and nothing else. */
static enum pending_next answer(struct rpc_task *task) {
    Etcdserverpb__ResponseHeader header;
    const ProtobufCMessageDescriptor *type;
    ProtobufCMessage *response;
    Etcdserverpb__ResponseHeader *place = &header;

    if (task->call == NULL || task->pending.queue->closed) {
        return rpc_task_finish(task, ETCD_ERROR_STOPPED);
    }
    header = rpc_header(task->worker, store_revision(task->worker->node->store));
    type = task->call->method->response;
    response = arena_alloc(&task->arena, type->sizeof_message);
    if (response == NULL) {
        return rpc_task_finish(task, ETCD_ERROR_NO_MEMORY);
    }
    protobuf_c_message_init(type, response);
    memcpy((char *)response + type->fields[0].offset, &place, sizeof(place));
    return rpc_task_answer(task, response);
}

static enum pending_next end_turn(struct rpc_task *task, enum etcd_error error) {
    auth_turn_give(auth_of(task));
    return error == ETCD_OK ? answer(task) : rpc_task_finish(task, error);
}

static enum pending_next on_kept(struct rpc_task *task) {
    struct change *c = task->state;
    enum store_status status = task->pending.call.status;

    if (status == STORE_OK) {
        auth_adopt(auth_of(task), c->next);
    } else {
        auth_state_unref(c->next);
    }
    return end_turn(task, rpc_error_of(status));
}

static enum pending_next keep(struct rpc_task *task) {
    struct change *c = task->state;
    struct slice copy;
    struct store_op op;
    struct buf bytes;
    bool good;

    buf_init(&bytes, AUTH_STATE_BYTES_MAX);
    good = auth_encode_state(c->next, &bytes) == LARDER_OK && arena_copy(&task->arena, buf_slice(&bytes), &copy);
    buf_fini(&bytes);
    if (!good) {
        auth_state_unref(c->next);
        return end_turn(task, ETCD_ERROR_NO_MEMORY);
    }
    op = (struct store_op){.kind = STORE_OP_NOTE, .note = {.name = RPC_NOTE_AUTH, .value = copy}};
    return rpc_task_call(task, &op, on_kept);
}

/* In its turn. Whoever asked may have lost the right to while it waited. */
static enum pending_next change_it(struct rpc_task *task) {
    struct change *c = task->state;
    struct auth_state *state;
    enum etcd_error error;

    if (task->call == NULL || !rpc_must_be_root(task->call)) {
        auth_turn_give(auth_of(task));
        return PENDING_DONE;
    }
    state = auth_hold(auth_of(task));
    error = auth_change(state, &c->request, &c->next);
    auth_state_unref(state);
    return error != ETCD_OK || c->next == NULL ? end_turn(task, error) : keep(task);
}

static void on_turn(struct auth_turn *turn) {
    struct change *c = (struct change *)(void *)((char *)turn - offsetof(struct change, turn));

    pending_post(&c->task->pending);
}

static enum pending_next take_turn(struct rpc_task *task) {
    struct change *c = task->state;

    if (c->hash_error != ETCD_OK) {
        return rpc_task_finish(task, c->hash_error);
    }
    c->task = task;
    c->turn.begin = on_turn;
    task->step = change_it;
    return auth_turn_take(auth_of(task), &c->turn) ? change_it(task) : PENDING_WAIT;
}

static void work_hash(struct rpc_task *task) {
    struct change *c = task->state;

    c->hash_error = auth_password_hash(c->password, c->hash);
    c->request.hash = text(c->hash);
}

static enum pending_next begin(struct rpc_task *task) {
    struct change *c = arena_calloc(&task->arena, 1, sizeof(*c));

    if (c == NULL) {
        return rpc_task_finish(task, ETCD_ERROR_NO_MEMORY);
    }
    task->state = c;
    read_request(task->call->method->id, task->request, c);
    return c->has_password ? rpc_task_background(task, work_hash, take_turn) : take_turn(task);
}

/* Where etcd 3.4 would crash; the word is that of later ones. */
static bool lacks_permission(const struct rpc_call *call, const ProtobufCMessage *request) {
    return call->method->id == ETCD_METHOD_ROLE_GRANT_PERMISSION &&
           ((const Etcdserverpb__AuthRoleGrantPermissionRequest *)request)->perm == NULL;
}

static void message(struct rpc_call *call, const ProtobufCMessage *request) {
    if (!rpc_must_be_root(call)) {
        return;
    }
    if (lacks_permission(call, request)) {
        rpc_finish(call, ETCD_ERROR_PERMISSION_NOT_GIVEN);
    } else {
        rpc_task_start(call, begin, request);
    }
}

const struct rpc_handler rpc_auth_change = {.message = message};
