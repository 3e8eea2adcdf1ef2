/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_AUTH_STATE_H
#define LARDER_AUTH_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "proto/etcd/error.h"

/* Who there is and what they may: one immutable snapshot of users and roles, with the meaning of etcd 3.4's auth (package
 * go.etcd.io/etcd/auth). A change makes a new snapshot. It has a counted reference, so any thread may read it at leisure. */
struct auth_state;

enum {
    AUTH_NAME_MAX = 255,  /* bytes of the name of a user or of a role */
    AUTH_KEY_MAX = 65536, /* bytes of a permission's key or range_end */
    AUTH_HASH_MAX = 127,  /* bytes of a password's hash */
    AUTH_USERS_MAX = 8192,
    AUTH_ROLES_MAX = 4096,
    AUTH_ROLES_PER_USER_MAX = 64,
    AUTH_PERMISSIONS_PER_ROLE_MAX = 1024,
    AUTH_STATE_BYTES_MAX = 1048576, /* encoded */
};

/* The numbers are etcd's (authpb.Permission.Type). */
enum auth_permission_type {
    AUTH_READ = 0,
    AUTH_WRITE = 1,
    AUTH_READWRITE = 2,
};

/* The keys from `key` on, below `range_end`. An empty range_end: `key` alone. One that is a single NUL: `key` and all keys
 * behind it, so both a single NUL: all keys. An empty key, and an end that is not above its key, permit nothing. */
struct auth_permission {
    enum auth_permission_type type;
    struct slice key;
    struct slice range_end;
};

struct auth_role {
    struct slice name;
    const struct auth_permission *permissions; /* by key, then by range_end; none twice */
    size_t permission_count;
    const struct auth_ranges *readable; /* the room's own; see ranges.h */
    const struct auth_ranges *writable;
};

struct auth_user {
    struct slice name;
    struct slice hash;         /* of the password; empty: has none */
    bool no_password;          /* no password will do, even if there is a hash */
    uint64_t id;               /* the revision that added the user, so no two users ever have the same */
    const struct slice *roles; /* by name, none twice */
    size_t role_count;
    bool is_root;                           /* has the role "root": may do everything */
    const struct auth_role *const *granted; /* the room's own: the roles that exist; granted_count of them */
    size_t granted_count;
};

/* The name of the user and of the role that rule. */
#define AUTH_ROOT SLICE("root")

/* No users, no roles, disabled, revision 1. One reference, the caller's. NULL: out of memory. */
struct auth_state *auth_state_new(void);

void auth_state_ref(const struct auth_state *state);

/* NULL is allowed. */
void auth_state_unref(const struct auth_state *state);

/* --- looking; what is returned lives as long as the snapshot. Every name has a NUL behind it, outside of its size. --- */

bool auth_state_enabled(const struct auth_state *state);

/* From 1; one more with each change except enabling, as with etcd. */
uint64_t auth_state_revision(const struct auth_state *state);

/* All users, by name. */
const struct auth_user *auth_state_users(const struct auth_state *state, size_t *ret_count);

/* All roles, by name. */
const struct auth_role *auth_state_roles(const struct auth_state *state, size_t *ret_count);

/* NULL: there is none of that name. */
const struct auth_user *auth_state_user(const struct auth_state *state, struct slice name);
const struct auth_role *auth_state_role(const struct auth_state *state, struct slice name);

/* --- keeping --- */

/* Appends the whole snapshot. Errors as buf_append; at most AUTH_STATE_BYTES_MAX bytes. */
enum larder_error auth_encode_state(const struct auth_state *state, struct buf *b);

/* Reads what auth_encode_state has written. Errors: INVALID (it is not that, or not whole), LIMIT (a ceiling above is passed),
 * UNSUPPORTED (a newer version wrote it), NO_MEMORY. */
enum larder_error auth_decode_state(struct slice bytes, struct auth_state **ret_state);

#endif
