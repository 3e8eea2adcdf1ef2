/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth.h"
#include "rpc/access.h"
#include "rpc/handlers.h"

/* Questions about users and roles, answered from the state in force. Names in it have a NUL behind them. */

static char *name_of(struct slice name) {
    union {
        const char *in;
        char *out;
    } text = {.in = name.data};

    return text.out; /* protobuf-c does not write to what it packs */
}

struct question {
    struct rpc_call *call;
    const struct auth_state *state;
    struct arena *arena;
    Etcdserverpb__ResponseHeader header;
};

static void no_memory(struct question *q) {
    rpc_finish(q->call, ETCD_ERROR_NO_MEMORY);
}

static char **names(struct question *q, size_t count) {
    return arena_calloc(q->arena, count, sizeof(char *));
}

static void user_list(struct question *q) {
    Etcdserverpb__AuthUserListResponse response = ETCDSERVERPB__AUTH_USER_LIST_RESPONSE__INIT;
    const struct auth_user *users = auth_state_users(q->state, &response.n_users);

    response.header = &q->header;
    response.users = names(q, response.n_users);
    if (response.users == NULL) {
        no_memory(q);
        return;
    }
    for (size_t i = 0; i < response.n_users; i++) {
        response.users[i] = name_of(users[i].name);
    }
    rpc_answer(q->call, &response.base);
}

static void role_list(struct question *q) {
    Etcdserverpb__AuthRoleListResponse response = ETCDSERVERPB__AUTH_ROLE_LIST_RESPONSE__INIT;
    const struct auth_role *roles = auth_state_roles(q->state, &response.n_roles);

    response.header = &q->header;
    response.roles = names(q, response.n_roles);
    if (response.roles == NULL) {
        no_memory(q);
        return;
    }
    for (size_t i = 0; i < response.n_roles; i++) {
        response.roles[i] = name_of(roles[i].name);
    }
    rpc_answer(q->call, &response.base);
}

static void user_get(struct question *q, struct slice name) {
    Etcdserverpb__AuthUserGetResponse response = ETCDSERVERPB__AUTH_USER_GET_RESPONSE__INIT;
    const struct auth_user *user = auth_state_user(q->state, name);

    if (user == NULL) {
        rpc_finish(q->call, ETCD_ERROR_USER_NOT_FOUND);
        return;
    }
    response.header = &q->header;
    response.n_roles = user->role_count;
    response.roles = names(q, user->role_count);
    if (response.roles == NULL) {
        no_memory(q);
        return;
    }
    for (size_t i = 0; i < user->role_count; i++) {
        response.roles[i] = name_of(user->roles[i]);
    }
    rpc_answer(q->call, &response.base);
}

static void role_get(struct question *q, struct slice name) {
    Etcdserverpb__AuthRoleGetResponse response = ETCDSERVERPB__AUTH_ROLE_GET_RESPONSE__INIT;
    const struct auth_role *role = auth_state_role(q->state, name);
    Authpb__Permission *permissions;

    if (role == NULL) {
        rpc_finish(q->call, ETCD_ERROR_ROLE_NOT_FOUND);
        return;
    }
    response.header = &q->header;
    response.n_perm = role->permission_count;
    response.perm = arena_calloc(q->arena, role->permission_count, sizeof(Authpb__Permission *));
    permissions = arena_calloc(q->arena, role->permission_count, sizeof(*permissions));
    if (response.perm == NULL || permissions == NULL) {
        no_memory(q);
        return;
    }
    for (size_t i = 0; i < role->permission_count; i++) {
        authpb__permission__init(&permissions[i]);
        permissions[i].permtype = (Authpb__Permission__Type)role->permissions[i].type;
        permissions[i].key = etcd_bytes(role->permissions[i].key);
        permissions[i].range_end = etcd_bytes(role->permissions[i].range_end);
        response.perm[i] = &permissions[i];
    }
    rpc_answer(q->call, &response.base);
}

static void auth_status(struct question *q) {
    Etcdserverpb__AuthStatusResponse response = ETCDSERVERPB__AUTH_STATUS_RESPONSE__INIT;

    response.header = &q->header;
    response.enabled = auth_state_enabled(q->state);
    response.authrevision = auth_state_revision(q->state);
    rpc_answer(q->call, &response.base);
}

static void answer(struct question *q, const ProtobufCMessage *request) {
    struct rpc_call *call = q->call;

    switch (call->method->id) {
    case ETCD_METHOD_USER_LIST:
        if (rpc_must_be_root(call)) {
            user_list(q);
        }
        break;
    case ETCD_METHOD_ROLE_LIST:
        if (rpc_must_be_root(call)) {
            role_list(q);
        }
        break;
    case ETCD_METHOD_USER_GET: {
        struct slice name = slice_from_string(((const Etcdserverpb__AuthUserGetRequest *)request)->name);

        if (rpc_may_see_user(call, name)) {
            user_get(q, name);
        }
        break;
    }
    case ETCD_METHOD_ROLE_GET: {
        struct slice name = slice_from_string(((const Etcdserverpb__AuthRoleGetRequest *)request)->role);

        if (rpc_may_see_role(call, name)) {
            role_get(q, name);
        }
        break;
    }
    default:
        if (rpc_must_be_root(call)) {
            auth_status(q);
        }
        break;
    }
}

static void message(struct rpc_call *call, const ProtobufCMessage *request) {
    struct rpc_worker *w = call->worker;
    struct auth_state *state = auth_hold(w->node->auth);
    struct question q = {
        .call = call,
        .state = state,
        .arena = &w->scratch,
        .header = rpc_header(w, store_revision(w->node->store)),
    };

    answer(&q, request);
    auth_state_unref(state);
}

const struct rpc_handler rpc_auth_ask = {.message = message};
