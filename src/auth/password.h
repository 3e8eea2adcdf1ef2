/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_AUTH_PASSWORD_H
#define LARDER_AUTH_PASSWORD_H

#include "auth/state.h"

/* Passwords are kept as bcrypt's hashes (Provos and Mazieres 1999; crypt(5)), as etcd keeps them. Both functions are slow by
 * intent, 50 to 100 ms, and so are for a background thread. bcrypt looks at the first 72 bytes of a password only. */
enum {
    AUTH_BCRYPT_COST = 10,   /* 2^10 rounds, as etcd's default */
    AUTH_PASSWORD_MAX = 511, /* bytes */
};

/* Writes the hash with a salt of the operating system's, NUL-terminated. Errors: REQUEST_TOO_LARGE (longer than
 * AUTH_PASSWORD_MAX, or there is a NUL in it), NO_MEMORY (also if the system gives no random bytes). */
enum etcd_error auth_password_hash(struct slice password, char ret_hash[AUTH_HASH_MAX + 1]);

/* Whether `hash` is the password's. An empty or a strange hash is nobody's, and takes as long as any other. */
bool auth_password_verify(struct slice password, struct slice hash);

#endif
