/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LARDER_AUTH_TOKEN_H
#define LARDER_AUTH_TOKEN_H

#include <stdatomic.h>

#include "auth/auth.h"

/* The tokens that were given out and still live, in the form of etcd's simple tokens: random letters, a dot, a number. They
 * are in memory only. Whoever holds these must see to it that nobody changes them while another looks. */
struct token {
    struct token *next; /* in the same bucket */
    uint64_t hash;
    size_t user;             /* index in the state that rules */
    _Atomic int64_t used_ns; /* the last time; may be written while others look */
    size_t size;
    char text[AUTH_TOKEN_SIZE];
};

struct tokens {
    struct token **buckets; /* NULL until the first token */
    size_t count;
    uint64_t seed;
    uint64_t issued;
    int64_t swept_ns; /* when those past their time were last looked for */
};

void tokens_init(struct tokens *t);
void tokens_fini(struct tokens *t);

/* The index of the user whose token it is; the token was then used at `now_ns`. False: it is nobody's, or past its time. */
bool tokens_find(const struct tokens *t, struct slice text, int64_t now_ns, size_t *ret_user);

/* A new token of the user's. False: out of memory, or the system gives no random bytes. */
bool tokens_add(struct tokens *t, size_t user, int64_t now_ns, char ret_text[AUTH_TOKEN_SIZE]);

/* The state `to` rules instead of `from`: users have other places; tokens end of those that are gone or have another
 * password. */
void tokens_carry(struct tokens *t, const struct auth_state *from, const struct auth_state *to);

/* Ends all. */
void tokens_clear(struct tokens *t);

#endif
