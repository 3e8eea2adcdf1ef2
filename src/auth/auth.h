/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_AUTH_AUTH_H
#define LARDER_AUTH_AUTH_H

#include "auth/change.h"
#include "auth/password.h"
#include "auth/state.h"

/* Who asks, and what they may: the authentication of a node, with the meaning of etcd 3.4's. It does no I/O: whoever owns it
 * keeps the state durable. Every function here may be called on any thread, and none of them waits but for a short lock
 * (auth_login_verify, which is slow, takes none).
 *
 *     start      auth_new with the state that was kept, or auth_state_new()
 *     a request  auth_identify, then auth_may_... for each key it names, or auth_is_root. While auth is disabled both say
 *                ETCD_OK at once
 *     a login    auth_login_begin, auth_login_verify (in the background), auth_login_end, which gives a token
 *     a change   auth_turn_take; in one's turn: auth_is_root, auth_hold, auth_change, auth_encode_state, keep the bytes, then
 *                auth_adopt; at the end, also of a failure, auth_turn_give. A hash of a password is made before the turn */
struct auth;

enum {
    AUTH_TOKEN_SIZE = 64,     /* room for a token and its NUL */
    AUTH_TOKENS_MAX = 65536,  /* at once; one more ends the one that was not used for the longest time */
    AUTH_TOKEN_TTL_S = 300,   /* a token lives so long after its last use; etcd's --auth-token-ttl */
    AUTH_LOGINS_MAX = 256,    /* under way; with one thread for the hashes that is some 20 s of work */
    AUTH_LOGIN_TRIES_MAX = 3, /* how often to begin again if auth_login_end says AUTH_OLD_REVISION */
};

/* Takes over the reference. NULL: out of memory; the reference is then still the caller's. */
struct auth *auth_new(struct auth_state *state);

/* Nobody is in its turn. NULL is allowed. */
void auth_free(struct auth *a);

/* --- who asks --- */

/* All zero: nobody. Small, and copied at will; what it says is true of one revision. */
struct auth_identity {
    uint64_t revision; /* of the state when it was found; 0: nobody */
    uint64_t user;     /* auth_user's id */
    size_t index;      /* of the user in that revision's state */
};

/* One atomic load. */
bool auth_enabled(const struct auth *a);

/* ETCD_OK: *ret_identity says who it is; nobody if auth is disabled (whatever the token) or there is no token, which is for
 * the checks below to refuse. INVALID_AUTH_TOKEN: nobody has this token, or not any more. `now_ns` is monotonic. */
enum etcd_error auth_identify(struct auth *a, struct slice token, int64_t now_ns, struct auth_identity *ret_identity);

/* Who is known for longer than one request: a connection, or a watch. All zero: nobody. It holds for as long as there is that
 * user with that password, whatever becomes of the token. */
struct auth_known {
    struct auth_identity identity;
    uint64_t password; /* says which one, not what it is */
};

/* As auth_identify, for longer. */
enum etcd_error auth_know_token(struct auth *a, struct slice token, int64_t now_ns, struct auth_known *ret_known);

/* Brings known->identity up to the state that rules, after AUTH_OLD_REVISION. INVALID_AUTH_TOKEN: there is no such user any
 * more, or it has another password; *known is then nobody. */
enum etcd_error auth_renew(struct auth *a, struct auth_known *known);

/* --- what they may: ETCD_OK, or
 *     USER_EMPTY         auth is enabled, and it is nobody
 *     AUTH_OLD_REVISION  users or roles have changed since auth_identify: whoever asks has to ask again
 *     PERMISSION_DENIED
 * `range_end` as in a request: empty for one key, a single NUL for all keys from `key` on. Hand it in as the client sent it:
 * also that of a watch, of a comparison and of what stands in a transaction, nested ones included. --- */

enum etcd_error auth_may_range(struct auth *a, const struct auth_identity *who, struct slice key,
                               struct slice range_end);
enum etcd_error auth_may_put(struct auth *a, const struct auth_identity *who, struct slice key);
enum etcd_error auth_may_delete(struct auth *a, const struct auth_identity *who, struct slice key,
                                struct slice range_end);

/* For a read that was long under way, before its answer goes out: AUTH_OLD_REVISION, unless the answer is still allowed or
 * nobody asked. */
enum etcd_error auth_still_current(struct auth *a, const struct auth_identity *who);

/* For what etcd 3.4 leaves to those with the role "root": all changes of auth, the lists of users and roles, adding, removing,
 * updating and promoting members, defragment, snapshot, hash and hashkv. (Not: alarm, status, move leader, compact, leases,
 * the list of members.) ETCD_OK, USER_EMPTY, USER_NOT_FOUND (deleted since), PERMISSION_DENIED. An old revision will do. */
enum etcd_error auth_is_root(struct auth *a, const struct auth_identity *who);

/* To look at a user: root, or oneself. To look at a role: root, or one that one has. Errors as auth_is_root. */
enum etcd_error auth_may_see_user(struct auth *a, const struct auth_identity *who, struct slice name);
enum etcd_error auth_may_see_role(struct auth *a, const struct auth_identity *who, struct slice name);

/* --- login --- */

struct auth_login {
    uint64_t revision; /* of the state that had the hash */
    uint64_t user;     /* its id */
    size_t index;      /* and its place in that state */
    bool verified;
    bool possible; /* there is such a user, and it has a password */
    char hash[AUTH_HASH_MAX + 1];
};

/* ETCD_OK, also for a user that there is not; auth_login_end must then follow, once, whatever happens in between. Or
 * AUTH_NOT_ENABLED, TOO_MANY_REQUESTS (AUTH_LOGINS_MAX are under way). */
enum etcd_error auth_login_begin(struct auth *a, struct slice user, struct auth_login *ret_login);

/* Slow: compares the password. Takes the same time whether there is such a user or not. */
void auth_login_verify(struct auth_login *login, struct slice password);

/* A new token, NUL-terminated. Errors: AUTH_FAILED (no such user, or the wrong password), AUTH_NOT_ENABLED,
 * AUTH_OLD_REVISION (users or roles have changed meanwhile: begin again, at most AUTH_LOGIN_TRIES_MAX times), NO_MEMORY. */
enum etcd_error auth_login_end(struct auth *a, const struct auth_login *login, int64_t now_ns,
                               char ret_token[AUTH_TOKEN_SIZE]);

/* The same, without a token. Errors: those but NO_MEMORY. */
enum etcd_error auth_login_know(struct auth *a, const struct auth_login *login, struct auth_known *ret_known);

/* Names and passwords that were right of late, so that who says them with each request need not wait each time. Nothing of
 * a password is kept but a keyed hash, for AUTH_MEMO_TTL_S, and a changed password is forgotten at once (auth_renew).
 * False: this one is not known. */
enum { AUTH_MEMO_TTL_S = 300, AUTH_MEMO_MAX = 1024 };
bool auth_remembers(struct auth *a, struct slice user, struct slice password, int64_t now_ns,
                    struct auth_known *ret_known);

/* To be remembered, after auth_login_know. */
void auth_remember(struct auth *a, struct slice user, struct slice password, int64_t now_ns,
                   const struct auth_known *known);

/* --- changes --- */

/* A place in the line of those who change the state: one at a time, or a change would be lost. */
struct auth_turn {
    struct auth_turn *next;
    /* It is one's turn now. On the thread that gave the turn back; no more than a message to one's own thread. */
    void (*begin)(struct auth_turn *turn);
};

/* True: it is your turn at once. False: turn->begin will be called; the turn stays where it is until then. */
bool auth_turn_take(struct auth *a, struct auth_turn *turn);

/* The turn is over; the next one's begins. */
void auth_turn_give(struct auth *a);

/* The state at hand, with a reference of the caller's (auth_state_unref). */
struct auth_state *auth_hold(struct auth *a);

/* `state` rules from now on; takes over the reference. In one's turn only, and only once the state is durable. Tokens end of
 * users that are gone or have another password; of all users if auth is disabled. Cannot fail. */
void auth_adopt(struct auth *a, struct auth_state *state);

#endif
