/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/internal.h"

/* Reads the form that encode.c describes. */
enum {
    VERSION = 1,
    PERMISSION_SIZE_MIN = 1 + 4 + 4,
    ROLE_SIZE_MIN = 4 + 4,
    USER_SIZE_MIN = 4 + 8 + 1 + 4 + 4,
    NAME_SIZE_MIN = 4,
};

#define MAGIC SLICE("auth")

/* After the first error nothing is read any more: numbers are 0, slices empty. */
struct reader {
    struct slice left;
    enum larder_error error;
    struct auth_state *state;
};

static void fail(struct reader *r, enum larder_error error) {
    if (r->error == LARDER_OK) {
        r->error = error;
        r->left = slice_make(NULL, 0);
    }
}

static void expect(struct reader *r, bool holds) {
    if (!holds) {
        fail(r, LARDER_ERROR_INVALID);
    }
}

/* --- numbers and slices --- */

static struct slice take_bytes(struct reader *r, size_t size) {
    struct slice bytes = slice_make(r->left.data, size);

    if (size > r->left.size) {
        fail(r, LARDER_ERROR_INVALID);
        return slice_make(NULL, 0);
    }
    if (size > 0) {
        r->left = slice_skip(r->left, size);
    }
    return bytes;
}

static uint64_t take_number(struct reader *r, size_t size) {
    struct slice bytes = take_bytes(r, size);
    uint64_t number = 0;

    for (size_t i = 0; i < bytes.size; i++) {
        number |= (uint64_t)(unsigned char)bytes.data[i] << (8 * i);
    }
    return number;
}

static bool take_bool(struct reader *r) {
    uint64_t number = take_number(r, 1);

    expect(r, number <= 1);
    return number == 1;
}

static struct slice take_slice(struct reader *r, size_t max) {
    size_t size = (size_t)take_number(r, 4);

    if (size > max) {
        fail(r, size > r->left.size ? LARDER_ERROR_INVALID : LARDER_ERROR_LIMIT);
        return slice_make(NULL, 0);
    }
    return take_bytes(r, size);
}

/* How many follow, each of at least `size_min` bytes; 0 after an error, so memory is only taken for what may be there. */
static size_t take_count(struct reader *r, size_t max, size_t size_min) {
    size_t count = (size_t)take_number(r, 4);

    expect(r, count <= r->left.size / size_min);
    if (count > max) {
        fail(r, LARDER_ERROR_LIMIT);
    }
    return r->error == LARDER_OK ? count : 0;
}

static void *take_memory(struct reader *r, size_t count, size_t size) {
    void *memory = arena_calloc(&r->state->arena, count, size);

    if (memory == NULL) {
        fail(r, LARDER_ERROR_NO_MEMORY);
    }
    return memory;
}

/* A copy with a NUL behind, and none inside. */
static struct slice take_text(struct reader *r, size_t max) {
    struct slice text = take_slice(r, max);
    struct slice copy = slice_make("", 0);

    if (text.size > 0 && memchr(text.data, '\0', text.size) != NULL) {
        fail(r, LARDER_ERROR_INVALID);
    } else if (!state_copy_name(r->state, text, &copy)) {
        fail(r, LARDER_ERROR_NO_MEMORY);
    }
    return copy;
}

/* Not empty. */
static struct slice take_name(struct reader *r) {
    struct slice name = take_text(r, AUTH_NAME_MAX);

    expect(r, name.size > 0);
    return name;
}

static struct slice take_key(struct reader *r) {
    struct slice key = take_slice(r, AUTH_KEY_MAX);
    struct slice copy = slice_make(NULL, 0);

    if (!arena_copy(&r->state->arena, key, &copy)) {
        fail(r, LARDER_ERROR_NO_MEMORY);
    }
    return copy;
}

/* --- roles --- */

static void take_permission(struct reader *r, struct auth_permission *permission) {
    uint64_t type = take_number(r, 1);

    expect(r, type <= AUTH_READWRITE);
    permission->type = (enum auth_permission_type)type;
    permission->key = take_key(r);
    permission->range_end = take_key(r);
}

static void take_role(struct reader *r, struct auth_role *role) {
    struct auth_permission *permissions;
    size_t count;

    role->name = take_name(r);
    count = take_count(r, AUTH_PERMISSIONS_PER_ROLE_MAX, PERMISSION_SIZE_MIN);
    permissions = take_memory(r, count, sizeof(*permissions));
    role->permissions = permissions;
    for (size_t i = 0; i < count && r->error == LARDER_OK; i++) {
        take_permission(r, &permissions[i]);
        expect(r, i == 0 || state_compare_permissions(&permissions[i - 1], &permissions[i]) < 0);
        role->permission_count = i + 1;
    }
}

static void take_roles(struct reader *r) {
    struct auth_state *state = r->state;
    size_t count = take_count(r, AUTH_ROLES_MAX, ROLE_SIZE_MIN);

    state->roles = take_memory(r, count, sizeof(state->roles[0]));
    for (size_t i = 0; i < count && r->error == LARDER_OK; i++) {
        take_role(r, &state->roles[i]);
        expect(r, i == 0 || slice_compare(state->roles[i - 1].name, state->roles[i].name) < 0);
        state->role_count = i + 1;
    }
}

/* --- users --- */

static void take_granted(struct reader *r, struct auth_user *user) {
    size_t count = take_count(r, AUTH_ROLES_PER_USER_MAX, NAME_SIZE_MIN);
    struct slice *roles = take_memory(r, count, sizeof(*roles));

    user->roles = roles;
    for (size_t i = 0; i < count && r->error == LARDER_OK; i++) {
        roles[i] = take_name(r);
        expect(r, i == 0 || slice_compare(roles[i - 1], roles[i]) < 0);
        expect(r, slice_equal(roles[i], AUTH_ROOT) || auth_state_role(r->state, roles[i]) != NULL);
        user->role_count = i + 1;
    }
}

static void take_user(struct reader *r, struct auth_user *user) {
    user->name = take_name(r);
    user->id = take_number(r, 8);
    expect(r, user->id >= 1 && user->id <= r->state->revision);
    user->no_password = take_bool(r);
    user->hash = take_text(r, AUTH_HASH_MAX);
    take_granted(r, user);
}

static void take_users(struct reader *r) {
    struct auth_state *state = r->state;
    size_t count = take_count(r, AUTH_USERS_MAX, USER_SIZE_MIN);

    state->users = take_memory(r, count, sizeof(state->users[0]));
    for (size_t i = 0; i < count && r->error == LARDER_OK; i++) {
        take_user(r, &state->users[i]);
        expect(r, i == 0 || slice_compare(state->users[i - 1].name, state->users[i].name) < 0);
        state->user_count = i + 1;
    }
}

/* --- all --- */

static void take_head(struct reader *r) {
    uint64_t version;

    expect(r, slice_equal(take_bytes(r, MAGIC.size), MAGIC));
    version = take_number(r, 1);
    if (version > VERSION) {
        fail(r, LARDER_ERROR_UNSUPPORTED);
    }
    expect(r, version == VERSION);
    r->state->enabled = take_bool(r);
    r->state->revision = take_number(r, 8);
    expect(r, r->state->revision >= 1);
}

enum larder_error auth_decode_state(struct slice bytes, struct auth_state **ret_state) {
    struct reader r = {.left = bytes, .state = state_build(0, 0)};

    if (r.state == NULL) {
        return LARDER_ERROR_NO_MEMORY;
    }
    if (bytes.size > AUTH_STATE_BYTES_MAX) {
        fail(&r, LARDER_ERROR_LIMIT);
    }
    take_head(&r);
    take_roles(&r);
    take_users(&r);
    expect(&r, r.left.size == 0);
    if (r.error == LARDER_OK && !state_finish(r.state)) {
        fail(&r, LARDER_ERROR_NO_MEMORY);
    }
    if (r.error != LARDER_OK) {
        auth_state_unref(r.state);
        return r.error;
    }
    *ret_state = r.state;
    return LARDER_OK;
}
