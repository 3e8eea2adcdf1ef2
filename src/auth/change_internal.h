/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_AUTH_CHANGE_INTERNAL_H
#define LARDER_AUTH_CHANGE_INTERNAL_H

#include "auth/change.h"
#include "auth/internal.h"

/* A change at work: `state` is a copy of the old snapshot that is written to. */
struct change {
    const struct auth_request *request;
    struct auth_state *state;
    bool idle;          /* there was nothing to change */
    bool same_revision; /* the change does not count */
};

/* One for each kind. They check the request first, in etcd's order; errors as auth_change. */
enum etcd_error change_user_add(struct change *c);
enum etcd_error change_user_delete(struct change *c);
enum etcd_error change_set_password(struct change *c);
enum etcd_error change_grant_role(struct change *c);
enum etcd_error change_revoke_role(struct change *c);
enum etcd_error change_role_add(struct change *c);
enum etcd_error change_role_delete(struct change *c);
enum etcd_error change_grant_permission(struct change *c);
enum etcd_error change_revoke_permission(struct change *c);

/* REQUEST_TOO_LARGE: longer than `max`, or there is a NUL in it. */
enum etcd_error change_check_text(struct slice text, size_t max);

/* Whom the request names. NULL: there is none. */
struct auth_user *change_user(const struct change *c);
struct auth_role *change_role(const struct change *c);

/* Whether the request names the user, or the role, "root". */
bool change_names_root_user(const struct change *c);
bool change_names_root_role(const struct change *c);

/* Takes the role from the user. False: the user did not have it. */
bool change_take_role(struct auth_user *user, struct slice role);

/* Moves the elements of `array` from `place` on up by one, where there is room. */
#define CHANGE_OPEN_GAP(array, count, place)                                                                           \
    memmove(&(array)[(place) + 1], &(array)[place], ((count) - (place)) * sizeof(*(array)))

/* Moves the elements behind `place` down by one, over the one that is there. */
#define CHANGE_CLOSE_GAP(array, count, place)                                                                          \
    memmove(&(array)[place], &(array)[(place) + 1], ((count) - (place)-1) * sizeof(*(array)))

#endif
