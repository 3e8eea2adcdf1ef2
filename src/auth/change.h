/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_AUTH_CHANGE_H
#define LARDER_AUTH_CHANGE_H

#include "auth/state.h"

enum auth_change_kind {
    AUTH_ENABLE,            /* - */
    AUTH_DISABLE,           /* - */
    AUTH_USER_ADD,          /* user, hash, no_password */
    AUTH_USER_DELETE,       /* user */
    AUTH_CHANGE_PASSWORD,   /* user, hash */
    AUTH_GRANT_ROLE,        /* user, role */
    AUTH_REVOKE_ROLE,       /* user, role */
    AUTH_ROLE_ADD,          /* role */
    AUTH_ROLE_DELETE,       /* role */
    AUTH_GRANT_PERMISSION,  /* role, permission; one of the same key and range_end gets the new type */
    AUTH_REVOKE_PERMISSION, /* role, permission's key and range_end */
};

/* What is to be changed; what the kind does not name is not looked at. The slices are copied. */
struct auth_request {
    enum auth_change_kind kind;
    struct slice user;
    struct slice role;
    struct slice hash; /* auth_password_hash made it; not looked at for a user without password */
    bool no_password;
    struct auth_permission permission;
};

/* The snapshot after the change. Whether the one who asks may change anything is not looked at: see auth_is_root, which
 * comes first. Without an error *ret_new is a new snapshot, the caller's, or NULL if there is nothing to change (enabled
 * already, disabled already, granted already).
 *
 * Errors, those of etcd in its order:
 *     enable             ROOT_USER_NOT_EXIST, ROOT_ROLE_NOT_EXIST
 *     user add           USER_EMPTY, USER_ALREADY_EXIST
 *     user delete        INVALID_AUTH_MGMT (root, while enabled), USER_NOT_FOUND
 *     change password    USER_NOT_FOUND
 *     grant role         USER_NOT_FOUND, ROLE_NOT_FOUND (but "root" need not be there)
 *     revoke role        INVALID_AUTH_MGMT (root's root, while enabled), USER_NOT_FOUND, ROLE_NOT_GRANTED
 *     role add           ROLE_EMPTY, ROLE_ALREADY_EXIST
 *     role delete        INVALID_AUTH_MGMT (root, while enabled), ROLE_NOT_FOUND
 *     grant permission   ROLE_NOT_FOUND, INVALID_AUTH_MGMT (no such type)
 *     revoke permission  ROLE_NOT_FOUND, PERMISSION_NOT_GRANTED
 * and of our own REQUEST_TOO_LARGE (a name, key or hash is too long, or has a NUL where none may be), AUTH_FULL (a ceiling of
 * state.h is reached), NO_MEMORY. */
enum etcd_error auth_change(const struct auth_state *state, const struct auth_request *request,
                            struct auth_state **ret_new);

#endif
