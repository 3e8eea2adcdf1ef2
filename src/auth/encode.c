/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/internal.h"

/* The form of a snapshot in bytes. Numbers are little-endian; a name, key or hash is its size, in 4 bytes, and its bytes.
 *
 *     "auth", the version (1 byte), enabled (1 byte, 0 or 1), revision (8)
 *     how many roles (4); of each: name, how many permissions (4); of each: type (1), key, range_end
 *     how many users (4); of each: name, id (8), no password (1, 0 or 1), hash, how many roles (4); of each: name
 *
 * All in the order that state.h gives, nothing behind. A reader refuses all else, so that damage is seen at once. */
enum { VERSION = 1 };

#define MAGIC SLICE("auth")

/* --- the size --- */

static size_t size_of(struct slice s) {
    return 4 + s.size;
}

static size_t size_of_role(const struct auth_role *role) {
    size_t size = size_of(role->name) + 4;

    for (size_t i = 0; i < role->permission_count; i++) {
        size += 1 + size_of(role->permissions[i].key) + size_of(role->permissions[i].range_end);
    }
    return size;
}

static size_t size_of_user(const struct auth_user *user) {
    size_t size = size_of(user->name) + 8 + 1 + size_of(user->hash) + 4;

    for (size_t i = 0; i < user->role_count; i++) {
        size += size_of(user->roles[i]);
    }
    return size;
}

size_t state_encoded_size(const struct auth_state *state) {
    size_t size = MAGIC.size + 1 + 1 + 8 + 4 + 4;

    for (size_t i = 0; i < state->role_count; i++) {
        size += size_of_role(&state->roles[i]);
    }
    for (size_t i = 0; i < state->user_count; i++) {
        size += size_of_user(&state->users[i]);
    }
    return size;
}

/* --- writing; there is room for all of it --- */

static void put_number(struct buf *b, uint64_t number, size_t size) {
    for (size_t i = 0; i < size; i++) {
        b->data[b->size++] = (char)(number >> (8 * i));
    }
}

static void put_bytes(struct buf *b, struct slice s) {
    if (s.size > 0) {
        memcpy(b->data + b->size, s.data, s.size);
    }
    b->size += s.size;
}

static void put_slice(struct buf *b, struct slice s) {
    put_number(b, s.size, 4);
    put_bytes(b, s);
}

static void put_role(struct buf *b, const struct auth_role *role) {
    put_slice(b, role->name);
    put_number(b, role->permission_count, 4);
    for (size_t i = 0; i < role->permission_count; i++) {
        put_number(b, role->permissions[i].type, 1);
        put_slice(b, role->permissions[i].key);
        put_slice(b, role->permissions[i].range_end);
    }
}

static void put_user(struct buf *b, const struct auth_user *user) {
    put_slice(b, user->name);
    put_number(b, user->id, 8);
    put_number(b, user->no_password, 1);
    put_slice(b, user->hash);
    put_number(b, user->role_count, 4);
    for (size_t i = 0; i < user->role_count; i++) {
        put_slice(b, user->roles[i]);
    }
}

enum larder_error auth_encode_state(const struct auth_state *state, struct buf *b) {
    enum larder_error error = buf_reserve(b, state_encoded_size(state));

    if (error != LARDER_OK) {
        return error;
    }
    put_bytes(b, MAGIC);
    put_number(b, VERSION, 1);
    put_number(b, state->enabled, 1);
    put_number(b, state->revision, 8);
    put_number(b, state->role_count, 4);
    for (size_t i = 0; i < state->role_count; i++) {
        put_role(b, &state->roles[i]);
    }
    put_number(b, state->user_count, 4);
    for (size_t i = 0; i < state->user_count; i++) {
        put_user(b, &state->users[i]);
    }
    return LARDER_OK;
}
